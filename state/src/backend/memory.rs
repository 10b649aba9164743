//! Columns in memory, with the crashes of a disk.

use core::fmt;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Backend, Column, Cursor, Durability, Operation, Writes};
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
    durable: BTreeMap<Column, Map>,
    unsynced: Vec<Vec<Operation>>,
}

impl Memory {
    /// Empty columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of atomic writes since the last synced one: how many a loss of power may take back.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.content.read().unwrap_or_else(PoisonError::into_inner).unsynced.len()
    }

    /// What a loss of power leaves when it takes back all unsynced writes but the first `keep`.
    #[must_use]
    pub fn crash_copy(&self, keep: usize) -> Self {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        let mut durable = content.durable.clone();
        for operations in content.unsynced.iter().take(keep) {
            for operation in operations {
                apply(durable.entry(operation.column).or_default(), operation);
            }
        }
        let current = durable.iter().map(|(column, map)| (*column, Arc::new(map.clone()))).collect();
        Self { content: RwLock::new(Content { current, durable, unsynced: Vec::new() }) }
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

fn apply(map: &mut Map, operation: &Operation) {
    match &operation.value {
        Some(value) => map.insert(operation.key.clone(), Arc::from(value.as_slice())),
        None => map.remove(&operation.key),
    };
}

impl Content {
    fn settle(&mut self) {
        for operation in self.unsynced.drain(..).flatten() {
            apply(self.durable.entry(operation.column).or_default(), &operation);
        }
    }
}

impl Backend for Memory {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let content = self.content.read().unwrap_or_else(PoisonError::into_inner);
        Ok(content.current.get(&column).and_then(|map| map.get(key)).map(|value| value.to_vec()))
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        Ok(Box::new(MemoryCursor { map: self.column(column), at: None }))
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        let operations = writes.into_sorted();
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        for operation in &operations {
            apply(Arc::make_mut(content.current.entry(operation.column).or_default()), operation);
        }
        content.unsynced.push(operations);
        if durability == Durability::Synced {
            content.settle();
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.content.write().unwrap_or_else(PoisonError::into_inner).settle();
        Ok(())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} unsynced writes)", self.unsynced())
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
