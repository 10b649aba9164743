//! Commands about governance.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use super::common::{Document, List, Read, Write};
use crate::time::parse_duration;

/// Governance.
#[derive(Debug, Subcommand)]
pub(crate) enum Governance {
    /// Open a proposal; it counts as one's own vote for it
    #[command(subcommand)]
    Propose(Box<Propose>),
    /// Vote on a proposal, or change an earlier vote
    Vote(Vote),
    /// Take one's own proposal back
    Withdraw(Withdraw),
    /// One proposal with its votes
    Show(Number),
    /// Proposals
    List(List),
    /// A rule set
    RuleSet(Named),
    /// The working-day calendar of a year
    Calendar(Year),
}

/// What is proposed.
#[derive(Debug, Subcommand)]
pub(crate) enum Propose {
    /// Add a validator
    AddValidator(AddValidator),
    /// Remove a validator
    RemoveValidator(RemoveValidator),
    /// Replace the record of a validator by another of the same organization
    ReplaceValidator(ReplaceValidator),
    /// Change consensus parameters
    Parameters(Parameters),
    /// Publish the next version of a rule set
    RuleSet(FromFile),
    /// Publish the working-day calendar of a year
    Calendar(FromFile),
    /// Bring a version of the protocol rules into force
    ScheduleVersion(ScheduleVersion),
    /// Grant a role that only a vote can grant
    GrantRole(ProposeRole),
    /// End a role
    RevokeRole(ProposeRole),
}

/// What every proposal has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Title for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// How long votes count; at most 30 days
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_duration)]
    pub(crate) open_for: Duration,
    /// The document behind it.
    #[command(flatten)]
    pub(crate) document: Document,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// The record of a validator.
#[derive(Debug, Args)]
pub(crate) struct ValidatorRecord {
    /// Its consensus key, such as ed25519:…
    #[arg(long, value_name = "PUBLIC_KEY")]
    pub(crate) public_key: String,
    /// Its peer identity
    #[arg(long, value_name = "NODE_ID")]
    pub(crate) node_id: String,
    /// The organization that runs it
    #[arg(long, value_name = "ORG")]
    pub(crate) organization: String,
    /// Voting power
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) power: u64,
    /// What it declares about its own interest in disputes; shown to courts
    #[arg(long, value_name = "TEXT")]
    pub(crate) interest: String,
}

/// A validator to add.
#[derive(Debug, Args)]
pub(crate) struct AddValidator {
    /// The record.
    #[command(flatten)]
    pub(crate) record: ValidatorRecord,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A validator to remove.
#[derive(Debug, Args)]
pub(crate) struct RemoveValidator {
    /// Id of the validator
    #[arg(value_name = "VALIDATOR_ID")]
    pub(crate) validator: String,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A validator to replace.
#[derive(Debug, Args)]
pub(crate) struct ReplaceValidator {
    /// Id of the validator
    #[arg(value_name = "VALIDATOR_ID")]
    pub(crate) validator: String,
    /// The new record.
    #[command(flatten)]
    pub(crate) record: ValidatorRecord,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Parameters to change.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).args(["set", "file"]))]
pub(crate) struct Parameters {
    /// One parameter, NAME=VALUE (repeatable); the others stay as they are
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// All parameters (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Something in a file.
#[derive(Debug, Args)]
pub(crate) struct FromFile {
    /// What to publish (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A version of the rules.
#[derive(Debug, Args)]
pub(crate) struct ScheduleVersion {
    /// Number of the version
    #[arg(value_name = "N")]
    pub(crate) protocol: u16,
    /// First height
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) effective: u64,
    /// What operators install before then
    #[arg(long, value_name = "TEXT")]
    pub(crate) notice: String,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A role.
#[derive(Debug, Args)]
pub(crate) struct ProposeRole {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// The role
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    /// First moment in force (day or time); granting only
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// First moment no longer in force (day or time); granting only
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// The proposal.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A vote.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verdict").required(true).args(["approve", "reject"]))]
pub(crate) struct Vote {
    /// Number of the proposal
    #[arg(value_name = "N")]
    pub(crate) proposal: u64,
    /// For it
    #[arg(long)]
    pub(crate) approve: bool,
    /// Against it
    #[arg(long)]
    pub(crate) reject: bool,
    /// The document behind the vote.
    #[command(flatten)]
    pub(crate) document: Document,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// A proposal to take back.
#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// Number of the proposal
    #[arg(value_name = "N")]
    pub(crate) proposal: u64,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// A proposal.
#[derive(Debug, Args)]
pub(crate) struct Number {
    /// Number of the proposal
    #[arg(value_name = "N")]
    pub(crate) proposal: u64,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// A rule set.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Id of the rule set
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// A year.
#[derive(Debug, Args)]
pub(crate) struct Year {
    /// The year
    #[arg(value_name = "YEAR")]
    pub(crate) year: u16,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}
