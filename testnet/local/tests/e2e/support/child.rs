//! A node as a child of the test, which sees its exit code.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::http::{self, wait_until};
use super::{Net, program, text};

/// Starts a node under a parent that sees its exit code, and waits until it is ready.
pub(crate) fn started(net: &Net, index: u32) -> Child {
    let log = std::fs::File::options().append(true).open(net.node_dir(index).join("node.log")).unwrap();
    let child = Command::new(program("quanchengd"))
        .args(["start", "--config", text(&net.node_dir(index).join("node.toml"))])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    wait_until("it is ready", Duration::from_secs(60), || {
        http::get(&format!("{}/readyz", net.admin(index))).is_ok_and(|(status, _)| status == 200)
    });
    child
}
