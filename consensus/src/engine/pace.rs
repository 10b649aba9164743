//! How long this node waits for the others: as long as the network has lately shown to be necessary, and never longer than genesis says.
//!
//! What counts is how long a round takes from its start to the decision, and how late a proposal comes after its round is given up. The
//! longest of these fades with every height. The first round waits a multiple of it, each of the next few twice as long as the one before, and
//! from [`OBSERVED_ROUNDS`] on a round waits what genesis says for it: whatever was observed, a height in trouble gets the time that
//! agreement is proved to need.

use quancheng_types::Round;

/// Rounds of a height whose waits follow what was observed.
pub(crate) const OBSERVED_ROUNDS: u32 = 4;
/// The wait of the first round in terms of the longest time observed.
const FACTOR: u64 = 4;
/// The shortest wait, as a part of what genesis says: a hiccup is no absence.
const FLOOR_PART: u64 = 4;
/// Each height takes this part of the longest time away: it is halved in some 180 heights.
const FADE_PART: u64 = 256;
/// Parts of a millisecond in which it fades.
const PARTS: u64 = 1024;
/// Longest wait of the voting core, ms: rounds of a long outage stay short enough to recover soon after it.
const TIMEOUT_MS_MAX: u64 = 10_000;

/// What the network has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// In parts of a millisecond; `None` until something was seen.
    longest: Option<u64>,
}

impl Pace {
    /// Notes that a height was decided this long after its last round began.
    pub(crate) fn decided(&mut self, after_ms: u64) {
        let faded = self.longest.map_or(0, |longest| longest - longest / FADE_PART);
        self.longest = Some(faded.max(after_ms.saturating_mul(PARTS)));
    }

    /// Notes that a proposal came when its round, which had begun this long ago, was given up.
    pub(crate) fn late(&mut self, after_ms: u64) {
        self.longest = self.longest.map(|longest| longest.max(after_ms.saturating_mul(PARTS)));
    }

    /// How long to wait in a round, ms, when genesis says `first_ms` for the first and `delta_ms` more for each later one.
    pub(crate) fn wait_ms(&self, first_ms: u32, delta_ms: u32, round: Round) -> u64 {
        let first_ms = u64::from(first_ms);
        let grown_ms = u64::from(delta_ms).saturating_mul(u64::from(round.0));
        let most_ms = first_ms.saturating_add(grown_ms).min(TIMEOUT_MS_MAX.max(first_ms));
        match self.longest {
            Some(longest) if round.0 < OBSERVED_ROUNDS => {
                let observed_ms = longest.div_ceil(PARTS).saturating_mul(FACTOR);
                (observed_ms.max(first_ms / FLOOR_PART) << round.0).min(most_ms)
            }
            Some(_) | None => most_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST_MS: u32 = 500;
    const DELTA_MS: u32 = 250;

    fn waits(pace: &Pace) -> Vec<u64> {
        (0..6).map(|round| pace.wait_ms(FIRST_MS, DELTA_MS, Round(round))).collect()
    }

    #[test]
    fn without_observation_genesis_holds() {
        let genesis = [500, 750, 1_000, 1_250, 1_500, 1_750];
        assert_eq!(waits(&Pace::default()), genesis);
        let mut pace = Pace::default();
        pace.late(40);
        assert_eq!(waits(&pace), genesis, "no height was decided yet");
        pace.decided(10_000);
        assert_eq!(waits(&pace), genesis, "genesis is the ceiling");
        assert_eq!(Pace::default().wait_ms(500, 250, Round(1_000)), 10_000);
        assert_eq!(Pace::default().wait_ms(60_000, 250, Round(1_000)), 60_000);
    }

    #[test]
    fn a_quick_network_waits_less_and_a_height_in_trouble_as_long_as_genesis_says() {
        let mut pace = Pace::default();
        pace.decided(5);
        assert_eq!(
            waits(&pace),
            [125, 250, 500, 1_000, 1_500, 1_750],
            "a quarter at least, and from round 4 on no less"
        );
        pace.decided(60);
        assert_eq!(waits(&pace), [240, 480, 960, 1_250, 1_500, 1_750]);
    }

    #[test]
    fn what_was_slow_is_remembered_and_fades() {
        let mut pace = Pace::default();
        pace.decided(100);
        for _ in 0..178 {
            pace.decided(5);
        }
        let wait_ms = pace.wait_ms(5_000, DELTA_MS, Round(0));
        assert_eq!(wait_ms, 1_250);
        assert!((195..=210).contains(&(pace.longest.unwrap() * FACTOR / PARTS)), "{pace:?}");
        for _ in 0..10_000 {
            pace.decided(5);
        }
        assert_eq!(pace.longest, Some(5 * PARTS));
        pace.late(90);
        assert_eq!(pace.wait_ms(FIRST_MS, DELTA_MS, Round(0)), 360, "a late proposal shows a slow line");
    }
}
