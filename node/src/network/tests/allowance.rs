//! A peer that reconnects or opens streams without end is stopped; one that comes back after a fault is not.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::super::{
    allowance::{Allowance, Rate},
    behaviour::Mesh,
    metrics::NetworkMetrics,
};
use super::*;

#[test]
fn an_allowance_holds_a_burst_and_fills_at_its_rate() {
    let rate = Rate { interval: Duration::from_millis(80), burst: 16 };
    let start = Instant::now();
    let mut allowance = Allowance::full(start);
    assert_eq!((0..1_000).filter(|_| allowance.take(rate, start)).count(), 16);
    assert!(!allowance.take(rate, start + Duration::from_millis(79)));
    assert!(allowance.take(rate, start + Duration::from_millis(80)));
    assert!(!allowance.take(rate, start + Duration::from_millis(80)));
    // What an honest opener does at most, every lane once in each pause of 250 ms, is always admitted.
    let mut allowance = Allowance::full(start);
    for pause in 0..10_000 {
        let now = start + Duration::from_millis(250) * pause;
        assert!((0..3).all(|_| allowance.take(rate, now)), "pause {pause}");
    }
}

#[test]
fn arrivals_of_one_peer_are_bounded_and_those_of_others_are_not_hurt() {
    let limits = NetworkLimits::default();
    let mut mesh = Mesh::new(peer(1), &[2; 32], &limits, Arc::new(NetworkMetrics::default()));
    let start = Instant::now();
    let admitted = (0..1_000).filter(|_| mesh.admits_arrival(peer(2), start)).count();
    assert_eq!(admitted, 20);
    assert!(mesh.admits_arrival(peer(3), start));
    // The longest pause between dials is five seconds, the first a tenth: a node that restarts comes back.
    let mut now = start + Duration::from_secs(10);
    let backoff = Backoff { min_ms: 100, max_ms: 5_000 };
    for failures in 0..200 {
        now += backoff.delay(failures, 0);
        assert!(mesh.admits_arrival(peer(2), now), "after {failures} failures");
    }
}
