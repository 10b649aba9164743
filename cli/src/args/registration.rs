//! Commands about registration certificates.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, Subcommand};

use super::common::{Document, List, Read, Write};

/// Registrations.
#[derive(Debug, Subcommand)]
pub(crate) enum Registration {
    /// Submit an application, or many from a file of lines
    Submit(Submit),
    /// Answer a request for a supplement with a whole new statement
    Supplement(Restate),
    /// Accept an application (受理)
    Accept(Decide),
    /// Ask the applicant for a supplement (补正)
    RequestSupplement(Decide),
    /// Review an application (审核): begin, pass or reject
    Review(Review),
    /// Refuse registration (不予登记)
    Reject(Decide),
    /// Open the public notice (公示)
    Notice(Notice),
    /// Object to a registration (异议)
    Object(Object),
    /// Decide an objection
    Resolve(Resolve),
    /// Take one's own objection back
    WithdrawObjection(WithdrawObjection),
    /// Issue the certificate (发证)
    Issue(Issue),
    /// Take back an application or a pending request
    Withdraw(Plain),
    /// Suspend a registration (保全, 中止)
    Hold(Hold),
    /// Lift a suspension
    Release(Release),
    /// Ask for a further term (续展)
    Renew(Plain),
    /// Ask for a change of the statement (变更)
    Change(Restate),
    /// Ask for another holder (转移); giver and receiver sign
    Transfer(Transfer),
    /// Ask for the end of the certificate (注销)
    Cancel(Plain),
    /// Decide what a holder asks for
    Decide(DecideRequest),
    /// Revoke a certificate (撤销)
    Revoke(Revoke),
    /// Record a number given outside (统一赋码)
    AssignCode(AssignCode),
    /// Record that one relies on a certificate
    Rely(Rely),
    /// One registration
    Show(Show),
    /// The life of a registration, act by act
    Log(Show),
    /// Objections to a registration
    Objections(Show),
    /// Registrations
    List(RegistrationList),
}

/// An application.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["file", "from"]))]
pub(crate) struct Submit {
    /// Application (JSON); each key is signed, told as not signed (state, events, seed_* and the like), or refused by name
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Many applications, one JSON object on each line; can be interrupted and continued
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Result file of --from, one line for each application; FILE.result.jsonl when absent
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) results: Option<PathBuf>,
    /// Root of evidence notarized before the application, when the file names none; another one than the file's is refused
    #[arg(long, value_name = "ROOT")]
    pub(crate) prior_evidence: Option<String>,
    /// Number of a registration that the data are derived from (repeatable), when the file names none; others than the file's are refused
    #[arg(long, value_name = "NO")]
    pub(crate) derived_from: Vec<String>,
    /// Licence that the data rest on, REFERENCE@LAST_DAY, when the file names none in full; another one than the file's is refused
    #[arg(long, value_name = "LICENCE")]
    pub(crate) licence: Option<String>,
    /// Rules to register under, when the file names none; others than the file's are refused, but for a sample's
    #[arg(long, value_name = "ID")]
    pub(crate) rule_set: Option<String>,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// Reason codes of the registry.
pub(crate) const REASONS: [&str; 17] = [
    "CONFORMS",
    "MATERIAL_INCOMPLETE",
    "TITLE_DISPUTE",
    "UNLAWFUL_SOURCE",
    "NO_SUBJECT_AUTHORISATION",
    "HARM_TO_SECURITY",
    "CORE_DATA",
    "FALSE_STATEMENT",
    "NOT_REGISTRABLE",
    "OBJECTION_UPHELD",
    "OBJECTION_UNFOUNDED",
    "HOLDER_REQUEST",
    "EFFECTIVE_RULING",
    "AFTER_HEARING",
    "PRESERVATION",
    "RISK_FOUND",
    "RISK_REMOVED",
];

/// Grounds of a decision.
#[derive(Clone, Debug, Args)]
pub(crate) struct Grounds {
    /// Reason code, such as CONFORMS or TITLE_DISPUTE
    #[arg(long, value_name = "CODE", value_parser = PossibleValuesParser::new(REASONS), ignore_case = true)]
    pub(crate) reason: Option<String>,
    /// Role of the officer who decides; no personal name
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) officer: String,
    /// Reasons in words; no personal information
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    /// The document of the decision.
    #[command(flatten)]
    pub(crate) document: Document,
}

/// A registration and how to sign.
#[derive(Debug, Args)]
pub(crate) struct Plain {
    /// Serial number, or number of the certificate
    #[arg(value_name = "NO")]
    pub(crate) no: String,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// A decision.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// Which.
    #[command(flatten)]
    pub(crate) plain: Plain,
    /// Why.
    #[command(flatten)]
    pub(crate) grounds: Grounds,
}

/// A new statement.
#[derive(Debug, Args)]
pub(crate) struct Restate {
    /// Which.
    #[command(flatten)]
    pub(crate) plain: Plain,
    /// The whole statement as it is to be (JSON); what else the file states is compared with the registration, or told as not signed
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// A review.
#[derive(Debug, Args)]
pub(crate) struct Review {
    /// Only begin the review
    #[arg(long, conflicts_with_all = ["pass", "reject"])]
    pub(crate) start: bool,
    /// End a review that has begun, in favour
    #[arg(long, conflicts_with = "reject")]
    pub(crate) pass: bool,
    /// End it with a refusal
    #[arg(long)]
    pub(crate) reject: bool,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// A public notice.
#[derive(Debug, Args)]
pub(crate) struct Notice {
    /// First day, a working day after today; the next one when absent
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// An objection.
#[derive(Debug, Args)]
pub(crate) struct Object {
    /// Grounds in words; no personal information
    #[arg(long, value_name = "TEXT")]
    pub(crate) grounds: String,
    /// Materials.
    #[command(flatten)]
    pub(crate) document: Document,
    /// Which.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// A decision about an objection.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verdict").required(true).args(["upheld", "dismissed"]))]
pub(crate) struct Resolve {
    /// Which objection, from 0
    #[arg(long, value_name = "N")]
    pub(crate) objection: u32,
    /// It is right
    #[arg(long)]
    pub(crate) upheld: bool,
    /// It is not
    #[arg(long)]
    pub(crate) dismissed: bool,
    /// Which registration, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// An objection to take back.
#[derive(Debug, Args)]
pub(crate) struct WithdrawObjection {
    /// Which objection, from 0
    #[arg(long, value_name = "N")]
    pub(crate) objection: u32,
    /// Which registration.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// An issue.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Number given outside, SCHEME:CODE
    #[arg(long, value_name = "SCHEME:CODE")]
    pub(crate) official: Option<String>,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// A suspension.
#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Number of the case
    #[arg(long, value_name = "CASE")]
    pub(crate) case: String,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// An effective ruling.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Ruling {
    /// Court or arbitration body that ruled
    #[arg(long, value_name = "ORG", requires_all = ["ruling_case", "ruling_document", "effective_on"])]
    pub(crate) ruling_by: Option<String>,
    /// Number of its case
    #[arg(long, value_name = "CASE", requires = "ruling_by")]
    pub(crate) ruling_case: Option<String>,
    /// The ruling; only its digest is recorded
    #[arg(long, value_name = "FILE", requires = "ruling_by")]
    pub(crate) ruling_document: Option<PathBuf>,
    /// First day on which it is effective
    #[arg(long, value_name = "DAY", requires = "ruling_by")]
    pub(crate) effective_on: Option<String>,
}

/// A suspension to lift.
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// Who suspended
    #[arg(long, value_name = "ORG")]
    pub(crate) authority: String,
    /// In which case
    #[arg(long, value_name = "CASE")]
    pub(crate) case: String,
    /// The ruling by which a court lifts the hold of another authority.
    #[command(flatten)]
    pub(crate) ruling: Ruling,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// A transfer.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// Holder that gives
    #[arg(long, value_name = "ORG")]
    pub(crate) from: String,
    /// Organization that receives (its key signs with --cosign)
    #[arg(long, value_name = "ORG")]
    pub(crate) to: String,
    /// The contract; only its digest is recorded
    #[arg(long, value_name = "FILE")]
    pub(crate) contract: PathBuf,
    /// Which.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// A decision about a request.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verdict").required(true).args(["approve", "decline"]))]
pub(crate) struct DecideRequest {
    /// Grant it
    #[arg(long)]
    pub(crate) approve: bool,
    /// Turn it down
    #[arg(long)]
    pub(crate) decline: bool,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// A revocation.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("basis").required(true).args(["ruling_by", "hearing"]))]
pub(crate) struct Revoke {
    /// The effective ruling.
    #[command(flatten)]
    pub(crate) ruling: Ruling,
    /// Day of the hearing
    #[arg(long, value_name = "DAY")]
    pub(crate) hearing: Option<String>,
    /// Which, why.
    #[command(flatten)]
    pub(crate) decide: Decide,
}

/// A number given outside.
#[derive(Debug, Args)]
pub(crate) struct AssignCode {
    /// The number, SCHEME:CODE
    #[arg(long, value_name = "SCHEME:CODE")]
    pub(crate) official: String,
    /// Which.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// Reliance.
#[derive(Debug, Args)]
pub(crate) struct Rely {
    /// For what: ASSET_ENTRY, TRADING, PLEDGE_FINANCING, ACCOUNTING or DISPUTE_RESOLUTION
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) purpose: String,
    /// Version relied on; the one in force when absent
    #[arg(long, value_name = "N")]
    pub(crate) version_no: Option<u32>,
    /// Document of the matter.
    #[command(flatten)]
    pub(crate) document: Document,
    /// Which.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// A registration.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Serial number, or number of the certificate
    #[arg(value_name = "NO")]
    pub(crate) no: String,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// Registrations.
#[derive(Debug, Args)]
pub(crate) struct RegistrationList {
    /// Only those of an organization
    #[arg(long, value_name = "ORG", conflicts_with_all = ["registrar", "kind"])]
    pub(crate) org: Option<String>,
    /// Only those at a registrar
    #[arg(long, value_name = "ORG", conflicts_with = "kind")]
    pub(crate) registrar: Option<String>,
    /// Only those of a kind, such as DATA_ASSET
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Which part.
    #[command(flatten)]
    pub(crate) list: List,
}
