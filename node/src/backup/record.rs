//! `backup.json`: what a backup is of, and the digest of each of its files.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use quancheng_types::hash::Hasher;
use quancheng_types::{BlockId, ChainId, Digest, Height, NodeId, PublicKey};
use serde::{Deserialize, Serialize};

use super::BackupError;

/// Name of the record in the folder of a backup.
pub(super) const RECORD_NAME: &str = "backup.json";
/// Name of the genesis in it.
pub(super) const GENESIS_NAME: &str = "genesis.json";
/// What a record calls itself.
const FORMAT: &str = "quancheng-backup";
/// Version of the form of a backup.
const VERSION: u16 = 1;
/// Greatest size of a record: some 150 bytes a file.
const RECORD_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes read from a file at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// Its path below the folder of the backup, with `/` between names.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Plain SHA-256 of its content.
    pub sha256: Digest,
}

/// What a backup is of. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRecord {
    format: String,
    version: u16,
    /// The chain.
    pub chain_id: ChainId,
    /// Its name for people.
    pub chain_name: String,
    /// Peer identity of the node.
    pub node_id: NodeId,
    /// Public key of the validator; `null` on a follower.
    pub validator: Option<PublicKey>,
    /// Newest block.
    pub height: Height,
    /// Its id; zeros when there is none but the genesis.
    pub block_id: BlockId,
    /// Newest height whose results are in it; the blocks above are executed by the first start.
    pub executed_height: Height,
    /// When it was made, ms since 1970 UTC, by the clock of the node.
    pub time_ms: u64,
    /// The build that made it.
    pub program: String,
    /// Format of the columns of its store.
    pub store_format: u32,
    /// Its files but this record, in order of their paths.
    pub files: Vec<BackupFile>,
}

/// What a record says of its node and its height.
pub(super) struct Head {
    pub(super) chain_id: ChainId,
    pub(super) chain_name: String,
    pub(super) node_id: NodeId,
    pub(super) validator: Option<PublicKey>,
    pub(super) newest: (Height, BlockId, Height),
    pub(super) time_ms: u64,
}

impl BackupRecord {
    pub(super) fn new(head: Head, files: Vec<BackupFile>) -> Self {
        let Head { chain_id, chain_name, node_id, validator, newest, time_ms } = head;
        let (height, block_id, executed_height) = newest;
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            chain_id,
            chain_name,
            node_id,
            validator,
            height,
            block_id,
            executed_height,
            time_ms,
            program: format!("quanchengd {}", env!("CARGO_PKG_VERSION")),
            store_format: quancheng_state::store::FORMAT,
            files,
        }
    }

    /// Bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the record of a backup.
    ///
    /// # Errors
    /// [`BackupError::NoBackup`] where there is none, or one that this build does not read.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let refuse = |reason: String| BackupError::NoBackup { path: folder.to_owned(), reason };
        let path = folder.join(RECORD_NAME);
        let bytes = quancheng_keystore::plain::read(&path, RECORD_BYTES_MAX)
            .map_err(|error| refuse(format!("{RECORD_NAME}: {error}")))?;
        let record: Self =
            serde_json::from_slice(&bytes).map_err(|error| refuse(format!("{RECORD_NAME} is damaged: {error}")))?;
        if record.format != FORMAT || record.version != VERSION {
            let Self { format, version, .. } = &record;
            return Err(refuse(format!(
                "it is {format} version {version}, this build reads {FORMAT} version {VERSION}"
            )));
        }
        let (found, supported) = (record.store_format, quancheng_state::store::FORMAT);
        if found != supported {
            let program = &record.program;
            return Err(refuse(format!(
                "its store has format {found} ({program}), this build reads format {supported}; restore it with the build that made it"
            )));
        }
        Ok(record)
    }

    /// Writes the record. Durable when it returns, but for its name.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_string_pretty(self).expect("a record has texts and numbers alone") + "\n";
        write_synced(&folder.join(RECORD_NAME), text.as_bytes())
    }
}

/// Writes a new file and waits until it is on the disk.
pub(super) fn write_synced(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    let mut file = File::create_new(path).map_err(BackupError::io(path, "make"))?;
    file.write_all(content).map_err(BackupError::io(path, "write"))?;
    file.sync_all().map_err(BackupError::io(path, "sync"))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = File::open(path).map_err(BackupError::io(path, "open"))?;
    folder.sync_all().map_err(BackupError::io(path, "sync"))
}

/// Size and plain SHA-256 of a file. `take` is handed each piece and may end it.
pub(super) fn digest(
    path: &Path,
    take: &mut dyn FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(u64, Digest), BackupError> {
    let mut file = File::open(path).map_err(BackupError::io(path, "read"))?;
    let mut piece = vec![0; PIECE_BYTES];
    let (mut hasher, mut bytes) = (Hasher::plain(), 0_u64);
    loop {
        let count = file.read(&mut piece).map_err(BackupError::io(path, "read"))?;
        if count == 0 {
            return Ok((bytes, hasher.finish()));
        }
        hasher.update(&piece[..count]);
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        take(&piece[..count])?;
    }
}
