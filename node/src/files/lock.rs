//! One process per data folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::{FileError, check_plain, io};

/// Name in the data folder.
pub(super) const LOCK: &str = "lock";

/// Held for as long as the node runs; the system releases it when the process ends in any way.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Makes the folder if needed and locks it.
    ///
    /// # Errors
    /// [`FileError::Locked`] when another process holds it, [`FileError::Io`] when it cannot be made or written.
    pub fn acquire(data_dir: &Path) -> Result<Self, FileError> {
        std::fs::create_dir_all(data_dir).map_err(io(data_dir, "create the data folder"))?;
        let path = data_dir.join(LOCK);
        check_plain(&path)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io(&path, "open the lock file"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(FileError::Locked { path: data_dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(io(&path, "lock")(error)),
        }
    }

    /// Locks the folder of a node that has run, and writes nothing into it. Where there is no lock file, no node has run in it, or it is
    /// a copy.
    ///
    /// # Errors
    /// As [`Self::acquire`]; also when the folder does not exist.
    pub fn acquire_existing(data_dir: &Path) -> Result<Option<Self>, FileError> {
        std::fs::read_dir(data_dir).map_err(io(data_dir, "read the data folder"))?;
        let path = data_dir.join(LOCK);
        check_plain(&path)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(&path, "open the lock file")(error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(FileError::Locked { path: data_dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(io(&path, "lock")(error)),
        }
    }
}
