use quancheng_proof::state_proof::Holding;
use quancheng_types::Digest;

use super::bucket::{Leaf, LeafHash};
use super::hasher::TreeHasher;
use super::page::Slot;
use super::prefix::Prefix;
use super::update::{Updater, child, miscounted};
use crate::backend::Column;
use crate::error::{Record, StoreError};
use crate::flat::{FlatRecord, versioned};
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
}

impl<H: TreeHasher> Updater<'_, H> {
    /// Settles changes, ascending by key hash, below a prefix: writes the records, and collects the leaves that change.
    pub(super) fn resolve(&mut self, prefix: Prefix, slot: &Slot, changes: &mut [Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        if !slot.paged {
            return self.resolve_bucket(&prefix, slot.keys, changes);
        }
        let branch = self.load(prefix)?;
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
        let (leaves, mut read) = self.before(prefix, keys, changes)?;
        let mut rest = leaves.as_ref();
        for (at, change) in changes.iter_mut().enumerate() {
            rest = &rest[rest.partition_point(|leaf| leaf.place < change.key_hash)..];
            match rest.first().filter(|leaf| leaf.place == change.key_hash) {
                None => self.add(change),
                Some(leaf) => {
                    let record = match read.get_mut(at).and_then(Option::take) {
                        Some(record) => record,
                        None => self.backend.get(Column::Flat, leaf.place.as_bytes())?.ok_or(miscounted(prefix))?,
                    };
                    self.change(change, leaf, record)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, change: &mut Change) {
        // Removing what is not there changes nothing.
        if let Some((hash, value)) = change.value.take() {
            let holding = Holding { value_hash: Some(hash), since: self.height, version: 0, until: None };
            self.undo_leaves.push((change.key_hash, None));
            self.put(change.key_hash, &change.key, holding, &value);
        }
    }

    fn change(&mut self, change: &mut Change, leaf: &LeafHash, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (key, place) = (&change.key, change.key_hash);
        let record = FlatRecord::parse(place.as_bytes(), &bytes)?;
        let before = record.holding;
        // What is superseded stays for ever, so it is compared with the tree before.
        if record.key != key.as_bytes() || H::leaf(&place, &before) != leaf.hash || before.until.is_some() {
            return Err(StoreError::Inconsistent {
                record: Record::Column(Column::Flat.name()),
                key: place.as_bytes().to_vec(),
                expected: "the record that the leaf of this key commits to",
            });
        }
        let new = change.value.take();
        let value_hash = new.as_ref().map(|(hash, _)| *hash);
        if value_hash == before.value_hash {
            return Ok(());
        }
        assert!(before.since < self.height, "a height writes a key once");
        self.undo_leaves.push((place, Some(before)));
        let holding = Holding { value_hash, since: self.height, version: 0, until: None };
        if key.is_kept() {
            let ended = Holding { until: Some(self.height), ..before };
            let past = key.version_hash(before.version);
            self.undo_leaves.push((past, None));
            self.put(past, key, ended, record.value);
            let value = new.map(|(_, value)| value).unwrap_or_default();
            self.put(place, key, Holding { version: before.version + 1, ..holding }, &value);
            return Ok(());
        }
        match new {
            Some((_, value)) => self.put(place, key, holding, &value),
            None => {
                self.writes.delete(Column::Flat, place.as_bytes().to_vec());
                self.leaves.push(LeafChange { place, hash: None });
            }
        }
        self.writes.put(Column::FlatHistory, versioned(place.as_bytes(), self.height), bytes);
        self.superseded.push(place);
        Ok(())
    }

    /// Writes what is at a place from this height on: record and leaf.
    fn put(&mut self, place: Digest, key: &StateKey, holding: Holding, value: &[u8]) {
        let record = FlatRecord { holding, key: key.as_bytes(), value };
        self.writes.put(Column::Flat, place.as_bytes().to_vec(), record.encode());
        let hash = Leaf { place, holding }.hashed::<H>().hash;
        self.leaves.push(LeafChange { place, hash: Some(hash) });
    }
}
