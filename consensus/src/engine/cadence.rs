//! How fast heights follow one another without need.
//!
//! A height costs every validator signatures, syncs and messages, however little it orders. Under steady load one height after another would
//! keep all of them busy with heights, and everything that they order would wait for processors. So a node begins
//! heights of its own accord at most every [`HEIGHT_INTERVAL_MS`] on average. After a pause the first [`HEIGHT_BURST`] follow at once: one
//! orders what came, the next ones certify its results. Whoever is called by others joins them at any time: it is a rule of its own and none of validity.

use crate::limits::{HEIGHT_BURST, HEIGHT_INTERVAL_MS};

/// When the next height is due, by the generic cell rate algorithm (ITU-T I.371, annex A).
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    due_ms: u64,
}

impl Cadence {
    /// Notes that a height was decided.
    pub(crate) fn decided(&mut self, now_ms: u64) {
        let earliest = now_ms.saturating_sub(HEIGHT_INTERVAL_MS * HEIGHT_BURST);
        let latest = now_ms.saturating_add(HEIGHT_INTERVAL_MS);
        self.due_ms = self.due_ms.max(earliest).saturating_add(HEIGHT_INTERVAL_MS).min(latest);
    }

    /// From when on a height may begin, by the clock that only goes forward.
    pub(crate) fn due_ms(&self) -> u64 {
        self.due_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of the heights begins that are wanted all the time and take `height_ms`.
    fn begins(cadence: &mut Cadence, mut now_ms: u64, height_ms: u64, heights: usize) -> Vec<u64> {
        let mut begun = Vec::new();
        for _ in 0..heights {
            now_ms = now_ms.max(cadence.due_ms());
            begun.push(now_ms);
            now_ms += height_ms;
            cadence.decided(now_ms);
        }
        begun
    }

    #[test]
    fn after_a_pause_a_few_follow_at_once_and_then_one_each_interval() {
        let mut cadence = Cadence::default();
        for start in [1_000, 10_000] {
            let begun = begins(&mut cadence, start, 2, 40);
            let burst = usize::try_from(HEIGHT_BURST).unwrap();
            assert!(begun[..burst].windows(2).all(|pair| pair[1] - pair[0] == 2), "{begun:?}");
            assert!(begun[burst + 2..].windows(2).all(|pair| pair[1] - pair[0] == HEIGHT_INTERVAL_MS), "{begun:?}");
        }
        // Heights that take longer than that follow one another.
        let begun = begins(&mut cadence, 20_000, HEIGHT_INTERVAL_MS, 40);
        assert!(begun.windows(2).all(|pair| pair[1] - pair[0] == HEIGHT_INTERVAL_MS), "{begun:?}");
    }

    #[test]
    fn a_thousand_heights_at_once_do_not_put_off_the_next_one() {
        let mut cadence = Cadence::default();
        for _ in 0..1_000 {
            cadence.decided(5_000);
        }
        assert_eq!(cadence.due_ms(), 5_000 + HEIGHT_INTERVAL_MS);
        cadence.decided(u64::MAX);
        assert_eq!(cadence.due_ms(), u64::MAX.saturating_sub(HEIGHT_INTERVAL_MS * (HEIGHT_BURST - 1)));
    }
}
