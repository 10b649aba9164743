use core::marker::PhantomData;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Digest, Height};

use super::bucket::{Leaf, LeafHash, subtree_hash};
use super::cache::{CacheUpdate, TreeCache};
use super::hasher::TreeHasher;
use super::page::{Branch, Page, SLOTS, Slot};
use super::prefix::Prefix;
use super::read::ROOT_SLOT_KEY;
use super::{MERGE_KEYS, SPLIT_KEYS};
use crate::backend::{Backend, Column, Cursor, Writes};
use crate::error::{Record, StoreError};
use crate::flat::{FlatRecord, versioned};

/// Bytes of a key hash that `members` keeps: enough to find the key by one seek.
pub(super) const MEMBER_BYTES: usize = 8;

/// What a height does to one key.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key_hash: Digest,
    /// The new record and the hash of its value, or `None` to remove the key.
    pub(crate) record: Option<(Digest, Vec<u8>)>,
}

/// The key of each change with the hash of its new leaf.
fn new_leaves<H: TreeHasher>(changes: &[Change]) -> Vec<(Digest, Option<Digest>)> {
    let hashed = |change: &Change| {
        let hash = change.record.as_ref().map(|(value_hash, _)| {
            let (key_hash, value_hash) = (change.key_hash, *value_hash);
            let leaf = Leaf { key_hash, value_hash };
            leaf.hashed::<H>().hash
        });
        (change.key_hash, hash)
    };
    changes.iter().map(hashed).collect()
}

/// The leaves of a bucket, and for each change the record it supersedes, where that has been read.
type Before = (Arc<[LeafHash]>, Vec<Option<Vec<u8>>>);

/// Which records of superseded versions a height wrote: what pruning removes later.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct HeightChanges {
    /// Bases of `flat_history`.
    pub(crate) flat: Vec<Digest>,
    /// Bases of `tree_history`.
    pub(crate) slots: Vec<Vec<u8>>,
    /// Bases of `members`.
    pub(crate) members: Vec<Vec<u8>>,
}

/// What a height does to the tree.
#[derive(Debug)]
pub(crate) struct TreeUpdate {
    /// The root after it.
    pub(crate) root: Slot,
    /// For the cache once the height is on disk.
    pub(crate) cache: CacheUpdate,
    /// For pruning.
    pub(crate) changes: HeightChanges,
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
        changed: CacheUpdate::default(),
        noted: HeightChanges::default(),
        writes,
        hasher: PhantomData,
    };
    let new = updater.subtree(Prefix::ROOT, &root, &mut changes)?;
    if new != root {
        // Before genesis there is nothing to read.
        if height > Height::GENESIS {
            updater.note_slot(Prefix::ROOT, &root);
        }
        updater.writes.put(Column::Tree, ROOT_SLOT_KEY.to_vec(), new.encode());
    }
    for (prefix, page) in &updater.changed.pages {
        match page {
            Some(page) => updater.writes.put(Column::Tree, prefix.to_bytes(), page.page().encode()),
            None => updater.writes.delete(Column::Tree, prefix.to_bytes()),
        }
    }
    Ok(TreeUpdate { root: new, cache: updater.changed, changes: updater.noted })
}

struct Updater<'a, H> {
    backend: &'a dyn Backend,
    flat: Box<dyn Cursor + 'a>,
    cache: &'a mut TreeCache,
    height: Height,
    changed: CacheUpdate,
    noted: HeightChanges,
    writes: &'a mut Writes,
    hasher: PhantomData<H>,
}

impl<H: TreeHasher> Updater<'_, H> {
    /// The subtree after the changes below it.
    fn subtree(&mut self, prefix: Prefix, old: &Slot, changes: &mut [Change]) -> Result<Slot, StoreError> {
        if changes.is_empty() {
            return Ok(*old);
        }
        let new = if old.paged { self.page(prefix, old, changes)? } else { self.bucket(prefix, old, changes)? };
        Ok(if new.is_same(old) { *old } else { new })
    }

    fn page(&mut self, prefix: Prefix, old: &Slot, changes: &mut [Change]) -> Result<Slot, StoreError> {
        let branch = self.load(prefix)?;
        let before = branch.page();
        let mut after = before.clone();
        let mut rest = &mut *changes;
        for nibble in 0_u8..16 {
            let end = rest.partition_point(|change| prefix.nibble_of(&change.key_hash) <= nibble);
            let (group, tail) = core::mem::take(&mut rest).split_at_mut(end);
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
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true, changed: self.height })
    }

    /// Turns a page into a bucket. Its slots vanish, so all of them become versions, and so do the members of its buckets.
    fn merge(&mut self, prefix: Prefix, old: &Slot, page: &Page, changes: &[Change]) -> Result<Slot, StoreError> {
        for nibble in 0_u8..16 {
            let (slot, below) = (&page.slots[usize::from(nibble)], child(&prefix, nibble)?);
            self.note_slot(below, slot);
            self.changed.buckets.push((below, None));
            if !slot.paged && slot.keys > 0 {
                let members = self.leaves(&below, slot.keys)?;
                self.note_members(below, &members);
            }
        }
        self.changed.pages.insert(prefix, None);
        let before = self.leaves(&prefix, old.keys)?;
        let after = merged(&before, &new_leaves::<H>(changes));
        Ok(self.bucket_slot(prefix, after))
    }

    fn bucket(&mut self, prefix: Prefix, old: &Slot, changes: &mut [Change]) -> Result<Slot, StoreError> {
        let (before, mut superseded) = self.before(&prefix, old.keys, changes)?;
        let new = new_leaves::<H>(changes);
        let after = merged(&before, &new);
        let mut removed = false;
        let mut rest = before.as_ref();
        for (at, change) in changes.iter_mut().enumerate() {
            let skip = rest.partition_point(|leaf| leaf.key_hash < change.key_hash);
            rest = &rest[skip..];
            let existing = rest.first().filter(|leaf| leaf.key_hash == change.key_hash);
            removed |= existing.is_some() && change.record.is_none();
            if existing.map(|leaf| leaf.hash) != new[at].1 {
                let read = superseded.get_mut(at).and_then(Option::take);
                self.write_flat(&prefix, change, existing.is_some(), read)?;
            }
        }
        if after.as_slice() == before.as_ref() {
            self.changed.buckets.push((prefix, Some(before)));
            return Ok(*old);
        }
        let split = after.len() > SPLIT_KEYS;
        if removed || (split && !before.is_empty()) {
            self.note_members(prefix, &before);
        }
        if split {
            self.changed.buckets.push((prefix, None));
            self.build(prefix, &after)
        } else {
            Ok(self.bucket_slot(prefix, after))
        }
    }

    /// The leaves of a bucket before this height and, when they had to be read, the records that the changes supersede.
    fn before(&mut self, prefix: &Prefix, expected: u64, changes: &[Change]) -> Result<Before, StoreError> {
        if expected == 0 {
            return Ok((Arc::default(), Vec::new()));
        }
        let count = usize::try_from(expected).unwrap_or(usize::MAX);
        if let Some(leaves) = self.cache.buckets.find(prefix)
            && leaves.len() == count
        {
            return Ok((leaves, Vec::new()));
        }
        let mut superseded: Vec<Option<Vec<u8>>> = vec![None; changes.len()];
        let mut leaves = Vec::with_capacity(SPLIT_KEYS);
        let mut at = 0;
        self.scan(prefix, expected, |leaf, record| {
            let skipped = changes[at..].iter();
            at += skipped.take_while(|change| change.key_hash < leaf.key_hash).count();
            if changes.get(at).is_some_and(|change| change.key_hash == leaf.key_hash) {
                superseded[at] = Some(record.to_vec());
            }
            leaves.push(leaf.hashed::<H>());
        })?;
        Ok((Arc::from(leaves), superseded))
    }

    /// Writes the record of one key that changes, and the one it supersedes as a version.
    fn write_flat(
        &mut self,
        prefix: &Prefix,
        change: &mut Change,
        exists: bool,
        superseded: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let key = change.key_hash.as_bytes();
        if exists {
            let before = match superseded {
                Some(record) => record,
                None => match self.backend.get(Column::Flat, key)? {
                    Some(record) => record,
                    None => return Err(miscounted(prefix)),
                },
            };
            self.writes.put(Column::FlatHistory, versioned(key, self.height), before);
            self.noted.flat.push(change.key_hash);
        }
        match change.record.as_mut() {
            Some((_, record)) => {
                self.writes.put(Column::Flat, key.to_vec(), core::mem::take(record));
            }
            None => self.writes.delete(Column::Flat, key.to_vec()),
        }
        Ok(())
    }

    /// The subtree over leaves in pages of their own, as deep as needed.
    fn build(&mut self, prefix: Prefix, leaves: &[LeafHash]) -> Result<Slot, StoreError> {
        if leaves.len() <= SPLIT_KEYS {
            return Ok(self.bucket_slot(prefix, leaves.to_vec()));
        }
        let mut page = Page::empty::<H>();
        let mut rest = leaves;
        for (nibble, slot) in (0_u8..).zip(&mut page.slots) {
            let (group, tail) = rest.split_at(rest.partition_point(|leaf| prefix.nibble_of(&leaf.key_hash) <= nibble));
            rest = tail;
            *slot = self.build(child(&prefix, nibble)?, group)?;
        }
        let branch = Branch::new::<H>(page);
        let top = *branch.top();
        self.changed.pages.insert(prefix, Some(Arc::new(branch)));
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true, changed: self.height })
    }

    fn bucket_slot(&mut self, prefix: Prefix, leaves: Vec<LeafHash>) -> Slot {
        let hash = subtree_hash::<H>(&leaves, prefix.depth());
        let keys = u64::try_from(leaves.len()).expect("a bucket holds few keys");
        let kept = (keys > 0).then(|| Arc::from(leaves));
        self.changed.buckets.push((prefix, kept));
        Slot { keys, hash, paged: false, changed: self.height }
    }

    fn load(&mut self, prefix: Prefix) -> Result<Arc<Branch>, StoreError> {
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
    fn leaves(&mut self, prefix: &Prefix, expected: u64) -> Result<Vec<LeafHash>, StoreError> {
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
        let base = prefix.to_bytes();
        self.writes.put(Column::TreeHistory, versioned(&base, self.height), old.encode());
        self.noted.slots.push(base);
    }

    fn note_members(&mut self, prefix: Prefix, leaves: &[LeafHash]) {
        let base = prefix.to_bytes();
        let members = leaves.iter().flat_map(|leaf| &leaf.key_hash.as_bytes()[..MEMBER_BYTES]).copied().collect();
        self.writes.put(Column::Members, versioned(&base, self.height), members);
        self.noted.members.push(base);
    }
}

fn child(prefix: &Prefix, nibble: u8) -> Result<Prefix, StoreError> {
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

/// Visits at most `limit` leaves below a prefix with the heights that wrote them, as [`scan_flat_records`].
pub(super) fn scan_flat(
    cursor: &mut dyn Cursor,
    prefix: &Prefix,
    limit: u64,
    mut visit: impl FnMut(Leaf, Height),
) -> Result<u64, StoreError> {
    scan_flat_records(cursor, prefix, limit, |leaf, record| {
        let written = record.first_chunk::<8>().expect("the record has been parsed");
        visit(leaf, Height(u64::from_be_bytes(*written)));
    })
}

/// Visits at most `limit` records below a prefix and returns how many there are, `limit + 1` when there are more.
fn scan_flat_records(
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
        let value_hash = FlatRecord::parse(key, record)?.value_hash;
        let Ok(key_hash) = key.try_into().map(Digest) else {
            return Err(miscounted(prefix));
        };
        visit(Leaf { key_hash, value_hash }, record);
        cursor.step()?;
    }
    Ok(found)
}

/// Leaves after changes; both ascending.
fn merged(before: &[LeafHash], changes: &[(Digest, Option<Digest>)]) -> Vec<LeafHash> {
    let mut after = Vec::with_capacity(before.len() + changes.len());
    let mut rest = before;
    for (key_hash, new) in changes {
        let (kept, others) = rest.split_at(rest.partition_point(|leaf| leaf.key_hash < *key_hash));
        after.extend_from_slice(kept);
        rest = match others.split_first() {
            Some((leaf, behind)) if leaf.key_hash == *key_hash => behind,
            Some(_) | None => others,
        };
        let key_hash = *key_hash;
        after.extend(new.map(|hash| LeafHash { key_hash, hash }));
    }
    after.extend_from_slice(rest);
    after
}
