//! A body that is not the one its id names, blocks that were found invalid, and strangers who take part.

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{BatchCertificate, Block, List};

use super::super::height::EarlyMessages;
use super::hostile::{
    batch, blames, block, certified, decided, hear, proposal, round_of_another, running, with_batches,
};
use super::*;
use crate::message::{PolkaCertificate, RoundCertificate, RoundCertificateKind, RoundStatus, RoundVote, VoteBits};

/// Changes what lies beside the proposal; the signature stays good.
fn mangled(message: &Message, spoil: impl FnOnce(&mut Block)) -> Message {
    let Message::Proposal(proposal) = message else {
        panic!("not a proposal: {message:?}");
    };
    let mut proposal = proposal.clone();
    spoil(&mut proposal.block);
    Message::Proposal(proposal)
}

fn without_certificates(block: &mut Block) {
    let mut batches = std::mem::take(&mut block.batches).into_vec();
    batches.iter_mut().for_each(|batch| batch.certificate = BatchCertificate::default());
    block.batches = List::new(batches).unwrap();
}

/// A good proposal with one batch, by one of the others.
fn good(engine: &Engine) -> (u8, Message) {
    let (proposer, round) = round_of_another(engine);
    let block = with_batches(block(engine, proposer, EPOCH_MS), vec![certified(&batch(1, 1, 1))]);
    (proposer, proposal(proposer, round, &block))
}

/// The same proposal, as its proposer would make it for height 2.
fn of_next_height(message: &Message) -> Message {
    let Message::Proposal(proposal) = message else { unreachable!() };
    let mut proposal = proposal.clone();
    proposal.block.header.height = Height(2);
    proposal.signed.proposal.height = Height(2);
    proposal.signed.proposal.block_id = proposal.block.id();
    let proposer = (0..4).find(|index| id_of(*index) == proposal.signed.validator).unwrap();
    proposal.signed.signature = key(proposer).sign(proposal.signed.proposal.sign_message().as_bytes());
    Message::Proposal(proposal)
}

fn logged_blocks(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::AppendLog(LogEntry::Block(_)))).count()
}

fn prevotes(actions: &[Action]) -> Vec<Option<BlockId>> {
    let mut blocks = Vec::new();
    for action in actions {
        if let Action::Broadcast(Message::Vote(vote)) = action
            && vote.vote.kind == VoteType::Prevote
        {
            blocks.push(vote.vote.block_id);
        }
    }
    blocks
}

#[test]
fn a_mangled_copy_is_its_carriers_fault_whenever_it_comes() {
    let mut engine = running();
    let (proposer, message) = good(&engine);
    let carrier = if proposer == 2 { 3 } else { 2 };
    let bad = mangled(&message, without_certificates);
    // Of the next height: it is not even kept.
    for (spoilt, expected) in [(false, vec![]), (true, vec![Offence::BadBlock])] {
        let mut early = of_next_height(&message);
        if spoilt {
            early = mangled(&early, without_certificates);
        }
        assert_eq!(blames(&hear(&mut engine, carrier, early)), expected);
    }
    assert_eq!(engine.early.take(Height(2)).len(), 1);
    // Of this height, before the good copy.
    let actions = hear(&mut engine, carrier, bad.clone());
    assert_eq!((blames(&actions), logged_blocks(&actions)), (vec![Offence::BadBlock], 0));
    let Message::Proposal(proposed) = &message else { unreachable!() };
    let id = proposed.signed.proposal.block_id;
    assert!(!engine.height.candidates.contains_key(&id));
    // The good copy is judged on its own.
    let actions = hear(&mut engine, proposer, message.clone());
    assert_eq!((blames(&actions), logged_blocks(&actions)), (vec![], 1), "{actions:?}");
    assert_eq!(engine.height.candidates[&id].valid, Some(true));
    if proposed.signed.proposal.round == Round(0) {
        assert_eq!(prevotes(&actions), [Some(id)]);
    }
    // After it.
    let actions = hear(&mut engine, carrier, bad);
    assert_eq!((blames(&actions), logged_blocks(&actions)), (vec![Offence::BadBlock], 0));
    assert_eq!(blames(&hear(&mut engine, carrier, message)), []);
}

#[test]
fn a_mangled_decided_block_is_its_carriers_fault_and_the_good_one_is_committed() {
    let mut engine = running();
    let one = with_batches(block(&engine, 1, EPOCH_MS), vec![certified(&batch(1, 1, 1))]);
    let Message::BlocksResponse(answer) = decided(one.clone()) else { unreachable!() };
    let mut bad = answer.into_vec();
    without_certificates(&mut bad[0].block);
    let actions = hear(&mut engine, 3, Message::BlocksResponse(List::new(bad).unwrap()));
    assert_eq!(blames(&actions), [Offence::BadBlock]);
    assert!(!actions.iter().any(|action| matches!(action, Action::Commit(_))));
    let actions = hear(&mut engine, 2, decided(one));
    assert!(actions.iter().any(|action| matches!(action, Action::Commit(_))), "{actions:?}");
}

fn nothing_held(height: u64, round: u32) -> Message {
    let (prevotes, precommits) = (VoteBits::default(), VoteBits::default());
    let (height, round) = (Height(height), Round(round));
    Message::RoundStatus(RoundStatus { height, round, has_proposal: false, prevotes, precommits, valid_round: None })
}

fn proposals_in(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::Send { message: Message::Proposal(_), .. })).count()
}

#[test]
fn a_block_that_was_found_invalid_is_not_handed_on() {
    for is_valid in [true, false] {
        let mut engine = running();
        let (proposer, round) = round_of_another(&engine);
        let mut block = block(&engine, proposer, EPOCH_MS);
        if !is_valid {
            block.header.history_root = Digest([9; 32]);
        }
        let votes: Vec<_> = (1..4).map(|index| vote_of(index, 1, round, VoteType::Prevote, None)).collect();
        votes.iter().for_each(|vote| drop(hear(&mut engine, 1, Message::Vote(*vote))));
        hear(&mut engine, proposer, proposal(proposer, round, &block));
        assert_eq!(engine.height.candidates[&block.id()].valid, Some(is_valid));
        let now_in = engine.core.round();
        let actions = hear(&mut engine, 3, nothing_held(1, now_in.0));
        if now_in == Round(round) {
            assert_eq!(proposals_in(&actions), usize::from(is_valid), "{actions:?}");
        }
        assert_eq!(engine.proposal_message(Round(round)).is_some(), is_valid);
        assert!(engine.has_proposal(Round(round)), "it is not asked for again");
    }
}

/// The log files a block under the height of its header: entries of far heights would stay for ever, and be missed at a restart.
#[test]
fn a_block_of_another_height_is_not_logged() {
    let mut engine = running();
    hear(&mut engine, 1, Message::Vote(vote_of(1, 1, 0, VoteType::Prevote, None)));
    let (proposer, round) = round_of_another(&engine);
    let mut block = block(&engine, proposer, EPOCH_MS);
    block.header.height = Height(1_000_000);
    let actions = hear(&mut engine, proposer, proposal(proposer, round, &block));
    assert_eq!(logged_blocks(&actions), 0);
}

/// What a follower could say about the agreement.
fn said(engine: &Engine, height: u64) -> Vec<Message> {
    let votes: Vec<_> = (1..4).map(|index| vote_of(index, height, 0, VoteType::Prevote, Some(7))).collect();
    let mut signatures: Vec<_> = votes
        .iter()
        .map(|vote| CertificateSignature { validator: vote.validator, signature: vote.signature })
        .collect();
    signatures.sort_by_key(|entry| entry.validator);
    let round_vote = |vote: &SignedVote| RoundVote {
        kind: vote.vote.kind,
        block_id: vote.vote.block_id,
        validator: vote.validator,
        signature: vote.signature,
    };
    let round_votes = votes.iter().map(round_vote).collect();
    let mut messages = vec![
        Message::Vote(votes[0]),
        Message::Votes(List::new(votes).unwrap()),
        Message::Polka(PolkaCertificate {
            height: Height(height),
            round: Round(0),
            block_id: BlockId(Digest([7; 32])),
            signatures: List::new(signatures).unwrap(),
        }),
        Message::RoundChange(RoundCertificate {
            height: Height(height),
            round: Round(3),
            kind: RoundCertificateKind::Skip,
            votes: List::new(round_votes).unwrap(),
        }),
    ];
    if height == 1 {
        messages.push(good(engine).1);
    }
    messages
}

#[test]
fn what_strangers_say_about_the_agreement_is_dropped_at_the_door() {
    let stranger = 50;
    for height in [1, 2, 3] {
        let mut engine = running();
        for message in said(&engine, height) {
            let actions = hear(&mut engine, stranger, message);
            assert!(
                matches!(&actions[..], [Action::Blame { peer, offence: Offence::Stranger }] if *peer == node_id(stranger)),
                "{actions:?}"
            );
        }
        assert_eq!(engine.status().claimed, Height(0));
        assert!(engine.early.speakers(Height(2)).next().is_none());
    }
    // Whose height it is not certain yet: no fault, and no use.
    let mut engine = running();
    let unknown = engine.schedule.lag_max() + 3;
    for message in said(&engine, unknown) {
        assert_eq!(blames(&hear(&mut engine, stranger, message)), []);
    }
}

#[test]
fn a_follower_says_nothing_about_the_agreement() {
    let config = EngineConfig {
        chain_id: chain_id(),
        node_id: node_id(50),
        key: None,
        quarantine_ms: 0,
        instance: EPOCH_MS,
        earlier_instances: Vec::new(),
        #[cfg(feature = "planted-bugs")]
        planted: None,
    };
    let state = RecoveredState { sign_record: None, schedules: rules(4), ..fresh_state() };
    let mut engine = Engine::recover(config, state, Box::new(CachedChecker::new())).unwrap();
    engine.step(now(0), Input::Start);
    let (proposer, message) = good(&running());
    let mut actions = hear(&mut engine, proposer, message);
    for (from, vote) in (1..).zip(said(&engine, 1).into_iter().take(3)) {
        actions.extend(hear(&mut engine, from, vote));
    }
    actions.extend(hear(&mut engine, 2, nothing_held(1, 0)));
    for elapsed_ms in [100, 500, 1_000, 5_000, 20_000] {
        actions.extend(engine.step(now(elapsed_ms), Input::Tick));
        actions.extend(hear(&mut engine, 2, nothing_held(1, 0)));
    }
    let spoken = actions.iter().find(|action| {
        matches!(action, Action::Broadcast(message) | Action::Send { message, .. } if message.agreement_height().is_some())
    });
    assert_eq!(spoken, None);
    assert!(engine.status().round.is_some(), "it listens");
}

#[test]
fn early_messages_are_taken_in_as_they_came() {
    let mut early = EarlyMessages::default();
    let vote = |index| Message::Vote(vote_of(index, 2, 0, VoteType::Prevote, None));
    let order = [9, 3, 7, 1, 5];
    for index in order {
        early.push(node_id(index), Height(2), vote(index));
    }
    early.push(node_id(2), Height(3), vote(2));
    let taken: Vec<_> = early.take(Height(2)).into_iter().map(|(from, _)| from).collect();
    assert_eq!(taken, order.map(node_id));
    assert!(early.speakers(Height(3)).next().is_some());
}
