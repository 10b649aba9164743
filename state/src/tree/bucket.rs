use quancheng_proof::state_proof::{Holding, bit};
use quancheng_types::Digest;

use super::hasher::TreeHasher;

/// A place in the tree and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) place: Digest,
    pub(crate) holding: Holding,
}

/// A leaf, hashed: all that the subtree above it needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeafHash {
    pub(crate) place: Digest,
    pub(crate) hash: Digest,
}

impl Leaf {
    pub(crate) fn hashed<H: TreeHasher>(&self) -> LeafHash {
        LeafHash { place: self.place, hash: H::leaf(&self.place, &self.holding) }
    }
}

/// Where leaves in ascending order part at a depth: those before have bit 0, the others 1.
pub(crate) fn parting(leaves: &[LeafHash], depth: usize) -> usize {
    leaves.partition_point(|leaf| !bit(&leaf.place, depth))
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
