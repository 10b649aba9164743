//! How long this node waits for the others: as long as the network has lately shown to be necessary, and never longer than genesis says.
//!
//! What counts is how long a round takes from its start to the decision, and how late a proposal comes after its round is given up; it is
//! kept for each proposer, and fades with every height. A proposer is given what the *others* needed, without those that needed most as far as
//! they may be faulty: so nobody stretches the wait for itself, and f together not the wait for anybody. One that is several times
//! slower than the others misses its turn; when all are slow, the wait grows for all.
//!
//! The first round waits a multiple of that, each of the next few twice as long as the one before, and
//! from [`OBSERVED_ROUNDS`] on a round waits what genesis says for it: whatever was observed, a height in trouble gets the time that
//! agreement is proved to need.

use std::collections::BTreeMap;

use quancheng_types::{Round, ValidatorId, ValidatorSet};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The longest time of each proposer, in parts of a millisecond: at most one for each member of the set.
    longest: BTreeMap<ValidatorId, u64>,
}

/// The part of genesis that a wait follows, ms: for the first round, and more for each later one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    pub(crate) first_ms: u32,
    pub(crate) delta_ms: u32,
}

impl Pace {
    /// Notes that a height was decided: of this proposer, so long after its round began, if that is known; and that genesis waits `first_ms`
    /// for a proposal.
    pub(crate) fn decided(&mut self, by: Option<(ValidatorId, u64)>, validators: &ValidatorSet, first_ms: u32) {
        self.longest.retain(|proposer, _| validators.by_id(proposer).is_some());
        for longest in self.longest.values_mut() {
            *longest -= *longest / FADE_PART;
        }
        if let Some((proposer, after_ms)) = by {
            self.note(proposer, after_ms, first_ms);
        }
    }

    /// Notes that the first proposal of a round came when the round, which had begun this long ago, was given up.
    pub(crate) fn late(&mut self, proposer: ValidatorId, after_ms: u64, first_ms: u32) {
        self.note(proposer, after_ms, first_ms);
    }

    fn note(&mut self, proposer: ValidatorId, after_ms: u64, first_ms: u32) {
        let shown = after_ms.min(u64::from(first_ms)).saturating_mul(PARTS);
        let longest = self.longest.entry(proposer).or_default();
        *longest = (*longest).max(shown);
    }

    /// What the others showed: the longest time of any but this proposer, when as much power as may fail is left out that showed longer
    /// ones. `None` while fewer have shown something.
    fn shown_by_others(&self, proposer: &ValidatorId, validators: &ValidatorSet) -> Option<u64> {
        let mut others: Vec<(u64, u64)> = self
            .longest
            .iter()
            .filter(|(id, _)| *id != proposer || validators.ids().len() == 1)
            .filter_map(|(id, longest)| Some((*longest, validators.by_id(id)?.power)))
            .collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        let mut left_out = validators.total_power().saturating_sub(validators.quorum());
        others.into_iter().find_map(|(longest, power)| {
            if power <= left_out {
                left_out -= power;
                return None;
            }
            Some(longest)
        })
    }

    /// How long to wait in a round of this proposer, ms.
    pub(crate) fn wait_ms(&self, of: Waits, round: Round, proposer: &ValidatorId, validators: &ValidatorSet) -> u64 {
        let first_ms = u64::from(of.first_ms);
        let grown_ms = u64::from(of.delta_ms).saturating_mul(u64::from(round.0));
        let most_ms = first_ms.saturating_add(grown_ms).min(TIMEOUT_MS_MAX.max(first_ms));
        if round.0 >= OBSERVED_ROUNDS {
            return most_ms;
        }
        self.shown_by_others(proposer, validators).map_or(most_ms, |longest| {
            let observed_ms = longest.div_ceil(PARTS).saturating_mul(FACTOR);
            (observed_ms.max(first_ms / FLOOR_PART) << round.0).min(most_ms)
        })
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::limits::TIMEOUT_PROPOSE_MS_MIN;
    use quancheng_types::{Digest, NodeId, SigningKey, Text, Validator};

    use super::*;
    use crate::limits::HEIGHT_INTERVAL_MS;

    fn set(members: u8) -> ValidatorSet {
        let validators = (0..members).map(|index| Validator {
            public_key: SigningKey::from_seed([index + 1; 32]).public_key(),
            power: 1,
            node_id: NodeId(Digest([index; 32])),
            organization: Text::new("org").unwrap(),
            interest: Text::new("none").unwrap(),
        });
        ValidatorSet::new(validators.collect()).unwrap()
    }

    const OF: Waits = Waits { first_ms: 500, delta_ms: 250 };

    struct Four {
        pace: Pace,
        set: ValidatorSet,
    }

    impl Four {
        fn new() -> Self {
            Self { pace: Pace::default(), set: set(4) }
        }

        fn id(&self, place: usize) -> ValidatorId {
            self.set.ids()[place]
        }

        /// A height in which each of these needed so long.
        fn decided(&mut self, times: &[(usize, u64)]) {
            for (place, ms) in times {
                let by = Some((self.id(*place), *ms));
                self.pace.decided(by, &self.set, OF.first_ms);
            }
        }

        fn waits(&self, place: usize) -> Vec<u64> {
            (0..6).map(|round| self.pace.wait_ms(OF, Round(round), &self.id(place), &self.set)).collect()
        }

        fn first(&self, place: usize) -> u64 {
            self.waits(place)[0]
        }
    }

    const GENESIS: [u64; 6] = [500, 750, 1_000, 1_250, 1_500, 1_750];

    #[test]
    fn without_observation_genesis_holds() {
        let mut four = Four::new();
        assert_eq!(four.waits(0), GENESIS);
        four.decided(&[(1, 5)]);
        assert_eq!(four.waits(0), GENESIS, "one may lie");
        four.decided(&[(0, 10_000), (1, 10_000), (2, 10_000), (3, 10_000)]);
        assert_eq!(four.waits(0), GENESIS, "genesis is the ceiling");
        assert!(four.pace.longest.values().all(|longest| *longest <= 500 * PARTS), "and of what is remembered");
        let wait_ms =
            |first_ms| Pace::default().wait_ms(Waits { first_ms, delta_ms: 250 }, Round(1_000), &four.id(0), &four.set);
        assert_eq!(wait_ms(500), 10_000);
        assert_eq!(wait_ms(60_000), 60_000);
    }

    /// The one whose turn it is may begin so much later than whoever decided the height before at the same moment.
    #[test]
    fn the_shortest_wait_that_a_chain_may_have_is_longer_than_the_cadence() {
        let mut four = Four::new();
        four.decided(&[(0, 1), (1, 1), (2, 1), (3, 1)]);
        let least = Waits { first_ms: TIMEOUT_PROPOSE_MS_MIN, delta_ms: 1 };
        let wait_ms = four.pace.wait_ms(least, Round(0), &four.id(0), &four.set);
        assert!(wait_ms > HEIGHT_INTERVAL_MS, "{wait_ms} ms");
    }

    #[test]
    fn a_quick_network_waits_less_and_a_height_in_trouble_as_long_as_genesis_says() {
        let mut four = Four::new();
        four.decided(&[(0, 5), (1, 5), (2, 5), (3, 5)]);
        assert_eq!(
            four.waits(0),
            [125, 250, 500, 1_000, 1_500, 1_750],
            "a quarter at least, and from round 4 on no less"
        );
        four.decided(&[(0, 60), (1, 60), (2, 60), (3, 60)]);
        assert_eq!(four.waits(3), [240, 480, 960, 1_250, 1_500, 1_750]);
    }

    #[test]
    fn a_slow_proposer_stretches_no_wait_and_a_slow_network_all() {
        let mut four = Four::new();
        four.decided(&[(0, 5), (1, 5), (2, 5), (3, 5)]);
        for late_ms in [100, 200, 300, 400, 500] {
            four.pace.late(four.id(3), late_ms, OF.first_ms);
            four.decided(&[(3, late_ms)]);
        }
        assert_eq!([0, 1, 2, 3].map(|place| four.first(place)), [125; 4]);
        // Half of them are slow: a second one that is late is believed.
        four.pace.late(four.id(2), 90, OF.first_ms);
        assert_eq!([0, 1, 2, 3].map(|place| four.first(place)), [360, 360, 125, 125]);
        four.pace.late(four.id(1), 80, OF.first_ms);
        assert_eq!([0, 1, 2, 3].map(|place| four.first(place)), [360, 360, 320, 320]);
    }

    #[test]
    fn what_was_slow_is_remembered_and_fades() {
        let mut four = Four::new();
        four.decided(&[(0, 100), (1, 100), (2, 100), (3, 100)]);
        for _ in 0..45 {
            four.decided(&[(0, 5), (1, 5), (2, 5), (3, 5)]);
        }
        assert!((190..=210).contains(&four.first(0)), "{:?}", four.pace);
        for _ in 0..2_500 {
            four.decided(&[(0, 5), (1, 5), (2, 5), (3, 5)]);
        }
        assert_eq!(four.first(0), 125);
        assert!(four.pace.longest.values().all(|longest| *longest <= 5 * PARTS));
        four.pace.decided(None, &set(1), OF.first_ms);
        assert!(four.pace.longest.len() <= 1, "who left the set is forgotten");
    }
}
