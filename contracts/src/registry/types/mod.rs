//! Records, limits and tables.

mod acts;
mod parts;
mod phase;

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::Table;
use quancheng_types::{Digest, Height, List};
use serde::{Deserialize, Serialize};

pub use acts::{
    Act, Decision, LogEntry, NOTE_BYTES_MAX, OFFICER_BYTES_MAX, Objection, ObjectionOutcome, ReasonCode, Reliance,
};
pub use parts::{
    CASE_BYTES_MAX, Clock, Encumbrance, EncumbranceKind, Hold, Notice, OFFICIAL_BYTES_MAX, OfficialCode, Pending,
    Request,
};
pub use phase::{Phase, Status};

use super::Registry;
use super::dossier::{DataClass, Dossier, HOLDERS_MAX, PersonalLevel};
use crate::contract::Contract as _;
use crate::describe::Describe;
use crate::domain::{Commitment, Day, LedgerNumber, RegistrationKind};
use crate::governance::RuleSetRef;
use crate::identity::OrgId;
use crate::index::{Index, IndexList};

/// Holds on one certificate at a time.
pub const HOLDS_MAX: u32 = 16;
/// Objections to one certificate that may be open at a time.
pub const OBJECTIONS_OPEN_MAX: u16 = 32;
/// Supplements of one application: each leaves a statement in the state, and all of them go when it comes to nothing.
pub const SUPPLEMENTS_MAX: u32 = 64;
/// Official codes of one certificate.
pub const OFFICIAL_CODES_MAX: u32 = 4;
/// Encumbrances on one certificate at a time.
pub const ENCUMBRANCES_MAX: u32 = 64;

/// Serial number of a dossier, given at submission and never used twice; the certificate's ledger number contains it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RegistrationId(pub u32);

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A dossier and the certificate that came of it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Registration {
    /// Serial.
    pub id: RegistrationId,
    /// Kind.
    pub kind: RegistrationKind,
    /// Number of the certificate, once issued.
    pub ledger_no: Option<LedgerNumber>,
    /// Numbers given outside.
    pub official: List<OfficialCode, OFFICIAL_CODES_MAX>,
    /// Phase.
    pub phase: Phase,
    /// Phase to go back to when a supplement has come.
    pub resume: Option<Phase>,
    /// Version of the certificate, from 1.
    pub version: u32,
    /// Revision of the dossier in force, from 1.
    pub revision: u32,
    /// Newest revision of the dossier.
    pub revision_last: u32,
    /// Hash of the statement in force. Statements of applications that came to nothing leave the state; this stays (domain
    /// invariant R8).
    pub statement: Digest,
    /// Who applied.
    pub applicant: OrgId,
    /// Who acts for the applicant.
    pub agent: Option<OrgId>,
    /// Who holds the certificate.
    pub holders: List<OrgId, HOLDERS_MAX>,
    /// Who registers.
    pub registrar: OrgId,
    /// Rules it is registered under.
    pub rule_set: RuleSetRef,
    /// Strictest class of the data and of what they are derived from (domain invariant G10).
    pub effective_class: DataClass,
    /// Strictest level of personal information, likewise.
    pub effective_pi_level: PersonalLevel,
    /// Block time of submission, ms.
    pub submitted_at_ms: u64,
    /// Day on which a supplement was asked for.
    pub supplement_requested: Option<Day>,
    /// The registrar's period.
    pub clock: Option<Clock>,
    /// The notice, running or past.
    pub notice: Option<Notice>,
    /// Open objections.
    pub objections_open: u16,
    /// All objections.
    pub objections: u32,
    /// Holds in force, ascending by authority and case.
    pub holds: List<Hold, HOLDS_MAX>,
    /// What waits for the registrar.
    pub pending: Option<Pending>,
    /// What rests on the certificate, ascending.
    pub encumbrances: List<Encumbrance, ENCUMBRANCES_MAX>,
    /// First day of validity.
    pub valid_from: Option<Day>,
    /// Last day of validity.
    pub valid_to: Option<Day>,
    /// Entries of its log.
    pub log: u32,
}

impl Registration {
    /// Where it stands at a time (ms since 1970 UTC). Expiry is computed, never transacted (domain invariant G3).
    #[must_use]
    pub fn status(&self, time_ms: u64) -> Status {
        match self.phase {
            Phase::Submitted => Status::Submitted,
            Phase::NeedSupplement => Status::NeedSupplement,
            Phase::Accepted => Status::Accepted,
            Phase::UnderReview => Status::UnderReview,
            Phase::Reviewed => Status::Reviewed,
            Phase::Notice if self.objections_open > 0 => Status::Objected,
            Phase::Notice => Status::Notice,
            Phase::Rejected => Status::Rejected,
            Phase::Withdrawn => Status::Withdrawn,
            Phase::Cancelled => Status::Cancelled,
            Phase::Revoked => Status::Revoked,
            Phase::Issued if self.is_expired(time_ms) => Status::Expired,
            Phase::Issued if !self.holds.is_empty() => Status::Suspended,
            Phase::Issued => match self.pending.as_ref().map(|pending| &pending.request) {
                None => Status::Active,
                Some(Request::Renewal) => Status::RenewalPending,
                Some(Request::Change { .. }) => Status::ChangePending,
                Some(Request::Transfer { .. }) => Status::TransferPending,
                Some(Request::Cancel) => Status::CancelPending,
            },
        }
    }

    /// Whether the last day of validity has passed.
    #[must_use]
    pub fn is_expired(&self, time_ms: u64) -> bool {
        self.valid_to.is_some_and(|last| time_ms >= last.end_ms())
    }

    /// Whether it is an issued certificate whose validity has begun and not ended, and that no hold suspends.
    #[must_use]
    pub fn is_in_force(&self, time_ms: u64) -> bool {
        self.phase == Phase::Issued && !self.is_expired(time_ms) && self.holds.is_empty()
    }

    /// Whether an organization is a party of the application, which bars it from deciding about it (domain invariant G5).
    #[must_use]
    pub fn is_party(&self, organization: &OrgId) -> bool {
        self.applicant == *organization
            || self.agent.as_ref() == Some(organization)
            || self.holders.iter().any(|holder| holder == organization)
    }
}

/// One version of a certificate, never changed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Version {
    /// Its number.
    pub version: u32,
    /// Revision of the dossier it certifies.
    pub revision: u32,
    /// Holders.
    pub holders: List<OrgId, HOLDERS_MAX>,
    /// First day.
    pub valid_from: Day,
    /// Last day.
    pub valid_to: Day,
    /// Rules it was made under.
    pub rule_set: RuleSetRef,
    /// What made it.
    pub act: Act,
    /// Block time, ms.
    pub made_at_ms: u64,
    /// Block.
    pub height: Height,
}

/// Counters of the whole register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Counters {
    /// Serial of the first dossier.
    pub serial_first: u32,
    /// Serial of the next dossier.
    pub serial_next: u32,
    /// Certificates issued so far.
    pub issued: u64,
}

pub(crate) const COUNTERS: Table<(), Counters> = Table::derived(Registry::ID, 1, "registry.counters");
pub(crate) const REGISTRATIONS: Table<RegistrationId, Registration> =
    Table::kept(Registry::ID, 2, "registry.registrations");
pub(crate) const DOSSIERS: Table<(RegistrationId, u32), Dossier> = Table::derived(Registry::ID, 3, "registry.dossiers");
pub(crate) const VERSIONS: Table<(RegistrationId, u32), Version> = Table::kept(Registry::ID, 4, "registry.versions");
pub(crate) const LOG: Table<(RegistrationId, u32), LogEntry> = Table::kept(Registry::ID, 5, "registry.log");
pub(crate) const OBJECTIONS: Table<(RegistrationId, u32), Objection> =
    Table::kept(Registry::ID, 6, "registry.objections");
pub(crate) const BY_NUMBER: Table<LedgerNumber, RegistrationId> = Table::kept(Registry::ID, 7, "registry.by_number");
pub(crate) const BY_OFFICIAL: Table<OfficialCode, RegistrationId> =
    Table::kept(Registry::ID, 8, "registry.by_official");
pub(crate) const RELIANCES: Index<RegistrationId, Reliance> = Index::new(
    Table::derived(Registry::ID, 9, "registry.reliance_counts"),
    Table::kept(Registry::ID, 10, "registry.reliances"),
);
/// By applicant and by every holder.
pub(crate) const BY_ORGANIZATION: Index<OrgId, RegistrationId> = Index::new(
    Table::derived(Registry::ID, 11, "registry.organization_counts"),
    Table::index(Registry::ID, 12, "registry.by_organization"),
);
pub(crate) const BY_REGISTRAR: Index<OrgId, RegistrationId> = Index::new(
    Table::derived(Registry::ID, 13, "registry.registrar_counts"),
    Table::index(Registry::ID, 14, "registry.by_registrar"),
);
pub(crate) const BY_KIND: Index<RegistrationKind, RegistrationId> = Index::new(
    Table::derived(Registry::ID, 15, "registry.kind_counts"),
    Table::index(Registry::ID, 16, "registry.by_kind"),
);
/// By root of the data set: one data set lawfully has several entries (domain invariant R7), and this list links them.
pub(crate) const BY_MANIFEST: Index<Commitment, RegistrationId> = Index::new(
    Table::derived(Registry::ID, 17, "registry.manifest_counts"),
    Table::index(Registry::ID, 18, "registry.by_manifest"),
);

/// All indexes, ascending.
pub(super) const LISTS: &[IndexList] =
    &[BY_ORGANIZATION.list(), BY_REGISTRAR.list(), BY_KIND.list(), BY_MANIFEST.list()];

/// All tables, ascending.
pub(super) const TABLES: &[&dyn Describe] = &[
    &COUNTERS,
    &REGISTRATIONS,
    &DOSSIERS,
    &VERSIONS,
    &LOG,
    &OBJECTIONS,
    &BY_NUMBER,
    &BY_OFFICIAL,
    &RELIANCES.heads,
    &RELIANCES.rows,
    &BY_ORGANIZATION.heads,
    &BY_ORGANIZATION.rows,
    &BY_REGISTRAR.heads,
    &BY_REGISTRAR.rows,
    &BY_KIND.heads,
    &BY_KIND.rows,
    &BY_MANIFEST.heads,
    &BY_MANIFEST.rows,
];
