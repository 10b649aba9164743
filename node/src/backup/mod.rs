//! Backups: a copy of the store of a node that runs, or has stopped, checked and moved as one folder; never a copy of what signs.
//!
//! ```text
//! 1234/
//!   backup.json     what it is of, and the SHA-256 of every other file
//!   genesis.json    the chain it belongs to
//!   chain/          blocks, certificates, batches
//!   results/        what follows from them, up to some height
//! ```
//!
//! Not in it: key files, `sign-record`, `marks`, `log/`. Whoever starts from a copy of those signs again what the original has signed since
//! (`docs/backup.md`, decision 0083). [`crate::start::restore`] makes a data folder of a backup.

mod check;
mod command;
mod desk;
pub(crate) mod door;
mod error;
mod export;
mod files;
mod make;
mod record;
#[cfg(test)]
mod tests;

pub use check::{Checked, check};
pub use command::back_up;
pub use desk::{BackupDesk, BackupStatus};
pub use error::{BackupError, FileFault, FileFaultKind};
pub use make::{BackupSource, Made, make};
pub use record::{BackupFile, BackupRecord};

/// Whether a folder calls itself a backup.
pub(crate) fn is_backup(folder: &std::path::Path) -> bool {
    folder.join(record::RECORD_NAME).symlink_metadata().is_ok()
}

pub(crate) use check::{agrees, survey};
pub(crate) use export::copy_checked;
