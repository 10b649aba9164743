//! Why the store of this node cannot go on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use quancheng_contracts::GenesisStateError;
use quancheng_state::backend::Part;
use quancheng_state::{IoCause, StoreError};
use quancheng_types::{BatchId, ChainId, Height};

use crate::admission::AdmissionError;
use crate::files::{FileError, Owner, REJOIN, REMAKE};

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
    /// There are blocks, and the name of their chain or of the node that keeps them is gone.
    Nameless,
    /// The store is that of another node of the chain.
    OtherOwner {
        /// Whose it is.
        found: Owner,
        /// Whose it should be.
        expected: Owner,
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
    /// The store is gone although it was there.
    StoreMissing {
        /// What was looked for.
        path: PathBuf,
    },
    /// The store holds less than was durable in it.
    RolledBack {
        /// The store.
        path: PathBuf,
        /// Of what.
        what: &'static str,
        /// How many it holds.
        found: u64,
        /// How many it held.
        marked: u64,
    },
    /// The marks know less than the store: they are an older copy.
    MarksOlder {
        /// Groups that they know.
        found: u64,
        /// Groups that they knew.
        marked: u64,
    },
    /// A file beside the store.
    File(Arc<FileError>),
    /// The results are those of another chain, or of a height that is not decided here.
    ForeignResults {
        /// Their folder.
        path: PathBuf,
        /// Their newest height.
        height: Height,
    },
    /// The results are gone, or older than the lowest block: nothing here can make them again.
    ResultsLost {
        /// The lowest height whose block is here.
        lowest: Height,
        /// The newest height whose results are here.
        results: Height,
    },
    /// The store holds no state at all.
    Empty,
    /// The thread that writes batches is gone.
    WriterPanicked,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) if self.is_damage() => write!(f, "{error}; {}", advice(error.part())),
            Self::Store(error) => error.fmt(f),
            Self::Genesis(error) => error.fmt(f),
            Self::OtherChain { expected } => write!(
                f,
                "the data folder belongs to another chain than the genesis file ({expected}); use the genesis it was made \
                 with, or another data folder"
            ),
            Self::Nameless => write!(
                f,
                "the store holds blocks, and not the name of their chain or of the node that keeps them: it is damaged, cut or put together of several; check \
                 the disk; {REJOIN}"
            ),
            Self::OtherOwner { found, expected } => write!(
                f,
                "the folder `store` of the data folder belongs to another node of this chain: to {found}, and this node is {expected}. It does not hold what \
                 this node answered \"admitted\"; nothing was changed. If the configuration or its key files are not those of this data \
                 folder, mend that. Else put this node's own `store` back, with nothing else; where it is gone, {REJOIN} (数据目录中的 store \
                 属于本链的另一节点（{}），而本节点是{}，其中没有本节点已接收的交易；未作任何改动。请核对配置与密钥文件，或放回本节点自己的 store；\
                 确已丢失的，请按上述方法重新加入)",
                found.zh(),
                expected.zh()
            ),
            Self::BlockMissing { height } => {
                write!(f, "the block of height {height} is missing from the store: it is damaged; {REJOIN}")
            }
            Self::BatchMissing { batch } => {
                write!(f, "batch {batch} of a block to execute is missing from the store: it is damaged; {REJOIN}")
            }
            Self::StoreMissing { path } => write!(
                f,
                "{} is missing although this node has run before: the store is gone or damaged; nothing was changed. Check the disk; \
                 {REJOIN}",
                path.display()
            ),
            Self::RolledBack { path, what, found, marked } => write!(
                f,
                "the store at {} lost data: it holds {found} {what}, and {marked} were durable in it. A file of it was damaged, cut or \
                 replaced by an older copy, and what it lost may hold transactions that were answered \"admitted\". The node does not \
                 start. Check the disk; {REJOIN}",
                path.display()
            ),
            Self::MarksOlder { found, marked } => write!(
                f,
                "the file `marks` of the data folder is an older copy: it knows {found} groups of batches, and {marked} had been marked; \
                 with it batch numbers could repeat, so the node does not start. {REJOIN}"
            ),
            Self::ForeignResults { path, height } => write!(
                f,
                "the results at {} are of a height {height} that the blocks of this node do not have: the folder comes from elsewhere, or the \
                 blocks are an older copy; {REMAKE}",
                path.display()
            ),
            Self::ResultsLost { lowest, results } => write!(
                f,
                "the results of this node end at height {results}, and its blocks begin at height {lowest}, so they cannot be made again here; \
                 nothing was changed. Put the folder `store/results` back as it was if it was moved away. Else move the whole data folder away and join again by a \
                 snapshot (`quanchengd init --from-snapshot`; a validator adds `--rejoin-above HEIGHT --salvage OLD-FOLDER`, so that nothing it answered \
                 \"admitted\" is lost) or from a backup (`--from-backup`) (本节点的执行结果止于高度 {results}，而区块始于高度 {lowest}，无法在此重新执行；\
                 未作任何改动。若 `store/results` 是被移走的，请原样放回；否则请移走整个数据目录，以快照重新加入（quanchengd init --from-snapshot，验证者另加 \
                 --rejoin-above 高度 --salvage 旧目录），或从备份恢复（--from-backup）)"
            ),
            Self::File(error) => error.fmt(f),
            Self::Empty => f.write_str("the store holds no state; wipe the data folder and start again"),
            Self::WriterPanicked => {
                f.write_str("the thread that writes batches is gone; this is a bug, restart the node")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

/// What to do about damage of a part of the store.
pub(super) const fn advice(part: Option<Part>) -> &'static str {
    match part {
        Some(Part::Results) => REMAKE,
        Some(Part::Chain) | None => REJOIN,
    }
}

impl LedgerError {
    /// Whether what is on disk is not what was written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(StoreError::Io { cause, .. }) => matches!(cause, IoCause::Damaged | IoCause::NotFound),
            Self::Store(
                StoreError::Undecodable { .. } | StoreError::Missing { .. } | StoreError::Inconsistent { .. },
            )
            | Self::Nameless
            | Self::BlockMissing { .. }
            | Self::BatchMissing { .. }
            | Self::StoreMissing { .. }
            | Self::RolledBack { .. }
            | Self::ForeignResults { .. }
            | Self::ResultsLost { .. }
            | Self::MarksOlder { .. } => true,
            Self::Store(
                StoreError::Format { .. }
                | StoreError::RootGone { .. }
                | StoreError::NotKept { .. }
                | StoreError::Pruned { .. }
                | StoreError::NotExecuted { .. }
                | StoreError::OutOfOrder { .. }
                | StoreError::GenesisExists
                | StoreError::TooLarge { .. },
            )
            | Self::Genesis(_)
            | Self::OtherChain { .. }
            | Self::OtherOwner { .. }
            | Self::File(_)
            | Self::Empty
            | Self::WriterPanicked => false,
        }
    }
}

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
            | LedgerError::Nameless
            | LedgerError::OtherOwner { .. }
            | LedgerError::BlockMissing { .. }
            | LedgerError::BatchMissing { .. }
            | LedgerError::StoreMissing { .. }
            | LedgerError::RolledBack { .. }
            | LedgerError::ForeignResults { .. }
            | LedgerError::ResultsLost { .. }
            | LedgerError::MarksOlder { .. }
            | LedgerError::File(_)
            | LedgerError::Empty
            | LedgerError::WriterPanicked => Self::Stopping,
        }
    }
}
