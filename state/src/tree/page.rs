use quancheng_types::Digest;

use super::hasher::TreeHasher;
use super::prefix::Prefix;
use crate::backend::{Column, Cursor};
use crate::error::{Record, StoreError};

/// Slots of a page.
pub(crate) const SLOTS: usize = 16;
const SLOT_BYTES: usize = 1 + 8 + 32;

/// The root of a subtree, seen from above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Leaves below: keys, and superseded versions.
    pub(crate) keys: u64,
    /// Hash of the subtree.
    pub(crate) hash: Digest,
    /// Whether a page is stored for it; otherwise it is a bucket.
    pub(crate) paged: bool,
}

impl Slot {
    /// A subtree without leaves.
    pub(crate) fn empty<H: TreeHasher>() -> Self {
        Self { keys: 0, hash: H::EMPTY, paged: false }
    }

    pub(crate) fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.paged));
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
        };
        Some((slot, rest))
    }

    /// Reads exactly one slot.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match Self::split(bytes) {
            Some((slot, [])) => Some(slot),
            Some(_) | None => None,
        }
    }
}

pub(super) fn damaged(key: &[u8], expected: &'static str) -> StoreError {
    StoreError::Inconsistent { record: Record::Column(Column::Tree.name()), key: key.to_vec(), expected }
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
        Self { slots: [Slot::empty::<H>(); SLOTS] }
    }

    /// The levels of the page from the bottom (16 nodes) to the top (one).
    pub(crate) fn levels<H: TreeHasher>(&self) -> Vec<Vec<Node>> {
        let mut level: Vec<Node> = self.slots.iter().map(|slot| Node { keys: slot.keys, hash: slot.hash }).collect();
        let mut levels = Vec::with_capacity(5);
        while level.len() > 1 {
            let above = level.chunks_exact(2).map(|pair| join::<H>(&pair[0], &pair[1])).collect();
            levels.push(core::mem::replace(&mut level, above));
        }
        levels.push(level);
        levels
    }
}

/// The page below a prefix: a row for each slot that is not empty. `None` when there is no row, and so no page.
pub(super) fn read_page<H: TreeHasher>(cursor: &mut dyn Cursor, prefix: &Prefix) -> Result<Option<Page>, StoreError> {
    let first = prefix.child(0).ok_or_else(|| no_page(prefix))?;
    cursor.seek(&first.to_bytes())?;
    let mut found = None;
    while let Some((key, row)) = cursor.entry() {
        let Some(place) = Prefix::from_bytes(key).filter(|place| place.parent() == Some(*prefix)) else {
            break;
        };
        let slot = Slot::decode(row).ok_or_else(|| damaged(key, "a slot of the tree"))?;
        let page = found.get_or_insert_with(Page::empty::<H>);
        page.slots[usize::from(prefix.nibble_of(&Digest(*place.first_key())))] = slot;
        cursor.step()?;
    }
    Ok(found)
}

/// A page that its slot names and that is not there as it names it.
pub(super) fn no_page(prefix: &Prefix) -> StoreError {
    damaged(&prefix.to_bytes(), "the page that the slot above it commits to")
}

/// Nodes of a page above its slots.
const ABOVE: usize = SLOTS - 1;

/// A page with the nodes above its slots, so that after a change only the paths to what changed are hashed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    page: Page,
    /// The top, then level after level: below the node `n` are `2n + 1` and `2n + 2`, where the slots count on from [`ABOVE`].
    above: [Node; ABOVE],
}

impl Branch {
    pub(crate) fn new<H: TreeHasher>(page: Page) -> Self {
        let top = Node { keys: 0, hash: H::EMPTY };
        let mut branch = Self { page, above: [top; ABOVE] };
        branch.hash_above::<H>(u32::MAX);
        branch
    }

    /// The branch with another page in place of its own.
    pub(crate) fn with<H: TreeHasher>(&self, page: Page) -> Self {
        let changed = page.slots.iter().zip(&self.page.slots).enumerate();
        let stale = changed.filter(|(_, (new, old))| new != old).fold(0, |stale, (at, _)| stale | 1 << (ABOVE + at));
        let mut branch = Self { page, above: self.above };
        branch.hash_above::<H>(stale);
        branch
    }

    pub(crate) const fn page(&self) -> &Page {
        &self.page
    }

    pub(crate) const fn top(&self) -> &Node {
        &self.above[0]
    }

    /// Whether this is the page that a slot stands for.
    pub(crate) fn is_below(&self, slot: &Slot) -> bool {
        let Node { keys, hash } = *self.top();
        slot.paged && slot.keys == keys && slot.hash == hash
    }

    /// Hashes every node above the stale ones; bit `n` stands for node `n`.
    fn hash_above<H: TreeHasher>(&mut self, mut stale: u32) {
        for at in (0..ABOVE).rev() {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if stale & (0b11 << left) != 0 {
                self.above[at] = join::<H>(&self.node(left), &self.node(right));
                stale |= 1 << at;
            }
        }
    }

    fn node(&self, at: usize) -> Node {
        if at < ABOVE {
            return self.above[at];
        }
        let slot = &self.page.slots[at - ABOVE];
        Node { keys: slot.keys, hash: slot.hash }
    }
}
