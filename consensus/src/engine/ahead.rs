//! How far ahead of its executor a proposer orders.
//!
//! What is ordered waits for the executor in line, whoever sent it: a flood that is ordered delays everybody, one that waits in the pool
//! delays only itself, because authors take turns there. So a proposer orders what keeps its executor busy for
//! [`ORDER_AHEAD_MS`] at the pace that it has shown, and at most [`ORDER_AHEAD_BATCHES`] full batches. It is a rule of its own and not of validity.

use std::collections::BTreeMap;

use quancheng_types::Height;

use crate::limits::{ORDER_AHEAD_BATCHES, ORDER_AHEAD_MS};

/// Busy time that the pace is taken from, ms: it follows a machine that slows down within seconds.
const MEMORY_MS: u64 = 2_000;
/// Busy time below which nothing is known of the pace.
const EVIDENCE_MS: u64 = 20;

/// Weights of what the executor has before it, and its pace.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Decided blocks with weight that are not executed yet, since the start.
    waiting: BTreeMap<Height, u64>,
    /// Since when it has worked on the first of them.
    busy_since_ms: u64,
    /// What it has executed of late, and how long that took.
    done: u64,
    took_ms: u64,
}

impl Ahead {
    /// Notes a decided block.
    pub(crate) fn ordered(&mut self, height: Height, weight: u64, now_ms: u64) {
        if weight == 0 {
            return;
        }
        if self.waiting.is_empty() {
            self.busy_since_ms = now_ms;
        }
        self.waiting.insert(height, weight);
    }

    /// Notes that everything up to this height is executed.
    pub(crate) fn executed(&mut self, height: Height, now_ms: u64) {
        let rest = self.waiting.split_off(&height.next());
        let done = std::mem::replace(&mut self.waiting, rest).into_values().fold(0, u64::saturating_add);
        if done == 0 {
            return;
        }
        self.done = self.done.saturating_add(done);
        self.took_ms = self.took_ms.saturating_add(now_ms.saturating_sub(self.busy_since_ms));
        self.busy_since_ms = now_ms;
        while self.took_ms > MEMORY_MS {
            self.took_ms /= 2;
            self.done /= 2;
        }
    }

    /// Whether the executor has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Weight that may still be ordered when a full batch has this weight.
    pub(crate) fn weight_left(&self, batch_weight_max: u64) -> u64 {
        let waiting = self.waiting.values().copied().fold(0, u64::saturating_add);
        self.weight_idle(batch_weight_max).saturating_sub(waiting)
    }

    /// What that is while the executor has nothing to do.
    pub(crate) fn weight_idle(&self, batch_weight_max: u64) -> u64 {
        let most = batch_weight_max.saturating_mul(ORDER_AHEAD_BATCHES);
        if self.took_ms < EVIDENCE_MS {
            return most;
        }
        most.min(self.done.saturating_mul(ORDER_AHEAD_MS) / self.took_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: u64 = 20_000;

    #[test]
    fn so_much_is_ordered_as_keeps_the_executor_busy_at_its_pace() {
        let mut ahead = Ahead::default();
        assert!(ahead.is_idle());
        assert_eq!(ahead.weight_left(BATCH), BATCH * ORDER_AHEAD_BATCHES, "nothing is known yet");
        // 100 units a millisecond.
        ahead.ordered(Height(1), 10_000, 1_000);
        ahead.ordered(Height(2), 0, 1_000);
        ahead.ordered(Height(3), 5_000, 1_050);
        assert_eq!(ahead.weight_left(BATCH), BATCH * ORDER_AHEAD_BATCHES - 15_000);
        ahead.executed(Height(2), 1_100);
        assert_eq!(ahead.weight_left(BATCH), 100 * ORDER_AHEAD_MS - 5_000.min(100 * ORDER_AHEAD_MS));
        ahead.executed(Height(3), 1_150);
        assert!(ahead.is_idle());
        assert_eq!(ahead.weight_left(BATCH), 100 * ORDER_AHEAD_MS);
        // Idle time is no work.
        ahead.ordered(Height(4), 1_000, 9_000);
        ahead.executed(Height(4), 9_010);
        assert_eq!(ahead.weight_left(BATCH), 100 * ORDER_AHEAD_MS);
        // A fast machine is bounded by batches, a slow one is followed.
        ahead.ordered(Height(5), 100 * BATCH, 10_000);
        ahead.executed(Height(5), 10_001);
        assert_eq!(ahead.weight_left(BATCH), BATCH * ORDER_AHEAD_BATCHES);
        for height in 6..40 {
            ahead.ordered(Height(height), 100, height * 10_000);
            ahead.executed(Height(height), height * 10_000 + 1_000);
        }
        assert!(ahead.weight_left(BATCH) < 20 * ORDER_AHEAD_MS, "{ahead:?}");
    }

    #[test]
    fn nothing_overflows_and_no_clock_runs_backward() {
        let mut ahead = Ahead::default();
        ahead.ordered(Height(1), u64::MAX, u64::MAX);
        ahead.ordered(Height(2), u64::MAX, 0);
        assert_eq!(ahead.weight_left(u64::MAX), 0);
        ahead.executed(Height(u64::MAX - 1), 0);
        ahead.ordered(Height(3), u64::MAX, 0);
        ahead.executed(Height(3), u64::MAX);
        assert_eq!(ahead.weight_left(0), 0);
    }
}
