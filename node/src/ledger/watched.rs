//! Notices damage wherever it is read: a record that does not hold is never served, whoever asked, and the operator hears of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quancheng_state::backend::{Backend, Column, Copied, Cursor, Durability, GoOn, Part, Writes};
use quancheng_state::{IoCause, StoreError};
use tracing::error;

use super::error::advice;

/// Whether damage was met since the start.
#[derive(Clone, Debug, Default)]
pub struct DamageSeen(Arc<AtomicBool>);

impl DamageSeen {
    /// Whether it was.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn look<T>(&self, column: Column, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && let StoreError::Io { cause: IoCause::Damaged | IoCause::NotFound | IoCause::Device, .. } = error
            && !self.0.swap(true, Ordering::Relaxed)
        {
            let advice = advice(Some(column.part()));
            error!(column = column.name(), %error, "a file of the store is damaged; what it holds is not served. {advice}");
        }
        result
    }
}

/// A backend that is watched.
pub(super) struct Watched<B> {
    inner: B,
    seen: DamageSeen,
}

impl<B> Watched<B> {
    pub(super) fn new(inner: B, seen: DamageSeen) -> Self {
        Self { inner, seen }
    }
}

impl<B: fmt::Debug> fmt::Debug for Watched<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<B: Backend> Backend for Watched<B> {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.seen.look(column, self.inner.get(column, key))
    }

    fn durable(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.seen.look(column, self.inner.durable(column, key))
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        let inner = self.seen.look(column, self.inner.cursor(column))?;
        Ok(Box::new(WatchedCursor { inner, column, seen: self.seen.clone() }))
    }

    // What cannot be written is no damage: nothing that was there has changed. Who writes stops and says why.
    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        self.inner.write(writes, durability)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    fn copy(&self, part: Part, folder: &Path, go_on: GoOn<'_>) -> Result<Copied, StoreError> {
        self.inner.copy(part, folder, go_on)
    }

    fn lost_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.inner.lost_files()
    }
}

struct WatchedCursor<'a> {
    inner: Box<dyn Cursor + 'a>,
    column: Column,
    seen: DamageSeen,
}

impl Cursor for WatchedCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let result = self.inner.seek(key);
        self.seen.look(self.column, result)
    }

    fn seek_back(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let result = self.inner.seek_back(key);
        self.seen.look(self.column, result)
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let result = self.inner.step();
        self.seen.look(self.column, result)
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        self.inner.entry()
    }
}

#[cfg(test)]
mod tests {
    use quancheng_state_rocks::{RocksOptions, RocksPart};

    use super::*;

    #[test]
    fn what_cannot_be_written_is_no_damage_and_what_cannot_be_read_is() {
        let dir = tempfile::tempdir().unwrap();
        let options = RocksOptions { memory_bytes: 16 << 20, ..RocksOptions::default() };
        let filled = RocksPart::open(dir.path(), Part::Results, &options).unwrap();
        let mut writes = Writes::new();
        writes.put(Column::Receipts, vec![1], vec![7; 10_000]);
        filled.write(writes.clone(), Durability::Buffered).unwrap();
        filled.sync().unwrap();
        drop(filled);
        let tables = std::fs::read_dir(dir.path().join("results")).unwrap().map(|entry| entry.unwrap().path());
        for table in tables.filter(|path| path.extension().is_some_and(|end| end == "sst")) {
            let mut bytes = std::fs::read(&table).unwrap();
            bytes[10] ^= 0x40;
            std::fs::write(&table, bytes).unwrap();
        }
        let seen = DamageSeen::default();
        let part = RocksPart::open_read_only(dir.path(), Part::Results, &options).unwrap();
        let watched = Watched::new(part, seen.clone());
        watched.write(writes, Durability::Buffered).unwrap_err();
        assert!(!seen.is_set());
        watched.get(Column::Receipts, &[1]).unwrap_err();
        assert!(seen.is_set());
    }
}
