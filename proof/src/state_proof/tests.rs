use quancheng_types::codec::{decode, encode};
use quancheng_types::{Digest, List};

use super::{EMPTY, StateProof, StateProofError, Terminal, bit, inner_hash, key_hash, leaf_hash, value_hash};

/// Root and proof over explicit keys, straight from the definition of the tree.
fn naive(leaves: &[(Digest, Digest)], depth: usize) -> Digest {
    match leaves {
        [] => EMPTY,
        [(key, value)] => leaf_hash(key, value),
        _ => {
            let (right, left): (Vec<_>, Vec<_>) = leaves.iter().copied().partition(|(key, _)| bit(key, depth));
            inner_hash(&naive(&left, depth + 1), &naive(&right, depth + 1))
        }
    }
}

fn prove(leaves: &[(Digest, Digest)], key: Digest) -> StateProof {
    let mut rest = leaves.to_vec();
    let mut siblings = Vec::new();
    while rest.len() > 1 {
        let depth = siblings.len();
        let (same, other): (Vec<_>, Vec<_>) =
            rest.iter().copied().partition(|(k, _)| bit(k, depth) == bit(&key, depth));
        siblings.push(naive(&other, depth + 1));
        rest = same;
    }
    let terminal = rest.first().map_or(Terminal::Empty, |(key_hash, value_hash)| Terminal::Leaf {
        key_hash: *key_hash,
        value_hash: *value_hash,
    });
    StateProof { key_hash: key, siblings: List::new(siblings).unwrap(), terminal }
}

fn tree(count: u8) -> (Vec<(Digest, Digest)>, Digest) {
    let leaves: Vec<_> = (0..count).map(|i| (key_hash(&[i]), value_hash(&[i, i]))).collect();
    let root = naive(&leaves, 0);
    (leaves, root)
}

#[test]
fn every_key_of_small_trees_is_proved_present_or_absent_and_not_the_other() {
    for count in 0..20 {
        let (leaves, root) = tree(count);
        for i in 0..40 {
            let proof = prove(&leaves, key_hash(&[i]));
            let (inclusion, absence) =
                (proof.verify_inclusion(&root, &[i], &[i, i]), proof.verify_absence(&root, &[i]));
            assert_eq!(inclusion.is_ok(), i < count, "{count} {i}");
            assert_eq!(absence.is_ok(), i >= count, "{count} {i}");
            assert_eq!(proof.claims_inclusion(), i < count);
        }
    }
}

#[test]
fn each_defect_is_named() {
    let (leaves, root) = tree(9);
    let proof = prove(&leaves, key_hash(&[3]));
    assert_eq!(proof.verify_inclusion(&root, &[4], &[3, 3]), Err(StateProofError::OtherKey));
    assert_eq!(proof.verify_inclusion(&root, &[3], &[3]), Err(StateProofError::OtherValue));
    assert_eq!(proof.verify_absence(&root, &[3]), Err(StateProofError::ProvesInclusion));
    assert!(matches!(
        proof.verify_inclusion(&Digest([7; 32]), &[3], &[3, 3]),
        Err(StateProofError::OtherRoot { expected: Digest([7, ..]), found }) if found == root
    ));
    let absent = prove(&leaves, key_hash(&[30]));
    assert_eq!(absent.verify_inclusion(&root, &[30], &[]), Err(StateProofError::ProvesAbsence));
}

#[test]
fn a_leaf_from_elsewhere_proves_no_absence() {
    let (leaves, root) = tree(9);
    let mut proof = prove(&leaves, key_hash(&[3]));
    let other = leaves.iter().find(|(k, _)| bit(k, 0) != bit(&proof.key_hash, 0)).unwrap();
    proof.terminal = Terminal::Leaf { key_hash: other.0, value_hash: other.1 };
    assert_eq!(proof.verify_absence(&root, &[3]), Err(StateProofError::LeafElsewhere));
    proof.terminal = Terminal::Empty;
    assert!(matches!(proof.verify_absence(&root, &[3]), Err(StateProofError::OtherRoot { .. })));
}

#[test]
fn an_inner_node_passes_neither_as_leaf_nor_as_end() {
    let (leaves, root) = tree(9);
    let whole = prove(&leaves, key_hash(&[3]));
    // Stop one level early and offer the inner node's two children as key hash and value hash.
    let siblings = whole.siblings[..whole.siblings.len() - 1].to_vec();
    let forged = StateProof {
        siblings: List::new(siblings).unwrap(),
        terminal: Terminal::Leaf { key_hash: whole.siblings[0], value_hash: whole.siblings[1] },
        ..whole
    };
    assert!(forged.verify_absence(&root, &[3]).is_err());
}

#[test]
fn paths_that_no_compact_tree_has_are_refused() {
    let leaf = leaf_hash(&key_hash(&[1]), &value_hash(&[1, 1]));
    let siblings = List::new(vec![EMPTY]).unwrap();
    let terminal = Terminal::Leaf { key_hash: key_hash(&[1]), value_hash: value_hash(&[1, 1]) };
    let proof = StateProof { key_hash: key_hash(&[1]), siblings, terminal };
    let root = if bit(&proof.key_hash, 0) { inner_hash(&EMPTY, &leaf) } else { inner_hash(&leaf, &EMPTY) };
    assert_eq!(proof.verify_inclusion(&root, &[1], &[1, 1]), Err(StateProofError::NotCompact));
    let proof = StateProof { terminal: Terminal::Empty, ..proof };
    assert_eq!(proof.verify_absence(&inner_hash(&EMPTY, &EMPTY), &[1]), Err(StateProofError::NotCompact));
}

#[test]
fn bytes_and_json_come_back_and_the_depth_is_bounded() {
    let (leaves, _) = tree(9);
    let proof = prove(&leaves, key_hash(&[3]));
    let bytes = encode(&proof);
    assert_eq!(decode::<StateProof>(&bytes, 10_000).unwrap(), proof);
    assert_eq!(serde_json::from_str::<StateProof>(&serde_json::to_string(&proof).unwrap()).unwrap(), proof);
    let mut deep = proof.key_hash.0.to_vec();
    deep.extend_from_slice(&257_u32.to_le_bytes());
    deep.extend_from_slice(&vec![1; 257 * 32 + 1]);
    assert!(decode::<StateProof>(&deep, 10_000).is_err());
}

#[test]
fn any_changed_bit_of_a_proof_breaks_it() {
    let (leaves, root) = tree(9);
    let bytes = encode(&prove(&leaves, key_hash(&[3])));
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        if let Ok(proof) = decode::<StateProof>(&damaged, 10_000) {
            assert!(proof.verify_inclusion(&root, &[3], &[3, 3]).is_err(), "bit {at}");
            assert!(proof.verify_absence(&root, &[3]).is_err(), "bit {at}");
        }
    }
}
