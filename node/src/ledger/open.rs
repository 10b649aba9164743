//! Opening the store of a data folder, and seeing that it holds everything that was ever durable in it.
//!
//! A crash may take back the end of the log that was not synced, and the engine cuts it off. A log that is damaged in its middle, cut,
//! or an older copy looks the same to the engine: everything behind would be gone without a word. So what was synced is counted
//! outside the store ([`Marks`]), and a store that holds less is refused. It is first read without changing anything, so that a refused
//! one stays as it was: what stands behind damage can still be saved ([`super::salvage`]), and a file that is found again still fits.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use quancheng_state::backend::Part;
use quancheng_state::{BLOCKS_KEPT_MIN, Backend, ChainStore, IoCause, Memory, Store, StoreError, StoreOptions};
use quancheng_state_rocks::{LogRecovery, Rocks, RocksOptions, RocksPart};
use quancheng_types::{Genesis, Height};
use tracing::warn;

use super::batches::GroupsRow;
use super::blocks::ChainTip;
use super::owner::{check_owner, owner_of};
use super::watched::{DamageSeen, Watched};
use super::{Keep, Ledger, LedgerError};
use crate::config::StoreSection;
use crate::files::{FileError, Marks, MarksFile, Owner, SignRecordFile};

/// Nothing is committed to a store that is only read.
pub(super) const READ_ONLY: StoreOptions = StoreOptions {
    page_cache_bytes: 0,
    recent_bytes: 0,
    checkpoint_bytes: usize::MAX,
    checkpoint_heights: u64::MAX,
    blocks_kept_min: BLOCKS_KEPT_MIN,
};
/// Folder of the store in the data folder.
pub(crate) const STORE_FOLDER: &str = "store";
/// Names the newest manifest of a store; without it the engine takes the folder for an empty one, and clears it.
const CURRENT: &str = "CURRENT";
/// Pause between two looks at a store that is still in use.
const POLL: Duration = Duration::from_millis(2);

impl Ledger {
    /// Opens the store of a data folder; an empty one takes the genesis state.
    ///
    /// # Errors
    /// [`LedgerError`]: the disk's, a genesis whose content a module refuses, a store of another chain or node, or one that lost what was durable.
    pub fn open(data_dir: &Path, genesis: &Genesis, owner: Owner, options: &StoreSection) -> Result<Self, LedgerError> {
        let path = data_dir.join(STORE_FOLDER);
        let mut file = MarksFile::at(data_dir, genesis.chain_id(), owner);
        let mut marks = file.open(has_run(data_dir))?;
        // Before anything is called missing: what stands in its place is another matter.
        for part in Part::ALL {
            RocksPart::check_folder(&path, part)?;
        }
        let current = path.join(Part::Chain.name()).join(CURRENT);
        if marks.has_store && !current.exists() {
            return Err(LedgerError::StoreMissing { path: current });
        }
        let (rocks, store) = quancheng_state_rocks::within(options.memory_mib as usize * 1024 * 1024);
        let rocks = RocksOptions {
            open_files_max: options.open_files_max.unwrap_or(rocks.open_files_max),
            is_created: !marks.has_store,
            recovery: LogRecovery::WholeLog,
            ..rocks
        };
        let damage = DamageSeen::default();
        let chain = open_marked(&path, &rocks, &marks, owner)?;
        // What is gone of the results is made again, all of it if need be.
        let results = RocksPart::open(&path, Part::Results, &RocksOptions { is_created: true, ..rocks.clone() })?;
        let backend: Arc<dyn Backend> = Arc::new(Watched::new(Rocks::of(chain, results), damage.clone()));
        let mut ledger = Self::over(backend, store, genesis, options.into(), Some(owner))?;
        ledger.damage = damage;
        check_marks(&path, &ledger.chain, &marks)?;
        ledger.check_results(&path, genesis)?;
        if !marks.has_store {
            marks.has_store = true;
            file.replace(&marks)?;
        }
        *ledger.marks.lock().unwrap_or_else(PoisonError::into_inner) = Some((file, marks));
        Ok(ledger)
    }

    /// Opens the store of a stopped node to read it; nothing is written into its folder.
    ///
    /// # Errors
    /// As [`Self::open`]; [`LedgerError::Empty`] where nothing was ever executed.
    pub fn open_read_only(data_dir: &Path, genesis: &Genesis, options: &StoreSection) -> Result<Self, LedgerError> {
        let memory_bytes = options.memory_mib as usize * 1024 * 1024;
        let rocks = RocksOptions { memory_bytes, ..RocksOptions::default() };
        let backend: Arc<dyn Backend> = Arc::new(Rocks::open_read_only(&data_dir.join(STORE_FOLDER), &rocks)?);
        let store = Store::open(Arc::clone(&backend), READ_ONLY)?;
        if store.tip().is_none() {
            return Err(LedgerError::Empty);
        }
        drop(store);
        let ledger = Self::over(backend, READ_ONLY, genesis, Keep::default(), None)?;
        // What it decided is compared by who reads it.
        ledger.check_origin(&data_dir.join(STORE_FOLDER), genesis)?;
        // Who may read the store may not be allowed to open the marks; what is read then proves itself by its roots.
        // Those of another node say nothing about this store.
        if let Ok((owner, marks)) = MarksFile::look(data_dir, genesis.chain_id())
            && owner_of(&ledger.chain)? == Some(owner)
        {
            check_marks(&data_dir.join(STORE_FOLDER), &ledger.chain, &marks)?;
        }
        Ok(ledger)
    }

    /// Whether the results are of this chain: they begin with the state that its genesis gives.
    fn check_origin(&self, path: &Path, genesis: &Genesis) -> Result<(), LedgerError> {
        let fresh = Self::over(Arc::new(Memory::new()), READ_ONLY, genesis, Keep::default(), None)?;
        if self.store.history_leaf(Height::GENESIS)? == fresh.store.history_leaf(Height::GENESIS)? {
            return Ok(());
        }
        let path = path.join(Part::Results.name());
        Err(LedgerError::ForeignResults { path, height: Height::GENESIS })
    }

    /// Whether the results are of this chain, and of no height that is not decided here.
    pub(super) fn check_results(&self, path: &Path, genesis: &Genesis) -> Result<(), LedgerError> {
        self.check_origin(path, genesis)?;
        let tip = self.store.tip().ok_or(LedgerError::Empty)?;
        let is_decided = tip.height() == Height::GENESIS
            || self.chain.block(tip.height())?.is_some_and(|block| block.id() == tip.leaf.block_id);
        if is_decided {
            return Ok(());
        }
        let path = path.join(Part::Results.name());
        Err(LedgerError::ForeignResults { path, height: tip.height() })
    }

    /// The store's own backend, for one who watches its files and does not keep it open.
    #[must_use]
    pub fn watched_backend(&self) -> Weak<dyn Backend> {
        Arc::downgrade(&self.backend)
    }

    /// The marks as they were found; all zero over a backend without them, and after [`Self::take_marks`].
    #[must_use]
    pub fn marks(&self) -> Marks {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.as_ref().map(|(_, marks)| *marks).unwrap_or_default()
    }

    /// Hands the marks to the thread that keeps them, with the counter of groups that it tells the store of. Once.
    #[must_use]
    pub fn take_marks(&self) -> Option<(MarksFile, Marks, Arc<AtomicU64>)> {
        let (file, marks) = self.marks.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((file, marks, Arc::clone(&self.marked)))
    }
}

/// Opens the chain's part of the store when it holds all that was durable in it. It is looked at before: to open it for writing is to cut off
/// what its log lost, and then the file as it was, found again later, would help no more.
fn open_marked(path: &Path, options: &RocksOptions, marks: &Marks, owner: Owner) -> Result<RocksPart, LedgerError> {
    let recovery = if marks.has_store { look(path, options, marks, owner)? } else { options.recovery };
    Ok(RocksPart::open(path, Part::Chain, &RocksOptions { recovery, ..options.clone() })?)
}

/// How the log of a store that holds all that was durable is to be read. Changes nothing.
fn look(path: &Path, options: &RocksOptions, marks: &Marks, owner: Owner) -> Result<LogRecovery, LedgerError> {
    let read = |recovery| {
        let options = RocksOptions { recovery, ..options.clone() };
        RocksPart::open_read_only(path, Part::Chain, &options)
    };
    let (part, recovery) = match read(options.recovery) {
        Ok(part) => (part, options.recovery),
        Err(error @ StoreError::Io { cause: IoCause::Damaged, .. }) => {
            // A loss of power tears the end of a log in more ways than the engine takes for one. The marks tell.
            let part = read(LogRecovery::ToFirstGap).map_err(|_| LedgerError::Store(error))?;
            (part, LogRecovery::ToFirstGap)
        }
        Err(error) => return Err(error.into()),
    };
    let chain = ChainStore::over(Arc::new(part));
    check_owner(&chain, owner)?;
    check_marks(path, &chain, marks)?;
    // Before anything is made in their place: then the folder, found again, would not fit any more.
    let lowest = chain.first_block()?;
    if lowest > Height::GENESIS.next() && !path.join(Part::Results.name()).join(CURRENT).exists() {
        return Err(LedgerError::ResultsLost { lowest, results: Height::GENESIS });
    }
    drop(chain);
    if recovery != options.recovery {
        warn!(store = %path.display(), "the end of the store's log was torn by a crash; nothing of it had been reported durable");
    }
    Ok(recovery)
}

/// Whether a store holds all that was durable in it.
fn check_marks(path: &Path, chain: &ChainStore, marks: &Marks) -> Result<(), LedgerError> {
    let tip = ChainTip::read(chain)?;
    let groups = GroupsRow::read(chain)?;
    let pairs = [("blocks", tip.height().0, marks.height), ("groups of batches", groups.written, marks.groups)];
    for (what, found, marked) in pairs {
        if found < marked {
            return Err(LedgerError::RolledBack { path: path.to_owned(), what, found, marked });
        }
    }
    if groups.marked > marks.groups {
        return Err(LedgerError::MarksOlder { found: marks.groups, marked: groups.marked });
    }
    Ok(())
}

/// Whether a folder holds anything of a node beside the marks.
#[must_use]
pub fn has_run(data_dir: &Path) -> bool {
    has_entries(&data_dir.join(STORE_FOLDER))
        || has_entries(&data_dir.join("log"))
        || SignRecordFile::at(data_dir).exists()
}

fn has_entries(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Keeps the store of a node open for longer than anything that uses it, so that it is closed at a known moment.
#[derive(Clone, Debug, Default)]
pub struct StoreKeeper(Arc<Mutex<Option<StoreHandle>>>);

/// A share of an open store.
#[derive(Debug)]
pub struct StoreHandle {
    store: Store,
    backend: Arc<dyn Backend>,
}

impl StoreHandle {
    /// Whether anybody else uses the store.
    fn is_shared(&self) -> bool {
        // This one, and the store's own.
        self.store.is_shared() || Arc::strong_count(&self.backend) > 2
    }
}

impl StoreKeeper {
    /// Keeps the store of this ledger.
    pub fn keep(&self, ledger: &Ledger) {
        let handle = StoreHandle { store: ledger.store.clone(), backend: Arc::clone(&ledger.backend) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// Waits until nobody else uses the store, at most so long, writes out the results and closes it here, so that the next start has nothing
    /// to execute again. Whether it is closed (or was never open).
    #[must_use]
    pub fn close(&self, patience: Duration) -> bool {
        let Some(handle) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        let until = Instant::now() + patience;
        // Nobody else makes a share of it any more once this one is the last.
        while handle.is_shared() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(POLL);
        }
        if let Err(error) = handle.store.sync() {
            warn!(%error, "the newest results could not be written out; the next start executes their blocks again");
        }
        drop(handle);
        true
    }
}

impl From<FileError> for LedgerError {
    fn from(error: FileError) -> Self {
        Self::File(Arc::new(error))
    }
}
