//! Commands about this machine: keys, test networks, profiles.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::common::{Api, Password};
use crate::time::parse_duration;

/// Key files.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key and seal it into a new file
    New(KeyNew),
    /// Show the public key, key id and account of a key file
    Show(KeyShow),
}

/// A new key.
#[derive(Debug, Args)]
pub(crate) struct KeyNew {
    /// New file; an existing one is never overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Opening of the new file.
    #[command(flatten)]
    pub(crate) password: Password,
}

/// A key file.
#[derive(Debug, Args)]
pub(crate) struct KeyShow {
    /// The key file; it is opened only with --password-file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// File whose first line opens the key file: checks that the public key is that of the secret
    // No variable or profile stands for it: what is named there may be meant for another key file.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Local networks.
#[derive(Debug, Subcommand)]
pub(crate) enum Testnet {
    /// Make a network and bring it up; nodes stay up detached
    Start(TestnetStart),
    /// Show every node
    Status(TestnetDir),
    /// End every node cleanly
    Stop(TestnetDir),
    /// Stop every node and remove the network with its keys and data; a folder that holds anything else is left as it is
    Remove(TestnetRemove),
    /// Bring up the nodes of an existing network that do not run
    Up(TestnetUp),
    /// Kill a node with SIGKILL
    Kill(TestnetIndex),
    /// Start a node that does not run
    StartNode(TestnetStartNode),
    /// Halt a node with SIGSTOP
    Pause(TestnetIndex),
    /// Let a halted node go on
    Resume(TestnetIndex),
    /// Throw away the data of a stopped node, as the loss of its disk would; it keeps its keys and catches up when it is started
    Wipe(TestnetIndex),
    /// Show the end of a node's log
    Logs(TestnetLogs),
    /// Start one more node with a validator key, for governance to vote in
    AddValidator(TestnetUp),
}

/// A new network.
#[derive(Debug, Args)]
pub(crate) struct TestnetStart {
    /// Folder of the network; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Number of validators
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) validators: u32,
    /// Number of followers
    #[arg(long, value_name = "M", default_value_t = 0)]
    pub(crate) followers: u32,
    /// Identities prepared for validators to come (see add-validator)
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) candidates: u32,
    /// The node program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    pub(crate) quanchengd: Option<PathBuf>,
    /// Name of the chain for people
    #[arg(long, value_name = "NAME")]
    pub(crate) chain_name: Option<String>,
    /// Consensus parameter of the genesis, NAME=VALUE (repeatable), such as heartbeat_ms=500
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// Log level of the nodes
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// How long to wait until every node is ready
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// The folder of a network.
#[derive(Debug, Args)]
pub(crate) struct TestnetDir {
    /// Folder of the network
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// A network to be rid of.
#[derive(Debug, Args)]
pub(crate) struct TestnetRemove {
    /// Folder of the network
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Do it; without this flag what would be removed is shown and nothing is changed
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Something to bring up.
#[derive(Debug, Args)]
pub(crate) struct TestnetUp {
    /// Folder of the network
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// How long to wait until it is ready
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// A node.
#[derive(Debug, Args)]
pub(crate) struct TestnetIndex {
    /// Folder of the network
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Place of the node, from 0
    #[arg(long, value_name = "I")]
    pub(crate) index: u32,
}

/// A node to start.
#[derive(Debug, Args)]
pub(crate) struct TestnetStartNode {
    /// Which node.
    #[command(flatten)]
    pub(crate) node: TestnetIndex,
    /// How long to wait until it is ready
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// A log.
#[derive(Debug, Args)]
pub(crate) struct TestnetLogs {
    /// Which node.
    #[command(flatten)]
    pub(crate) node: TestnetIndex,
    /// Lines from the end
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
}

/// Profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Make a profile the current one
    Use(ConfigName),
    /// Show the current or a named profile
    Show(ConfigShow),
    /// List profiles
    List,
    /// Make or change a profile; flags that are not given stay as they are
    Set(ConfigSet),
    /// Remove a profile
    Remove(ConfigName),
}

/// A profile by name.
#[derive(Debug, Args)]
pub(crate) struct ConfigName {
    /// Name of the profile
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// A profile, or the current one.
#[derive(Debug, Args)]
pub(crate) struct ConfigShow {
    /// Name of the profile; the current one when absent
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// A change of a profile.
#[derive(Debug, Args)]
pub(crate) struct ConfigSet {
    /// Name of the profile
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// HTTP endpoints, with commas or repeated
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub(crate) api: Vec<String>,
    /// The chain
    #[arg(long, value_name = "ID")]
    pub(crate) chain_id: Option<String>,
    /// Key file
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// File whose first line opens the key file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// A check of everything the commands need.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
    /// Opening of the key file.
    #[command(flatten)]
    pub(crate) password: Password,
    /// Key file to try
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}
