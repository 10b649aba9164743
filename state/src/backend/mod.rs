//! What a store needs of a disk: ordered columns of bytes, and atomic writes over all of them.
//!
//! All rules about the content live above this line, once; a backend only keeps bytes. [`Memory`] is the one for tests and
//! the simulator, the crate `quancheng-state-rocks` has the one for nodes.

use core::fmt;
use std::path::{Path, PathBuf};

use crate::error::{IoCause, StoreError};

mod memory;
mod writes;

pub use memory::{Kept, Memory};
pub use writes::{Operation, Spare, Writes};

/// What a crash does to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What nobody can make again: blocks, certificates, batches. Durable when a write asks for it.
    Chain,
    /// What follows from the chain. Durable from checkpoint to checkpoint; what a crash takes back is executed again.
    Results,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Chain, Self::Results];

    /// The name on disk; fixed once released.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Results => "results",
        }
    }

    /// Its columns.
    pub fn columns(self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(move |column| column.part() == self)
    }
}

/// A kind of record. Each has its own key space, ordered by bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// H(key) → what the key holds, and where its value is; H(key, version) → what a kept key held earlier.
    Flat,
    /// H(key) ‖ height at which it was superseded → what a derived key held before.
    FlatHistory,
    /// Height ‖ group → keys and values that the height wrote.
    Records,
    /// Key of a row of an index table → the row. In no tree.
    Index,
    /// Prefix → slot of a page of the upper tree.
    Tree,
    /// Height → places of the derived keys whose earlier rows it wrote to `flat_history`, for pruning.
    Superseded,
    /// Height ‖ first position of a group → where the transactions are, and their receipts.
    Receipts,
    /// Height → hashes over groups of receipts.
    ReceiptNodes,
    /// Transaction id → height ‖ position.
    TransactionIndex,
    /// Height → leaf of the history log.
    HistoryLeaves,
    /// Level ‖ index → perfect subtree of the history log.
    HistoryNodes,
    /// Name → small records about the results.
    Meta,
    /// Name → small records about the chain, and named ones of users of the store.
    ChainMeta,
    /// Height → block.
    Blocks,
    /// Height → commit certificate.
    Certificates,
    /// Batch id → batch.
    Batches,
    /// Batch id → header, for batches not yet in an executed block.
    BatchesPending,
    /// Batch id → height of the final block that names it.
    BatchBlocks,
    /// Hash → validator set.
    ValidatorSets,
    /// Height from which it is in force → hash of the validator set.
    SetChanges,
}

impl Column {
    /// All columns.
    pub const ALL: [Self; 20] = [
        Self::Flat,
        Self::FlatHistory,
        Self::Records,
        Self::Index,
        Self::Tree,
        Self::Superseded,
        Self::Receipts,
        Self::ReceiptNodes,
        Self::TransactionIndex,
        Self::HistoryLeaves,
        Self::HistoryNodes,
        Self::Meta,
        Self::ChainMeta,
        Self::Blocks,
        Self::Certificates,
        Self::Batches,
        Self::BatchesPending,
        Self::BatchBlocks,
        Self::ValidatorSets,
        Self::SetChanges,
    ];

    /// What a crash does to it.
    #[must_use]
    pub const fn part(self) -> Part {
        match self {
            Self::ChainMeta
            | Self::Blocks
            | Self::Certificates
            | Self::Batches
            | Self::BatchesPending
            | Self::BatchBlocks => Part::Chain,
            Self::Flat
            | Self::FlatHistory
            | Self::Records
            | Self::Index
            | Self::Tree
            | Self::Superseded
            | Self::Receipts
            | Self::ReceiptNodes
            | Self::TransactionIndex
            | Self::HistoryLeaves
            | Self::HistoryNodes
            | Self::Meta
            | Self::ValidatorSets
            | Self::SetChanges => Part::Results,
        }
    }

    /// The name on disk; fixed once released.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::FlatHistory => "flat_history",
            Self::Records => "records",
            Self::Index => "index",
            Self::Tree => "tree",
            Self::Superseded => "superseded",
            Self::Receipts => "receipts",
            Self::ReceiptNodes => "receipt_nodes",
            Self::TransactionIndex => "transaction_index",
            Self::HistoryLeaves => "history_leaves",
            Self::HistoryNodes => "history_nodes",
            Self::Meta => "meta",
            Self::ChainMeta => "chain_meta",
            Self::Blocks => "blocks",
            Self::Certificates => "certificates",
            Self::Batches => "batches",
            Self::BatchesPending => "batches_pending",
            Self::BatchBlocks => "batch_blocks",
            Self::ValidatorSets => "validator_sets",
            Self::SetChanges => "set_changes",
        }
    }
}

/// When what a write changes of the chain ([`Part::Chain`]) has to survive the loss of power. Results wait for a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// At the latest with the next synced write. A crash takes back a suffix of the buffered writes, never a part of one.
    Buffered,
    /// When the call returns; with it every write to the chain before.
    Synced,
}

/// Keeps bytes in ordered columns.
pub trait Backend: Send + Sync + fmt::Debug {
    /// The newest content of a record.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The content of a record of the results as every crash from now on leaves it, or a later one: that of the newest checkpoint which is
    /// known to be finished. `None` where there is none, or where a backend cannot tell, as by default.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn durable(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = (column, key);
        Ok(None)
    }

    /// A reader over one column as it is now; later writes do not show in it. It stands nowhere until it seeks.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError>;

    /// Makes all changes of a part, or none; first those of the chain, then those of the results. When the first fail, there are none of the
    /// second.
    ///
    /// # Errors
    /// [`StoreError::Io`]; then none is made, or the process has to stop.
    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError>;

    /// Begins to make the results durable as they are now, without waiting for it, after everything of the chain before this call is
    /// durable. A crash takes the results back to the newest checkpoint that was finished, or to a write between it and the newest one
    /// that was begun; never to one after that.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn checkpoint(&self) -> Result<(), StoreError>;

    /// Makes every write before this call durable, of both parts.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn sync(&self) -> Result<(), StoreError>;

    /// Copies a part, as it is at one moment of this call, into a folder that does not exist and whose parent does. Of the chain the copy holds
    /// every write before the call; of the results too, or those of a checkpoint that was begun before the call ended. Reads and writes
    /// go on meanwhile. What never changes any more may be shared with the copy, so nothing in it may be written in place. A copy that waits
    /// for the disk looks whether it is still to `go_on`.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the folder is then not there, or no copy. Always where nothing is kept on a disk, as by default.
    fn copy(&self, part: Part, folder: &Path, go_on: GoOn<'_>) -> Result<Copied, StoreError> {
        let _ = go_on;
        Err(StoreError::Io {
            path: folder.display().to_string(),
            operation: "copy",
            cause: IoCause::Device,
            detail: format!("the part `{}` is in memory and not on a disk", part.name()),
        })
    }

    /// Files that what is stored needs, and that were removed, replaced or cut by somebody else since they were written: what is written into an
    /// open file that has no name any more is lost with the process. Cheap enough to be asked every second; empty where nothing is kept on a disk,
    /// as by default.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the engine cannot tell what it needs.
    fn lost_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        Ok(Vec::new())
    }
}

/// Whether a copy is still wanted.
pub type GoOn<'a> = &'a dyn Fn() -> bool;

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Copied {
    /// It is made.
    Whole,
    /// It was no longer wanted: the folder is not there, or no copy.
    LeftOff,
}

/// A place in a column.
pub trait Cursor {
    /// Goes to the first record whose key is not below `key`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn seek(&mut self, key: &[u8]) -> Result<(), StoreError>;

    /// Goes to the last record whose key is not above `key`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn seek_back(&mut self, key: &[u8]) -> Result<(), StoreError>;

    /// Goes to the next record.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn step(&mut self) -> Result<(), StoreError>;

    /// The record at this place, or `None` past the end.
    fn entry(&self) -> Option<(&[u8], &[u8])>;
}

#[cfg(test)]
mod tests;
