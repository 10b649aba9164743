use quancheng_proof::state_proof::Holding;
use quancheng_types::Digest;

use super::bucket::{Leaf, stem_of};
use super::hasher::TreeHasher;
use super::page::Slot;
use super::prefix::Prefix;
use super::update::{Bucket, Updater, child, miscounted};
use crate::backend::Column;
use crate::error::{Record, StoreError};
use crate::flat::{FlatRow, Spot, put_record, record_key, versioned};
use crate::key::StateKey;

/// What a height does to one key.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: StateKey,
    pub(crate) key_hash: Digest,
    /// Hash and bytes of the new value, or `None` to remove the key.
    pub(crate) value: Option<(Digest, Vec<u8>)>,
}

/// What a height does to one leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafChange {
    pub(crate) place: Digest,
    /// The new hash, or `None` to remove it.
    pub(crate) hash: Option<Digest>,
    /// Whether nothing was at this place.
    pub(crate) is_new: bool,
}

/// A group of values is written once it has as many bytes: about what the disk reads at once.
const RECORD_GROUP_BYTES: usize = 4096;

/// Values of kept keys that will be written as one group.
#[derive(Debug, Default)]
pub(super) struct OpenGroup {
    bytes: Vec<u8>,
    /// Where the next one belongs.
    next: Spot,
}

impl<H: TreeHasher> Updater<'_, H> {
    /// Settles changes, ascending by key hash, below a prefix: writes rows and records, and collects the leaves that change.
    pub(super) fn resolve(&mut self, prefix: Prefix, slot: &Slot, changes: &mut [Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        if !slot.paged {
            return self.resolve_bucket(&prefix, slot.keys, changes);
        }
        let branch = self.meet(prefix, slot)?;
        let mut rest = changes;
        for (nibble, slot) in (0_u8..).zip(&branch.page().slots) {
            let end = rest.partition_point(|change| prefix.nibble_of(&change.key_hash) <= nibble);
            let (group, tail) = rest.split_at_mut(end);
            rest = tail;
            if !group.is_empty() {
                self.resolve(child(&prefix, nibble)?, slot, group)?;
            }
        }
        Ok(())
    }

    fn resolve_bucket(&mut self, prefix: &Prefix, keys: u64, changes: &mut [Change]) -> Result<(), StoreError> {
        match self.before(prefix, keys, changes)? {
            Bucket::Stems(leaves) => {
                for change in changes {
                    let leaf = leaves.binary_search_by_key(&stem_of(&change.key_hash), |leaf| leaf.stem);
                    let row = if leaf.is_ok() { self.row(&change.key_hash)? } else { None };
                    match (leaf, row) {
                        (Ok(at), Some(row)) => self.change(change, &leaves[at].hash, row)?,
                        // The leaf with its stem is another's; if it was this one and is lost, the bucket misses it when it is read.
                        (Ok(_) | Err(_), _) => self.add(change),
                    }
                }
            }
            Bucket::Full(leaves, mut rows) => {
                for (at, change) in changes.iter_mut().enumerate() {
                    match leaves.binary_search_by_key(&change.key_hash, |leaf| leaf.place) {
                        Ok(found) => {
                            let row = match rows.get_mut(at).and_then(Option::take) {
                                Some(row) => row,
                                None => self.row(&change.key_hash)?.ok_or_else(|| miscounted(prefix))?,
                            };
                            self.change(change, &leaves[found].hash, row)?;
                        }
                        Err(_) => self.add(change),
                    }
                }
            }
        }
        Ok(())
    }

    fn row(&self, place: &Digest) -> Result<Option<FlatRow>, StoreError> {
        let bytes = self.backend.get(Column::Flat, place.as_bytes())?;
        bytes.map(|bytes| FlatRow::parse(place.as_bytes(), &bytes)).transpose()
    }

    fn add(&mut self, change: &mut Change) {
        // Removing what is not there changes nothing.
        if let Some((hash, value)) = change.value.take() {
            let holding = Holding { value_hash: Some(hash), since: self.height, version: 0, until: None };
            self.undo_leaves.push((change.key_hash, None));
            let spot = self.record(&change.key, &value);
            self.put(change.key_hash, FlatRow { holding, spot }, true);
        }
    }

    fn change(&mut self, change: &mut Change, leaf: &Digest, row: FlatRow) -> Result<(), StoreError> {
        let (key, place, before) = (&change.key, change.key_hash, row.holding);
        // What is superseded stays for ever, so it is compared with the tree before.
        if H::leaf(&place, &before) != *leaf || before.until.is_some() {
            return Err(StoreError::Inconsistent {
                record: Record::Column(Column::Flat.name()),
                key: place.as_bytes().to_vec(),
                expected: "the row that the leaf of this key commits to",
            });
        }
        let new = change.value.take();
        let value_hash = new.as_ref().map(|(hash, _)| *hash);
        if value_hash == before.value_hash {
            return Ok(());
        }
        assert!(before.since < self.height, "a height writes a key once");
        self.undo_leaves.push((place, Some(before)));
        let spot = new.map(|(_, value)| self.record(key, &value));
        let after = FlatRow {
            holding: Holding { value_hash, since: self.height, version: 0, until: None },
            spot: spot.unwrap_or_default(),
        };
        if key.is_kept() {
            let past = key.version_hash(before.version);
            self.undo_leaves.push((past, None));
            let ended = Holding { until: Some(self.height), ..before };
            self.put(past, FlatRow { holding: ended, ..row }, true);
            let holding = Holding { version: before.version + 1, ..after.holding };
            self.put(place, FlatRow { holding, ..after }, false);
            return Ok(());
        }
        if value_hash.is_some() {
            self.put(place, after, false);
        } else {
            self.writes.delete(Column::Flat, place.as_bytes());
            self.leaves.push(LeafChange { place, hash: None, is_new: false });
        }
        self.writes.put_with(Column::FlatHistory, versioned(place.as_bytes(), self.height), |bytes| row.put(bytes));
        self.superseded.push(place);
        Ok(())
    }

    /// Writes a value, and returns where its record is.
    fn record(&mut self, key: &StateKey, value: &[u8]) -> Spot {
        if !key.is_kept() {
            let spot = Spot { group: self.next_group(), at: 0 };
            let place = record_key(self.height, spot.group);
            self.writes.put_with(Column::Records, place, |bytes| put_record(bytes, key.as_bytes(), value));
            return spot;
        }
        if self.kept.bytes.is_empty() {
            self.kept.next = Spot { group: self.next_group(), at: 0 };
        }
        let spot = self.kept.next;
        put_record(&mut self.kept.bytes, key.as_bytes(), value);
        match spot.at.checked_add(1) {
            Some(at) if self.kept.bytes.len() < RECORD_GROUP_BYTES => self.kept.next.at = at,
            Some(_) | None => self.write_kept(),
        }
        spot
    }

    fn next_group(&mut self) -> u32 {
        let group = self.record_groups;
        self.record_groups += 1;
        group
    }

    /// Writes the group of kept values that is not full yet, if there is one.
    pub(super) fn write_kept(&mut self) {
        if !self.kept.bytes.is_empty() {
            self.writes.put(Column::Records, record_key(self.height, self.kept.next.group), &self.kept.bytes);
            self.kept.bytes.clear();
        }
    }

    /// Writes what is at a place from this height on: row and leaf.
    fn put(&mut self, place: Digest, row: FlatRow, is_new: bool) {
        self.writes.put_with(Column::Flat, place.as_bytes(), |bytes| row.put(bytes));
        let hash = Leaf { place, holding: row.holding }.hashed::<H>().hash;
        self.leaves.push(LeafChange { place, hash: Some(hash), is_new });
    }
}
