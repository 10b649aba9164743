//! What was done and decided about a registration: the log, objections, reliance.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{AccountId, Height, Text, TransactionId};
use serde::{Deserialize, Serialize};

use super::Phase;
use crate::domain::{Commitment, ReliancePurpose};
use crate::governance::RuleSetRef;
use crate::identity::OrgId;

/// Bytes of the reasons of a decision or the grounds of an objection.
pub const NOTE_BYTES_MAX: u32 = 1024;
/// Bytes of an officer's role.
pub const OFFICER_BYTES_MAX: u32 = 64;

/// Something that was done about a registration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
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
