use core::fmt;
use std::sync::Arc;

use quancheng_proof::StateProof;
use quancheng_types::{Digest, Height, ModuleId};

use super::{HistoryTip, Shared};
use crate::backend::Column;
use crate::error::StoreError;
use crate::flat::{found_at, version_at};
use crate::key::StateKey;
use crate::view::View;

/// The state as of one height: does not change while commits go on. Cheap to clone and to send.
///
/// Rows of kept tables are read at every height there was. It holds nothing back on the disk: once its height is pruned, reads of
/// derived tables answer [`StoreError::Pruned`].
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

    /// The height that wrote what a key holds as of this snapshot; `None` where there is nothing.
    ///
    /// # Errors
    /// As [`View::read`].
    pub fn since(&self, key: &StateKey) -> Result<Option<Height>, StoreError> {
        let found = found_at(self.backend(), key, self.height(), || self.shared.is_newest(self.height()))?;
        Ok(found.map(|found| found.holding().since))
    }

    /// Proves what [`View::read`] of this snapshot answers, under its own root: as [`Self::prove_under`] itself.
    ///
    /// # Errors
    /// As [`Self::prove_under`].
    pub fn prove(&self, key: &StateKey) -> Result<StateProof, StoreError> {
        self.prove_under(self, key)
    }

    /// Proves what [`View::read`] of this snapshot answers, under the root of a snapshot of the same height or a later one. One under
    /// a recent root proves a kept key as of every height.
    ///
    /// # Errors
    /// [`StoreError::RootGone`] when that root is not among the recent ones; [`StoreError::NotKept`] for the past of a derived key
    /// that has changed, or is gone, and for a row of an index; [`StoreError::NotExecuted`] when the root is of an earlier height than this; [`StoreError`] when
    /// the store cannot be read.
    pub fn prove_under(&self, root: &Self, key: &StateKey) -> Result<StateProof, StoreError> {
        if key.is_index() {
            return Err(StoreError::NotKept { height: self.height() });
        }
        if root.height() < self.height() {
            return Err(StoreError::NotExecuted { height: self.height(), tip: Some(root.height()) });
        }
        let place = self.place_under(root.height(), key)?;
        let reader = self.shared.tree_at(root.tree_height());
        reader.prove(&place)
    }

    /// Leaves of the tree: keys, and superseded versions of kept ones.
    ///
    /// # Errors
    /// [`StoreError::RootGone`] when the root of this height is not among the recent ones; [`StoreError`] when the store cannot be
    /// read.
    pub fn leaves(&self) -> Result<u64, StoreError> {
        let reader = self.shared.tree_at(self.tree_height());
        reader.root().map(|root| root.keys)
    }

    /// The place in the tree of a root of that height which tells what a key held at this height.
    fn place_under(&self, root: Height, key: &StateKey) -> Result<Digest, StoreError> {
        let found = found_at(self.backend(), key, root, || self.shared.is_newest(root))?;
        // The holding that the key has in that tree is its newest there, whatever came since.
        let Some(newest) = found.map(|found| *found.holding()) else {
            let is_proof = key.is_kept() || root == self.height();
            return if is_proof { Ok(key.hash()) } else { Err(StoreError::NotKept { height: self.height() }) };
        };
        if newest.since <= self.height() {
            return Ok(key.hash());
        }
        if !key.is_kept() {
            return Err(StoreError::NotKept { height: self.height() });
        }
        let version = match version_at(self.backend(), key, newest.version, self.height())? {
            Some(found) => found.holding().version,
            // Before its first version, which says when it begins.
            None => 0,
        };
        Ok(if version == newest.version { key.hash() } else { key.version_hash(version) })
    }

    /// A height whose tree is this one's: its own, or the oldest that is held, if nothing changed between.
    fn tree_height(&self) -> Height {
        let oldest = self.shared.recent.oldest();
        if self.height() < oldest && self.shared.state_root(oldest) == Some(self.root()) {
            oldest
        } else {
            self.height()
        }
    }

    /// The newest height that wrote rows of a module, or has begun to: a later one than this snapshot's as soon as there is one.
    pub(super) fn written(&self, module: ModuleId) -> Height {
        self.shared.written(module)
    }

    fn backend(&self) -> &dyn crate::backend::Backend {
        self.shared.backend.as_ref()
    }
}

impl View for Snapshot {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        if key.is_index() {
            // Written once: what stands there stood there at every height that counts it.
            return self.backend().get(Column::Index, key.as_bytes());
        }
        let found = found_at(self.backend(), key, self.height(), || self.shared.is_newest(self.height()));
        let value = found.and_then(|found| found.map_or(Ok(None), |found| found.value(self.backend(), key)));
        if !key.is_kept() {
            // What was read while the height was being pruned counts for nothing, errors included.
            self.shared.check_kept(self.height())?;
        }
        value
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot(height {}, root {})", self.height(), self.root())
    }
}
