//! Notices damage wherever it is read: a record that does not hold is never served, whoever asked, and the operator hears of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quancheng_state::backend::{Backend, Column, Cursor, Durability, Writes};
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
