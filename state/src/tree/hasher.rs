use quancheng_proof::state_proof;
use quancheng_types::Digest;

/// The hash functions of a tree. The chain has one ([`ChainHasher`]); tests have another, to compare with a foreign tree.
pub(crate) trait TreeHasher {
    /// Hash of a subtree without keys.
    const EMPTY: Digest;

    /// Hash of a subtree of one key.
    fn leaf(key_hash: &Digest, value_hash: &Digest) -> Digest;

    /// Hash of a subtree of two keys or more.
    fn inner(left: &Digest, right: &Digest) -> Digest;
}

/// The hash functions of `quancheng_proof::state_proof`.
#[derive(Debug)]
pub(crate) struct ChainHasher;

impl TreeHasher for ChainHasher {
    const EMPTY: Digest = state_proof::EMPTY;

    fn leaf(key_hash: &Digest, value_hash: &Digest) -> Digest {
        state_proof::leaf_hash(key_hash, value_hash)
    }

    fn inner(left: &Digest, right: &Digest) -> Digest {
        state_proof::inner_hash(left, right)
    }
}
