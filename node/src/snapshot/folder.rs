//! Snapshots on the disk.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use quancheng_state::export::CHUNK_BYTES_MAX;
use quancheng_types::hash::sha256;
use quancheng_types::{BlockId, Digest, Height};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::manifest::MANIFEST_BYTES_MAX;
use super::{Manifest, SnapshotError};

/// Folder of the snapshots in the data folder.
const SNAPSHOTS: &str = "snapshots";
/// Name of one that is being made. Only one is at a time, and what a crash left of it is removed by the next.
const PARTIAL: &str = "next.partial";
/// How the name of one ends that was found damaged.
const DAMAGED: &str = "damaged";
/// The same of one that is being removed.
const OLD: &str = "old";
const MANIFEST: &str = "manifest";
const INFO: &str = "snapshot.json";
/// Greatest length of a description in bytes.
const INFO_BYTES_MAX: u64 = 64 * 1024;

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

/// The snapshots of a data folder, or a folder that holds them or is one.
#[derive(Clone, Debug)]
pub struct SnapshotFolder {
    path: PathBuf,
}

impl SnapshotFolder {
    /// Of a data folder; it need not be there.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join(SNAPSHOTS) }
    }

    /// A folder of snapshots that was copied from elsewhere.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
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

    /// The finished ones, ascending by height. Anything else in the folder is passed over.
    ///
    /// # Errors
    /// [`SnapshotError::Io`] when the folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            entries => entries.map_err(SnapshotError::io(&self.path, "list"))?,
        };
        for entry in entries {
            let entry = entry.map_err(SnapshotError::io(&self.path, "list"))?;
            let height = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Height);
            let info = height.and_then(|height| Self::info(&self.of_height(height)).ok());
            found.extend(info.filter(|info| Some(info.height) == height));
        }
        found.sort_unstable_by_key(|info| info.height);
        Ok(found)
    }

    fn info(folder: &Path) -> Result<SnapshotInfo, SnapshotError> {
        let path = folder.join(INFO);
        let bytes = read_file(&path, INFO_BYTES_MAX)?.unwrap_or_default();
        serde_json::from_slice(&bytes).map_err(|error| SnapshotError::io(&path, "read")(std::io::Error::other(error)))
    }

    /// The bytes of a manifest for somebody else; `None` when there is none of that height. What is not as it was made is withdrawn, so that nobody is
    /// told something false, and whoever fetches it goes on with another one.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn served_manifest(&self, height: Height) -> Result<Option<Vec<u8>>, SnapshotError> {
        let Ok(info) = Self::info(&self.of_height(height)) else {
            return Ok(None);
        };
        match self.manifest(height) {
            Ok(Some(bytes)) if sha256(&[&bytes]) == info.manifest_sha256 => return Ok(Some(bytes)),
            Ok(_) | Err(SnapshotError::Io { .. }) => {}
            Err(error) => return Err(error),
        }
        self.withdraw(height, MANIFEST)?;
        Ok(None)
    }

    /// The bytes of a chunk for somebody else, likewise.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn served_chunk(&self, height: Height, number: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
        let Some(manifest) = self.served_manifest(height)? else {
            return Ok(None);
        };
        let list = Manifest::decode(&manifest)?.list;
        let Some(entry) = usize::try_from(number).ok().and_then(|number| list.chunks.get(number)) else {
            return Ok(None);
        };
        match self.chunk(height, number) {
            Ok(Some(bytes)) if entry.is_of(&bytes) => return Ok(Some(bytes)),
            Ok(_) | Err(SnapshotError::Io { .. }) => {}
            Err(error) => return Err(error),
        }
        self.withdraw(height, &chunk_name(number))?;
        Ok(None)
    }

    /// Offers a damaged snapshot no more. It is left beside the others under another name until the next one is made.
    fn withdraw(&self, height: Height, what: &str) -> Result<(), SnapshotError> {
        let (from, to) = (self.of_height(height), self.path.join(format!("{height}.{DAMAGED}")));
        match std::fs::rename(&from, &to) {
            // Another reader saw it first.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(SnapshotError::io(&from, "withdraw"))?,
        }
        error!(
            snapshot = %to.display(),
            file = what,
            "a snapshot is damaged and is offered no more; check the disk, and make another one with `quanchengd snapshot`"
        );
        Ok(())
    }

    /// Removes what is no snapshot: what a crash left of one that was being made or removed, and damaged ones. Not while one is made.
    pub(super) fn tidy(&self) {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_left =
                Path::new(&name).extension().is_some_and(|extension| extension == DAMAGED || extension == OLD);
            if (is_left || name == PARTIAL)
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
        read_file(&self.of_height(height).join(MANIFEST), MANIFEST_BYTES_MAX.into())
    }

    /// The bytes of a chunk; `None` when there is none of that number.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn chunk(&self, height: Height, number: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
        read_file(&chunk_path(&self.of_height(height), number), CHUNK_BYTES_MAX.into())
    }
}

pub(super) fn chunk_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(chunk_name(number))
}

fn chunk_name(number: u64) -> String {
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

/// Reads a plain file of at most so many bytes; links are not followed, and nothing is waited for.
fn read_file(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
    let meta = match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        meta => meta.map_err(SnapshotError::io(path, "read"))?,
    };
    if !meta.is_file() || meta.len() > bytes_max {
        let error = std::io::Error::other("it is no file of a snapshot");
        return Err(SnapshotError::io(path, "read")(error));
    }
    let file = File::open(path).map_err(SnapshotError::io(path, "read"))?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).map_err(SnapshotError::io(path, "read"))?;
    Ok(Some(bytes))
}
