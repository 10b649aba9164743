//! The small files beside the store: the log of the height in progress, the sign record, and the lock on the data folder.
//!
//! ```text
//! data/
//!   lock              held for as long as the process lives
//!   sign-record       what this validator signed last; two slots written in turn, in place
//!   log/<n>           what the voting core took in at the height in progress; appended, synced at each flush
//!   store/            RocksDB: blocks, batches, state, receipts
//! ```

mod lock;
mod log_file;
mod sign_record_file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub use lock::DataLock;
pub use log_file::LogFile;
pub use sign_record_file::SignRecordFile;

/// Why a file cannot be used. The process stops: going on could forget a signature.
#[derive(Debug)]
pub enum FileError {
    /// The system refused.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Its answer.
        error: std::io::Error,
    },
    /// Another process uses the data folder.
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The sign record does not hold.
    SignRecord {
        /// The file.
        path: PathBuf,
        /// Why.
        error: quancheng_consensus::SignRecordError,
    },
    /// The file of the sign record does not hold.
    SignRecordDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The sign record is missing although this node has run before.
    SignRecordMissing {
        /// The file.
        path: PathBuf,
    },
    /// The log does not hold.
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        error: quancheng_consensus::LogError,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, action, error } => {
                write!(f, "cannot {action} {}: {error}{}", path.display(), advice(error))
            }
            Self::Locked { path } => {
                write!(
                    f,
                    "{} is in use by another quanchengd; stop it first, or use another data folder",
                    path.display()
                )
            }
            Self::SignRecord { path, error } => write!(f, "{}: {error}", path.display()),
            Self::SignRecordDamaged { path } => write!(
                f,
                "{} is damaged; without it the node could sign twice, so it does not start. Replace the disk, or wipe the data \
                 folder and rejoin with `quanchengd init --rejoin-above HEIGHT`",
                path.display()
            ),
            Self::SignRecordMissing { path } => write!(
                f,
                "{} is missing although this node has run before; without it the node could sign twice. Restore it from this \
                 machine, or move the data folder away and join again by sync with `quanchengd init --rejoin-above HEIGHT`",
                path.display()
            ),
            Self::Log { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FileError {}

fn advice(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    let advices = [
        (ErrorKind::PermissionDenied, "; give the user that runs quanchengd write access"),
        (ErrorKind::StorageFull, "; free disk space and start again"),
        (ErrorKind::ReadOnlyFilesystem, "; the file system is read-only"),
        (ErrorKind::NotFound, "; the folder does not exist"),
    ];
    advices.iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, advice)| advice)
}

fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |error| FileError::Io { path, action, error }
}

/// Makes the entries of a folder durable (POSIX: a new or renamed file survives a crash only when its folder is synced).
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = std::fs::File::open(path).map_err(io(path, "open the folder"))?;
    folder.sync_all().map_err(io(path, "sync the folder"))
}
