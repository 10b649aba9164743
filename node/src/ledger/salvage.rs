//! What can be saved from a data folder that cannot be used any more: own batches that were admitted and never ordered.
//!
//! Nothing in the folder is changed, and nothing is made in it. A batch names its content by hash and carries its author's signature, so what is read is what was
//! written, whatever else is damaged around it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quancheng_consensus::{AuthorWindow, SignRecordError, WINDOW_SEQUENCES};
use quancheng_state::backend::{Column, Part};
use quancheng_state::{Backend, ChainStore, IoCause, StoreError};
use quancheng_state_rocks::{LogRecovery, RocksOptions, RocksPart};
use quancheng_types::{BatchId, ChainId, Digest, PublicKey, SignedBatch, ValidatorId};

use super::batches::floor_of;
use super::blocks::ChainTip;
use super::open::STORE_FOLDER;
use super::owner::owner_of;
use crate::backup::is_backup;
use crate::files::{DataLock, FileError, MARKS, Marks, MarksFile, OtherOwner, Owner, RestoringFile, SignRecordFile};

/// What is true after every refusal.
const NOTHING: &str = "nothing was made or changed (未作任何改动)";

/// What an old data folder gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Own batches that no block named, in order of their numbers. Some may have been ordered since: that does no harm.
    pub batches: Vec<SignedBatch>,
    /// Batch numbers that were used, as far as the folder knows: every one below.
    pub next_sequence: u64,
    /// Numbers of batches that were durable, and that can neither be read nor are known to be ordered.
    pub unreadable: Vec<u64>,
    /// The folder does not tell which numbers were durable: without its marks nobody knows what is missing.
    pub is_unsure: bool,
}

/// Why nothing is taken out of an old data folder.
#[derive(Debug)]
pub enum SalvageError {
    /// There is no such folder.
    NoFolder,
    /// It is a backup.
    Backup,
    /// It is a folder of something else.
    NoDataFolder,
    /// It is what an interrupted `init` left: no node ever ran on it.
    Unfinished,
    /// A node works in it, or its lock cannot be looked at.
    Lock(FileError),
    /// A file in it is that of another node of the chain.
    OtherOwner(Box<OtherOwner>),
    /// A file in it is that of another chain.
    OtherChain {
        /// The file.
        path: PathBuf,
    },
    /// Not even the names of the records can be read.
    Store(StoreError),
}

impl SalvageError {
    /// Whether it can be mended by other means than to do without what is in the folder.
    fn is_mendable(error: &StoreError) -> bool {
        match error {
            StoreError::Io { cause, .. } => match cause {
                IoCause::NoSpace | IoCause::Permission | IoCause::Locked | IoCause::FileLimit | IoCause::Foreign => {
                    true
                }
                IoCause::Damaged | IoCause::NotFound | IoCause::Device => false,
            },
            StoreError::Undecodable { .. }
            | StoreError::Missing { .. }
            | StoreError::Inconsistent { .. }
            | StoreError::Format { .. }
            | StoreError::RootGone { .. }
            | StoreError::NotKept { .. }
            | StoreError::Pruned { .. }
            | StoreError::NotExecuted { .. }
            | StoreError::OutOfOrder { .. }
            | StoreError::GenesisExists
            | StoreError::TooLarge { .. } => false,
        }
    }

    /// The reason in words, for a folder of this path.
    pub(crate) fn fmt_of(&self, folder: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = folder.display();
        match self {
            Self::NoFolder => write!(
                f,
                "there is no folder {shown}: --salvage names the old data folder, as it was moved away; {NOTHING} (没有文件夹 {shown}：\
                 --salvage 应指向移走的旧数据目录)"
            ),
            Self::Backup => write!(
                f,
                "{shown} is a backup and no data folder: it is restored with --from-backup, and --salvage names the old data folder; {NOTHING} \
                 ({shown} 是备份，不是数据目录：备份用 --from-backup 恢复，--salvage 应指向旧数据目录)"
            ),
            Self::NoDataFolder => write!(
                f,
                "{shown} is no data folder of a node: there is no store/chain in it. --salvage names the old data folder itself, the one that holds \
                 `store`; {NOTHING} ({shown} 不是节点的数据目录：其中没有 store/chain。--salvage 应指向旧数据目录本身)"
            ),
            Self::Unfinished => write!(
                f,
                "{shown} is what an interrupted `quanchengd init` left: no node ever ran on it, and nothing was admitted in it. --salvage names the data folder \
                 on which the validator ran before; {NOTHING} ({shown} 是中断的 `quanchengd init` 留下的，从未有节点在其上运行。--salvage 应指向该节点\
                 此前运行所用的旧数据目录)"
            ),
            Self::Lock(error) => write!(f, "{error}; {NOTHING}"),
            Self::OtherOwner(other) => write!(
                f,
                "{} belongs to {}, and the key of this configuration is that of {}: nothing of the one is to be taken over by the other. \
                 Name the old folder of this validator. If it is that, and this file alone got into it, put its own back, or move this one out of it: \
                 what is lost without it is told then; {NOTHING} ({} 属于{}，而本配置的密钥属于{}。请指向本节点自己的旧数据目录；如只是该文件\
                 误入其中，请放回原文件，或将其移出后重试)",
                other.path.display(),
                other.found,
                other.expected,
                other.path.display(),
                other.found.zh(),
                other.expected.zh()
            ),
            Self::OtherChain { path } => write!(
                f,
                "{} belongs to another chain than the genesis of this configuration. Name the old folder of this validator on this chain; {NOTHING} \
                 ({} 属于另一条链，请指向本节点在本链上的旧数据目录)",
                path.display(),
                path.display()
            ),
            Self::Store(error) if Self::is_mendable(error) => write!(f, "{error}; {NOTHING}"),
            Self::Store(error) => write!(
                f,
                "nothing can be taken out of the old data folder {shown}, and nothing was made: {error}. Without --salvage the validator joins again; \
                 transactions that it answered \"admitted\" and nobody ordered are lost then: tell those who submitted to look and to submit \
                 again (无法从旧数据目录取回任何交易，尚未建立新目录；不加 --salvage 可重新加入，但已接收而未上链的交易将丢失，请通知提交人查询并重新提交)"
            ),
        }
    }
}

impl From<StoreError> for SalvageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads own batches that were not ordered out of an old data folder. What is damaged or missing in it is left out, and told.
///
/// # Errors
/// [`SalvageError`]: a folder that is in use, that is not one of this key, or of whose store not even the names of the records can be
/// read, as without its manifest.
pub fn salvage(data_dir: &Path, chain_id: ChainId, key: &PublicKey) -> Result<Salvaged, SalvageError> {
    let own = ValidatorId::of(key);
    check_folder(data_dir)?;
    let _lock = DataLock::acquire_existing(data_dir).map_err(SalvageError::Lock)?;
    let marks = own_marks(data_dir, chain_id, key)?;
    let options = RocksOptions { recovery: LogRecovery::SkipDamage, ..RocksOptions::default() };
    let rocks = Arc::new(RocksPart::open_read_only(&data_dir.join(STORE_FOLDER), Part::Chain, &options)?);
    let chain = ChainStore::over(Arc::clone(&rocks) as Arc<dyn Backend>);
    check_store(data_dir, chain_id, own, &chain)?;
    let mut batches = Vec::new();
    for id in pending(&rocks)? {
        // One that cannot be read is missed below.
        let bytes = rocks.get(Column::Batches, id.as_bytes()).ok().flatten();
        let Some(batch) = bytes.and_then(|bytes| SignedBatch::decode(&bytes).ok()) else {
            continue;
        };
        let header = &batch.header;
        let is_own = header.author == own && header.chain_id == chain_id && header.id() == id;
        if is_own && batch.is_consistent() && key.verify(header.ack_message().as_bytes(), &batch.signature).is_ok() {
            batches.push(batch);
        }
    }
    batches.sort_by_key(|batch| batch.header.sequence);
    let window = window(&rocks, &own);
    // Numbers below the floor of a rejoin were not used since; what was lost of those before it was told then. Where it cannot be read, too
    // many are named rather than too few.
    let floor = floor_of(&chain).unwrap_or(0);
    let has_blocks = chain.last_block().ok().flatten().is_some();
    if batches.is_empty() && !has_blocks && RestoringFile::at(data_dir).check().is_err() {
        return Err(SalvageError::Unfinished);
    }
    // An unreadable file of marks only leaves the numbers unsure, and the caller numbers on from far beyond. Without a sign record and without a block it is
    // hardly the folder on which the validator ran.
    let is_unsure = marks.is_none() || !(has_blocks || SignRecordFile::at(data_dir).exists());
    let marks = marks.unwrap_or_default();
    let newest = batches.last().map_or(0, |batch| batch.header.sequence.saturating_add(1));
    let next_sequence = marks.next_sequence.max(newest).max(window.end());
    let first = next_sequence.saturating_sub(WINDOW_SEQUENCES).max(floor);
    let is_here = |sequence: &u64| batches.binary_search_by_key(sequence, |batch| batch.header.sequence).is_ok();
    let unreadable = (first..next_sequence).filter(|sequence| !is_here(sequence) && !window.is_ordered(*sequence));
    Ok(Salvaged { unreadable: unreadable.collect(), is_unsure, batches, next_sequence })
}

fn other_owner(path: PathBuf, found: Owner, expected: Owner) -> SalvageError {
    SalvageError::OtherOwner(Box::new(OtherOwner { path, found, expected }))
}

/// Looks before the engine does, which would make what it does not find.
fn check_folder(data_dir: &Path) -> Result<(), SalvageError> {
    if !data_dir.is_dir() {
        return Err(SalvageError::NoFolder);
    }
    if is_backup(data_dir) {
        return Err(SalvageError::Backup);
    }
    let store = data_dir.join(STORE_FOLDER);
    RocksPart::check_folder(&store, Part::Chain)?;
    // Where one of these is left, something was there.
    let is_of_node = store.join(Part::Chain.name()).is_dir() || SignRecordFile::at(data_dir).exists();
    if is_of_node { Ok(()) } else { Err(SalvageError::NoDataFolder) }
}

/// The marks of a folder of this key; none when they cannot be read. What names another owner is refused, whatever it is.
fn own_marks(data_dir: &Path, chain_id: ChainId, key: &PublicKey) -> Result<Option<Marks>, SalvageError> {
    let expected = Owner::Validator(ValidatorId::of(key));
    match SignRecordFile::at(data_dir).look(&chain_id, key) {
        Err(FileError::SignRecord { path, error: SignRecordError::OtherKey { found } }) => {
            let found = Owner::Validator(ValidatorId::of(&found));
            return Err(other_owner(path, found, expected));
        }
        Err(FileError::SignRecord { path, error: SignRecordError::OtherChain { .. } }) => {
            return Err(SalvageError::OtherChain { path });
        }
        // Nobody goes on from it.
        Ok(()) | Err(_) => {}
    }
    match MarksFile::look(data_dir, chain_id) {
        Ok((found, marks)) if found == expected => Ok(Some(marks)),
        Ok((found, _)) => Err(other_owner(data_dir.join(MARKS), found, expected)),
        Err(FileError::OtherChain { path, .. }) => Err(SalvageError::OtherChain { path }),
        Err(_) => Ok(None),
    }
}

/// Whether the store is not that of another node or chain. Where that record is lost, batches still prove whose they are.
fn check_store(data_dir: &Path, chain_id: ChainId, own: ValidatorId, chain: &ChainStore) -> Result<(), SalvageError> {
    let path = data_dir.join(STORE_FOLDER);
    if chain.meta(super::CHAIN_NAME).is_ok_and(|known| known.is_some_and(|known| known != chain_id.as_bytes())) {
        return Err(SalvageError::OtherChain { path });
    }
    let expected = Owner::Validator(own);
    match owner_of(chain) {
        Ok(Some(found)) if found != expected => Err(other_owner(path, found, expected)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Names of the batches that no block named. What cannot be read ends the list.
fn pending(rocks: &RocksPart) -> Result<Vec<BatchId>, StoreError> {
    let mut ids = Vec::new();
    let mut cursor = rocks.cursor(Column::BatchesPending)?;
    cursor.seek(&[])?;
    while let Some((key, _)) = cursor.entry() {
        if let Ok(id) = <[u8; 32]>::try_from(key) {
            ids.push(BatchId(Digest(id)));
        }
        if cursor.step().is_err() {
            break;
        }
    }
    Ok(ids)
}

/// Which own batches the folder knows to be ordered; none when that cannot be read.
fn window(rocks: &Arc<RocksPart>, own: &ValidatorId) -> AuthorWindow {
    let tip = ChainTip::read(&ChainStore::over(Arc::clone(rocks) as Arc<dyn Backend>)).ok();
    tip.and_then(|tip| tip.window(own)).unwrap_or_default()
}
