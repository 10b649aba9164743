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
    /// Prove an older bundle anew by a newer header; its salts stay
    Refresh(BundleRefresh),
    /// A bundle with fewer files, or without some salts, to hand on
    Cut(BundleCut),
    /// Look for a contradiction between two bundles, and name who signed both
    Compare(BundleCompare),
}

/// A bundle to prove anew.
#[derive(Debug, Args)]
pub(crate) struct BundleRefresh {
    /// Bundle, compact or JSON; it stays as it is
    #[arg(value_name = "BUNDLE")]
    pub(crate) file: PathBuf,
    /// New file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Write JSON instead of compact bytes
    #[arg(long)]
    pub(crate) json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
}

/// A bundle to cut.
#[derive(Debug, Args)]
pub(crate) struct BundleCut {
    /// Bundle, compact or JSON; it stays as it is
    #[arg(value_name = "BUNDLE")]
    pub(crate) file: PathBuf,
    /// Path in the manifest of a file that stays (repeatable); all others go
    #[arg(long, value_name = "PATH", required_unless_present_any = ["seal", "no_files"])]
    pub(crate) keep: Vec<String>,
    /// Path in the manifest of a file whose salt is withheld: it is listed, but cannot be checked (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) seal: Vec<String>,
    /// No file stays, only the record
    #[arg(long, conflicts_with_all = ["keep", "seal"])]
    pub(crate) no_files: bool,
    /// New file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Write JSON instead of compact bytes
    #[arg(long)]
    pub(crate) json: bool,
}

/// Two bundles to compare.
#[derive(Debug, Args)]
pub(crate) struct BundleCompare {
    /// One bundle
    #[arg(value_name = "BUNDLE")]
    pub(crate) first: PathBuf,
    /// The other
    #[arg(value_name = "OTHER")]
    pub(crate) second: PathBuf,
    /// What to trust: the checkpoint file, obtained by another way than the bundles
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,
}

/// Checkpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum Checkpoint {
    /// Pin a recent header that follows from an earlier checkpoint
    Pin(CheckpointPin),
}

/// A header to pin.
#[derive(Debug, Args)]
pub(crate) struct CheckpointPin {
    /// Bundle whose header is pinned; without one, the newest header of the endpoint
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,
    /// The checkpoint that is trusted already
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Where to ask.
    #[command(flatten)]
    pub(crate) api: Api,
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
