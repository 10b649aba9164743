use core::fmt;
use std::sync::Arc;

use quancheng_proof::StateProof;
use quancheng_types::{Digest, Height};

use super::{HistoryTip, Shared};
use crate::error::{Record, StoreError};
use crate::flat::{FlatRecord, record_at};
use crate::key::StateKey;
use crate::tree::{ChainHasher, TreeReader};
use crate::view::View;

/// The state as of one height: does not change while commits go on. Cheap to clone and to send.
///
/// It holds nothing back on the disk: once its height is pruned, reads answer [`StoreError::Pruned`].
#[derive(Clone)]
pub struct Snapshot {
    shared: Arc<Shared>,
    tip: HistoryTip,
}

impl Snapshot {
    pub(super) fn new(shared: Arc<Shared>, tip: HistoryTip) -> Self {
        Self { shared, tip }
    }

    /// The height.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.tip.leaf.height
    }

    /// The state root.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.tip.leaf.state_root
    }

    /// The history log as of this height.
    #[must_use]
    pub const fn tip(&self) -> &HistoryTip {
        &self.tip
    }

    /// Proves the value of a key, or that it has none, against [`Self::root`].
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or the height is pruned.
    pub fn prove(&self, key: &StateKey) -> Result<StateProof, StoreError> {
        let reader = TreeReader::<ChainHasher>::new(self.shared.backend.as_ref(), self.height());
        self.if_kept(reader.prove(&key.hash()))
    }

    /// Number of keys.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or the height is pruned.
    pub fn keys(&self) -> Result<u64, StoreError> {
        let reader = TreeReader::<ChainHasher>::new(self.shared.backend.as_ref(), self.height());
        self.if_kept(reader.root().map(|root| root.keys))
    }

    fn read_value(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        let key_hash = key.hash();
        let is_newest = || self.shared.is_newest(self.height());
        let Some(mut bytes) = record_at(self.shared.backend.as_ref(), &key_hash, self.height(), is_newest)? else {
            return Ok(None);
        };
        let record = FlatRecord::parse(key_hash.as_bytes(), &bytes)?;
        if record.key != key.as_bytes() {
            return Err(StoreError::Inconsistent {
                record: Record::Column("flat"),
                key: key.as_bytes().to_vec(),
                expected: "this key in the record under its hash",
            });
        }
        let start = bytes.len() - record.value.len();
        bytes.drain(..start);
        Ok(Some(bytes))
    }

    /// What was read while the height was being pruned counts for nothing.
    fn if_kept<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.shared.check_kept(self.height())?;
        result
    }
}

impl View for Snapshot {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.if_kept(self.read_value(key))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot(height {}, root {})", self.height(), self.root())
    }
}
