//! The folder of a network and the record in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use quancheng_types::{ChainId, NodeId, PublicKey};
use serde::{Deserialize, Serialize};

use crate::error::LocalError;
use crate::inventory::has_nodes;

/// Name of the format in the record.
const FORMAT: &str = "quancheng-testnet";
/// Version of the format.
const VERSION: u16 = 1;
/// Greatest size of a record, bytes.
const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Votes from the start.
    Validator,
    /// Follows and never signs.
    Follower,
    /// Has a validator key and follows until it is voted in.
    Candidate,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// Its place, from 0.
    pub index: u32,
    /// What it is for.
    pub role: NodeRole,
    /// The organization that runs it; none for a follower.
    pub organization: Option<String>,
    /// Its identity on the network.
    pub node_id: NodeId,
    /// The key it votes with; none for a follower.
    pub public_key: Option<PublicKey>,
    /// Where it listens for peers.
    pub peer: SocketAddr,
    /// Its public door.
    pub api: SocketAddr,
    /// Its operator's door.
    pub admin: SocketAddr,
}

impl NodeEntry {
    /// Address of the public door for clients.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// Address of the operator's door.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }
}

/// What is on record about a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: String,
    version: u16,
    /// The chain.
    pub chain_id: ChainId,
    /// Its name.
    pub chain_name: String,
    /// The program its nodes run.
    pub quanchengd: PathBuf,
    /// Nodes in order of index.
    pub nodes: Vec<NodeEntry>,
    /// Prepared validators that do not run yet.
    pub reserve: Vec<NodeEntry>,
    /// Key files of founding organizations, relative to the folder.
    pub keys: BTreeMap<String, PathBuf>,
}

impl Record {
    pub(crate) fn new(chain_id: ChainId, chain_name: String, quanchengd: PathBuf) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            chain_id,
            chain_name,
            quanchengd,
            nodes: Vec::new(),
            reserve: Vec::new(),
            keys: BTreeMap::new(),
        }
    }
}

/// Paths in the folder of a network.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.dir.join("network.json")
    }

    /// Stands there while the network is being made.
    pub(crate) fn mark(&self) -> PathBuf {
        self.dir.join("network.unfinished")
    }

    pub(crate) fn genesis(&self) -> PathBuf {
        self.dir.join("genesis.json")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.dir.join("checkpoint.json")
    }

    pub(crate) fn password(&self) -> PathBuf {
        self.dir.join("password")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    pub(crate) fn node(&self, index: u32) -> PathBuf {
        self.dir.join(format!("node-{index}"))
    }

    pub(crate) fn config(&self, index: u32) -> PathBuf {
        self.node(index).join("node.toml")
    }

    pub(crate) fn data(&self, index: u32) -> PathBuf {
        self.node(index).join("data")
    }

    /// Held by the node that runs on these data, whatever the folder is called.
    pub(crate) fn lock(&self, index: u32) -> PathBuf {
        self.data(index).join("lock")
    }

    pub(crate) fn log(&self, index: u32) -> PathBuf {
        self.node(index).join("node.log")
    }

    pub(crate) fn pid(&self, index: u32) -> PathBuf {
        self.node(index).join("pid")
    }

    pub(crate) fn read(&self) -> Result<Record, LocalError> {
        let path = self.record();
        let damaged = |reason: &str| LocalError::Record { path: path.clone(), reason: reason.to_owned() };
        let bytes = match quancheng_keystore::plain::read(&path, RECORD_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Nodes without a record are a network all the same.
                return Err(if has_nodes(self)? {
                    damaged("it is missing")
                } else {
                    LocalError::NoNetwork { dir: self.dir.clone() }
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                return Err(damaged("larger than any record of a network"));
            }
            Err(error) => return Err(LocalError::Io { action: "read", path: path.clone(), error }),
        };
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
        if record.format != FORMAT || record.version != VERSION {
            return Err(damaged("made by another version of this program"));
        }
        Ok(record)
    }

    pub(crate) fn write(&self, record: &Record) -> Result<(), LocalError> {
        let path = self.record();
        let text = serde_json::to_string_pretty(record)
            .map_err(|error| LocalError::Record { path: path.clone(), reason: error.to_string() })?;
        // A reader sees the old record or the new one, never half of it.
        let fresh = self.dir.join("network.json.new");
        let mut file = fs::File::create(&fresh).map_err(LocalError::io("create", &fresh))?;
        file.write_all((text + "\n").as_bytes()).map_err(LocalError::io("write", &fresh))?;
        // A machine that stops must not leave the name without the content.
        file.sync_all().map_err(LocalError::io("write", &fresh))?;
        fs::rename(&fresh, &path).map_err(LocalError::io("write", &path))?;
        fs::File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(LocalError::io("write", &self.dir))
    }
}

/// Writes a new file that only its owner reads.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), LocalError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(LocalError::io("create", path))?;
    file.write_all(content).map_err(LocalError::io("write", path))
}
