//! What can be asked of the registry.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Text;
use serde::{Deserialize, Serialize};

use super::dossier::Dossier;
use super::types::{CASE_BYTES_MAX, Decision, NOTE_BYTES_MAX, OfficialCode, RegistrationId};
use crate::domain::{Commitment, Day, RegistrationKind, ReliancePurpose};
use crate::governance::RuleSetId;
use crate::identity::OrgId;

/// Opens a dossier. The sender's organization is the applicant.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// Kind of certificate applied for.
    pub kind: RegistrationKind,
    /// Registrar that is to decide.
    pub registrar: OrgId,
    /// Rules to be registered under; the version in force on the day of submission counts.
    pub rule_set: RuleSetId,
    /// The statement.
    pub dossier: Dossier,
}

/// A registration and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Which.
    pub registration: RegistrationId,
}

/// A decision of the registrar.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// About which registration.
    pub registration: RegistrationId,
    /// Grounds.
    pub decision: Decision,
}

/// A corrected statement.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restate {
    /// Of which registration.
    pub registration: RegistrationId,
    /// The whole statement as it is to be.
    pub dossier: Dossier,
}

/// Opens a public notice.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenNotice {
    /// Of which registration.
    pub registration: RegistrationId,
    /// First day: a working day after today. The next one when absent.
    #[serde(default)]
    pub from: Option<Day>,
    /// Grounds.
    pub decision: Decision,
}

/// Raises an objection. The sender's organization is the objector.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// To which registration.
    pub registration: RegistrationId,
    /// Grounds in words; no personal information.
    pub grounds_zh: Text<NOTE_BYTES_MAX>,
    /// Commitment to the materials.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// Decides an objection.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveObjection {
    /// To which registration.
    pub registration: RegistrationId,
    /// Which of its objections, from 0.
    pub objection: u32,
    /// Whether it is right. Before issue that rejects the application; afterwards it only flags the certificate, and whether to
    /// suspend or revoke is a decision of its own.
    pub is_upheld: bool,
    /// Grounds.
    pub decision: Decision,
}

/// Takes an objection back.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawObjection {
    /// To which registration.
    pub registration: RegistrationId,
    /// Which of its objections, from 0.
    pub objection: u32,
}

/// Issues the certificate, or the next version after the notice of a material change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Which registration.
    pub registration: RegistrationId,
    /// Number given outside, if there is one already.
    #[serde(default)]
    pub official: Option<OfficialCode>,
    /// Grounds.
    pub decision: Decision,
}

/// Suspends a registration: a court's preservation order, or the registrar's administrative suspension.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceHold {
    /// Which registration.
    pub registration: RegistrationId,
    /// Number of the case; names the hold together with the authority.
    pub case: Text<CASE_BYTES_MAX>,
    /// Grounds, with the order.
    pub decision: Decision,
}

/// A ruling or decision that has become effective.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// Who ruled: an active organization with role COURT or ARBITRATION.
    pub issuer: OrgId,
    /// Number of the case.
    pub case: Text<CASE_BYTES_MAX>,
    /// Commitment to the ruling.
    pub document: Commitment,
    /// First day on which it is effective.
    pub effective_on: Day,
}

/// Lifts a hold.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseHold {
    /// Of which registration.
    pub registration: RegistrationId,
    /// Who placed it.
    pub authority: OrgId,
    /// In which case.
    pub case: Text<CASE_BYTES_MAX>,
    /// The effective ruling by which a court lifts the hold of another authority.
    #[serde(default)]
    pub ruling: Option<Ruling>,
    /// Grounds.
    pub decision: Decision,
}

/// Asks for another holder. Signed by all holders and by the receiver, and by every pledgee.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyTransfer {
    /// Which registration.
    pub registration: RegistrationId,
    /// Which of the holders gives.
    pub from: OrgId,
    /// Who receives.
    pub to: OrgId,
    /// Commitment to the contract.
    pub contract: Commitment,
}

/// Decides what a holder asks for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// Of which registration.
    pub registration: RegistrationId,
    /// Whether it is granted.
    pub is_approved: bool,
    /// Grounds.
    pub decision: Decision,
}

/// What a revocation rests on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RevocationBasis {
    /// An effective ruling.
    Ruling(Ruling) = 1,
    /// The registrar's decision after a hearing on this day.
    Hearing(Day) = 2,
}

/// Revokes a certificate (撤销).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Which registration.
    pub registration: RegistrationId,
    /// On what.
    pub basis: RevocationBasis,
    /// Grounds.
    pub decision: Decision,
}

/// Records a number given outside.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignCode {
    /// Of which registration.
    pub registration: RegistrationId,
    /// The number.
    pub official: OfficialCode,
}

/// Records that the sender's organization relies on a certificate.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordReliance {
    /// On which registration.
    pub registration: RegistrationId,
    /// On which version: the one in force.
    pub version: u32,
    /// For what.
    pub purpose: ReliancePurpose,
    /// Commitment to the matter.
    #[serde(default)]
    pub matter: Option<Commitment>,
}

/// What can be asked of the registry. Numbers are fixed for ever once released.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Call {
    /// Opens a dossier.
    Submit(Box<Submit>) = 1,
    /// Answers a request for a supplement with a whole new statement.
    Supplement(Box<Restate>) = 2,
    /// Accepts a dossier (受理).
    Accept(Decide) = 3,
    /// Asks for a supplement (补正), which stops the registrar's clock.
    RequestSupplement(Decide) = 4,
    /// Begins the review (审核).
    StartReview(Decide) = 5,
    /// Ends the review in favour.
    ReviewPass(Decide) = 6,
    /// Refuses registration (不予登记).
    Reject(Decide) = 7,
    /// Opens the public notice (公示).
    OpenNotice(OpenNotice) = 8,
    /// Objects (异议).
    Object(Object) = 9,
    /// Decides an objection.
    ResolveObjection(ResolveObjection) = 10,
    /// Takes an objection back.
    WithdrawObjection(WithdrawObjection) = 11,
    /// Issues the certificate (发证).
    Issue(Issue) = 12,
    /// Takes back an application, or a holder's pending request.
    Withdraw(Reference) = 13,
    /// Suspends (保全, 中止).
    Hold(PlaceHold) = 14,
    /// Lifts a suspension.
    ReleaseHold(ReleaseHold) = 15,
    /// Asks for a further term (续展).
    ApplyRenewal(Reference) = 16,
    /// Asks for a change (变更).
    ApplyChange(Box<Restate>) = 17,
    /// Asks for another holder (转移).
    ApplyTransfer(ApplyTransfer) = 18,
    /// Asks for the end of the certificate (注销).
    ApplyCancel(Reference) = 19,
    /// Decides a holder's request.
    DecideRequest(DecideRequest) = 20,
    /// Revokes (撤销).
    Revoke(Revoke) = 21,
    /// Records a number given outside (统一赋码).
    AssignCode(AssignCode) = 22,
    /// Records reliance on a certificate.
    RecordReliance(RecordReliance) = 23,
}
