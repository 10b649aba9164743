use proptest::prelude::*;
use quancheng_types::{Digest, NodeId, Signature, SigningKey, Text, Validator};

use super::*;

fn set(powers: &[u64]) -> ValidatorSet {
    let validators = powers.iter().zip(0_u8..).map(|(power, index)| Validator {
        public_key: SigningKey::from_seed([index + 1; 32]).public_key(),
        power: *power,
        node_id: NodeId(Digest([index; 32])),
        organization: Text::new("org").unwrap(),
        interest: Text::new("none").unwrap(),
    });
    ValidatorSet::new(validators.collect()).unwrap()
}

/// A chain of which only times, turns and absences matter.
struct Chain {
    set: ValidatorSet,
    absences: Vec<Absence>,
    time_ms: u64,
}

impl Chain {
    fn new(count: usize) -> Self {
        Self { set: set(&vec![1; count]), absences: Vec::new(), time_ms: 1_000_000 }
    }

    fn id(&self, place: usize) -> ValidatorId {
        self.set.ids()[place]
    }

    /// A block this much later, of this proposer, after these missed their turns.
    fn block(&mut self, after_ms: u64, proposer: usize, missed: &[usize], presences: &[Presence]) {
        self.time_ms += after_ms;
        let missed: Vec<_> = missed.iter().map(|place| self.id(*place)).collect();
        let proposer = self.id(proposer);
        let shown = Shown { validators: &self.set, missed: &missed, proposer, time_ms: self.time_ms, presences };
        self.absences = follow(&self.absences, &shown);
    }

    fn of(&self, place: usize) -> Option<Absence> {
        find(&self.absences, &self.id(place)).copied()
    }

    fn presence(&self, place: usize) -> Presence {
        let since_ms = self.of(place).map_or(0, |absence| absence.since_ms);
        Presence { validator: self.id(place), since_ms, signature: Signature::Ed25519([0; 64]) }
    }

    fn passed_over(&self) -> Vec<usize> {
        passed_over(&self.absences, &self.set)
    }
}

#[test]
fn a_missed_turn_is_the_last_until_the_validator_speaks() {
    let mut chain = Chain::new(4);
    chain.block(10, 2, &[1], &[]);
    assert_eq!(chain.passed_over(), [1]);
    for _ in 0..100_000 {
        chain.block(100, 2, &[], &[]);
    }
    assert_eq!(
        chain.passed_over(),
        [1],
        "nobody tries it out: an absent validator costs one turn, however long it is away"
    );
    let presence = chain.presence(1);
    chain.block(10, 3, &[], &[presence]);
    assert_eq!(chain.passed_over(), [0_usize; 0]);
    assert_eq!(chain.of(1).unwrap().misses, 1, "the miss is not forgotten");
    let before = chain.absences.clone();
    chain.block(10, 3, &[], &[presence]);
    assert_eq!(chain.absences, before, "a statement ends one absence");
}

#[test]
fn each_miss_makes_the_next_return_four_times_later() {
    let mut chain = Chain::new(4);
    for (miss, pause) in [1_000, 4_000, 16_000, 64_000, 256_000, 256_000, 256_000].into_iter().enumerate() {
        chain.block(10, 2, &[1], &[]);
        assert_eq!(usize::from(chain.of(1).unwrap().misses), (miss + 1).min(5));
        let presence = chain.presence(1);
        chain.block(pause - 1, 2, &[], &[presence]);
        assert_eq!(chain.passed_over(), [1], "too early after miss {miss}");
        chain.block(1, 2, &[], &[presence]);
        assert_eq!(chain.passed_over(), [0_usize; 0], "back after miss {miss}");
    }
}

#[test]
fn a_miss_is_forgiven_late_and_only_to_one_that_proposes() {
    let mut chain = Chain::new(4);
    for _ in 0..2 {
        chain.block(10, 2, &[1], &[]);
        let presence = chain.presence(1);
        chain.block(5_000, 2, &[], &[presence]);
    }
    chain.block(FORGIVE_MS - 1, 1, &[], &[]);
    assert_eq!(chain.of(1).unwrap().misses, 2, "too early");
    chain.block(1, 2, &[], &[]);
    assert_eq!(chain.of(1).unwrap().misses, 2, "the block of another");
    chain.block(1, 1, &[], &[]);
    assert_eq!(chain.of(1).unwrap().misses, 1);
    chain.block(10, 1, &[], &[]);
    assert_eq!(chain.of(1).unwrap().misses, 1, "one at a time");
    chain.block(FORGIVE_MS, 1, &[], &[]);
    assert!(chain.absences.is_empty());
}

#[test]
fn no_more_than_may_fail_are_passed_over() {
    let mut chain = Chain::new(4);
    chain.block(10, 3, &[0, 1, 2], &[]);
    assert_eq!(chain.passed_over().len(), 1);
    chain.block(10, 0, &[2], &[]);
    assert!(!chain.of(0).unwrap().away, "who proposes is there");
    assert_eq!(chain.passed_over(), [2], "who missed last");
    chain.block(10, 3, &[1], &[]);
    assert_eq!(chain.passed_over(), [1], "the same, though the other one missed more often");
    let mut chain = Chain::new(3);
    chain.block(10, 3 - 1, &[0], &[]);
    assert_eq!(chain.passed_over(), [0_usize; 0], "of three none may fail");
    // By power, not by heads.
    let heavy = set(&[5, 1, 1, 1]);
    let away = |place: usize| Absence { validator: heavy.ids()[place], misses: 1, away: true, since_ms: 1 };
    let mut all: Vec<_> = (0..4).map(away).collect();
    all.sort_by_key(|absence| absence.validator);
    let power: u64 = passed_over(&all, &heavy).into_iter().map(|place| heavy.validators()[place].power).sum();
    assert_eq!(power, heavy.total_power() - heavy.quorum());
}

#[test]
fn whoever_leaves_the_set_leaves_the_list() {
    let mut chain = Chain::new(5);
    chain.block(10, 2, &[1, 4], &[]);
    assert_eq!(chain.absences.len(), 2);
    let gone = chain.id(4);
    let rest = chain.set.validators().iter().zip(chain.set.ids()).filter(|(_, id)| **id != gone);
    let rest = rest.map(|(validator, _)| validator.clone()).collect();
    chain.set = ValidatorSet::new(rest).unwrap();
    chain.block(10, 0, &[], &[]);
    assert!(find(&chain.absences, &gone).is_none() && chain.absences.len() == 1);
}

proptest! {
    /// However turns are missed and whoever speaks: the list is bounded and ascends, and those that keep their turns are always enough.
    #[test]
    fn the_rotation_is_never_empty(
        powers in proptest::collection::vec(1..9_u64, 1..9),
        steps in proptest::collection::vec((0..500_000_u64, 0..9_usize, proptest::collection::vec(0..9_usize, 0..9), any::<bool>()), 0..40),
    ) {
        let mut chain = Chain { set: set(&powers), ..Chain::new(1) };
        let count = powers.len();
        for (after_ms, proposer, missed, speaks) in steps {
            let missed: Vec<_> = missed.into_iter().map(|place| place % count).collect();
            let presences = if speaks { (0..count).map(|place| chain.presence(place)).collect() } else { Vec::new() };
            chain.block(after_ms, proposer % count, &missed, &presences);
            prop_assert!(chain.absences.len() <= count);
            prop_assert!(chain.absences.windows(2).all(|pair| pair[0].validator < pair[1].validator));
            prop_assert!(chain.absences.iter().all(|absence| (1..=MISSES_MAX).contains(&absence.misses)));
            let passed: u64 = chain.passed_over().iter().map(|place| chain.set.validators()[*place].power).sum();
            prop_assert!(passed <= chain.set.total_power() - chain.set.quorum());
            let rotation = crate::ordering::rotation::Rotation::without(&chain.set, &chain.passed_over());
            for height in 0..40 {
                prop_assert!(!chain.passed_over().contains(&rotation.turn(height, 0)));
            }
        }
    }

    /// A liar that plays absent whenever it may costs ever fewer turns: after the first minutes less than one in four.
    #[test]
    fn playing_absent_pays_less_and_less(block_ms in 5..2_000_u64) {
        let mut chain = Chain::new(4);
        let (mut costs, mut turn) = (Vec::new(), 0);
        while chain.time_ms < 1_000_000 + 3_600_000 {
            let passed = chain.passed_over();
            let (proposer, missed): (usize, Vec<usize>) = if turn == 1 && !passed.contains(&1) { (2, vec![1]) } else { (turn.max(2), vec![]) };
            if !missed.is_empty() {
                costs.push(chain.time_ms);
            }
            let presences: Vec<_> = chain.of(1).filter(|absence| absence.away).map(|_| chain.presence(1)).into_iter().collect();
            let presences = presences.into_iter().filter(|one| is_return(&chain.absences, one, chain.time_ms + block_ms));
            let presences: Vec<_> = presences.collect();
            chain.block(block_ms, proposer, &missed, &presences);
            turn = (turn + 1) % 4;
        }
        let late = costs.windows(2).skip(4).map(|pair| pair[1] - pair[0]).min().unwrap();
        prop_assert!(late >= 256_000, "{late} ms between two of its misses");
        prop_assert!(costs.len() <= 20, "{} turns in an hour", costs.len());
    }
}
