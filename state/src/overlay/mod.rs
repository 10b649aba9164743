//! Tentative writes.

use core::fmt;
use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::key::StateKey;
use crate::patch::Patch;
use crate::view::View;

/// Writes over a view that nothing else sees until they are taken as a [`Patch`].
///
/// Overlays nest: a block has one over the snapshot, each transaction one over the block's. A refused transaction drops its own
/// whole; an accepted one is applied to the block's:
///
/// ```
/// # use quancheng_state::{Overlay, Table, view::EmptyView};
/// # use quancheng_types::ModuleId;
/// # const COUNTS: Table<u8, u64> = Table::kept(ModuleId(1), 1, "counts");
/// let mut block = Overlay::new(&EmptyView);
/// let accepted: Result<(), &str> = block.scope(|transaction| {
///     COUNTS.put(transaction, &1, &1);
///     Ok(())
/// });
/// let refused: Result<(), &str> = block.scope(|transaction| {
///     COUNTS.put(transaction, &1, &2);
///     Err("no")
/// });
/// assert_eq!((accepted, refused), (Ok(()), Err("no")));
/// assert_eq!(COUNTS.read(&block, &1), Ok(Some(1)));
///
/// // The same by hand, when the decision falls later:
/// let mut transaction = block.child();
/// COUNTS.remove(&mut transaction, &1);
/// let patch = transaction.into_patch();
/// block.apply(patch);
/// assert_eq!(COUNTS.read(&block, &1), Ok(None));
/// ```
pub struct Overlay<'a> {
    base: &'a dyn View,
    writes: BTreeMap<StateKey, Option<Vec<u8>>>,
}

impl<'a> Overlay<'a> {
    /// No writes over `base`.
    #[must_use]
    pub fn new(base: &'a dyn View) -> Self {
        Self { base, writes: BTreeMap::new() }
    }

    /// No writes over this overlay, which stays readable meanwhile.
    #[must_use]
    pub fn child(&self) -> Overlay<'_> {
        Overlay::new(self)
    }

    /// Runs `work` over a child and keeps the child's writes only when it succeeds.
    ///
    /// # Errors
    /// The error of `work`, after which this overlay is as before.
    pub fn scope<T, E>(&mut self, work: impl FnOnce(&mut Overlay<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut child = self.child();
        let value = work(&mut child)?;
        let patch = child.into_patch();
        self.apply(patch);
        Ok(value)
    }

    /// Applies the writes of a child.
    pub fn apply(&mut self, patch: Patch) {
        self.writes.extend(patch.into_writes());
    }

    /// Writes a value. Modules write through [`crate::Table::put`].
    pub fn put(&mut self, key: StateKey, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Removes a key. Modules write through [`crate::Table::remove`].
    pub fn remove(&mut self, key: StateKey) {
        self.writes.insert(key, None);
    }

    /// Number of keys written or removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The writes, in order of keys.
    #[must_use]
    pub fn into_patch(self) -> Patch {
        Patch::from_writes(self.writes)
    }
}

impl View for Overlay<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.base.read(key),
        }
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overlay({} writes)", self.writes.len())
    }
}

#[cfg(test)]
mod tests;
