//! A validator that lost its disk.

use std::time::Duration;

use crate::support::Net;
use crate::support::checks::{certified_everywhere, quiet_logs, same_history, signs_from};
use crate::support::http::wait_until;
use crate::support::load::Load;

#[test]
fn a_wiped_validator_rejoins_by_sync_under_load_and_signs_again() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    // Node 3 takes transactions too, so that it has numbered batches it will know nothing of.
    let before = Load::start(&net, &all, 160, 21);
    wait_until("there is something to catch up with", Duration::from_secs(60), || before.certified() >= 800);
    let mut certified = before.finish();
    let validator = net.validator_id(3);

    let meanwhile = Load::start(&net, &[0, 1, 2], 160, 22);
    net.kill(3);
    net.network().wipe_node(3).unwrap_or_else(|error| panic!("{error}"));
    net.start_node(3);
    let rejoined = net.height(3);
    wait_until("it signs again", Duration::from_secs(60), || signs_from(&net, 0, &validator, rejoined));
    certified.extend(meanwhile.finish());

    // Its own batches must be numbered beyond the forgotten ones, or nothing submitted to it would ever be ordered.
    let own = Load::start(&net, &[3], 40, 23);
    wait_until("it orders what is submitted to it", Duration::from_secs(60), || own.certified() >= 100);
    certified.extend(own.finish());

    // The start after the rejoin is a start like any other.
    net.kill(3);
    net.start_node(3);
    let again = Load::start(&net, &[3], 40, 24);
    wait_until("it still does after another crash", Duration::from_secs(60), || again.certified() >= 40);
    certified.extend(again.finish());

    certified_everywhere(&net, &all, &certified);
    same_history(&net, &all);
    quiet_logs(&net);
}

#[test]
fn a_validator_with_its_data_is_not_wiped_by_a_second_init() {
    let net = Net::start(1, 0, &["--candidates", "0"]);
    net.kill(0);
    let config = net.node_dir(0).join("node.toml");
    let record = net.node_dir(0).join("data/sign-record");
    let before = std::fs::read(&record).unwrap();
    for more in [&[][..], &["--rejoin-above", "7"]] {
        let output = std::process::Command::new(crate::support::program("quanchengd"))
            .arg("init")
            .arg("--config")
            .arg(&config)
            .args(more)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && words.contains("already holds a node"), "{words}");
    }
    assert_eq!(std::fs::read(&record).unwrap(), before);
    net.start_node(0);
}
