//! The disk of one machine, and what a crash leaves of it.
//!
//! | what | written | a crash leaves |
//! |---|---|---|
//! | log of the height | appended, synced at a flush | any prefix of the unsynced bytes, sometimes with zeros behind |
//! | sign record | replaced whole at a flush, after the log is synced | the old one or the new one |
//! | blocks, windows | one synced write at a flush, beside the log | all or nothing of each write, in order |
//! | batches | synced before they are acknowledged or offered | them |
//! | results | one atomic write per height, in no log | those up to a checkpoint, or some heights more |
//!
//! The store is the production store over its in-memory backend.

mod recover;

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_consensus::{AuthorWindow, Commit, CommittedBlock, LogEntry, LogName, LogWriter, SignRecord};
use quancheng_contracts::genesis_patch;
use quancheng_state::backend::Kept;
use quancheng_state::view::EmptyView;
use quancheng_state::{ChainStore, Durability, Memory, Store, StoreError, StoreOptions};
use quancheng_types::codec::encode;
use quancheng_types::{BatchId, BatchRef, Genesis, Height, PublicKey, SignedBatch, ValidatorId};

use crate::properties::Durable;
use crate::random::Random;

const META_TIP: &str = "sim-tip";
const META_BYTES_MAX: u32 = 1 << 20;
/// Bytes after which a new log file begins: small, so that runs cross many files.
const LOG_ROTATE_BYTES: usize = 16 * 1024;
/// Memory for the tree of one store: a run has few keys.
const PAGE_CACHE_BYTES: usize = 1 << 20;

/// Heights between two checkpoints of the results: many in a run, and more than execution may lag behind agreement.
const CHECKPOINT_HEIGHTS: u64 = 12;

/// Committed and not executed heights: their batches, and whether each is stored.
type Undelivered = Vec<(Height, Vec<(BatchRef, bool)>)>;

/// What the next block depends on beside the newest one.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct ChainTip {
    height: Height,
    last_nonempty: Height,
    windows: BTreeMap<ValidatorId, AuthorWindow>,
}

/// One log file.
#[derive(Clone)]
struct LogFile {
    name: LogName,
    writer: LogWriter,
    bytes: Vec<u8>,
    synced: usize,
    /// Greatest height of an entry.
    newest: Height,
}

impl LogFile {
    fn create(name: LogName) -> Self {
        let (writer, bytes) = LogWriter::create(name);
        let synced = bytes.len();
        Self { name, writer, bytes, synced, newest: Height::GENESIS }
    }

    /// The file that comes after this one.
    fn next(&self) -> Self {
        Self::create(LogName { file: self.name.file + 1, ..self.name })
    }
}

/// When a crash happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashMoment {
    /// Between two actions.
    Between,
    /// While a flush is under way.
    InFlush,
}

/// The disk of one machine.
pub(crate) struct Disk {
    genesis: Arc<Genesis>,
    backend: Arc<Memory>,
    store: Store,
    chain: ChainStore,
    log: LogFile,
    record: Option<SignRecord>,
    staged_record: Option<SignRecord>,
    staged_commits: Vec<Arc<Commit>>,
    tip: ChainTip,
}

impl Disk {
    /// As `init` leaves it.
    pub(crate) fn init(genesis: &Arc<Genesis>, key: Option<PublicKey>) -> Result<Self, String> {
        let backend = Arc::new(Memory::new());
        let patch = genesis_patch(genesis, &EmptyView).map_err(|error| error.to_string())?;
        let store = open(&backend).map_err(text)?;
        store.init_genesis(genesis.time_ms, patch, &genesis.validators).map_err(text)?;
        store.sync().map_err(text)?;
        let record = key.map(|key| SignRecord::fresh(genesis.chain_id(), key));
        let name = LogName { chain_id: genesis.chain_id(), owner: key.map(|key| ValidatorId::of(&key)), file: 1 };
        Ok(Self {
            chain: store.chain(),
            log: LogFile::create(name),
            genesis: Arc::clone(genesis),
            backend,
            store,
            record,
            staged_record: None,
            staged_commits: Vec::new(),
            tip: ChainTip::default(),
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn chain(&self) -> &ChainStore {
        &self.chain
    }

    pub(crate) fn append_log(&mut self, entry: &LogEntry) {
        let bytes = self.log.writer.append(entry);
        self.log.newest = self.log.newest.max(entry.height());
        self.log.bytes.extend_from_slice(&bytes);
    }

    pub(crate) fn stage_record(&mut self, record: SignRecord) {
        self.staged_record = Some(record);
    }

    pub(crate) fn stage_commit(&mut self, commit: Arc<Commit>) {
        self.staged_commits.push(commit);
    }

    /// Makes everything durable; returns the blocks that have become final on this disk.
    pub(crate) fn flush(&mut self) -> Result<Vec<Arc<Commit>>, StoreError> {
        self.log.synced = self.log.bytes.len();
        if let Some(record) = self.staged_record.take() {
            self.record = Some(record);
        }
        let commits = std::mem::take(&mut self.staged_commits);
        if !commits.is_empty() {
            self.put_commits(&commits, Durability::Synced)?;
            // Entries of the next height may share the flush of a commit: a file that holds some is kept.
            if self.log.bytes.len() > LOG_ROTATE_BYTES && self.log.newest <= self.tip.height {
                self.log = self.log.next();
            }
        }
        Ok(commits)
    }

    fn put_commits(&mut self, commits: &[Arc<Commit>], durability: Durability) -> Result<(), StoreError> {
        for commit in commits {
            let CommittedBlock { block, certificate } = &commit.decided;
            self.chain.put_block(block, certificate, Durability::Buffered)?;
            self.tip.windows.extend(commit.windows.iter().copied());
            self.tip.height = block.header.height;
            if !block.batches.is_empty() || !block.misbehavior.is_empty() {
                self.tip.last_nonempty = block.header.height;
            }
        }
        self.chain.meta_put(META_TIP, encode(&self.tip), durability)
    }

    /// Which batches were ordered, when the newest block is that of this height.
    pub(crate) fn windows_at(&self, height: Height) -> Option<Vec<(ValidatorId, AuthorWindow)>> {
        let windows = self.tip.windows.iter().map(|(author, window)| (*author, *window));
        (self.tip.height == height).then(|| windows.collect())
    }

    /// The blocks above a height, which a crash may have left on disk before anyone heard of them.
    pub(crate) fn committed_above(&self, height: Height) -> Result<Vec<CommittedBlock>, StoreError> {
        (height.0 + 1..=self.tip.height.0).filter_map(|height| self.block(Height(height)).transpose()).collect()
    }

    /// Stores a batch.
    pub(crate) fn put_batch(&self, batch: &SignedBatch, durability: Durability) -> Result<(), StoreError> {
        self.chain.put_batches(&[(batch.header, &batch.encode())], durability)
    }

    /// A decided block.
    pub(crate) fn block(&self, height: Height) -> Result<Option<CommittedBlock>, StoreError> {
        let (Some(block), Some(certificate)) = (self.chain.block(height)?, self.chain.certificate(height)?) else {
            return Ok(None);
        };
        Ok(Some(CommittedBlock { block, certificate }))
    }

    /// How many batches of one other author are held at most that may still be ordered.
    pub(crate) fn greatest_author(&self, own: ValidatorId) -> Result<usize, StoreError> {
        let mut counts: BTreeMap<ValidatorId, usize> = BTreeMap::new();
        for header in self.chain.pending_batches()? {
            let is_ordered =
                self.tip.windows.get(&header.author).is_some_and(|window| window.is_ordered(header.sequence));
            if header.author != own && !is_ordered {
                *counts.entry(header.author).or_default() += 1;
            }
        }
        Ok(counts.into_values().max().unwrap_or_default())
    }

    /// The number that this validator's next batch takes.
    pub(crate) fn next_sequence(&self, own: ValidatorId) -> Result<u64, StoreError> {
        let ordered = self.tip.windows.get(&own).map_or(0, AuthorWindow::end);
        let pending = self.chain.pending_batches()?;
        let own = pending.iter().filter(|header| header.author == own).map(|header| header.sequence + 1);
        Ok(own.max().unwrap_or(0).max(ordered))
    }

    /// Loses power: what was not synced survives in part, as chance decides.
    pub(crate) fn crash(&mut self, moment: CrashMoment, random: &mut Random) -> Result<(), StoreError> {
        let commits = std::mem::take(&mut self.staged_commits);
        let record = self.staged_record.take();
        let mut is_log_whole = false;
        if moment == CrashMoment::InFlush {
            is_log_whole = random.permille(500);
            if random.permille(700) {
                self.put_commits(&commits, Durability::Buffered)?;
            }
        }
        if is_log_whole {
            self.log.synced = self.log.bytes.len();
            if let Some(record) = record
                && random.permille(500)
            {
                self.record = Some(record);
            }
        } else {
            self.tear_log(random);
        }
        let Kept { chain, results } = self.backend.unsynced();
        self.backend.crash(Kept { chain: random.index(chain + 1), results: random.index(results + 1) });
        self.store = open(&self.backend)?;
        self.chain = self.store.chain();
        Ok(())
    }

    fn tear_log(&mut self, random: &mut Random) {
        let unsynced = self.log.bytes.len() - self.log.synced;
        let kept = self.log.synced + random.index(unsynced + 1);
        self.log.bytes.truncate(kept);
        if random.permille(300) {
            // The length of the file reached the disk, its content did not.
            self.log.bytes.resize(kept + random.index(600), 0);
        }
    }
}

impl Durable for Disk {
    fn sign_record(&self) -> Option<&SignRecord> {
        self.record.as_ref()
    }

    fn holds_batch(&self, batch: &BatchId) -> bool {
        // Batches are stored with a sync, except those a quorum already vouched for.
        self.chain.has_batch(batch).unwrap_or(false)
    }

    fn committed(&self) -> Height {
        self.tip.height
    }
}

fn open(backend: &Arc<Memory>) -> Result<Store, StoreError> {
    Store::open(
        Arc::clone(backend) as Arc<dyn quancheng_state::Backend>,
        StoreOptions {
            page_cache_bytes: PAGE_CACHE_BYTES,
            checkpoint_heights: CHECKPOINT_HEIGHTS,
            ..StoreOptions::default()
        },
    )
}

/// The words of an error.
pub(crate) fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}
