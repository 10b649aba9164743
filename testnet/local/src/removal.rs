//! Getting rid of a network: what runs is stopped, and what was made for it is removed. A folder that holds anything else is left as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::elsewhere::Elsewhere;
use crate::error::{Left, LocalError};
use crate::interrupt;
use crate::inventory::Inventory;
use crate::layout::Layout;
use crate::process::{self, Runner};
use crate::stop::{StopReport, stop};
use crate::unfinished::{Founding, Kind, take_away, walk};

/// What a node makes in its data folder (`node/src/files`).
const DATA: [&str; 6] = ["lock", "log", "marks", "sign-record", "stopped", "store"];

/// What removing a network takes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Its folder.
    pub dir: PathBuf,
    /// Nodes that run and would be stopped first.
    pub running: Vec<u32>,
    /// Nodes that run from another folder of the network, which is not touched.
    pub elsewhere: Vec<Elsewhere>,
    /// Everything that would be removed, what is inside before what holds it.
    pub paths: Vec<PathBuf>,
    /// Whether the making of the network did not come to its end.
    pub unfinished: bool,
    /// Whether its record is lost or damaged, so that this is known by its folder alone.
    pub without_record: bool,
}

impl Removal {
    /// What would be removed.
    ///
    /// # Errors
    /// [`LocalError::NoNetwork`]; [`LocalError::Foreign`] for the first thing in the folder that was not made for the network;
    /// [`LocalError::Stray`] for a node that only its operator can stop.
    pub fn plan(dir: &Path) -> Result<Self, LocalError> {
        let layout = layout(dir)?;
        let unfinished = layout.mark().exists();
        let (names, indices, without_record) = if unfinished {
            let founding = Founding::resume(&layout)?;
            (founding.names()?, crate::unfinished::nodes(&layout)?, false)
        } else {
            let inventory = Inventory::of(&layout)?;
            (inventory.names(), inventory.indices, !inventory.is_recorded)
        };
        let found = everything(&layout, names, unfinished)?;
        let (mut running, mut elsewhere) = (Vec::new(), Vec::new());
        for index in indices {
            match process::settled(&layout, index)? {
                Runner::Nobody => {}
                Runner::Own(_) => running.push(index),
                Runner::Elsewhere(other) => elsewhere.push(other),
                Runner::Stray(pid) => return Err(LocalError::Stray { index, pid }),
            }
        }
        let paths = found.into_iter().map(|(path, _)| path).collect();
        Ok(Self { dir: layout.dir().to_owned(), running, elsewhere, paths, unfinished, without_record })
    }

    /// Stops what runs and removes what was planned, the folder included. Whatever has come into the folder since is refused as before.
    ///
    /// # Errors
    /// As [`Self::plan`], and those of a stop.
    pub fn carry_out(&self) -> Result<StopReport, LocalError> {
        let layout = layout(&self.dir)?;
        if self.unfinished {
            let founding = Founding::resume(&layout)?;
            everything(&layout, founding.names()?, true)?;
            founding.abandon(&layout)?;
            return Ok(StopReport::default());
        }
        let report = stop(&self.dir)?;
        if let Some(stray) = report.stray.first() {
            return Err(LocalError::Stray { index: stray.index, pid: stray.pid });
        }
        // Stopping takes a while: whoever has seen meanwhile that it is the wrong folder is heard.
        interrupt::check(layout.dir(), Left::Stopped)?;
        let inventory = Inventory::of(&layout)?;
        let mut found = everything(&layout, inventory.names(), false)?;
        found.sort_by_key(|(path, _)| inventory.is_kept_longest(&layout, path));
        take_away(found)?;
        fs::remove_dir(&self.dir).map_err(LocalError::io("remove", &self.dir))?;
        Ok(report)
    }
}

fn layout(dir: &Path) -> Result<Layout, LocalError> {
    let found = fs::canonicalize(dir).map_err(|_| LocalError::NoNetwork { dir: dir.to_owned() })?;
    Ok(Layout::new(found))
}

/// Everything in the folder, when all of it was made for the network.
fn everything(
    layout: &Layout,
    mut names: BTreeSet<String>,
    unfinished: bool,
) -> Result<Vec<(PathBuf, Kind)>, LocalError> {
    if unfinished {
        names.insert(layout.mark().file_name().unwrap_or_default().display().to_string());
    }
    let mut found = Vec::new();
    for path in entries(layout.dir())? {
        walk(layout, path, &names, &mut found, |path| LocalError::Foreign { path })?;
    }
    for (path, _) in found.iter().filter(|(_, kind)| *kind == Kind::Tree) {
        let is_known = |path: &PathBuf| path.file_name().is_some_and(|name| DATA.iter().any(|known| name == *known));
        if let Some(path) = entries(path)?.into_iter().find(|path| !is_known(path)) {
            return Err(LocalError::Foreign { path });
        }
    }
    Ok(found)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let entries = fs::read_dir(dir).map_err(LocalError::io("read", dir))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(LocalError::io("read", dir))?;
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network of one node that does not run, as a start makes it.
    fn network(dir: &Path) -> Layout {
        let record = r#"{"format":"quancheng-testnet","version":1,"chain_id":"ZERO","chain_name":"t","quanchengd":"q","nodes":[
            {"index":0,"role":"validator","organization":"O","node_id":"ZERO","public_key":null,"peer":"127.0.0.1:1","api":"127.0.0.1:2",
            "admin":"127.0.0.1:3"}],"reserve":[],"keys":{"O":"keys/O.key"}}"#;
        fs::create_dir_all(dir.join("keys")).unwrap();
        fs::create_dir_all(dir.join("node-0/data/store")).unwrap();
        for name in ["genesis.json", "checkpoint.json", "password", "keys/O.key", "node-0/node.toml", "node-0/peer.key"]
        {
            fs::write(dir.join(name), "x").unwrap();
        }
        for name in ["node-0/validator.key", "node-0/node.log", "node-0/pid", "node-0/data/lock", "node-0/data/store/1"]
        {
            fs::write(dir.join(name), "").unwrap();
        }
        fs::write(dir.join("network.json"), record.replace("ZERO", &"0".repeat(64))).unwrap();
        Layout::new(fs::canonicalize(dir).unwrap())
    }

    #[test]
    fn what_was_made_goes_and_the_folder_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("net");
        network(&dir);
        let plan = Removal::plan(&dir).unwrap();
        assert!(plan.paths.iter().any(|path| path.ends_with("keys/O.key")) && plan.running.is_empty());
        assert!(dir.join("network.json").exists(), "a plan changes nothing");
        assert_eq!(plan.carry_out().unwrap(), StopReport::default());
        assert!(!dir.exists());
        assert!(matches!(Removal::plan(&dir), Err(LocalError::NoNetwork { .. })));
    }

    #[test]
    fn a_folder_that_holds_anything_else_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("net");
        let layout = network(&dir);
        let plan = Removal::plan(&dir).unwrap();
        for name in ["notes.txt", "keys/mine.key", "node-0/old.log", "node-0/data/mine", "node-1/peer.key", "data/x"] {
            let path = layout.dir().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "mine").unwrap();
            for result in [Removal::plan(&dir).map(drop), plan.carry_out().map(drop)] {
                let Err(LocalError::Foreign { path: told }) = result else { panic!("removed beside {name}") };
                assert!(path.starts_with(&told) || told.starts_with(path.parent().unwrap()), "{told:?}");
            }
            assert!(path.exists() && layout.record().exists() && layout.password().exists());
            fs::remove_file(&path).unwrap();
            let _ = fs::remove_dir(path.parent().unwrap());
        }
        // Data that were put elsewhere are not followed.
        fs::rename(layout.data(0), dir.with_extension("data")).unwrap();
        std::os::unix::fs::symlink(dir.with_extension("data"), layout.data(0)).unwrap();
        assert!(matches!(plan.carry_out(), Err(LocalError::Foreign { .. })));
        assert!(dir.with_extension("data").join("store/1").exists());
    }

    /// Neither command may need what is damaged: the advice for a damaged record is to remove the network.
    #[test]
    fn a_network_without_its_record_is_removed_by_what_is_there() {
        let whole = |dir: &Path| fs::read(dir.join("network.json")).unwrap();
        type Damage = fn(&[u8]) -> Option<Vec<u8>>;
        let damages: [Damage; 5] = [
            |_| None,
            |_| Some(Vec::new()),
            |_| Some(b"{}".to_vec()),
            |bytes| Some(bytes[..120].to_vec()),
            |bytes| Some(String::from_utf8_lossy(bytes).replace("\"version\":1", "\"version\":9").into_bytes()),
        ];
        for damage in damages {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path().join("net");
            let layout = network(&dir);
            fs::rename(dir.join("keys/O.key"), dir.join("keys/ORG-REG.key")).unwrap();
            match damage(&whole(&dir)) {
                Some(bytes) => fs::write(layout.record(), bytes).unwrap(),
                None => fs::remove_file(layout.record()).unwrap(),
            }
            assert!(matches!(crate::Network::open(&dir), Err(LocalError::Record { .. })));
            assert!(matches!(Founding::begin(&layout, false), Err(LocalError::Exists { .. })));
            let report = stop(&dir).unwrap();
            assert_eq!(report, StopReport { without_record: true, ..StopReport::default() });
            // What no start makes is somebody's own, and stays with everything else.
            for name in ["notes.txt", "keys/mine.key", "node-0/data/mine"] {
                fs::write(dir.join(name), "mine").unwrap();
                assert!(matches!(Removal::plan(&dir), Err(LocalError::Foreign { .. })), "{name}");
                fs::remove_file(dir.join(name)).unwrap();
            }
            let plan = Removal::plan(&dir).unwrap();
            assert!(plan.without_record);
            assert!(plan.carry_out().unwrap().without_record);
            assert!(!dir.exists());
        }
        // A file of that name alone makes no network.
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("network.json"), "{}").unwrap();
        for result in [Removal::plan(folder.path()).map(drop), stop(folder.path()).map(drop)] {
            assert!(matches!(result, Err(LocalError::Record { .. })), "{result:?}");
        }
        assert!(folder.path().join("network.json").exists());
    }

    #[test]
    fn folders_that_are_no_network_are_refused_and_half_of_one_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "mine").unwrap();
        assert!(matches!(Removal::plan(dir.path()), Err(LocalError::NoNetwork { .. })));
        let net = dir.path().join("net");
        fs::create_dir(&net).unwrap();
        let layout = Layout::new(fs::canonicalize(&net).unwrap());
        let founding = Founding::begin(&layout, true).unwrap();
        fs::write(layout.genesis(), "x").unwrap();
        founding.made(&layout.genesis()).unwrap();
        assert!(matches!(Removal::plan(&net), Err(LocalError::BeingMade { .. })));
        drop(founding);
        fs::write(net.join("mine"), "mine").unwrap();
        assert!(matches!(Removal::plan(&net), Err(LocalError::Foreign { .. })));
        fs::remove_file(net.join("mine")).unwrap();
        Removal::plan(&net).unwrap().carry_out().unwrap();
        assert!(!net.exists() && dir.path().join("mine").exists());
    }
}
