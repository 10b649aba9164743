use quancheng_proof::state_proof::bit;
use quancheng_types::Digest;

use super::hasher::TreeHasher;

/// A key and its value in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leaf {
    pub(crate) key_hash: Digest,
    pub(crate) value_hash: Digest,
}

/// Where leaves in ascending order part at a depth: those before have bit 0, the others 1.
pub(crate) fn parting(leaves: &[Leaf], depth: usize) -> usize {
    leaves.partition_point(|leaf| !bit(&leaf.key_hash, depth))
}

/// Hash of the subtree at `depth` over distinct leaves in ascending order that share their first `depth` bits.
pub(crate) fn subtree_hash<H: TreeHasher>(leaves: &[Leaf], depth: usize) -> Digest {
    match leaves {
        [] => H::EMPTY,
        [leaf] => H::leaf(&leaf.key_hash, &leaf.value_hash),
        _ => {
            let (left, right) = leaves.split_at(parting(leaves, depth));
            H::inner(
                &subtree_hash::<H>(left, depth + 1),
                &subtree_hash::<H>(right, depth + 1),
            )
        }
    }
}
