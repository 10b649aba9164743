//! Two bundles against each other.

use quancheng_proof::Bundle;
use quancheng_proof::conflict::{Basis, Comparison, ConflictError, Fork, ForkKind, Guilt, conflict};
use quancheng_proof::state_proof::{key_hash, value_hash};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{Digest, Height, Round, ValidatorId};

use crate::fixtures::{LAST, NOTARIZED, PLACE, World, certify, entry_key, key, list, office, root_of, set};

/// Height from which the second chain differs.
const FORKED: u64 = 9;

fn receipt(world: &World, height: u64) -> Bundle {
    world.claim(world.builder(height), height, NOTARIZED, PLACE).build().expect("a well-formed bundle")
}

fn compared(one: &Bundle, two: &Bundle, world: &World) -> Comparison {
    conflict(one, two, &world.checkpoint()).expect("well-formed")
}

fn fork(one: &Bundle, two: &Bundle, world: &World) -> Fork {
    compared(one, two, world).forks.remove(0)
}

fn worlds() -> (World, World) {
    (World::new("泉城链", None), World::new("泉城链", Some(FORKED)))
}

#[test]
fn true_bundles_of_one_chain_do_not_contradict_each_other() {
    let (world, _) = worlds();
    for first in [4, 6, 9, 10, LAST] {
        for second in [4, 7, 11, LAST] {
            let found = conflict(&receipt(&world, first), &receipt(&world, second), &world.checkpoint());
            let found = found.unwrap();
            assert_eq!(found.forks, [], "{first} {second}");
            assert!(found.heights.contains(&Height(NOTARIZED)) && found.histories.contains(&4), "{found:?}");
        }
    }
}

#[test]
fn a_fork_names_its_height_and_who_signed_both() {
    let (world, other) = worlds();
    let fork = fork(&world.notarization(), &other.notarization(), &world);
    // The change of validators after height 9 is signed in both, by the same three.
    assert_eq!(fork.height, Height(FORKED));
    let (first_block, second_block) = (world.headers[&FORKED].id(), other.headers[&FORKED].id());
    assert_eq!(fork.kind, ForkKind::Blocks { first_block, second_block });
    assert_eq!((fork.guilt, fork.is_one_set, fork.first.round), (Guilt::SameRound, true, Round(0)));
    let mut names: Vec<_> = fork.signers_of_both.iter().map(|signer| signer.organization.as_str()).collect();
    names.sort_unstable();
    let members = set(&office(FORKED)[..3]);
    let mut expected: Vec<_> = members.validators().iter().map(|validator| validator.organization.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

/// From a checkpoint above the change only the last headers remain to be compared.
#[test]
fn a_fork_is_found_above_a_pinned_header() {
    let (world, other) = worlds();
    let (first, second) = (receipt(&world, 8), receipt(&other, 8));
    assert_eq!(conflict(&first, &second, &world.pinned(7)).unwrap().forks, []);
    let fork = conflict(&receipt(&world, FORKED), &receipt(&other, FORKED), &world.pinned(7)).unwrap().forks.remove(0);
    assert_eq!(fork.height, Height(FORKED));
    assert_eq!(fork.signers_of_both.len(), 3);
}

/// Different headers, one parent, but two histories of one length.
#[test]
fn two_histories_of_one_length_contradict_each_other() {
    let (world, _) = worlds();
    let first = receipt(&world, 11);
    let mut second = receipt(&world, LAST);
    second.header.executed_height = Height(10);
    second.header.history_size = 11;
    second.header.history_root = Digest([7; 32]);
    second.certificate = certify(&second.header, &office(LAST)[..3]);
    let fork = fork(&first, &second, &world);
    assert_eq!(fork.height, Height(10));
    assert!(matches!(fork.kind, ForkKind::Histories { second_root: Digest([7, ..]), .. }));
    assert_eq!(fork.guilt, Guilt::BothFinal);
    // 3–5 signed one, 2–4 the other.
    assert_eq!(fork.signers_of_both.len(), 2);
}

#[test]
fn a_bundle_that_proves_nothing_contradicts_nothing() {
    let (world, other) = worlds();
    let mut unsigned = other.notarization();
    unsigned.certificate.signatures = quancheng_types::List::empty();
    let checkpoint = world.checkpoint();
    let true_one = world.notarization();
    assert!(matches!(conflict(&unsigned, &true_one, &checkpoint), Err(ConflictError::First { .. })));
    assert!(matches!(conflict(&true_one, &unsigned, &checkpoint), Err(ConflictError::Second { .. })));
    let foreign = World::new("另一条链", None).notarization();
    assert!(matches!(conflict(&true_one, &foreign, &checkpoint), Err(ConflictError::Second { .. })));
}

/// A bundle of one value of an entry, whose header a quorum signed over a history with another state.
fn other_value(world: &World, height: u64, at: u64, value: &[u8]) -> Bundle {
    let key = entry_key(3);
    let mut changed = World::new("泉城链", None);
    let place = usize::try_from(at).expect("well-formed");
    changed.states.get_mut(&at).expect("well-formed").insert(key.clone(), value.to_vec());
    let tree = changed.trees.get_mut(&at).expect("well-formed");
    let holding = tree.get_mut(&key_hash(&key)).expect("the entry is there");
    holding.value_hash = Some(value_hash(value));
    changed.leaves[place].state_root = root_of(tree);
    let mut bundle = changed.claim_state(world.builder(height), height, at, &key).build().expect("well-formed");
    bundle.header.history_root = changed.history_root(height);
    bundle.certificate = certify(&bundle.header, &office(height)[1..]);
    bundle
}

/// One block, two results: each bundle is whole and certified, and only both together show it.
#[test]
fn two_values_of_one_key_at_one_height_contradict_each_other() {
    let (world, _) = worlds();
    let key = entry_key(3);
    let first = world.claim_state(world.builder(4), 4, NOTARIZED, &key).build().unwrap();
    let mut second = other_value(&world, 5, NOTARIZED, b"another");
    second.trust_path = list(Vec::new());
    let found = compared(&first, &second, &world);
    let fork = found.forks.iter().find(|fork| matches!(fork.kind, ForkKind::Results { .. })).unwrap();
    let ForkKind::Results { keys, .. } = &fork.kind else { panic!("results") };
    assert_eq!((fork.height, keys.as_slice()), (Height(NOTARIZED), &[hex::encode(key)][..]));
    assert_eq!((fork.first.signed_height, fork.second.signed_height), (Height(4), Height(5)));
    assert_eq!((fork.guilt, fork.signers_of_both.len()), (Guilt::BothFinal, 3));
}

#[test]
fn what_has_nothing_in_common_is_not_called_free_of_contradiction() {
    let (world, other) = worlds();
    let late = other.claim_state(other.builder(LAST), LAST, 11, &entry_key(3)).build().unwrap();
    let early = world.claim_state(world.builder(3), 3, 1, &entry_key(3)).build().unwrap();
    let found = compared(&early, &late, &world);
    assert!(found.is_empty() && found.forks.is_empty(), "{found:?}");
}

/// Over the block itself one side has no signature; who signed its child is told so.
#[test]
fn a_contradiction_by_a_parent_is_told_as_such() {
    let (world, _) = worlds();
    let other = World::new("泉城链", Some(7));
    let fork = fork(&receipt(&world, 7), &receipt(&other, 8), &world);
    assert_eq!((fork.height, fork.first.basis, fork.second.basis), (Height(7), Basis::Block, Basis::Parent));
    assert_eq!((fork.guilt, fork.second.signed_height), (Guilt::Indirect, Height(8)));
    // One height more, and the record's path shows two histories of eight heights: each signer certified both.
    let better = self::fork(&receipt(&world, 8), &receipt(&other, 9), &world);
    assert_eq!((better.height, better.guilt), (Height(7), Guilt::BothFinal));
}

#[test]
fn signing_in_another_round_is_told_apart_from_equivocation() {
    let (world, other) = worlds();
    let (first, mut second) = (receipt(&world, FORKED), receipt(&other, FORKED));
    second.certificate.round = Round(3);
    let message = second.certificate.sign_message(second.header.chain_id);
    let sign = |number: &u8| CertificateSignature {
        validator: ValidatorId::of(&key(*number).public_key()),
        signature: key(*number).sign(message.as_bytes()),
    };
    let mut signatures: Vec<CertificateSignature> = office(FORKED)[1..].iter().map(sign).collect();
    signatures.sort_by_key(|entry| entry.validator);
    second.certificate.signatures = list(signatures);
    let fork = fork(&first, &second, &world);
    assert_eq!((fork.guilt, fork.first.round, fork.second.round), (Guilt::OtherRounds, Round(0), Round(3)));
}

/// After a change of validators on one side the two quorums need not share anybody.
#[test]
fn sides_of_different_sets_are_told_apart() {
    let (world, _) = worlds();
    let mut second = receipt(&world, 12);
    second.trust_path = list(vec![world.change(5)]);
    second.header.validators_hash = set(office(6)).hash();
    second.header.next_validators_hash = second.header.validators_hash;
    second.header.time_ms += 1;
    second.validators = set(office(6));
    second.certificate = certify(&second.header, &office(6)[..3]);
    let fork = fork(&world.notarization(), &second, &world);
    assert_eq!((fork.height, fork.is_one_set), (Height(12), false));
    assert!(fork.signers_of_both.len() < 2, "{fork:?}");
}

#[test]
fn a_path_of_a_record_shows_the_earlier_histories_through_which_it_leads() {
    let (world, _) = worlds();
    let mut second = receipt(&world, 4);
    second.header.history_root = Digest([7; 32]);
    second.certificate = certify(&second.header, &office(4)[1..]);
    // The leaf of the first leads through the root of the first four heights.
    let found = compared(&receipt(&world, 8), &second, &world);
    assert!(matches!(found.forks[0].kind, ForkKind::Histories { size: 4, .. }), "{found:?}");
}
