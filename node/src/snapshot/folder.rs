//! Snapshots on the disk.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use quancheng_state::export::CHUNK_BYTES_MAX;
use quancheng_types::hash::sha256;
use quancheng_types::{BlockId, Digest, Height};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::manifest::MANIFEST_BYTES_MAX;
use super::served::KnownSnapshots;
use super::{Manifest, SnapshotError};

/// Folder of the snapshots in the data folder.
const SNAPSHOTS: &str = "snapshots";
/// Name of one that is being made. Only one is at a time, and what a crash left of it is removed by the next.
const PARTIAL: &str = "next.partial";
/// How the name of one ends that was found damaged.
pub(super) const DAMAGED: &str = "damaged";
/// The same of one that is being removed.
const OLD: &str = "old";
/// Name of the manifest.
pub(super) const MANIFEST: &str = "manifest";
/// Name of the description.
pub(super) const INFO: &str = "snapshot.json";
/// Greatest length of a description in bytes.
pub(super) const INFO_BYTES_MAX: u64 = 64 * 1024;

/// A snapshot, as a node offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// Height of the state.
    pub height: Height,
    /// Id of the block of that height.
    pub block_id: BlockId,
    /// Time of that block, ms since 1970 UTC.
    pub time_ms: u64,
    /// Chunks.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// SHA-256 of the manifest.
    pub manifest_sha256: Digest,
}

impl SnapshotInfo {
    /// What a manifest and its bytes say of a snapshot; `None` when the block of its height is not the last one in it.
    #[must_use]
    pub fn of(manifest: &Manifest, bytes: &[u8]) -> Option<Self> {
        let height = manifest.height();
        let block =
            manifest.blocks.last().map(|decided| &decided.block).filter(|block| block.header.height == height)?;
        Some(Self {
            height,
            block_id: block.id(),
            time_ms: block.header.time_ms,
            chunks: u64::try_from(manifest.list.chunks.len()).unwrap_or(u64::MAX),
            bytes: manifest.list.bytes(),
            manifest_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            manifest_sha256: sha256(&[bytes]),
        })
    }
}

/// What stands in the place of a file of a snapshot.
#[derive(Debug)]
pub(super) enum Seen<T> {
    /// A file.
    File(T),
    /// Nothing.
    Absent,
    /// Something else, or a file that is longer than it can be.
    NoFile,
}

/// The snapshots of a data folder, or a folder that holds them or is one.
#[derive(Clone, Debug)]
pub struct SnapshotFolder {
    path: PathBuf,
    /// What is known of those that are served; shared by all copies of this.
    pub(super) known: KnownSnapshots,
}

impl SnapshotFolder {
    /// Of a data folder; it need not be there.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self::at(&data_dir.join(SNAPSHOTS))
    }

    /// A folder of snapshots that was copied from elsewhere.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), known: KnownSnapshots::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn partial(&self) -> PathBuf {
        self.path.join(PARTIAL)
    }

    /// One that is being removed.
    pub(super) fn old(&self, height: Height) -> PathBuf {
        self.path.join(format!("{height}.{OLD}"))
    }

    pub(super) fn of_height(&self, height: Height) -> PathBuf {
        self.path.join(height.0.to_string())
    }

    /// One that was found damaged.
    pub(super) fn damaged(&self, height: Height) -> PathBuf {
        self.path.join(format!("{height}.{DAMAGED}"))
    }

    /// The finished ones, ascending by height, as their descriptions say. Anything else in the folder is passed over.
    ///
    /// # Errors
    /// [`SnapshotError::Io`] when the folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let info = |height: Height| Self::info(&self.of_height(height)).ok().filter(|info| info.height == height);
        Ok(self.heights()?.into_iter().filter_map(info).collect())
    }

    /// The heights after which folders in it are named, ascending.
    pub(super) fn heights(&self) -> Result<Vec<Height>, SnapshotError> {
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            entries => entries.map_err(SnapshotError::io(&self.path, "list"))?,
        };
        for entry in entries {
            let name = entry.map_err(SnapshotError::io(&self.path, "list"))?.file_name();
            let height = name.to_str().and_then(|name| name.parse().ok()).map(Height);
            // `007` is not the name of what is made as `7`.
            found.extend(height.filter(|height| name.to_str() == Some(&height.to_string())));
        }
        found.sort_unstable();
        Ok(found)
    }

    fn info(folder: &Path) -> Result<SnapshotInfo, SnapshotError> {
        let path = folder.join(INFO);
        let bytes = whole(&path, INFO_BYTES_MAX)?.unwrap_or_default();
        serde_json::from_slice(&bytes).map_err(|error| SnapshotError::io(&path, "read")(std::io::Error::other(error)))
    }

    /// Removes what is no snapshot: what a crash left of one that was being made or removed, and damaged ones. Not while one is made.
    pub(super) fn tidy(&self) {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            if name.to_str().is_some_and(is_left)
                && let Err(error) = std::fs::remove_dir_all(entry.path())
            {
                warn!(%error, path = %entry.path().display(), "what is left of a snapshot cannot be removed");
            }
        }
    }

    /// The bytes of a manifest; `None` when there is none of that height.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn manifest(&self, height: Height) -> Result<Option<Vec<u8>>, SnapshotError> {
        whole(&self.of_height(height).join(MANIFEST), MANIFEST_BYTES_MAX.into())
    }

    /// The bytes of a chunk; `None` when there is none of that number.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn chunk(&self, height: Height, number: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
        whole(&chunk_path(&self.of_height(height), number), CHUNK_BYTES_MAX.into())
    }
}

/// Whether a node makes something of this name and leaves it behind; whatever else lies there is somebody's.
fn is_left(name: &str) -> bool {
    let is_height = |text: &str| text.parse::<u64>().is_ok_and(|height| height.to_string() == text);
    let of_height = name.rsplit_once('.').filter(|(height, _)| is_height(height));
    name == PARTIAL || of_height.is_some_and(|(_, ending)| ending == DAMAGED || ending == OLD)
}

pub(super) fn chunk_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(chunk_name(number))
}

pub(super) fn chunk_name(number: u64) -> String {
    format!("{number:06}")
}

/// Writes a file whole and waits until it is on the disk.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    use std::io::Write as _;

    let mut file = File::create_new(path).map_err(SnapshotError::io(path, "make"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(SnapshotError::io(path, "write"))
}

/// Writes what a snapshot is, and what certifies it: without these it is none.
pub(super) fn write_heads(folder: &Path, manifest: &[u8], info: &SnapshotInfo) -> Result<(), SnapshotError> {
    write_file(&folder.join(MANIFEST), manifest)?;
    let text = serde_json::to_vec_pretty(info).expect("a description has texts and numbers alone");
    write_file(&folder.join(INFO), &text)
}

/// A file that is read or not there; whatever else stands in its place is an error.
fn whole(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
    match read_file(path, bytes_max)? {
        Seen::File(bytes) => Ok(Some(bytes)),
        Seen::Absent => Ok(None),
        Seen::NoFile => Err(SnapshotError::io(path, "read")(std::io::Error::other("it is no file of a snapshot"))),
    }
}

/// Reads a plain file of at most so many bytes; links are not followed, and nothing is waited for.
///
/// # Errors
/// [`SnapshotError::Io`] when the system refuses for another reason than that nothing is there: that says nothing of the file.
pub(super) fn read_file(path: &Path, bytes_max: u64) -> Result<Seen<Vec<u8>>, SnapshotError> {
    let meta = match look_at(path)? {
        Seen::File(meta) if meta.len() <= bytes_max => meta,
        Seen::File(_) | Seen::NoFile => return Ok(Seen::NoFile),
        Seen::Absent => return Ok(Seen::Absent),
    };
    let file = match File::open(path) {
        Err(error) if is_absent(&error) => return Ok(Seen::Absent),
        file => file.map_err(SnapshotError::io(path, "read"))?,
    };
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    file.take(bytes_max).read_to_end(&mut bytes).map_err(SnapshotError::io(path, "read"))?;
    Ok(Seen::File(bytes))
}

/// What stands at a path, without opening it.
pub(super) fn look_at(path: &Path) -> Result<Seen<Metadata>, SnapshotError> {
    match path.symlink_metadata() {
        Err(error) if is_absent(&error) => Ok(Seen::Absent),
        meta => {
            let meta = meta.map_err(SnapshotError::io(path, "read"))?;
            Ok(if meta.is_file() { Seen::File(meta) } else { Seen::NoFile })
        }
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
