//! Rotation, quorum arithmetic, schedule, results, and every rule about a block.

use std::collections::BTreeSet;

use proptest::prelude::*;
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::schedule::Entry;
use quancheng_types::{
    Absence, Attendance, BatchCertificate, BatchHeader, BatchRef, Block, BlockId, ChainId, Decisions, Digest, Header,
    Height, List, MisbehaviorProof, NodeId, PROTOCOL_VERSION, Parameters, Round, Schedules, SignedVote, SigningKey,
    Text, Validator, ValidatorId, ValidatorSet, VersionPlan, Vote, VoteType,
};

use super::context::CoreValidatorSet;
use super::header_error::HeaderError;
use super::results::{Comparison, Results};
use super::rotation::Rotation;
use super::rules::{Expected, check_content, check_header, has_quorum};
use super::schedule::{Rules, Schedule};
use crate::availability::{AuthorWindow, Windows};
use crate::checker::CachedChecker;
use crate::planted::Planted;

fn chain() -> ChainId {
    ChainId(Digest([7; 32]))
}

fn key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 1; 32])
}

fn set(powers: &[u64]) -> ValidatorSet {
    let validators = powers
        .iter()
        .zip(0_u8..)
        .map(|(power, index)| Validator {
            public_key: key(index).public_key(),
            power: *power,
            node_id: NodeId(Digest([index; 32])),
            organization: Text::new("org").unwrap(),
            interest: Text::new("none").unwrap(),
        })
        .collect();
    ValidatorSet::new(validators).unwrap()
}

fn rules(powers: &[u64]) -> Rules {
    Rules::new(set(powers), Parameters::default(), PROTOCOL_VERSION)
}

#[test]
fn equal_powers_take_turns_in_order() {
    let rotation = Rotation::new(&set(&[5, 5, 5, 5]));
    for height in 0..20 {
        for round in 0..9 {
            let expected = usize::try_from((height + u64::from(round)) % 4).unwrap();
            assert_eq!(rotation.turn(height, round), expected);
        }
    }
    assert!(rotation.turn(u64::MAX, u32::MAX) < 4);
}

#[test]
fn turns_follow_power_and_are_spread() {
    let powers = set(&[1, 2, 3]);
    let rotation = Rotation::new(&powers);
    let turns: Vec<usize> = (0..6).map(|height| rotation.turn(height, 0)).collect();
    for (index, validator) in powers.validators().iter().enumerate() {
        let share = turns.iter().filter(|turn| **turn == index).count();
        assert_eq!(u64::try_from(share).unwrap(), validator.power);
    }
    let doubles = turns.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(doubles <= 1, "{turns:?}");
}

#[test]
fn extreme_powers_give_everyone_a_turn() {
    let powers = set(&[1 << 60, 1 << 60, 3]);
    let rotation = Rotation::new(&powers);
    let mut seen = std::collections::BTreeSet::new();
    for height in 0..5000 {
        seen.insert(rotation.turn(height, 0));
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn quorum_is_more_than_two_thirds_for_every_small_set() {
    for total in 1..=40_usize {
        let powers = set(&vec![1; total]);
        let needed = usize::try_from(powers.quorum()).unwrap();
        assert!(3 * needed > 2 * total && 3 * (needed - 1) <= 2 * total, "total {total}");
        let honest = usize::try_from(powers.one_honest()).unwrap();
        let faulty = (total - 1) / 3;
        assert_eq!(honest, faulty + 1, "total {total}: one more than the greatest tolerable number of liars");
        assert!(2 * needed > total + faulty, "two quorums share an honest validator");
        for signers in 0..=total {
            let signatures = sign_all(&powers, &Digest::ZERO, signers);
            assert_eq!(has_quorum(&signatures, &powers, false), signers >= needed);
        }
    }
}

#[test]
fn a_signer_counts_once_and_strangers_not_at_all() {
    let powers = set(&[1; 4]);
    let all = sign_all(&powers, &Digest::ZERO, 3);
    assert!(has_quorum(&all, &powers, false));
    let twice = vec![all[0], all[1], all[1]];
    assert!(!has_quorum(&twice, &powers, false));
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    assert!(!has_quorum(&reversed, &powers, false));
    let mut stranger = all;
    stranger[2].validator = ValidatorId(Digest([255; 32]));
    assert!(!has_quorum(&stranger, &powers, false));
}

/// Signatures of the first `count` members, in order of id.
fn sign_all(validators: &ValidatorSet, message: &Digest, count: usize) -> Vec<CertificateSignature> {
    let keys: Vec<SigningKey> = (0..40).map(key).collect();
    validators
        .validators()
        .iter()
        .take(count)
        .map(|validator| {
            let key = keys.iter().find(|key| key.public_key() == validator.public_key).unwrap();
            CertificateSignature { validator: validator.id(), signature: key.sign(message.as_bytes()) }
        })
        .collect()
}

fn decided<T>(decided: u64, effective: u64, value: T) -> Option<Entry<T>> {
    Some(Entry { effective: Height(effective), decided: Height(decided), value })
}

/// Whatever heights governance computed: nobody computes them again.
#[test]
fn what_was_decided_is_in_force_from_the_height_that_was_carried() {
    let lag = Parameters::default().execution_lag_max;
    let start = Schedules::starting(set(&[1; 4]), Parameters::default());
    let mut schedule = Schedule::new(start.clone(), Height(0), Height(1), Planted::default()).unwrap();
    let (old, new) = (set(&[1; 4]).hash(), set(&[1; 7]).hash());
    assert!(schedule.is_known(Height(lag + 2)));
    assert!(!schedule.is_known(Height(lag + 3)));
    for height in 1..5 {
        schedule.executed(Height(height), Decisions::default()).unwrap();
    }
    let plan = VersionPlan { version: 9, notice: Text::new("install 9").unwrap() };
    let parameters = Parameters { heartbeat_ms: 7_777, ..Parameters::default() };
    let decisions = [
        Decisions { version: decided(5, 200, plan), ..Decisions::default() },
        Decisions { validators: decided(6, 31, set(&[1; 7])), ..Decisions::default() },
        Decisions { parameters: decided(7, 40, parameters), ..Decisions::default() },
    ];
    let mut schedules = start;
    for (height, decisions) in (5..).zip(decisions) {
        schedule.executed(Height(height), decisions.clone()).unwrap();
        schedules.enter(decisions).unwrap();
    }
    let recovered = Schedule::new(schedules, Height(7), Height(12), Planted::default()).unwrap();
    for schedule in [schedule, recovered] {
        let at = |height: u64| {
            let rules = schedule.at(Height(height));
            (rules.validators_hash == new, rules.parameters.heartbeat_ms == 7_777, rules.version)
        };
        assert_eq!(schedule.at(Height(30)).validators_hash, old);
        assert_eq!((at(30), at(31), at(39)), ((false, false, 1), (true, false, 1), (true, false, 1)));
        assert_eq!((at(40), at(199), at(200)), ((true, true, 1), (true, true, 1), (true, true, 9)));
        assert_eq!(schedule.version_at(Height(200)).unwrap().notice.as_str(), "install 9");
        assert_eq!(schedule.latest().version, 9);
    }
}

#[test]
fn rules_are_forgotten_when_they_have_ended() {
    let start = Schedules::starting(set(&[1; 4]), Parameters::default());
    let mut schedule = Schedule::new(start, Height(0), Height(1), Planted::default()).unwrap();
    let decisions = Decisions { validators: decided(5, 15, set(&[1; 7])), ..Decisions::default() };
    schedule.executed(Height(5), decisions).unwrap();
    let (old, new) = (set(&[1; 4]).hash(), set(&[1; 7]).hash());
    schedule.forget_before(Height(14));
    assert_eq!(schedule.at(Height(14)).validators_hash, old);
    schedule.forget_before(Height(15));
    assert_eq!(schedule.at(Height(15)).validators_hash, new);
    // What is decided later does not bring them back.
    let decisions = Decisions { validators: decided(9, 19, set(&[1; 5])), ..Decisions::default() };
    schedule.executed(Height(9), decisions).unwrap();
    assert_eq!(schedule.at(Height(15)).validators_hash, new);
    assert_eq!(schedule.at(Height(19)).validators_hash, set(&[1; 5]).hash());
}

fn history(height: u64) -> (u64, Digest) {
    (height + 1, Digest([u8::try_from(height).unwrap(); 32]))
}

#[test]
fn a_certified_history_is_compared_now_or_when_executed() {
    let mut results = Results::new([(Height(0), history(0)), (Height(1), history(1))]);
    let mut header = base_header();
    (header.executed_height, header.history_size, header.history_root) = (Height(1), 2, history(1).1);
    assert_eq!(results.compare(&header), Comparison::Equal);
    header.history_root = Digest([99; 32]);
    assert!(matches!(results.compare(&header), Comparison::Differs(_)));
    assert!(results.certify(&header).is_err());
    header.executed_height = Height(2);
    assert_eq!(results.compare(&header), Comparison::NotYet);
    assert!(results.certify(&header).is_ok());
    assert!(results.executed(Height(2), history(2)).is_err(), "the mismatch is found when this node executes");
}

// ---- rules ----

struct Chain {
    rules: Rules,
    parent: Header,
    absences: Vec<Absence>,
}

fn base_header() -> Header {
    let rules = rules(&[1; 4]);
    Header {
        version: PROTOCOL_VERSION,
        chain_id: chain(),
        height: Height(10),
        time_ms: 5_000,
        parent: BlockId::default(),
        proposer: rules.validators.ids()[2],
        round: Round(0),
        batches_root: Block::batches_root(&[]),
        validators_hash: rules.validators_hash,
        next_validators_hash: rules.validators_hash,
        params_hash: rules.params_hash,
        executed_height: Height(8),
        history_size: 9,
        history_root: Digest([8; 32]),
        misbehavior_root: Block::misbehavior_root(&[]),
        attendance_hash: Attendance::default().hash(),
    }
}

impl Chain {
    fn new() -> Self {
        let parent = Header { height: Height(9), ..base_header() };
        Self { rules: rules(&[1; 4]), parent, absences: Vec::new() }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            chain_id: chain(),
            height: Height(10),
            parent: Some(&self.parent),
            rules: &self.rules,
            turns: &self.rules.core,
            absences: &self.absences,
            next_validators_hash: self.rules.validators_hash,
            lag_max: 8,
            planted: Planted::default(),
        }
    }

    fn good(&self) -> Block {
        let header = Header {
            parent: self.parent.id(),
            time_ms: 5_001,
            executed_height: Height(9),
            history_size: 10,
            ..base_header()
        };
        Block { header, batches: List::empty(), misbehavior: List::empty(), attendance: Attendance::default() }
    }

    fn batch(&self, author: u8, sequence: u64, signers: usize) -> BatchRef {
        let author = ValidatorId::of(&key(author).public_key());
        let header = BatchHeader {
            chain_id: chain(),
            author,
            sequence,
            transactions_root: Digest([1; 32]),
            count: 1,
            bytes: 100,
            weight: 100,
        };
        let signatures = sign_all(&self.rules.validators, &header.ack_message(), signers);
        BatchRef { header, certificate: BatchCertificate { signatures: List::new(signatures).unwrap() } }
    }

    fn content(&self, batches: Vec<BatchRef>, windows: &Windows) -> Result<(), HeaderError> {
        let mut block = self.good();
        block.batches = List::new(batches).unwrap();
        check_content(&self.expected(), &block, windows, &mut CachedChecker::new())
    }
}

#[test]
fn a_good_header_passes() {
    let chain = Chain::new();
    assert_eq!(check_header(&chain.expected(), &chain.good()), Ok(()));
}

#[test]
fn every_field_of_the_header_is_judged() {
    type Case = (fn(&mut Header), fn(&HeaderError) -> bool);
    let cases: [Case; 18] = [
        (|h| h.version = 2, |e| matches!(e, HeaderError::Version { expected: 1, found: 2 })),
        (|h| h.chain_id = ChainId(Digest([0; 32])), |e| matches!(e, HeaderError::Chain { .. })),
        (|h| h.height = Height(11), |e| matches!(e, HeaderError::Height { .. })),
        (|h| h.parent = BlockId::default(), |e| matches!(e, HeaderError::Parent { .. })),
        (|h| h.time_ms = 5_000, |e| matches!(e, HeaderError::Time { parent_ms: 5_000, found_ms: 5_000 })),
        (|h| h.time_ms = 0, |e| matches!(e, HeaderError::Time { .. })),
        (|h| h.proposer = ValidatorId(Digest([0; 32])), |e| matches!(e, HeaderError::Proposer { .. })),
        (|h| h.validators_hash = Digest::ZERO, |e| matches!(e, HeaderError::Validators)),
        (|h| h.next_validators_hash = Digest::ZERO, |e| matches!(e, HeaderError::NextValidators)),
        (|h| h.params_hash = Digest::ZERO, |e| matches!(e, HeaderError::Parameters)),
        (|h| h.executed_height = Height(7), |e| matches!(e, HeaderError::ExecutedHeight { least: Height(8), .. })),
        (|h| h.executed_height = Height(10), |e| matches!(e, HeaderError::ExecutedHeight { greatest: Height(9), .. })),
        (|h| h.history_size = 9, |e| matches!(e, HeaderError::HistorySize { found: 9, expected: 10 })),
        (|h| h.batches_root = Digest::ZERO, |e| matches!(e, HeaderError::Content)),
        (|h| h.misbehavior_root = Digest::ZERO, |e| matches!(e, HeaderError::Content)),
        (|h| h.attendance_hash = Digest::ZERO, |e| matches!(e, HeaderError::Content)),
        (|h| h.round = Round(1), |e| matches!(e, HeaderError::Proposer { .. })),
        (|h| h.round = Round(4), |e| matches!(e, HeaderError::Absences)),
    ];
    let chain = Chain::new();
    for (index, (spoil, is_expected)) in cases.iter().enumerate() {
        let mut block = chain.good();
        spoil(&mut block.header);
        let error = check_header(&chain.expected(), &block).expect_err(&format!("case {index} passed"));
        assert!(is_expected(&error), "case {index}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn the_lag_is_bounded() {
    let mut chain = Chain::new();
    chain.parent.executed_height = Height(0);
    chain.parent.history_size = 1;
    let mut block = chain.good();
    block.header.parent = chain.parent.id();
    for executed in 0..=10 {
        (block.header.executed_height, block.header.history_size) = (Height(executed), executed + 1);
        assert_eq!(check_header(&chain.expected(), &block).is_ok(), (2..=9).contains(&executed), "{executed}");
    }
}

#[test]
fn the_first_block_has_no_parent() {
    let chain = Chain::new();
    let mut expected = chain.expected();
    (expected.parent, expected.height) = (None, Height(1));
    let mut block = chain.good();
    (block.header.height, block.header.parent) = (Height(1), BlockId::default());
    (block.header.executed_height, block.header.history_size) = (Height(0), 1);
    block.header.proposer = chain.rules.validators.ids()[1];
    assert_eq!(check_header(&expected, &block), Ok(()));
}

#[test]
fn only_certified_batches_of_validators_are_ordered() {
    let chain = Chain::new();
    let windows = Windows::default();
    assert_eq!(chain.content(vec![chain.batch(0, 1, 3), chain.batch(1, 1, 4)], &windows), Ok(()));
    assert_eq!(chain.content(vec![chain.batch(0, 1, 2)], &windows), Err(HeaderError::BatchCertificate { index: 0 }));
    assert_eq!(
        chain.content(vec![chain.batch(0, 1, 3), chain.batch(9, 1, 3)], &windows),
        Err(HeaderError::Batch { index: 1 })
    );
    assert_eq!(chain.content(vec![chain.batch(0, u64::MAX, 3)], &windows), Err(HeaderError::Batch { index: 0 }));
    let mut forged = chain.batch(0, 1, 3);
    forged.header.count = 2;
    assert_eq!(chain.content(vec![forged], &windows), Err(HeaderError::BatchCertificate { index: 0 }));
}

#[test]
fn a_block_keeps_its_weight() {
    let chain = Chain::new();
    let windows = Windows::default();
    let max = chain.rules.parameters.block_weight_max;
    let heavy = |author, weight| {
        let mut batch = chain.batch(author, 1, 3);
        batch.header.weight = weight;
        let signatures = sign_all(&chain.rules.validators, &batch.header.ack_message(), 3);
        batch.certificate = BatchCertificate { signatures: List::new(signatures).unwrap() };
        batch
    };
    assert_eq!(chain.content(vec![heavy(0, max / 2), heavy(1, max / 2)], &windows), Ok(()));
    assert_eq!(
        chain.content(vec![heavy(0, max / 2), heavy(1, max / 2 + 1)], &windows),
        Err(HeaderError::TooHeavy { weight: max / 2 * 2 + 1, max })
    );
    let ceiling = quancheng_types::limits::BATCH_WEIGHT_MAX;
    assert_eq!(chain.content(vec![heavy(0, ceiling)], &windows), Ok(()));
    assert_eq!(chain.content(vec![heavy(0, ceiling + 1)], &windows), Err(HeaderError::Batch { index: 0 }));
    assert!(matches!(
        chain.content(vec![heavy(0, u64::MAX), heavy(1, u64::MAX)], &windows),
        Err(HeaderError::TooHeavy { weight: u64::MAX, .. })
    ));
}

#[test]
fn a_batch_is_ordered_once() {
    let chain = Chain::new();
    let mut window = AuthorWindow::default();
    window.insert(5);
    let windows = Windows::new([(ValidatorId::of(&key(0).public_key()), window)], Planted::default());
    assert_eq!(chain.content(vec![chain.batch(0, 4, 3)], &windows), Ok(()), "a gap may be filled later");
    assert_eq!(chain.content(vec![chain.batch(0, 5, 3)], &windows), Err(HeaderError::RepeatedBatch { index: 0 }));
    let twice = vec![chain.batch(1, 5, 3), chain.batch(1, 5, 3)];
    assert_eq!(chain.content(twice, &windows), Err(HeaderError::RepeatedBatch { index: 1 }));
}

#[test]
fn only_convincing_proofs_and_one_per_offence() {
    let chain = Chain::new();
    let vote = |block: Option<u8>| {
        let vote = Vote {
            kind: VoteType::Prevote,
            chain_id: self::chain(),
            height: Height(3),
            round: Round(0),
            block_id: block.map(|byte| BlockId(Digest([byte; 32]))),
        };
        let signature = key(2).sign(vote.sign_message().as_bytes());
        SignedVote { vote, validator: ValidatorId::of(&key(2).public_key()), signature }
    };
    let proof = |a, b| crate::misbehavior::conflicting_votes(vote(a), vote(b)).unwrap();
    let check = |proofs: Vec<MisbehaviorProof>| {
        let mut block = chain.good();
        block.misbehavior = List::new(proofs).unwrap();
        check_content(&chain.expected(), &block, &Windows::default(), &mut CachedChecker::new())
    };
    assert_eq!(check(vec![proof(None, Some(1))]), Ok(()));
    assert_eq!(
        check(vec![proof(None, Some(1)), proof(Some(2), Some(1))]),
        Err(HeaderError::Misbehavior { index: 1 }),
        "one offence, two proofs"
    );
    let MisbehaviorProof::ConflictingVotes { first, mut second } = proof(None, Some(1)) else { panic!("votes") };
    second.signature = first.signature;
    let forged = MisbehaviorProof::ConflictingVotes { first, second };
    assert_eq!(check(vec![forged]), Err(HeaderError::Misbehavior { index: 0 }));
}

proptest! {
    /// Over one cycle everyone proposes in proportion to power.
    #[test]
    fn shares_are_fair(powers in proptest::collection::vec(1..20_u64, 1..8)) {
        let validators = set(&powers);
        let rotation = Rotation::new(&validators);
        let total = validators.total_power();
        let mut shares = vec![0_u64; powers.len()];
        for height in 0..total {
            shares[rotation.turn(height, 0)] += 1;
        }
        for (share, validator) in shares.iter().zip(validators.validators()) {
            prop_assert_eq!(*share, validator.power);
        }
    }
}

/// One that is passed over may alone hold a lock: a height in trouble needs its turn.
#[test]
fn from_the_fifth_round_on_nobody_is_passed_over() {
    let set = set(&[1, 1, 1, 1]);
    let turns = CoreValidatorSet::new(&set).passing_over(&set, &[1]);
    let away = set.ids()[1];
    for height in (0..9).map(Height) {
        let proposers: Vec<_> = (0..8).map(|round| turns.proposer(height, Round(round))).collect();
        assert!(!proposers[..4].contains(&away), "{height}");
        assert_eq!(proposers[4..].iter().collect::<BTreeSet<_>>(), set.ids().iter().collect(), "{height}");
        assert!(!turns.missed(height, Round(4)).contains(&away));
        assert_eq!(turns.missed(height, Round(8)), set.ids());
        assert_eq!(turns.missed(height, Round(u32::MAX)), set.ids());
    }
}
