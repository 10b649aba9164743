//! A network that is being made. A mark stands in its folder from before the first file until every node has its data folder; it is
//! locked by the process that makes it. What a mark without a lock stands beside is half a network: it is cleared away and made anew.
//! The mark names everything that was made. Nothing else is ever removed: a file that is not named there is somebody's own.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::LocalError;
use crate::inventory::has_nodes;
use crate::layout::Layout;
use crate::process::{self, Runner};

/// The making of a network, until [`Founding::end`].
#[derive(Debug)]
pub(crate) struct Founding {
    dir: PathBuf,
    mark: PathBuf,
    file: File,
    /// Whether the folder was made for this network.
    is_new: bool,
}

impl Founding {
    /// Begins in a folder that holds no network, or half of one. `is_new`: the folder was made just now.
    pub(crate) fn begin(layout: &Layout, is_new_folder: bool) -> Result<Self, LocalError> {
        let mark = layout.mark();
        let (file, is_new) = match OpenOptions::new().read(true).append(true).create_new(true).open(&mark) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let file = OpenOptions::new().read(true).append(true).open(&mark);
                (file.map_err(LocalError::io("open", &mark))?, false)
            }
            Err(error) => return Err(LocalError::Io { action: "open", path: mark, error }),
        };
        let founding = Self { dir: layout.dir().to_owned(), mark, file: locked(layout, file)?, is_new: is_new_folder };
        if !is_new {
            clear(layout, &founding.names()?)?;
            founding.file.set_len(0).map_err(LocalError::io("write", &founding.mark))?;
        }
        if let Some(taken) = parts(layout)?.first() {
            // Not ours to clear: nobody began here.
            let fault = in_the_way(layout, taken.clone())?;
            founding.end()?;
            return Err(fault);
        }
        Ok(founding)
    }

    /// Takes half a network that an earlier start has left, to clear it away.
    pub(crate) fn resume(layout: &Layout) -> Result<Self, LocalError> {
        let mark = layout.mark();
        let file = OpenOptions::new().read(true).append(true).open(&mark).map_err(LocalError::io("open", &mark))?;
        Ok(Self { dir: layout.dir().to_owned(), mark, file: locked(layout, file)?, is_new: true })
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Clears away everything that was made, and the folder if it was made for this network and is empty.
    pub(crate) fn abandon(self, layout: &Layout) -> Result<(), LocalError> {
        clear(layout, &self.names()?)?;
        let (dir, is_new) = (self.dir.clone(), self.is_new);
        self.end()?;
        if is_new {
            // A file of somebody's own keeps it.
            let _ = fs::remove_dir(dir);
        }
        Ok(())
    }

    /// Notes a file or folder that was made.
    pub(crate) fn made(&self, path: &Path) -> Result<(), LocalError> {
        self.note(path, "")
    }

    /// Notes a folder that is about to be made by a node, with all that will be in it.
    pub(crate) fn made_tree(&self, path: &Path) -> Result<(), LocalError> {
        if path.symlink_metadata().is_ok() {
            return Err(LocalError::InTheWay { path: path.to_owned() });
        }
        self.note(path, TREE)
    }

    fn note(&self, path: &Path, end: &str) -> Result<(), LocalError> {
        let name = path.strip_prefix(&self.dir).unwrap_or(path).display();
        (&self.file).write_all(format!("{name}{end}\n").as_bytes()).map_err(LocalError::io("write", &self.mark))
    }

    /// What an earlier start made. A name that was cut off is none.
    pub(crate) fn names(&self) -> Result<BTreeSet<String>, LocalError> {
        let text = fs::read_to_string(&self.mark).map_err(LocalError::io("read", &self.mark))?;
        Ok(text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect())
    }

    /// The network is whole.
    pub(crate) fn end(self) -> Result<(), LocalError> {
        fs::remove_file(&self.mark).map_err(LocalError::io("remove", &self.mark))
    }
}

/// End of the name of a folder that is made with all that is in it.
pub(crate) const TREE: &str = "/";

/// What stands where a network is to be made: a network, also one that lost its record, or a file of somebody's own.
fn in_the_way(layout: &Layout, path: PathBuf) -> Result<LocalError, LocalError> {
    let is_network = path == layout.record() || has_nodes(layout)?;
    Ok(if is_network { LocalError::Exists { dir: layout.dir().to_owned() } } else { LocalError::InTheWay { path } })
}

/// Refuses half a network.
pub(crate) fn is_whole(layout: &Layout) -> Result<(), LocalError> {
    if layout.mark().exists() { Err(LocalError::Unfinished { dir: layout.dir().to_owned() }) } else { Ok(()) }
}

fn locked(layout: &Layout, file: File) -> Result<File, LocalError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LocalError::BeingMade { dir: layout.dir().to_owned() }),
        Err(TryLockError::Error(error)) => Err(LocalError::Io { action: "lock", path: layout.mark(), error }),
    }
}

/// Everything in the folder that the making of a network makes, the record first.
fn parts(layout: &Layout) -> Result<Vec<PathBuf>, LocalError> {
    let fixed = [layout.record(), layout.genesis(), layout.checkpoint(), layout.password(), layout.keys()];
    let mut parts: Vec<PathBuf> = fixed.into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
    let mut nodes = nodes(layout)?;
    nodes.sort_unstable();
    parts.extend(nodes.into_iter().map(|index| layout.node(index)));
    Ok(parts)
}

/// Indices of the node folders that are there.
pub(crate) fn nodes(layout: &Layout) -> Result<Vec<u32>, LocalError> {
    let mut nodes = Vec::new();
    for entry in fs::read_dir(layout.dir()).map_err(LocalError::io("read", layout.dir()))? {
        let entry = entry.map_err(LocalError::io("read", layout.dir()))?;
        let name = entry.file_name();
        nodes.extend(
            name.to_str().and_then(|name| name.strip_prefix("node-")).and_then(|index| index.parse::<u32>().ok()),
        );
    }
    Ok(nodes)
}

/// Removes what an earlier start made, once it is known that there is nothing else.
fn clear(layout: &Layout, names: &BTreeSet<String>) -> Result<(), LocalError> {
    for index in nodes(layout)? {
        match process::settled(layout, index)? {
            Runner::Nobody | Runner::Elsewhere(_) => {}
            Runner::Own(pid) => return Err(LocalError::Running { index, pid }),
            Runner::Stray(pid) => return Err(LocalError::Stray { index, pid }),
        }
    }
    let mut found = Vec::new();
    for part in parts(layout)? {
        walk(layout, part, names, &mut found, |path| LocalError::InTheWay { path })?;
    }
    take_away(found)
}

/// Removes what was listed.
pub(crate) fn take_away(found: Vec<(PathBuf, Kind)>) -> Result<(), LocalError> {
    for (path, kind) in found {
        let removed = match kind {
            Kind::File => fs::remove_file(&path),
            Kind::Folder => fs::remove_dir(&path),
            Kind::Tree => fs::remove_dir_all(&path),
        };
        removed.map_err(LocalError::io("remove", &path))?;
    }
    Ok(())
}

/// What something is that is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    File,
    /// A folder, of which everything was listed before.
    Folder,
    /// A folder with all that is in it.
    Tree,
}

/// Lists what there is, what is inside before what holds it. Refuses, in the words of the caller, at the first thing that is not named.
pub(crate) fn walk(
    layout: &Layout,
    path: PathBuf,
    names: &BTreeSet<String>,
    found: &mut Vec<(PathBuf, Kind)>,
    refuse: fn(PathBuf) -> LocalError,
) -> Result<(), LocalError> {
    let name = path.strip_prefix(layout.dir()).unwrap_or(&path).display().to_string();
    let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    let kind = if is_folder && names.contains(&format!("{name}{TREE}")) {
        let device = fs::metadata(layout.dir()).map_err(LocalError::io("read", layout.dir()))?.dev();
        if let Some(mounted) = elsewhere(&path, device)? {
            return Err(refuse(mounted));
        }
        Kind::Tree
    } else if !names.contains(&name) {
        return Err(refuse(path));
    } else if is_folder {
        for entry in fs::read_dir(&path).map_err(LocalError::io("read", &path))? {
            let entry = entry.map_err(LocalError::io("read", &path))?;
            walk(layout, entry.path(), names, found, refuse)?;
        }
        Kind::Folder
    } else {
        Kind::File
    };
    found.push((path, kind));
    Ok(())
}

/// The first folder of a tree that lies on another device than this one: what is mounted there would be emptied with the tree.
fn elsewhere(tree: &Path, device: u64) -> Result<Option<PathBuf>, LocalError> {
    if fs::symlink_metadata(tree).map_err(LocalError::io("read", tree))?.dev() != device {
        return Ok(Some(tree.to_owned()));
    }
    for entry in fs::read_dir(tree).map_err(LocalError::io("read", tree))? {
        let entry = entry.map_err(LocalError::io("read", tree))?;
        let is_folder = entry.file_type().map_err(LocalError::io("read", tree))?.is_dir();
        if is_folder && let Some(mounted) = elsewhere(&entry.path(), device)? {
            return Ok(Some(mounted));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(fs::canonicalize(dir.path()).unwrap());
        (dir, layout)
    }

    #[test]
    fn half_a_network_is_cleared_away_and_made_anew() {
        let (_dir, layout) = folder();
        let founding = Founding::begin(&layout, false).unwrap();
        assert!(matches!(Founding::begin(&layout, false), Err(LocalError::BeingMade { .. })));
        for path in [layout.keys(), layout.node(0)] {
            fs::create_dir_all(&path).unwrap();
            founding.made(&path).unwrap();
        }
        for path in [layout.genesis(), layout.password(), layout.keys().join("a.key")] {
            fs::write(&path, "x").unwrap();
            founding.made(&path).unwrap();
        }
        founding.made_tree(&layout.data(0)).unwrap();
        fs::create_dir_all(layout.data(0).join("store")).unwrap();
        fs::write(layout.dir().join("notes.txt"), "x").unwrap();
        // The process ends here.
        drop(founding);
        assert!(matches!(is_whole(&layout), Err(LocalError::Unfinished { .. })));
        let founding = Founding::begin(&layout, false).unwrap();
        assert_eq!(parts(&layout).unwrap(), Vec::<PathBuf>::new());
        assert!(layout.dir().join("notes.txt").exists(), "what is not of a network stays");
        founding.end().unwrap();
        is_whole(&layout).unwrap();
    }

    #[test]
    fn what_is_given_up_leaves_nothing_but_what_is_somebody_s_own() {
        let (dir, _) = folder();
        for is_kept in [false, true] {
            let layout = Layout::new(fs::canonicalize(dir.path()).unwrap().join("net"));
            fs::create_dir_all(layout.dir()).unwrap();
            let founding = Founding::begin(&layout, true).unwrap();
            fs::create_dir(layout.keys()).unwrap();
            founding.made(&layout.keys()).unwrap();
            fs::write(layout.genesis(), "x").unwrap();
            founding.made(&layout.genesis()).unwrap();
            if is_kept {
                fs::write(layout.dir().join("notes.txt"), "mine").unwrap();
            }
            founding.abandon(&layout).unwrap();
            assert!(!layout.keys().exists() && !layout.genesis().exists() && !layout.mark().exists());
            assert_eq!(layout.dir().join("notes.txt").exists(), is_kept);
            assert_eq!(layout.dir().exists(), is_kept);
        }
    }

    /// Whatever was put into the folder after a start that was interrupted is its user's, also where a start makes files.
    #[test]
    fn what_no_start_has_made_is_never_cleared_away() {
        let (_dir, layout) = folder();
        let founding = Founding::begin(&layout, false).unwrap();
        fs::create_dir_all(layout.keys()).unwrap();
        founding.made(&layout.keys()).unwrap();
        fs::write(layout.genesis(), "x").unwrap();
        founding.made(&layout.genesis()).unwrap();
        drop(founding);
        let mine = [layout.keys().join("mine.key"), layout.password(), layout.node(2).join("validator.key")];
        for path in mine {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "mine").unwrap();
            let Err(LocalError::InTheWay { path: told }) = Founding::begin(&layout, false) else {
                panic!("begun over {path:?}")
            };
            assert!(path.starts_with(told));
            assert!(path.exists() && layout.genesis().exists(), "nothing was removed");
            fs::remove_file(&path).unwrap();
        }
        fs::remove_dir(layout.node(2)).unwrap();
        Founding::begin(&layout, false).unwrap().end().unwrap();
        assert!(!layout.keys().exists() && !layout.genesis().exists());
    }

    #[test]
    fn what_is_mounted_in_a_data_folder_is_told() {
        let (_dir, layout) = folder();
        fs::create_dir_all(layout.data(0).join("store")).unwrap();
        fs::write(layout.data(0).join("store/1"), "x").unwrap();
        let device = fs::metadata(layout.dir()).unwrap().dev();
        assert_eq!(elsewhere(&layout.data(0), device).unwrap(), None);
        assert_eq!(elsewhere(&layout.data(0), device + 1).unwrap(), Some(layout.data(0)));
        // A folder of another file system, where this machine has one at a known place.
        let proc = fs::metadata("/proc").unwrap().dev();
        assert_ne!(proc, device);
        assert_eq!(elsewhere(Path::new("/proc/self/attr"), device).unwrap(), Some("/proc/self/attr".into()));
        // A link is removed as a link.
        std::os::unix::fs::symlink("/proc/self/attr", layout.data(0).join("link")).unwrap();
        assert_eq!(elsewhere(&layout.data(0), device).unwrap(), None);
    }

    #[test]
    fn nothing_of_others_is_touched() {
        let (_dir, layout) = folder();
        for path in [layout.keys(), layout.node(3)] {
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("mine"), "x").unwrap();
            for _ in 0..2 {
                let Err(LocalError::InTheWay { path: told }) = Founding::begin(&layout, false) else {
                    panic!("begun over {path:?}")
                };
                assert_eq!(told, path);
            }
            assert!(path.join("mine").exists() && !layout.mark().exists());
            fs::remove_dir_all(path).unwrap();
        }
        for path in [layout.password(), layout.checkpoint()] {
            fs::write(&path, "mine").unwrap();
            assert!(
                matches!(Founding::begin(&layout, false), Err(LocalError::InTheWay { path: told }) if told == path)
            );
            fs::remove_file(path).unwrap();
        }
        fs::write(layout.record(), "{}").unwrap();
        let Err(LocalError::Exists { dir }) = Founding::begin(&layout, false) else { panic!("begun over a network") };
        assert_eq!(dir, layout.dir());
    }
}
