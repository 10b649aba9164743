//! Proofs of misbehavior that peers tell.

use quancheng_types::MisbehaviorProof;
use quancheng_types::misbehavior::MisbehaviorError;

use super::hostile::{blames, hear, running};
use super::*;
use crate::misbehavior::conflicting_votes;

fn proof(culprit: u8) -> MisbehaviorProof {
    let voted = |block| vote_of(culprit, 1, 0, VoteType::Prevote, block);
    conflicting_votes(voted(None), voted(Some(7))).expect("two votes of one slot conflict")
}

fn told(actions: &[Action]) -> Vec<&MisbehaviorProof> {
    let told = |action| {
        if let &Action::Broadcast(Message::Misbehavior(ref proof)) = action { Some(proof.as_ref()) } else { None }
    };
    actions.iter().filter_map(told).collect()
}

#[test]
fn a_proof_that_a_peer_tells_is_passed_on_once_and_proposed() {
    let mut engine = running();
    let message = Message::Misbehavior(Box::new(proof(3)));
    let actions = hear(&mut engine, 1, message.clone());
    assert_eq!(told(&actions), [&proof(3)]);
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::Alarm(Alarm::Misbehavior { validator }) if *validator == id_of(3)))
    );
    assert_eq!(engine.misbehavior.select(8), [proof(3)]);
    let again = hear(&mut engine, 2, message);
    assert!(told(&again).is_empty() && blames(&again).is_empty());
    // Whoever was not there is told when it comes.
    let arrived = engine.step(now(2), Input::PeerUp { peer: node_id(2) });
    let is_told =
        |action: &Action| matches!(action, Action::Send { to, message: Message::Misbehavior(_) } if *to == node_id(2));
    assert!(arrived.iter().any(is_told), "{arrived:?}");
}

#[test]
fn a_proof_that_this_node_makes_is_told_to_all() {
    let mut engine = running();
    engine.note_misbehavior(proof(1));
    let actions = engine.step(now(1), Input::Tick);
    assert_eq!(told(&actions), [&proof(1)]);
}

#[test]
fn a_proof_that_proves_nothing_is_the_fault_of_its_teller() {
    let MisbehaviorProof::ConflictingVotes { first, second } = proof(3) else { panic!("made of votes") };
    let mut unsigned = first;
    unsigned.signature = second.signature;
    let of_two = vote_of(2, 1, 0, VoteType::Prevote, Some(7));
    let cases = [
        (MisbehaviorProof::ConflictingVotes { first, second: first }, MisbehaviorError::NoConflict),
        (MisbehaviorProof::ConflictingVotes { first: second, second: first }, MisbehaviorError::NoConflict),
        (conflicting_votes(first, of_two).expect("different blocks"), MisbehaviorError::NoConflict),
        (conflicting_votes(unsigned, second).expect("different blocks"), MisbehaviorError::Signature),
    ];
    for (lie, why) in cases {
        let mut engine = running();
        assert_eq!(lie.verify(&chain_id(), engine.validators()), Err(why));
        let actions = hear(&mut engine, 1, Message::Misbehavior(Box::new(lie)));
        assert_eq!(blames(&actions), [Offence::BadAccusation]);
        assert!(told(&actions).is_empty() && engine.misbehavior.is_empty());
    }
}

#[test]
fn a_proof_against_somebody_outside_of_the_set_is_nobodys_fault() {
    let mut engine = running();
    let actions = hear(&mut engine, 1, Message::Misbehavior(Box::new(proof(5))));
    assert!(blames(&actions).is_empty() && told(&actions).is_empty() && engine.misbehavior.is_empty());
}
