//! Commands about the chain, its blocks and nodes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::{Api, List, Read};
use crate::time::{AsOf, parse_as_of};

/// The chain.
#[derive(Debug, Subcommand)]
pub(crate) enum Chain {
    /// Where the chain stands, as a node sees it
    Status(ChainStatus),
    /// The genesis
    Genesis(ChainFile),
    /// The checkpoint a verifier needs; compare its fingerprint by another way
    Checkpoint(ChainFile),
    /// The validators of a height
    Validators(ChainValidators),
    /// The consensus parameters in force
    Parameters(ChainStatus),
    /// The contract modules a node runs
    Modules(ChainStatus),
    /// Ask a module a question of its own, as JSON
    Query(ChainQuery),
}

/// A question to a node.
#[derive(Debug, Args)]
pub(crate) struct ChainStatus {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// A document of the chain.
#[derive(Debug, Args)]
pub(crate) struct ChainFile {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
    /// File to write it to
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Validators of a height.
#[derive(Debug, Args)]
pub(crate) struct ChainValidators {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
    /// As of a height, a day or a time
    #[arg(long, value_name = "HEIGHT|TIME", value_parser = parse_as_of)]
    pub(crate) as_of: Option<AsOf>,
}

/// A question to a module.
#[derive(Debug, Args)]
pub(crate) struct ChainQuery {
    /// Name of the module, such as registry
    #[arg(value_name = "MODULE")]
    pub(crate) module: String,
    /// The question, such as '{"organization":{"org_id":"ORG-REG"}}'
    #[arg(value_name = "JSON")]
    pub(crate) query: String,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// Blocks.
#[derive(Debug, Subcommand)]
pub(crate) enum Block {
    /// One block
    Show(BlockShow),
    /// The transactions of a block
    Transactions(BlockTransactions),
}

/// A block.
#[derive(Debug, Args)]
pub(crate) struct BlockShow {
    /// Height, or latest
    #[arg(value_name = "HEIGHT", default_value = "latest")]
    pub(crate) height: String,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// The transactions of a block.
#[derive(Debug, Args)]
pub(crate) struct BlockTransactions {
    /// Height, or latest
    #[arg(value_name = "HEIGHT", default_value = "latest")]
    pub(crate) height: String,
    /// Which part.
    #[command(flatten)]
    pub(crate) list: List,
}

/// One node.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Where every endpoint stands, side by side
    Status(ChainStatus),
}
