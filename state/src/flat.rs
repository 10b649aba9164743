//! Records of keys, and how a key is read as of a height.
//!
//! ```text
//! flat          H(key)                       → record: what the key holds
//!               H(key, version)              → record: what a kept key held before, for ever
//! flat_history  H(key) ‖ superseded: u64 BE  → record: what a derived key held before, until it is pruned
//! record        mark: u8 ‖ since: u64 BE ‖ [version: u64 BE] ‖ [until: u64 BE] ‖ [H(value)] ‖ key length: u16 BE ‖ key ‖ value
//! ```
//!
//! Bit 0 of the mark says that there is a version (else it is 0), bit 1 an end, bit 2 a value and its hash.
//!
//! A record names the height that wrote it, so the newest one answers for every height from then on without a second read,
//! and a reader needs no lock and no snapshot of the disk: it reads the newest first, and only when that is too new (or a derived
//! key has none) the one that held at the height it asks for. Whatever a commit changes between the two reads is in the second,
//! because a commit writes both in one step. Versions of a kept key lie at known places and never change, so the one that held at
//! a height is found by halving their number.

use quancheng_proof::state_proof::Holding;
use quancheng_types::{Digest, Height};

use crate::backend::{Backend, Column};
use crate::error::{Record, StoreError};
use crate::key::StateKey;

const HAS_VERSION: u8 = 1;
const HAS_UNTIL: u8 = 2;
const HAS_VALUE: u8 = 4;
/// Mark, height, hash and length of the key: a record without version and end.
const HEADER: usize = 1 + 8 + 32 + 2;

/// A record, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlatRecord<'a> {
    pub(crate) holding: Holding,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> FlatRecord<'a> {
    pub(crate) fn parse(place: &[u8], bytes: &'a [u8]) -> Result<Self, StoreError> {
        Self::split(bytes).ok_or_else(|| StoreError::Inconsistent {
            record: Record::Column(Column::Flat.name()),
            key: place.to_vec(),
            expected: "a record of heights, version, value hash, key and value",
        })
    }

    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (&[mark], rest) = bytes.split_first_chunk::<1>()?;
        if mark & !(HAS_VERSION | HAS_UNTIL | HAS_VALUE) != 0 {
            return None;
        }
        let (since, rest) = number(rest)?;
        let (version, rest) = if mark & HAS_VERSION == 0 { (0, rest) } else { number(rest)? };
        let (until, rest) =
            if mark & HAS_UNTIL == 0 { (None, rest) } else { number(rest).map(|(n, r)| (Some(n), r))? };
        let (value_hash, rest) = if mark & HAS_VALUE == 0 {
            (None, rest)
        } else {
            let (hash, rest) = rest.split_first_chunk::<32>()?;
            (Some(Digest(*hash)), rest)
        };
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (key, value) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let holding = Holding { value_hash, since: Height(since), version, until: until.map(Height) };
        Some(Self { holding, key, value })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Holding { value_hash, since, version, until } = self.holding;
        let marks = [(version > 0, HAS_VERSION), (until.is_some(), HAS_UNTIL), (value_hash.is_some(), HAS_VALUE)];
        let mark = marks.iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum();
        let mut bytes = Vec::with_capacity(HEADER + 16 + self.key.len() + self.value.len());
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
        }
        let length = u16::try_from(self.key.len()).expect("keys are at most KEY_BYTES_MAX long");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(self.key);
        bytes.extend_from_slice(self.value);
        bytes
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

/// A key of a superseded record: place ‖ height, so that a seek to the height after finds what was valid at a height.
pub(crate) fn versioned(base: &[u8], superseded: Height) -> Vec<u8> {
    let mut key = Vec::with_capacity(base.len() + 8);
    key.extend_from_slice(base);
    key.extend_from_slice(&superseded.0.to_be_bytes());
    key
}

/// What a key held at a height, as it stands on the disk.
pub(crate) struct Found {
    /// The holding: of one that was superseded since, without its end when it still held at the height.
    pub(crate) holding: Holding,
    /// The whole record.
    pub(crate) bytes: Vec<u8>,
}

impl Found {
    fn of(key: &StateKey, place: &Digest, bytes: Vec<u8>) -> Result<Self, StoreError> {
        let record = FlatRecord::parse(place.as_bytes(), &bytes)?;
        if record.key != key.as_bytes() {
            return Err(StoreError::Inconsistent {
                record: Record::Column(Column::Flat.name()),
                key: key.as_bytes().to_vec(),
                expected: "this key in the record under its hash",
            });
        }
        Ok(Self { holding: record.holding, bytes })
    }

    /// The value; `None` when the key held none.
    pub(crate) fn into_value(mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let length = FlatRecord::parse(&[], &self.bytes)?.value.len();
        let start = self.bytes.len() - length;
        self.bytes.drain(..start);
        Ok(self.holding.value_hash.map(|_| self.bytes))
    }
}

/// What a key held at `height`; `None` when there was nothing yet, or of a derived key nothing any more. `is_newest` tells, when it
/// is called, whether no later height can be on the disk yet: then a key that is not in `flat` has no earlier record worth looking for.
pub(crate) fn found_at(
    backend: &dyn Backend,
    key: &StateKey,
    height: Height,
    is_newest: impl FnOnce() -> bool,
) -> Result<Option<Found>, StoreError> {
    let place = key.hash();
    let newest = match backend.get(Column::Flat, place.as_bytes())? {
        Some(bytes) => Some(Found::of(key, &place, bytes)?),
        None => None,
    };
    match newest {
        Some(found) if found.holding.since <= height => Ok(Some(found)),
        Some(found) if key.is_kept() => version_at(backend, key, found.holding.version, height),
        None if key.is_kept() => Ok(None),
        // Asked after the read: what was read was then as of `height`.
        None if is_newest() => Ok(None),
        Some(_) | None => derived_at(backend, key, &place, height),
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
        let Holding { since, until, .. } = found.holding;
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
    Found::of(key, &place, bytes)
}

fn derived_at(
    backend: &dyn Backend,
    key: &StateKey,
    place: &Digest,
    height: Height,
) -> Result<Option<Found>, StoreError> {
    let base = place.as_bytes();
    let mut cursor = backend.cursor(Column::FlatHistory)?;
    cursor.seek(&versioned(base, height.next()))?;
    let Some((_, bytes)) = cursor.entry().filter(|(key, _)| key.len() == base.len() + 8 && key.starts_with(base))
    else {
        return Ok(None);
    };
    let found = Found::of(key, place, bytes.to_vec())?;
    Ok(Some(found).filter(|found| found.holding.since <= height))
}

#[cfg(test)]
mod tests;
