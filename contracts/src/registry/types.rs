//! Records, limits and tables.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::Table;
use quancheng_types::{AccountId, Height, List, Text, TransactionId};
use serde::{Deserialize, Serialize};

use super::Registry;
use super::dossier::{DataClass, Dossier, HOLDERS_MAX, PersonalLevel};
use crate::contract::Contract as _;
use crate::domain::{Commitment, Day, LedgerNumber, RegistrationKind, ReliancePurpose};
use crate::governance::RuleSetRef;
use crate::identity::OrgId;
use crate::index::Index;

/// Bytes of the number of a case.
pub const CASE_BYTES_MAX: u32 = 64;
/// Bytes of the scheme or the code of an official number.
pub const OFFICIAL_BYTES_MAX: u32 = 64;
/// Bytes of the reasons of a decision or the grounds of an objection.
pub const NOTE_BYTES_MAX: u32 = 1024;
/// Bytes of an officer's role.
pub const OFFICER_BYTES_MAX: u32 = 64;
/// Holds on one certificate at a time.
pub const HOLDS_MAX: u32 = 16;
/// Objections to one certificate that may be open at a time.
pub const OBJECTIONS_OPEN_MAX: u16 = 32;
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

/// Where a dossier or certificate stands by its transactions. What follows from time and holds is [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Phase {
    /// 已提交
    Submitted = 1,
    /// 待补正
    NeedSupplement = 2,
    /// 已受理
    Accepted = 3,
    /// 审核中
    UnderReview = 4,
    /// 审核通过
    Reviewed = 5,
    /// 公示
    Notice = 6,
    /// 已发证
    Issued = 7,
    /// 不予登记
    Rejected = 8,
    /// 已撤回
    Withdrawn = 9,
    /// 已注销
    Cancelled = 10,
    /// 已撤销
    Revoked = 11,
}

/// Where a dossier or certificate stands at a time: its phase, and what time, holds, objections and requests make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Status {
    /// 已提交
    Submitted = 1,
    /// 待补正
    NeedSupplement = 2,
    /// 已受理
    Accepted = 3,
    /// 审核中
    UnderReview = 4,
    /// 审核通过
    Reviewed = 5,
    /// 公示
    Notice = 6,
    /// 异议处理中
    Objected = 7,
    /// 有效
    Active = 8,
    /// 变更中
    ChangePending = 9,
    /// 转移中
    TransferPending = 10,
    /// 续展中
    RenewalPending = 11,
    /// 注销中
    CancelPending = 12,
    /// 中止
    Suspended = 13,
    /// 已届满
    Expired = 14,
    /// 不予登记
    Rejected = 15,
    /// 已撤回
    Withdrawn = 16,
    /// 已注销
    Cancelled = 17,
    /// 已撤销
    Revoked = 18,
}

/// A period of working days for the registrar: to accept, to review, or to resolve objections. It stops while the applicant owes
/// a supplement. Being late refuses nothing; it is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Clock {
    /// Last day; absent while stopped, and while the calendar of the year is not published.
    pub due: Option<Day>,
    /// Working days of the period that count from when it last started.
    pub working_days: u16,
}

/// A public notice (公示). The days between `from` and `to`, both included, run whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Notice {
    /// First day.
    pub from: Day,
    /// Last day; moves when an objection has stopped the notice.
    pub to: Day,
    /// First ms (since 1970 UTC) after it.
    pub closes_at_ms: u64,
    /// Working days left when an objection stopped it; absent while it runs.
    pub stopped_wd: Option<u16>,
}

/// What a holder asks for an issued certificate.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// A further term.
    Renewal = 1,
    /// A corrected or changed statement.
    Change {
        /// Revision of the dossier asked for.
        revision: u32,
        /// Whether it needs a new notice.
        is_material: bool,
    } = 2,
    /// Another holder.
    Transfer {
        /// Who gives.
        from: OrgId,
        /// Who receives.
        to: OrgId,
        /// Commitment to the contract.
        contract: Commitment,
    } = 3,
    /// The end of the certificate (注销).
    Cancel = 4,
}

/// A request that waits for the registrar.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Pending {
    /// What is asked.
    pub request: Request,
    /// Block time, ms.
    pub requested_at_ms: u64,
    /// Who asked.
    pub requested_by: OrgId,
    /// Whether the registrar approved a material change, whose notice is still to run.
    pub is_approved: bool,
}

/// An order that a certificate must not change hands (G7: only its authority or an effective ruling lifts it).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Hold {
    /// The court, or the registrar for an administrative suspension.
    pub authority: OrgId,
    /// Number of the case.
    pub case: Text<CASE_BYTES_MAX>,
    /// Commitment to the order.
    pub document: Commitment,
    /// Block time, ms.
    pub since_ms: u64,
}

/// A number given outside this chain (全国统一赋码): opaque, unique within its scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialCode {
    /// Who numbers.
    pub scheme: Text<OFFICIAL_BYTES_MAX>,
    /// The number.
    pub code: Text<OFFICIAL_BYTES_MAX>,
}

/// What other modules record on a certificate while something of theirs rests on it (domain invariant R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum EncumbranceKind {
    /// 质押
    Pledge = 1,
    /// An open order.
    Order = 2,
    /// A licence in force.
    Licence = 3,
    /// An open case.
    Case = 4,
}

/// One thing that rests on a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Encumbrance {
    /// What.
    pub kind: EncumbranceKind,
    /// Whose consent a transfer needs (the pledgee), or the party concerned.
    pub party: OrgId,
    /// Number of the record in its module.
    pub record: u64,
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

/// Something that was done about a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[expect(missing_docs, reason = "each names the call of the same name, which is documented")]
pub enum Act {
    Submit = 1,
    Supplement = 2,
    Accept = 3,
    RequestSupplement = 4,
    StartReview = 5,
    ReviewPass = 6,
    Reject = 7,
    OpenNotice = 8,
    Object = 9,
    ResolveObjection = 10,
    WithdrawObjection = 11,
    Issue = 12,
    Withdraw = 13,
    Hold = 14,
    ReleaseHold = 15,
    ApplyRenewal = 16,
    ApplyChange = 17,
    ApplyTransfer = 18,
    ApplyCancel = 19,
    Approve = 20,
    Decline = 21,
    Revoke = 22,
    AssignCode = 23,
}

/// Why an authority decided as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ReasonCode {
    /// 符合登记条件
    Conforms = 1,
    /// 材料不全
    MaterialIncomplete = 2,
    /// 权属争议未解决
    TitleDispute = 3,
    /// 来源不合法
    UnlawfulSource = 4,
    /// 应当获得信息主体授权而未获得授权
    NoSubjectAuthorisation = 5,
    /// 危害国家安全或公共利益
    HarmToSecurity = 6,
    /// 核心数据
    CoreData = 7,
    /// 隐瞒或虚假陈述
    FalseStatement = 8,
    /// 不属于登记范围
    NotRegistrable = 9,
    /// 异议成立
    ObjectionUpheld = 10,
    /// 异议不成立
    ObjectionUnfounded = 11,
    /// 应持有人申请
    HolderRequest = 12,
    /// 依生效裁判
    EffectiveRuling = 13,
    /// 经听证
    AfterHearing = 14,
    /// 保全裁定
    Preservation = 15,
    /// 发现风险
    RiskFound = 16,
    /// 风险消除
    RiskRemoved = 17,
}

/// Grounds of a decision (domain invariant G4).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Reason.
    pub reason: ReasonCode,
    /// Role of the officer who decided.
    #[serde(default)]
    pub officer: Text<OFFICER_BYTES_MAX>,
    /// Reasons in words; no personal information.
    #[serde(default)]
    pub note_zh: Text<NOTE_BYTES_MAX>,
    /// Commitment to the document. Decisions against somebody and approvals of review cannot do without.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// One line of the life of a registration.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct LogEntry {
    /// What was done.
    pub act: Act,
    /// Who did it.
    pub by: OrgId,
    /// With which account.
    pub account: AccountId,
    /// Phase afterwards.
    pub phase: Phase,
    /// Version afterwards.
    pub version: u32,
    /// Rules it was done under.
    pub rule_set: RuleSetRef,
    /// Grounds, of a decision.
    pub decision: Option<Decision>,
    /// Block time, ms.
    pub at_ms: u64,
    /// Block.
    pub height: Height,
    /// Transaction.
    pub transaction: TransactionId,
}

/// How an objection ended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ObjectionOutcome {
    /// 成立
    Upheld = 1,
    /// 不成立
    Dismissed = 2,
    /// Taken back by the objector.
    Withdrawn = 3,
}

/// An objection (异议).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Objection {
    /// Who objects.
    pub objector: OrgId,
    /// Grounds in words; no personal information.
    pub grounds_zh: Text<NOTE_BYTES_MAX>,
    /// Commitment to the materials.
    pub document: Option<Commitment>,
    /// Block time, ms.
    pub raised_at_ms: u64,
    /// Its end, once decided.
    pub outcome: Option<ObjectionOutcome>,
    /// Block time of its end, ms.
    pub closed_at_ms: Option<u64>,
}

/// That somebody relied on a version of a certificate, which was in force then (登记凭证作为重要依据).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Reliance {
    /// Version relied on.
    pub version: u32,
    /// For what.
    pub purpose: ReliancePurpose,
    /// By whom.
    pub relier: OrgId,
    /// Commitment to the matter.
    pub matter: Option<Commitment>,
    /// Block time, ms.
    pub at_ms: u64,
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

pub(crate) const COUNTERS: Table<(), Counters> = Table::new(Registry::ID, 1, "registry.counters");
pub(crate) const REGISTRATIONS: Table<RegistrationId, Registration> = Table::new(Registry::ID, 2, "registry.registrations");
pub(crate) const DOSSIERS: Table<(RegistrationId, u32), Dossier> = Table::new(Registry::ID, 3, "registry.dossiers");
pub(crate) const VERSIONS: Table<(RegistrationId, u32), Version> = Table::new(Registry::ID, 4, "registry.versions");
pub(crate) const LOG: Table<(RegistrationId, u32), LogEntry> = Table::new(Registry::ID, 5, "registry.log");
pub(crate) const OBJECTIONS: Table<(RegistrationId, u32), Objection> = Table::new(Registry::ID, 6, "registry.objections");
pub(crate) const BY_NUMBER: Table<LedgerNumber, RegistrationId> = Table::new(Registry::ID, 7, "registry.by_number");
pub(crate) const BY_OFFICIAL: Table<OfficialCode, RegistrationId> = Table::new(Registry::ID, 8, "registry.by_official");
pub(crate) const RELIANCES: Index<RegistrationId, Reliance> = Index::new(
    Table::new(Registry::ID, 9, "registry.reliance_counts"),
    Table::new(Registry::ID, 10, "registry.reliances"),
);
/// By applicant and by every holder.
pub(crate) const BY_ORGANIZATION: Index<OrgId, RegistrationId> = Index::new(
    Table::new(Registry::ID, 11, "registry.organization_counts"),
    Table::new(Registry::ID, 12, "registry.by_organization"),
);
pub(crate) const BY_REGISTRAR: Index<OrgId, RegistrationId> = Index::new(
    Table::new(Registry::ID, 13, "registry.registrar_counts"),
    Table::new(Registry::ID, 14, "registry.by_registrar"),
);
pub(crate) const BY_KIND: Index<RegistrationKind, RegistrationId> =
    Index::new(Table::new(Registry::ID, 15, "registry.kind_counts"), Table::new(Registry::ID, 16, "registry.by_kind"));
/// By root of the data set: one data set lawfully has several entries (domain invariant R7), and this list links them.
pub(crate) const BY_MANIFEST: Index<Commitment, RegistrationId> = Index::new(
    Table::new(Registry::ID, 17, "registry.manifest_counts"),
    Table::new(Registry::ID, 18, "registry.by_manifest"),
);
