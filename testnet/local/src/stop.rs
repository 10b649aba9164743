//! Stopping a network.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde::Serialize;

use crate::elsewhere::Elsewhere;
use crate::error::LocalError;
use crate::inventory::Inventory;
use crate::layout::Layout;
use crate::process::{self, Runner};
use crate::unfinished;

/// Time for a clean shutdown.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// Time until a killed process is gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of stopping a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StopReport {
    /// Nodes that ended by themselves when asked.
    pub stopped: Vec<u32>,
    /// Nodes that had to be killed.
    pub killed: Vec<u32>,
    /// Nodes that go on running: their processes are not on record.
    pub stray: Vec<Stray>,
    /// Nodes that go on running from another folder of the network.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether the record of the network was lost or damaged, so that its nodes were found by their folders.
    pub without_record: bool,
}

/// A node that runs as a process that is not on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// Its place.
    pub index: u32,
    /// Its process, where the system tells it.
    pub pid: Option<u32>,
}

/// Ends every node of the network in a folder cleanly; kills those that do not end in 20 seconds. The record of the network is not needed.
///
/// # Errors
/// [`LocalError::NoNetwork`], [`LocalError::Unfinished`], [`LocalError::Signal`], [`LocalError::StillRunning`].
pub fn stop(dir: &Path) -> Result<StopReport, LocalError> {
    let found = fs::canonicalize(dir).map_err(|_| LocalError::NoNetwork { dir: dir.to_owned() })?;
    let layout = Layout::new(found);
    unfinished::is_whole(&layout)?;
    let inventory = Inventory::of(&layout)?;
    let report = nodes(&layout, &inventory.indices)?;
    Ok(StopReport { without_record: !inventory.is_recorded, ..report })
}

/// Ends these nodes.
pub(crate) fn nodes(layout: &Layout, indices: &[u32]) -> Result<StopReport, LocalError> {
    let running: Vec<(u32, u32)> =
        indices.iter().filter_map(|index| Some((*index, process::running(layout, *index)?))).collect();
    for (_, pid) in &running {
        process::signal_to_end(*pid, Signal::TERM)?;
        // A halted process takes no other signal before it goes on.
        process::signal_to_end(*pid, Signal::CONT)?;
    }
    let mut report = StopReport::default();
    for index in indices {
        match process::settled(layout, *index)? {
            Runner::Stray(pid) => report.stray.push(Stray { index: *index, pid }),
            Runner::Elsewhere(other) => report.elsewhere.push(other),
            Runner::Nobody | Runner::Own(_) => {}
        }
    }
    for (index, _) in running {
        if process::await_end(layout, index, STOP_TIMEOUT) {
            report.stopped.push(index);
        } else {
            kill(layout, index)?;
            report.killed.push(index);
        }
    }
    Ok(report)
}

/// Kills a node with SIGKILL. Returns its process.
pub(crate) fn kill(layout: &Layout, index: u32) -> Result<u32, LocalError> {
    let pid = process::own(layout, index)?;
    process::signal_to_end(pid, Signal::KILL)?;
    if process::await_end(layout, index, KILL_TIMEOUT) { Ok(pid) } else { Err(LocalError::StillRunning { pid }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its record and its number may both be lost: what holds the lock of the data and was started by the file of the node is its process. A
    /// process that holds the lock and was started for something else is somebody's own, and is told.
    #[test]
    fn nodes_without_any_record_are_found_by_what_they_hold_and_others_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(fs::canonicalize(dir.path()).unwrap());
        let program = dir.path().join("stays");
        fs::write(&program, "#!/bin/sh\nexec 9>data/lock\nflock 9\nwhile :; do sleep 0.1; done\n").unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut children = Vec::new();
        for index in [0, 1] {
            fs::create_dir_all(layout.data(index)).unwrap();
            fs::write(layout.config(index), "").unwrap();
            children.push(process::start(&program, &layout, index, &[]).unwrap().child);
        }
        let is_locked =
            |index| matches!(process::runner(&layout, index), Ok(Runner::Own(_))) && layout.lock(index).exists();
        while !(is_locked(0) && is_locked(1)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        fs::remove_file(layout.pid(0)).unwrap();
        while process::runner(&layout, 0).unwrap() != Runner::Own(children[0].id()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        // The second is the node of another folder by its file, as after this one was moved.
        fs::rename(layout.node(1), layout.node(2)).unwrap();
        let other = children.remove(1);
        let reaped = std::thread::spawn({
            let mut child = children.remove(0);
            move || child.wait()
        });
        let report = stop(dir.path()).unwrap();
        assert_eq!((report.stopped, report.killed, report.without_record), (vec![0], vec![], true));
        assert_eq!(report.stray.iter().map(|stray| stray.index).collect::<Vec<_>>(), [2]);
        reaped.join().unwrap().unwrap();
        let mut other = other;
        assert!(other.try_wait().unwrap().is_none(), "it runs on");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
