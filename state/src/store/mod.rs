//! Everything a node keeps about the chain.
//!
//! A [`Store`] holds the results of execution: one atomic write per height makes the rows and values with their superseded
//! versions, the receipts, the indexes and the history log change together, so after any crash the results are those of
//! exactly one height. The tree above the rows is written with each checkpoint, and made again from them where it is of another height. They are in no log and not synced: what a crash takes back, the heights since the newest
//! checkpoint, is executed again from blocks and batches, which are durable before anyone acts on them. [`ChainStore`] holds those.
//!
//! | write | durable when it returns |
//! |---|---|
//! | [`Store::commit`], [`Store::init_genesis`], [`Store::prune`], [`Store::prune_chain`] | no, but whole: with a later checkpoint, in order |
//! | [`ChainStore::put_block`], [`ChainStore::put_batches`], [`ChainStore::meta_put`] | if asked, and then all of the chain before it |
//! | [`Store::sync`] | everything before it |
//!
//! A height removes its batches from the pending ones before its results are written, and the checkpoint that makes these durable takes
//! the chain along. So a crash never leaves results of a height whose batches are pending or gone.
//!
//! Readers take a [`Snapshot`], which stays as it is while commits go on and needs no lock of the disk.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::codec::{decode, encode};
use quancheng_types::merkle::RootBuilder;
use quancheng_types::{Digest, Height, HistoryLeaf, ModuleId};

use crate::backend::{Backend, Column, Copied, Durability, GoOn, Part, Spare, Writes};
use crate::error::{Record, StoreError};
use crate::tree::{ChainHasher, Pages, Recent, Slot, TreeCache, TreeReader, Unwritten, rebuild, written_root};

mod chain;
mod commit;
mod executed_ids;
mod floor;
mod history;
mod newest;
mod prune;
mod receipts;
mod snapshot;
mod warm;

pub use chain::ChainStore;
pub use commit::{BlockCommit, BodyLocation, Executed};
pub(crate) use commit::{put_imported, put_leaf, put_location};
pub use executed_ids::EXECUTED_IDS_BYTES;
use executed_ids::ExecutedIds;
pub use floor::put_beginning;
use floor::read_floors;
pub use newest::Newest;
pub use snapshot::Snapshot;
pub use warm::{WARM_BYTES_MAX, Warm, WarmView};

/// Format of the columns. Another number is refused at start: a store is never read by rules it was not written by.
pub const FORMAT: u32 = 9;

const META_FORMAT: &[u8] = b"format";
const META_TIP: &[u8] = b"tip";
const META_OLDEST: &[u8] = b"oldest";

/// Greatest length of a record that holds many small ones, in bytes.
const RECORD_BYTES_MAX: u32 = u32::MAX;

/// Heights whose blocks every node keeps.
pub const BLOCKS_KEPT_MIN: u64 = 1024;

/// What one operator may choose.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Bytes of memory for the newest tree: pages take what they need, up to half of it, the leaves of buckets the rest. Above about 52
    /// bytes per key (4 for pages, 48 for leaves) a commit reads nothing but the rows it supersedes; with less it reads the buckets it changes,
    /// below 8 the pages too.
    pub page_cache_bytes: usize,
    /// Bytes of memory for what the newest heights took away from the tree, about 250 for each key they changed: proofs are made
    /// under the roots of these heights. Never less than one height.
    pub recent_bytes: usize,
    /// Bytes of results after which a checkpoint is begun: what the backend has to hold in memory, and a start to execute again.
    pub checkpoint_bytes: usize,
    /// Heights after which one is begun, however little they wrote.
    pub checkpoint_heights: u64,
    /// Newest heights whose blocks, batches and receipts stay, however few are to be kept: peers that lag ask for them.
    pub blocks_kept_min: u64,
}

impl Default for StoreOptions {
    /// 128 MiB: enough for all leaves of two million keys. 32 MiB: enough for ten heights of 10,000 changes. 24 MiB, 1,024 heights: about a
    /// second of execution. 1,024 blocks.
    fn default() -> Self {
        Self {
            page_cache_bytes: 128 * 1024 * 1024,
            recent_bytes: 32 * 1024 * 1024,
            checkpoint_bytes: 24 * 1024 * 1024,
            checkpoint_heights: 1024,
            blocks_kept_min: BLOCKS_KEPT_MIN,
        }
    }
}

/// The newest executed height and the history log up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryTip {
    /// The leaf of that height.
    pub leaf: HistoryLeaf,
    /// Leaves of the log: height + 1.
    pub size: u64,
    /// RFC 9162 root of the log.
    pub root: Digest,
}

impl HistoryTip {
    /// The height.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.leaf.height
    }
}

/// What the store remembers of its newest height.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
struct TipRecord {
    leaf: HistoryLeaf,
    log: RootBuilder,
    /// The greatest `valid_until_ms` of all that was executed.
    executed_until_ms: u64,
}

impl TipRecord {
    fn tip(&self) -> HistoryTip {
        HistoryTip { leaf: self.leaf, size: self.log.size(), root: self.log.root() }
    }
}

/// What the one writer holds.
struct Writer {
    tip: Option<TipRecord>,
    cache: TreeCache,
    since: SinceCheckpoint,
    spare: Spare,
}

/// What the results hold beyond the newest checkpoint that was begun.
#[derive(Clone, Copy, Debug, Default)]
struct SinceCheckpoint {
    bytes: usize,
    heights: u64,
}

/// What readers see.
struct Shared {
    backend: Arc<dyn Backend>,
    tip: RwLock<Option<HistoryTip>>,
    oldest: AtomicU64,
    /// The newest root, and the pages of the tree that are in memory alone.
    unwritten: Unwritten,
    /// What the newest heights took away from the tree.
    recent: Recent,
    /// The transactions that were executed last.
    executed_ids: RwLock<ExecutedIds>,
    /// The highest height whose write has begun: raised before the write, so that who has read something and then sees a
    /// height here has read nothing later than it.
    begun: AtomicU64,
    /// The newest height that wrote rows of a module, noted before its write; of a module that is not here, the one at which this was opened.
    written: RwLock<BTreeMap<ModuleId, Height>>,
    opened: Height,
    /// Receipts of lower heights are gone, or are being removed.
    first_receipt: AtomicU64,
    first_indexed: Height,
    /// Held while blocks are removed, and while a copy is made.
    pruning: Mutex<()>,
}

impl Shared {
    /// Whether everything read so far was read before any height above `height` was written.
    fn is_newest(&self, height: Height) -> bool {
        self.begun.load(Ordering::Acquire) <= height.0
    }

    /// The newest height that wrote rows of a module, or has begun to, as far as that is known here.
    fn written(&self, module: ModuleId) -> Height {
        let written = self.written.read().unwrap_or_else(PoisonError::into_inner);
        written.get(&module).copied().unwrap_or(self.opened)
    }

    fn tip(&self) -> Option<HistoryTip> {
        *self.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tree as of a recent height.
    fn tree_at(&self, height: Height) -> TreeReader<'_, ChainHasher> {
        TreeReader::new(self.backend.as_ref(), &self.unwritten, &self.recent, height)
    }

    /// Whether versions as of a height are still kept.
    fn check_kept(&self, height: Height) -> Result<(), StoreError> {
        let oldest = Height(self.oldest.load(Ordering::Acquire));
        if height < oldest { Err(StoreError::Pruned { height, oldest }) } else { Ok(()) }
    }

    /// Whether a height is executed.
    fn check_executed(&self, height: Height) -> Result<(), StoreError> {
        let tip = self.tip().map(|tip| tip.height());
        if tip.is_none_or(|tip| height > tip) { Err(StoreError::NotExecuted { height, tip }) } else { Ok(()) }
    }

    /// The state root of an executed height, if its leaf can be read.
    fn state_root(&self, height: Height) -> Option<Digest> {
        let key = height.0.to_be_bytes();
        let leaf = read_record::<HistoryLeaf>(self.backend.as_ref(), Column::HistoryLeaves, &key).ok()??;
        Some(leaf.state_root)
    }
}

/// The results of execution, and the chain they come from. Clones share one store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    options: StoreOptions,
}

impl Store {
    /// Opens what a backend holds; an empty one becomes an empty store. Takes a constant number of reads after a clean stop and after a crash
    /// that left a checkpoint; where the pages of the tree are of another height than its leaves, one through all leaves.
    ///
    /// # Errors
    /// [`StoreError::Format`] when another version wrote it; [`StoreError`] when it cannot be read.
    pub fn open(backend: Arc<dyn Backend>, options: StoreOptions) -> Result<Self, StoreError> {
        check_format(backend.as_ref())?;
        let record = read_meta::<TipRecord>(backend.as_ref(), META_TIP)?;
        let oldest = read_meta::<u64>(backend.as_ref(), META_OLDEST)?.unwrap_or(0);
        let (first_receipt, first_indexed) = read_floors(backend.as_ref())?;
        let mut cache = TreeCache::new(options.page_cache_bytes);
        let (root, pages) = newest_tree(backend.as_ref(), record.as_ref(), &mut cache)?;
        let tip = record.as_ref().map(TipRecord::tip);
        Ok(Self {
            shared: Arc::new(Shared {
                backend,
                begun: AtomicU64::new(tip.map_or(0, |tip| tip.height().0)),
                tip: RwLock::new(tip),
                written: RwLock::default(),
                opened: tip.map_or(Height::GENESIS, |tip| tip.height()),
                oldest: AtomicU64::new(oldest),
                executed_ids: RwLock::new(ExecutedIds::new(record.as_ref().map_or(0, |tip| tip.executed_until_ms))),
                unwritten: Unwritten::new(root, pages),
                first_receipt: AtomicU64::new(first_receipt.0),
                first_indexed,
                pruning: Mutex::new(()),
                recent: Recent::new(tip.map_or(Height::GENESIS, |tip| tip.height()), options.recent_bytes),
            }),
            writer: Arc::new(Mutex::new(Writer {
                tip: record,
                cache,
                since: SinceCheckpoint::default(),
                spare: Spare::default(),
            })),
            options,
        })
    }

    /// The newest executed height; `None` before genesis.
    #[must_use]
    pub fn tip(&self) -> Option<HistoryTip> {
        self.shared.tip()
    }

    /// The oldest height of which the rows of derived tables can be read.
    #[must_use]
    pub fn oldest(&self) -> Height {
        Height(self.shared.oldest.load(Ordering::Acquire))
    }

    /// The state as of the newest executed height.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] before genesis.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        match self.tip() {
            Some(tip) => Ok(Snapshot::new(Arc::clone(&self.shared), tip)),
            None => Err(StoreError::NotExecuted { height: Height::GENESIS, tip: None }),
        }
    }

    /// The oldest height under whose root proofs can be made. The newest is the newest executed one.
    #[must_use]
    pub fn oldest_root(&self) -> Height {
        self.shared.recent.oldest()
    }

    /// The state as of a height.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] above the newest height.
    pub fn snapshot_at(&self, height: Height) -> Result<Snapshot, StoreError> {
        self.shared.check_executed(height)?;
        let leaf = self.history_leaf(height)?;
        let size = height.0.saturating_add(1);
        let tip = HistoryTip { leaf, size, root: self.history_root(size)? };
        Ok(Snapshot::new(Arc::clone(&self.shared), tip))
    }

    /// Blocks, certificates, batches and small records on the same backend.
    #[must_use]
    pub fn chain(&self) -> ChainStore {
        ChainStore::over(Arc::clone(&self.shared.backend))
    }

    /// Makes every write before this call durable, with the tree as it is now.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sync(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_pages(&mut writer)?;
        self.shared.backend.sync()?;
        writer.since = SinceCheckpoint::default();
        Ok(())
    }

    /// Whether anybody else holds this store, or a snapshot of it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Copies the store into a folder that is there and empty, one folder below it for each part. The store may be in use.
    ///
    /// The results come first: whatever block they name is in a copy of the chain that is made later, with its batches, off the
    /// pending ones. What the chain has beyond them is executed by whoever opens the copy.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn copy(&self, folder: &Path, go_on: GoOn<'_>) -> Result<Copied, StoreError> {
        // Blocks that the copied results need must not go before the chain is copied.
        let _pruning = self.shared.pruning.lock().unwrap_or_else(PoisonError::into_inner);
        for part in [Part::Results, Part::Chain] {
            match self.backend().copy(part, &folder.join(part.name()), go_on)? {
                Copied::Whole => {}
                Copied::LeftOff => return Ok(Copied::LeftOff),
            }
        }
        Ok(Copied::Whole)
    }

    /// The backend, to be read as it is.
    pub(crate) fn reading(&self) -> &dyn Backend {
        self.backend()
    }

    fn backend(&self) -> &dyn Backend {
        self.shared.backend.as_ref()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store(tip {:?}, {:?})", self.tip().map(|tip| tip.height()), self.shared.backend)
    }
}

/// Root and pages in memory of the tree at the newest height.
fn newest_tree(
    backend: &dyn Backend,
    record: Option<&TipRecord>,
    cache: &mut TreeCache,
) -> Result<(Slot, Pages), StoreError> {
    let Some(TipRecord { leaf, .. }) = record else {
        return Ok((Slot::empty::<ChainHasher>(), Pages::new()));
    };
    let (root, pages) = match written_root(backend)? {
        Some((root, height)) if height == leaf.height => (root, Pages::new()),
        Some(_) | None => rebuild::<ChainHasher>(backend, cache)?,
    };
    if leaf.state_root == root.hash {
        return Ok((root, pages));
    }
    Err(StoreError::Inconsistent {
        record: Record::Column(Column::Tree.name()),
        key: Vec::new(),
        expected: "the state root of the newest executed height",
    })
}

/// Refuses a store of another format; an empty part takes this one.
fn check_format(backend: &dyn Backend) -> Result<(), StoreError> {
    let mut writes = Writes::new();
    for column in [Column::ChainMeta, Column::Meta] {
        match read_record::<u32>(backend, column, META_FORMAT)? {
            Some(FORMAT) => {}
            Some(found) => return Err(StoreError::Format { found, supported: FORMAT }),
            None => writes.put(column, META_FORMAT, encode(&FORMAT)),
        }
    }
    if writes.is_empty() { Ok(()) } else { backend.write(writes, Durability::Synced) }
}

/// Decodes a record of a column.
fn decode_record<T: BorshDeserialize>(column: Column, key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    decode(bytes, RECORD_BYTES_MAX).map_err(|error| StoreError::Undecodable {
        record: Record::Column(column.name()),
        key: key.to_vec(),
        error,
    })
}

fn read_record<T: BorshDeserialize>(
    backend: &dyn Backend,
    column: Column,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    backend.get(column, key)?.map(|bytes| decode_record(column, key, &bytes)).transpose()
}

fn read_meta<T: BorshDeserialize>(backend: &dyn Backend, name: &[u8]) -> Result<Option<T>, StoreError> {
    read_record(backend, Column::Meta, name)
}

fn missing(column: Column, key: &[u8]) -> StoreError {
    StoreError::Missing { record: Record::Column(column.name()), key: key.to_vec() }
}

#[cfg(test)]
mod tests;
