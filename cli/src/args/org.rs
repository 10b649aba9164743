//! Commands about organizations and accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::{Document, List, Read, Write};

/// Accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// An account: its organization and keys
    Show(AccountShow),
}

/// An account.
#[derive(Debug, Args)]
pub(crate) struct AccountShow {
    /// The account; of --key when absent
    #[arg(value_name = "ACCOUNT", required_unless_present = "key")]
    pub(crate) account: Option<String>,
    /// Key file whose account is meant
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// Organizations.
#[derive(Debug, Subcommand)]
pub(crate) enum Org {
    /// Apply as an organization; the key's account becomes the organization's
    Register(OrgRegister),
    /// Confirm real name and code (supervisor)
    Verify(OrgDecide),
    /// Admit with roles (supervisor)
    Activate(OrgActivate),
    /// Turn an application down (supervisor)
    Reject(OrgDecide),
    /// Grant a role
    GrantRole(OrgGrantRole),
    /// End a role now
    RevokeRole(OrgRevokeRole),
    /// Bind another key to the organization; the new key signs too
    AddKey(OrgAddKey),
    /// Revoke a key
    RevokeKey(OrgRevokeKey),
    /// Suspend an organization (supervisor)
    Suspend(OrgDecide),
    /// Resume a suspended organization (supervisor)
    Resume(OrgDecide),
    /// Revoke an organization for good (supervisor)
    Revoke(OrgDecide),
    /// Close, merge or split one's own organization
    Close(OrgClose),
    /// Appoint an officer; the officer's key signs too
    AppointOfficer(OrgAppointOfficer),
    /// End an officer's appointment
    DismissOfficer(OrgDismissOfficer),
    /// One organization
    Show(OrgShow),
    /// Organizations in order of application
    List(List),
    /// Officers of an organization
    Officers(OrgOfficers),
}

/// An application.
#[derive(Debug, Args)]
pub(crate) struct OrgRegister {
    /// Record of the organization (JSON); `status`, `fictional` and keys that begin with `seed_` are told as not signed
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// A decision about an organization.
#[derive(Debug, Args)]
pub(crate) struct OrgDecide {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// Grounds.
    #[command(flatten)]
    pub(crate) document: Document,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// An admission.
#[derive(Debug, Args)]
pub(crate) struct OrgActivate {
    /// Roles to grant (with commas or repeated); those it applied for when absent
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    pub(crate) role: Vec<String>,
    /// Whom, on what grounds.
    #[command(flatten)]
    pub(crate) decide: OrgDecide,
}

/// A role to grant.
#[derive(Debug, Args)]
pub(crate) struct OrgGrantRole {
    /// Whom, on what grounds.
    #[command(flatten)]
    pub(crate) decide: OrgDecide,
    /// The role, such as REGISTRAR
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    /// First moment in force (day or time)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// First moment no longer in force (day or time)
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

/// A role to end.
#[derive(Debug, Args)]
pub(crate) struct OrgRevokeRole {
    /// Whose, on what grounds.
    #[command(flatten)]
    pub(crate) decide: OrgDecide,
    /// The role
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
}

/// A key to bind.
#[derive(Debug, Args)]
pub(crate) struct OrgAddKey {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// Key file of the new key, which signs too
    #[arg(long, value_name = "FILE", required_unless_present = "public_key")]
    pub(crate) new_key: Option<PathBuf>,
    /// Public key that does not sign (seal, key agreement)
    #[arg(long, value_name = "PUBLIC_KEY", conflicts_with = "new_key")]
    pub(crate) public_key: Option<String>,
    /// What it is for: SIGN, SEAL, KEM or CONSENSUS
    #[arg(long = "use", value_name = "USE", default_value = "SIGN")]
    pub(crate) usage: String,
    /// First moment valid (day or time)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// First moment no longer valid (day or time)
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// A key to revoke.
#[derive(Debug, Args)]
pub(crate) struct OrgRevokeKey {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// Id of the key
    #[arg(value_name = "KEY_ID")]
    pub(crate) key_id: String,
    /// Since when it may have been in other hands (day or time)
    #[arg(long, value_name = "TIME")]
    pub(crate) compromised_since: Option<String>,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// The end of an organization.
#[derive(Debug, Args)]
pub(crate) struct OrgClose {
    /// Who carries its duties (repeatable); each signs too: one makes a merger, several a split
    #[arg(long, value_name = "ORG")]
    pub(crate) successor: Vec<String>,
    /// Which, on what grounds.
    #[command(flatten)]
    pub(crate) decide: OrgDecide,
}

/// An appointment.
#[derive(Debug, Args)]
pub(crate) struct OrgAppointOfficer {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// Key file of the officer, which signs too
    #[arg(long, value_name = "FILE", required_unless_present = "officer")]
    pub(crate) officer_key: Option<PathBuf>,
    /// Account of the officer, who signs elsewhere (see --signer)
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "officer_key")]
    pub(crate) officer: Option<String>,
    /// Title, no personal name
    #[arg(long, value_name = "TEXT", default_value = "数据官")]
    pub(crate) title: String,
    /// First moment no longer in office (day or time)
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// The end of an appointment.
#[derive(Debug, Args)]
pub(crate) struct OrgDismissOfficer {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// Account of the officer
    #[arg(value_name = "ACCOUNT")]
    pub(crate) officer: String,
    /// How to sign and submit.
    #[command(flatten)]
    pub(crate) write: Write,
}

/// One organization.
#[derive(Debug, Args)]
pub(crate) struct OrgShow {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}

/// Officers.
#[derive(Debug, Args)]
pub(crate) struct OrgOfficers {
    /// The organization
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// How to read.
    #[command(flatten)]
    pub(crate) read: Read,
}
