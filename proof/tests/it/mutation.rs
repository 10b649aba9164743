//! No bit of a bundle is without meaning: whatever is changed, the verifier does not say MATCH.

use std::sync::LazyLock;

use proptest::prelude::*;
use quancheng_proof::report::EXIT_MATCH;
use quancheng_proof::{Bundle, Checkpoint, Claim, FileDigests, verify};

use crate::fixtures::parts::client;
use crate::fixtures::people::{account_of, stranger};
use crate::fixtures::{LAST, NOTARIZED, PLACE, TWO, World, entry_key, files, list, registration_key};

static WORLD: LazyLock<World> = LazyLock::new(|| World::new("泉城链", None));

fn world() -> &'static World {
    &WORLD
}

/// A bundle over the first set of validators: small, so that every bit of it can be tried.
fn small(world: &World, key: Option<&[u8]>) -> Vec<u8> {
    let builder = world.builder(NOTARIZED + 1);
    let builder = match key {
        Some(key) => world.claim_state(builder, NOTARIZED + 1, NOTARIZED, key),
        None => world.claim(builder, NOTARIZED + 1, NOTARIZED, PLACE),
    };
    builder.build().expect("a well-formed bundle").encode()
}

fn assert_refused(bytes: &[u8], checkpoint: &Checkpoint, files: &[FileDigests], what: &str) {
    let report = verify(bytes, checkpoint, files);
    assert_ne!(report.exit_code(), EXIT_MATCH, "{what}: {report:#?}");
}

/// Changes each byte by each of the bits that `bits` gives for its place.
fn each_byte<const N: usize>(bytes: &[u8], files: &[FileDigests], bits: impl Fn(usize) -> [usize; N]) {
    let checkpoint = world().checkpoint();
    assert_eq!(verify(bytes, &checkpoint, files).exit_code(), EXIT_MATCH);
    let mut mutant = bytes.to_vec();
    for at in 0..bytes.len() {
        for bit in bits(at) {
            mutant[at] ^= 1 << (bit % 8);
            match moved(bytes, &mutant) {
                Some(bundle) => {
                    assert_ne!(codes(bytes, files), codes(&mutant, files), "byte {at}, bit {bit}: {bundle:#?}");
                }
                None => assert_refused(&mutant, &checkpoint, files, &format!("byte {at}, bit {bit}")),
            }
            mutant[at] = bytes[at];
        }
    }
}

/// A mutant that differs by the height alone as of which it claims an entry. It may be as true of that height; but it is another
/// claim, and whatever rested on the first rests on nothing.
fn moved(own: &[u8], mutant: &[u8]) -> Option<Bundle> {
    let (own, mutant) = (Bundle::from_borsh(own).ok()?, Bundle::from_borsh(mutant).ok()?);
    let mut claims = mutant.claims.to_vec();
    for (claim, own) in claims.iter_mut().zip(&own.claims) {
        if let Claim::State { leaf, .. } = claim {
            *leaf = own.leaf();
        }
    }
    let back = Bundle { claims: list(claims), ..mutant.clone() };
    (back == own).then_some(mutant)
}

fn codes(bundle: &[u8], files: &[FileDigests]) -> Vec<&'static str> {
    verify(bundle, &world().checkpoint(), files).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn every_bit_of_a_receipt_counts() {
    each_byte(&small(world(), None), &[], |_| [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn every_byte_of_a_state_entry_counts() {
    each_byte(&small(world(), Some(&entry_key(3))), &[], |at| [at, at + 4]);
}

#[test]
fn every_byte_of_an_absence_counts() {
    each_byte(&small(world(), Some(&registration_key(99))), &[], |at| [at, at + 4]);
}

/// The whole notarization: trust path, certificates, files.
#[test]
fn every_byte_of_a_notarization_counts() {
    each_byte(&world().notarization().encode(), &files(), |at| [at]);
}

/// A receipt with the rows that say who signed.
#[test]
fn every_byte_of_a_signers_rows_counts() {
    let world = world();
    let accounts = [account_of(&client()), account_of(&stranger())];
    let bundle = world.bound(world.identified(TWO, &accounts, &["ORG-M1"]), &stranger());
    let bundle = bundle.build().expect("a well-formed bundle");
    each_byte(&bundle.encode(), &[], |at| [at]);
}

#[test]
fn no_prefix_and_no_continuation_is_a_bundle() {
    let world = world();
    let (bytes, checkpoint) = (small(world, None), world.checkpoint());
    for length in 0..bytes.len() {
        assert_refused(&bytes[..length], &checkpoint, &[], &format!("{length} bytes"));
    }
    for byte in 0..=u8::MAX {
        assert_refused(&[bytes.as_slice(), &[byte]].concat(), &checkpoint, &[], &format!("followed by {byte}"));
    }
}

/// Parts of one true bundle in another: every field of the top level, taken from a bundle of another height, another
/// claim or another chain.
#[test]
fn true_parts_of_other_bundles_do_not_fit() {
    const FILES: usize = 1;
    const CHANGES: usize = 6;
    const FORKED: usize = 4;
    let world = world();
    let (own, checkpoint) = (world.notarization(), world.checkpoint());
    let strangers = [
        world.refusal(),
        world.entry(&entry_key(3)),
        world.claim(world.builder(8), 8, NOTARIZED, PLACE).build().unwrap(),
        World::new("另一条链", None).notarization(),
        World::new("泉城链", Some(9)).notarization(),
    ];
    for (which, stranger) in strangers.iter().enumerate() {
        let parts: [fn(&mut Bundle, &Bundle); 7] = [
            |own, other| own.claims = other.claims.clone(),
            |own, other| own.openings = other.openings.clone(),
            |own, other| own.leaves = other.leaves.clone(),
            |own, other| own.header = other.header,
            |own, other| own.certificate = other.certificate.clone(),
            |own, other| own.validators = other.validators.clone(),
            |own, other| own.trust_path = other.trust_path.clone(),
        ];
        for (number, part) in parts.iter().enumerate() {
            let mut spliced = own.clone();
            part(&mut spliced, stranger);
            // Leaving out the files claims less, and is true. The forked chain's change of validators is truly signed, by
            // validators who signed twice: comparing two bundles shows that, one alone cannot.
            let is_true = number == FILES || (which == FORKED && number == CHANGES);
            if spliced != own && !is_true {
                assert_refused(&spliced.encode(), &checkpoint, &files(), &format!("part {number}"));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048), framed in any::<bool>()) {
        let world = world();
        let frame = &world.notarization().encode()[..10];
        let bytes = if framed { [frame, &bytes].concat() } else { bytes };
        prop_assert_ne!(verify(&bytes, &world.checkpoint(), &files()).exit_code(), EXIT_MATCH);
    }

    /// Several bytes at once, anywhere, in the compact form.
    #[test]
    fn scattered_damage_is_refused(damage in proptest::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..8)) {
        let world = world();
        let bytes = world.notarization().encode();
        let mut mutant = bytes.clone();
        for (at, change) in damage {
            mutant[at.index(bytes.len())] ^= change;
        }
        prop_assume!(mutant != bytes);
        prop_assert_ne!(verify(&mutant, &world.checkpoint(), &files()).exit_code(), EXIT_MATCH);
    }

    /// In the readable form, white space and the order of fields may change, but nothing else.
    #[test]
    fn damaged_json_is_refused_or_says_the_same(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let world = world();
        let bundle = world.notarization();
        let mut text = bundle.to_json().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        match Bundle::decode(&text) {
            Ok(decoded) if decoded == bundle => {}
            Ok(_) | Err(_) => {
                prop_assert_ne!(verify(&text, &world.checkpoint(), &files()).exit_code(), EXIT_MATCH);
            }
        }
    }

    /// A piece cut out of one place and put into another.
    #[test]
    fn moved_pieces_are_refused(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        length in 1_usize..200,
    ) {
        let world = world();
        let bytes = world.notarization().encode();
        let (from, to) = (from.index(bytes.len() - length), to.index(bytes.len() - length));
        let mut mutant = bytes.clone();
        let piece: Vec<u8> = mutant.drain(from..from + length).collect();
        mutant.splice(to..to, piece);
        prop_assume!(mutant != bytes);
        prop_assert_ne!(verify(&mutant, &world.checkpoint(), &[]).exit_code(), EXIT_MATCH);
    }
}

/// The checkpoint decides: the same bundle under another one proves nothing.
#[test]
fn another_checkpoint_trusts_nothing_of_it() {
    let (world, other) = (world(), World::new("另一条链", None));
    for checkpoint in [other.checkpoint(), other.pinned(1), other.pinned(LAST)] {
        assert_refused(&world.notarization().encode(), &checkpoint, &files(), "another chain");
    }
}
