use core::marker::PhantomData;
use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_proof::state_proof::Holding;
use quancheng_types::{Digest, Height};

use super::bucket::{Leaf, LeafHash, subtree_hash};
use super::cache::{CacheUpdate, TreeCache};
use super::hasher::TreeHasher;
use super::page::{Branch, Page, SLOTS, Slot};
use super::prefix::Prefix;
use super::read::ROOT_SLOT_KEY;
use super::recent::HeightUndo;
use super::resolve::{Change, LeafChange};
use super::{MERGE_KEYS, SPLIT_KEYS};
use crate::backend::{Backend, Column, Cursor, Writes};
use crate::error::{Record, StoreError};
use crate::flat::FlatRecord;

/// The leaves of a bucket, and for each change the record it supersedes, where that has been read.
pub(super) type Before = (Arc<[LeafHash]>, Vec<Option<Vec<u8>>>);

/// What a height does to the tree.
#[derive(Debug)]
pub(crate) struct TreeUpdate {
    /// The root after it.
    pub(crate) root: Slot,
    /// For the cache once the height is on disk.
    pub(crate) cache: CacheUpdate,
    /// What it takes away, to be noted before it is written.
    pub(crate) undo: HeightUndo,
    /// Places of the derived keys of which it wrote the earlier record to `flat_history`: what pruning removes later.
    pub(crate) superseded: Vec<Digest>,
}

/// Applies changes, ascending by key hash and one per key, over the newest state; adds every record to write to `writes`.
pub(crate) fn update<H: TreeHasher>(
    backend: &dyn Backend,
    cache: &mut TreeCache,
    height: Height,
    root: Slot,
    mut changes: Vec<Change>,
    writes: &mut Writes,
) -> Result<TreeUpdate, StoreError> {
    let mut updater = Updater::<H> {
        backend,
        flat: backend.cursor(Column::Flat)?,
        cache,
        height,
        leaves: Vec::with_capacity(changes.len()),
        loaded: BTreeMap::new(),
        changed: CacheUpdate::default(),
        undo_slots: Vec::new(),
        undo_leaves: Vec::with_capacity(changes.len()),
        superseded: Vec::new(),
        writes,
        hasher: PhantomData,
    };
    updater.resolve(Prefix::ROOT, &root, &mut changes)?;
    let mut leaves = core::mem::take(&mut updater.leaves);
    leaves.sort_unstable_by_key(|change| change.place);
    let new = updater.subtree(Prefix::ROOT, &root, &leaves)?;
    if new != root {
        updater.note_slot(Prefix::ROOT, &root);
        updater.writes.put(Column::Tree, ROOT_SLOT_KEY.to_vec(), new.encode());
    }
    for (prefix, page) in &updater.changed.pages {
        match page {
            Some(page) => updater.writes.put(Column::Tree, prefix.to_bytes(), page.page().encode()),
            None => updater.writes.delete(Column::Tree, prefix.to_bytes()),
        }
    }
    let (mut slots, mut leaves) = (updater.undo_slots, updater.undo_leaves);
    slots.sort_unstable_by_key(|(prefix, _)| *prefix);
    leaves.sort_unstable_by_key(|(place, _)| *place);
    let undo = HeightUndo { height, slots, leaves };
    Ok(TreeUpdate { root: new, cache: updater.changed, undo, superseded: updater.superseded })
}

pub(super) struct Updater<'a, H> {
    pub(super) backend: &'a dyn Backend,
    flat: Box<dyn Cursor + 'a>,
    cache: &'a mut TreeCache,
    pub(super) height: Height,
    /// What happens to leaves.
    pub(super) leaves: Vec<LeafChange>,
    /// Buckets that were read to settle the changes.
    loaded: BTreeMap<Prefix, Arc<[LeafHash]>>,
    changed: CacheUpdate,
    undo_slots: Vec<(Prefix, Slot)>,
    pub(super) undo_leaves: Vec<(Digest, Option<Holding>)>,
    pub(super) superseded: Vec<Digest>,
    pub(super) writes: &'a mut Writes,
    hasher: PhantomData<H>,
}

impl<H: TreeHasher> Updater<'_, H> {
    /// The subtree after the changes below it.
    fn subtree(&mut self, prefix: Prefix, old: &Slot, changes: &[LeafChange]) -> Result<Slot, StoreError> {
        match (changes.is_empty(), old.paged) {
            (true, _) => Ok(*old),
            (false, true) => self.page(prefix, old, changes),
            (false, false) => self.bucket(prefix, old, changes),
        }
    }

    fn page(&mut self, prefix: Prefix, old: &Slot, changes: &[LeafChange]) -> Result<Slot, StoreError> {
        let branch = self.load(prefix)?;
        let before = branch.page();
        let mut after = before.clone();
        let mut rest = changes;
        for nibble in 0_u8..16 {
            let end = rest.partition_point(|change| prefix.nibble_of(&change.place) <= nibble);
            let (group, tail) = rest.split_at(end);
            rest = tail;
            if !group.is_empty() {
                let slot = &mut after.slots[usize::from(nibble)];
                *slot = self.subtree(child(&prefix, nibble)?, &before.slots[usize::from(nibble)], group)?;
            }
        }
        let after = branch.with::<H>(after);
        let top = *after.top();
        if top.keys <= MERGE_KEYS {
            return self.merge(prefix, old, before, changes);
        }
        for nibble in 0_u8..16 {
            let slot = &before.slots[usize::from(nibble)];
            if after.page().slots[usize::from(nibble)] != *slot {
                self.note_slot(child(&prefix, nibble)?, slot);
            }
        }
        if after.page() != before {
            self.changed.pages.insert(prefix, Some(Arc::new(after)));
        }
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true })
    }

    /// Turns a page into a bucket. Its slots vanish, so all of them are noted.
    fn merge(&mut self, prefix: Prefix, old: &Slot, page: &Page, changes: &[LeafChange]) -> Result<Slot, StoreError> {
        for (nibble, slot) in (0_u8..).zip(&page.slots) {
            let below = child(&prefix, nibble)?;
            self.note_slot(below, slot);
            self.changed.buckets.push((below, None));
        }
        self.changed.pages.insert(prefix, None);
        let before = self.read_leaves(&prefix, old.keys)?;
        Ok(self.bucket_slot(prefix, merged(&before, changes)))
    }

    fn bucket(&mut self, prefix: Prefix, old: &Slot, changes: &[LeafChange]) -> Result<Slot, StoreError> {
        let before = self.leaves_of(&prefix, old.keys)?;
        let after = merged(&before, changes);
        if after.len() > SPLIT_KEYS {
            self.changed.buckets.push((prefix, None));
            self.build(prefix, &after)
        } else {
            Ok(self.bucket_slot(prefix, after))
        }
    }

    /// The leaves of a bucket before this height.
    fn leaves_of(&mut self, prefix: &Prefix, expected: u64) -> Result<Arc<[LeafHash]>, StoreError> {
        if let Some(leaves) = self.known_leaves(prefix, expected) {
            return Ok(leaves);
        }
        Ok(Arc::from(self.read_leaves(prefix, expected)?))
    }

    fn known_leaves(&mut self, prefix: &Prefix, expected: u64) -> Option<Arc<[LeafHash]>> {
        if expected == 0 {
            return Some(Arc::default());
        }
        let count = usize::try_from(expected).unwrap_or(usize::MAX);
        let known = self.loaded.get(prefix).cloned().or_else(|| self.cache.buckets.find(prefix));
        known.filter(|leaves| leaves.len() == count)
    }

    /// The leaves of a bucket before this height and, when they had to be read, the records that the changes supersede.
    pub(super) fn before(&mut self, prefix: &Prefix, expected: u64, changes: &[Change]) -> Result<Before, StoreError> {
        if let Some(leaves) = self.known_leaves(prefix, expected) {
            return Ok((leaves, Vec::new()));
        }
        let mut superseded: Vec<Option<Vec<u8>>> = vec![None; changes.len()];
        let mut leaves = Vec::with_capacity(SPLIT_KEYS);
        let mut at = 0;
        self.scan(prefix, expected, |leaf, record| {
            let skipped = changes[at..].iter();
            at += skipped.take_while(|change| change.key_hash < leaf.place).count();
            if changes.get(at).is_some_and(|change| change.key_hash == leaf.place) {
                superseded[at] = Some(record.to_vec());
            }
            leaves.push(leaf.hashed::<H>());
        })?;
        let leaves: Arc<[LeafHash]> = Arc::from(leaves);
        self.loaded.insert(*prefix, Arc::clone(&leaves));
        Ok((leaves, superseded))
    }

    /// The subtree over leaves in pages of their own, as deep as needed.
    fn build(&mut self, prefix: Prefix, leaves: &[LeafHash]) -> Result<Slot, StoreError> {
        if leaves.len() <= SPLIT_KEYS {
            return Ok(self.bucket_slot(prefix, leaves.to_vec()));
        }
        let mut page = Page::empty::<H>();
        let mut rest = leaves;
        for (nibble, slot) in (0_u8..).zip(&mut page.slots) {
            let (group, tail) = rest.split_at(rest.partition_point(|leaf| prefix.nibble_of(&leaf.place) <= nibble));
            rest = tail;
            *slot = self.build(child(&prefix, nibble)?, group)?;
        }
        let branch = Branch::new::<H>(page);
        let top = *branch.top();
        self.changed.pages.insert(prefix, Some(Arc::new(branch)));
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true })
    }

    fn bucket_slot(&mut self, prefix: Prefix, leaves: Vec<LeafHash>) -> Slot {
        let hash = subtree_hash::<H>(&leaves, prefix.depth());
        let keys = u64::try_from(leaves.len()).expect("a bucket holds few keys");
        let kept = (keys > 0).then(|| Arc::from(leaves));
        self.changed.buckets.push((prefix, kept));
        Slot { keys, hash, paged: false }
    }

    pub(super) fn load(&mut self, prefix: Prefix) -> Result<Arc<Branch>, StoreError> {
        if let Some(page) = self.cache.pages.find(&prefix) {
            return Ok(page);
        }
        let key = prefix.to_bytes();
        let Some(bytes) = self.backend.get(Column::Tree, &key)? else {
            return Err(StoreError::Missing { record: Record::Column(Column::Tree.name()), key });
        };
        let page = Arc::new(Branch::new::<H>(Page::decode::<H>(&prefix, &bytes)?));
        self.cache.pages.insert(prefix, Arc::clone(&page));
        Ok(page)
    }

    /// The leaves below a prefix before this height.
    fn read_leaves(&mut self, prefix: &Prefix, expected: u64) -> Result<Vec<LeafHash>, StoreError> {
        let mut leaves = Vec::new();
        self.scan(prefix, expected, |leaf, _| leaves.push(leaf.hashed::<H>()))?;
        Ok(leaves)
    }

    /// Visits the records below a prefix, ascending: exactly as many as the slot above counts, or the disk is damaged.
    fn scan(&mut self, prefix: &Prefix, expected: u64, visit: impl FnMut(Leaf, &[u8])) -> Result<(), StoreError> {
        let found = scan_flat_records(self.flat.as_mut(), prefix, expected, visit)?;
        if found == expected { Ok(()) } else { Err(miscounted(prefix)) }
    }

    fn note_slot(&mut self, prefix: Prefix, old: &Slot) {
        self.undo_slots.push((prefix, *old));
    }
}

pub(super) fn child(prefix: &Prefix, nibble: u8) -> Result<Prefix, StoreError> {
    debug_assert!(usize::from(nibble) < SLOTS);
    prefix.child(nibble).ok_or_else(|| miscounted(prefix))
}

/// A bucket whose records are not as many as the slot above it counts.
pub(super) fn miscounted(prefix: &Prefix) -> StoreError {
    StoreError::Inconsistent {
        record: Record::Column(Column::Flat.name()),
        key: prefix.to_bytes(),
        expected: "as many keys under this prefix as the tree counts",
    }
}

/// Visits at most `limit` records below a prefix and returns how many there are, `limit + 1` when there are more.
pub(super) fn scan_flat_records(
    cursor: &mut dyn Cursor,
    prefix: &Prefix,
    limit: u64,
    mut visit: impl FnMut(Leaf, &[u8]),
) -> Result<u64, StoreError> {
    let mut found = 0;
    cursor.seek(prefix.first_key())?;
    while let Some((key, record)) = cursor.entry().filter(|(key, _)| prefix.covers(key)) {
        found += 1;
        if found > limit {
            break;
        }
        let holding = FlatRecord::parse(key, record)?.holding;
        let Ok(place) = key.try_into().map(Digest) else {
            return Err(miscounted(prefix));
        };
        visit(Leaf { place, holding }, record);
        cursor.step()?;
    }
    Ok(found)
}

/// Leaves after changes; both ascending.
fn merged(before: &[LeafHash], changes: &[LeafChange]) -> Vec<LeafHash> {
    let mut after = Vec::with_capacity(before.len() + changes.len());
    let mut rest = before;
    for LeafChange { place, hash } in changes {
        let (kept, others) = rest.split_at(rest.partition_point(|leaf| leaf.place < *place));
        after.extend_from_slice(kept);
        rest = match others.split_first() {
            Some((leaf, behind)) if leaf.place == *place => behind,
            Some(_) | None => others,
        };
        after.extend(hash.map(|hash| LeafHash { place: *place, hash }));
    }
    after.extend_from_slice(rest);
    after
}
