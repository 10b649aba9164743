//! The files of a backup on the disk, and what is remembered of them so that no file is hashed twice.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use quancheng_state::backend::Part;
use quancheng_types::Digest;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::record::{BackupFile, GENESIS_NAME, RECORD_NAME, digest};
use super::{BackupError, FileFault, FileFaultKind};

/// Name of what is remembered, in the folder of the backups.
const KNOWN_NAME: &str = "digests.json";

/// Plain files of a backup but its record, by their paths below it, and what is none of them.
pub(super) fn walk(folder: &Path) -> Result<(BTreeMap<String, Metadata>, Vec<FileFault>), BackupError> {
    let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
    let parts: Vec<PathBuf> = Part::ALL.iter().map(|part| folder.join(part.name())).collect();
    for below in std::iter::once(folder.to_owned()).chain(parts.iter().filter(|part| part.is_dir()).cloned()) {
        for entry in std::fs::read_dir(&below).map_err(BackupError::io(&below, "list"))? {
            let path = entry.map_err(BackupError::io(&below, "list"))?.path();
            let meta = path.symlink_metadata().map_err(BackupError::io(&path, "look at"))?;
            let name = name_of(folder, &path);
            let is_part = meta.is_dir() && parts.contains(&path);
            if meta.is_file() && name != RECORD_NAME {
                files.insert(name, meta);
            } else if !meta.is_file() && !is_part {
                faults.push(FileFault { path: name, kind: FileFaultKind::NoFile });
            }
        }
    }
    Ok((files, faults))
}

fn name_of(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

/// Whether a path names a file that a backup may hold: a record from elsewhere must not lead out of its folder.
pub(super) fn is_plain(path: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    match path.split_once('/') {
        Some((part, name)) => Part::ALL.iter().any(|known| known.name() == part) && is_name(name),
        None => path == GENESIS_NAME,
    }
}

/// A file whose digest is known. The engine never writes a table again under a name that it has, and links keep the inode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFile {
    device: u64,
    inode: u64,
    /// Seconds, and nanoseconds beside them.
    modified: (i64, i64),
    bytes: u64,
    sha256: Digest,
}

impl KnownFile {
    fn of(meta: &Metadata, sha256: Digest) -> Self {
        let modified = (meta.mtime(), meta.mtime_nsec());
        Self { device: meta.dev(), inode: meta.ino(), modified, bytes: meta.len(), sha256 }
    }
}

/// The digests of the backup before, for files that have not changed since.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<String, KnownFile>);

/// The files of a backup, and which of them the one before did not have.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) files: Vec<BackupFile>,
    pub(super) new_files: u64,
    pub(super) new_bytes: u64,
    known: Known,
}

impl Known {
    /// What was remembered; nothing when it cannot be read, which costs time alone.
    pub(super) fn read(backups: &Path) -> Self {
        let bytes = std::fs::read(backups.join(KNOWN_NAME)).unwrap_or_default();
        Self(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Digests of all files of a backup that is being made. Ends when `asked` to.
    pub(super) fn list(&self, folder: &Path, asked: &AtomicBool) -> Result<Listed, BackupError> {
        let (found, faults) = walk(folder)?;
        if !faults.is_empty() {
            return Err(BackupError::Faults { path: folder.to_owned(), faults });
        }
        let mut listed = Listed { files: Vec::new(), new_files: 0, new_bytes: 0, known: Self::default() };
        for (path, meta) in found {
            let before = self.0.get(&path);
            let same = before.filter(|known| **known == KnownFile::of(&meta, known.sha256));
            let sha256 = match same {
                Some(known) => known.sha256,
                None => digest(&folder.join(&path), &mut |_| unless(asked))?.1,
            };
            let bytes = meta.len();
            if before.is_none_or(|known| (known.bytes, known.sha256) != (bytes, sha256)) {
                listed.new_files += 1;
                listed.new_bytes = listed.new_bytes.saturating_add(bytes);
            }
            listed.known.0.insert(path.clone(), KnownFile::of(&meta, sha256));
            listed.files.push(BackupFile { path, bytes, sha256 });
        }
        Ok(listed)
    }
}

impl Listed {
    /// Remembers the digests for the next backup.
    pub(super) fn remember(&self, backups: &Path) {
        let (path, fresh) = (backups.join(KNOWN_NAME), backups.join(format!("{KNOWN_NAME}.new")));
        let text = serde_json::to_vec(&self.known.0).expect("texts and numbers alone");
        let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &path));
        if let Err(error) = written {
            warn!(path = %path.display(), %error, "the digests of this backup are not remembered; the next one hashes all its files");
        }
    }
}

pub(super) fn unless(asked: &AtomicBool) -> Result<(), BackupError> {
    if asked.load(Ordering::Acquire) { Err(BackupError::Stopping) } else { Ok(()) }
}
