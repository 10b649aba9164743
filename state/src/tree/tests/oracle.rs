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

    fn leaf(key_hash: &Digest, value_hash: &Digest) -> Digest {
        sha256(&[b"JMT::LeafNode", key_hash.as_bytes(), value_hash.as_bytes()])
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
            Self::Leaf(key_hash, value_hash) => JmtHasher::leaf(key_hash, value_hash),
        }
    }
}

fn translated(key_hash: Digest, proof: &SparseMerkleProof<Sha>) -> StateProof {
    let foreign: ForeignProof = quancheng_types::decode(&encode(proof), 1 << 20).unwrap();
    let terminal =
        foreign.leaf.map_or(Terminal::Empty, |(key_hash, value_hash)| Terminal::Leaf { key_hash, value_hash });
    let siblings = List::new(foreign.siblings.iter().rev().map(ForeignNode::hash).collect()).unwrap();
    StateProof { key_hash, siblings, terminal }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Equal roots and equal proofs after every block, present keys and absent ones.
    #[test]
    fn the_tree_equals_jmt(blocks in blocks()) {
        let foreign = MockTreeStore::default();
        let mut ours = Harness::new::<JmtHasher>(1 << 16);
        for (version, block) in (0..).zip(&blocks) {
            let changes = block.iter().map(|(key, value)| (KeyHash(key.0), value.map(|value| vec![value])));
            let jmt = JellyfishMerkleTree::<_, Sha>::new(&foreign);
            let (RootHash(root), batch) = jmt.put_value_set(changes, version).unwrap();
            foreign.write_tree_update_batch(batch).unwrap();
            ours.apply::<JmtHasher>(block).unwrap();
            prop_assert_eq!(ours.root.hash, Digest(root), "root at {}", version);
            // It keeps no root for an empty tree.
            if ours.root.keys == 0 {
                continue;
            }
            let reader = TreeReader::<JmtHasher>::new(&ours.memory, Height(version));
            for number in (0..240).step_by(11).chain(1000..1004) {
                let key = key(number);
                let (value, proof) = jmt.get_with_proof(KeyHash(key.0), version).unwrap();
                prop_assert_eq!(value, ours.models.last().unwrap().get(&key).map(|value| vec![*value]));
                prop_assert_eq!(reader.prove(&key).unwrap(), translated(key, &proof));
            }
        }
    }
}
