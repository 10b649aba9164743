//! A network in its folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use quancheng_types::{NodeId, PublicKey};
use rustix::process::Signal;
use serde::Serialize;

use crate::error::{Left, LocalError};
use crate::layout::{Layout, NodeEntry, Record};
use crate::process::{Runner, Started};
use crate::settings::Settings;
use crate::status::{self, NodeStatus};
use crate::stop::{self, StopReport};
use crate::unfinished::Founding;
use crate::waiting::Waiting;
use crate::{http, interrupt, process, sockets, start, unfinished};

/// Longest wait for the doors of a node that has just ended.
const DOORS_TIMEOUT: Duration = Duration::from_secs(5);
const DOORS_POLL: Duration = Duration::from_millis(20);

/// A network on this machine.
#[derive(Debug)]
pub struct Network {
    layout: Layout,
    record: Record,
}

/// A validator that may be voted in: what a proposal has to name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its place in the network.
    pub index: u32,
    /// The organization that runs it.
    pub organization: String,
    /// The key it will vote with.
    pub public_key: PublicKey,
    /// Its identity on the network.
    pub node_id: NodeId,
    /// Its process.
    pub pid: Option<u32>,
    /// Its public door.
    pub api: String,
    /// Its operator's door.
    pub admin: String,
    /// Its folder.
    pub dir: PathBuf,
}

impl Network {
    /// Makes a new network and brings it up. Nodes go on running when this fails after their start.
    ///
    /// # Errors
    /// [`LocalError`]. After [`LocalError::Interrupted`] there is either a whole network or nothing.
    pub fn start(settings: &Settings) -> Result<Self, LocalError> {
        let (layout, founding) = start::begin(settings)?;
        let record = match Self::found(settings, &layout, &founding) {
            Ok(record) => record,
            Err(error @ LocalError::Interrupted { .. }) => {
                founding.abandon(&layout)?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        founding.end()?;
        let network = Self { layout, record };
        network.bring_up(&network.record.nodes, settings.ready_timeout_ms)?;
        Ok(network)
    }

    fn found(settings: &Settings, layout: &Layout, founding: &Founding) -> Result<Record, LocalError> {
        let record = start::make(settings, layout, founding)?;
        let indices: Vec<u32> = record.nodes.iter().chain(&record.reserve).map(|node| node.index).collect();
        for index in &indices {
            founding.made_tree(&layout.data(*index))?;
        }
        process::init(&record.quanchengd, layout, &indices, None)?;
        interrupt::check(layout.dir(), Left::Nothing)?;
        Ok(record)
    }

    /// Brings up every node of an existing network that does not run.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn resume(&self, timeout_ms: u64) -> Result<(), LocalError> {
        let (mut stopped, mut elsewhere) = (Vec::new(), Vec::new());
        for node in &self.record.nodes {
            match process::settled(&self.layout, node.index)? {
                Runner::Nobody => stopped.push(node.clone()),
                Runner::Own(_) => {}
                Runner::Elsewhere(other) => elsewhere.push(other),
                Runner::Stray(pid) => return Err(LocalError::Stray { index: node.index, pid }),
            }
        }
        if !elsewhere.is_empty() {
            return Err(LocalError::elsewhere(&self.layout, elsewhere));
        }
        self.bring_up(&stopped, timeout_ms)
    }

    fn bring_up(&self, nodes: &[NodeEntry], timeout_ms: u64) -> Result<(), LocalError> {
        nodes.iter().try_for_each(doors_are_free)?;
        let start = |node: &NodeEntry| {
            interrupt::check(self.layout.dir(), Left::Network)?;
            Ok((node.clone(), process::start(&self.record.quanchengd, &self.layout, node.index, &[])?))
        };
        let started: Vec<(NodeEntry, Started)> = nodes.iter().map(start).collect::<Result<_, LocalError>>()?;
        start::await_ready(&self.layout, started, timeout_ms)
    }

    /// The network of a folder.
    ///
    /// # Errors
    /// [`LocalError::NoNetwork`], [`LocalError::Record`].
    pub fn open(dir: &Path) -> Result<Self, LocalError> {
        let found = std::fs::canonicalize(dir).map_err(|_| LocalError::NoNetwork { dir: dir.to_owned() })?;
        let layout = Layout::new(found);
        unfinished::is_whole(&layout)?;
        let record = layout.read()?;
        Ok(Self { layout, record })
    }

    /// What is on record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// The checkpoint file of its genesis.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.layout.checkpoint()
    }

    /// The file whose first line opens its key files.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.layout.password()
    }

    /// Key files of the founding organizations.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<String, PathBuf> {
        self.record.keys.iter().map(|(name, path)| (name.clone(), self.layout.dir().join(path))).collect()
    }

    /// The log file of a node.
    ///
    /// # Errors
    /// [`LocalError::NoNode`].
    pub fn log(&self, index: u32) -> Result<PathBuf, LocalError> {
        self.entry(index).map(|entry| self.layout.log(entry.index))
    }

    fn entry(&self, index: u32) -> Result<&NodeEntry, LocalError> {
        let count = self.record.nodes.len();
        self.record.nodes.iter().find(|node| node.index == index).ok_or(LocalError::NoNode { index, count })
    }

    /// What is known of every node now.
    #[must_use]
    pub fn status(&self) -> Vec<NodeStatus> {
        self.record.nodes.iter().map(|node| status::of_node(&self.layout, node)).collect()
    }

    /// Ends every node cleanly; kills those that do not end in 20 seconds.
    ///
    /// # Errors
    /// [`LocalError::Signal`], [`LocalError::StillRunning`].
    pub fn stop(&self) -> Result<StopReport, LocalError> {
        // A prepared validator may run too: the record was put back, or its start was interrupted.
        let indices: Vec<u32> = self.record.nodes.iter().chain(&self.record.reserve).map(|node| node.index).collect();
        stop::nodes(&self.layout, &indices)
    }

    /// Kills a node with SIGKILL, as a failure of the machine would. Returns its process.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn kill(&self, index: u32) -> Result<u32, LocalError> {
        self.entry(index)?;
        stop::kill(&self.layout, index)
    }

    /// Halts a node with SIGSTOP. Returns its process.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn pause_node(&self, index: u32) -> Result<u32, LocalError> {
        self.entry(index)?;
        let pid = process::own(&self.layout, index)?;
        process::signal(pid, Signal::STOP).map(|()| pid)
    }

    /// Lets a halted node go on. Returns its process.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn resume_node(&self, index: u32) -> Result<u32, LocalError> {
        self.entry(index)?;
        let pid = process::own(&self.layout, index)?;
        process::signal(pid, Signal::CONT).map(|()| pid)
    }

    /// Starts a node that does not run and waits until it is ready. Returns its process.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn start_node(&self, index: u32, timeout_ms: u64) -> Result<u32, LocalError> {
        self.start_node_with(index, &[], timeout_ms)
    }

    /// As [`Self::start_node`], with variables in the environment of its process. They hold for this start only.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn start_node_with(
        &self,
        index: u32,
        variables: &[(&str, &OsStr)],
        timeout_ms: u64,
    ) -> Result<u32, LocalError> {
        let entry = self.entry(index)?;
        self.is_idle(index)?;
        doors_are_free(entry)?;
        let started = process::start(&self.record.quanchengd, &self.layout, index, variables)?;
        let pid = started.child.id();
        start::await_ready(&self.layout, vec![(entry.clone(), started)], timeout_ms)?;
        Ok(pid)
    }

    /// Throws away everything a stopped node has but its keys and its file, as the loss of its disk would, and makes a new data folder
    /// for it. A validator signs again only above every height that another node reports. Start it with [`Self::start_node`].
    ///
    /// # Errors
    /// [`LocalError::Running`] while it runs, [`LocalError::NotReady`] when no other node tells its height, and those of a start.
    pub fn wipe_node(&self, index: u32) -> Result<(), LocalError> {
        let entry = self.entry(index)?;
        self.is_idle(index)?;
        // The same keys must not sign in two places, wherever the other data lie.
        if status::at(entry.api).is_some_and(|answer| status::is_of(&answer, entry)) {
            return Err(LocalError::Stray { index, pid: None });
        }
        let heights = self.record.nodes.iter().filter(|other| other.index != index).filter_map(|other| {
            let (_, status) = http::ask(other.api, "/v1/status").ok()?;
            status?.get("height")?.as_u64()
        });
        let above = match (&entry.public_key, heights.max()) {
            (None, _) => None,
            (Some(_), Some(height)) => Some(height),
            (Some(_), None) => {
                return Err(LocalError::NotReady { waited_ms: 0, reasons: vec![Waiting::NoHeight { index }] });
            }
        };
        let data = self.layout.data(index);
        match std::fs::remove_dir_all(&data) {
            // An earlier wipe came no further.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LocalError::io("remove", data)(error));
            }
            Ok(()) | Err(_) => {}
        }
        process::init(&self.record.quanchengd, &self.layout, &[index], above)
    }

    /// Refuses while anybody runs on the data of a node.
    fn is_idle(&self, index: u32) -> Result<(), LocalError> {
        match process::settled(&self.layout, index)? {
            Runner::Nobody => Ok(()),
            Runner::Own(pid) => Err(LocalError::Running { index, pid }),
            Runner::Stray(pid) => Err(LocalError::Stray { index, pid }),
            Runner::Elsewhere(other) => Err(LocalError::elsewhere(&self.layout, vec![other])),
        }
    }

    /// Starts the next prepared validator as a node that follows. It votes when governance has voted it in.
    ///
    /// # Errors
    /// [`LocalError::NoCandidate`] and those of a start.
    pub fn add_validator(&mut self, timeout_ms: u64) -> Result<Candidate, LocalError> {
        if self.record.reserve.is_empty() {
            return Err(LocalError::NoCandidate);
        }
        let entry = self.record.reserve.remove(0);
        let (Some(public_key), Some(organization)) = (entry.public_key, entry.organization.clone()) else {
            return Err(LocalError::NoCandidate);
        };
        self.record.nodes.push(entry.clone());
        self.layout.write(&self.record)?;
        let pid = self.start_node(entry.index, timeout_ms)?;
        Ok(Candidate {
            index: entry.index,
            organization,
            public_key,
            node_id: entry.node_id,
            pid: Some(pid),
            api: entry.api_url(),
            admin: entry.admin_url(),
            dir: self.layout.node(entry.index),
        })
    }
}

/// Refuses to start a node whose doors somebody else holds: the answers there would not be its own. The system closes the sockets of a
/// process that was killed a moment after the process is gone, so that is waited for.
fn doors_are_free(node: &NodeEntry) -> Result<(), LocalError> {
    let deadline = Instant::now() + DOORS_TIMEOUT;
    loop {
        let taken = [node.peer, node.api, node.admin].into_iter().find(|address| !sockets::is_free(*address));
        let Some(address) = taken else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(LocalError::PortTaken { index: node.index, address });
        }
        thread::sleep(DOORS_POLL);
    }
}
