//! Counters of the network layer, read by the metrics endpoint.

use core::sync::atomic::{AtomicU64, Ordering};

use super::lane::{LANE_COUNT, Lane};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn bump(&self) {
        self.add(1);
    }

    /// The value now. Counters are independent: two reads are not one consistent picture.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one lane, over all peers.
#[derive(Debug, Default)]
pub struct LaneMetrics {
    /// Frames received, keep-alives apart.
    pub frames_in: Counter,
    /// Frames handed to the connection, keep-alives apart.
    pub frames_out: Counter,
    /// Bytes of content received.
    pub bytes_in: Counter,
    /// Bytes of content handed to the connection.
    pub bytes_out: Counter,
    /// Frames dropped because the peer's queue was full.
    pub send_drops: Counter,
    /// Frames announced with a length above the lane's limit; each closed its stream.
    pub oversized: Counter,
}

impl LaneMetrics {
    pub(super) fn received(&self, bytes: usize) {
        self.frames_in.bump();
        self.bytes_in.add(count(bytes));
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.frames_out.bump();
        self.bytes_out.add(count(bytes));
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// All counters of the network layer.
#[derive(Debug, Default)]
pub struct NetworkMetrics {
    lanes: [LaneMetrics; LANE_COUNT],
    /// Incoming connections dropped before the handshake because a limit was reached.
    pub refused_pending: Counter,
    /// Connections dropped after the handshake because the peer is not on the allow-list.
    pub refused_strangers: Counter,
    /// Connections dropped after the handshake because the peer had too many.
    pub refused_surplus: Counter,
    /// Incoming connections that failed in the handshake: garbage, timeout, another chain.
    pub handshakes_failed: Counter,
    /// Dials begun.
    pub dials: Counter,
    /// Dials that failed.
    pub dials_failed: Counter,
    /// Links that became ready, first ones and reconnects.
    pub links_up: Counter,
    /// Links lost.
    pub links_down: Counter,
    /// Connections closed because nothing arrived for too long.
    pub idle_closed: Counter,
}

impl NetworkMetrics {
    /// The counters of one lane.
    #[must_use]
    pub const fn lane(&self, lane: Lane) -> &LaneMetrics {
        &self.lanes[lane.index()]
    }
}
