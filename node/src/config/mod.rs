//! The node's file: what one operator may choose. What all nodes must agree on is in the genesis.
//!
//! Unknown keys are refused, and so are values that could hurt the network or the machine. Every value can be shown with its
//! origin (`quanchengd validate-config`).

mod environment;

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use quancheng_state::BLOCKS_KEPT_MIN;
use quancheng_types::NodeId;
use serde::{Deserialize, Serialize};

pub use environment::near_misses;

/// Least number of heights between two snapshots.
const SNAPSHOT_BLOCKS_MIN: u64 = 1_000;
/// Least size of the blocks that are kept, MiB.
const KEEP_MIB_MIN: u64 = 64;
/// Greatest size of a configuration file, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What some editors write before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Identity and place of this node.
    pub node: NodeSection,
    /// The peers.
    pub network: NetworkSection,
    /// The HTTP doors.
    pub api: ApiSection,
    /// The disk.
    #[serde(default)]
    pub store: StoreSection,
    /// The log.
    #[serde(default)]
    pub log: LogSection,
    /// Snapshots for nodes that join.
    #[serde(default)]
    pub snapshots: SnapshotsSection,
}

/// Identity and place of this node. Relative paths start at the folder of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Everything the node writes lies below this folder.
    pub data_dir: PathBuf,
    /// The genesis file.
    pub genesis: PathBuf,
    /// Key file of the peer identity.
    pub peer_key: PathBuf,
    /// Key file of the validator key; absent on a follower, which never signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator_key: Option<PathBuf>,
    /// File whose first line opens the key files.
    pub password_file: PathBuf,
    /// Wait before the first signature after a restart, ms: time for peers to report signatures this node does not know of.
    #[serde(default = "default_quarantine_ms")]
    pub quarantine_ms: u64,
    /// Threads that check signatures; 0 = one per core.
    #[serde(default)]
    pub verifier_threads: usize,
}

const fn default_quarantine_ms() -> u64 {
    500
}

/// The peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// Where to listen for peers.
    pub listen: Vec<SocketAddr>,
    /// Addresses of validators and the followers that may connect. A validator that is not listed may still connect: its
    /// identity is on chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerSection>,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSection {
    /// Its identity, 64 hexadecimal digits.
    pub node_id: NodeId,
    /// Where to dial it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Whether it is a follower (default: a validator or a candidate).
    #[serde(default)]
    pub follower: bool,
}

/// The HTTP doors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSection {
    /// Public door: reads and submissions.
    pub public: SocketAddr,
    /// Operator's door: health and metrics. Loopback unless `admin_exposed` is set.
    pub admin: SocketAddr,
    /// Allows an admin door that other machines can reach.
    #[serde(default)]
    pub admin_exposed: bool,
    /// Open connections on the public door.
    #[serde(default = "default_connections_max")]
    pub connections_max: u32,
    /// Open connections of one client address (of one /64 network in IPv6). Raise it to `connections_max` where a proxy stands before
    /// the node.
    #[serde(default = "default_connections_per_address_max")]
    pub connections_per_address_max: u32,
    /// Transactions one key may have admitted and not yet executed.
    #[serde(default = "default_pending_per_account_max")]
    pub pending_per_account_max: u32,
    /// Transactions admitted and not yet in a batch, all keys.
    #[serde(default = "default_pending_max")]
    pub pending_max: u32,
}

const fn default_connections_max() -> u32 {
    512
}

const fn default_connections_per_address_max() -> u32 {
    256
}

const fn default_pending_per_account_max() -> u32 {
    20_000
}

const fn default_pending_max() -> u32 {
    50_000
}

/// The disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Memory for caches and write buffers, MiB.
    pub memory_mib: u32,
    /// Heights of which counts and lists can be read as they were; absent = all. Records can be read, and proven, as of every height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_recent: Option<u64>,
    /// Newest blocks that are kept, with their batches and receipts; absent = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_blocks: Option<u64>,
    /// Days before the newest block whose blocks are kept; absent = all. Of `keep_blocks`, `keep_days` and `keep_mib` the narrowest counts; at
    /// least the newest 1,024 blocks stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// Size of the blocks that are kept, MiB, with batches and receipts, about; absent = without bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_mib: Option<u64>,
    /// Tables held open; not in the file: the start divides the descriptors.
    #[serde(skip)]
    pub open_files_max: Option<u16>,
}

impl Default for StoreSection {
    fn default() -> Self {
        let (keep_recent, keep_blocks, keep_days, keep_mib) = (None, None, None, None);
        Self { memory_mib: 128, keep_recent, keep_blocks, keep_days, keep_mib, open_files_max: None }
    }
}

impl StoreSection {
    /// Whether enough of the past is kept for peers that lag, and for clients that ask what became of a transaction.
    fn lint_kept(&self) -> Result<(), ConfigError> {
        let harmful = |key, value: String, advice| Err(ConfigError::Harmful { key, value, advice });
        if let Some(blocks) = self.keep_blocks.filter(|blocks| *blocks < BLOCKS_KEPT_MIN) {
            let advice = "a node must keep at least 1024 blocks, for peers that lag; leave it out to keep all";
            return harmful("store.keep_blocks", blocks.to_string(), advice);
        }
        if let Some(days) = self.keep_days.filter(|days| *days < 1) {
            let advice = "keep at least 1 day: a transaction may be valid for so long; leave it out to keep all";
            return harmful("store.keep_days", days.to_string(), advice);
        }
        if let Some(mib) = self.keep_mib.filter(|mib| *mib < KEEP_MIB_MIN) {
            let advice = "keep at least 64 MiB; leave it out to keep all";
            return harmful("store.keep_mib", mib.to_string(), advice);
        }
        Ok(())
    }
}

/// Snapshots for nodes that join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotsSection {
    /// Heights after which a snapshot is made; absent = only when one is asked for (`quanchengd snapshot`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_blocks: Option<u64>,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// `error`, `warn`, `info`, `debug` or `trace`, optionally per module (`info,quancheng_node::api=debug`).
    pub level: String,
    /// One JSON object per line instead of text.
    pub json: bool,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false }
    }
}

/// Why a configuration is refused.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// The file is too large to be a configuration.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not a file, but a folder, a pipe or a device.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Not text in UTF-8.
    NotText {
        /// The file.
        path: PathBuf,
        /// The first line that is none, from 1.
        line: usize,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where (with line and column).
        reason: String,
    },
    /// A value that could hurt the network or the machine.
    Harmful {
        /// Its key.
        key: &'static str,
        /// What it is.
        value: String,
        /// Why it is refused and what to do.
        advice: &'static str,
    },
    /// An environment variable with a value that cannot be meant.
    Variable {
        /// Its name.
        name: &'static str,
        /// The value, as far as it can be shown.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
}

/// What the parser's words leave open.
const ADVICE: [(&str, &str); 2] = [
    (
        "invalid socket address",
        "an address is IP:PORT, such as 127.0.0.1:8080 or [::1]:8080; names of hosts are not looked up",
    ),
    ("expected any valid TOML value", "numbers lie between -2^63 and 2^63 - 1"),
];

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "cannot read the configuration {}: {error}", path.display()),
            Self::TooLarge { path } => write!(f, "{} is too large for a configuration file", path.display()),
            Self::Parse { path, reason } => {
                write!(f, "{}: {reason}", path.display())?;
                let advice = ADVICE.iter().find(|(words, _)| reason.contains(words));
                advice.map_or(Ok(()), |(_, advice)| write!(f, "; {advice}"))
            }
            Self::Harmful { key, value, advice } => {
                write!(f, "{key} = {value} is refused: {advice}")
            }
            Self::NotAFile { path } => write!(f, "{} is no file: a configuration is a file of TOML", path.display()),
            Self::NotText { path, line } => write!(
                f,
                "{}, line {line}: not text in UTF-8; save the file as UTF-8 (it may have been saved as GBK or UTF-16)",
                path.display()
            ),
            Self::Variable { name, value, expected } => {
                write!(f, "environment variable {name} is {value:?} and must be {expected}; correct it or remove it")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl NodeConfig {
    /// Reads a file, applies the environment, resolves relative paths and refuses harmful values.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let bytes = read(path)?;
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            ConfigError::NotText { path: path.to_owned(), line: before.split(|byte| *byte == b'\n').count() }
        })?;
        Self::parse(text, path, environment)
    }

    /// The text of a file, with the environment applied, relative paths resolved and harmful values refused. `path` names the file in
    /// messages, and its folder is where relative paths start.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(
        text: &str,
        path: &Path,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let parse = |reason: String| ConfigError::Parse { path: path.to_owned(), reason };
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| parse(error.to_string()))?;
        environment::apply(&mut table, environment)?;
        // Parsing the text again where nothing was overridden keeps line and column in the message.
        let mut config: Self = if table == text.parse().unwrap_or_default() {
            toml::from_str(text).map_err(|error| parse(error.to_string()))?
        } else {
            table.try_into().map_err(|error: toml::de::Error| parse(error.to_string()))?
        };
        config.resolve(path.parent().unwrap_or(Path::new(".")));
        config.lint()?;
        Ok(config)
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never for a configuration made of these types.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    fn resolve(&mut self, base: &Path) {
        let node = &mut self.node;
        let paths = [&mut node.data_dir, &mut node.genesis, &mut node.peer_key, &mut node.password_file];
        for path in paths.into_iter().chain(node.validator_key.as_mut()) {
            *path = base.join(&*path);
        }
    }

    fn lint(&self) -> Result<(), ConfigError> {
        let harmful = |key, value: String, advice| Err(ConfigError::Harmful { key, value, advice });
        if self.network.listen.is_empty() {
            return harmful("network.listen", "[]".into(), "name at least one address to listen on for peers");
        }
        if !self.api.admin.ip().is_loopback() && !self.api.admin_exposed {
            let advice = "the operator's door must not be reachable from outside; use 127.0.0.1, or set api.admin_exposed = true behind a firewall";
            return harmful("api.admin", self.api.admin.to_string(), advice);
        }
        if self.api.admin == self.api.public && self.api.public.port() != 0 {
            return harmful("api.admin", self.api.admin.to_string(), "public and admin doors need different ports");
        }
        if !(16..=64 * 1024).contains(&self.store.memory_mib) {
            return harmful("store.memory_mib", self.store.memory_mib.to_string(), "choose 16 to 65536 MiB");
        }
        if self.store.keep_recent.is_some_and(|heights| heights < 64) {
            let value = self.store.keep_recent.unwrap_or_default().to_string();
            return harmful(
                "store.keep_recent",
                value,
                "a node must keep at least 64 heights to serve proofs of recent results",
            );
        }
        if let Some(blocks) = self.snapshots.every_blocks.filter(|blocks| *blocks < SNAPSHOT_BLOCKS_MIN) {
            let advice = "each reads the whole state; choose at least 1000, or leave it out";
            return harmful("snapshots.every_blocks", blocks.to_string(), advice);
        }
        self.store.lint_kept()?;
        if !(16..=65_536).contains(&self.api.connections_max) {
            return harmful("api.connections_max", self.api.connections_max.to_string(), "choose 16 to 65536");
        }
        if self.api.pending_max == 0 || self.api.pending_max > 1_000_000 {
            return harmful("api.pending_max", self.api.pending_max.to_string(), "choose 1 to 1000000");
        }
        if self.api.pending_per_account_max == 0 {
            return harmful("api.pending_per_account_max", "0".into(), "no key could submit; choose at least 1");
        }
        if !(1..=65_536).contains(&self.api.connections_per_address_max) {
            let value = self.api.connections_per_address_max.to_string();
            return harmful("api.connections_per_address_max", value, "choose 1 to 65536");
        }
        if !crate::log::is_filter(&self.log.level) {
            let advice = "choose error, warn, info, debug, trace or off, or one of them for a part: \"info,quancheng_node::api=debug\"";
            return harmful("log.level", format!("{:?}", self.log.level), advice);
        }
        if self.node.quarantine_ms > 600_000 {
            return harmful(
                "node.quarantine_ms",
                self.node.quarantine_ms.to_string(),
                "choose at most 600000 (ten minutes)",
            );
        }
        if self.node.verifier_threads > 256 {
            return harmful("node.verifier_threads", self.node.verifier_threads.to_string(), "choose at most 256");
        }
        Ok(())
    }
}

/// The bytes of a file of bounded size.
fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let fault = |error| ConfigError::Read { path: path.to_owned(), error };
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(fault)?.is_file() {
        return Err(ConfigError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(fault)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
