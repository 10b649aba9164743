use core::mem::size_of;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use quancheng_proof::state_proof::Holding;
use quancheng_types::{Digest, Height};

use super::page::{SLOTS, Slot};
use super::prefix::Prefix;

/// Heights whose trees can be read, at most: a result is certified within `execution_lag_max` heights (64 at most), so the newest
/// certified root is among them.
const HEIGHTS_MAX: usize = 72;

/// What a height took away from the tree: with it, whoever reads the newest tree gets the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeightUndo {
    pub(crate) height: Height,
    /// Slots before it that it changed, ascending by prefix.
    pub(crate) slots: Vec<(Prefix, Slot)>,
    /// Leaves before it that it changed or removed, and places where there was none, ascending.
    pub(crate) leaves: Vec<(Digest, Option<Holding>)>,
}

impl HeightUndo {
    fn bytes(&self) -> usize {
        self.slots.len() * size_of::<(Prefix, Slot)>() + self.leaves.len() * size_of::<(Digest, Option<Holding>)>()
    }

    fn slot(&self, prefix: &Prefix) -> Option<Slot> {
        let at = self.slots.binary_search_by_key(prefix, |(prefix, _)| *prefix).ok()?;
        self.slots.get(at).map(|(_, slot)| *slot)
    }

    /// The changed slots of a page.
    fn children(&self, prefix: &Prefix) -> &[(Prefix, Slot)] {
        let Some((first, last)) = prefix.child(0).zip(prefix.child(15)) else {
            return &[];
        };
        let from = self.slots.partition_point(|(prefix, _)| *prefix < first);
        let to = self.slots.partition_point(|(prefix, _)| *prefix <= last);
        self.slots.get(from..to).unwrap_or_default()
    }

    fn below(&self, prefix: &Prefix) -> &[(Digest, Option<Holding>)] {
        let from = self.leaves.partition_point(|(place, _)| place.as_bytes() < prefix.first_key());
        let rest = self.leaves.get(from..).unwrap_or_default();
        let length = rest.partition_point(|(place, _)| prefix.covers(place.as_bytes()));
        rest.get(..length).unwrap_or_default()
    }
}

/// What the newest heights took away, in memory and bounded. A header certifies the root of some heights before the newest one;
/// proofs are made under it. Older trees are not needed: time is in the leaf.
///
/// A height is noted here *before* it is written. So who has read something of the disk and then looks here finds what it was
/// before every height that may have been on the disk by then.
#[derive(Debug)]
pub(crate) struct Recent {
    kept: RwLock<Kept>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Kept {
    heights: VecDeque<Arc<HeightUndo>>,
    bytes: usize,
    oldest: Height,
}

impl Recent {
    /// Over a disk whose newest height is `tip`. Holds at most `bytes_max` bytes, but never less than one height.
    pub(crate) fn new(tip: Height, bytes_max: usize) -> Self {
        Self { kept: RwLock::new(Kept { heights: VecDeque::new(), bytes: 0, oldest: tip }), bytes_max }
    }

    /// The oldest height whose tree can be read.
    pub(crate) fn oldest(&self) -> Height {
        self.read(|kept| kept.oldest)
    }

    /// Notes what a height is about to take away. A height that was noted and not written is noted again.
    pub(crate) fn begin(&self, undo: HeightUndo) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if undo.height == Height::GENESIS {
            // Nothing is before it.
            return;
        }
        if let Some(last) = kept.heights.back().filter(|last| last.height == undo.height).cloned() {
            kept.bytes -= last.bytes();
            kept.heights.pop_back();
        }
        kept.bytes += undo.bytes();
        kept.heights.push_back(Arc::new(undo));
        while kept.heights.len() > 1 && (kept.heights.len() > HEIGHTS_MAX || kept.bytes > self.bytes_max) {
            if let Some(first) = kept.heights.pop_front() {
                kept.bytes -= first.bytes();
                kept.oldest = first.height;
            }
        }
    }

    /// A slot as of a height, if a later one changed it.
    pub(crate) fn slot(&self, prefix: &Prefix, height: Height) -> Option<Slot> {
        self.read(|kept| kept.after(height).find_map(|undo| undo.slot(prefix)))
    }

    /// The slots of a page as of a height, those that a later one changed.
    pub(crate) fn children(&self, prefix: &Prefix, height: Height) -> [Option<Slot>; SLOTS] {
        let mut slots = [None; SLOTS];
        self.read(|kept| {
            for (below, slot) in kept.after(height).flat_map(|undo| undo.children(prefix)) {
                let place = &mut slots[usize::from(prefix.nibble_of(&Digest(*below.first_key())))];
                // The first height after it knows how it was.
                *place = place.or(Some(*slot));
            }
        });
        slots
    }

    /// The leaves below a prefix as of a height, those that a later one changed, added or removed.
    pub(crate) fn leaves(&self, prefix: &Prefix, height: Height) -> BTreeMap<Digest, Option<Holding>> {
        let mut leaves = BTreeMap::new();
        self.read(|kept| {
            for (place, before) in kept.after(height).flat_map(|undo| undo.below(prefix)) {
                leaves.entry(*place).or_insert(*before);
            }
        });
        leaves
    }

    /// Bytes held, and heights.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        self.read(|kept| (kept.bytes, kept.heights.len()))
    }

    fn read<T>(&self, look: impl FnOnce(&Kept) -> T) -> T {
        look(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    /// What the heights after this one took away, in order.
    fn after(&self, height: Height) -> impl Iterator<Item = &HeightUndo> {
        let from = self.heights.partition_point(|undo| undo.height <= height);
        self.heights.iter().skip(from).map(Arc::as_ref)
    }
}
