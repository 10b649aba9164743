//! What keys hold, and how a key is read as of a height.
//!
//! ```text
//! flat          H(key)                        → row: what the key holds
//!               H(key, version)               → row: what a kept key held before, for ever
//! flat_history  H(key) ‖ superseded: u64 BE   → row: what a derived key held before, until it is pruned
//! records       since: u64 BE ‖ group: u32 BE → records: one or more of key length: u16 BE ‖ value length: u32 BE ‖ key ‖ value
//! row           mark: u8 ‖ since: u64 BE ‖ [version: u64 BE] ‖ [until: u64 BE] ‖ [H(value) ‖ group: u32 BE ‖ number in the group: u8]
//! ```
//!
//! Bit 0 of the mark says that there is a version (else it is 0), bit 1 an end, bit 2 a value: its hash, and where its record is
//! among those of the height that wrote it.
//!
//! Rows lie at hashes, so a disk merges them again and again: they are short. Values are written once, one height behind the other, and stay
//! where they are when a row ends; that is also why a bucket of the tree is read without the values in it. Values of kept keys are written
//! in groups, since they stay for ever: a row of the disk costs more than a value. One of a derived key is a group of its own, because it goes alone.
//!
//! A row names the height that wrote it, so the newest one answers for every height from then on without a second read,
//! and a reader needs no lock and no snapshot of the disk: it reads the newest first, and only when that is too new (or a derived
//! key has none) the one that held at the height it asks for. Whatever a commit changes between the two reads is in the second,
//! because a commit writes both in one step. Versions of a kept key lie at known places and never change, so the one that held at
//! a height is found by halving their number.

use quancheng_proof::state_proof::{Holding, value_hash};
use quancheng_types::{Digest, Height};

use crate::backend::{Backend, Column};
use crate::error::{Record, StoreError};
use crate::key::StateKey;

const HAS_VERSION: u8 = 1;
const HAS_UNTIL: u8 = 2;
const HAS_VALUE: u8 = 4;

/// What is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlatRow {
    pub(crate) holding: Holding,
    /// Of a value, where its record is among those of `holding.since`; else the first of group 0.
    pub(crate) spot: Spot,
}

/// Where a record is among those of a height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) group: u32,
    /// Number in the group, from 0.
    pub(crate) at: u8,
}

impl FlatRow {
    pub(crate) fn parse(place: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        Self::split(bytes).ok_or_else(|| StoreError::Inconsistent {
            record: Record::Column(Column::Flat.name()),
            key: place.to_vec(),
            expected: "a row of heights, version, value hash and place of the value",
        })
    }

    fn split(bytes: &[u8]) -> Option<Self> {
        let (&[mark], rest) = bytes.split_first_chunk::<1>()?;
        if mark & !(HAS_VERSION | HAS_UNTIL | HAS_VALUE) != 0 {
            return None;
        }
        let (since, rest) = number(rest)?;
        let (version, rest) = if mark & HAS_VERSION == 0 { (0, rest) } else { number(rest)? };
        let (until, rest) =
            if mark & HAS_UNTIL == 0 { (None, rest) } else { number(rest).map(|(n, r)| (Some(n), r))? };
        let (value, rest) = if mark & HAS_VALUE == 0 {
            (None, rest)
        } else {
            let (hash, rest) = rest.split_first_chunk::<32>()?;
            let (group, rest) = rest.split_first_chunk::<4>()?;
            let (&at, rest) = rest.split_first()?;
            (Some((Digest(*hash), Spot { group: u32::from_be_bytes(*group), at })), rest)
        };
        if !rest.is_empty() {
            return None;
        }
        let (value_hash, spot) = value.unzip();
        let holding = Holding { value_hash, since: Height(since), version, until: until.map(Height) };
        Some(Self { holding, spot: spot.unwrap_or_default() })
    }

    /// Appends the row as it is written.
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        let Holding { value_hash, since, version, until } = self.holding;
        let marks = [(version > 0, HAS_VERSION), (until.is_some(), HAS_UNTIL), (value_hash.is_some(), HAS_VALUE)];
        let mark = marks.iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum();
        bytes.push(mark);
        bytes.extend_from_slice(&since.0.to_be_bytes());
        if version > 0 {
            bytes.extend_from_slice(&version.to_be_bytes());
        }
        if let Some(until) = until {
            bytes.extend_from_slice(&until.0.to_be_bytes());
        }
        if let Some(hash) = value_hash {
            bytes.extend_from_slice(hash.as_bytes());
            bytes.extend_from_slice(&self.spot.group.to_be_bytes());
            bytes.push(self.spot.at);
        }
    }

    /// Where the group is that has the value; `None` when there is none.
    pub(crate) fn record(&self) -> Option<[u8; RECORD_KEY_BYTES]> {
        self.holding.value_hash.map(|_| record_key(self.holding.since, self.spot.group))
    }
}

/// Bytes of a key of `records`.
pub(crate) const RECORD_KEY_BYTES: usize = 12;

/// The key of the group with that number among those of a height.
pub(crate) fn record_key(since: Height, group: u32) -> [u8; RECORD_KEY_BYTES] {
    let mut bytes = [0; RECORD_KEY_BYTES];
    bytes[..8].copy_from_slice(&since.0.to_be_bytes());
    bytes[8..].copy_from_slice(&group.to_be_bytes());
    bytes
}

/// Appends a key and its value to a group.
pub(crate) fn put_record(group: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let key_bytes = u16::try_from(key.len()).expect("keys are at most KEY_BYTES_MAX long");
    let value_bytes = u32::try_from(value.len()).expect("values are at most VALUE_BYTES_MAX long");
    group.extend_from_slice(&key_bytes.to_be_bytes());
    group.extend_from_slice(&value_bytes.to_be_bytes());
    group.extend_from_slice(key);
    group.extend_from_slice(value);
}

/// The key and the value of the record with that number in a group. `None` when the group does not reach as far.
pub(crate) fn split_record(group: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let mut rest = group;
    for _ in 0..at {
        (_, rest) = first_record(rest)?;
    }
    first_record(rest).map(|(record, _)| record)
}

type KeyAndValue<'a> = (&'a [u8], &'a [u8]);

fn first_record(bytes: &[u8]) -> Option<(KeyAndValue<'_>, &[u8])> {
    let (key_bytes, rest) = bytes.split_first_chunk::<2>()?;
    let (value_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*key_bytes)))?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*value_bytes)).ok()?)?;
    Some(((key, value), rest))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

/// A key of a superseded row: place ‖ height, so that a seek to the height after finds what was valid at a height.
pub(crate) fn versioned(base: &[u8], superseded: Height) -> Vec<u8> {
    let mut key = Vec::with_capacity(base.len() + 8);
    key.extend_from_slice(base);
    key.extend_from_slice(&superseded.0.to_be_bytes());
    key
}

/// What a key held at a height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// The row: of a holding that ended since, without its end when it still held at the height.
    row: FlatRow,
}

impl Found {
    fn of(place: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(Self { row: FlatRow::parse(place, bytes)? })
    }

    pub(crate) const fn holding(&self) -> &Holding {
        &self.row.holding
    }

    /// The value; `None` when the key held none.
    pub(crate) fn value(&self, backend: &dyn Backend, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((hash, place)) = self.row.holding.value_hash.zip(self.row.record()) else {
            return Ok(None);
        };
        let column = Record::Column(Column::Records.name());
        let Some(group) = backend.get(Column::Records, &place)? else {
            return Err(StoreError::Missing { record: column, key: place.to_vec() });
        };
        match split_record(&group, self.row.spot.at) {
            Some((found, value)) if found == key.as_bytes() && value_hash(value) == hash => Ok(Some(value.to_vec())),
            Some(_) | None => Err(StoreError::Inconsistent {
                record: column,
                key: place.to_vec(),
                expected: "the key and the value that the row of this key names",
            }),
        }
    }
}

/// What a key held at `height`; `None` when there was nothing yet, or of a derived key nothing any more. `is_newest` tells, when it
/// is called, whether no later height can be on the disk yet: then a key that is not in `flat` has no earlier row worth looking for.
pub(crate) fn found_at(
    backend: &dyn Backend,
    key: &StateKey,
    height: Height,
    is_newest: impl FnOnce() -> bool,
) -> Result<Option<Found>, StoreError> {
    let place = key.hash();
    let newest = match backend.get(Column::Flat, place.as_bytes())? {
        Some(bytes) => Some(Found::of(place.as_bytes(), &bytes)?),
        None => None,
    };
    match newest {
        Some(found) if found.holding().since <= height => Ok(Some(found)),
        Some(found) if key.is_kept() => version_at(backend, key, found.holding().version, height),
        None if key.is_kept() => Ok(None),
        // Asked after the read: what was read was then as of `height`.
        None if is_newest() => Ok(None),
        Some(_) | None => derived_at(backend, &place, height),
    }
}

/// The version of a kept key that held at a height, among the first `count`.
pub(crate) fn version_at(
    backend: &dyn Backend,
    key: &StateKey,
    count: u64,
    height: Height,
) -> Result<Option<Found>, StoreError> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = version(backend, key, middle)?;
        let Holding { since, until, .. } = *found.holding();
        if height < since {
            high = middle;
        } else if until.is_some_and(|until| until <= height) {
            low = middle + 1;
        } else {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A superseded version of a kept key, which has to be there.
pub(crate) fn version(backend: &dyn Backend, key: &StateKey, version: u64) -> Result<Found, StoreError> {
    let place = key.version_hash(version);
    let Some(bytes) = backend.get(Column::Flat, place.as_bytes())? else {
        let record = Record::Column(Column::Flat.name());
        return Err(StoreError::Missing { record, key: place.as_bytes().to_vec() });
    };
    Found::of(place.as_bytes(), &bytes)
}

fn derived_at(backend: &dyn Backend, place: &Digest, height: Height) -> Result<Option<Found>, StoreError> {
    let base = place.as_bytes();
    let mut cursor = backend.cursor(Column::FlatHistory)?;
    cursor.seek(&versioned(base, height.next()))?;
    let Some((_, bytes)) = cursor.entry().filter(|(key, _)| key.len() == base.len() + 8 && key.starts_with(base))
    else {
        return Ok(None);
    };
    let found = Found::of(base, bytes)?;
    Ok(Some(found).filter(|found| found.holding().since <= height))
}

#[cfg(test)]
mod tests;
