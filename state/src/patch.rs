//! The ordered writes of one height.

use core::fmt;
use std::collections::BTreeMap;

use borsh::io::{Error, ErrorKind, Read, Result};
use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Bytes;

use crate::key::{StateKey, VALUE_BYTES_MAX};

/// Greatest number of keys that one encoded patch may name: far above what a full block of transactions can write.
pub const PATCH_WRITES_MAX: u32 = 16 * 1024 * 1024;
/// Greatest length of an encoded patch in bytes (1 GiB).
pub const PATCH_BYTES_MAX: u32 = 1 << 30;

/// Writes in ascending order of keys: `Some` is a new value, `None` a removal. Equal writes have equal bytes.
#[derive(Clone, Default, PartialEq, Eq, BorshSerialize)]
pub struct Patch {
    writes: BTreeMap<StateKey, Option<Vec<u8>>>,
}

impl Patch {
    /// No writes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { writes: BTreeMap::new() }
    }

    /// Takes writes as they are.
    pub(crate) const fn from_writes(writes: BTreeMap<StateKey, Option<Vec<u8>>>) -> Self {
        Self { writes }
    }

    /// The writes, taken out.
    pub(crate) fn into_writes(self) -> BTreeMap<StateKey, Option<Vec<u8>>> {
        self.writes
    }

    /// The writes, ascending by key.
    pub fn writes(&self) -> impl ExactSizeIterator<Item = (&StateKey, Option<&[u8]>)> {
        self.writes.iter().map(|(key, value)| (key, value.as_deref()))
    }

    /// What this patch does to a key: `None` nothing, `Some(None)` removes it, `Some(Some(value))` writes it.
    #[must_use]
    pub fn change(&self, key: &StateKey) -> Option<Option<&[u8]>> {
        self.writes.get(key).map(Option::as_deref)
    }

    /// Number of keys written or removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Applies later writes over these.
    pub fn merge(&mut self, later: Self) {
        self.writes.extend(later.writes);
    }
}

impl BorshDeserialize for Patch {
    /// Strict: bounded count, ascending keys without repetition, bounded values.
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let invalid = |reason: String| Error::new(ErrorKind::InvalidData, reason);
        let count = u32::deserialize_reader(reader)?;
        if count > PATCH_WRITES_MAX {
            return Err(invalid(format!("{count} writes exceed the limit of {PATCH_WRITES_MAX}")));
        }
        let mut writes = BTreeMap::new();
        for _ in 0..count {
            let key = StateKey::deserialize_reader(reader)?;
            if writes.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(invalid(format!("key {key} does not follow the key before it")));
            }
            let value = Option::<Bytes<VALUE_BYTES_MAX>>::deserialize_reader(reader)?;
            writes.insert(key, value.map(Bytes::into_vec));
        }
        Ok(Self { writes })
    }
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patch({} writes)", self.writes.len())
    }
}
