//! Networks that are interrupted while they are made, and networks that are removed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use quancheng_testnet_local::Network;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use crate::support::http::wait_until;
use crate::support::{Net, program, quancheng, text};

fn start(dir: &Path) -> Child {
    Command::new(program("quancheng"))
        .args(["testnet", "start", "--dir", text(dir), "--validators", "2", "--candidates", "0", "--output", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command line runs")
}

/// The exit code of a start that was interrupted, and what it told.
fn interrupted(child: Child, with: Signal) -> (Option<i32>, Value) {
    kill_process(Pid::from_child(&child), with).expect("the child is ours");
    let output = child.wait_with_output().expect("the child is ours");
    let envelope = serde_json::from_slice(&output.stdout).expect("an envelope");
    (output.status.code(), envelope)
}

fn refused(arguments: &[&str]) -> (i32, Value) {
    let answer = quancheng(arguments);
    (answer.exit, answer.envelope["error"]["code"].clone())
}

#[test]
fn an_interrupted_start_leaves_nothing_or_a_network_and_a_network_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("net");
    let (mark, record) = (dir.join("network.unfinished"), dir.join("network.json"));

    let child = start(&dir);
    wait_until("its making has begun", Duration::from_secs(30), || mark.exists());
    let (code, envelope) = interrupted(child, Signal::INT);
    assert_eq!((code, &envelope["error"]["code"]), (Some(130), &json!("INTERRUPTED")), "{envelope}");
    assert!(!dir.exists(), "{envelope}");

    let child = start(&dir);
    wait_until("it is made", Duration::from_secs(60), || record.exists() && !mark.exists());
    let (code, envelope) = interrupted(child, Signal::TERM);
    assert_eq!((code, &envelope["error"]["code"]), (Some(143), &json!("INTERRUPTED")), "{envelope}");
    assert!(envelope["error"]["message"].as_str().unwrap().contains("testnet status"), "{envelope}");
    quancheng(&["testnet", "up", "--dir", text(&dir)]).data();

    let remove = ["testnet", "remove", "--dir", text(&dir)];
    let yes = [&remove[..], &["--yes"]].concat();
    assert_eq!(refused(&remove), (2, json!("NOT_CONFIRMED")));
    std::fs::write(dir.join("node-0/notes.txt"), "mine").unwrap();
    assert_eq!(refused(&yes), (2, json!("FOREIGN_FILE")));
    let network = Network::open(&dir).unwrap();
    assert!(network.status().iter().all(|node| node.pid.is_some()), "nothing was stopped");
    std::fs::remove_file(dir.join("node-0/notes.txt")).unwrap();
    let removed = quancheng(&yes).data();
    assert_eq!(removed["stopped"], json!([0, 1]), "{removed}");
    assert!(!dir.exists() && network.status().iter().all(|node| node.pid.is_none()));
    assert_eq!(refused(&yes), (3, json!("NO_NETWORK")));
}

/// The record may be older than the network, as after a copy of it was put back: a prepared validator runs that it does not list as running.
#[test]
fn a_prepared_validator_that_runs_is_stopped_and_other_networks_are_left_alone() {
    let net = Net::start(1, 0, &["--candidates", "1"]);
    let other = Net::start(1, 0, &["--candidates", "0"]);
    let dir = net.dir();
    let record = dir.join("network.json");
    let before = std::fs::read(&record).unwrap();
    let added = quancheng(&["testnet", "add-validator", "--dir", text(&dir)]).data();
    let pid = Pid::from_raw(i32::try_from(added["pid"].as_u64().unwrap()).unwrap()).unwrap();
    std::fs::write(&record, before).unwrap();

    let remove = ["testnet", "remove", "--dir", text(&dir)];
    let plan = quancheng(&remove).envelope;
    assert_eq!(plan["data"]["running"], json!([0, 1]), "{plan}");
    test_kill_process(pid).unwrap();
    let removed = quancheng(&[&remove[..], &["--yes"]].concat()).data();
    assert_eq!(removed["stopped"], json!([0, 1]), "{removed}");
    assert!(!dir.exists());
    wait_until("its process is gone", Duration::from_secs(5), || test_kill_process(pid).is_err());
    assert!(other.network().status().iter().all(|node| node.pid.is_some()), "a network beside it runs on");
}
