//! A node that must not start says why, and what to do.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::config::{changed, set};
use crate::support::http::wait_until;
use crate::support::{Net, program};

/// Starts a node that has to refuse. Returns what it says.
fn refusal(config: &Path) -> String {
    let mut child = Command::new(program("quanchengd"))
        .arg("start")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("quanchengd runs");
    let mut status = None;
    for _ in 0..300 {
        status = child.try_wait().expect("the child is ours");
        if status.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if status.is_none() {
        child.kill().expect("the child is ours");
    }
    let output = child.wait_with_output().expect("the child is ours");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let status =
        status.unwrap_or_else(|| panic!("{} was started although it had to be refused: {words}", config.display()));
    assert!(!status.success() && status.code().is_some(), "{status}: {words}");
    assert!(!words.contains("panicked"), "{words}");
    words
}

fn assert_says(words: &str, expected: &[&str]) {
    for part in expected {
        assert!(words.contains(part), "{part:?} is missing in: {words}");
    }
}

fn wrong_configuration(net: &Net) {
    let config = changed(net, 0, "unknown-key.toml", |table| set(table, "api", "pubilc", "127.0.0.1:1"));
    assert_says(&refusal(&config), &["unknown-key.toml", "pubilc"]);
    let config = changed(net, 0, "exposed.toml", |table| set(table, "api", "admin", "0.0.0.0:9"));
    assert_says(&refusal(&config), &["api.admin", "127.0.0.1"]);
    assert_says(&refusal(&net.node_dir(0).join("absent.toml")), &["absent.toml", "No such file"]);
    let config = changed(net, 0, "no-genesis.toml", |table| set(table, "node", "genesis", "nowhere.json"));
    assert_says(&refusal(&config), &["genesis", "nowhere.json"]);
    let password = net.file("other-password", b"not the password of this network\n");
    let config = changed(net, 0, "password.toml", |table| {
        set(table, "node", "password_file", password.to_str().expect("a plain path"));
    });
    assert_says(&refusal(&config), &["key", "password"]);
    let one_key = net.node_dir(0).join("peer.key");
    let config = changed(net, 0, "one-key.toml", |table| {
        set(table, "node", "validator_key", one_key.to_str().expect("a plain path"));
    });
    assert_says(&refusal(&config), &["node.validator_key is also node.peer_key", "密钥"]);
}

fn ports_in_use(net: &Net) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket has an address").to_string();
    let config = changed(net, 0, "public-port.toml", |table| set(table, "api", "public", address.clone()));
    assert_says(&refusal(&config), &[&address, "api.public", "another program"]);
    let config = changed(net, 0, "admin-port.toml", |table| set(table, "api", "admin", address.clone()));
    assert_says(&refusal(&config), &[&address, "api.admin", "another program"]);
    let config = changed(net, 0, "peer-port.toml", |table| set(table, "network", "listen", vec![address.clone()]));
    assert_says(&refusal(&config), &[&address]);
}

fn bad_data_folder(net: &Net) {
    let file = net.file("a-file", b"");
    let below = file.join("data");
    let config = changed(net, 0, "unwritable.toml", |table| {
        set(table, "node", "data_dir", below.to_str().expect("a plain path"));
    });
    assert_says(&refusal(&config), &["a-file/data", "cannot create the data folder"]);

    let config = net.node_dir(0).join("node.toml");
    let record = net.node_dir(0).join("data/sign-record");
    let good = std::fs::read(&record).expect("a validator has a sign record");
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&record, bad).expect("the folder can be written");
        assert_says(&refusal(&config), &["sign-record is damaged", "--rejoin-above"]);
    }
    std::fs::write(&record, &good[..good.len() - 1]).expect("the folder can be written");
    assert_says(&refusal(&config), &["sign-record is damaged", "--rejoin-above"]);
    std::fs::remove_file(&record).expect("it is there");
    assert_says(&refusal(&config), &["sign-record is missing", "--rejoin-above"]);
    std::fs::write(&record, good).expect("the folder can be written");
}

#[test]
fn a_node_that_must_not_start_says_why() {
    let net = Net::start(1, 0, &["--candidates", "0"]);
    let height = net.height(0);
    assert_says(&refusal(&net.node_dir(0).join("node.toml")), &["data", "in use by another quanchengd"]);
    // The first process did not notice.
    wait_until("the running node goes on", Duration::from_secs(30), || net.height(0) > height);
    net.kill(0);
    wrong_configuration(&net);
    ports_in_use(&net);
    bad_data_folder(&net);
    // After all this nothing is lost.
    net.start_node(0);
    assert!(net.height(0) > height);
}
