//! A scheduled version of the rules: headers carry it from its height on, and a build that does not carry its rules stops before it.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

mod support;

use quancheng_consensus::HaltReason;
use quancheng_types::{Height, Text, VersionPlan, is_known_version};
use support::Network;

const NODES: [usize; 4] = [0, 1, 2, 3];
/// Decided at 5, from 5 + 8 + 2 at the soonest, six heights later.
const FROM: u64 = 21;

fn plan(version: u16) -> VersionPlan {
    VersionPlan { version, notice: Text::new("install the next release").unwrap() }
}

/// Load until every node has committed so many blocks or has stopped.
fn run(network: &mut Network, blocks: u64) {
    for _ in 0..400 {
        NODES.iter().for_each(|node| network.submit(*node));
        let pause = network.now_ms + 40;
        network.run(pause, |_| false);
        let is_done = |node: &usize| network.committed(*node) >= blocks || network.nodes[*node].halted.is_some();
        if NODES.iter().all(is_done) {
            return;
        }
    }
    panic!("neither committed nor stopped");
}

fn scheduled(version: u16) -> Network {
    let mut network = Network::new(61, &[0, 1, 2, 3], &[]);
    network.versions.insert(Height(5), (plan(version), 6));
    network
}

#[test]
fn a_build_that_does_not_carry_a_version_stops_before_its_height_and_keeps_everything() {
    let mut network = scheduled(9);
    run(&mut network, FROM + 10);
    let unknown = Some(HaltReason::UnknownVersion { height: Height(FROM), plan: plan(9) });
    for node in NODES {
        assert_eq!(network.nodes[node].halted, unknown);
        assert_eq!(network.committed(node), FROM - 1, "everything before it is on disk");
        let version = network.nodes[node].disk.blocks[&Height(FROM - 1)].block.header.version;
        assert_eq!(version, 1);
    }
    // Nobody signed anything at its height, and who starts there stops again, having said nothing.
    assert!(network.signed.keys().all(|(_, height, ..)| height.0 < FROM));
    let messages = network.messages;
    for node in NODES {
        network.crash(node);
        network.nodes[node].halted = None;
        network.start(node);
    }
    network.run(network.now_ms + 5_000, |_| false);
    assert!(NODES.iter().all(|node| network.nodes[*node].halted == unknown));
    assert!(network.signed.keys().all(|(_, height, ..)| height.0 < FROM));
    assert!(network.messages - messages < 200, "a node that stops says little");
}

/// Only test builds know a second version.
#[test]
fn headers_carry_the_scheduled_version_from_its_height_on() {
    let mut network = scheduled(2);
    run(&mut network, FROM + 10);
    if !is_known_version(2) {
        assert!(NODES.iter().all(|node| network.committed(*node) == FROM - 1));
        return;
    }
    for node in NODES {
        for (height, decided) in &network.nodes[node].disk.blocks {
            assert_eq!(decided.block.header.version, if height.0 < FROM { 1 } else { 2 }, "height {height}");
        }
        assert!(network.committed(node) >= FROM + 10);
    }
    network.check(&[]);
}
