//! How often a peer may do something that costs this node more than it costs the peer.

use tokio::time::{Duration, Instant};

/// A bucket that fills by one token per interval, kept as the moment at which it will be full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    full_at: Instant,
}

/// How fast a bucket fills and how many tokens it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl Allowance {
    /// A full bucket.
    pub(super) const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let after = self.full_at.max(now) + rate.interval;
        let has_one = after.duration_since(now) <= rate.interval * rate.burst;
        if has_one {
            self.full_at = after;
        }
        has_one
    }

    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}
