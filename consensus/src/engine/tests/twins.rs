//! Our key in other hands: a process that lives beside this one, or did what the data folder does not know of.

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    Batch, BatchCertificate, BatchRef, CommitCertificate, List, NodeId, SignedBatch, SignedTransaction, Transaction,
    Vote,
};

use super::*;
use crate::limits::OFFER_RETRY_MS;
use crate::message::{SignAnswer, SignQuery};

/// The number of another process.
const OTHER: u64 = EPOCH_MS + 5;
/// The number of an earlier process on this data folder.
const EARLIER: u64 = EPOCH_MS + 9;

fn started(instance: u64, answered: bool) -> Engine {
    let config = EngineConfig {
        chain_id: chain_id(),
        node_id: node_id(0),
        key: Some(key(0)),
        quarantine_ms: 0,
        instance,
        earlier_instances: vec![EARLIER],
        #[cfg(feature = "planted-bugs")]
        planted: None,
    };
    let mut engine = Engine::recover(
        config,
        RecoveredState { schedules: rules(4), ..fresh_state() },
        Box::new(CachedChecker::new()),
    )
    .unwrap();
    engine.step(now(0), Input::Start);
    for peer in 1..if answered { 4 } else { 1 } {
        let answer =
            SignAnswer { validator: id_of(0), nonce: instance, committed: Height(0), latest: None, alive: None };
        hear(&mut engine, peer, Message::SignAnswer(answer));
    }
    assert_eq!(engine.startup.is_done(), answered);
    engine
}

fn hear(engine: &mut Engine, from: u8, message: Message) -> Vec<Action> {
    engine.step(now(1), Input::Peer { from: node_id(from), message, verified: false })
}

fn alarms(actions: &[Action]) -> Vec<Alarm> {
    let alarm = |action: &Action| if let Action::Alarm(alarm) = action { Some(alarm.clone()) } else { None };
    actions.iter().filter_map(alarm).collect()
}

/// Signs of life that are sent, and to whom.
fn lives(actions: &[Action]) -> Vec<(NodeId, SignAnswer)> {
    let life = |action: &Action| {
        if let Action::Send { to, message: Message::SignAnswer(answer) } = action {
            answer.alive.map(|_| (*to, *answer))
        } else {
            None
        }
    };
    actions.iter().filter_map(life).collect()
}

fn ask(nonce: u64) -> Message {
    Message::SignQuery(SignQuery::sign(&chain_id(), &key(0), nonce))
}

#[test]
fn the_later_of_two_processes_learns_that_the_other_lives_and_both_say_so() {
    let (mut first, mut second) = (started(EPOCH_MS, true), started(OTHER, false));
    let actions = hear(&mut first, 2, ask(OTHER));
    let lives = lives(&actions);
    assert_eq!(lives.len(), 1);
    assert_eq!(alarms(&actions), [Alarm::KeyAsked { from: node_id(2) }]);
    assert!(first.status().key_asked && !second.status().key_asked);
    let (to, answer) = lives[0];
    assert_eq!(to, node_id(2));
    let told = hear(&mut second, 2, Message::SignAnswer(answer));
    assert_eq!(alarms(&told), [Alarm::KeyAlive]);
}

/// Peers repeat a question again and again; the next process that starts with the key is another matter.
#[test]
fn each_twin_is_told_of_once() {
    let mut first = started(EPOCH_MS, true);
    let told = |engine: &mut Engine, from, nonce| alarms(&hear(engine, from, ask(nonce))).len();
    for (from, nonce, expected) in [(2, OTHER, 1), (2, OTHER, 0), (3, OTHER, 0), (2, OTHER + 1, 1), (2, OTHER, 0)] {
        assert_eq!(told(&mut first, from, nonce), expected, "{nonce} by {from}");
    }
    // However many they are, few are remembered.
    for nonce in 0..100 {
        told(&mut first, 2, OTHER + nonce);
    }
    assert!(first.twin.twins.len() <= 64);
    assert!(first.status().key_asked);
}

#[test]
fn nobody_can_ask_in_the_name_of_another_and_who_carries_such_a_question_is_to_blame() {
    let genuine = SignQuery::sign(&chain_id(), &key(0), OTHER);
    let other_chain = SignQuery::sign(&quancheng_types::ChainId(Digest([9; 32])), &key(0), OTHER);
    let forged = [
        ("by another key", SignQuery { signature: key(2).sign(&[1]), ..genuine }),
        ("of another instance", SignQuery { instance: OTHER + 1, ..genuine }),
        ("of another chain", other_chain),
        ("in the name of a third", SignQuery { key: key(3).public_key(), ..genuine }),
    ];
    for (what, question) in forged {
        let actions = hear(&mut started(EPOCH_MS, true), 2, Message::SignQuery(question));
        let blame = Action::Blame { peer: node_id(2), offence: Offence::BadSignature };
        assert_eq!(actions, [blame], "{what}");
    }
}

#[test]
fn of_two_that_start_at_once_one_gives_way() {
    for (instance, other, answers) in [(EPOCH_MS, OTHER, 1), (OTHER, EPOCH_MS, 0), (EPOCH_MS, EPOCH_MS, 0)] {
        let mut engine = started(instance, false);
        assert_eq!(lives(&hear(&mut engine, 2, ask(other))).len(), answers, "{instance} {other}");
    }
}

#[test]
fn the_question_of_an_earlier_life_is_no_twin() {
    for answered in [false, true] {
        let mut engine = started(EPOCH_MS, answered);
        let actions = hear(&mut engine, 2, ask(EARLIER));
        assert!(lives(&actions).is_empty() && alarms(&actions).is_empty());
    }
}

#[test]
fn no_peer_can_stop_a_validator_with_an_answer_of_its_own_or_an_old_one() {
    let mut first = started(EPOCH_MS, true);
    let (_, genuine) = lives(&hear(&mut first, 2, ask(OTHER)))[0];
    let alive = genuine.alive.unwrap();
    let cases = [
        ("signed by another key", OTHER, Alive { signature: key(1).sign(&[1]), ..alive }),
        ("of an earlier question", OTHER + 1, alive),
        ("of another instance than it says", OTHER, Alive { instance: 3, ..alive }),
    ];
    for (what, instance, alive) in cases {
        let mut engine = started(instance, true);
        let answer = SignAnswer { nonce: instance, alive: Some(alive), ..genuine };
        assert_eq!(alarms(&hear(&mut engine, 1, Message::SignAnswer(answer))), [], "{what}");
    }
    // Its own sign of life, which a peer gives back.
    let own = SignAnswer { nonce: EPOCH_MS, ..genuine };
    assert_eq!(alarms(&hear(&mut first, 1, Message::SignAnswer(own))), []);
}

#[test]
fn a_question_is_passed_on_and_so_is_the_answer_also_when_both_have_one_node_identity() {
    // Validator 3 asks, from a node of its own and from another one.
    for asker in [3, 2] {
        let mut engine = started(EPOCH_MS, true);
        let question = Message::SignQuery(SignQuery::sign(&chain_id(), &key(3), 8));
        let passed_on = |actions: &[Action], to: u8| {
            let message = Message::SignQuery(SignQuery::sign(&chain_id(), &key(3), 8));
            actions.contains(&Action::Send { to: node_id(to), message })
        };
        let actions = hear(&mut engine, asker, question);
        assert_eq!(passed_on(&actions, 3), asker != 3, "the set names another node");
        if asker == 3 {
            // The other process takes the connection.
            let actions = engine.step(now(2), Input::PeerUp { peer: node_id(3) });
            assert!(passed_on(&actions, 3));
        }
        let message = Alive::message(&chain_id(), &id_of(3), 8, 5);
        let alive = Alive { instance: 5, signature: key(3).sign(message.as_bytes()) };
        let forged = Alive { instance: 6, ..alive };
        let answer = |alive| {
            Message::SignAnswer(SignAnswer {
                validator: id_of(3),
                nonce: 8,
                committed: Height(0),
                latest: None,
                alive: Some(alive),
            })
        };
        assert!(lives(&hear(&mut engine, 3, answer(forged))).is_empty());
        let passed = lives(&hear(&mut engine, 3, answer(alive)));
        assert_eq!(passed.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [node_id(asker)]);
        // And again when the asker has the connection back.
        let again = engine.step(now(3), Input::PeerUp { peer: node_id(asker) });
        assert_eq!(lives(&again).len(), 1);
    }
}

#[test]
fn a_vote_of_ours_that_we_did_not_make_is_noticed_whatever_carries_it() {
    let elsewhere = [Alarm::SignedElsewhere { height: Height(1), round: Round(0) }];
    let mut engine = started(EPOCH_MS, true);
    let actions = hear(&mut engine, 1, Message::Vote(vote(1, 0, VoteType::Prevote, Some(9))));
    assert_eq!(alarms(&actions), elsewhere);
    assert!(!engine.status().signing, "nothing is signed at that height any more");

    let mut engine = started(EPOCH_MS, true);
    let votes = [0, 1, 2].map(|index| vote_of(index, 1, 0, VoteType::Prevote, Some(9)));
    let signatures = votes.map(|vote| CertificateSignature { validator: vote.validator, signature: vote.signature });
    let mut signatures = signatures.to_vec();
    signatures.sort_by_key(|entry| entry.validator);
    let polka = crate::message::PolkaCertificate {
        height: Height(1),
        round: Round(0),
        block_id: BlockId(Digest([9; 32])),
        signatures: List::new(signatures).unwrap(),
    };
    // A height starts with the first word about it.
    hear(&mut engine, 2, Message::Vote(vote_of(2, 1, 0, VoteType::Prevote, None)));
    assert_eq!(alarms(&hear(&mut engine, 1, Message::Polka(polka))), elsewhere);

    let mut engine = started(EPOCH_MS, true);
    let certificate = |signer: u8| {
        let vote = Vote {
            kind: VoteType::Precommit,
            chain_id: chain_id(),
            height: Height(1),
            round: Round(0),
            block_id: Some(BlockId(Digest([9; 32]))),
        };
        let signature = key(signer).sign(vote.sign_message().as_bytes());
        CommitCertificate {
            height: Height(1),
            round: Round(0),
            block_id: BlockId(Digest([9; 32])),
            signatures: List::new(vec![CertificateSignature { validator: id_of(signer), signature }]).unwrap(),
        }
    };
    for (signer, expected) in [(1, &[][..]), (0, &elsewhere[..])] {
        engine.heed_own_precommit(&certificate(signer));
        assert_eq!(alarms(&engine.step(now(4), Input::Tick)), expected);
    }
}

/// Whoever checks certificates passes over signers outside the set, so what is said to be ours is checked as ours.
#[test]
fn nobody_can_stop_a_node_outside_the_set_with_a_signature_that_is_not_its_own() {
    let config = EngineConfig {
        chain_id: chain_id(),
        node_id: node_id(9),
        key: Some(key(9)),
        quarantine_ms: 0,
        instance: OTHER,
        earlier_instances: Vec::new(),
        #[cfg(feature = "planted-bugs")]
        planted: None,
    };
    let record = SignRecord::fresh(chain_id(), key(9).public_key());
    let state = RecoveredState { schedules: rules(4), sign_record: Some(record), ..fresh_state() };
    let mut engine = Engine::recover(config, state, Box::new(CachedChecker::new())).unwrap();
    engine.step(now(0), Input::Start);
    let block_id = BlockId(Digest([7; 32]));
    let forged = key(1).sign(b"anything");
    let signatures = vec![CertificateSignature { validator: id_of(9), signature: forged }];
    let polka = crate::message::PolkaCertificate {
        height: Height(1),
        round: Round(0),
        block_id,
        signatures: List::new(signatures).unwrap(),
    };
    let vote = crate::message::RoundVote {
        kind: VoteType::Precommit,
        block_id: Some(block_id),
        validator: id_of(9),
        signature: forged,
    };
    let round = crate::message::RoundCertificate {
        height: Height(1),
        round: Round(0),
        kind: crate::message::RoundCertificateKind::Precommit,
        votes: List::new(vec![vote]).unwrap(),
    };
    // A height starts with the first word about it.
    hear(&mut engine, 2, Message::Vote(vote_of(2, 1, 0, VoteType::Prevote, None)));
    for message in [Message::Polka(polka), Message::RoundChange(round)] {
        let said = alarms(&hear(&mut engine, 1, message));
        assert_eq!(said, [], "nobody signed with its key");
    }
}

fn batch(author: u8, sequence: u64) -> std::sync::Arc<SignedBatch> {
    let body = Transaction {
        chain_id: chain_id(),
        signers: List::empty(),
        nonce: 0,
        valid_until_ms: u64::MAX,
        calls: List::empty(),
    };
    let batch = Batch::of(vec![SignedTransaction { body, signatures: List::empty() }]).unwrap();
    std::sync::Arc::new(batch.sign(chain_id(), sequence, 1, &key(author)))
}

/// What this node holds of its own is not offered before the others were asked about the key. It is known before: blocks may order it meanwhile, by
/// certificates of an earlier process, and that is no sign of a twin.
#[test]
fn own_batches_are_known_from_the_start_and_offered_when_nobody_else_has_the_key() {
    let offers = |actions: &[Action]| {
        let is_offer = |action: &&Action| {
            matches!(
                action,
                Action::Send { message: Message::BatchOffer(_), .. } | Action::Broadcast(Message::BatchOffer(_))
            )
        };
        actions.iter().filter(is_offer).count()
    };
    let mut engine = started(EPOCH_MS, false);
    for sequence in [6, 7] {
        let actions = engine.step(now(1), Input::LocalBatch { batch: batch(0, sequence) });
        assert_eq!((offers(&actions), alarms(&actions)), (0, vec![]));
    }
    let due = engine.step(now(10 * OFFER_RETRY_MS), Input::Tick);
    assert_eq!(offers(&due), 0, "nor when it is due again");
    // A block orders the first.
    let header = batch(0, 6).header;
    engine.heed_own_batches(&[BatchRef { header, certificate: BatchCertificate { signatures: List::empty() } }]);
    let (availability, _) = engine.availability_env();
    availability.own.remove(&header.id());
    assert_eq!(alarms(&engine.step(now(11 * OFFER_RETRY_MS), Input::Tick)), []);
    for peer in 1..4 {
        let answer =
            SignAnswer { validator: id_of(0), nonce: EPOCH_MS, committed: Height(0), latest: None, alive: None };
        let message = Message::SignAnswer(answer);
        let input = Input::Peer { from: node_id(peer), message, verified: false };
        engine.step(now(11 * OFFER_RETRY_MS), input);
    }
    assert!(engine.startup.is_done());
    assert!(offers(&engine.step(now(11 * OFFER_RETRY_MS), Input::Tick)) > 0, "at once, not when it is due again");
}

#[test]
fn a_batch_of_ours_that_we_did_not_make_is_noticed_and_one_that_we_made_is_not() {
    let ordered = |engine: &mut Engine, author: u8, sequence: u64| {
        let header = batch(author, sequence).header;
        engine.heed_own_batches(&[BatchRef { header, certificate: BatchCertificate { signatures: List::empty() } }]);
        alarms(&engine.step(now(5), Input::Tick))
    };
    let mut engine = started(EPOCH_MS, true);
    engine.step(now(2), Input::LocalBatch { batch: batch(0, 6) });
    assert_eq!(ordered(&mut engine, 0, 6), []);
    assert_eq!(ordered(&mut engine, 1, 7), [], "another author's");
    assert_eq!(ordered(&mut engine, 0, 7), [Alarm::BatchElsewhere { sequence: 7 }]);

    // A number that counts as ordered: what it holds was admitted, so it is not dropped without a word.
    let mut window = crate::availability::AuthorWindow::default();
    window.insert(9);
    let state = RecoveredState { windows: vec![(id_of(0), window)], ..fresh_state() };
    let mut engine = engine_with(4, state, Box::new(CachedChecker::new()));
    engine.step(now(0), Input::Start);
    let again = engine.step(now(1), Input::LocalBatch { batch: batch(0, 9) });
    assert_eq!(alarms(&again), [Alarm::OwnBatchRefused { sequence: 9 }]);
}

#[test]
fn a_store_far_behind_the_sign_record_makes_no_engine() {
    let at = |height: u64| {
        let mut record = fresh_record();
        let slot = crate::sign_record::Slot {
            height: Height(height),
            round: Round(0),
            step: crate::sign_record::Step::Prevote,
        };
        record.admit(slot, crate::sign_record::SlotValue { block_id: None, pol_round: None }, 0).unwrap();
        let config = EngineConfig {
            chain_id: chain_id(),
            node_id: node_id(0),
            key: Some(key(0)),
            quarantine_ms: 0,
            instance: 1,
            earlier_instances: Vec::new(),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        };
        let state = RecoveredState { sign_record: Some(record), schedules: rules(4), ..fresh_state() };
        Engine::recover(config, state, Box::new(CachedChecker::new())).map(|_| ())
    };
    // A crash in the flush of one step leaves the record a few heights ahead.
    let ahead = 1 + u64::try_from(STEP_HEIGHTS_MAX).unwrap();
    assert_eq!(at(ahead), Ok(()));
    let refused = RecoverError::BehindRecord { signed: Height(ahead + 1), committed: Height(0) };
    assert_eq!(at(ahead + 1), Err(refused));
    assert!(refused.to_string().contains("--rejoin-above"));
}
