//! What can go wrong with a local network.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use quancheng_contracts::{CodecError, GenesisStateError};
use quancheng_keystore::KeyFileError;
use quancheng_proof::CheckpointError;
use quancheng_types::{TooLong, ValidatorSetError};

use crate::elsewhere::Elsewhere;
use crate::layout::Layout;
use crate::waiting::Waiting;

/// What an interrupted call leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: what was made is cleared away.
    Nothing,
    /// A whole network, of which some nodes may run.
    Network,
    /// A whole network, of which no node runs.
    Stopped,
}

/// Why a local network cannot do what was asked. Each says where, why, and what to do.
#[derive(Debug)]
pub enum LocalError {
    /// A setting is outside its range.
    Setting {
        /// Which.
        name: &'static str,
        /// What it was.
        value: u64,
        /// Least allowed.
        min: u64,
        /// Greatest allowed.
        max: u64,
    },
    /// The folder holds a network already.
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// The making of the network did not come to its end.
    Unfinished {
        /// The folder.
        dir: PathBuf,
    },
    /// The caller was asked to stop.
    Interrupted {
        /// The folder.
        dir: PathBuf,
        /// What is there now.
        left: Left,
    },
    /// The folder of a network holds something that was not made for it.
    Foreign {
        /// What.
        path: PathBuf,
    },
    /// A file that nobody made for a network stands where one of its files goes.
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// A process that is not on record runs on the data of a node, or with its keys.
    Stray {
        /// The node.
        index: u32,
        /// Its process, where the system tells it.
        pid: Option<u32>,
    },
    /// Nodes of the network run from another folder of it: one of the two was copied from the other.
    Elsewhere {
        /// This folder.
        dir: PathBuf,
        /// The nodes.
        nodes: Vec<Elsewhere>,
    },
    /// Another process is making a network in the folder.
    BeingMade {
        /// The folder.
        dir: PathBuf,
    },
    /// A door of a node is held by somebody else.
    PortTaken {
        /// The node.
        index: u32,
        /// The door.
        address: std::net::SocketAddr,
    },
    /// The folder holds no network.
    NoNetwork {
        /// The folder.
        dir: PathBuf,
    },
    /// The record of the network is damaged, or missing beside its nodes.
    Record {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        reason: String,
    },
    /// A file or folder cannot be read or written.
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// A key file cannot be made or opened.
    Key(KeyFileError),
    /// The operating system gives no random bytes.
    NoRandomness,
    /// The sample records that name the founding organizations cannot be used.
    Samples {
        /// What is wrong.
        reason: String,
    },
    /// A text is too long for its record.
    TooLong(TooLong),
    /// The genesis content of a module is refused.
    Content(CodecError),
    /// The validators make no set.
    Validators(ValidatorSetError),
    /// The genesis makes no first state.
    Genesis(GenesisStateError),
    /// The checkpoint cannot be made.
    Checkpoint(CheckpointError),
    /// No free ports.
    NoPorts {
        /// How many were wanted.
        wanted: usize,
    },
    /// `quanchengd` was not found.
    NoProgram {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// A program cannot be started.
    Spawn {
        /// Which.
        program: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// `quanchengd init` refused.
    Init {
        /// The node.
        index: u32,
        /// What it said.
        output: String,
    },
    /// A node ended while it was awaited.
    NodeEnded {
        /// The node.
        index: u32,
        /// How it ended.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of it, of those that this start has written.
        tail: String,
    },
    /// Nodes are not ready in time.
    NotReady {
        /// How long was waited, ms.
        waited_ms: u64,
        /// What each of them waits for.
        reasons: Vec<Waiting>,
    },
    /// No node of this index.
    NoNode {
        /// The index asked for.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// The node does not run.
    NotRunning {
        /// Its index.
        index: u32,
    },
    /// The node runs already.
    Running {
        /// Its index.
        index: u32,
        /// Its process.
        pid: u32,
    },
    /// A signal cannot be sent.
    Signal {
        /// The process.
        pid: u32,
        /// The system's answer.
        error: io::Error,
    },
    /// A process outlives its signal.
    StillRunning {
        /// The process.
        pid: u32,
    },
    /// No prepared identity is left for another validator.
    NoCandidate,
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { name, value, min, max } => write!(f, "{name} = {value} is outside {min}..={max}"),
            Self::Exists { dir } => {
                write!(f, "{} holds a network already; choose another folder, or be rid of it with `quancheng testnet remove --dir {0} --yes`", dir.display())
            }
            Self::Unfinished { dir } => write!(
                f,
                "the network in {} was never finished; `quancheng testnet start --dir {0}` clears it away and makes it anew, \
                 `quancheng testnet remove --dir {0} --yes` clears it away",
                dir.display()
            ),
            Self::Interrupted { dir, left } => write_interrupted(f, dir, *left),
            Self::Foreign { path } => write!(
                f,
                "{} was not made for the network; nothing was stopped or removed. Move it away, or remove the folder by hand",
                path.display()
            ),
            Self::InTheWay { path } => write!(
                f,
                "{} is in the way of a new network and was not made for one; move it away or choose another folder. Nothing was removed",
                path.display()
            ),
            Self::Stray { index, pid } => write_stray(f, *index, *pid),
            Self::Elsewhere { dir, nodes } => write_elsewhere(f, dir, nodes),
            Self::BeingMade { dir } => write!(f, "another process is making or starting a network in {}; wait until it has ended", dir.display()),
            Self::PortTaken { index, address } => write!(
                f,
                "{address}, a door of node {index}, is held by another process; nothing was started. If this folder is a copy of a network \
                 that runs, stop that one first"
            ),
            Self::NoNetwork { dir } => {
                write!(f, "{} holds no network; make one with `quancheng testnet start --dir {0}`", dir.display())
            }
            Self::Record { path, reason } => write!(f, "{} cannot be used: {reason}", path.display()),
            Self::Io { action, path, error } => write!(f, "cannot {action} {}: {error}", path.display()),
            Self::Key(error) => fmt::Display::fmt(error, f),
            Self::NoRandomness => f.write_str("the operating system gives no random bytes"),
            Self::Samples { reason } => write!(f, "the sample records cannot found a network: {reason}"),
            Self::TooLong(error) => fmt::Display::fmt(error, f),
            Self::Content(error) => write!(f, "genesis content: {error}"),
            Self::Validators(error) => fmt::Display::fmt(error, f),
            Self::Genesis(error) => fmt::Display::fmt(error, f),
            Self::Checkpoint(error) => fmt::Display::fmt(error, f),
            Self::NoPorts { wanted } => write!(f, "found no {wanted} free ports on 127.0.0.1; stop other networks and try again"),
            Self::NoProgram { tried } => {
                f.write_str("quanchengd was not found; name it with --quanchengd PATH. Looked for:")?;
                tried.iter().try_for_each(|path| write!(f, " {}", path.display()))
            }
            Self::Spawn { program, error } => write!(f, "cannot start {}: {error}", program.display()),
            Self::Init { index, output } => write!(f, "quanchengd init of node {index} failed: {}", output.trim()),
            Self::NodeEnded { index, status, log, tail } => {
                write!(f, "node {index} ended while it was awaited ({status}); the end of {}:\n{}", log.display(), tail.trim_end())
            }
            Self::NotReady { waited_ms, reasons } => {
                write!(f, "not ready after {waited_ms} ms:")?;
                reasons.iter().try_for_each(|reason| write!(f, " {reason};"))?;
                f.write_str(" what has begun goes on, see each node.log")
            }
            Self::NoNode { index, count } => write!(f, "there is no node {index}; the network has {count}, counted from 0"),
            Self::NotRunning { index } => write!(f, "node {index} does not run; start it with `quancheng testnet start-node`"),
            Self::Running { index, pid } => write!(f, "node {index} runs already as process {pid}"),
            Self::Signal { pid, error } => write!(f, "cannot signal process {pid}: {error}"),
            Self::StillRunning { pid } => write!(f, "process {pid} goes on running after SIGKILL; look at the machine"),
            Self::NoCandidate => f.write_str(
                "no prepared identity is left for another validator; start a network with a greater --candidates number",
            ),
        }
    }
}

fn write_stray(f: &mut fmt::Formatter<'_>, index: u32, pid: Option<u32>) -> fmt::Result {
    match pid {
        Some(pid) => write!(
            f,
            "node {index} is run by process {pid}, which is not on record here (was the folder moved, or its file `pid` lost?); \
             end it with `kill {pid}`"
        ),
        None => write!(
            f,
            "node {index} runs somewhere: a process that is not on record here holds its data or answers with its keys; end it first"
        ),
    }
}

fn write_elsewhere(f: &mut fmt::Formatter<'_>, dir: &Path, nodes: &[Elsewhere]) -> fmt::Result {
    write!(
        f,
        "{} is a copy of a network that runs from another folder, or the other is a copy of this one:",
        dir.display()
    )?;
    nodes.iter().try_for_each(|node| {
        write!(f, " node {} runs from {} as process {};", node.index, node.dir.display(), node.pid)
    })?;
    f.write_str(" they were left alone")
}

fn write_interrupted(f: &mut fmt::Formatter<'_>, dir: &Path, left: Left) -> fmt::Result {
    let dir = dir.display();
    match left {
        Left::Nothing => write!(f, "interrupted while the network in {dir} was made; nothing of it is left"),
        Left::Network => write!(
            f,
            "interrupted while nodes of the network in {dir} came up: the network is whole, and some of its nodes may run. See \
             `quancheng testnet status --dir {dir}`; `testnet up` brings up the rest, `testnet stop` ends them, `testnet remove` is rid of it"
        ),
        Left::Stopped => write!(
            f,
            "interrupted before anything of the network in {dir} was removed: it is whole, and its nodes have stopped. `quancheng testnet up \
             --dir {dir}` brings them up again"
        ),
    }
}

impl std::error::Error for LocalError {}

impl LocalError {
    /// That nodes of a network run from another folder of it.
    pub(crate) fn elsewhere(layout: &Layout, nodes: Vec<Elsewhere>) -> Self {
        Self::Elsewhere { dir: layout.dir().to_owned(), nodes }
    }

    /// For `map_err` after a file operation.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { action, path, error }
    }
}

macro_rules! from {
    ($($inner:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$inner> for LocalError {
            fn from(error: $inner) -> Self {
                Self::$variant(error)
            }
        })+
    };
}

from! {
    KeyFileError => Key,
    TooLong => TooLong,
    CodecError => Content,
    ValidatorSetError => Validators,
    GenesisStateError => Genesis,
    CheckpointError => Checkpoint,
}
