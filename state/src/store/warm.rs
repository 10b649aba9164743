use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quancheng_types::{Height, ModuleId};

use super::Snapshot;
use crate::error::StoreError;
use crate::key::StateKey;
use crate::view::View;

/// Greatest sum of the lengths of keys and values that a [`Warm`] remembers, in bytes. One more, and it begins anew.
pub const WARM_BYTES_MAX: usize = 1024 * 1024;

/// What was read of one module since it was last written, absent keys too. Who asks at every door for the same few accounts reads the disk
/// once for each change of the module and not once for each question.
pub struct Warm {
    module: ModuleId,
    known: Mutex<Known>,
}

/// Rows as of every height from `written` on, up to the next that writes the module.
#[derive(Default)]
struct Known {
    written: Height,
    rows: BTreeMap<StateKey, Option<Vec<u8>>>,
    bytes: usize,
}

impl Warm {
    /// Nothing read yet.
    #[must_use]
    pub fn new(module: ModuleId) -> Self {
        Self { module, known: Mutex::default() }
    }

    /// Reads as the snapshot does. Snapshots of different stores must not be mixed.
    #[must_use]
    pub const fn over(&self, snapshot: Snapshot) -> WarmView<'_> {
        WarmView { warm: self, snapshot }
    }

    /// What is known of the module as it was last written at that height.
    fn known(&self, written: Height) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.written < written {
            *known = Known { written, ..Known::default() };
        }
        known
    }
}

/// A snapshot of which the rows of one module are remembered.
#[derive(Debug)]
pub struct WarmView<'a> {
    warm: &'a Warm,
    snapshot: Snapshot,
}

impl WarmView<'_> {
    /// The height.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.snapshot.height()
    }
}

impl View for WarmView<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        if key.module() != self.warm.module || key.is_index() {
            return self.snapshot.read(key);
        }
        let written = self.snapshot.written(self.warm.module);
        if written > self.snapshot.height() {
            return self.snapshot.read(key);
        }
        {
            let known = self.warm.known(written);
            // Another reader may have seen a later write: then what is known is not of this snapshot.
            if known.written == written
                && let Some(value) = known.rows.get(key)
            {
                return Ok(value.clone());
            }
        }
        let value = self.snapshot.read(key)?;
        let bytes = key.as_bytes().len() + value.as_ref().map_or(0, Vec::len);
        let mut known = self.warm.known(written);
        if known.written == written && bytes <= WARM_BYTES_MAX {
            if known.bytes + bytes > WARM_BYTES_MAX {
                *known = Known { written, ..Known::default() };
            }
            if known.rows.insert(key.clone(), value.clone()).is_none() {
                known.bytes += bytes;
            }
        }
        Ok(value)
    }
}

impl fmt::Debug for Warm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Warm({}, {} rows since height {})", self.module, known.rows.len(), known.written)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use quancheng_types::{Digest, NodeId, SigningKey, Text, Validator, ValidatorSet};

    use super::*;
    use crate::backend::{Backend, Memory};
    use crate::overlay::Overlay;
    use crate::patch::Patch;
    use crate::store::{BlockCommit, Store, StoreOptions};
    use crate::table::Table;

    const ROWS: Table<u8, Vec<u8>> = Table::kept(ModuleId(1), 1, "rows");
    const OTHERS: Table<u8, Vec<u8>> = Table::derived(ModuleId(2), 1, "others");

    fn store() -> Store {
        let store = Store::open(Arc::new(Memory::new()) as Arc<dyn Backend>, StoreOptions::default()).unwrap();
        let validator = Validator {
            public_key: SigningKey::from_seed([1; 32]).public_key(),
            power: 1,
            node_id: NodeId(Digest([1; 32])),
            organization: Text::new("org".to_owned()).unwrap(),
            interest: Text::default(),
        };
        store.init_genesis(0, Patch::empty(), &ValidatorSet::new(vec![validator]).unwrap()).unwrap();
        store
    }

    fn commit(store: &Store, writes: &[(bool, u8, Option<u8>)]) {
        let snapshot = store.snapshot().unwrap();
        let mut overlay = Overlay::new(&snapshot);
        for (is_row, key, value) in writes {
            let table = if *is_row { &ROWS } else { &OTHERS };
            match value {
                Some(value) => table.put(&mut overlay, key, &vec![*value]),
                None => table.remove(&mut overlay, key),
            }
        }
        let patch = overlay.into_patch();
        let block = BlockCommit { height: snapshot.height().next(), patch, ..BlockCommit::default() };
        store.commit(block).unwrap();
    }

    proptest! {
        /// Whatever was read before, and whichever of two snapshots asks, the answer is the snapshot's own.
        #[test]
        fn a_warm_view_reads_as_its_snapshot(
            heights in proptest::collection::vec(
                proptest::collection::vec((any::<bool>(), 0_u8..4, proptest::option::of(any::<u8>())), 0..3),
                1..12,
            ),
        ) {
            let (store, warm) = (store(), Warm::new(ModuleId(1)));
            let mut before = store.snapshot().unwrap();
            for writes in &heights {
                commit(&store, writes);
                let newest = store.snapshot().unwrap();
                for snapshot in [&newest, &before, &newest] {
                    let view = warm.over(snapshot.clone());
                    for key in 0..4 {
                        prop_assert_eq!(ROWS.read(&view, &key), ROWS.read(snapshot, &key));
                        prop_assert_eq!(OTHERS.read(&view, &key), OTHERS.read(snapshot, &key));
                    }
                }
                before = newest;
            }
        }
    }

    #[test]
    fn rows_are_remembered_until_their_module_is_written() {
        let (store, warm) = (store(), Warm::new(ModuleId(1)));
        let count = || warm.known.lock().unwrap().rows.len();
        commit(&store, &[(true, 1, Some(1))]);
        let read = |key: u8| ROWS.read(&warm.over(store.snapshot().unwrap()), &key).unwrap();
        assert_eq!((read(1), read(2), count()), (Some(vec![1]), None, 2));
        commit(&store, &[(false, 1, Some(1))]);
        assert_eq!((read(1), count()), (Some(vec![1]), 2), "another module was written");
        commit(&store, &[(true, 2, Some(2))]);
        assert_eq!((read(2), count()), (Some(vec![2]), 1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (store, warm) = (store(), Warm::new(ModuleId(1)));
        let snapshot = store.snapshot().unwrap();
        let rows: Table<(u32, Vec<u8>), u8> = Table::kept(ModuleId(1), 2, "long keys");
        let key = |number: u32| (number, vec![0; 200]);
        let bytes = rows.key(&key(0)).as_bytes().len();
        for number in 0..2 * u32::try_from(WARM_BYTES_MAX / bytes).unwrap() {
            assert_eq!(rows.read(&warm.over(snapshot.clone()), &key(number)), Ok(None));
            let known = warm.known.lock().unwrap();
            assert!(known.bytes <= WARM_BYTES_MAX && known.rows.len() * bytes == known.bytes);
        }
    }
}
