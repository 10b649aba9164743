use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use quancheng_state::backend::{Backend, Column, Copied, Cursor, Durability, GoOn, Part, Writes};
use quancheng_state::{IoCause, StoreError};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    ColumnFamily, DB, DBRawIterator, ErrorKind, FlushOptions, ReadOptions, ReadTier, WriteBatch, WriteOptions,
};

use crate::RocksOptions;
use crate::error::{folder_error, io_error, no_file, no_folder, no_store};
use crate::needed::Needed;

/// Names the newest manifest of a part.
pub(crate) const CURRENT: &str = "CURRENT";
/// A copy with everything that is in memory, which is written out for it.
const WRITE_OUT: u64 = 0;
/// A copy of what is written out already (`CheckpointImpl` of the engine takes the greatest size of a log for "never").
const AS_WRITTEN_OUT: u64 = u64::MAX;
/// What is in memory and waits to be written out, or is being.
const UNWRITTEN: &str = "rocksdb.num-immutable-mem-table";
/// Failures in the background since the part was opened.
const FAILURES: &str = "rocksdb.background-errors";
/// Least number of a file of the log that is needed.
const LEAST_LOG: &str = "rocksdb.min-log-number-to-keep";
/// Files of large values in the newest version of a column.
const LIVE_BLOBS: &str = "rocksdb.num-blob-files";
/// Whether something of it is being written out just now.
const WRITING: &str = "rocksdb.num-running-flushes";
/// How long one piece may be written out by a slow disk.
const WRITING_MAX: Duration = Duration::from_secs(60);
/// How long it may wait for a thread of the engine that writes it out.
const NOT_WRITING_MAX: Duration = Duration::from_secs(3);
/// Pause between two looks at what is being written out.
const POLL: Duration = Duration::from_millis(2);

/// The columns of one part, in a folder of their own.
pub struct RocksPart {
    db: DB,
    path: String,
    part: Part,
    needed: Mutex<Needed>,
}

impl RocksPart {
    /// Opens a part in the folder of the columns, and makes it where there is none and [`RocksOptions::is_created`] is set.
    ///
    /// # Errors
    /// [`StoreError::Io`] with the path, the cause (another process, permission, no space, damage) and what to do.
    pub fn open(path: &Path, part: Part, options: &RocksOptions) -> Result<Self, StoreError> {
        Self::check_folder(path, part)?;
        let path = path.join(part.name());
        let name = path.display().to_string();
        if options.is_created {
            std::fs::create_dir_all(&path).map_err(|error| folder_error(&name, &error))?;
        }
        let db = DB::open_cf_descriptors(&options.database(part), &path, options.columns(part));
        Ok(Self::of(db.map_err(|error| io_error(&name, "open", &error))?, name, part))
    }

    /// Opens a part to read it: nothing is written into the folder, and writes are refused.
    ///
    /// # Errors
    /// As [`Self::open`]; also where there is no store.
    pub fn open_read_only(path: &Path, part: Part, options: &RocksOptions) -> Result<Self, StoreError> {
        Self::check_folder(path, part)?;
        let path = path.join(part.name());
        if !path.join(CURRENT).exists() {
            return Err(no_store(&path, CURRENT));
        }
        let name = path.display().to_string();
        let options = RocksOptions { is_created: false, ..options.clone() };
        let db = DB::open_cf_descriptors_read_only(&options.database(part), &path, options.columns(part), false);
        Ok(Self::of(db.map_err(|error| io_error(&name, "open", &error))?, name, part))
    }

    fn of(db: DB, path: String, part: Part) -> Self {
        Self { db, path, part, needed: Mutex::default() }
    }

    /// Whether everything in the folder of a part that the engine might open is a file. Opens nothing: to open a pipe would wait for ever. What cannot
    /// be looked at is left to the engine, which says why.
    ///
    /// # Errors
    /// [`StoreError::Io`] with [`IoCause::Foreign`], which names what is none.
    pub fn check_folder(path: &Path, part: Part) -> Result<(), StoreError> {
        let folder = path.join(part.name());
        let mut folders = [path, &folder].into_iter();
        if let Some(other) = folders.find(|folder| folder.symlink_metadata().is_ok() && !folder.is_dir()) {
            return Err(no_folder(other));
        }
        for item in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let kind = std::fs::metadata(item.path()).map(|meta| meta.file_type());
            // A folder is in nobody's way, as `lost+found` is, unless it has the name of a file.
            let is_met = |is_dir: bool| !is_dir || is_file_of_engine(&item.file_name().to_string_lossy());
            if kind.is_ok_and(|kind| !kind.is_file() && is_met(kind.is_dir())) {
                return Err(no_file(&item.path()));
            }
        }
        Ok(())
    }

    pub(crate) fn column_bytes(&self, column: Column) -> Result<u64, StoreError> {
        let live = self.number(column, "rocksdb.estimate-live-data-size")?;
        Ok(live.saturating_add(self.number(column, "rocksdb.live-blob-file-size")?))
    }

    pub(crate) fn memory_bytes(&self) -> Result<u64, StoreError> {
        let mut bytes = 0_u64;
        for (at, column) in self.part.columns().enumerate() {
            if at == 0 {
                // The cache is one for all columns of the part: any of them tells its use.
                bytes = bytes.saturating_add(self.number(column, "rocksdb.block-cache-usage")?);
            }
            bytes = bytes.saturating_add(self.number(column, "rocksdb.cur-size-all-mem-tables")?);
            bytes = bytes.saturating_add(self.number(column, "rocksdb.estimate-table-readers-mem")?);
        }
        Ok(bytes)
    }

    fn number(&self, column: Column, property: &str) -> Result<u64, StoreError> {
        let value = self.db.property_int_value_cf(self.family(column), property);
        value.map(|value| value.unwrap_or(0)).map_err(|error| self.error("measure", &error))
    }

    fn family(&self, column: Column) -> &ColumnFamily {
        self.db
            .cf_handle(column.name())
            .expect("all columns of a part are opened with it, and it is asked for no others")
    }

    fn families(&self) -> Vec<&ColumnFamily> {
        self.part.columns().map(|column| self.family(column)).collect()
    }

    /// Writes out what is in memory, all columns as one.
    fn write_out(&self, is_waited: bool) -> Result<(), StoreError> {
        let mut options = FlushOptions::default();
        options.set_wait(is_waited);
        self.db.flush_cfs_opt(&self.families(), &options).map_err(|error| self.error("write to", &error))
    }

    /// Waits until everything is written out whose writing out was begun, as long as that goes on: after a failure, which may be older than
    /// this wait, the engine writes nothing out any more.
    fn settle(&self, go_on: GoOn<'_>) -> Result<Copied, StoreError> {
        let sum = |property: &str| {
            let numbers = self.part.columns().map(|column| self.number(column, property));
            numbers.sum::<Result<u64, StoreError>>()
        };
        let failed = sum(FAILURES)?;
        let (mut left, mut since) = (sum(UNWRITTEN)?, Instant::now());
        while left > 0 {
            if !go_on() {
                return Ok(Copied::LeftOff);
            }
            std::thread::sleep(POLL);
            let patience = if sum(WRITING)? > 0 { WRITING_MAX } else { NOT_WRITING_MAX };
            if sum(FAILURES)? > failed || since.elapsed() > patience {
                return Err(self.unwritten());
            }
            let found = sum(UNWRITTEN)?;
            if found != left {
                (left, since) = (found, Instant::now());
            }
        }
        Ok(if go_on() { Copied::Whole } else { Copied::LeftOff })
    }

    /// Why nothing is written out any more. The engine tells it to those who write, also when they have nothing to write.
    fn unwritten(&self) -> StoreError {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        options.set_no_slowdown(true);
        match self.db.write_opt(WriteBatch::default(), &options) {
            Err(error) if error.kind() != ErrorKind::Incomplete => self.error("copy", &error),
            Ok(()) | Err(_) => StoreError::Io {
                path: self.path.clone(),
                operation: "copy",
                cause: IoCause::Device,
                detail: "what was to be written out could not be; the log of the engine in that folder tells why"
                    .to_owned(),
            },
        }
    }

    fn link(&self, folder: &Path, log_bytes: u64) -> Result<Copied, StoreError> {
        let linked =
            Checkpoint::new(&self.db).and_then(|links| links.create_checkpoint_with_log_size(folder, log_bytes));
        linked.map(|()| Copied::Whole).map_err(|error| self.error("copy", &error))
    }

    fn error(&self, operation: &'static str, error: &rocksdb::Error) -> StoreError {
        io_error(&self.path, operation, error)
    }

    /// Names of the tables of the newest version, with their sizes: the engine removes none of them while it is one.
    pub(crate) fn live_tables(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let live = self.db.live_files().map_err(|error| self.error("look at", &error))?;
        let named = live.into_iter().map(|file| {
            let bytes = u64::try_from(file.size).unwrap_or(u64::MAX);
            (file.name.trim_start_matches('/').to_owned(), bytes)
        });
        Ok(named.collect())
    }

    /// Least number of a file of the log that is still needed; the engine removes none from there on.
    pub(crate) fn least_log(&self) -> Result<u64, StoreError> {
        let least = self.db.property_int_value(LEAST_LOG).map_err(|error| self.error("look at", &error))?;
        Ok(least.unwrap_or(u64::MAX))
    }

    /// Files of large values in the newest version.
    pub(crate) fn live_blobs(&self) -> Result<u64, StoreError> {
        self.part.columns().map(|column| self.number(column, LIVE_BLOBS)).sum()
    }
}

impl Backend for RocksPart {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(column), key).map_err(|error| self.error("read", &error))
    }

    /// Without a log, what is in memory alone is passed over: what is found is in a file that a finished checkpoint wrote.
    fn durable(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_read_tier(ReadTier::Persisted);
        self.db.get_cf_opt(self.family(column), key, &options).map_err(|error| self.error("read", &error))
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        Ok(Box::new(RocksCursor { inner: self.db.raw_iterator_cf(self.family(column)), path: &self.path }))
    }

    fn write(&self, mut writes: Writes, durability: Durability) -> Result<(), StoreError> {
        if writes.is_empty() {
            return if durability == Durability::Synced { self.sync() } else { Ok(()) };
        }
        // A batch that grows is copied each time it doubles.
        let mut batch = WriteBatch::with_capacity_bytes(writes.bytes());
        let mut family = None;
        for operation in writes.sorted() {
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
        match self.part {
            Part::Chain => options.set_sync(durability == Durability::Synced),
            Part::Results => options.disable_wal(true),
        }
        self.db.write_opt(batch, &options).map_err(|error| self.error("write to", &error))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        match self.part {
            Part::Chain => self.sync(),
            Part::Results => self.write_out(false),
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        match self.part {
            Part::Chain => self.db.flush_wal(true).map_err(|error| self.error("sync", &error)),
            Part::Results => self.write_out(true),
        }
    }

    /// Links what never changes and copies the rest; on another file system it copies all. The copy of the results is of the newest
    /// checkpoint that was begun; nothing is written out for it, since that would need the chain to be durable first.
    fn copy(&self, part: Part, folder: &Path, go_on: GoOn<'_>) -> Result<Copied, StoreError> {
        assert!(part == self.part, "a part is asked for no other");
        match part {
            Part::Chain if go_on() => self.link(folder, WRITE_OUT),
            Part::Chain => Ok(Copied::LeftOff),
            Part::Results => match self.settle(go_on)? {
                Copied::Whole => self.link(folder, AS_WRITTEN_OUT),
                Copied::LeftOff => Ok(Copied::LeftOff),
            },
        }
    }

    fn lost_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.look(self, Path::new(&self.path), self.part)
    }
}

impl fmt::Debug for RocksPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RocksPart({})", self.path)
    }
}

/// Whether the engine may take this for one of its files.
fn is_file_of_engine(name: &str) -> bool {
    let begins = ["CURRENT", "MANIFEST", "LOG", "LOCK", "IDENTITY", "OPTIONS"];
    let ends = [".sst", ".blob", ".log", ".dbtmp"];
    begins.iter().any(|begin| name.starts_with(begin)) || ends.iter().any(|end| name.ends_with(end))
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
