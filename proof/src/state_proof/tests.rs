use proptest::prelude::*;
use quancheng_types::codec::{decode, encode};
use quancheng_types::{Digest, Height, List};

use super::*;

/// A kept key and a derived one.
fn kept(number: u8) -> Vec<u8> {
    vec![0, 9, 0, 1, number]
}

fn derived(number: u8) -> Vec<u8> {
    vec![0, 9, 0x80, 1, number]
}

fn now(value: &[u8], since: u64, version: u64) -> Holding {
    Holding { value_hash: Some(value_hash(value)), since: Height(since), version, until: None }
}

fn past(value: &[u8], since: u64, version: u64, until: u64) -> Holding {
    Holding { until: Some(Height(until)), ..now(value, since, version) }
}

fn gone(since: u64, version: u64) -> Holding {
    Holding { value_hash: None, ..now(b"", since, version) }
}

type Leaves = Vec<(Digest, Holding)>;

/// Root and proof over explicit leaves, straight from the definition of the tree.
fn naive(leaves: &[(Digest, Holding)], depth: usize) -> Digest {
    match leaves {
        [] => EMPTY,
        [(place, holding)] => leaf_hash(place, holding),
        _ => {
            let (right, left): (Leaves, Leaves) = leaves.iter().copied().partition(|(place, _)| bit(place, depth));
            inner_hash(&naive(&left, depth + 1), &naive(&right, depth + 1))
        }
    }
}

fn prove(leaves: &[(Digest, Holding)], place: Digest) -> StateProof {
    let mut rest = leaves.to_vec();
    let mut siblings = Vec::new();
    while rest.len() > 1 {
        let depth = siblings.len();
        let (same, other): (Leaves, Leaves) =
            rest.iter().copied().partition(|(other, _)| bit(other, depth) == bit(&place, depth));
        siblings.push(naive(&other, depth + 1));
        rest = same;
    }
    let leaf = |(key_hash, holding): &(Digest, Holding)| Terminal::Leaf { key_hash: *key_hash, holding: *holding };
    let terminal = rest.first().map_or(Terminal::Empty, leaf);
    StateProof { key_hash: place, siblings: List::new(siblings).unwrap(), terminal }
}

/// Height of the roots of these tests.
const ROOT: u64 = 20;

fn root_of(leaves: &[(Digest, Holding)]) -> StateRoot {
    StateRoot { height: Height(ROOT), hash: naive(leaves, 0) }
}

fn tree(count: u8) -> (Leaves, StateRoot) {
    let leaves: Vec<_> = (0..count).map(|i| (key_hash(&kept(i)), now(&[i, i], 3, 0))).collect();
    let root = root_of(&leaves);
    (leaves, root)
}

/// One kept key that held `a` from 5, `b` from 8, nothing from 12 and `c` from 15; with neighbours.
fn history() -> (Leaves, StateRoot) {
    let key = kept(100);
    let (mut leaves, _) = tree(9);
    leaves.push((version_hash(&key, 0), past(b"a", 5, 0, 8)));
    leaves.push((version_hash(&key, 1), past(b"b", 8, 1, 12)));
    leaves.push((version_hash(&key, 2), Holding { until: Some(Height(15)), ..gone(12, 2) }));
    leaves.push((key_hash(&key), now(b"c", 15, 3)));
    let root = root_of(&leaves);
    (leaves, root)
}

#[test]
fn every_key_of_small_trees_is_proved_present_or_absent_and_not_the_other() {
    for count in 0..20 {
        let (leaves, root) = tree(count);
        for i in 0..40 {
            let proof = prove(&leaves, key_hash(&kept(i)));
            let here = proof.verify(&root, &kept(i), Some(&[i, i]), Height(ROOT));
            let absent = proof.verify(&root, &kept(i), None, Height(ROOT));
            assert_eq!(here.is_ok(), i < count, "{count} {i}");
            assert_eq!(absent.is_ok(), i >= count, "{count} {i}");
            assert_eq!(proof.holding().is_some(), i < count);
        }
    }
}

/// Value, since, until, place of the leaf.
type Held<'a> = (Option<&'a [u8]>, u64, Option<u64>, Digest);

/// One root tells what the key held at every height, for how long, and nothing else of it.
#[test]
fn one_root_proves_every_past_of_a_kept_key() {
    let (leaves, root) = history();
    let key = kept(100);
    let spans: [Held<'_>; 5] = [
        (None, 0, Some(5), version_hash(&key, 0)),
        (Some(b"a"), 5, Some(8), version_hash(&key, 0)),
        (Some(b"b"), 8, Some(12), version_hash(&key, 1)),
        (None, 12, Some(15), version_hash(&key, 2)),
        (Some(b"c"), 15, None, key_hash(&key)),
    ];
    for (value, since, until, place) in spans {
        let proof = prove(&leaves, place);
        for height in 0..=ROOT {
            let is_then = since <= height && until.is_none_or(|until| height < until);
            let span = Span { since: Height(since), until: until.map(Height) };
            for claimed in [None, Some(&b"a"[..]), Some(b"b"), Some(b"c")] {
                let found = proof.verify(&root, &key, claimed, Height(height));
                let is_before_first = place == version_hash(&key, 0) && claimed.is_none() && height < 5;
                if is_then && claimed == value {
                    assert_eq!(found, Ok(span), "{height} {claimed:?}");
                } else if !(is_before_first || since == 0 && claimed == Some(b"a") && (5..8).contains(&height)) {
                    assert!(found.is_err(), "{height} {claimed:?}: {found:?}");
                }
            }
        }
        assert_eq!(proof.verify(&root, &key, value, Height(ROOT + 1)), Err(StateProofError::AfterRoot));
    }
}

#[test]
fn a_derived_key_proves_its_newest_row_and_the_moment_of_its_absence() {
    let key = derived(1);
    let (mut leaves, _) = tree(9);
    leaves.push((key_hash(&key), now(b"row", 7, 0)));
    let root = root_of(&leaves);
    let proof = prove(&leaves, key_hash(&key));
    let span = Span { since: Height(7), until: None };
    for height in 7..=ROOT {
        assert_eq!(proof.verify(&root, &key, Some(b"row"), Height(height)), Ok(span));
    }
    // It may have been there before, and gone.
    assert_eq!(proof.verify(&root, &key, None, Height(6)), Err(StateProofError::OtherTime));
    let absent = prove(&leaves, key_hash(&derived(2)));
    let span = Span { since: Height(ROOT), until: None };
    assert_eq!(absent.verify(&root, &derived(2), None, Height(ROOT)), Ok(span));
    assert_eq!(absent.verify(&root, &derived(2), None, Height(ROOT - 1)), Err(StateProofError::NotKept));
}

/// Leaves that no state of the root's height has, though the path to them is right: whoever signed for them broke the rules.
#[test]
fn leaves_that_cannot_be_are_refused() {
    let (key, other) = (kept(100), derived(100));
    let cases: [(&[u8], Holding, u64, &str); 8] = [
        (&key, now(b"x", ROOT + 1, 0), ROOT, "a beginning after the root"),
        (&key, past(b"x", 5, 0, ROOT + 1), 5, "an end after the root"),
        (&key, past(b"x", 5, 0, 5), 5, "an end at its beginning"),
        (&key, past(b"x", 9, 0, 5), 5, "an end before its beginning"),
        (&key, now(b"x", 3, 4), 5, "more versions than heights"),
        (&key, gone(5, 0), 5, "a removal of what never was"),
        (&other, now(b"x", 5, 1), 5, "a version of a derived key"),
        (&other, past(b"x", 5, 0, 7), 5, "a past of a derived key"),
    ];
    for (key, holding, at, why) in cases {
        let place = if holding.until.is_some() { version_hash(key, holding.version) } else { key_hash(key) };
        let leaves = [(place, holding), (key_hash(&kept(1)), now(b"y", 1, 0))];
        let value = holding.value_hash.map(|_| &b"x"[..]);
        let found = prove(&leaves, place).verify(&root_of(&leaves), key, value, Height(at));
        assert_eq!(found, Err(StateProofError::Impossible), "{why}");
    }
}

#[test]
fn each_defect_is_named() {
    let (leaves, root) = history();
    let key = kept(100);
    let verify = |place: Digest, key: &[u8], value: Option<&[u8]>, at| {
        prove(&leaves, place).verify(&root, key, value, Height(at)).unwrap_err()
    };
    let newest = key_hash(&key);
    assert_eq!(verify(newest, &kept(101), Some(b"c"), 16), StateProofError::OtherKey);
    assert_eq!(verify(version_hash(&key, 1), &kept(101), Some(b"b"), 9), StateProofError::OtherKey);
    assert_eq!(verify(newest, &key, Some(b"b"), 16), StateProofError::OtherValue);
    assert_eq!(verify(newest, &key, None, 16), StateProofError::ProvesInclusion);
    assert_eq!(verify(version_hash(&key, 2), &key, Some(b"b"), 13), StateProofError::ProvesAbsence);
    assert_eq!(verify(newest, &key, Some(b"c"), 14), StateProofError::OtherTime);
    assert_eq!(verify(newest, &key, None, 3), StateProofError::OtherTime, "not version 0");
    assert_eq!(verify(key_hash(&kept(50)), &kept(50), Some(b"c"), 3), StateProofError::ProvesAbsence);
    let elsewhere = StateRoot { hash: Digest([7; 32]), ..root };
    assert_eq!(
        prove(&leaves, newest).verify(&elsewhere, &key, Some(b"c"), Height(16)),
        Err(StateProofError::OtherRoot { expected: Digest([7; 32]), found: root.hash })
    );
    // A version at the place of another version, or a newest leaf called superseded.
    let mut moved = prove(&leaves, version_hash(&key, 1));
    if let Terminal::Leaf { holding, .. } = &mut moved.terminal {
        holding.version = 0;
    }
    assert_eq!(moved.verify(&root, &key, Some(b"b"), Height(9)), Err(StateProofError::OtherKey));
}

#[test]
fn a_leaf_from_elsewhere_proves_no_absence() {
    let (leaves, root) = tree(9);
    let mut proof = prove(&leaves, key_hash(&kept(3)));
    let other = leaves.iter().find(|(place, _)| bit(place, 0) != bit(&proof.key_hash, 0)).unwrap();
    proof.terminal = Terminal::Leaf { key_hash: other.0, holding: other.1 };
    let verify = |proof: &StateProof| proof.verify(&root, &kept(3), None, Height(ROOT));
    assert_eq!(verify(&proof), Err(StateProofError::LeafElsewhere));
    proof.terminal = Terminal::Empty;
    assert!(matches!(verify(&proof), Err(StateProofError::OtherRoot { .. })));
}

#[test]
fn an_inner_node_passes_neither_as_leaf_nor_as_end() {
    let (leaves, root) = tree(9);
    let whole = prove(&leaves, key_hash(&kept(3)));
    // Stop one level early and offer the inner node's two children as place and value hash.
    let siblings = whole.siblings[..whole.siblings.len() - 1].to_vec();
    let holding = Holding { value_hash: Some(whole.siblings[1]), ..now(b"", 0, 0) };
    let forged = StateProof {
        siblings: List::new(siblings).unwrap(),
        terminal: Terminal::Leaf { key_hash: whole.siblings[0], holding },
        ..whole
    };
    assert!(forged.verify(&root, &kept(3), None, Height(ROOT)).is_err());
}

#[test]
fn paths_that_no_compact_tree_has_are_refused() {
    let (place, holding) = (key_hash(&kept(1)), now(&[1, 1], 3, 0));
    let leaf = leaf_hash(&place, &holding);
    let siblings = List::new(vec![EMPTY]).unwrap();
    let proof = StateProof { key_hash: place, siblings, terminal: Terminal::Leaf { key_hash: place, holding } };
    let hash = if bit(&place, 0) { inner_hash(&EMPTY, &leaf) } else { inner_hash(&leaf, &EMPTY) };
    let root = StateRoot { height: Height(ROOT), hash };
    assert_eq!(proof.verify(&root, &kept(1), Some(&[1, 1]), Height(5)), Err(StateProofError::NotCompact));
    let proof = StateProof { terminal: Terminal::Empty, ..proof };
    let root = StateRoot { hash: inner_hash(&EMPTY, &EMPTY), ..root };
    assert_eq!(proof.verify(&root, &kept(1), None, Height(5)), Err(StateProofError::NotCompact));
}

#[test]
fn leaf_hashes_are_those_of_the_canonical_bytes() {
    for holding in [now(b"a", 5, 2), past(b"a", 5, 2, 9), gone(5, 2)] {
        let place = key_hash(&kept(1));
        let bytes = [&[LEAF_PREFIX][..], place.as_bytes(), &encode(&holding)].concat();
        assert_eq!(leaf_hash(&place, &holding), quancheng_types::hash::sha256(&[&bytes]));
    }
}

#[test]
fn bytes_and_json_come_back_and_the_depth_is_bounded() {
    let (leaves, _) = history();
    for place in [key_hash(&kept(3)), version_hash(&kept(100), 2), key_hash(&kept(77))] {
        let proof = prove(&leaves, place);
        let bytes = encode(&proof);
        assert_eq!(decode::<StateProof>(&bytes, 10_000).unwrap(), proof);
        assert_eq!(serde_json::from_str::<StateProof>(&serde_json::to_string(&proof).unwrap()).unwrap(), proof);
    }
    let mut deep = key_hash(&kept(3)).0.to_vec();
    deep.extend_from_slice(&257_u32.to_le_bytes());
    deep.extend_from_slice(&vec![1; 257 * 32 + 1]);
    assert!(decode::<StateProof>(&deep, 10_000).is_err());
}

#[test]
fn any_changed_bit_of_a_proof_breaks_it() {
    let (leaves, root) = history();
    let key = kept(100);
    let cases: [(Digest, Option<&[u8]>, u64); 3] =
        [(key_hash(&key), Some(b"c"), 16), (version_hash(&key, 1), Some(b"b"), 9), (version_hash(&key, 2), None, 13)];
    for (place, value, at) in cases {
        let bytes = encode(&prove(&leaves, place));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(proof) = decode::<StateProof>(&damaged, 10_000) {
                assert!(proof.verify(&root, &key, value, Height(at)).is_err(), "bit {bit}");
                assert!(proof.verify(&root, &key, None, Height(0)).is_err(), "bit {bit}");
            }
        }
    }
}

#[test]
fn versions_of_one_key_follow_each_other() {
    let (a, b, c) = (past(b"a", 5, 0, 8), past(b"b", 8, 1, 12), now(b"c", 15, 3));
    let agree = |one: &Holding, two: &Holding, expected| {
        assert_eq!((one.agrees(two), two.agrees(one)), (expected, expected), "{one:?} {two:?}");
    };
    agree(&a, &b, true);
    agree(&a, &c, true);
    agree(&b, &c, true);
    agree(&a, &a, true);
    agree(&a, &now(b"a", 5, 0), true);
    agree(&a, &past(b"a", 5, 0, 9), false);
    agree(&a, &past(b"x", 5, 0, 8), false);
    agree(&a, &past(b"b", 7, 1, 12), false);
    agree(&a, &past(b"b", 9, 1, 12), false);
    agree(&b, &now(b"c", 12, 3), false);
    agree(&b, &now(b"c", 13, 3), true);
    agree(&now(b"b", 8, 1), &now(b"c", 8, 2), false);
    agree(&now(b"b", 8, 1), &now(b"c", 9, 2), true);
}

proptest! {
    /// Whatever a proof holds, checking it ends, and a span that it shows has the height asked about in it.
    #[test]
    fn no_proof_shows_more_than_its_span(
        since in 0_u64..25, version in 0_u64..6, until in proptest::option::of(0_u64..25), at in 0_u64..25, has in any::<bool>(),
        is_kept in any::<bool>(), claims in any::<bool>(),
    ) {
        let key = if is_kept { kept(7) } else { derived(7) };
        let value_hash = has.then(|| value_hash(b"v"));
        let holding = Holding { value_hash, since: Height(since), version, until: until.map(Height) };
        let place = if until.is_some() { version_hash(&key, version) } else { key_hash(&key) };
        let leaves = [(place, holding), (key_hash(&kept(1)), now(b"y", 1, 0))];
        let claim = claims.then_some(&b"v"[..]);
        if let Ok(span) = prove(&leaves, place).verify(&root_of(&leaves), &key, claim, Height(at)) {
            prop_assert!(span.since <= Height(at) && span.until.is_none_or(|until| Height(at) < until));
            prop_assert!(Height(at) <= Height(ROOT) && span.until.is_none_or(|until| until <= Height(ROOT)));
            prop_assert!(claims == has || (at < since && version == 0 && is_kept));
        }
    }
}
