//! Why the store of this node cannot go on.

use std::fmt;

use quancheng_contracts::GenesisStateError;
use quancheng_state::StoreError;
use quancheng_types::{BatchId, ChainId, Height};

use crate::admission::AdmissionError;

/// Why the store of this node cannot go on.
#[derive(Clone, Debug)]
pub enum LedgerError {
    /// The store itself.
    Store(StoreError),
    /// A module refuses its genesis content.
    Genesis(GenesisStateError),
    /// The data folder belongs to another chain.
    OtherChain {
        /// The chain of the genesis file.
        expected: ChainId,
    },
    /// A decided block is not stored: a bug or a damaged disk.
    BlockMissing {
        /// Its height.
        height: Height,
    },
    /// A batch of a block to execute is not stored: a bug or a damaged disk.
    BatchMissing {
        /// Which.
        batch: BatchId,
    },
    /// The store holds no state at all.
    Empty,
    /// The thread that writes batches is gone.
    WriterPanicked,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Genesis(error) => error.fmt(f),
            Self::OtherChain { expected } => write!(
                f,
                "the data folder belongs to another chain than the genesis file ({expected}); use the genesis it was made \
                 with, or another data folder"
            ),
            Self::BlockMissing { height } => {
                write!(f, "the block of height {height} is missing from the store; wipe the data folder and sync again")
            }
            Self::BatchMissing { batch } => {
                write!(
                    f,
                    "batch {batch} of a block to execute is missing from the store; wipe the data folder and sync again"
                )
            }
            Self::Empty => f.write_str("the store holds no state; wipe the data folder and start again"),
            Self::WriterPanicked => {
                f.write_str("the thread that writes batches is gone; this is a bug, restart the node")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<LedgerError> for AdmissionError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            LedgerError::Genesis(_)
            | LedgerError::OtherChain { .. }
            | LedgerError::BlockMissing { .. }
            | LedgerError::BatchMissing { .. }
            | LedgerError::Empty
            | LedgerError::WriterPanicked => Self::Stopping,
        }
    }
}
