//! Commands about transactions in general.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::{Api, Password, Stage, Write};

/// Transactions.
#[derive(Debug, Subcommand)]
pub(crate) enum Tx {
    /// How far a transaction has come, and what came of it
    Show(TxShow),
    /// Show what a transaction file holds
    Decode(TxFile),
    /// Add a signature to a transaction file
    Sign(TxSign),
    /// Submit a transaction file; submitting it again is safe
    Submit(TxSubmit),
    /// Show what a transaction file would do now
    Simulate(TxSubmit),
    /// Make a transaction of any call, as JSON
    Call(TxCall),
}

/// A transaction by id.
#[derive(Debug, Args)]
pub(crate) struct TxShow {
    /// Id of the transaction
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Stage to wait for
    #[arg(long, value_enum)]
    pub(crate) wait: Option<Stage>,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// A transaction file.
#[derive(Debug, Args)]
pub(crate) struct TxFile {
    /// Transaction file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// A signature to add.
#[derive(Debug, Args)]
pub(crate) struct TxSign {
    /// Transaction file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Key file of one of its signers
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Opening of the key file.
    #[command(flatten)]
    pub(crate) password: Password,
    /// File to write; the same file when absent
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// A transaction file to submit.
#[derive(Debug, Args)]
pub(crate) struct TxSubmit {
    /// Transaction file: JSON or canonical bytes
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Stage to wait for
    #[arg(long, value_enum, default_value = "certified")]
    pub(crate) wait: Stage,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// Any call.
#[derive(Debug, Args)]
pub(crate) struct TxCall {
    /// Name of the module, such as registry
    #[arg(value_name = "MODULE")]
    pub(crate) module: String,
    /// The call, such as '{"withdraw":{"registration":7}}', or a list of calls that take effect together; @FILE reads a file
    #[arg(value_name = "JSON")]
    pub(crate) call: String,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}
