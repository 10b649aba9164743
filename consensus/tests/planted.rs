//! Are the checks honest? Deliberate mistakes must be noticed.
#![cfg(feature = "planted-bugs")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use quancheng_consensus::PlantedBug;
use support::Network;

/// Load with crashes and loss; panics when an invariant breaks.
fn rough_ride(seed: u64, planted: Option<PlantedBug>) {
    let mut network = Network::new(seed, &[0, 1, 2, 3], &[]);
    network.planted = planted;
    for node in 0..4 {
        network.crash(node);
        network.start(node);
    }
    network.loss_permille = 150;
    for turn in 0..40 {
        for node in 0..4 {
            network.submit(node);
        }
        let pause = network.now_ms + 5 + network.random(40);
        network.run(pause, |_| false);
        network.power_cut = (turn % 3 == 0).then_some(turn % 4);
        let pause = network.now_ms + 60;
        network.run(pause, |_| false);
        for node in 0..4 {
            if network.nodes[node].engine.is_none() || network.random(6) == 0 {
                network.crash(node);
                network.start(node);
            }
        }
        network.check(&[]);
    }
}

#[test]
fn without_a_mistake_nothing_is_noticed() {
    for seed in 0..10 {
        rough_ride(seed, None);
    }
}

#[test]
fn forgotten_votes_and_early_messages_are_noticed() {
    for bug in [PlantedBug::ForgottenVote, PlantedBug::EarlySend] {
        let caught = (0..60).any(|seed| catch_unwind(AssertUnwindSafe(|| rough_ride(seed, Some(bug)))).is_err());
        assert!(caught, "{bug:?}");
    }
}
