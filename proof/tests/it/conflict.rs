//! Two bundles against each other.

use quancheng_proof::Bundle;
use quancheng_proof::conflict::{ConflictError, ForkKind, conflict};
use quancheng_types::{Digest, Height};

use crate::fixtures::{LAST, NOTARIZED, PLACE, World, certify, office, set};

/// Height from which the second chain differs.
const FORKED: u64 = 9;

fn receipt(world: &World, height: u64) -> Bundle {
    world.claim(world.builder(height), height, NOTARIZED, PLACE).build().expect("a well-formed bundle")
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
            assert_eq!(found, Ok(None), "{first} {second}");
        }
    }
}

#[test]
fn a_fork_names_its_height_and_who_signed_both() {
    let (world, other) = worlds();
    let fork = conflict(&world.notarization(), &other.notarization(), &world.checkpoint()).unwrap().unwrap();
    // The change of validators after height 9 is signed in both, by the same three.
    assert_eq!(fork.height, Height(FORKED));
    let (first, second) = (world.headers[&FORKED].id(), other.headers[&FORKED].id());
    assert_eq!(fork.kind, ForkKind::Blocks { first, second });
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
    assert_eq!(conflict(&first, &second, &world.pinned(7)), Ok(None));
    let fork = conflict(&receipt(&world, FORKED), &receipt(&other, FORKED), &world.pinned(7)).unwrap().unwrap();
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
    let fork = conflict(&first, &second, &world.checkpoint()).unwrap().unwrap();
    assert_eq!(fork.height, Height(10));
    assert!(matches!(fork.kind, ForkKind::Histories { second: Digest([7, ..]), .. }));
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
