//! Making a backup in the data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use quancheng_state::backend::Copied;
use quancheng_types::{BlockId, ChainId, Genesis, Height, NodeId, PublicKey};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::BackupError;
use super::files::{Known, unless};
use super::record::{BackupRecord, GENESIS_NAME, Head, sync_folder, write_synced};
use crate::ledger::Ledger;

/// Folder of the backups in the data folder.
const BACKUPS: &str = "backups";
/// Name of a backup that is being made. Only one is at a time, and what a crash left of it is removed by the next.
const PARTIAL: &str = "next.partial";
/// Backups of one height, after which something is wrong.
const SAME_HEIGHT_MAX: u32 = 10_000;

/// The node of which a backup is made.
#[derive(Clone, Debug)]
pub struct BackupSource {
    /// Its data folder.
    pub data_dir: PathBuf,
    /// Its chain.
    pub genesis: Arc<Genesis>,
    /// Its peer identity.
    pub node_id: NodeId,
    /// Its validator key; `None` on a follower.
    pub validator: Option<PublicKey>,
}

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Its folder.
    pub folder: String,
    /// The chain.
    pub chain_id: ChainId,
    /// Newest block in it.
    pub height: Height,
    /// Id of that block.
    pub block_id: BlockId,
    /// Newest height whose results are in it.
    pub executed_height: Height,
    /// Files beside the record.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that the backup before did not have.
    pub new_files: u64,
    /// Their bytes: what an incremental copy has to move.
    pub new_bytes: u64,
    /// Time for which the store was being copied, ms.
    pub copy_ms: u64,
    /// Time from the beginning to the end, ms.
    pub total_ms: u64,
}

/// Makes a backup in the data folder of a node whose lock the caller holds. The ledger is let go as soon as its store is copied. Ends when
/// `asked` to; whatever ends it early leaves nothing.
///
/// # Errors
/// [`BackupError`].
pub fn make(source: &BackupSource, ledger: Arc<Ledger>, asked: &AtomicBool) -> Result<Made, BackupError> {
    let begun = Instant::now();
    let backups = source.data_dir.join(BACKUPS);
    if !backups.is_dir() {
        std::fs::create_dir(&backups).map_err(BackupError::io(&backups, "make"))?;
    }
    sync_folder(&source.data_dir)?;
    let partial = backups.join(PARTIAL);
    remove(&partial)?;
    let made = fill(source, ledger, &backups, &partial, asked, begun);
    if made.is_err() {
        // What cannot be removed now is removed by the next backup.
        let _ = remove(&partial);
    }
    made
}

/// Removes a folder, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), BackupError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BackupError::io(folder, "remove what an interrupted backup left in")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn fill(
    source: &BackupSource,
    ledger: Arc<Ledger>,
    backups: &Path,
    partial: &Path,
    asked: &AtomicBool,
    begun: Instant,
) -> Result<Made, BackupError> {
    std::fs::create_dir(partial).map_err(BackupError::io(partial, "make"))?;
    match ledger.copy_to(partial, &|| unless(asked).is_ok())? {
        Copied::Whole => drop(ledger),
        Copied::LeftOff => return Err(BackupError::Stopping),
    }
    let copied = begun.elapsed();
    unless(asked)?;
    let genesis = serde_json::to_vec_pretty(&*source.genesis).expect("a genesis has texts and numbers alone");
    write_synced(&partial.join(GENESIS_NAME), &genesis)?;
    // What cannot be opened is no backup.
    let newest = Ledger::open_copy(partial, &source.genesis)?.newest()?;
    unless(asked)?;
    let listed = Known::read(backups).list(partial, asked)?;
    for file in &listed.files {
        unless(asked)?;
        sync_file(&partial.join(&file.path))?;
    }
    let head = Head {
        chain_id: source.genesis.chain_id(),
        chain_name: source.genesis.chain_name.to_string(),
        node_id: source.node_id,
        validator: source.validator,
        newest,
        time_ms: now_ms(),
    };
    let record = BackupRecord::new(head, listed.files.clone());
    record.write(partial)?;
    sync_parts(partial)?;
    let folder = name(backups, newest.0)?;
    std::fs::rename(partial, &folder).map_err(BackupError::io(&folder, "name"))?;
    sync_folder(backups)?;
    listed.remember(backups);
    let mut made = Made::of(&record, &folder);
    (made.new_files, made.new_bytes) = (listed.new_files, listed.new_bytes);
    (made.copy_ms, made.total_ms) = (millis(copied), millis(begun.elapsed()));
    info!(folder = made.folder, height = %made.height, bytes = made.bytes, new_bytes = made.new_bytes, ms = made.total_ms, "backup is made");
    Ok(made)
}

impl Made {
    /// Of a backup of which nothing more is known.
    pub(super) fn of(record: &BackupRecord, folder: &Path) -> Self {
        Self {
            folder: folder.display().to_string(),
            chain_id: record.chain_id,
            height: record.height,
            block_id: record.block_id,
            executed_height: record.executed_height,
            files: u64::try_from(record.files.len()).unwrap_or(u64::MAX),
            bytes: record.bytes(),
            new_files: 0,
            new_bytes: 0,
            copy_ms: 0,
            total_ms: 0,
        }
    }
}

/// A name that is free: two backups of one height may differ in what waits to be ordered.
fn name(backups: &Path, height: Height) -> Result<PathBuf, BackupError> {
    let first = backups.join(height.to_string());
    let later = (2..SAME_HEIGHT_MAX).map(|number| backups.join(format!("{height}-{number}")));
    let mut names = std::iter::once(first.clone()).chain(later);
    names.find(|path| path.symlink_metadata().is_err()).ok_or(BackupError::Exists { path: first })
}

/// The engine syncs what it links; what it copies is small but for the newest log.
fn sync_file(path: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::File::open(path).map_err(BackupError::io(path, "open"))?;
    let is_linked = file.metadata().map_err(BackupError::io(path, "look at"))?.nlink() > 1;
    if is_linked { Ok(()) } else { file.sync_all().map_err(BackupError::io(path, "sync")) }
}

/// Makes the names of a backup durable.
pub(super) fn sync_parts(folder: &Path) -> Result<(), BackupError> {
    for part in quancheng_state::backend::Part::ALL {
        sync_folder(&folder.join(part.name()))?;
    }
    sync_folder(folder)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
