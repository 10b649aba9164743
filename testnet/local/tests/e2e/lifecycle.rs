//! Pauses, and ends that were asked for.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::checks::{certified_everywhere, quiet_logs, same_history};
use crate::support::child::started;
use crate::support::http::wait_until;
use crate::support::load::Load;
use crate::support::{Net, quancheng, text};

#[test]
fn a_paused_node_is_not_missed_and_catches_up() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &[0, 1, 3], 160, 61);
    let dir = net.dir();
    quancheng(&["testnet", "pause", "--dir", text(&dir), "--index", "2"]).data();
    let before = load.certified();
    std::thread::sleep(Duration::from_secs(5));
    let during = load.certified();
    assert!(
        during > before + 100,
        "only {} transactions were certified while one node of four was paused",
        during - before
    );
    let height = net.height(0);
    quancheng(&["testnet", "resume", "--dir", text(&dir), "--index", "2"]).data();
    wait_until("it has caught up", Duration::from_secs(30), || net.height(2) >= height);
    let certified = load.finish();
    assert!(!net.log(2).contains("the clock of this node differs"), "old proposals are no wrong clock");
    certified_everywhere(&net, &all, &certified);
    same_history(&net, &all);
    quiet_logs(&net);
}

#[test]
fn a_clean_stop_ends_with_zero_and_the_next_start_goes_on_where_it_was() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &all, 160, 62);
    wait_until("there is some history", Duration::from_secs(60), || load.certified() >= 400);
    let certified = load.finish();

    // Under a parent that sees the exit code.
    net.kill(3);
    let mut child = started(&net, 3);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", net.log(3));

    let heights: Vec<u64> = [0, 1, 2].iter().map(|index| net.height(*index)).collect();
    let dir = net.dir();
    let report = quancheng(&["testnet", "stop", "--dir", text(&dir)]).data();
    assert_eq!((&report["stopped"], &report["killed"]), (&serde_json::json!([0, 1, 2]), &serde_json::json!([])));

    quancheng(&["testnet", "up", "--dir", text(&dir)]).data();
    for (index, height) in [0, 1, 2].into_iter().zip(heights) {
        let (from, start_ms) = last_start(&net.log(index));
        assert!(from + 8 >= height, "node {index} started at executed height {from} after it had reached {height}");
        assert!(start_ms < 5_000, "node {index} took {start_ms} ms to start");
    }
    certified_everywhere(&net, &all, &certified);
    same_history(&net, &all);
    quiet_logs(&net);
}

/// Height and time of the newest start that a log tells of.
fn last_start(log: &str) -> (u64, u64) {
    let line = log.lines().rfind(|line| line.contains("node is up")).expect("the log tells of the start");
    let field = |name: &str| {
        let rest = line.split(name).nth(1).unwrap_or_else(|| panic!("{name} is missing in {line}"));
        rest.split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{name} of {line}"))
    };
    (field(" height="), field(" ms="))
}
