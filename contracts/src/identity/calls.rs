//! What can be asked of this module, and why it is refused.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{AccountId, KeyId, List, PublicKey, Text};
use serde::{Deserialize, Serialize};

use super::names::{MerchantClass, OrgId, OrgStatus, OrgType, Role};
use super::refusals::Error;
use super::types::{KeyCertificate, KeyUse, NAME_BYTES_MAX, ROLES_MAX, SUCCESSORS_MAX, TITLE_BYTES_MAX};
use crate::domain::{Commitment, Region, Uscc, is_name, unseen_in};

/// A request to the module.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Call {
    /// Apply as an organization (申请). The sender's account, until now its key's own, becomes the organization's.
    Register(Register) = 1,
    /// Confirm real name and code (核验): APPLIED → VERIFIED.
    Verify(Decide) = 2,
    /// Admit with roles (准入): VERIFIED → ACTIVE.
    Activate(Activate) = 3,
    /// Turn an application down: APPLIED or VERIFIED → REJECTED. Id, code and key are free again.
    Reject(Decide) = 4,
    /// Grant a role.
    GrantRole(GrantRole) = 5,
    /// End a role now.
    RevokeRole(RevokeRole) = 6,
    /// Bind another key.
    AddKey(AddKey) = 7,
    /// Revoke a key (吊销).
    RevokeKey(RevokeKey) = 8,
    /// Suspend: ACTIVE → SUSPENDED.
    Suspend(Decide) = 9,
    /// Resume: SUSPENDED → ACTIVE.
    Resume(Decide) = 10,
    /// Revoke for good: → REVOKED.
    Revoke(Decide) = 11,
    /// Close, merge or split: → CLOSED, MERGED, SPLIT.
    Close(Close) = 12,
    /// Appoint an officer (数据官); the officer's own key signs too.
    AppointOfficer(AppointOfficer) = 13,
    /// End an appointment now.
    DismissOfficer(DismissOfficer) = 14,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Id, free or rejected before.
    pub org_id: OrgId,
    /// Code, not held by a live organization.
    pub uscc: Uscc,
    /// Legal name.
    pub name_zh: Text<NAME_BYTES_MAX>,
    /// Name in English.
    #[serde(default)]
    pub name_en: Text<NAME_BYTES_MAX>,
    /// What it is.
    pub org_type: OrgType,
    /// Class, of a data merchant.
    #[serde(default)]
    pub merchant_class: Option<MerchantClass>,
    /// Seat.
    #[serde(default)]
    pub region: Option<Region>,
    /// Roles it asks for.
    #[serde(default)]
    pub roles: List<Role, ROLES_MAX>,
}

/// A decision about an organization.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// About whom.
    pub org_id: OrgId,
    /// Commitment to the document.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// Admission with roles.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// Whom.
    pub org_id: OrgId,
    /// Roles in force from this block, without end.
    #[serde(default)]
    pub roles: List<Role, ROLES_MAX>,
    /// Commitment to the document.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// A role for a period.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRole {
    /// To whom.
    pub org_id: OrgId,
    /// What.
    pub role: Role,
    /// First ms in force; this block when absent. Not before this block.
    #[serde(default)]
    pub from_ms: Option<u64>,
    /// First ms no longer in force; open when absent.
    #[serde(default)]
    pub to_ms: Option<u64>,
    /// Commitment to the document.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// The end of a role.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRole {
    /// Whose.
    pub org_id: OrgId,
    /// Which.
    pub role: Role,
    /// Commitment to the document.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// A key to bind. A signing key proves that it is at hand by signing the same transaction as a further signer with its own account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddKey {
    /// For which organization: the sender's own, or, to recover one that lost its keys, another by a supervisor.
    pub org_id: OrgId,
    /// The key.
    pub public_key: PublicKey,
    /// What it is for.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// First ms valid; this block when absent. Not before this block.
    #[serde(default)]
    pub from_ms: Option<u64>,
    /// First ms no longer valid; open when absent.
    #[serde(default)]
    pub to_ms: Option<u64>,
    /// Its certificate: a serial number of ASCII letters, digits and `-.:_`, an authority of these, Chinese characters and single spaces.
    #[serde(default)]
    pub certificate: Option<KeyCertificate>,
}

/// A key to revoke.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// Of which organization: the sender's own, or another by a supervisor.
    pub org_id: OrgId,
    /// Which key.
    pub key_id: KeyId,
    /// Since when it may have been in other hands; not after this block. A key that is revoked already may still get an (earlier)
    /// time.
    #[serde(default)]
    pub compromise_since_ms: Option<u64>,
}

/// The end of an organization.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Which: the sender's own.
    pub org_id: OrgId,
    /// `CLOSED` without successors, `MERGED` with one, `SPLIT` with two or more.
    pub into: OrgStatus,
    /// Who carries its duties; each signs too.
    #[serde(default)]
    pub successors: List<OrgId, SUCCESSORS_MAX>,
    /// Commitment to the document.
    #[serde(default)]
    pub document: Option<Commitment>,
}

/// An appointment.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppointOfficer {
    /// Of which organization: the sender's own.
    pub org_id: OrgId,
    /// The officer's own account, which signs too and is bound to no organization.
    pub account: AccountId,
    /// Title, such as `数据官`.
    pub title: Text<TITLE_BYTES_MAX>,
    /// First ms no longer in office; open when absent.
    #[serde(default)]
    pub to_ms: Option<u64>,
}

/// The end of an appointment.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DismissOfficer {
    /// Of which organization: the sender's own.
    pub org_id: OrgId,
    /// The officer's account.
    pub account: AccountId,
}

/// Everything that needs no state.
///
/// # Errors
/// The refusal.
pub(super) fn check(call: &Call) -> Result<(), Error> {
    match call {
        Call::Register(call) => check_register(call),
        Call::Activate(call) => check_roles(&call.roles),
        Call::GrantRole(call) => check_period(call.from_ms, call.to_ms),
        Call::AddKey(call) => {
            check_period(call.from_ms, call.to_ms)?;
            call.certificate.as_ref().map_or(Ok(()), check_certificate)?;
            call.public_key.validate().map_err(|_| Error::KeyUnusable)
        }
        Call::Close(call) => check_close(call),
        Call::AppointOfficer(call) => check_name(&call.title),
        Call::Verify(_)
        | Call::Reject(_)
        | Call::RevokeRole(_)
        | Call::RevokeKey(_)
        | Call::Suspend(_)
        | Call::Resume(_)
        | Call::Revoke(_)
        | Call::DismissOfficer(_) => Ok(()),
    }
}

fn check_register(call: &Register) -> Result<(), Error> {
    check_name(&call.name_zh)?;
    check_second_name(&call.name_en)?;
    check_roles(&call.roles)?;
    check_types(call.org_type, &call.roles, call.merchant_class)
}

/// Roles and class that an organization of this type cannot have.
pub(super) fn check_types(org_type: OrgType, roles: &[Role], class: Option<MerchantClass>) -> Result<(), Error> {
    if roles.iter().any(|role| !is_role_for(org_type, *role)) {
        return Err(Error::RoleNotForType);
    }
    // An application may leave its roles to the supervisor, so a class without any role stands.
    if class.is_some() && !roles.is_empty() && !roles.contains(&Role::DataMerchant) {
        return Err(Error::MerchantClassMismatch);
    }
    Ok(())
}

/// A public unit may hold and license data but neither trade it nor lend against it; judicial roles belong to their own bodies.
pub(super) fn is_role_for(org_type: OrgType, role: Role) -> bool {
    let trades = matches!(
        role,
        Role::DataMerchant | Role::DataBuyer | Role::Lender | Role::SettlementBank | Role::PublicDataOperator
    );
    if org_type.is_public_unit() && trades {
        return false;
    }
    match role {
        Role::Court => org_type == OrgType::Court,
        Role::Arbitration => org_type == OrgType::Arbitration,
        Role::Notary => org_type == OrgType::Notary,
        Role::SettlementBank => org_type == OrgType::Bank,
        Role::Supervisor | Role::Treasury => org_type == OrgType::GovDepartment,
        Role::Validator
        | Role::ImplementingBody
        | Role::VoucherIssuer
        | Role::Registrar
        | Role::RegistrarProduct
        | Role::RegistrarDataIp
        | Role::DataSupplier
        | Role::ExportReviewer
        | Role::Exchange
        | Role::PublicDataOperator
        | Role::DataMerchant
        | Role::FinanceGateway
        | Role::DataBuyer
        | Role::Lender
        | Role::ComplianceAssessor
        | Role::SecurityAuditor
        | Role::QualityEvaluator
        | Role::Valuer
        | Role::Custodian
        | Role::Insurer
        | Role::Collector
        | Role::Verifier
        | Role::Tsa
        | Role::ServiceCentre
        | Role::IdentityProvider => true,
    }
}

/// No role twice.
pub(super) fn check_roles(roles: &[Role]) -> Result<(), Error> {
    let mut sorted = roles.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) { Err(Error::RoleRepeated) } else { Ok(()) }
}

/// A name that people can read.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if is_name(name) { Ok(()) } else { Err(Error::NameMissing) }
}

/// A name that may be left out.
pub(super) fn check_second_name(name: &str) -> Result<(), Error> {
    if unseen_in(name).is_none() { Ok(()) } else { Err(Error::NameMissing) }
}

/// Serial number and authority of a certificate stand in reports that courts read: nothing but what such names are made of. The lists
/// are written out, so that no table of characters decides whether a block is valid.
fn check_certificate(certificate: &KeyCertificate) -> Result<(), Error> {
    let is_serial = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    let is_name = |c: char| is_serial(c) || c == ' ' || matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}');
    let (serial, authority) = (&*certificate.serial, &*certificate.authority);
    let is_spaced = authority.starts_with(' ') || authority.ends_with(' ') || authority.contains("  ");
    let fits = !serial.is_empty() && serial.chars().all(is_serial) && !authority.is_empty() && !is_spaced;
    if fits && authority.chars().all(is_name) { Ok(()) } else { Err(Error::CertificateText) }
}

fn check_period(from_ms: Option<u64>, to_ms: Option<u64>) -> Result<(), Error> {
    match (from_ms, to_ms) {
        (Some(from), Some(to)) if to <= from => Err(Error::BadPeriod),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn check_close(call: &Close) -> Result<(), Error> {
    let fits = match call.into {
        OrgStatus::Closed => call.successors.is_empty(),
        OrgStatus::Merged => call.successors.len() == 1,
        OrgStatus::Split => call.successors.len() >= 2,
        OrgStatus::Applied
        | OrgStatus::Verified
        | OrgStatus::Active
        | OrgStatus::Suspended
        | OrgStatus::Revoked
        | OrgStatus::Rejected => false,
    };
    let is_repeated = call.successors.iter().enumerate().any(|(i, org)| call.successors[..i].contains(org));
    if fits && !is_repeated && !call.successors.contains(&call.org_id) { Ok(()) } else { Err(Error::SuccessorMismatch) }
}
