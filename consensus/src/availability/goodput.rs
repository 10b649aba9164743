//! How fast asked-for batches come in, source by source, and so how long to wait for one before another source is asked.
//!
//! A batch arrives whole, so over a slow line nothing is heard for seconds and nothing is wrong. What a node asks for shares one line, its
//! own; asking a second source for the same bytes makes a slow line slower. So the wait is the time that everything under way needs
//! at the rate seen, and half as much again; and no more is asked for at once than comes in a short time.
//!
//! A source may be silent, or slow on purpose, and must not make this node slow with the others. So what a source shows counts for it alone:
//! one that never delivered is given little time, at first; one that failed lately, or is much slower than the best, is asked last.

use std::collections::BTreeMap;

use quancheng_types::NodeId;

use crate::limits::{FETCH_RETRY_MS, PEERS_MAX};

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
/// Longest wait for a source that never delivered, ms, beside [`FETCH_RETRY_MS`]; it doubles with each failure.
const UNPROVEN_MS: u64 = 1_000;
/// Pause after a failure in which a source is asked last, ms; it doubles with each failure.
const REST_MS: u64 = 1_000;
/// How often these double: to a minute.
const DOUBLINGS: u32 = 6;
/// A source whose rate is below this part of the best one is asked last, and not waited for longer.
const SLOW_PART: u64 = 4;

/// What one source has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Source {
    /// Bytes per second, once seen.
    rate: Option<u64>,
    /// Whether it ever delivered.
    is_proven: bool,
    /// When the time that is measured began, and what arrived since; `None` while nothing is under way.
    since: Option<(u64, u64)>,
    /// Failures that no delivery has made good.
    failures: u32,
    /// Asked last before this moment.
    rest_until_ms: u64,
    /// When it last failed: the batches of one request fail together.
    failed_ms: Option<u64>,
}

/// What the sources have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Goodput {
    sources: BTreeMap<NodeId, Source>,
}

impl Goodput {
    fn source(&mut self, id: NodeId) -> &mut Source {
        if self.sources.len() >= PEERS_MAX && !self.sources.contains_key(&id) {
            // Those that did well are learned anew at no cost.
            self.sources.retain(|_, source| source.failures > 0 || source.since.is_some());
            if self.sources.len() >= PEERS_MAX {
                self.sources.pop_first();
            }
        }
        self.sources.entry(id).or_default()
    }

    /// Notes that something is asked of a source.
    pub(crate) fn asked(&mut self, of: NodeId, now_ms: u64) {
        self.source(of).since.get_or_insert((now_ms, 0));
    }

    /// Notes that a batch arrived from a source that was asked for it at this moment, and whether others are still under way from it.
    pub(crate) fn arrived(&mut self, from: NodeId, bytes: u64, asked_ms: u64, now_ms: u64, is_busy: bool) {
        let source = self.source(from);
        source.is_proven = true;
        source.failures = source.failures.saturating_sub(1);
        if source.failures == 0 {
            source.rest_until_ms = 0;
        }
        let (since_ms, before) = source.since.unwrap_or((asked_ms, 0));
        let (took_ms, got) = (now_ms.saturating_sub(since_ms), before.saturating_add(bytes));
        if got >= SAMPLE_BYTES && (took_ms >= SAMPLE_MS || !is_busy) {
            source.rate = Some((got.saturating_mul(1_000) / took_ms.max(1)).clamp(LEAST_RATE, MOST_RATE));
            source.since = is_busy.then_some((now_ms, 0));
        } else {
            source.since = is_busy.then_some((since_ms, got));
        }
    }

    /// Notes that nothing is under way from a source any more, though not everything came from it.
    pub(crate) fn rests(&mut self, of: &NodeId) {
        if let Some(source) = self.sources.get_mut(of) {
            source.since = None;
        }
    }

    /// Notes that a batch did not come in its time: its source is gone, or the line is slower than it was.
    pub(crate) fn failed(&mut self, of: NodeId, now_ms: u64) {
        let source = self.source(of);
        if source.failed_ms.is_some_and(|before| now_ms.saturating_sub(before) < FETCH_RETRY_MS) {
            return;
        }
        source.failed_ms = Some(now_ms);
        source.rest_until_ms = now_ms.saturating_add(REST_MS << source.failures.min(DOUBLINGS));
        source.failures = source.failures.saturating_add(1);
        source.rate = source.rate.map(|rate| (rate / 2).max(LEAST_RATE));
    }

    /// The rate of the best source.
    fn best(&self) -> u64 {
        self.sources.values().filter_map(|source| source.rate).max().unwrap_or(START_RATE)
    }

    /// Whether a source is asked after the others.
    pub(crate) fn is_last(&self, of: &NodeId, now_ms: u64) -> bool {
        self.sources.get(of).is_some_and(|source| {
            source.rest_until_ms > now_ms || source.rate.is_some_and(|rate| rate < self.best() / SLOW_PART)
        })
    }

    /// Whether more may be asked for while so many bytes are under way. One batch may always be.
    pub(crate) fn admits(&self, under_way: u64, bytes: u64) -> bool {
        under_way == 0 || under_way.saturating_add(bytes) <= self.best().saturating_mul(WINDOW_MS) / 1_000
    }

    /// How long to wait for a batch of this source while so many bytes are under way, its own among them.
    pub(crate) fn wait_ms(&self, of: Option<&NodeId>, under_way: u64) -> u64 {
        let best = self.best();
        let source = of.and_then(|of| self.sources.get(of)).copied().unwrap_or_default();
        let rate = source.rate.unwrap_or(best.min(START_RATE)).max(best / SLOW_PART).max(LEAST_RATE);
        let needed_ms = under_way.saturating_mul(1_000) / rate;
        let most_ms = if source.is_proven { WAIT_MS_MAX } else { UNPROVEN_MS << source.failures.min(DOUBLINGS) };
        FETCH_RETRY_MS.saturating_add((needed_ms.saturating_mul(3) / 2).min(most_ms)).min(WAIT_MS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::Digest;

    use super::*;

    const BATCH: u64 = 512 * 1024;
    const A: NodeId = NodeId(Digest([1; 32]));
    const B: NodeId = NodeId(Digest([2; 32]));

    #[test]
    fn a_quick_line_asks_another_source_soon_and_for_much_at_once() {
        let mut goodput = Goodput::default();
        goodput.asked(A, 0);
        goodput.arrived(A, BATCH, 0, 5, false);
        assert_eq!(goodput.wait_ms(Some(&A), BATCH), FETCH_RETRY_MS + 7);
        assert!(goodput.admits(63 * BATCH, BATCH));
    }

    #[test]
    fn a_slow_line_is_given_the_time_that_it_needs() {
        // One megabit: four seconds a batch.
        let mut goodput = Goodput::default();
        goodput.asked(A, 0);
        goodput.arrived(A, BATCH, 0, 4_194, false);
        assert_eq!(goodput.best(), 125_009);
        assert!(goodput.wait_ms(Some(&A), BATCH) > 6_000);
        assert!(goodput.admits(0, BATCH) && !goodput.admits(BATCH, BATCH), "one at a time");
        // One that never delivered gets there too, by failing.
        assert_eq!(goodput.wait_ms(Some(&B), BATCH), FETCH_RETRY_MS + UNPROVEN_MS);
        for second in 1..4 {
            goodput.failed(B, second * 1_000);
        }
        assert!(goodput.wait_ms(Some(&B), BATCH) > 6_000);
        // An answer that is late is measured from when it was asked for.
        goodput.rests(&B);
        goodput.arrived(B, BATCH, 10_000, 15_000, false);
        assert_eq!(goodput.sources[&B].rate, Some(104_857));
    }

    #[test]
    fn small_batches_say_nothing_about_the_line() {
        let mut goodput = Goodput::default();
        for n in 0..10 {
            goodput.asked(A, n * 100);
            goodput.arrived(A, 100, n * 100, n * 100 + 90, false);
        }
        assert_eq!(goodput.best(), START_RATE);
        for n in 0..20 {
            goodput.failed(A, n * 1_000);
        }
        assert_eq!(goodput.wait_ms(Some(&A), u64::MAX), WAIT_MS_MAX);
    }

    #[test]
    fn silence_of_one_source_says_nothing_about_another() {
        let mut goodput = Goodput::default();
        goodput.asked(A, 0);
        goodput.arrived(A, BATCH, 0, 5, false);
        let before = (goodput.wait_ms(Some(&A), BATCH), goodput.admits(63 * BATCH, BATCH));
        goodput.asked(B, 0);
        for n in 1..100 {
            assert_eq!(goodput.is_last(&B, n * 500), n > 1);
            goodput.failed(B, n * 500);
        }
        assert_eq!((goodput.wait_ms(Some(&A), BATCH), goodput.admits(63 * BATCH, BATCH)), before);
        assert!(goodput.is_last(&B, 100_000) && !goodput.is_last(&A, 100_000));
        // Nor does one that is slow on purpose.
        goodput.arrived(B, BATCH, 0, 64_000, false);
        assert!(goodput.is_last(&B, 1_000_000));
        assert!(goodput.wait_ms(Some(&B), BATCH) < FETCH_RETRY_MS + 50);
    }

    #[test]
    fn little_is_remembered() {
        let mut goodput = Goodput::default();
        for n in 0..u64::try_from(3 * PEERS_MAX).unwrap() {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            goodput.failed(NodeId(Digest(id)), 0);
        }
        assert_eq!(goodput.sources.len(), PEERS_MAX);
    }
}
