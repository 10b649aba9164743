use quancheng_proof::state_proof::bit;
use quancheng_types::Digest;

use super::hasher::TreeHasher;

/// A key and its value in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leaf {
    pub(crate) key_hash: Digest,
    pub(crate) value_hash: Digest,
}

/// A leaf, hashed: all that the subtree above it needs to know, and enough to tell whether a value changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeafHash {
    pub(crate) key_hash: Digest,
    pub(crate) hash: Digest,
}

impl Leaf {
    pub(crate) fn hashed<H: TreeHasher>(&self) -> LeafHash {
        LeafHash { key_hash: self.key_hash, hash: H::leaf(&self.key_hash, &self.value_hash) }
    }
}

/// Where leaves in ascending order part at a depth: those before have bit 0, the others 1.
pub(crate) fn parting(leaves: &[LeafHash], depth: usize) -> usize {
    leaves.partition_point(|leaf| !bit(&leaf.key_hash, depth))
}

/// Hash of the subtree at `depth` over distinct leaves in ascending order that share their first `depth` bits.
pub(crate) fn subtree_hash<H: TreeHasher>(leaves: &[LeafHash], depth: usize) -> Digest {
    match leaves {
        [] => H::EMPTY,
        [leaf] => leaf.hash,
        _ => {
            let (left, right) = leaves.split_at(parting(leaves, depth));
            H::inner(&subtree_hash::<H>(left, depth + 1), &subtree_hash::<H>(right, depth + 1))
        }
    }
}
