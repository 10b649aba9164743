use quancheng_types::{Digest, Height};

use super::hasher::TreeHasher;
use super::prefix::Prefix;
use crate::backend::Column;
use crate::error::{Record, StoreError};

/// Slots of a page.
pub(crate) const SLOTS: usize = 16;
const SLOT_BYTES: usize = 1 + 8 + 8 + 32;

/// The root of a subtree, seen from above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Keys below.
    pub(crate) keys: u64,
    /// Hash of the subtree.
    pub(crate) hash: Digest,
    /// Whether a page is stored for it; otherwise it is a bucket.
    pub(crate) paged: bool,
    /// Height that changed it last.
    pub(crate) changed: Height,
}

impl Slot {
    /// A subtree without keys, as of genesis.
    pub(crate) fn empty<H: TreeHasher>() -> Self {
        Self {
            keys: 0,
            hash: H::EMPTY,
            paged: false,
            changed: Height::GENESIS,
        }
    }

    /// Whether two slots describe the same subtree, whenever they were written.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.keys, self.hash, self.paged) == (other.keys, other.hash, other.paged)
    }

    pub(crate) fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.paged));
        bytes.extend_from_slice(&self.changed.0.to_be_bytes());
        bytes.extend_from_slice(&self.keys.to_be_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        self.encode_into(&mut bytes);
        bytes
    }

    /// Reads one slot and gives what follows.
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[paged], rest) = bytes.split_first_chunk::<1>()?;
        let (changed, rest) = rest.split_first_chunk::<8>()?;
        let (keys, rest) = rest.split_first_chunk::<8>()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let slot = Self {
            keys: u64::from_be_bytes(*keys),
            hash: Digest(*hash),
            paged: match paged {
                0 => false,
                1 => true,
                _ => return None,
            },
            changed: Height(u64::from_be_bytes(*changed)),
        };
        Some((slot, rest))
    }

    /// Reads exactly one slot.
    pub(crate) fn decode(column: Column, key: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        match Self::split(bytes) {
            Some((slot, [])) => Ok(slot),
            Some(_) | None => Err(damaged(column, key, "a slot of the tree")),
        }
    }
}

fn damaged(column: Column, key: &[u8], expected: &'static str) -> StoreError {
    StoreError::Inconsistent {
        record: Record::Column(column.name()),
        key: key.to_vec(),
        expected,
    }
}

/// Four levels of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) slots: [Slot; SLOTS],
}

/// A node inside a page: keys below, and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) keys: u64,
    pub(crate) hash: Digest,
}

/// The node above two nodes: a lone leaf stands for the whole.
pub(crate) fn join<H: TreeHasher>(left: &Node, right: &Node) -> Node {
    let keys = left.keys.saturating_add(right.keys);
    let hash = match (keys, left.keys) {
        (0, _) => H::EMPTY,
        (1, 1) => left.hash,
        (1, _) => right.hash,
        _ => H::inner(&left.hash, &right.hash),
    };
    Node { keys, hash }
}

impl Page {
    pub(crate) fn empty<H: TreeHasher>() -> Self {
        Self {
            slots: [Slot::empty::<H>(); SLOTS],
        }
    }

    /// The levels of the page from the bottom (16 nodes) to the top (one).
    pub(crate) fn levels<H: TreeHasher>(&self) -> Vec<Vec<Node>> {
        let mut level: Vec<Node> = self
            .slots
            .iter()
            .map(|slot| Node {
                keys: slot.keys,
                hash: slot.hash,
            })
            .collect();
        let mut levels = Vec::with_capacity(5);
        while level.len() > 1 {
            let above = level
                .chunks_exact(2)
                .map(|pair| join::<H>(&pair[0], &pair[1]))
                .collect();
            levels.push(core::mem::replace(&mut level, above));
        }
        levels.push(level);
        levels
    }

    /// The top of the page, without keeping the levels.
    pub(crate) fn top<H: TreeHasher>(&self) -> Node {
        let mut level = self.slots.map(|slot| Node {
            keys: slot.keys,
            hash: slot.hash,
        });
        let mut width = SLOTS / 2;
        while width > 0 {
            for at in 0..width {
                level[at] = join::<H>(&level[2 * at], &level[2 * at + 1]);
            }
            width /= 2;
        }
        level[0]
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOTS * SLOT_BYTES);
        for slot in &self.slots {
            slot.encode_into(&mut bytes);
        }
        bytes
    }

    pub(crate) fn decode<H: TreeHasher>(prefix: &Prefix, bytes: &[u8]) -> Result<Self, StoreError> {
        let mut page = Self::empty::<H>();
        let mut rest = bytes;
        for slot in &mut page.slots {
            let Some((found, after)) = Slot::split(rest) else {
                return Err(damaged(
                    Column::Tree,
                    &prefix.to_bytes(),
                    "a page of sixteen slots",
                ));
            };
            (*slot, rest) = (found, after);
        }
        if rest.is_empty() {
            Ok(page)
        } else {
            Err(damaged(
                Column::Tree,
                &prefix.to_bytes(),
                "a page of sixteen slots",
            ))
        }
    }
}
