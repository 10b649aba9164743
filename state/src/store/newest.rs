use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Snapshot, Store, Writer};
use crate::error::StoreError;
use crate::key::StateKey;
use crate::view::View;

/// The state as of the newest height, for the one who executes the next. It answers as a [`Snapshot`] of that height does; but of a key that is
/// not there, which most transactions ask for first, the leaves in memory tell so without a look at the disk. Once another height is
/// committed it reads as the snapshot alone.
pub struct Newest {
    snapshot: Snapshot,
    writer: Arc<Mutex<Writer>>,
}

impl Store {
    /// The state as of the newest executed height, for the one who commits the next.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] before genesis.
    pub fn newest(&self) -> Result<Newest, StoreError> {
        Ok(Newest { snapshot: self.snapshot()?, writer: Arc::clone(&self.writer) })
    }
}

impl Newest {
    /// Whether memory tells that a key has no value.
    fn is_absent(&self, key: &StateKey) -> bool {
        if key.is_index() {
            return false;
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newest = writer.tip.as_ref().is_some_and(|tip| tip.leaf.height == self.snapshot.height());
        is_newest && writer.cache.buckets.lacks(&key.hash())
    }
}

impl View for Newest {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        if self.is_absent(key) { Ok(None) } else { self.snapshot.read(key) }
    }
}

impl fmt::Debug for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Newest(height {}, root {})", self.snapshot.height(), self.snapshot.root())
    }
}
