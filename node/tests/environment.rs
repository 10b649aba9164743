//! Variables of the environment that are meant for others do not change what the node does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Command, Output};

/// Read by what the node is made of: the runtime, the standard library, the allocator.
const FOREIGN: &[(&str, &[&[u8]])] = &[
    ("TOKIO_WORKER_THREADS", &[b"0", b"abc", b"\xff", b"1"]),
    ("RUST_MIN_STACK", &[b"1", b"99999999999999", b"\xff"]),
    ("MIMALLOC_DISALLOW_OS_ALLOC", &[b"1"]),
    ("MIMALLOC_LIMIT_OS_ALLOC", &[b"1"]),
    ("MIMALLOC_VERBOSE", &[b"1"]),
    ("MIMALLOC_SHOW_STATS", &[b"1"]),
];

fn start(config: &std::path::Path, variable: Option<(&str, &[u8])>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quanchengd"));
    command.args(["start", "--config"]).arg(config);
    if let Some((name, value)) = variable {
        command.env(name, OsString::from_vec(value.to_vec()));
    }
    command.output().unwrap()
}

/// A node that gets as far as its genesis file, which is not there: its log and its runtime run by then.
#[test]
fn variables_of_others_do_not_stop_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("node.toml");
    let text = format!(
        "[node]\ndata_dir = \"{0}/data\"\ngenesis = \"{0}/genesis.json\"\npeer_key = \"{0}/node.key\"\npassword_file = \"{0}/pw\"\n\
         [network]\nlisten = [\"127.0.0.1:0\"]\n[api]\npublic = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n",
        folder.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let said = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // Without the times at the beginning of lines of the log.
        text.lines().filter(|line| line.starts_with("quanchengd:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = start(&config, None);
    assert_eq!(plain.status.code(), Some(1), "{plain:?}");
    assert!(said(&plain).iter().any(|line| line.contains("genesis.json")), "{plain:?}");
    for (name, values) in FOREIGN {
        for value in *values {
            let output = start(&config, Some((name, value)));
            assert_eq!((output.status.code(), said(&output)), (Some(1), said(&plain)), "{name}={value:?}: {output:?}");
            assert!(!String::from_utf8_lossy(&output.stderr).contains("mimalloc"), "{name}: {output:?}");
        }
    }
}
