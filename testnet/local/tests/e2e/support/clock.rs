//! A wall clock that is wrong for one process: a small library that is loaded before the system's (`clock_skew.cc`).

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::{Net, text};

/// The source of the library.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/support/clock_skew.cc");

/// A wrong clock, and the processes that were started with it.
pub(crate) struct WrongClock {
    library: PathBuf,
    skew: PathBuf,
}

impl WrongClock {
    /// Builds the library; the clock is right so far.
    pub(crate) fn new(net: &Net) -> Self {
        let library = net.beside("clock_skew.so");
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
        let output = Command::new(&compiler)
            .args(["-std=c++17", "-O1", "-shared", "-fPIC", "-o", text(&library), SOURCE, "-ldl"])
            .output()
            .unwrap_or_else(|error| panic!("{compiler} does not run ({error}); `make setup` installs it"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let clock = Self { library, skew: net.file("clock-skew", &0_i64.to_ne_bytes()) };
        clock.set_ahead_ms(0);
        clock
    }

    /// From now on the clock is this far ahead; behind when negative.
    pub(crate) fn set_ahead_ms(&self, ahead_ms: i64) {
        // In place: processes have the file mapped, and an emptied one would kill them.
        let file = File::options().write(true).open(&self.skew).expect("the file is there");
        file.write_all_at(&ahead_ms.to_ne_bytes(), 0).expect("the temporary folder can be written");
    }

    /// Environment of a process with this clock.
    pub(crate) fn variables(&self) -> [(&str, &OsStr); 2] {
        [("LD_PRELOAD", self.library.as_os_str()), ("CLOCK_SKEW_FILE", self.skew.as_os_str())]
    }
}
