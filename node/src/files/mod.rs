//! The small files beside the store: the log of the height in progress, the sign record, and the lock on the data folder.
//!
//! ```text
//! data/
//!   lock              held for as long as the process lives
//!   marks             what is known to be durable in the store, and which batch numbers are used; two slots, in place
//!   sign-record       what this validator signed last; two slots written in turn, in place
//!   restoring         an `init` that is not finished; nothing starts while it is there
//!   unfinished-<n>    what lay beside such a note when the command was repeated; for the operator to remove
//!   backups/<height>  backups that were made here
//!   stopped           why this node may not go on by itself; only after its key signed elsewhere
//!   log/<n>           what the voting core took in at the height in progress; appended, synced at each flush
//!   store/chain/      RocksDB: blocks, certificates, batches
//!   store/results/    RocksDB: what follows from them: state, receipts, history; made again from the chain when it is gone
//! ```

mod lock;
mod log_file;
mod marks_file;
mod owner;
mod restoring_file;
mod sign_record_file;
mod slots;
mod stopped_file;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};

pub use lock::DataLock;
use lock::LOCK;
pub use log_file::{LOG_FOLDER, LogFile, LogInUse, LogLoss, LogMark, OpenedLog};
pub use marks_file::{INSTANCES, Marks, MarksFile, NAME as MARKS};
pub use owner::{OtherOwner, Owner};
pub use restoring_file::RestoringFile;
pub use sign_record_file::{NAME as SIGN_RECORD, SignRecordFile};
pub use stopped_file::{NAME as STOPPED, StoppedFile};
pub use watch::{FolderLost, FolderWatch};

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
    /// The sign record is an older copy: later ones were written.
    SignRecordOlder {
        /// The file.
        path: PathBuf,
        /// Records written before the copy was made.
        found: u64,
        /// Records known to have been written.
        written: u64,
    },
    /// The marks are missing although this node has run before.
    MarksMissing {
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold what was written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A pipe, a folder or a device stands where a file of the node belongs.
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// A file in the layout of another version of the program.
    OtherLayout {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A file of another chain.
    OtherChain {
        /// The file.
        path: PathBuf,
        /// The chain of the genesis file.
        expected: quancheng_types::ChainId,
    },
    /// A file of another node of the chain.
    OtherOwner(Box<OtherOwner>),
    /// This node was stopped for good by what its key did elsewhere.
    Stopped {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The data folder is being made, or was, and is not whole.
    Restoring {
        /// The file that says so.
        path: PathBuf,
    },
    /// A note says that the data folder is being made, and what lies beside it was not made by that.
    NotUnfinished {
        /// The note.
        path: PathBuf,
    },
    /// Commands that make a folder were interrupted again and again, and what they left is still there.
    TooManyUnfinished {
        /// The data folder.
        path: PathBuf,
    },
    /// The log is not one that this node can go on from.
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
                "{} is damaged; without it the node could sign twice, so it does not start. Check the disk; {REJOIN}",
                path.display()
            ),
            Self::SignRecordMissing { path } => write!(
                f,
                "{} is missing, and this folder holds other things of a node; without it the node could sign twice. Restore it from this \
                 machine; {REJOIN} (签名记录缺失，而目录中有节点的其他内容；缺少它可能重复签名，故不启动)",
                path.display()
            ),
            Self::SignRecordOlder { path, found, written } => write!(
                f,
                "{} is an older copy: it is record number {found}, and number {written} had been written; with it the node could sign \
                 twice, so it does not start. {REJOIN}",
                path.display()
            ),
            Self::MarksMissing { path } => write!(
                f,
                "{} is missing although this node has run before; without it nobody can tell whether the store lost data or which batch \
                 numbers were used. Restore it from this machine; {REJOIN} (标记文件缺失：无法判断账本是否丢失数据、哪些批次号已使用，故不启动)",
                path.display()
            ),
            Self::Damaged { path, what } => {
                write!(f, "{} is damaged; it is {what}. Check the disk; {REJOIN}", path.display())
            }
            Self::NotAFile { path } => f.write_str(&no_file(path)),
            Self::OtherLayout { path, what } => write!(
                f,
                "{} was written by another version of quanchengd, in another layout; it is {what}. Start that version again, or {REJOIN}",
                path.display()
            ),
            Self::OtherChain { path, expected } => write!(
                f,
                "{} belongs to another chain than the genesis file ({expected}); use the genesis it was made with, or another data folder",
                path.display()
            ),
            Self::OtherOwner(other) => other.fmt(f),
            Self::Stopped { path, reason } => write!(
                f,
                "this node stopped and does not start again by itself: {reason} (noted in {}). Make sure that this key runs on one machine \
                 only; {REJOIN}",
                path.display()
            ),
            Self::Restoring { path } => f.write_str(&restoring_file::unfinished(path)),
            Self::NotUnfinished { path } => f.write_str(&restoring_file::not_unfinished(path)),
            Self::TooManyUnfinished { path } => f.write_str(&restoring_file::too_many(path)),
            Self::Log { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FileError {}

/// The way back of a node whose data folder cannot be used.
pub const REJOIN: &str = "restore nothing older, but move the data folder away and join again with `quanchengd init --rejoin-above HEIGHT \
                          --salvage OLD_FOLDER`, where HEIGHT is the greatest that any other node reports; blocks come from the \
                          peers, and admitted transactions that nobody ordered yet are taken out of the old folder (a follower uses \
                          plain `quanchengd init`)";
/// What to do when only what follows from the chain is damaged.
pub const REMAKE: &str = "stop the node, move the folder `store/results` of the data folder away, if it is there, and start it again: it executes its blocks again \
                          and makes it anew, and nothing is lost. A node whose blocks do not begin at height 1 (it has pruned them, or joined by a \
                          snapshot) cannot do that: there, restore a backup or join again (区块不从高度 1 开始的节点不能如此重建：请从备份恢复或重新加入)";

/// That something else stands in the place of a file, and what to do when that file is not found behind it.
fn no_file(path: &Path) -> String {
    let is_log = path.parent().is_some_and(|folder| folder.ends_with(LOG_FOLDER));
    let without = if path.ends_with(LOCK) {
        "The node makes its own, and nothing is lost: try again (移除后重试即可，不会丢失内容)".to_owned()
    } else if is_log {
        "Put the file back that belongs there, or start without it: the node goes on, signs nothing at a height of which it may have forgotten \
         something, and says so (将原文件放回，或直接启动：节点会继续运行，且不在可能有遗忘的高度签名)"
            .to_owned()
    } else {
        format!("Put the file back that belongs there, and start again; where it is gone, {REJOIN}")
    };
    format!(
        "{} is no regular file, but a folder, a pipe or a device (不是普通文件). This node did not make it: see what put it there, and remove it or move it \
         away. {without}",
        path.display()
    )
}

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

/// Refuses what is there and is no regular file: to open or read a pipe would wait for ever, and no stop would end that.
fn check_plain(path: &Path) -> Result<(), FileError> {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err(FileError::NotAFile { path: path.to_owned() }),
        // What cannot be looked at cannot be opened either, which says why.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes the entries of a folder durable (POSIX: a new or renamed file survives a crash only when its folder is synced).
pub(crate) fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = std::fs::File::open(path).map_err(io(path, "open the folder"))?;
    folder.sync_all().map_err(io(path, "sync the folder"))
}
