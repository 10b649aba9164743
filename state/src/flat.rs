//! Records of keys, and how a key is read as of a height.
//!
//! ```text
//! flat          H(key)                       → record
//! flat_history  H(key) ‖ superseded: u64 BE  → record before
//! record        written: u64 BE ‖ H(value) ‖ key length: u16 BE ‖ key ‖ value
//! ```
//!
//! A record names the height that wrote it, so the newest one answers for every height from then on without a second read,
//! and a reader needs no lock and no snapshot of the disk: it reads `flat` first, and only when that is too new (or gone)
//! the first record superseded after the height it asks for. Whatever a commit changes between the two reads is in the
//! second, because a commit writes both in one step.

use quancheng_types::{Digest, Height};

use crate::backend::{Backend, Column};
use crate::error::{Record, StoreError};

const WRITTEN: usize = 8;
const VALUE_HASH: usize = WRITTEN + 32;
const HEADER: usize = VALUE_HASH + 2;

/// A record, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlatRecord<'a> {
    pub(crate) written: Height,
    pub(crate) value_hash: Digest,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> FlatRecord<'a> {
    pub(crate) fn parse(key_hash: &[u8], bytes: &'a [u8]) -> Result<Self, StoreError> {
        Self::split(bytes).ok_or_else(|| StoreError::Inconsistent {
            record: Record::Column(Column::Flat.name()),
            key: key_hash.to_vec(),
            expected: "a record of height, value hash, key and value",
        })
    }

    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (written, rest) = bytes.split_first_chunk::<WRITTEN>()?;
        let (value_hash, rest) = rest.split_first_chunk::<32>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (key, value) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Self { written: Height(u64::from_be_bytes(*written)), value_hash: Digest(*value_hash), key, value })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.key.len() + self.value.len());
        bytes.extend_from_slice(&self.written.0.to_be_bytes());
        bytes.extend_from_slice(self.value_hash.as_bytes());
        let length = u16::try_from(self.key.len()).expect("keys are at most KEY_BYTES_MAX long");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(self.key);
        bytes.extend_from_slice(self.value);
        bytes
    }
}

/// A key of a superseded version: base ‖ height, so that a seek to the height after finds what was valid at a height.
pub(crate) fn versioned(base: &[u8], superseded: Height) -> Vec<u8> {
    let mut key = Vec::with_capacity(base.len() + 8);
    key.extend_from_slice(base);
    key.extend_from_slice(&superseded.0.to_be_bytes());
    key
}

/// The first version of `base` superseded after `height`.
pub(crate) fn superseded_after(
    backend: &dyn Backend,
    column: Column,
    base: &[u8],
    height: Height,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut cursor = backend.cursor(column)?;
    cursor.seek(&versioned(base, height.next()))?;
    Ok(cursor
        .entry()
        .filter(|(key, _)| key.len() == base.len() + 8 && key.starts_with(base))
        .map(|(_, value)| value.to_vec()))
}

/// The record of a key that was valid at `height`, if there was one. `is_newest` tells, when it is called, whether no later
/// height can be on the disk yet: then a key that is not in `flat` has no earlier version worth looking for.
pub(crate) fn record_at(
    backend: &dyn Backend,
    key_hash: &Digest,
    height: Height,
    is_newest: impl FnOnce() -> bool,
) -> Result<Option<Vec<u8>>, StoreError> {
    let base = key_hash.as_bytes();
    match backend.get(Column::Flat, base)? {
        Some(bytes) if FlatRecord::parse(base, &bytes)?.written <= height => return Ok(Some(bytes)),
        // Asked after the read: what was read was then as of `height`.
        None if is_newest() => return Ok(None),
        Some(_) | None => {}
    }
    match superseded_after(backend, Column::FlatHistory, base, height)? {
        Some(bytes) if FlatRecord::parse(base, &bytes)?.written <= height => Ok(Some(bytes)),
        Some(_) | None => Ok(None),
    }
}
