//! The grammar of the command line: noun, verb, flags.

pub(crate) mod chain;
pub(crate) mod common;
pub(crate) mod evidence;
pub(crate) mod governance;
pub(crate) mod local;
pub(crate) mod org;
pub(crate) mod registration;
pub(crate) mod tx;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::Format;
use crate::text::Lang;

/// Register data assets, notarize files, and verify evidence on the Quancheng chain (泉城链).
#[derive(Debug, Parser)]
#[command(name = "quancheng", version, arg_required_else_help = true, max_term_width = 120)]
#[command(after_help = crate::messages::EXIT_CODES_EN)]
pub(crate) struct Cli {
    /// Choices of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What the command is about.
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// Choices of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Global {
    /// Form of the result on stdout
    #[arg(long, global = true, value_enum, default_value = "table", env = "QUANCHENG_OUTPUT")]
    pub(crate) output: Format,
    /// Language of words; by default from LC_ALL, LC_MESSAGES or LANG
    #[arg(long, global = true, value_enum)]
    pub(crate) lang: Option<Lang>,
    /// No progress and no remarks on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Profile to use instead of the current one (see `config`)
    #[arg(long, global = true, value_name = "NAME", env = "QUANCHENG_PROFILE")]
    pub(crate) profile: Option<String>,
}

/// What a command is about.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Key files
    #[command(subcommand)]
    Key(local::Key),
    /// Accounts
    #[command(subcommand)]
    Account(org::Account),
    /// Organizations: apply, admit, roles, keys, officers
    #[command(subcommand)]
    Org(Box<org::Org>),
    /// Registration certificates and their whole life
    #[command(subcommand)]
    Registration(Box<registration::Registration>),
    /// Notarized files
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    /// Evidence bundles
    #[command(subcommand)]
    Bundle(evidence::Bundle),
    /// Checkpoints: what a verifier trusts
    #[command(subcommand)]
    Checkpoint(evidence::Checkpoint),
    /// Check a bundle offline: no network, no trust in any node
    Verify(evidence::Verify),
    /// Validators, parameters, rule sets and calendar: changed by vote
    #[command(subcommand)]
    Governance(Box<governance::Governance>),
    /// The chain as a whole
    #[command(subcommand)]
    Chain(chain::Chain),
    /// Blocks
    #[command(subcommand)]
    Block(chain::Block),
    /// Transactions in general
    #[command(subcommand)]
    Tx(tx::Tx),
    /// One node
    #[command(subcommand)]
    Node(chain::Node),
    /// Local test networks of real processes
    #[command(subcommand)]
    Testnet(local::Testnet),
    /// Profiles: endpoints, chain and key under one name
    #[command(subcommand)]
    Config(local::Config),
    /// Check this machine, the key and the endpoints
    Doctor(local::Doctor),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Write manual pages into a folder
    Man(Man),
}

/// A completion script.
#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Manual pages.
#[derive(Clone, Debug, Args)]
pub(crate) struct Man {
    /// Folder to write to; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}
