use core::mem::size_of;
use std::sync::Arc;

use quancheng_proof::state_proof::{Holding, bit};
use quancheng_types::Digest;

use super::hasher::TreeHasher;
use super::prefix::Prefix;

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

/// A leaf as it is kept in memory: of its place the first 64 bits, in which it differs from every other leaf of its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StemLeaf {
    pub(crate) stem: u64,
    pub(crate) hash: Digest,
}

/// Bits of a stem.
const STEM_BITS: usize = 64;
const _: () = assert!(size_of::<StemLeaf>() == 40, "memory of the tree is stated by it");

/// The first bits of a place.
pub(crate) fn stem_of(place: &Digest) -> u64 {
    let (stem, _) = place.0.split_first_chunk::<8>().expect("a place has 32 bytes");
    u64::from_be_bytes(*stem)
}

/// Something with a place and a hash, ordered by place among leaves that it differs from.
pub(crate) trait Placed: Copy {
    /// One bit of the place.
    fn bit(&self, depth: usize) -> bool;
    /// Which child of a subtree it belongs to.
    fn nibble(&self, prefix: &Prefix) -> u8;
    /// What the tree above it hashes.
    fn hash(&self) -> Digest;
    /// The leaf as it is kept in memory.
    fn stemmed(&self) -> StemLeaf;
}

impl Placed for LeafHash {
    fn bit(&self, depth: usize) -> bool {
        bit(&self.place, depth)
    }

    fn nibble(&self, prefix: &Prefix) -> u8 {
        prefix.nibble_of(&self.place)
    }

    fn hash(&self) -> Digest {
        self.hash
    }

    fn stemmed(&self) -> StemLeaf {
        StemLeaf { stem: stem_of(&self.place), hash: self.hash }
    }
}

/// Of the bits behind the stem nobody asks: leaves that differ in the stem part within it.
impl Placed for StemLeaf {
    fn bit(&self, depth: usize) -> bool {
        self.stem << depth >> (STEM_BITS - 1) == 1
    }

    fn nibble(&self, prefix: &Prefix) -> u8 {
        let mut place = Digest::ZERO;
        place.0[..8].copy_from_slice(&self.stem.to_be_bytes());
        prefix.nibble_of(&place)
    }

    fn hash(&self) -> Digest {
        self.hash
    }

    fn stemmed(&self) -> StemLeaf {
        *self
    }
}

impl Leaf {
    pub(crate) fn hashed<H: TreeHasher>(&self) -> LeafHash {
        LeafHash { place: self.place, hash: H::leaf(&self.place, &self.holding) }
    }
}

/// Leaves in ascending order as they are kept in memory; `None` when two of them have one stem. Whoever looks for such keys finds them with
/// some 2^32 hashes, so it must cost nothing but a read of the bucket.
pub(crate) fn stemmed<L: Placed>(leaves: &[L]) -> Option<Arc<[StemLeaf]>> {
    let leaves: Arc<[StemLeaf]> = leaves.iter().map(Placed::stemmed).collect();
    leaves.is_sorted_by(|a, b| a.stem < b.stem).then_some(leaves)
}

/// Where leaves in ascending order part at a depth: those before have bit 0, the others 1.
pub(crate) fn parting<L: Placed>(leaves: &[L], depth: usize) -> usize {
    leaves.partition_point(|leaf| !leaf.bit(depth))
}

/// Hash of the subtree at `depth` over distinct leaves in ascending order that share their first `depth` bits.
pub(crate) fn subtree_hash<H: TreeHasher>(leaves: &[impl Placed], depth: usize) -> Digest {
    match leaves {
        [] => H::EMPTY,
        [leaf] => leaf.hash(),
        _ => {
            let (left, right) = leaves.split_at(parting(leaves, depth));
            H::inner(&subtree_hash::<H>(left, depth + 1), &subtree_hash::<H>(right, depth + 1))
        }
    }
}
