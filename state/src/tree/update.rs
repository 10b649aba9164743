use core::marker::PhantomData;
use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_proof::state_proof::Holding;
use quancheng_types::{Digest, Height};

use super::bucket::{Leaf, LeafHash, Placed, StemLeaf, stem_of, stemmed, subtree_hash};
use super::cache::{Buckets, TreeCache};
use super::hasher::TreeHasher;
use super::page::{Branch, Page, SLOTS, Slot, no_page, read_page};
use super::prefix::Prefix;
use super::recent::HeightUndo;
use super::resolve::{Change, LeafChange, OpenGroup};
use super::unwritten::{ChangedPage, Pages, Unwritten};
use super::walked::Walked;
use super::{MERGE_KEYS, SPLIT_KEYS};
use crate::backend::{Backend, Column, Cursor, Writes};
use crate::error::{Record, StoreError};
use crate::flat::FlatRow;

/// The leaves of a bucket before a height.
pub(super) enum Bucket {
    /// From memory.
    Stems(Arc<[StemLeaf]>),
    /// From the disk, and for each change the row it supersedes, where that has been read.
    Full(Arc<[LeafHash]>, Vec<Option<FlatRow>>),
}

/// What a height does to the tree.
#[derive(Debug)]
pub(crate) struct TreeUpdate {
    /// The root after it.
    pub(crate) root: Slot,
    /// The pages it changed, and those that are gone.
    pub(crate) pages: Pages,
    /// The buckets it changed, for the cache once the height is on disk.
    pub(crate) buckets: Buckets,
    /// What it takes away, to be noted before it is written.
    pub(crate) undo: HeightUndo,
    /// Places of the derived keys of which it wrote the earlier row to `flat_history`: what pruning removes later.
    pub(crate) superseded: Vec<Digest>,
}

/// Applies changes, ascending by key hash and one per key, over the newest state; adds every row and record to write to `writes`. Pages are
/// not among them: they are in the result.
pub(crate) fn update<H: TreeHasher>(
    backend: &dyn Backend,
    unwritten: &Unwritten,
    cache: &mut TreeCache,
    height: Height,
    mut changes: Vec<Change>,
    writes: &mut Writes,
) -> Result<TreeUpdate, StoreError> {
    let root = unwritten.root();
    let mut updater = Updater::<H> {
        backend,
        unwritten,
        flat: backend.cursor(Column::Flat)?,
        tree: backend.cursor(Column::Tree)?,
        cache,
        height,
        record_groups: 0,
        kept: OpenGroup::default(),
        leaves: Vec::with_capacity(changes.len()),
        loaded: BTreeMap::new(),
        walked_pages: Walked::default(),
        walked_buckets: Walked::default(),
        pages: Pages::new(),
        buckets: Buckets::new(),
        undo_slots: Vec::new(),
        undo_leaves: Vec::with_capacity(changes.len()),
        superseded: Vec::new(),
        writes,
        hasher: PhantomData,
    };
    updater.resolve(Prefix::ROOT, &root, &mut changes)?;
    updater.write_kept();
    let mut leaves = core::mem::take(&mut updater.leaves);
    leaves.sort_unstable_by_key(|change| change.place);
    let new = updater.subtree(Prefix::ROOT, &root, &leaves)?;
    if new != root {
        updater.note_slot(Prefix::ROOT, &root);
    }
    let (mut slots, mut leaves) = (updater.undo_slots, updater.undo_leaves);
    slots.sort_unstable_by_key(|(prefix, _)| *prefix);
    leaves.sort_unstable_by_key(|(place, _)| *place);
    let undo = HeightUndo { height, slots, leaves };
    Ok(TreeUpdate { root: new, pages: updater.pages, buckets: updater.buckets, undo, superseded: updater.superseded })
}

pub(super) struct Updater<'a, H> {
    pub(super) backend: &'a dyn Backend,
    unwritten: &'a Unwritten,
    flat: Box<dyn Cursor + 'a>,
    tree: Box<dyn Cursor + 'a>,
    cache: &'a mut TreeCache,
    pub(super) height: Height,
    /// Groups of values so far.
    pub(super) record_groups: u32,
    pub(super) kept: OpenGroup,
    /// What happens to leaves.
    pub(super) leaves: Vec<LeafChange>,
    /// Buckets that were read to settle the changes.
    loaded: BTreeMap<Prefix, Arc<[LeafHash]>>,
    /// What settling the changes met, for hashing the leaves that they change.
    walked_pages: Walked<Arc<Branch>>,
    walked_buckets: Walked<Arc<[StemLeaf]>>,
    pages: Pages,
    buckets: Buckets,
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
        let branch = match self.walked_pages.again(&prefix) {
            Some(branch) => branch,
            None => self.load(prefix, old)?,
        };
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
            self.pages.push((prefix, ChangedPage::changed(Arc::new(after), &branch)));
        }
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true })
    }

    /// Turns a page into a bucket. Its slots vanish, so all of them are noted.
    fn merge(&mut self, prefix: Prefix, old: &Slot, page: &Page, changes: &[LeafChange]) -> Result<Slot, StoreError> {
        for (nibble, slot) in (0_u8..).zip(&page.slots) {
            let below = child(&prefix, nibble)?;
            self.note_slot(below, slot);
            self.buckets.push((below, None));
        }
        self.pages.push((prefix, ChangedPage::whole(None)));
        let before = self.read_leaves(&prefix, old.keys)?;
        Ok(self.bucket_slot(prefix, &merged(&before, changes)))
    }

    fn bucket(&mut self, prefix: Prefix, old: &Slot, changes: &[LeafChange]) -> Result<Slot, StoreError> {
        let known = self.walked_buckets.again(&prefix).or_else(|| self.stems(&prefix, old.keys));
        match known.and_then(|before| merged_stems(&before, changes)) {
            Some(after) => self.settled(prefix, &after),
            None => {
                let before = self.leaves_of(&prefix, old.keys)?;
                self.settled(prefix, &merged(&before, changes))
            }
        }
    }

    /// The subtree over the leaves of what was a bucket.
    fn settled(&mut self, prefix: Prefix, leaves: &[impl Placed]) -> Result<Slot, StoreError> {
        if leaves.len() > SPLIT_KEYS {
            self.buckets.push((prefix, None));
            self.build(prefix, leaves)
        } else {
            Ok(self.bucket_slot(prefix, leaves))
        }
    }

    /// The leaves of a bucket before this height, from the disk.
    fn leaves_of(&mut self, prefix: &Prefix, expected: u64) -> Result<Arc<[LeafHash]>, StoreError> {
        match self.loaded.get(prefix) {
            Some(leaves) => Ok(Arc::clone(leaves)),
            None => Ok(Arc::from(self.read_leaves(prefix, expected)?)),
        }
    }

    /// The leaves of a bucket before this height, from memory.
    fn stems(&mut self, prefix: &Prefix, expected: u64) -> Option<Arc<[StemLeaf]>> {
        if expected == 0 {
            return Some(Arc::default());
        }
        let count = usize::try_from(expected).unwrap_or(usize::MAX);
        self.cache.buckets.find(prefix).filter(|leaves| leaves.len() == count)
    }

    /// The leaves of a bucket before this height and, when they had to be read, the rows that the changes supersede.
    pub(super) fn before(&mut self, prefix: &Prefix, expected: u64, changes: &[Change]) -> Result<Bucket, StoreError> {
        if let Some(leaves) = self.stems(prefix, expected) {
            self.walked_buckets.meet(*prefix, Arc::clone(&leaves));
            return Ok(Bucket::Stems(leaves));
        }
        let mut superseded = vec![None; changes.len()];
        let mut leaves = Vec::with_capacity(SPLIT_KEYS);
        let mut at = 0;
        self.scan(prefix, expected, |leaf, row| {
            let skipped = changes[at..].iter();
            at += skipped.take_while(|change| change.key_hash < leaf.place).count();
            if changes.get(at).is_some_and(|change| change.key_hash == leaf.place) {
                superseded[at] = Some(row);
            }
            leaves.push(leaf.hashed::<H>());
        })?;
        let leaves: Arc<[LeafHash]> = Arc::from(leaves);
        self.loaded.insert(*prefix, Arc::clone(&leaves));
        Ok(Bucket::Full(leaves, superseded))
    }

    /// The subtree over leaves in pages of their own, as deep as needed.
    fn build(&mut self, prefix: Prefix, leaves: &[impl Placed]) -> Result<Slot, StoreError> {
        if leaves.len() <= SPLIT_KEYS {
            return Ok(self.bucket_slot(prefix, leaves));
        }
        let mut page = Page::empty::<H>();
        let mut rest = leaves;
        for (nibble, slot) in (0_u8..).zip(&mut page.slots) {
            let (group, tail) = rest.split_at(rest.partition_point(|leaf| leaf.nibble(&prefix) <= nibble));
            rest = tail;
            *slot = self.build(child(&prefix, nibble)?, group)?;
        }
        let branch = Branch::new::<H>(page);
        let top = *branch.top();
        self.pages.push((prefix, ChangedPage::whole(Some(Arc::new(branch)))));
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true })
    }

    fn bucket_slot(&mut self, prefix: Prefix, leaves: &[impl Placed]) -> Slot {
        let hash = subtree_hash::<H>(leaves, prefix.depth());
        let keys = u64::try_from(leaves.len()).expect("a bucket holds few keys");
        self.buckets.push((prefix, stemmed(leaves).filter(|leaves| !leaves.is_empty())));
        Slot { keys, hash, paged: false }
    }

    /// The page below a slot, before this height, for the walk that settles changes.
    pub(super) fn meet(&mut self, prefix: Prefix, slot: &Slot) -> Result<Arc<Branch>, StoreError> {
        let branch = self.load(prefix, slot)?;
        self.walked_pages.meet(prefix, Arc::clone(&branch));
        Ok(branch)
    }

    /// The page below a slot, before this height.
    fn load(&mut self, prefix: Prefix, slot: &Slot) -> Result<Arc<Branch>, StoreError> {
        let page = self.unwritten.find(&prefix).unwrap_or_else(|| self.cache.pages.find(&prefix));
        if let Some(page) = page {
            return Ok(page);
        }
        let page = read_page::<H>(self.tree.as_mut(), &prefix)?.ok_or_else(|| no_page(&prefix))?;
        let branch = Arc::new(Branch::new::<H>(page));
        if !branch.is_below(slot) {
            return Err(no_page(&prefix));
        }
        self.cache.pages.insert(prefix, Arc::clone(&branch));
        Ok(branch)
    }

    /// The leaves below a prefix before this height.
    fn read_leaves(&mut self, prefix: &Prefix, expected: u64) -> Result<Vec<LeafHash>, StoreError> {
        let mut leaves = Vec::new();
        self.scan(prefix, expected, |leaf, _| leaves.push(leaf.hashed::<H>()))?;
        Ok(leaves)
    }

    /// Visits the rows below a prefix, ascending: exactly as many as the slot above counts, or the disk is damaged.
    fn scan(&mut self, prefix: &Prefix, expected: u64, visit: impl FnMut(Leaf, FlatRow)) -> Result<(), StoreError> {
        let found = scan_rows(self.flat.as_mut(), prefix, expected, visit)?;
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

/// A bucket whose rows are not as many as the slot above it counts.
pub(super) fn miscounted(prefix: &Prefix) -> StoreError {
    StoreError::Inconsistent {
        record: Record::Column(Column::Flat.name()),
        key: prefix.to_bytes(),
        expected: "as many keys under this prefix as the tree counts",
    }
}

/// Visits at most `limit` rows below a prefix and returns how many there are, `limit + 1` when there are more.
pub(super) fn scan_rows(
    cursor: &mut dyn Cursor,
    prefix: &Prefix,
    limit: u64,
    mut visit: impl FnMut(Leaf, FlatRow),
) -> Result<u64, StoreError> {
    let mut found = 0;
    cursor.seek(prefix.first_key())?;
    while let Some((key, row)) = cursor.entry().filter(|(key, _)| prefix.covers(key)) {
        found += 1;
        if found > limit {
            break;
        }
        let (leaf, row) = leaf_of(prefix, key, row)?;
        visit(leaf, row);
        cursor.step()?;
    }
    Ok(found)
}

/// A row as a leaf below a prefix.
pub(super) fn leaf_of(prefix: &Prefix, key: &[u8], row: &[u8]) -> Result<(Leaf, FlatRow), StoreError> {
    let row = FlatRow::parse(key, row)?;
    let place = key.try_into().map(Digest).map_err(|_| miscounted(prefix))?;
    Ok((Leaf { place, holding: row.holding }, row))
}

/// Leaves after changes; both ascending.
fn merged(before: &[LeafHash], changes: &[LeafChange]) -> Vec<LeafHash> {
    let mut after = Vec::with_capacity(before.len() + changes.len());
    let mut rest = before;
    for LeafChange { place, hash, .. } in changes {
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

/// Leaves after changes; both ascending. `None` when two of them have one stem.
fn merged_stems(before: &[StemLeaf], changes: &[LeafChange]) -> Option<Vec<StemLeaf>> {
    let mut after = Vec::with_capacity(before.len() + changes.len());
    let mut rest = before;
    let mut last = None;
    for LeafChange { place, hash, is_new } in changes {
        let stem = stem_of(place);
        let (kept, others) = rest.split_at(rest.partition_point(|leaf| leaf.stem < stem));
        after.extend_from_slice(kept);
        let (is_there, behind) = match others.split_first() {
            Some((leaf, behind)) if leaf.stem == stem => (true, behind),
            Some(_) | None => (false, others),
        };
        // A new leaf with the stem of another one, or a change of one that is not here.
        if is_there == *is_new || last == Some(stem) {
            return None;
        }
        (rest, last) = (behind, Some(stem));
        after.extend(hash.map(|hash| StemLeaf { stem, hash }));
    }
    after.extend_from_slice(rest);
    Some(after)
}
