//! Executes the recorded blocks of a data folder again, under this build, and compares what comes of them.
//!
//! For whoever is about to install another build: the rules of old versions must give the old results. Works on the folder of a stopped
//! node and writes nothing into it; the results go to a scratch folder, from the genesis on. Every block is looked at in the same way:
//! it is the one that the recorded history names, it is byte for byte what its id names, its version is the one that the results of the
//! blocks before it put in force, its batches are whole. Then it is executed, and its receipts root, its state root and the root of the
//! history are compared with the recorded ones.

use std::fmt;
use std::path::{Path, PathBuf};

use quancheng_state::StoreError;
use quancheng_types::{Digest, Height, HistoryLeaf, NodeId};

use crate::config::NodeConfig;
use crate::files::{DataLock, FileError, Owner};
use crate::ledger::{Ledger, LedgerError, execute_stored};
use crate::start::{StartError, read_genesis};
use crate::version::UnknownVersion;

/// Whose the scratch folder is: nobody goes on from it.
const NOBODY: Owner = Owner::Follower(NodeId(Digest::ZERO));

/// What was executed again, and found equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Newest height.
    pub height: Height,
    /// Transactions with a receipt.
    pub receipts: u64,
    /// Root of the state after it.
    pub state_root: Digest,
    /// Root of the history up to it.
    pub history_root: Digest,
    /// Version of the rules of that height.
    pub version: u16,
    /// Decided heights above it that could not be executed: their batches are not in this data folder yet.
    pub left: u64,
}

/// Why the recorded blocks cannot be executed again, or did not give what is recorded.
#[derive(Debug)]
pub enum ReplayError {
    /// The genesis file.
    Start(StartError),
    /// The data folder is in use, or cannot be read.
    File(FileError),
    /// The recorded store, or the scratch one.
    Ledger(LedgerError),
    /// The scratch folder.
    Scratch {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A recorded block follows rules that this build does not carry. Everything before it is equal.
    UnknownVersion(UnknownVersion),
    /// The blocks of the folder do not begin at height 1.
    Pruned {
        /// The lowest height whose block is there.
        lowest: Height,
    },
    /// What is recorded is not what was executed, or was executed to something else.
    Differs(Difference),
}

/// The first height that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The height.
    pub height: Height,
    /// What differs.
    pub what: &'static str,
    /// As recorded.
    pub recorded: String,
    /// As this build finds it.
    pub found: String,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Ledger(error) => error.fmt(f),
            Self::Scratch { path, error } => {
                write!(f, "scratch folder {}: {error}; name an empty or new one with --scratch", path.display())
            }
            Self::UnknownVersion(unknown) => write!(f, "blocks before it are equal, but {unknown}"),
            Self::Pruned { lowest } => write!(
                f,
                "the blocks of this data folder begin at height {lowest}, so nothing can be executed from the genesis on; replay the folder, or a \
                 restored backup, of a node that keeps all blocks (本数据目录的区块始于高度 {lowest}，无法自创世起重放；请使用归档节点的数据目录或其备份)"
            ),
            Self::Differs(Difference { height, what, recorded, found }) => write!(
                f,
                "NOT EQUAL at height {height}: {what} is recorded as {recorded}, this build finds {found}. Do not install this build on this \
                 chain; keep the folder for analysis (高度 {height} 不一致：记录为 {recorded}，本程序得到 {found}。请勿在本链上使用本程序)"
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<LedgerError> for ReplayError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(LedgerError::Store(error))
    }
}

/// Executes everything that the data folder of `config` has recorded, or the heights up to `until`. `scratch` must not exist or be empty;
/// it is removed at the end. `tell` hears of every height.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(
    config: &NodeConfig,
    until: Option<Height>,
    scratch: &Path,
    tell: &mut dyn FnMut(Height),
) -> Result<Replayed, ReplayError> {
    let genesis = read_genesis(&config.node.genesis).map_err(ReplayError::Start)?;
    let _lock = DataLock::acquire_existing(&config.node.data_dir).map_err(ReplayError::File)?;
    let recorded = Ledger::open_read_only(&config.node.data_dir, &genesis, &config.store)?;
    let failed = |error| ReplayError::Scratch { path: scratch.to_owned(), error };
    // Its parents are not made: nobody would remove them.
    if !scratch.is_dir() {
        std::fs::create_dir(scratch).map_err(failed)?;
    }
    if std::fs::read_dir(scratch).map_err(failed)?.next().is_some() {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::AlreadyExists)));
    }
    let result = Ledger::open(scratch, &genesis, NOBODY, &config.store)
        .map_err(ReplayError::Ledger)
        .and_then(|fresh| compare(&recorded, &fresh, until, tell));
    std::fs::remove_dir_all(scratch).map_err(failed)?;
    result
}

fn compare(
    recorded: &Ledger,
    fresh: &Ledger,
    until: Option<Height>,
    tell: &mut dyn FnMut(Height),
) -> Result<Replayed, ReplayError> {
    let lowest = recorded.lowest()?.block;
    if lowest > Height::GENESIS.next() {
        return Err(ReplayError::Pruned { lowest });
    }
    let (newest, with_results) = (recorded.newest_block(), recorded.tip_status().height);
    let last = until.unwrap_or(newest).min(newest);
    let mut receipts = 0;
    let mut version = fresh.versions()?.at(Height::GENESIS).map_or(0, |entry| entry.value.version);
    leaves_equal(recorded, fresh, Height::GENESIS)?;
    let mut height = Height::GENESIS;
    while height < last {
        let next = height.next();
        if next > with_results && !has_batches(recorded, next)? {
            break;
        }
        height = next;
        let versions = fresh.versions()?;
        UnknownVersion::check(&versions, height).map_err(ReplayError::UnknownVersion)?;
        version = versions.at(height).map_or(version, |entry| entry.value.version);
        receipts += execute(recorded, fresh, height, version)?;
        // A node that was killed has lost the newest results. What the headers certify is compared all the same.
        if height <= with_results {
            leaves_equal(recorded, fresh, height)?;
        }
        tell(height);
    }
    let history_root = fresh.history_root(height.0.saturating_add(1))?;
    let state_root = fresh.tip_status().state_root;
    Ok(Replayed { height, receipts, state_root, history_root, version, left: last.0.saturating_sub(height.0) })
}

fn has_batches(recorded: &Ledger, height: Height) -> Result<bool, ReplayError> {
    let block = recorded.block(height)?.ok_or(LedgerError::BlockMissing { height })?.block;
    for reference in &block.batches {
        if !recorded.has_batch(&reference.header.id())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Executes one recorded block. Returns the number of its receipts.
fn execute(recorded: &Ledger, fresh: &Ledger, height: Height, version: u16) -> Result<u64, ReplayError> {
    let block = recorded.block(height)?.ok_or(LedgerError::BlockMissing { height })?.block;
    if !block.is_consistent() {
        let (recorded, found) = ("a header".to_owned(), "another content beside it".to_owned());
        return Err(ReplayError::Differs(Difference { height, what: "the block", recorded, found }));
    }
    equal(height, "the version of the rules", &block.header.version, &version)?;
    let certified = fresh.history_root(block.header.history_size)?;
    equal(block.header.executed_height, "the root of the history", &block.header.history_root, &certified)?;
    let batches = recorded.batches_of(&block)?;
    for (reference, batch) in block.batches.iter().zip(&batches) {
        if batch.header != reference.header || !batch.is_consistent() {
            let recorded = format!("batch {}", reference.header.id());
            let found = "another content under this name".to_owned();
            return Err(ReplayError::Differs(Difference { height, what: "a batch", recorded, found }));
        }
    }
    let results = execute_stored(fresh, &block, &batches)?;
    Ok(u64::try_from(results.receipts.len()).unwrap_or(u64::MAX))
}

fn leaves_equal(recorded: &Ledger, fresh: &Ledger, height: Height) -> Result<(), ReplayError> {
    let (old, new) = (leaf(recorded, height)?, leaf(fresh, height)?);
    equal(height, "the block id", &old.block_id, &new.block_id)?;
    equal(height, "the block time", &old.time_ms, &new.time_ms)?;
    equal(height, "the root of the receipts", &old.receipts_root, &new.receipts_root)?;
    equal(height, "the root of the state", &old.state_root, &new.state_root)
}

fn leaf(ledger: &Ledger, height: Height) -> Result<HistoryLeaf, ReplayError> {
    Ok(ledger.history_leaf(height)?.ok_or(LedgerError::BlockMissing { height })?)
}

fn equal<T: PartialEq + fmt::Display>(height: Height, what: &'static str, old: &T, new: &T) -> Result<(), ReplayError> {
    if old == new {
        return Ok(());
    }
    let (recorded, found) = (old.to_string(), new.to_string());
    Err(ReplayError::Differs(Difference { height, what, recorded, found }))
}
