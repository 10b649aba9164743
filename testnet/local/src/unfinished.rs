//! A network that is being made. A mark stands in its folder from before the first file until every node has its data folder; it is
//! locked by the process that makes it. What a mark without a lock stands beside is half a network: it is cleared away and made anew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::error::LocalError;
use crate::layout::Layout;
use crate::process;

/// The making of a network, until [`Founding::end`].
#[derive(Debug)]
pub(crate) struct Founding {
    mark: PathBuf,
    _lock: File,
}

impl Founding {
    /// Begins in a folder that holds no network, or half of one.
    pub(crate) fn begin(layout: &Layout) -> Result<Self, LocalError> {
        let mark = layout.mark();
        let is_old = match OpenOptions::new().write(true).create_new(true).open(&mark) {
            Ok(file) => {
                let founding = Self { mark, _lock: locked(layout, file)? };
                if let Some(taken) = parts(layout)?.first() {
                    // Not ours to clear: nobody began here.
                    let dir = if taken.ends_with("network.json") { layout.dir().to_owned() } else { taken.clone() };
                    founding.end()?;
                    return Err(LocalError::Exists { dir });
                }
                return Ok(founding);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new().write(true).open(&mark),
            Err(error) => Err(error),
        };
        let file = is_old.map_err(LocalError::io("open", &mark))?;
        let founding = Self { mark, _lock: locked(layout, file)? };
        clear(layout)?;
        Ok(founding)
    }

    /// The network is whole.
    pub(crate) fn end(self) -> Result<(), LocalError> {
        fs::remove_file(&self.mark).map_err(LocalError::io("remove", &self.mark))
    }
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

fn nodes(layout: &Layout) -> Result<Vec<u32>, LocalError> {
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

fn clear(layout: &Layout) -> Result<(), LocalError> {
    for index in nodes(layout)? {
        if let Some(pid) = process::running(layout, index) {
            return Err(LocalError::Running { index, pid });
        }
    }
    for path in parts(layout)? {
        let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(LocalError::io("remove", &path))?;
    }
    Ok(())
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
        let founding = Founding::begin(&layout).unwrap();
        assert!(matches!(Founding::begin(&layout), Err(LocalError::BeingMade { .. })));
        fs::create_dir_all(layout.keys()).unwrap();
        fs::create_dir_all(layout.data(0)).unwrap();
        for path in [layout.genesis(), layout.password(), layout.dir().join("notes.txt")] {
            fs::write(path, "x").unwrap();
        }
        // The process ends here.
        drop(founding);
        assert!(matches!(is_whole(&layout), Err(LocalError::Unfinished { .. })));
        let founding = Founding::begin(&layout).unwrap();
        assert_eq!(parts(&layout).unwrap(), Vec::<PathBuf>::new());
        assert!(layout.dir().join("notes.txt").exists(), "what is not of a network stays");
        founding.end().unwrap();
        is_whole(&layout).unwrap();
    }

    #[test]
    fn nothing_of_others_is_touched() {
        let (_dir, layout) = folder();
        for path in [layout.keys(), layout.node(3)] {
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("mine"), "x").unwrap();
            for _ in 0..2 {
                let Err(LocalError::Exists { dir }) = Founding::begin(&layout) else { panic!("begun over {path:?}") };
                assert_eq!(dir, path);
            }
            assert!(path.join("mine").exists() && !layout.mark().exists());
            fs::remove_dir_all(path).unwrap();
        }
        fs::write(layout.record(), "{}").unwrap();
        let Err(LocalError::Exists { dir }) = Founding::begin(&layout) else { panic!("begun over a network") };
        assert_eq!(dir, layout.dir());
    }
}
