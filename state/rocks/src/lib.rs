//! The columns of a [`quancheng_state::Store`] on RocksDB: the only crate that links it.
//!
//! Two databases in one folder, one for each [`Part`]; one column family per [`Column`], one `WriteBatch` per write and part.
//!
//! - `chain`: every write goes through the write-ahead log; with [`Durability::Synced`] the log is on the disk when the call returns,
//!   and everything written before it. A crash takes back a suffix of the buffered writes.
//! - `results`: there is no log. Writes stay in memory until a checkpoint, which writes out all columns as one (`atomic_flush`); buffers are
//!   larger than anything that comes between two checkpoints, so the engine writes out nothing by itself. A crash takes back
//!   what came after the newest finished checkpoint. The folder can be made again from the chain.
//!
//! Memory is bounded by [`RocksOptions::memory_bytes`], as [`RocksOptions`] divides it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quancheng_state::StoreError;
use quancheng_state::backend::{Backend, Column, Copied, Cursor, Durability, GoOn, Part, Writes};

mod appended;
mod error;
mod needed;
mod options;
mod part;

pub use appended::Appended;
pub use options::{LogRecovery, RocksOptions, within};
pub use part::RocksPart;

/// Columns in a folder. Only one process has it open at a time.
#[derive(Debug)]
pub struct Rocks {
    chain: RocksPart,
    results: RocksPart,
    /// Held while results are written or a checkpoint begins, so that one is of a moment between two writes.
    writing: Mutex<()>,
}

impl Rocks {
    /// Opens the columns in a folder, and makes them where there are none.
    ///
    /// # Errors
    /// [`StoreError::Io`] with the path, the cause (another process, permission, no space, damage) and what to do.
    pub fn open(path: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        let open = |part| RocksPart::open(path, part, options);
        Ok(Self::of(open(Part::Chain)?, open(Part::Results)?))
    }

    /// Opens the columns that a folder holds, to read them: nothing is written into the folder, and writes are refused.
    ///
    /// # Errors
    /// As [`Self::open`]; also where there is no store.
    pub fn open_read_only(path: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        let open = |part| RocksPart::open_read_only(path, part, options);
        Ok(Self::of(open(Part::Chain)?, open(Part::Results)?))
    }

    /// Both parts of a folder, each opened apart.
    #[must_use]
    pub const fn of(chain: RocksPart, results: RocksPart) -> Self {
        Self { chain, results, writing: Mutex::new(()) }
    }

    /// Bytes on the disk that a column holds, as the engine estimates them, without what is superseded.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn column_bytes(&self, column: Column) -> Result<u64, StoreError> {
        self.part(column.part()).column_bytes(column)
    }

    /// Bytes of memory that the engine holds for this store: blocks cached, indexes, and what is not yet written out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn memory_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.chain.memory_bytes()?.saturating_add(self.results.memory_bytes()?))
    }

    const fn part(&self, part: Part) -> &RocksPart {
        match part {
            Part::Chain => &self.chain,
            Part::Results => &self.results,
        }
    }
}

impl Backend for Rocks {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.part(column.part()).get(column, key)
    }

    fn durable(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.part(column.part()).durable(column, key)
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        self.part(column.part()).cursor(column)
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        let (chain, results) = writes.into_parts();
        // First: when it fails, the results of a height are nowhere whose batches would stay pending.
        self.chain.write(chain, durability)?;
        if results.is_empty() {
            return Ok(());
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.results.write(results, Durability::Buffered)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.chain.sync()?;
        self.results.checkpoint()
    }

    fn sync(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.chain.sync()?;
        self.results.sync()
    }

    /// Of the results: those of a checkpoint that this call begins, so that writers wait no longer than for any other.
    fn copy(&self, part: Part, folder: &Path, go_on: GoOn<'_>) -> Result<Copied, StoreError> {
        match part {
            Part::Results => self.checkpoint()?,
            Part::Chain => {}
        }
        self.part(part).copy(part, folder, go_on)
    }

    fn lost_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut lost = self.chain.lost_files()?;
        lost.extend(self.results.lost_files()?);
        Ok(lost)
    }
}
