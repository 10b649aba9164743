//! Whether the data folder is still the one that the node works in.
//!
//! An open file outlives its name: a node whose folder was removed or put in another's place goes on writing into files that nobody
//! will ever find again, and would answer "admitted" for what is on no disk. So the identities of the folder and of what lies in it are
//! kept from the start, and compared now and then, and at the end.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, Weak};

use quancheng_state::Backend;
use quancheng_state_rocks::Appended;
use tracing::warn;

use super::LogInUse;

/// What keeps its identity for as long as a node runs: files that are written in place, and folders.
const PARTS: [&str; 7] = ["lock", "marks", "sign-record", "log", "store", "store/chain", "store/results"];

/// Device and inode.
type Identity = (u64, u64);

/// The data folder of a running node.
#[derive(Debug)]
pub struct FolderWatch {
    folder: PathBuf,
    known: Vec<(PathBuf, Identity)>,
    log: LogInUse,
    /// The file of the log as it was seen last.
    log_seen: Mutex<Option<(PathBuf, Appended)>>,
    /// Not kept open for the sake of being watched.
    store: Weak<dyn Backend>,
}

impl FolderWatch {
    /// Remembers what is there now. `log`: the file that the node writes to at the height in progress. The store itself knows which of its files
    /// it needs.
    #[must_use]
    pub fn begin(folder: &Path, log: LogInUse, store: Weak<dyn Backend>) -> Self {
        let paths = std::iter::once(folder.to_owned()).chain(PARTS.map(|name| folder.join(name)));
        let known = paths.filter_map(|path| identity(&path).ok().map(|found| (path, found))).collect();
        let watch = Self { folder: folder.to_owned(), known, log, log_seen: Mutex::default(), store };
        // What is missing by now is missing at the next look too; the others are remembered.
        let _ = watch.lost();
        watch
    }

    /// What is no longer what it was; nothing when all of it is. What cannot be looked at now (a disk that fails, a permission) is not called
    /// lost: whoever reads or writes it tells that.
    #[must_use]
    pub fn lost(&self) -> Option<FolderLost> {
        let mut lost = FolderLost { folder: self.folder.clone(), removed: Vec::new(), replaced: Vec::new() };
        for (path, known) in &self.known {
            match identity(path) {
                Ok(found) if found == *known => {}
                Ok(_) => lost.replaced.push(path.clone()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => lost.removed.push(path.clone()),
                Err(_) => {}
            }
        }
        // Whose folder is gone is not named by its files.
        if lost.removed.is_empty() && lost.replaced.is_empty() {
            for path in self.lost_log().into_iter().chain(self.lost_of_store()) {
                if path.exists() { &mut lost.replaced } else { &mut lost.removed }.push(path);
            }
        }
        (!lost.removed.is_empty() || !lost.replaced.is_empty()).then_some(lost)
    }
}

impl FolderWatch {
    /// The file of the log that is written to, when it is no longer there with everything that it held.
    fn lost_log(&self) -> Option<PathBuf> {
        let mut seen = self.log_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.log.path();
        let holds = match &mut *seen {
            Some((known, appended)) if *known == path => appended.holds(&path),
            Some(_) | None => match Appended::at(&path) {
                Ok(appended) => {
                    *seen = Some((path.clone(), appended));
                    true
                }
                Err(error) => error.kind() != std::io::ErrorKind::NotFound,
            },
        };
        // It is removed by the node itself when another was begun.
        (!holds && self.log.path() == path).then_some(path)
    }

    fn lost_of_store(&self) -> Vec<PathBuf> {
        let Some(store) = self.store.upgrade() else {
            return Vec::new();
        };
        store.lost_files().unwrap_or_else(|error| {
            warn!(%error, "the store does not tell which of its files it needs");
            Vec::new()
        })
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    std::fs::symlink_metadata(path)
        .and_then(|named| if named.is_symlink() { std::fs::metadata(path) } else { Ok(named) })
        .map(|meta| (meta.dev(), meta.ino()))
}

/// What a running node lost of its data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderLost {
    /// The folder.
    pub folder: PathBuf,
    /// What is no longer there.
    pub removed: Vec<PathBuf>,
    /// Where something else lies now, or less than was written.
    pub replaced: Vec<PathBuf>,
}

impl fmt::Display for FolderLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |paths: &[PathBuf]| {
            let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            if shown.is_empty() { "-".to_owned() } else { shown.join(", ") }
        };
        let (removed, replaced) = (list(&self.removed), list(&self.replaced));
        let folder = self.folder.display();
        write!(
            f,
            "the data folder {folder}, or a part of it, was taken away under the running node (removed: {removed}; replaced by something else, or cut: {replaced}). What \
             this node wrote since is in files without a name and lost: blocks come again from the peers, but transactions that were \
             answered \"admitted\" and not yet ordered may be gone; those who submitted them have to look and to submit again. If the \
             folder, or a file of it, was moved, move it back and start the node. If it is gone, a validator joins again with `quanchengd init --rejoin-above \
             HEIGHT`, where HEIGHT is the greatest that any other node reports, and a follower with `quanchengd init`. Never start a copy \
             of another time with this key (数据目录 {folder} 或其中的内容在节点运行中被移走、替换或截断（已删除：{removed}；已被替换或截断：{replaced}）。此后写入的内容已丢失：\
             区块可由其他节点取回，已答复“已接收”而尚未上链的交易可能丢失，请通知提交人查询并重新提交。如目录只是被移动，请移回原处再启动；\
             如已丢失，验证节点用 `quanchengd init --rejoin-above 高度` 重新加入，跟随节点用 `quanchengd init`；切勿以此密钥启动旧副本)"
        )
    }
}

impl std::error::Error for FolderLost {}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use quancheng_consensus::LogEntry;
    use quancheng_consensus::log::TimeoutStep;
    use quancheng_state::Memory;
    use quancheng_state_rocks::{Rocks, RocksOptions};
    use quancheng_types::{ChainId, Digest, Height, NodeId, Round};

    use super::*;
    use crate::files::{LogFile, LogMark, Owner, log_file};

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        for name in ["log", "store/chain", "store/results"] {
            std::fs::create_dir_all(data.join(name)).unwrap();
        }
        for name in ["lock", "marks", "sign-record"] {
            std::fs::write(data.join(name), name).unwrap();
        }
        (dir, data)
    }

    fn chain() -> ChainId {
        ChainId(Digest([7; 32]))
    }

    fn open_log(data: &Path) -> LogFile {
        let owner = Owner::Follower(NodeId(Digest([3; 32])));
        LogFile::open(data, chain(), owner, LogMark::default()).unwrap().log
    }

    fn watched(data: &Path, log: &LogFile) -> FolderWatch {
        let nothing: Weak<dyn Backend> = Weak::<Memory>::new();
        FolderWatch::begin(data, log.in_use(), nothing)
    }

    fn entry(height: u64) -> LogEntry {
        LogEntry::Timeout { height: Height(height), round: Round(0), step: TimeoutStep::Propose }
    }

    #[test]
    fn what_is_written_in_place_is_not_lost() {
        let (_dir, data) = folder();
        let mut log = open_log(&data);
        let watch = watched(&data, &log);
        std::fs::write(data.join("marks"), "other marks").unwrap();
        log.append(&entry(1));
        log.sync().unwrap();
        std::fs::write(data.join("stopped"), "x").unwrap();
        assert_eq!(watch.lost(), None);
        // Moved away and back it is the same folder.
        std::fs::rename(&data, data.with_extension("old")).unwrap();
        assert!(watch.lost().is_some());
        std::fs::rename(data.with_extension("old"), &data).unwrap();
        assert_eq!(watch.lost(), None);
    }

    #[test]
    fn what_is_removed_or_replaced_is_named() {
        for name in PARTS {
            let (_dir, data) = folder();
            let log = open_log(&data);
            let watch = watched(&data, &log);
            // Its own inode is kept alive, so that no new file is given the same.
            std::fs::rename(data.join(name), data.with_extension("kept")).unwrap();
            let lost = watch.lost().unwrap();
            let below = PARTS.into_iter().filter(|part| part.starts_with(name)).map(|part| data.join(part));
            assert_eq!((lost.removed, lost.replaced), (below.collect(), vec![]));
            std::fs::create_dir(data.join(name)).unwrap();
            if name == "store" {
                std::fs::create_dir(data.join("store/chain")).unwrap();
                std::fs::create_dir(data.join("store/results")).unwrap();
            }
            let lost = watch.lost().unwrap();
            assert!(lost.removed.is_empty() && lost.replaced.contains(&data.join(name)), "{lost:?}");
            assert!(lost.to_string().matches(name).count() >= 2 && lost.to_string().contains("数据目录"), "{lost}");
        }
        let (_dir, data) = folder();
        let watch = watched(&data, &open_log(&data));
        std::fs::remove_dir_all(&data).unwrap();
        assert_eq!(watch.lost().unwrap().removed.len(), PARTS.len() + 1);
        // A follower has no sign record, and misses none.
        let (_dir, data) = folder();
        std::fs::remove_file(data.join("sign-record")).unwrap();
        let log = open_log(&data);
        assert_eq!(watched(&data, &log).lost(), None);
    }

    #[test]
    fn a_log_that_is_removed_or_cut_is_named_and_one_that_begins_another_file_is_not() {
        type Loss = fn(&Path);
        let losses: [Loss; 4] = [
            |path| std::fs::remove_file(path).unwrap(),
            |path| std::fs::rename(path, path.with_extension("away")).unwrap(),
            |path| File::options().write(true).open(path).unwrap().set_len(40).unwrap(),
            |path| {
                std::fs::copy(path, path.with_extension("copy")).unwrap();
                std::fs::rename(path.with_extension("copy"), path).unwrap();
            },
        ];
        for lose in losses {
            let (_dir, data) = folder();
            let mut log = open_log(&data);
            log.append(&entry(1));
            log.sync().unwrap();
            let watch = watched(&data, &log);
            assert_eq!(watch.lost(), None);
            lose(&data.join("log/1"));
            log.append(&entry(1));
            log.sync().unwrap();
            let lost = watch.lost().unwrap();
            assert_eq!([lost.removed, lost.replaced].concat(), [data.join("log/1")]);
        }
        let (_dir, data) = folder();
        let mut log = open_log(&data);
        let watch = watched(&data, &log);
        for _ in 0..2 {
            while std::fs::metadata(watch.log.path()).unwrap().len() < log_file::ROTATE_BYTES {
                (0..20_000).for_each(|_| log.append(&entry(4)));
                log.sync().unwrap();
                assert_eq!(watch.lost(), None);
            }
            log.rotate(Height(4)).unwrap();
            assert_eq!(watch.lost(), None);
        }
        assert_eq!(watch.log.path(), data.join("log/3"));
        std::fs::remove_file(data.join("log/3")).unwrap();
        assert_eq!(watch.lost().unwrap().removed, [data.join("log/3")]);
    }

    /// What the engine misses is named, and the store is not kept open for that.
    #[test]
    fn a_file_that_the_store_needs_is_named() {
        let (_dir, data) = folder();
        let options = RocksOptions { memory_bytes: 16 << 20, ..RocksOptions::default() };
        let store: Arc<dyn Backend> = Arc::new(Rocks::open(&data.join("store"), &options).unwrap());
        let watch = FolderWatch::begin(&data, open_log(&data).in_use(), Arc::downgrade(&store));
        assert_eq!(watch.lost(), None);
        std::fs::remove_file(data.join("store/chain/CURRENT")).unwrap();
        assert_eq!(watch.lost().unwrap().removed, [data.join("store/chain/CURRENT")]);
        assert_eq!(Arc::strong_count(&store), 1);
        drop(store);
        assert_eq!(watch.lost(), None);
    }
}
