use quancheng_proof::state_proof::{self, Holding};
use quancheng_types::Digest;

/// The hash functions of a tree. The chain has one ([`ChainHasher`]); tests have another, to compare with a foreign tree.
pub(crate) trait TreeHasher {
    /// Hash of a subtree without leaves.
    const EMPTY: Digest;

    /// Hash of a subtree of one leaf.
    fn leaf(place: &Digest, holding: &Holding) -> Digest;

    /// Hash of a subtree of two leaves or more.
    fn inner(left: &Digest, right: &Digest) -> Digest;
}

/// The hash functions of `quancheng_proof::state_proof`.
#[derive(Debug)]
pub(crate) struct ChainHasher;

impl TreeHasher for ChainHasher {
    const EMPTY: Digest = state_proof::EMPTY;

    fn leaf(place: &Digest, holding: &Holding) -> Digest {
        state_proof::leaf_hash(place, holding)
    }

    fn inner(left: &Digest, right: &Digest) -> Digest {
        state_proof::inner_hash(left, right)
    }
}
