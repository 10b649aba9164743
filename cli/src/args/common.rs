//! Flags that many commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::time::{AsOf, parse_as_of, parse_duration};

/// Where to ask.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Api {
    /// HTTP endpoint of a node; several (with commas or repeated) are tried in turn
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "QUANCHENG_API")]
    pub(crate) api: Vec<String>,
    /// How long the command waits for nodes in all, such as 20s: from its first question on, over all questions, pauses and retries;
    /// doors that are closed are tried until then. Without it each step has 30s, and a closed door is told at once
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// How far to wait for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Stage {
    /// A node holds it durably
    Admitted,
    /// It is in a final block
    Ordered,
    /// It has a receipt
    Executed,
    /// A quorum of validators has signed for the receipt
    Certified,
}

impl Stage {
    /// Its name in the HTTP API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Ordered => "ordered",
            Self::Executed => "executed",
            Self::Certified => "certified",
        }
    }

    /// By name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Admitted, Self::Ordered, Self::Executed, Self::Certified].into_iter().find(|stage| stage.name() == name)
    }

    /// The stage after this one.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Admitted => Self::Ordered,
            Self::Ordered => Self::Executed,
            Self::Executed | Self::Certified => Self::Certified,
        }
    }
}

/// Opening of a key file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Signing")]
pub(crate) struct Password {
    /// File whose first line opens the key files; asked for on a terminal otherwise
    #[arg(long, value_name = "FILE", env = "QUANCHENG_PASSWORD_FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Everything about making, signing and submitting a transaction.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Signing")]
pub(crate) struct Write {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
    /// Opening of key files.
    #[command(flatten)]
    pub(crate) password: Password,
    /// Key file of the account that acts
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Account that acts, when it is not the key's own and cannot be looked up
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// Key file of a further signer (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) cosign: Vec<PathBuf>,
    /// Public key of a further signer who signs elsewhere, PUBLIC_KEY or PUBLIC_KEY@ACCOUNT (repeatable; with --sign-only)
    #[arg(long, value_name = "PUBLIC_KEY", requires = "sign_only")]
    pub(crate) signer: Vec<String>,
    /// The chain; asked of the endpoint otherwise
    #[arg(long, value_name = "ID", env = "QUANCHENG_CHAIN_ID")]
    pub(crate) chain_id: Option<String>,
    /// How long the transaction may wait for its block
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    pub(crate) valid_for: Duration,
    /// Stage to wait for
    #[arg(long, value_enum, default_value = "certified")]
    pub(crate) wait: Stage,
    /// Show what would happen and change nothing
    #[arg(long, conflicts_with = "sign_only")]
    pub(crate) dry_run: bool,
    /// Sign and write the transaction to a file instead of submitting it
    #[arg(long, requires = "tx_out")]
    pub(crate) sign_only: bool,
    /// File for --sign-only
    #[arg(id = "tx_out", long = "tx-out", short = 'o', value_name = "FILE", requires = "sign_only")]
    pub(crate) tx_out: Option<PathBuf>,
}

/// A read, possibly of the past, possibly with proof.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Read {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
    /// State as of a height, a day or a time
    #[arg(long, value_name = "HEIGHT|TIME", value_parser = parse_as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Write the proof of the answer (also of absence) to this file
    #[arg(long, value_name = "OUT")]
    pub(crate) proof: Option<PathBuf>,
}

/// One page of a list.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct List {
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
    /// State as of a height, a day or a time
    #[arg(long, value_name = "HEIGHT|TIME", value_parser = parse_as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Greatest number of entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Continue after an earlier page
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// A document that stays off chain: only its digest is recorded.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Document {
    /// Document of which the digest is recorded
    #[arg(long, value_name = "FILE", conflicts_with = "document_digest")]
    pub(crate) document: Option<PathBuf>,
    /// Digest of the document, sha256:HEX or sm3:HEX
    #[arg(long, value_name = "DIGEST")]
    pub(crate) document_digest: Option<String>,
}
