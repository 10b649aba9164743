//! Each habit does what its name says.

use quancheng_consensus::message::{CommittedBlock, RoundStatus, VoteBits};
use quancheng_types::{CommitCertificate, Digest, SigningKey};

use super::super::mend::Pen;
use super::super::tests::{CHAIN, key, list, proposal, signed_batch, stock, vote};
use super::*;

fn peer(place: u8) -> (NodeId, ValidatorId) {
    let public_key = SigningKey::from_seed([place; 32]).public_key();
    (NodeId(Digest([place; 32])), ValidatorId::of(&public_key))
}

fn forger(habit: Habit, seed: u64) -> Forger {
    let mut random = Random::new(seed);
    let stock = stock(&mut random);
    Forger::new(Pen::new(key(), CHAIN), stock, (2..5).map(peer).collect(), Some(habit), random)
}

/// A proposal of this height, by the liar or by one of the others.
fn proposed(height: u64, by: &SigningKey) -> ProposalMessage {
    let ProposalMessage { mut signed, mut block } = proposal();
    let validator = ValidatorId::of(&by.public_key());
    (block.header.height, block.header.round, block.header.proposer) = (Height(height), Round(0), validator);
    signed.validator = validator;
    signed.proposal =
        Proposal { height: Height(height), round: Round(0), block_id: block.id(), pol_round: None, ..signed.proposal };
    signed.signature = by.sign(signed.proposal.sign_message().as_bytes());
    ProposalMessage { signed, block }
}

/// What the liar says when its engine proposes at this height.
fn at_its_turn(forger: &mut Forger, height: u64) -> Vec<Spoken> {
    forger.practise(None, &Message::Proposal(Box::new(proposed(height, &key())))).unwrap_or_default()
}

/// Its own prevote at this height.
fn own_vote(height: u64) -> Message {
    let mut signed = vote();
    (signed.vote.height, signed.vote.round) = (Height(height), Round(0));
    Pen::new(key(), CHAIN).sign_vote(&mut signed);
    Message::Vote(signed)
}

#[test]
fn a_withholding_liar_serves_nothing_or_late_and_says_that_it_has_all() {
    let (mut nothing, mut late) = (0, 0);
    for seed in 0..20 {
        let mut forger = forger(Habit::Withhold, seed);
        forger.height = Height(9);
        let certificate = CommitCertificate {
            height: Height(3),
            round: Round(0),
            block_id: proposal().block.id(),
            signatures: list(Vec::new()),
        };
        let blocks = list(vec![CommittedBlock { block: proposal().block, certificate }]);
        for answer in [Message::BatchResponse(signed_batch().into()), Message::BlocksResponse(blocks)] {
            let spoken = forger.practise(Some(peer(2).0), &answer).unwrap();
            assert!(spoken.iter().all(|one| one.after_us >= CRAWL_US.0 && one.message == answer));
            nothing += usize::from(spoken.is_empty());
            late += spoken.len();
        }
        let status = Message::Status(Status { committed: Height(2) });
        let claimed = forger.practise(None, &status).unwrap();
        assert_eq!(claimed[0].message, Message::Status(Status { committed: Height(9) }));
    }
    assert!(nothing > 0 && late > 0, "{nothing} {late}");
}

#[test]
fn a_withholding_liar_keeps_its_batches_from_one_and_the_same() {
    let mut forger = forger(Habit::Withhold, 1);
    let offer = Message::BatchOffer(signed_batch().into());
    let (victim, _) = forger.victim().unwrap();
    let to_all: Vec<NodeId> = forger.practise(None, &offer).unwrap().iter().filter_map(|one| one.to).collect();
    assert_eq!(to_all.len(), 2);
    assert!(!to_all.contains(&victim));
    assert!(forger.practise(Some(victim), &offer).unwrap().is_empty());
    assert_eq!(forger.practise(Some(to_all[0]), &offer).unwrap().len(), 1);
}

#[test]
fn a_proposer_just_in_time_feels_how_much_the_others_bear() {
    let mut forger = forger(Habit::JustInTime, 1);
    let heard = |forger: &mut Forger, height, block_id| {
        let after_us = at_its_turn(forger, height)[0].after_us;
        let own = forger.practise(None, &own_vote(height)).unwrap();
        assert!(own.iter().all(|one| one.after_us == after_us), "its vote does not come before its proposal");
        let mut others = vote();
        (others.vote.height, others.vote.round, others.vote.block_id) = (Height(height), Round(0), block_id);
        forger.learn(&Message::Vote(others));
        after_us
    };
    let block_id = Some(BlockId(Digest([1; 32])));
    let first = heard(&mut forger, 1, block_id);
    let second = heard(&mut forger, 2, None);
    let third = heard(&mut forger, 3, block_id);
    assert!(second > first && third < second, "{first} {second} {third}");
    assert!(forger.practise(None, &own_vote(9)).is_none(), "only its votes for its own proposals wait");
}

#[test]
fn a_framing_liar_accuses_in_whole_and_signed_blocks() {
    let (mut absent, mut accused, mut told) = (0, 0, 0);
    for seed in 0..60 {
        let mut forger = forger(Habit::Frame, seed);
        let (_, victim) = forger.victim().unwrap();
        for Spoken { message, .. } in at_its_turn(&mut forger, 3) {
            let Message::Proposal(lie) = message else {
                assert!(matches!(message, Message::Misbehavior(_)), "a proposal stays one");
                told += 1;
                continue;
            };
            let ProposalMessage { signed, block } = *lie;
            assert!(block.is_consistent());
            assert_eq!(signed.proposal.block_id, block.id());
            assert!(key().public_key().verify(signed.proposal.sign_message().as_bytes(), &signed.signature).is_ok());
            absent += usize::from(block.attendance.absences.iter().any(|absence| absence.validator == victim));
            accused += usize::from(block.misbehavior.len() > proposal().block.misbehavior.len());
        }
    }
    assert!(absent > 0 && accused > 0 && told > 0, "{absent} {accused} {told}");
}

#[test]
fn a_framing_liar_sees_no_proposal_of_its_victim_and_hurries_the_others() {
    let mut forger = forger(Habit::Frame, 2);
    let (victim, _) = forger.victim().unwrap();
    let place = (2..5).find(|place| peer(*place).0 == victim).unwrap();
    let of_victim = proposed(3, &SigningKey::from_seed([place; 32]));
    forger.stock.hear(&Message::Proposal(Box::new(of_victim.clone())).into(), &mut Random::new(1));
    let spoken = forger.practise(None, &own_vote(3)).unwrap();
    let Message::Vote(nil) = &spoken[0].message else { panic!("a vote stays one") };
    assert_eq!(nil.vote.block_id, None);
    assert!(key().public_key().verify(nil.vote.sign_message().as_bytes(), &nil.signature).is_ok());
    assert!(forger.practise(None, &own_vote(4)).is_none(), "its other votes are true");

    let heard = Message::Proposal(Box::new(of_victim));
    let hurried: Vec<Spoken> = (0..40).find_map(|_| forger.hurry(&heard)).unwrap();
    assert_eq!(hurried.len(), 2);
    for Spoken { to, message, .. } in hurried {
        let Message::Proposal(early) = message else { panic!("it hurries with proposals") };
        assert_ne!(to, Some(victim));
        assert_eq!(early.signed.proposal.height, Height(4));
        assert!(early.signed.proposal.round > Round(0));
    }
}

#[test]
fn an_absurd_liar_says_heights_and_rounds_at_their_ends() {
    let mut forger = forger(Habit::Absurd, 3);
    let status = RoundStatus {
        height: Height(40),
        round: Round(7),
        has_proposal: true,
        prevotes: VoteBits::default(),
        precommits: VoteBits::default(),
        valid_round: None,
    };
    let mut greatest = (0, 0);
    for _ in 0..400 {
        let Some(Message::RoundStatus(lie)) = forger.exaggerate(&Message::RoundStatus(status)) else {
            continue;
        };
        assert_eq!(RoundStatus { height: status.height, round: status.round, ..lie }, status);
        greatest = (greatest.0.max(lie.height.0), greatest.1.max(lie.round.0));
    }
    assert_eq!(greatest, (u64::MAX, u32::MAX));
}

#[test]
fn one_that_plays_absent_is_there_by_turns() {
    let mut forger = forger(Habit::Absent, 4);
    let is_there: Vec<bool> = (1..40)
        .map(|height| {
            let proposal = Message::Proposal(Box::new(proposed(height, &key())));
            let is_silent = forger.practise(None, &proposal).is_some_and(|spoken| spoken.is_empty());
            let is_vote_silent = forger.practise(None, &own_vote(height)).is_some_and(|spoken| spoken.is_empty());
            assert_eq!(is_silent, is_vote_silent, "its vote would show that it is there");
            assert!(forger.practise(None, &own_vote(height + 100)).is_none());
            !is_silent
        })
        .collect();
    let changes = is_there.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes >= 10 && is_there.iter().filter(|there| **there).count() >= 15, "{is_there:?}");
}
