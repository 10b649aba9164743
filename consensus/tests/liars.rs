//! What one liar of four costs the honest, in heights and waits of a small network.
#![expect(clippy::unwrap_used, reason = "a failure in here is a failed test")]

mod support;

use quancheng_consensus::Message;
use quancheng_consensus::message::Status;
use quancheng_types::Height;
use support::Network;

fn load(network: &mut Network, until_ms: u64) {
    while network.now_ms < until_ms {
        (0..3).for_each(|node| network.submit(node));
        network.run(network.now_ms + 20, |_| false);
    }
}

#[test]
fn a_proposer_just_in_time_does_not_stretch_the_wait_for_itself() {
    let mut network = Network::new(3, &[0, 1, 2, 3], &[]);
    network.tolerant = true;
    network.filter = Some(Box::new(|from, _, now_ms, message| {
        let delay_ms = [0, 100, 300, 440][usize::try_from(now_ms / 1_000).unwrap().min(3)];
        Some(if from == 3 && matches!(message, Message::Proposal(_)) { delay_ms } else { 0 })
    }));
    load(&mut network, 4_000);
    let before = network.committed(0);
    load(&mut network, 8_000);
    let heights = network.committed(0) - before;
    assert!(heights > 200, "{heights} heights in four seconds");
}

#[test]
fn no_follower_makes_a_node_unready_by_a_claim() {
    let mut network = Network::new(11, &[0, 1, 2, 3], &[4]);
    network.run(500, |_| false);
    let message = Message::Status(Status { committed: Height(u64::MAX) });
    (0..4).for_each(|node| network.inject(node, 4, 0, message.clone()));
    network.run(600, |_| false);
    for node in 0..4 {
        let status = network.nodes[node].engine.as_ref().unwrap().status();
        assert!(status.claimed <= status.committed.next(), "{status:?}");
    }
}
