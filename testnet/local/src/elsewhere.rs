//! Where a node runs when it does not run from this folder. A folder that was copied holds the keys, the doors and even the number of a
//! process that belong to the other: whoever is told only that nothing runs here, or which process to kill, takes one network for the other.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::layout::Layout;

/// A node of this network that runs from another folder of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Its place.
    pub index: u32,
    /// Its process.
    pub pid: u32,
    /// The folder that it runs from.
    pub dir: PathBuf,
}

/// Who runs a node from another folder of the same network. Two folders are of one network when their genesis is the same: each start makes
/// one of its own.
pub(crate) fn of(layout: &Layout, index: u32) -> Option<Elsewhere> {
    let genesis = fs::read(layout.genesis()).ok()?;
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some(Elsewhere { index, pid, dir: folder_of(layout, index, pid)? }))
        .find(|found| fs::read(Layout::new(found.dir.clone()).genesis()).is_ok_and(|other| other == genesis))
}

/// The folder of the network whose node of this place a process was started to run, if it is there and is not this one.
fn folder_of(layout: &Layout, index: u32, pid: u32) -> Option<PathBuf> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<&OsStr> = words.split(|byte| *byte == 0).map(OsStr::from_bytes).collect();
    if !words.iter().any(|word| *word == "start") {
        return None;
    }
    let node = layout.node(index);
    let name = Path::new(node.file_name()?).join(layout.config(index).file_name()?);
    let config = words.into_iter().map(Path::new).find(|word| word.is_absolute() && word.ends_with(&name))?;
    let dir = config.parent()?.parent()?;
    (identity(dir)? != identity(layout.dir())?).then(|| dir.to_owned())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}
