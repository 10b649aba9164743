//! The tree against the `jmt` crate, hashed as that crate hashes.

use borsh::BorshDeserialize;
use jmt::mock::MockTreeStore;
use jmt::proof::SparseMerkleProof;
use jmt::{JellyfishMerkleTree, KeyHash, RootHash, SimpleHasher};
use quancheng_types::codec::encode;

use super::*;

/// SHA-256 for the foreign tree.
#[derive(Clone, Default)]
struct Sha(Vec<u8>);

impl SimpleHasher for Sha {
    fn new() -> Self {
        Self::default()
    }

    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    fn finalize(self) -> [u8; 32] {
        sha256(&[&self.0]).0
    }
}

struct JmtHasher;

impl TreeHasher for JmtHasher {
    const EMPTY: Digest = Digest(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

    /// The foreign tree knows no time: what a leaf commits to is its value.
    fn leaf(place: &Digest, holding: &Holding) -> Digest {
        sha256(&[b"JMT::LeafNode", place.as_bytes(), sha256(&[&encode(holding)]).as_bytes()])
    }

    fn inner(left: &Digest, right: &Digest) -> Digest {
        sha256(&[b"JMT::IntrnalNode", left.as_bytes(), right.as_bytes()])
    }
}

/// The published fields of the foreign proof.
#[derive(BorshDeserialize)]
struct ForeignProof {
    leaf: Option<(Digest, Digest)>,
    siblings: Vec<ForeignNode>,
}

#[derive(BorshDeserialize)]
enum ForeignNode {
    Null,
    Inner(Digest, Digest),
    Leaf(Digest, Digest),
}

impl ForeignNode {
    fn hash(&self) -> Digest {
        match self {
            Self::Null => JmtHasher::EMPTY,
            Self::Inner(left, right) => JmtHasher::inner(left, right),
            Self::Leaf(place, value_hash) => sha256(&[b"JMT::LeafNode", place.as_bytes(), value_hash.as_bytes()]),
        }
    }
}

/// Siblings and place of the leaf of a foreign proof.
fn translated(proof: &SparseMerkleProof<Sha>) -> (Vec<Digest>, Option<(Digest, Digest)>) {
    let foreign: ForeignProof = quancheng_types::decode(&encode(proof), 1 << 20).unwrap();
    (foreign.siblings.iter().rev().map(ForeignNode::hash).collect(), foreign.leaf)
}

/// The same of one of ours.
fn own(proof: &StateProof) -> (Vec<Digest>, Option<(Digest, Digest)>) {
    let leaf = match proof.terminal {
        Terminal::Leaf { key_hash, holding } => Some((key_hash, sha256(&[&encode(&holding)]))),
        Terminal::Empty => None,
    };
    (proof.siblings.to_vec(), leaf)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Equal roots and equal proofs after every block, present keys and absent ones.
    #[test]
    fn the_tree_equals_jmt(blocks in blocks()) {
        let foreign = MockTreeStore::default();
        let mut ours = Harness::new::<JmtHasher>(1 << 16);
        let mut before = model::Model::new();
        for (version, block) in (0..).zip(&blocks) {
            let mut after = before.clone();
            model::grow(&mut after, Height(version), block);
            let places: BTreeSet<Digest> = before.keys().chain(after.keys()).copied().collect();
            let changed = places.into_iter().filter(|place| before.get(place) != after.get(place));
            let changes: Vec<_> = changed.map(|place| (KeyHash(place.0), after.get(&place).map(encode))).collect();
            let jmt = JellyfishMerkleTree::<_, Sha>::new(&foreign);
            let (RootHash(root), batch) = jmt.put_value_set(changes, version).unwrap();
            foreign.write_tree_update_batch(batch).unwrap();
            ours.apply::<JmtHasher>(block).unwrap();
            prop_assert_eq!(ours.root().hash, Digest(root), "root at {}", version);
            prop_assert_eq!(&after, ours.models.last().unwrap());
            // It keeps no root for an empty tree.
            if ours.root().keys > 0 {
                let reader = ours.reader::<JmtHasher>(version);
                let probes = (0..240).step_by(11).chain(1000..1004).map(key).chain(after.keys().copied().step_by(9));
                for place in probes {
                    let (value, proof) = jmt.get_with_proof(KeyHash(place.0), version).unwrap();
                    prop_assert_eq!(value, after.get(&place).map(encode));
                    prop_assert_eq!(own(&reader.prove(&place).unwrap()), translated(&proof));
                }
            }
            before = after;
        }
    }
}
