//! The columns of a [`quancheng_state::Store`] on RocksDB: the only crate that links it.
//!
//! One database, one column family per [`Column`], one `WriteBatch` per write: whatever the process or the machine does, a
//! height is there whole or not at all, in all columns. Every write goes through the write-ahead log; with
//! [`Durability::Synced`] the log is on the disk when the call returns, and everything written before it. A crash takes back
//! a suffix of the buffered writes.
//!
//! Memory is bounded by [`RocksOptions::memory_bytes`]: half for the cache of blocks (with indexes and filters inside), a
//! quarter for what is not yet written out; the rest is left for what RocksDB needs while it compacts.

use core::fmt;
use std::path::Path;

use quancheng_state::backend::{Backend, Column, Cursor, Durability, Operation, Writes};
use quancheng_state::{IoCause, StoreError};
use rocksdb::{ColumnFamily, DB, DBRawIterator, ErrorKind, WriteBatch, WriteOptions};

mod options;

pub use options::{LogRecovery, RocksOptions};

/// What the engine adds to a change in a batch, at most: kind, column and two lengths.
const OPERATION_BYTES: usize = 16;
/// What stands at the head of a batch.
const BATCH_HEADER_BYTES: usize = 12;

/// Columns in a folder. Only one process has it open at a time.
pub struct Rocks {
    db: DB,
    path: String,
}

impl Rocks {
    /// Opens the columns in a folder, and makes them where there are none.
    ///
    /// # Errors
    /// [`StoreError::Io`] with the path, the cause (another process, permission, no space, damage) and what to do.
    pub fn open(path: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let database = options.database();
        let db = DB::open_cf_descriptors(&database, path, options.columns())
            .map_err(|error| io_error(&name, "open", &error))?;
        Ok(Self { db, path: name })
    }

    /// Opens the columns that a folder holds, to read them: nothing is written into the folder, and writes are refused.
    ///
    /// # Errors
    /// As [`Self::open`]; also where there is no store.
    pub fn open_read_only(path: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let options = RocksOptions { is_created: false, ..options.clone() };
        let db = DB::open_cf_descriptors_read_only(&options.database(), path, options.columns(), false)
            .map_err(|error| io_error(&name, "open", &error))?;
        Ok(Self { db, path: name })
    }

    /// Bytes on the disk that a column holds, as the engine estimates them, without what is superseded.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn column_bytes(&self, column: Column) -> Result<u64, StoreError> {
        let live = self.db.property_int_value_cf(self.family(column), "rocksdb.estimate-live-data-size");
        let blobs = self.db.property_int_value_cf(self.family(column), "rocksdb.live-blob-file-size");
        let live = live.map_err(|error| self.error("measure", &error))?.unwrap_or(0);
        Ok(live.saturating_add(blobs.map_err(|error| self.error("measure", &error))?.unwrap_or(0)))
    }

    /// Bytes of memory that the engine holds for this store: blocks cached, indexes, and what is not yet written out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn memory_bytes(&self) -> Result<u64, StoreError> {
        let read = |column, name: &str| {
            let value = self.db.property_int_value_cf(self.family(column), name);
            value.map(|value| value.unwrap_or(0)).map_err(|error| self.error("measure", &error))
        };
        // The cache is one for all columns: any of them tells its use.
        let mut bytes = read(Column::Flat, "rocksdb.block-cache-usage")?;
        for column in Column::ALL {
            bytes = bytes.saturating_add(read(column, "rocksdb.cur-size-all-mem-tables")?);
            bytes = bytes.saturating_add(read(column, "rocksdb.estimate-table-readers-mem")?);
        }
        Ok(bytes)
    }

    fn family(&self, column: Column) -> &ColumnFamily {
        self.db.cf_handle(column.name()).expect("all columns are opened with the database")
    }

    fn error(&self, operation: &'static str, error: &rocksdb::Error) -> StoreError {
        io_error(&self.path, operation, error)
    }
}

impl Backend for Rocks {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(column), key).map_err(|error| self.error("read", &error))
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        Ok(Box::new(RocksCursor { inner: self.db.raw_iterator_cf(self.family(column)), path: &self.path }))
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        let operations = writes.into_sorted();
        let mut batch = WriteBatch::with_capacity_bytes(batch_bytes(&operations));
        let mut family = None;
        for operation in operations {
            // Sorted by column: each family is looked up once.
            let handle = match family {
                Some((column, handle)) if column == operation.column => handle,
                Some(_) | None => self.family(operation.column),
            };
            family = Some((operation.column, handle));
            match operation.value {
                Some(value) => batch.put_cf(handle, operation.key, value),
                None => batch.delete_cf(handle, operation.key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db.write_opt(batch, &options).map_err(|error| self.error("write to", &error))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|error| self.error("sync", &error))
    }
}

impl fmt::Debug for Rocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rocks({})", self.path)
    }
}

/// Bytes of a batch of these changes, a little more than less: one that grows is copied each time it doubles.
fn batch_bytes(operations: &[Operation]) -> usize {
    let bytes =
        |operation: &Operation| operation.key.len() + operation.value.as_ref().map_or(0, Vec::len) + OPERATION_BYTES;
    BATCH_HEADER_BYTES + operations.iter().map(bytes).sum::<usize>()
}

struct RocksCursor<'a> {
    inner: DBRawIterator<'a>,
    path: &'a str,
}

impl RocksCursor<'_> {
    /// An iterator that met damage looks like one at its end: only its status tells.
    fn check(&self) -> Result<(), StoreError> {
        if self.inner.valid() {
            Ok(())
        } else {
            self.inner.status().map_err(|error| io_error(self.path, "read", &error))
        }
    }
}

impl Cursor for RocksCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.inner.seek(key);
        self.check()
    }

    fn seek_back(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.inner.seek_for_prev(key);
        self.check()
    }

    fn step(&mut self) -> Result<(), StoreError> {
        if self.inner.valid() {
            self.inner.next();
        }
        self.check()
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        self.inner.item()
    }
}

/// The engine tells causes only in words.
fn io_error(path: &str, operation: &'static str, error: &rocksdb::Error) -> StoreError {
    let detail = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let cause = if says(&["No space left", "StorageFull", "Disk quota exceeded", "QuotaExceeded"]) {
        IoCause::NoSpace
    } else if says(&["Permission denied", "PermissionDenied", "Read-only file system"]) {
        IoCause::Permission
    } else if says(&["lock file", "lock hold by current process", "No locks available"]) {
        IoCause::Locked
    } else if says(&["Too many open files"]) {
        IoCause::FileLimit
    } else if matches!(error.kind(), ErrorKind::Corruption | ErrorKind::InvalidArgument) {
        IoCause::Damaged
    } else if says(&["No such file", "NotFound"]) {
        IoCause::NotFound
    } else {
        IoCause::Device
    };
    StoreError::Io { path: path.to_owned(), operation, cause, detail }
}
