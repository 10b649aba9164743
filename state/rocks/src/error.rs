use std::io;
use std::path::Path;

use quancheng_state::{IoCause, StoreError};
use rocksdb::ErrorKind;

/// Something else stands where a folder should be.
pub(crate) fn no_folder(path: &Path) -> StoreError {
    foreign(path, "a file, a pipe or a link that leads nowhere stands there, no folder")
}

/// A pipe, a device or a folder in the place of a file.
pub(crate) fn no_file(path: &Path) -> StoreError {
    foreign(path, "a pipe, a device or a folder stands there, no file")
}

fn foreign(path: &Path, detail: &str) -> StoreError {
    let (path, detail) = (path.display().to_string(), detail.to_owned());
    StoreError::Io { path, operation: "open", cause: IoCause::Foreign, detail }
}

/// A folder without a store that is to be read. The engine would make the folder, and then find nothing in it.
pub(crate) fn no_store(path: &Path, name: &str) -> StoreError {
    let (path, detail) = (path.display().to_string(), format!("the file {name} is missing, so there is no store"));
    StoreError::Io { path, operation: "open", cause: IoCause::NotFound, detail }
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
