//! What one faulty validator, or a follower on the allow-list, can do to this node with bytes of its choice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    Attendance, Batch, BatchCertificate, BatchRef, Block, CommitCertificate, Header, List, PROTOCOL_VERSION, Proposal,
    PublicKey, Signature, SignedBatch, SignedProposal, SignedTransaction, Transaction, codec, limits as chain_limits,
};

use super::super::height::{EarlyMessages, HeightState};
use super::*;
use crate::availability::WINDOW_SEQUENCES;
use crate::limits::{EARLY_PROPOSALS_PER_PEER_MAX, HEIGHT_BLOCKS_MAX, OWN_BATCHES_MAX, ROUND_BLOCKS_MAX};
use crate::message::{
    CommittedBlock, PolkaCertificate, ProposalMessage, RoundCertificate, RoundCertificateKind, RoundVote, SignAnswer,
};
use crate::ordering::rules::absences_after;

/// Validator 0 of four, free to sign, at height 1.
pub(super) fn running() -> Engine {
    running_with(fresh_state(), Box::new(CachedChecker::new()))
}

fn running_with(state: RecoveredState, checker: Box<dyn SignatureChecker>) -> Engine {
    let mut engine = engine_with(4, state, checker);
    engine.step(now(0), Input::Start);
    for peer in 1..4 {
        let answer =
            SignAnswer { validator: id_of(0), nonce: EPOCH_MS, committed: Height(0), latest: None, alive: None };
        hear(&mut engine, peer, Message::SignAnswer(answer));
    }
    assert!(engine.startup.is_done());
    engine
}

pub(super) fn hear(engine: &mut Engine, from: u8, message: Message) -> Vec<Action> {
    engine.step(now(1), Input::Peer { from: node_id(from), message, verified: false })
}

pub(super) fn blames(actions: &[Action]) -> Vec<Offence> {
    actions
        .iter()
        .filter_map(|action| if let Action::Blame { offence, .. } = action { Some(*offence) } else { None })
        .collect()
}

fn forged(mut vote: SignedVote) -> SignedVote {
    vote.signature = key(9).sign(&[0; 32]);
    vote
}

#[test]
fn a_vote_that_convicts_its_sender_is_logged_once_however_often_it_comes() {
    let mut engine = running();
    let mut logged = 0;
    for n in 0..200 {
        let block = if n == 0 { None } else { Some(7) };
        let actions = hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, block)));
        logged += actions.iter().filter(|action| matches!(action, Action::AppendLog(LogEntry::Vote(_)))).count();
    }
    assert_eq!(logged, 2, "the two votes that make the proof");
    // Ever new votes of one slot, all of them signed: three proofs are enough.
    for n in 0..200 {
        let actions = hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, Some(n))));
        logged += actions.iter().filter(|action| matches!(action, Action::AppendLog(LogEntry::Vote(_)))).count();
    }
    assert!(logged <= 4, "{logged}");
}

#[test]
fn one_forged_vote_ends_the_reading_of_its_message() {
    let mut engine = running();
    hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, None)));
    let votes: Vec<_> = (0..100).map(|n| forged(vote_of(1, 1, 0, VoteType::Prevote, Some(n)))).collect();
    let actions = hear(&mut engine, 1, Message::Votes(List::new(votes).unwrap()));
    assert_eq!(blames(&actions), [Offence::BadSignature]);
}

#[test]
fn forged_certificates_of_a_round_are_blamed_on_their_sender_and_good_ones_are_not() {
    let mut engine = running();
    hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, None)));
    let polka = |signers: &[SignedVote]| {
        let mut signatures: Vec<_> = signers
            .iter()
            .map(|vote| CertificateSignature { validator: vote.validator, signature: vote.signature })
            .collect();
        signatures.sort_by_key(|entry| entry.validator);
        let block_id = BlockId(Digest([7; 32]));
        let signatures = List::new(signatures).unwrap();
        Message::Polka(PolkaCertificate { height: Height(1), round: Round(0), block_id, signatures })
    };
    let good: Vec<_> = (1..4).map(|index| vote_of(index, 1, 0, VoteType::Prevote, Some(7))).collect();
    let mut bad = good.clone();
    bad[2] = forged(bad[2]);
    assert_eq!(blames(&hear(&mut engine, 1, polka(&bad))), [Offence::BadCertificate]);
    assert_eq!(blames(&hear(&mut engine, 1, polka(&good))), []);

    let change = |signers: &[SignedVote]| {
        let votes = signers
            .iter()
            .map(|vote| RoundVote {
                kind: vote.vote.kind,
                block_id: vote.vote.block_id,
                validator: vote.validator,
                signature: vote.signature,
            })
            .collect();
        let votes = List::new(votes).unwrap();
        let kind = RoundCertificateKind::Skip;
        Message::RoundChange(RoundCertificate { height: Height(1), round: Round(3), kind, votes })
    };
    let good: Vec<_> = (1..3).map(|index| vote_of(index, 1, 3, VoteType::Prevote, None)).collect();
    assert_eq!(blames(&hear(&mut engine, 1, change(&[good[0], forged(good[1])]))), [Offence::BadCertificate]);
    assert_eq!(blames(&hear(&mut engine, 1, change(&good))), []);
    assert_eq!(engine.status().round, Some(Round(3)));
}

fn id(n: u32) -> BlockId {
    BlockId(sha256(&[&n.to_le_bytes()]))
}

#[test]
fn rounds_of_which_nobody_remembers_anything_offer_no_blocks() {
    let mut height = HeightState::new(Height(1), Vec::new());
    let mut offer = |round, id| {
        let is_admitted = height.admits_offer(Round(round), &id);
        if is_admitted {
            height.offer(Round(round), id);
        }
        is_admitted
    };
    let rounds = 2 * u32::try_from(HEIGHT_BLOCKS_MAX).unwrap();
    for round in 0..rounds {
        assert!(offer(round, id(round)));
    }
    let offered = (0..1_000).filter(|n| offer(3, id(1_000 + n))).count();
    assert_eq!(offered, 0, "an old round would else offer without end");
    let offered = (0..1_000).filter(|n| offer(rounds - 1, id(1_000 + n))).count();
    assert_eq!(offered, ROUND_BLOCKS_MAX - 1);
    assert!(offer(rounds - 1, id(rounds - 1)), "what was offered may be repeated");
}

#[test]
fn blocks_that_made_room_do_not_come_back_to_be_judged_again() {
    let mut engine = running();
    hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, None)));
    let block = Arc::new(block(&engine, 1, EPOCH_MS));
    let height = &mut engine.height;
    let most = u32::try_from(HEIGHT_BLOCKS_MAX).unwrap();
    for round in 0..=most {
        height.insert(id(round), Arc::clone(&block), Round(round), None);
    }
    assert!(!height.candidates.contains_key(&id(0)), "the oldest made room");
    let judged: BTreeSet<_> = height.candidates.keys().copied().collect();
    height.insert(id(0), Arc::clone(&block), Round(0), None);
    assert_eq!(height.candidates.keys().copied().collect::<BTreeSet<_>>(), judged);
    height.insert(id(0), block, Round(0), Some(id(0)));
    assert!(height.candidates.contains_key(&id(0)), "a quorum prevoted it");
    assert_eq!(height.candidates.len(), HEIGHT_BLOCKS_MAX);
}

/// An empty block that fits height 1, in the first round that is this proposer's turn.
pub(super) fn block(engine: &Engine, proposer: u8, time_ms: u64) -> Block {
    let expected = engine.expected();
    let turn = |round: &u32| expected.turns.proposer(Height(1), Round(*round)) == id_of(proposer);
    let round = (0..4).find(turn).map_or(Round(0), Round);
    let mut header = Header {
        version: PROTOCOL_VERSION,
        chain_id: chain_id(),
        height: Height(1),
        time_ms,
        parent: BlockId::default(),
        proposer: id_of(proposer),
        round,
        batches_root: Block::batches_root(&[]),
        validators_hash: expected.rules.validators_hash,
        next_validators_hash: expected.next_validators_hash,
        params_hash: expected.rules.params_hash,
        executed_height: Height(0),
        history_size: 1,
        history_root: sha256(&[b"genesis"]),
        misbehavior_root: Block::misbehavior_root(&[]),
        attendance_hash: Digest::ZERO,
    };
    let absences = List::new(absences_after(&expected, &header, &[])).unwrap();
    let attendance = Attendance { absences, ..Attendance::default() };
    header.attendance_hash = attendance.hash();
    Block { header, batches: List::empty(), misbehavior: List::empty(), attendance }
}

pub(super) fn with_batches(mut block: Block, batches: Vec<BatchRef>) -> Block {
    block.header.batches_root = Block::batches_root(&batches);
    block.batches = List::new(batches).unwrap();
    block
}

pub(super) fn proposal(proposer: u8, round: u32, block: &Block) -> Message {
    let proposal = Proposal {
        chain_id: chain_id(),
        height: Height(1),
        round: Round(round),
        block_id: block.id(),
        pol_round: None,
    };
    let signature = key(proposer).sign(proposal.sign_message().as_bytes());
    let signed = SignedProposal { proposal, validator: id_of(proposer), signature };
    Message::Proposal(Box::new(ProposalMessage { signed, block: block.clone() }))
}

/// A round in which one of the others proposes, and who.
pub(super) fn round_of_another(engine: &Engine) -> (u8, u32) {
    let turns = (0..4).map(|round| (engine.core.proposer(Round(round)), round));
    let (proposer, round) = turns.into_iter().find(|(proposer, _)| *proposer != id_of(0)).unwrap();
    ((1..4).find(|index| id_of(*index) == proposer).unwrap(), round)
}

#[test]
fn an_untimely_proposal_raises_one_alarm_however_often_it_comes() {
    let mut engine = running();
    hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, None)));
    let (proposer, round) = round_of_another(&engine);
    let message = proposal(proposer, round, &block(&engine, proposer, EPOCH_MS + 86_400_000));
    let mut alarms = 0;
    for _ in 0..50 {
        let actions = hear(&mut engine, 2, message.clone());
        alarms += actions.iter().filter(|action| matches!(action, Action::Alarm(Alarm::ClockDrift { .. }))).count();
    }
    assert_eq!(alarms, 1);
}

#[test]
fn blocks_that_come_too_early_take_little_room() {
    let mut early = EarlyMessages::default();
    let engine = running();
    let block = block(&engine, 1, EPOCH_MS);
    for round in 0..20 {
        early.push(node_id(1), Height(2), Message::Vote(vote_of(1, 2, round, VoteType::Prevote, None)));
        early.push(node_id(1), Height(2), proposal(1, round, &block));
    }
    let kept = early.take(Height(2));
    let proposals = kept.iter().filter(|(_, message)| matches!(message, Message::Proposal(_))).count();
    assert_eq!(proposals, EARLY_PROPOSALS_PER_PEER_MAX);
    assert!(kept.len() > 2 * EARLY_PROPOSALS_PER_PEER_MAX, "votes keep their places");
}

pub(super) fn batch(author: u8, sequence: u64, nonce: u64) -> Arc<SignedBatch> {
    let body = Transaction {
        chain_id: chain_id(),
        signers: List::empty(),
        nonce,
        valid_until_ms: u64::MAX,
        calls: List::empty(),
    };
    let transaction = SignedTransaction { body, signatures: List::empty() };
    Arc::new(Batch::of(vec![transaction]).unwrap().sign(chain_id(), sequence, 1, &key(author)))
}

pub(super) fn certified(batch: &SignedBatch) -> BatchRef {
    let mut signatures: Vec<_> = (0..4)
        .map(|index| CertificateSignature {
            validator: id_of(index),
            signature: key(index).sign(batch.header.ack_message().as_bytes()),
        })
        .collect();
    signatures.sort_by_key(|entry| entry.validator);
    BatchRef { header: batch.header, certificate: BatchCertificate { signatures: List::new(signatures).unwrap() } }
}

/// Height 1 as three others decided it.
pub(super) fn decided(block: Block) -> Message {
    let mut signatures: Vec<_> = (1..4)
        .map(|index| {
            let vote = Vote {
                kind: VoteType::Precommit,
                chain_id: chain_id(),
                height: Height(1),
                round: Round(0),
                block_id: Some(block.id()),
            };
            let signature = key(index).sign(vote.sign_message().as_bytes());
            CertificateSignature { validator: id_of(index), signature }
        })
        .collect();
    signatures.sort_by_key(|entry| entry.validator);
    let certificate = CommitCertificate {
        height: Height(1),
        round: Round(0),
        block_id: block.id(),
        signatures: List::new(signatures).unwrap(),
    };
    Message::BlocksResponse(List::new(vec![CommittedBlock { block, certificate }]).unwrap())
}

fn forgotten(actions: &[Action]) -> Vec<quancheng_types::BatchId> {
    let mut ids = Vec::new();
    for action in actions {
        if let Action::ForgetBatches(more) = action {
            ids.extend(more);
        }
    }
    ids
}

fn checked(engine: &mut Engine, batch: &SignedBatch) -> Vec<Action> {
    engine.step(now(2), Input::BatchChecked { batch: batch.header.id(), verdict: BatchVerdict::Valid })
}

/// An author shows one batch of a number to most and another to this node: the other would lie on this disk for ever.
#[test]
fn the_other_batch_of_an_ordered_number_is_forgotten() {
    let (ordered, other) = (batch(1, 5, 1), batch(1, 5, 2));
    // It was stored before the first was ordered.
    let mut engine = running();
    hear(&mut engine, 1, Message::BatchOffer(Arc::clone(&other)));
    checked(&mut engine, &other);
    let one = with_batches(block(&engine, 1, EPOCH_MS), vec![certified(&ordered)]);
    let actions = hear(&mut engine, 2, decided(one.clone()));
    assert!(actions.iter().any(|action| matches!(action, Action::Commit(_))), "{actions:?}");
    assert_eq!(forgotten(&actions), [other.header.id()]);
    // It was still being checked.
    let mut engine = running();
    hear(&mut engine, 1, Message::BatchOffer(Arc::clone(&other)));
    hear(&mut engine, 2, decided(one.clone()));
    assert_eq!(forgotten(&checked(&mut engine, &other)), [other.header.id()]);
    // The ordered one itself stays, in either case.
    for is_checked_first in [true, false] {
        let mut engine = running();
        hear(&mut engine, 1, Message::BatchOffer(Arc::clone(&ordered)));
        let mut actions = Vec::new();
        if is_checked_first {
            actions.extend(checked(&mut engine, &ordered));
        }
        actions.extend(hear(&mut engine, 2, decided(one.clone())));
        if !is_checked_first {
            actions.extend(checked(&mut engine, &ordered));
        }
        assert_eq!(forgotten(&actions), []);
        assert!(actions.iter().any(|action| matches!(action, Action::BatchesReady { height } if *height == Height(1))));
    }
}

#[test]
fn leftovers_of_ordered_numbers_are_forgotten_at_the_start() {
    let (leftover, pending) = (batch(1, 5, 2), batch(1, 6, 3));
    let mut window = crate::AuthorWindow::default();
    window.insert(5);
    let state = RecoveredState {
        windows: vec![(id_of(1), window)],
        stored: vec![leftover.header, pending.header],
        ..fresh_state()
    };
    let mut engine = engine_with(4, state, Box::new(CachedChecker::new()));
    assert_eq!(forgotten(&engine.step(now(0), Input::Start)), [leftover.header.id()]);
}

/// The offer of a batch with this many bytes; whoever stores it checks that it is what its header says.
fn offer_of_bytes(sequence: u64, bytes: u32) -> Arc<SignedBatch> {
    let mut large = SignedBatch::clone(&batch(1, sequence, sequence));
    large.header.bytes = bytes;
    large.signature = key(1).sign(large.header.ack_message().as_bytes());
    Arc::new(large)
}

/// Sealed before the parameter was lowered, it holds admitted transactions: nobody else has them.
#[test]
fn a_batch_above_the_parameter_is_taken_up_to_the_limit_of_the_protocol() {
    let mut engine = running();
    let above = engine.parameters().batch_bytes_max + 1;
    for (sequence, bytes, is_taken) in
        [(1, above, true), (2, chain_limits::BATCH_BYTES_MAX, true), (3, chain_limits::BATCH_BYTES_MAX + 1, false)]
    {
        let actions = hear(&mut engine, 1, Message::BatchOffer(offer_of_bytes(sequence, bytes)));
        let is_checked = actions.iter().any(|action| matches!(action, Action::CheckBatch { .. }));
        assert_eq!(is_checked, is_taken, "{bytes} bytes");
    }
}

/// The batcher hears late how many are in flight: what it sealed meanwhile holds admitted transactions.
#[test]
fn own_batches_sealed_beyond_the_flight_are_kept() {
    let mut engine = running();
    let sealed = u64::try_from(OWN_BATCHES_MAX).unwrap() + 100;
    for sequence in 0..sealed {
        engine.step(now(1), Input::LocalBatch { batch: batch(0, sequence, sequence) });
    }
    assert_eq!(engine.local_batches_in_flight(), OWN_BATCHES_MAX + 100);
}

#[test]
fn an_own_batch_is_not_left_behind_by_the_window() {
    let mut engine = running();
    for sequence in 0..3 {
        engine.step(now(1), Input::LocalBatch { batch: batch(0, sequence, sequence) });
    }
    assert_eq!(engine.local_batches_in_flight(), 3);
    engine.step(now(1), Input::LocalBatch { batch: batch(0, WINDOW_SEQUENCES / 2, 9) });
    assert_eq!(engine.local_batches_in_flight(), OWN_BATCHES_MAX, "no more are sealed until the oldest is ordered");
}

fn room(count: usize, bytes: usize) -> crate::availability::Room {
    crate::availability::Room { count, bytes, weight: u64::MAX, weight_idle: u64::MAX, is_first_free: false }
}

#[test]
fn a_block_never_grows_longer_than_a_message_may_be() {
    let mut engine = running();
    let batches: Vec<_> = (1..40).map(|sequence| certified(&batch(1, sequence, sequence))).collect();
    for batch in &batches {
        hear(&mut engine, 1, Message::BatchCertified(Box::new(batch.clone())));
    }
    let pool = &engine.availability.pool;
    let one = codec::encode(&batches[0]).len();
    let whole = usize::try_from(chain_limits::BLOCK_BYTES_MAX).unwrap();
    assert_eq!(pool.select(&room(100, whole), 1).len(), batches.len());
    assert_eq!(pool.select(&room(100, 7 * one + 1), 1), batches[..7]);
    assert_eq!(pool.select(&room(5, whole), 1), batches[..5]);
    assert_eq!(pool.select(&room(100, one - 1), 1), []);
}

/// A checker that tells what it was told.
#[derive(Default)]
struct Told {
    inner: CachedChecker,
    remembered: Arc<Mutex<BTreeMap<Digest, usize>>>,
}

impl SignatureChecker for Told {
    fn check(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) -> bool {
        self.inner.check(key, message, signature)
    }

    fn remember(&mut self, key: &PublicKey, message: &Digest, signature: &Signature) {
        assert!(key.verify(message.as_bytes(), signature).is_ok());
        *self.remembered.lock().unwrap().entry(*message).or_default() += 1;
        self.inner.remember(key, message, signature);
    }
}

#[test]
fn own_acknowledgements_need_no_check_when_they_come_back() {
    let checker = Told::default();
    let remembered = Arc::clone(&checker.remembered);
    let mut engine = running_with(fresh_state(), Box::new(checker));
    let (own, other) = (batch(0, 1, 1), batch(1, 1, 2));
    engine.step(now(1), Input::LocalBatch { batch: Arc::clone(&own) });
    hear(&mut engine, 1, Message::BatchOffer(Arc::clone(&other)));
    checked(&mut engine, &other);
    let remembered = remembered.lock().unwrap();
    assert_eq!(remembered.get(&own.header.ack_message()), Some(&1));
    assert_eq!(remembered.get(&other.header.ack_message()), Some(&1));
}

/// A status that nothing vouches for, or the votes of one validator, used to keep an idle chain making blocks for ever.
#[test]
fn one_validator_alone_cannot_make_an_idle_chain_work() {
    let mut engine = running();
    let turn = engine.attendees.turns().proposer(Height(1), Round(0));
    let proposer = (0..4).find(|index| id_of(*index) == turn).unwrap();
    let first = block(&engine, proposer, EPOCH_MS);
    hear(&mut engine, 2, decided(first));
    assert_eq!((engine.status().committed, engine.status().round), (Height(1), None), "idle at height 2");
    let status = crate::message::RoundStatus {
        height: Height(2),
        round: Round(0),
        has_proposal: false,
        prevotes: crate::message::VoteBits::default(),
        precommits: crate::message::VoteBits::default(),
        valid_round: None,
    };
    for at_ms in 0..20 {
        let input = Input::Peer { from: node_id(1), message: Message::RoundStatus(status), verified: false };
        engine.step(now(100 + 50 * at_ms), input);
    }
    for kind in [VoteType::Prevote, VoteType::Precommit] {
        hear(&mut engine, 1, Message::Vote(vote_of(1, 2, 0, kind, None)));
    }
    assert_eq!(engine.status().round, None);
    hear(&mut engine, 3, Message::Vote(vote_of(3, 2, 0, VoteType::Prevote, None)));
    assert_eq!(engine.status().round, Some(Round(0)), "two of four: one of them is honest");
}

/// Whoever sends a batch that nobody asked for is told so; what it may have been asked for before a restart is no offence.
#[test]
fn a_batch_that_nobody_asked_for_is_an_offence() {
    let mut engine = running();
    let answer = Message::BatchResponse(batch(2, 1, 1));
    assert_eq!(blames(&hear(&mut engine, 1, answer.clone())), []);
    let later = now(crate::limits::LEFTOVER_MS + 1);
    let actions = engine.step(later, Input::Peer { from: node_id(1), message: answer, verified: false });
    assert_eq!(blames(&actions), [Offence::Unasked]);
}

/// A proposer whose clock is wrong cannot pass its block off as a repeated one: that takes the polka that it names.
#[test]
fn a_repeated_block_without_its_polka_is_not_voted_for() {
    let mut engine = running();
    hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, None)));
    hear(&mut engine, 2, Message::Vote(vote_of(2, 1, 0, VoteType::Prevote, None)));
    let (proposer, round) = round_of_another(&engine);
    let mut block = block(&engine, proposer, EPOCH_MS + 86_400_000);
    for pol_round in [Some(Round(round)), Some(Round(round + 1)), Some(Round(0))] {
        block.header.round = Round(0);
        let mut message = proposal(proposer, round, &block);
        if let Message::Proposal(proposal) = &mut message {
            proposal.signed.proposal.pol_round = pol_round;
            let statement = proposal.signed.proposal.sign_message();
            proposal.signed.signature = key(proposer).sign(statement.as_bytes());
        }
        let actions = hear(&mut engine, proposer, message);
        let votes = actions.iter().filter(
            |action| matches!(action, Action::Broadcast(Message::Vote(vote)) if vote.vote.block_id == Some(block.id())),
        );
        assert_eq!(votes.count(), 0, "{pol_round:?}");
    }
}
