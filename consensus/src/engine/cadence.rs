//! How fast heights follow one another without need.
//!
//! A height costs every validator signatures, syncs and messages, however little it orders. Under steady load one height after another would
//! keep all of them busy with heights, and everything that they order would wait for processors. So a node begins
//! heights of its own accord at most every [`HEIGHT_INTERVAL_MS`] on average. After a pause the first [`HEIGHT_BURST`] follow at once: one
//! orders what came, the next ones certify its results. After a block of [`HEIGHT_FULL_WEIGHT`] the chain is busy, and whoever is on it waits for
//! processors: then the next height waits [`HEIGHT_INTERVAL_FULL_MS`] and orders more, unless a light batch waits, or was just ordered and waits to be certified:
//! who sends little beside a flood waits for heights more than for anything else. Whoever is called by others joins them at any time: it is a rule of its own and none of validity.

use crate::limits::{
    BATCH_LIGHT_WEIGHT, HEIGHT_BURST, HEIGHT_FULL_WEIGHT, HEIGHT_INTERVAL_FULL_MS, HEIGHT_INTERVAL_MS,
};

/// Whether a batch of this weight is of somebody who sends little.
pub(crate) const fn is_light(batch: u64) -> bool {
    batch <= BATCH_LIGHT_WEIGHT
}

/// When the next height is due, by the generic cell rate algorithm (ITU-T I.371, annex A).
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    due_ms: u64,
    /// The same where no light batch waits.
    heavy_due_ms: u64,
}

impl Cadence {
    /// Notes that a height was decided, with the weights of the batches of its block.
    pub(crate) fn decided(&mut self, now_ms: u64, batches: impl Iterator<Item = u64>) {
        let earliest = now_ms.saturating_sub(HEIGHT_INTERVAL_MS * HEIGHT_BURST);
        let latest = now_ms.saturating_add(HEIGHT_INTERVAL_MS);
        self.due_ms = self.due_ms.max(earliest).saturating_add(HEIGHT_INTERVAL_MS).min(latest);
        let (mut weight, mut has_light) = (0_u64, false);
        for batch in batches {
            weight = weight.saturating_add(batch);
            has_light |= is_light(batch);
        }
        let is_full = weight >= HEIGHT_FULL_WEIGHT && !has_light;
        let pause_ms = if is_full { HEIGHT_INTERVAL_FULL_MS } else { 0 };
        self.heavy_due_ms = self.due_ms.max(now_ms.saturating_add(pause_ms));
    }

    /// From when on a height may begin, by the clock that only goes forward, where a light batch waits or not.
    pub(crate) fn due_ms(&self, has_light: bool) -> u64 {
        if has_light { self.due_ms } else { self.heavy_due_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of the heights begins that are wanted all the time and take `height_ms`.
    fn begins(cadence: &mut Cadence, mut now_ms: u64, height_ms: u64, heights: usize) -> Vec<u64> {
        let mut begun = Vec::new();
        for _ in 0..heights {
            now_ms = now_ms.max(cadence.due_ms(false));
            begun.push(now_ms);
            now_ms += height_ms;
            cadence.decided(now_ms, [HEIGHT_FULL_WEIGHT - 1].into_iter());
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
    fn a_full_block_is_followed_by_a_pause_for_those_who_send_much() {
        let (half, pause) = (HEIGHT_FULL_WEIGHT / 2, HEIGHT_INTERVAL_FULL_MS);
        // Weights of the batches of a block, and how long after it the next height waits, without and with a light batch that waits.
        let cases: [(&[u64], u64, u64); 6] = [
            (&[], 0, 0),
            (&[half, half - 1], 0, 0),
            (&[half, half], pause, 0),
            (&[half, half, BATCH_LIGHT_WEIGHT + 1], pause, 0),
            (&[half, half, BATCH_LIGHT_WEIGHT], 0, 0),
            (&[u64::MAX, u64::MAX], pause, 0),
        ];
        for (batches, heavy, light) in cases {
            // After a time without heights the cadence itself asks for no pause.
            let mut cadence = Cadence::default();
            cadence.decided(1_000, batches.iter().copied());
            let due = [false, true].map(|has_light| cadence.due_ms(has_light).max(1_000) - 1_000);
            assert_eq!(due, [heavy, light], "{batches:?}");
        }
        // Whatever others begin meanwhile: the pause is over with the next height.
        let mut cadence = Cadence::default();
        cadence.decided(1_000, [HEIGHT_FULL_WEIGHT].into_iter());
        cadence.decided(1_020, [half].into_iter());
        assert!(cadence.due_ms(false) <= 1_020 + HEIGHT_INTERVAL_MS);
    }

    #[test]
    fn a_thousand_heights_at_once_do_not_put_off_the_next_one() {
        let mut cadence = Cadence::default();
        for _ in 0..1_000 {
            cadence.decided(5_000, core::iter::empty());
        }
        assert_eq!(cadence.due_ms(true), 5_000 + HEIGHT_INTERVAL_MS);
        cadence.decided(u64::MAX, [u64::MAX, u64::MAX].into_iter());
        assert_eq!(cadence.due_ms(false), u64::MAX);
    }
}
