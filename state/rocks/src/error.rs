use std::io;

use quancheng_state::{IoCause, StoreError};
use rocksdb::ErrorKind;

/// Something else stands where the folder should be.
pub(crate) fn no_folder(path: &str) -> StoreError {
    of_words(path, "open", "a file or a dangling link stands there, no folder".to_owned(), true)
}

/// A pipe or a device in the place of a file.
pub(crate) fn no_file(path: &str) -> StoreError {
    of_words(path, "open", "a pipe or a device stands there, no file".to_owned(), true)
}

/// A folder that cannot be made.
pub(crate) fn folder_error(path: &str, error: &io::Error) -> StoreError {
    of_words(path, "make the folder", error.to_string(), false)
}

/// The engine tells causes only in words.
pub(crate) fn io_error(path: &str, operation: &'static str, error: &rocksdb::Error) -> StoreError {
    let is_damage = matches!(error.kind(), ErrorKind::Corruption | ErrorKind::InvalidArgument);
    of_words(path, operation, error.to_string(), is_damage)
}

fn of_words(path: &str, operation: &'static str, detail: String, is_damage: bool) -> StoreError {
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let cause = if says(&["No space left", "StorageFull", "Disk quota exceeded", "QuotaExceeded"]) {
        IoCause::NoSpace
    } else if says(&["Permission denied", "PermissionDenied", "Read-only file system"]) {
        IoCause::Permission
    } else if says(&["lock file", "lock hold by current process", "No locks available"]) {
        IoCause::Locked
    } else if says(&["Too many open files"]) {
        IoCause::FileLimit
    } else if is_damage {
        IoCause::Damaged
    } else if says(&["No such file", "NotFound"]) {
        IoCause::NotFound
    } else {
        IoCause::Device
    };
    StoreError::Io { path: path.to_owned(), operation, cause, detail }
}
