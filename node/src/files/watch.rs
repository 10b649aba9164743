//! Whether the data folder is still the one that the node works in.
//!
//! An open file outlives its name: a node whose folder was removed or put in another's place goes on writing into files that nobody
//! will ever find again, and would answer "admitted" for what is on no disk. So the identities of the folder and of what lies in it are
//! kept from the start, and compared now and then, and at the end.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What keeps its identity for as long as a node runs: files that are written in place, and folders.
const PARTS: [&str; 5] = ["lock", "marks", "sign-record", "log", "store"];

/// Device and inode.
type Identity = (u64, u64);

/// The data folder of a running node.
#[derive(Clone, Debug)]
pub struct FolderWatch {
    folder: PathBuf,
    known: Vec<(PathBuf, Identity)>,
}

impl FolderWatch {
    /// Remembers what is there now.
    #[must_use]
    pub fn begin(folder: &Path) -> Self {
        let paths = std::iter::once(folder.to_owned()).chain(PARTS.map(|name| folder.join(name)));
        let known = paths.filter_map(|path| identity(&path).ok().map(|found| (path, found))).collect();
        Self { folder: folder.to_owned(), known }
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
        (!lost.removed.is_empty() || !lost.replaced.is_empty()).then_some(lost)
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
    /// Where something else lies now.
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
            "the data folder {folder} was taken away under the running node (removed: {removed}; replaced by something else: {replaced}). What \
             this node wrote since is in files without a name and lost: blocks come again from the peers, but transactions that were \
             answered \"admitted\" and not yet ordered may be gone; those who submitted them have to look and to submit again. If the \
             folder was moved, move it back and start the node. If it is gone, a validator joins again with `quanchengd init --rejoin-above \
             HEIGHT`, where HEIGHT is the greatest that any other node reports, and a follower with `quanchengd init`. Never start a copy \
             of another time with this key (数据目录 {folder} 在节点运行中被移走或替换（已删除：{removed}；已被替换：{replaced}）。此后写入的内容已丢失：\
             区块可由其他节点取回，已答复“已接收”而尚未上链的交易可能丢失，请通知提交人查询并重新提交。如目录只是被移动，请移回原处再启动；\
             如已丢失，验证节点用 `quanchengd init --rejoin-above 高度` 重新加入，跟随节点用 `quanchengd init`；切勿以此密钥启动旧副本)"
        )
    }
}

impl std::error::Error for FolderLost {}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        for name in ["log", "store"] {
            std::fs::create_dir_all(data.join(name)).unwrap();
        }
        for name in ["lock", "marks", "sign-record"] {
            std::fs::write(data.join(name), name).unwrap();
        }
        (dir, data)
    }

    #[test]
    fn what_is_written_in_place_is_not_lost() {
        let (_dir, data) = folder();
        let watch = FolderWatch::begin(&data);
        std::fs::write(data.join("marks"), "other marks").unwrap();
        std::fs::write(data.join("log/1"), "x").unwrap();
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
            let watch = FolderWatch::begin(&data);
            // Its own inode is kept alive, so that no new file is given the same.
            std::fs::rename(data.join(name), data.with_extension("kept")).unwrap();
            let lost = watch.lost().unwrap();
            assert_eq!((lost.removed, lost.replaced), (vec![data.join(name)], vec![]));
            std::fs::create_dir(data.join(name)).unwrap();
            let lost = watch.lost().unwrap();
            assert_eq!((&lost.removed, &lost.replaced), (&vec![], &vec![data.join(name)]));
            assert!(lost.to_string().matches(name).count() >= 2 && lost.to_string().contains("数据目录"), "{lost}");
        }
        let (_dir, data) = folder();
        let watch = FolderWatch::begin(&data);
        std::fs::remove_dir_all(&data).unwrap();
        assert_eq!(watch.lost().unwrap().removed.len(), PARTS.len() + 1);
        // A follower has no sign record, and misses none.
        let (_dir, data) = folder();
        std::fs::remove_file(data.join("sign-record")).unwrap();
        assert_eq!(FolderWatch::begin(&data).lost(), None);
    }
}
