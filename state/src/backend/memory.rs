//! Columns in memory, with the crashes of a disk.
//!
//! | part | a crash leaves |
//! |---|---|
//! | chain | everything up to the newest synced write, and a prefix of the writes after it |
//! | results | everything up to the newest sync, and a prefix of the writes between it and the newest checkpoint |

use core::fmt;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Backend, Column, Cursor, Durability, Operation, Part, Writes};
use crate::error::StoreError;

type Map = BTreeMap<Vec<u8>, Arc<[u8]>>;

/// Columns in memory. Remembers which writes a loss of power would take back, so that crashes can be tried at each of them.
#[derive(Default)]
pub struct Memory {
    content: RwLock<Content>,
}

#[derive(Default)]
struct Content {
    /// Shared with cursors: a column is copied when it is written while a cursor stands in it.
    current: BTreeMap<Column, Arc<Map>>,
    chain: Unsynced,
    results: Unsynced,
    /// Of the unsynced writes of the results, those before the newest checkpoint.
    checkpointed: usize,
}

/// What takes back each atomic write to a part since the last one that is durable, oldest first.
type Unsynced = Vec<Vec<Undo>>;

/// Which writes a loss of power leaves, of those that it may take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of the chain: so many of the first.
    pub chain: usize,
    /// Of the results: so many of the first.
    pub results: usize,
}

/// What a record was before a write.
struct Undo {
    column: Column,
    key: Vec<u8>,
    value: Option<Arc<[u8]>>,
}

impl Memory {
    /// Empty columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The greatest number of unsynced writes of each part that a loss of power may leave. It may leave fewer.
    #[must_use]
    pub fn unsynced(&self) -> Kept {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        Kept { chain: content.chain.len(), results: content.checkpointed }
    }

    /// Loses power: takes back all unsynced writes but the first ones named, which become durable. Costs as much as the writes that it
    /// takes back, whatever the columns hold.
    pub fn crash(&self, kept: Kept) {
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        content.take_back(kept);
    }

    /// What a loss of power now would leave when it takes back all unsynced writes but the first ones named.
    #[must_use]
    pub fn crash_copy(&self, kept: Kept) -> Self {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        let mut copy = Content { current: content.current.clone(), ..Content::default() };
        let results = content.results.iter().skip(kept.results.min(content.checkpointed));
        for undo in content.chain.iter().skip(kept.chain).chain(results).rev().flatten() {
            copy.restore(undo.column, undo.key.clone(), undo.value.clone());
        }
        Self { content: RwLock::new(copy) }
    }

    /// Number of records of a column.
    #[must_use]
    pub fn records(&self, column: Column) -> usize {
        self.column(column).len()
    }

    fn column(&self, column: Column) -> Arc<Map> {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        content.current.get(&column).cloned().unwrap_or_default()
    }
}

impl Content {
    /// Writes one operation; returns what takes it back.
    fn apply(&mut self, operation: Operation<'_>) -> Undo {
        let Operation { column, key, value } = operation;
        let value = self.restore(column, key.to_vec(), value.map(Arc::from));
        Undo { column, key: key.to_vec(), value }
    }

    /// Puts a value, or nothing, under a key; returns what was there.
    fn restore(&mut self, column: Column, key: Vec<u8>, value: Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let map = Arc::make_mut(self.current.entry(column).or_default());
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        }
    }

    /// Takes back the unsynced writes but the first ones named. A write has one operation for each key, so their order within it does
    /// not matter.
    fn take_back(&mut self, kept: Kept) {
        let chain = self.chain.split_off(kept.chain.min(self.chain.len()));
        let results = self.results.split_off(kept.results.min(self.checkpointed));
        for Undo { column, key, value } in chain.into_iter().chain(results).rev().flatten() {
            self.restore(column, key, value);
        }
        self.all_synced();
    }

    fn all_synced(&mut self) {
        (self.chain, self.results, self.checkpointed) = (Unsynced::new(), Unsynced::new(), 0);
    }

    fn write(&mut self, part: Part, mut writes: Writes) {
        if !writes.is_empty() {
            let undo = writes.sorted().map(|operation| self.apply(operation)).collect();
            match part {
                Part::Chain => self.chain.push(undo),
                Part::Results => self.results.push(undo),
            }
        }
    }
}

impl Backend for Memory {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        Ok(content.current.get(&column).and_then(|map| map.get(key)).map(|value| value.to_vec()))
    }

    fn durable(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        let mut undone = content.results.iter().flatten();
        match undone.find(|undo| undo.column == column && undo.key == key) {
            Some(undo) => Ok(undo.value.as_ref().map(|value| value.to_vec())),
            None => Ok(content.current.get(&column).and_then(|map| map.get(key)).map(|value| value.to_vec())),
        }
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        Ok(Box::new(MemoryCursor { map: self.column(column), at: None }))
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        let (chain, results) = writes.into_parts();
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        content.write(Part::Chain, chain);
        content.write(Part::Results, results);
        if durability == Durability::Synced {
            content.chain.clear();
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        content.chain.clear();
        content.checkpointed = content.results.len();
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.content.write().unwrap_or_else(PoisonError::into_inner).all_synced();
        Ok(())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({:?} unsynced)", self.unsynced())
    }
}

struct MemoryCursor {
    map: Arc<Map>,
    at: Option<(Vec<u8>, Arc<[u8]>)>,
}

fn owned((key, value): (&Vec<u8>, &Arc<[u8]>)) -> (Vec<u8>, Arc<[u8]>) {
    (key.clone(), Arc::clone(value))
}

impl Cursor for MemoryCursor {
    fn seek(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.at = self.map.range::<[u8], _>((Bound::Included(key), Bound::Unbounded)).next().map(owned);
        Ok(())
    }

    fn seek_back(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.at = self.map.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back().map(owned);
        Ok(())
    }

    fn step(&mut self) -> Result<(), StoreError> {
        if let Some((key, _)) = self.at.take() {
            let after = (Bound::Excluded(key.as_slice()), Bound::Unbounded);
            self.at = self.map.range::<[u8], _>(after).next().map(owned);
        }
        Ok(())
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        self.at.as_ref().map(|(key, value)| (key.as_slice(), value.as_ref()))
    }
}
