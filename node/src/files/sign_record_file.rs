//! The durable memory of what this validator signed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use quancheng_consensus::SignRecord;
use quancheng_types::{ChainId, PublicKey};

use super::{FileError, io, sync_folder};

/// The file. Two slots written in turn, so that a torn write damages only the older state and the newer one is never
/// overwritten in place.
#[derive(Debug)]
pub struct SignRecordFile {
    path: PathBuf,
    folder: PathBuf,
}

impl SignRecordFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path) -> Self {
        Self { path: data_dir.join("sign-record"), folder: data_dir.to_owned() }
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Reads and verifies it.
    ///
    /// # Errors
    /// [`FileError::SignRecordMissing`], [`FileError::SignRecord`] on any damage, [`FileError::Io`].
    pub fn read(&self, chain_id: &ChainId, key: &PublicKey) -> Result<SignRecord, FileError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(FileError::SignRecordMissing { path: self.path.clone() });
            }
            Err(error) => return Err(io(&self.path, "read the sign record")(error)),
        };
        SignRecord::decode(&bytes, chain_id, key).map_err(|error| FileError::SignRecord { path: self.path.clone(), error })
    }

    /// Replaces it. When this returns, the new record is on disk.
    ///
    /// # Errors
    /// [`FileError::Io`]; the process must stop before another signature leaves.
    pub fn replace(&self, record: &SignRecord) -> Result<(), FileError> {
        let next = self.path.with_extension("next");
        let mut file = File::create(&next).map_err(io(&next, "create the sign record"))?;
        file.write_all(&record.encode()).map_err(io(&next, "write the sign record"))?;
        file.sync_data().map_err(io(&next, "sync the sign record"))?;
        std::fs::rename(&next, &self.path).map_err(io(&self.path, "replace the sign record"))?;
        sync_folder(&self.folder)
    }
}
