use core::marker::PhantomData;
use std::collections::BTreeMap;

use quancheng_proof::state_proof::{Holding, StateProof, Terminal, bit};
use quancheng_types::{Digest, Height, List};

use super::bucket::{Leaf, LeafHash, parting, subtree_hash};
use super::hasher::TreeHasher;
use super::page::{Node, Page, Slot, damaged, no_page, read_page};
use super::prefix::{NIBBLE_BITS, Prefix};
use super::recent::Recent;
use super::unwritten::Unwritten;
use super::update::{miscounted, scan_rows};
use crate::backend::{Backend, Column};
use crate::error::StoreError;

/// Where the root slot is: no prefix has such a number of nibbles.
pub(super) const ROOT_SLOT_KEY: [u8; 1] = [0xff];

/// A root and the height of which the pages below it are.
pub(super) fn encode_root(root: &Slot, height: Height) -> Vec<u8> {
    let mut bytes = height.0.to_be_bytes().to_vec();
    root.encode_into(&mut bytes);
    bytes
}

/// The root whose pages are on the disk, and their height; `None` before they were first written.
///
/// # Errors
/// [`StoreError`] when it cannot be read.
pub(crate) fn written_root(backend: &dyn Backend) -> Result<Option<(Slot, Height)>, StoreError> {
    let Some(bytes) = backend.get(Column::Tree, &ROOT_SLOT_KEY)? else {
        return Ok(None);
    };
    let damaged = || damaged(&ROOT_SLOT_KEY, "a height and a slot of the tree");
    let (height, slot) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
    let slot = Slot::decode(slot).ok_or_else(damaged)?;
    Ok(Some((slot, Height(u64::from_be_bytes(*height)))))
}

/// The tree as of one recent height.
pub(crate) struct TreeReader<'a, H> {
    backend: &'a dyn Backend,
    unwritten: &'a Unwritten,
    recent: &'a Recent,
    height: Height,
    hasher: PhantomData<H>,
}

impl<'a, H: TreeHasher> TreeReader<'a, H> {
    pub(crate) fn new(backend: &'a dyn Backend, unwritten: &'a Unwritten, recent: &'a Recent, height: Height) -> Self {
        Self { backend, unwritten, recent, height, hasher: PhantomData }
    }

    /// The root.
    ///
    /// # Errors
    /// [`StoreError::RootGone`] when the tree of the height cannot be read any more.
    pub(crate) fn root(&self) -> Result<Slot, StoreError> {
        self.if_recent(Ok(self.root_slot()))
    }

    /// Path and end for a place.
    ///
    /// # Errors
    /// As [`Self::root`].
    pub(crate) fn prove(&self, place: &Digest) -> Result<StateProof, StoreError> {
        self.if_recent(self.path(place))
    }

    /// What was read while the height fell out of what is kept counts for nothing, errors included.
    fn if_recent<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let oldest = self.recent.oldest();
        if self.height < oldest { Err(StoreError::RootGone { height: self.height, oldest }) } else { result }
    }

    fn root_slot(&self) -> Slot {
        let newest = self.unwritten.root();
        // Read first, looked for after: see [`Recent`].
        self.recent.slot(&Prefix::ROOT, self.height).unwrap_or(newest)
    }

    fn path(&self, key_hash: &Digest) -> Result<StateProof, StoreError> {
        let mut siblings = Vec::new();
        let terminal = self.descend(key_hash, &mut siblings)?;
        let terminal =
            terminal.map_or(Terminal::Empty, |leaf| Terminal::Leaf { key_hash: leaf.place, holding: leaf.holding });
        let siblings = List::new(siblings).expect("a path is no deeper than the bits of a key hash");
        Ok(StateProof { key_hash: *key_hash, siblings, terminal })
    }

    /// Collects the siblings above the end of a path, and returns the leaf that stands there.
    fn descend(&self, key_hash: &Digest, siblings: &mut Vec<Digest>) -> Result<Option<Leaf>, StoreError> {
        let mut prefix = Prefix::ROOT;
        let mut slot = self.root_slot();
        while slot.paged {
            let page = self.page_at(&prefix)?;
            let levels = page.levels::<H>();
            // What the disk lost of a page looks like empty slots.
            if levels.last().and_then(|top| top.first()) != Some(&Node { keys: slot.keys, hash: slot.hash }) {
                return Err(no_page(&prefix));
            }
            let nibble = prefix.nibble_of(key_hash);
            for (step, level) in levels.iter().rev().enumerate() {
                // At each level of the page, the node on the path; below it the path ends when it has at most one key.
                let on_path = usize::from(nibble) >> (NIBBLE_BITS - step);
                let node = &level[on_path];
                if step > 0 {
                    siblings.push(level[on_path ^ 1].hash);
                }
                if node.keys <= 1 {
                    return self.lone_leaf(&prefix, &page, on_path, step, node);
                }
            }
            slot = page.slots[usize::from(nibble)];
            prefix = prefix.child(nibble).ok_or_else(|| miscounted(&prefix))?;
        }
        let leaves = self.leaves_at(&prefix, slot.keys)?;
        let hashed: Vec<LeafHash> = leaves.iter().map(Leaf::hashed::<H>).collect();
        let mut rest = hashed.as_slice();
        let mut depth = prefix.depth();
        while rest.len() > 1 {
            let (left, right) = rest.split_at(parting(rest, depth));
            let (same, other) = if bit(key_hash, depth) { (right, left) } else { (left, right) };
            depth += 1;
            siblings.push(subtree_hash::<H>(other, depth));
            rest = same;
        }
        let end = rest.first().map(|leaf| leaf.place);
        Ok(leaves.into_iter().find(|leaf| Some(leaf.place) == end))
    }

    /// The only leaf below a node of a page, if it has one: `step` levels from the top, the `index`-th there.
    fn lone_leaf(
        &self,
        prefix: &Prefix,
        page: &Page,
        index: usize,
        step: usize,
        node: &Node,
    ) -> Result<Option<Leaf>, StoreError> {
        if node.keys == 0 {
            return Ok(None);
        }
        let width = 1_usize << (NIBBLE_BITS - step);
        let slots = (0_u8..).zip(&page.slots).skip(index * width).take(width);
        for (nibble, slot) in slots {
            if slot.keys == 1 {
                let below = prefix.child(nibble).ok_or_else(|| miscounted(prefix))?;
                return Ok(self.leaves_at(&below, 1)?.first().copied());
            }
        }
        Err(miscounted(prefix))
    }

    /// A page as of the height. Only called where the slot above says that there was one.
    fn page_at(&self, prefix: &Prefix) -> Result<Page, StoreError> {
        let newest = match self.unwritten.find(prefix) {
            Some(page) => page.map(|branch| branch.page().clone()),
            // Pages leave the memory when they are on the disk.
            None => read_page::<H>(self.backend.cursor(Column::Tree)?.as_mut(), prefix)?,
        };
        let before = self.recent.children(prefix, self.height);
        let mut page = newest.clone().unwrap_or_else(Page::empty::<H>);
        for (slot, before) in page.slots.iter_mut().zip(before) {
            match before {
                Some(before) => *slot = before,
                None if newest.is_some() => {}
                // A page that is gone left all its slots behind.
                None => return Err(no_page(prefix)),
            }
        }
        Ok(page)
    }

    /// The leaves of a bucket as of the height: as many as its slot counts.
    fn leaves_at(&self, prefix: &Prefix, expected: u64) -> Result<Vec<Leaf>, StoreError> {
        if expected == 0 {
            return Ok(Vec::new());
        }
        let mut leaves: BTreeMap<Digest, Holding> = BTreeMap::new();
        let mut cursor = self.backend.cursor(Column::Flat)?;
        scan_rows(cursor.as_mut(), prefix, u64::MAX, |leaf, _| {
            leaves.insert(leaf.place, leaf.holding);
        })?;
        drop(cursor);
        for (place, before) in self.recent.leaves(prefix, self.height) {
            match before {
                Some(holding) => leaves.insert(place, holding),
                None => leaves.remove(&place),
            };
        }
        let count = u64::try_from(leaves.len()).expect("a bucket holds few leaves");
        if count == expected {
            Ok(leaves.into_iter().map(|(place, holding)| Leaf { place, holding }).collect())
        } else {
            Err(miscounted(prefix))
        }
    }
}
