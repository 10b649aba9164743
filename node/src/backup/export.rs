//! Moving a backup out of the data folder, and the files of one into a new store.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::make::{Made, remove, sync_parts};
use super::record::{BackupFile, BackupRecord, digest, sync_folder};
use super::{BackupError, FileFault, FileFaultKind};

/// Names that are tried for a folder to work in.
const WORKPLACES_MAX: u32 = 16;

/// Moves a backup that was just made to `out`, which must not exist: by links on one file system. On another one, files that the newest backup
/// beside `out` has are shared with it, and only the others are copied.
///
/// # Errors
/// [`BackupError::Exists`], [`BackupError::Io`], [`BackupError::Faults`]; `out` is then not there.
pub(super) fn export(made: Made, out: &Path) -> Result<Made, BackupError> {
    let from = PathBuf::from(&made.folder);
    // Without a slash at its end, behind which another name would lie in it.
    let out = out.components().collect::<PathBuf>();
    let out = out.as_path();
    let record = BackupRecord::read(&from)?;
    free(out)?;
    let parent = parent(out);
    let earlier = earlier(parent, &record);
    let partial = workplace(out)?;
    let moved = fill(&from, &record, earlier.as_ref(), &partial).and_then(|()| publish(&partial, out, parent));
    if let Err(error) = moved {
        // Made by this command, under a name that was free.
        let _ = remove(&partial);
        return Err(error);
    }
    let emptied = std::fs::remove_dir_all(&from);
    emptied.map_err(BackupError::io(&from, "remove, now that the backup is where it was to go,"))?;
    let old: HashSet<_> = earlier.iter().flat_map(|(_, record)| &record.files).map(identity).collect();
    let new: Vec<&BackupFile> = record.files.iter().filter(|file| !old.contains(&identity(file))).collect();
    let out = std::fs::canonicalize(out).map_err(BackupError::io(out, "look at"))?;
    Ok(Made {
        folder: out.display().to_string(),
        new_files: u64::try_from(new.len()).unwrap_or(u64::MAX),
        new_bytes: new.iter().map(|file| file.bytes).sum(),
        ..made
    })
}

/// A folder beside `out` to work in, under a name that nothing had: what is called as it would be is somebody's, and left alone.
fn workplace(out: &Path) -> Result<PathBuf, BackupError> {
    let process = std::process::id();
    for number in 0..WORKPLACES_MAX {
        let mut name = out.as_os_str().to_owned();
        name.push(OsString::from(format!(".{process}-{number}.partial")));
        let path = PathBuf::from(name);
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(BackupError::io(&path, "make")(error)),
        }
    }
    Err(BackupError::Exists { path: out.to_owned() })
}

/// Gives a finished folder its name. The name is taken first, by making an empty folder of it, which only one of several commands can: a folder takes the
/// place of an empty one, whoever made that.
fn publish(partial: &Path, out: &Path, parent: &Path) -> Result<(), BackupError> {
    match std::fs::create_dir(out) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists { path: out.to_owned() });
        }
        made => made.map_err(BackupError::io(out, "make"))?,
    }
    if let Err(error) = std::fs::rename(partial, out) {
        // Only while it is empty.
        let _ = std::fs::remove_dir(out);
        return Err(BackupError::io(out, "name")(error));
    }
    sync_folder(parent)
}

/// Refuses a place that is taken, and one in a folder that is not there: a path that was mistyped would take the backup to a disk of which
/// nobody thinks.
pub(super) fn free(out: &Path) -> Result<(), BackupError> {
    match out.symlink_metadata() {
        Ok(_) => return Err(BackupError::Exists { path: out.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(BackupError::io(out, "look at")(error)),
    }
    let parent = parent(out);
    if parent.is_dir() { Ok(()) } else { Err(BackupError::NoFolder { path: parent.to_owned() }) }
}

/// The folder that holds another; of one without a name, itself.
fn parent(out: &Path) -> &Path {
    match out.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => out,
    }
}

fn identity(file: &BackupFile) -> (&str, u64, [u8; 32]) {
    (file.path.as_str(), file.bytes, file.sha256.0)
}

/// The newest backup of the same node in a folder.
fn earlier(parent: &Path, of: &BackupRecord) -> Option<(PathBuf, BackupRecord)> {
    let entries = std::fs::read_dir(parent).ok()?.flatten().map(|entry| entry.path());
    let records = entries.filter_map(|path| BackupRecord::read(&path).ok().map(|record| (path, record)));
    records
        .filter(|(_, record)| record != of && (record.chain_id, record.node_id) == (of.chain_id, of.node_id))
        .max_by_key(|(_, record)| (record.height, record.time_ms))
}

fn fill(
    from: &Path,
    record: &BackupRecord,
    earlier: Option<&(PathBuf, BackupRecord)>,
    partial: &Path,
) -> Result<(), BackupError> {
    for part in quancheng_state::backend::Part::ALL {
        let folder = partial.join(part.name());
        std::fs::create_dir(&folder).map_err(BackupError::io(&folder, "make"))?;
    }
    let held: HashSet<_> = earlier.iter().flat_map(|(_, record)| &record.files).map(identity).collect();
    for file in &record.files {
        let to = partial.join(&file.path);
        if std::fs::hard_link(from.join(&file.path), &to).is_ok() {
            continue;
        }
        // Another file system, or one without links.
        let shared = earlier.filter(|_| held.contains(&identity(file))).map(|(folder, _)| folder.join(&file.path));
        if shared.is_some_and(|shared| is_whole(&shared, file) && std::fs::hard_link(shared, &to).is_ok()) {
            continue;
        }
        copy_checked(from, file, &to)?;
    }
    record.write(partial)?;
    sync_parts(partial)
}

/// Whether a file that would be shared is not cut short. Its content is looked at by `backup --check`.
fn is_whole(path: &Path, file: &BackupFile) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes)
}

/// Copies a file of a backup, and compares what was copied with its digest. Durable when it returns, but for its name.
///
/// # Errors
/// [`BackupError::Faults`] when the file is not as it was, [`BackupError::Io`], also when `to` is there.
pub(crate) fn copy_checked(folder: &Path, file: &BackupFile, to: &Path) -> Result<(), BackupError> {
    let mut copy = File::create_new(to).map_err(BackupError::io(to, "make"))?;
    let found =
        digest(&folder.join(&file.path), &mut |piece| copy.write_all(piece).map_err(BackupError::io(to, "write")))?;
    if found != (file.bytes, file.sha256) {
        let fault = FileFault { path: file.path.clone(), kind: FileFaultKind::Content };
        return Err(BackupError::Faults { path: folder.to_owned(), faults: vec![fault] });
    }
    copy.sync_all().map_err(BackupError::io(to, "sync"))
}
