//! Merkle trees over lists, as RFC 9162 §2.1 defines them: leaf = H(0x00 ‖ data), node = H(0x01 ‖ left ‖ right), the empty tree is
//! H(""). The size is authenticated by whatever carries the root beside it.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::List;
use crate::hash::{Digest, content_hash};
use crate::limits;

/// Hash of one leaf (RFC 9162 §2.1.1).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Digest {
    content_hash(&[&[0], data])
}

/// Hash of one inner node (RFC 9162 §2.1.1).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    content_hash(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// Root of the empty tree.
#[must_use]
pub fn empty_root() -> Digest {
    content_hash(&[])
}

/// Root over leaf hashes.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    let mut builder = RootBuilder::new();
    for leaf in leaves {
        builder.push(*leaf);
    }
    builder.root()
}

/// The right edge of an append-only tree: at most 64 hashes from which the root follows and to which leaves are appended.
///
/// `peaks[i]` is the root of a perfect subtree; sizes descend, as the binary digits of `size`.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RootBuilder {
    size: u64,
    peaks: List<Digest, { limits::PATH_LENGTH_MAX }>,
}

impl RootBuilder {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From a size and the roots of its perfect subtrees, largest first. `None` when their number does not fit the size.
    #[must_use]
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize)
            .then(|| List::new(peaks).ok().map(|peaks| Self { size, peaks }))
            .flatten()
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash. Returns the perfect subtrees completed by it, lowest first: `(level, root)`; level 0 is the leaf
    /// itself. A store that keeps them all at `(level, index)` can make any path later.
    pub fn push(&mut self, leaf: Digest) -> Vec<(u32, Digest)> {
        let mut completed = vec![(0, leaf)];
        let mut peaks = core::mem::take(&mut self.peaks).into_vec();
        let mut hash = leaf;
        for level in 1..=self.size.trailing_ones() {
            let left = peaks.pop().expect("one peak per set bit of size");
            hash = node_hash(&left, &hash);
            completed.push((level, hash));
        }
        peaks.push(hash);
        self.size += 1;
        self.peaks = List::new(peaks).expect("at most 64 set bits in a u64");
        completed
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Inclusion path of one leaf in a tree of `size` leaves (RFC 9162 §2.1.3).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Path {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// Leaves of the tree.
    pub size: u64,
    /// Siblings, lowest first.
    pub siblings: List<Digest, { limits::PATH_LENGTH_MAX }>,
}

impl Path {
    /// The root that this path leads to from a leaf hash, or `None` when its length does not fit `index` and `size`
    /// (RFC 9162 §2.1.3.2).
    #[must_use]
    pub fn root(&self, leaf: Digest) -> Option<Digest> {
        if self.index >= self.size {
            return None;
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut hash = leaf;
        for sibling in &self.siblings {
            if last == 0 {
                return None;
            }
            if node & 1 == 1 || node == last {
                hash = node_hash(sibling, &hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(&hash, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(hash)
    }

    /// The path of leaf `index` among `leaves`, computed from all of them. `None` when there is no such leaf.
    #[must_use]
    pub fn of(leaves: &[Digest], index: u64) -> Option<Self> {
        let size = u64::try_from(leaves.len()).ok()?;
        let mut tree = RootBuilder::new();
        let mut nodes = std::collections::BTreeMap::new();
        for leaf in leaves {
            let position = tree.size();
            for (level, hash) in tree.push(*leaf) {
                nodes.insert((level, position >> level), hash);
            }
        }
        Self::from_nodes(index, size, |level, at| nodes.get(&(level, at)).copied())
    }

    /// The path of leaf `index` in a tree of `size` leaves, from the stored perfect subtrees (see [`RootBuilder::push`]).
    /// `None` when there is no such leaf or a node is missing.
    pub fn from_nodes(index: u64, size: u64, node: impl Fn(u32, u64) -> Option<Digest>) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut siblings = Vec::new();
        subtree_path(0, size, index, &node, &mut siblings)?;
        Some(Self { index, size, siblings: List::new(siblings).ok()? })
    }
}

/// Greatest power of two smaller than `n` (n ≥ 2), RFC 9162 §2.1.1.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// Root of leaves `start .. start + length`, from perfect subtrees. `start` is a multiple of every perfect subtree it meets.
fn subtree_root(start: u64, length: u64, node: &impl Fn(u32, u64) -> Option<Digest>) -> Option<Digest> {
    if length.is_power_of_two() {
        let level = length.trailing_zeros();
        return node(level, start >> level);
    }
    let left = split(length);
    Some(node_hash(&subtree_root(start, left, node)?, &subtree_root(start + left, length - left, node)?))
}

fn subtree_path(
    start: u64,
    length: u64,
    index: u64,
    node: &impl Fn(u32, u64) -> Option<Digest>,
    siblings: &mut Vec<Digest>,
) -> Option<()> {
    if length == 1 {
        return Some(());
    }
    let left = split(length);
    if index < left {
        subtree_path(start, left, index, node, siblings)?;
        siblings.push(subtree_root(start + left, length - left, node)?);
    } else {
        subtree_path(start + left, length - left, index - left, node, siblings)?;
        siblings.push(subtree_root(start, left, node)?);
    }
    Some(())
}

#[cfg(test)]
mod tests;
