//! Commands about evidence and bundles.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::{Api, Read, Write};
use crate::time::{AsOf, parse_as_of};

/// Notarized files.
#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Notarize files: one Merkle batch, one bundle for all of them
    Notarize(Box<Notarize>),
    /// Finish a notarization that was interrupted, from its file of salts
    Finish(Finish),
    /// A record of evidence
    Show(EvidenceShow),
}

/// Files to notarize.
#[derive(Debug, Args)]
pub(crate) struct Notarize {
    /// Files; the content never leaves this machine
    #[arg(value_name = "FILE", required_unless_present = "recursive")]
    pub(crate) files: Vec<PathBuf>,
    /// Every file below a folder (repeatable); links are not followed
    #[arg(long, value_name = "DIR")]
    pub(crate) recursive: Vec<PathBuf>,
    /// One transaction and one bundle for each file; --bundle then names a folder
    #[arg(long)]
    pub(crate) split: bool,
    /// Where to write the bundle, which holds the secret salts: keep it
    #[arg(long, value_name = "OUT", required_unless_present = "dry_run")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the bundle as JSON instead of compact bytes
    #[arg(long)]
    pub(crate) bundle_json: bool,
    /// Declare that the batch is a whole manifest: nothing is missing
    #[arg(long)]
    pub(crate) complete: bool,
    /// Write names that a manifest cannot hold (GBK, line breaks, backslashes) down escaped, as %BA%CF
    #[arg(long)]
    pub(crate) escape_names: bool,
    /// Further fields of the call as a JSON object, such as '{"relates_to":[…]}'
    #[arg(long, value_name = "JSON")]
    pub(crate) attributes: Option<String>,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// An interrupted notarization.
#[derive(Debug, Args)]
pub(crate) struct Finish {
    /// File of salts that was left behind (OUT.salts.json)
    #[arg(value_name = "SALTS")]
    pub(crate) salts: PathBuf,
    /// Where to write the bundle
    #[arg(long, value_name = "OUT")]
    pub(crate) bundle: PathBuf,
    /// Write the bundle as JSON instead of compact bytes
    #[arg(long)]
    pub(crate) bundle_json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// A record of evidence.
#[derive(Debug, Args)]
pub(crate) struct EvidenceShow {
    /// Root of the batch, or id of the transaction
    #[arg(value_name = "ROOT|TXID")]
    pub(crate) id: String,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// Bundles.
#[derive(Debug, Subcommand)]
pub(crate) enum Bundle {
    /// Fetch the bundle of a transaction, of evidence, or of a certificate (or that it was never issued)
    Fetch(BundleFetch),
    /// Show what a bundle says, without checking it
    Show(BundleShow),
}

/// A bundle to fetch.
#[derive(Debug, Args)]
pub(crate) struct BundleFetch {
    /// Id of a transaction, root of a batch, key of a state entry, or number of a certificate
    #[arg(value_name = "TXID|DIGEST|NO")]
    pub(crate) id: String,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Write JSON instead of compact bytes
    #[arg(long)]
    pub(crate) json: bool,
    /// State as of a height, a day or a time
    #[arg(long, value_name = "HEIGHT|TIME", value_parser = parse_as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// A bundle to show.
#[derive(Debug, Args)]
pub(crate) struct BundleShow {
    /// Bundle, compact or JSON
    #[arg(value_name = "BUNDLE")]
    pub(crate) file: PathBuf,
}

/// An offline check.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Bundle, compact or JSON
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// File to compare with the bundle (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// What to trust: the checkpoint file, obtained by another way than the bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,
}
