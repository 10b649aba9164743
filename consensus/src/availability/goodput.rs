//! How fast asked-for batches come in, and so how long to wait for one before another source is asked.
//!
//! A batch arrives whole, so over a slow line nothing is heard for seconds and nothing is wrong. What a node asks for shares one line, its
//! own; asking a second source for the same bytes makes a slow line slower. So the wait is the time that everything under way needs
//! at the rate seen, and half as much again; and no more is asked for at once than comes in a short time.

use crate::limits::FETCH_RETRY_MS;

/// Assumed before anything was seen, bytes per second: a megabit. A silent source is noticed after seconds then, not minutes.
const START_RATE: u64 = 128 * 1024;
/// The slowest line that is believed, bytes per second.
const LEAST_RATE: u64 = 8 * 1024;
/// The fastest, bytes per second: keeps the arithmetic small.
const MOST_RATE: u64 = 1 << 30;
/// Bytes after which what was seen is a rate; fewer show the length of the way, not its width.
const SAMPLE_BYTES: u64 = 64 * 1024;
/// Least time over which a rate is taken, ms.
const SAMPLE_MS: u64 = 50;
/// Time in which what is under way should arrive, ms.
const WINDOW_MS: u64 = 2_000;
/// Longest wait for a batch, ms.
const WAIT_MS_MAX: u64 = 60_000;

/// What the line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Goodput {
    /// Bytes per second.
    rate: u64,
    /// When the time that is measured began, and what arrived since; `None` while nothing is under way.
    since: Option<(u64, u64)>,
}

impl Default for Goodput {
    fn default() -> Self {
        Self { rate: START_RATE, since: None }
    }
}

impl Goodput {
    /// Notes that something is asked for.
    pub(crate) fn asked(&mut self, now_ms: u64) {
        self.since.get_or_insert((now_ms, 0));
    }

    /// Notes that a batch arrived, and whether others are still under way.
    pub(crate) fn arrived(&mut self, bytes: u64, now_ms: u64, is_busy: bool) {
        let (since_ms, before) = self.since.unwrap_or((now_ms, 0));
        let (took_ms, got) = (now_ms.saturating_sub(since_ms), before.saturating_add(bytes));
        if got >= SAMPLE_BYTES && (took_ms >= SAMPLE_MS || !is_busy) {
            self.rate = (got.saturating_mul(1_000) / took_ms.max(1)).clamp(LEAST_RATE, MOST_RATE);
            self.since = is_busy.then_some((now_ms, 0));
        } else {
            self.since = is_busy.then_some((since_ms, got));
        }
    }

    /// Notes that a batch did not come in its time: its source is gone, or the line is slower than it was.
    pub(crate) fn overdue(&mut self) {
        self.rate = (self.rate / 2).max(LEAST_RATE);
    }

    /// Whether more may be asked for while so many bytes are under way. One batch may always be.
    pub(crate) fn admits(&self, under_way: u64, bytes: u64) -> bool {
        under_way == 0 || under_way.saturating_add(bytes) <= self.rate.saturating_mul(WINDOW_MS) / 1_000
    }

    /// How long to wait for a batch while so many bytes are under way, its own among them.
    pub(crate) fn wait_ms(&self, under_way: u64) -> u64 {
        let needed_ms = under_way.saturating_mul(1_000) / self.rate;
        FETCH_RETRY_MS.saturating_add(needed_ms.saturating_mul(3) / 2).min(WAIT_MS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: u64 = 512 * 1024;

    #[test]
    fn a_quick_line_asks_another_source_soon_and_for_much_at_once() {
        let mut goodput = Goodput::default();
        goodput.asked(0);
        goodput.arrived(BATCH, 5, false);
        assert_eq!(goodput.wait_ms(BATCH), FETCH_RETRY_MS + 7);
        assert!(goodput.admits(63 * BATCH, BATCH));
    }

    #[test]
    fn a_slow_line_is_given_the_time_that_it_needs() {
        // One megabit: four seconds a batch.
        let mut goodput = Goodput::default();
        goodput.asked(0);
        goodput.arrived(BATCH, 4_194, false);
        assert_eq!(goodput.rate, 125_009);
        assert!(goodput.wait_ms(BATCH) > 6_000);
        assert!(goodput.admits(0, BATCH) && !goodput.admits(BATCH, BATCH), "one at a time");
    }

    #[test]
    fn small_batches_say_nothing_about_the_line() {
        let mut goodput = Goodput::default();
        for n in 0..10 {
            goodput.asked(n * 100);
            goodput.arrived(100, n * 100 + 90, false);
        }
        assert_eq!(goodput.rate, START_RATE);
        for _ in 0..20 {
            goodput.overdue();
        }
        assert_eq!(goodput.rate, LEAST_RATE);
        assert_eq!(goodput.wait_ms(u64::MAX), WAIT_MS_MAX);
    }
}
