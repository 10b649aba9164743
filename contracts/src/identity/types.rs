//! Records, limits and tables.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::Table;
use quancheng_types::{AccountId, Height, KeyId, List, ModuleId, PublicKey, Suite, Text};
use serde::{Deserialize, Serialize};

use super::names::{MerchantClass, OrgId, OrgStatus, OrgType, Role};
use crate::describe::Describe;
use crate::domain::{Commitment, Region, Uscc};

/// Bytes of a legal name.
pub const NAME_BYTES_MAX: u32 = 256;
/// Role grants that one organization may have on record, past ones included.
pub const ROLE_GRANTS_MAX: u32 = 64;
/// Roles of one application or activation.
pub const ROLES_MAX: u32 = 16;
/// Keys that one account may have on record, revoked ones included.
pub const KEYS_MAX: u32 = 64;
/// Successors of a merged or split organization.
pub const SUCCESSORS_MAX: u32 = 8;
/// Bytes of a certificate serial number or the name of its issuer.
pub const CERTIFICATE_BYTES_MAX: u32 = 128;
/// Bytes of an officer's title.
pub const TITLE_BYTES_MAX: u32 = 64;
/// Founding organizations of a genesis.
pub const FOUNDERS_MAX: u32 = 256;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum KeyUse {
    /// Signs transactions.
    Sign = 1,
    /// Electronic seal (电子印章) on documents off chain.
    Seal = 2,
    /// Receives encrypted data.
    Kem = 3,
    /// Consensus key of a validator node, recorded for the reader; the validator set decides.
    Consensus = 4,
}

/// The certificate of a key, as its authority issued it (电子认证).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyCertificate {
    /// Serial number.
    pub serial: Text<CERTIFICATE_BYTES_MAX>,
    /// Issuing authority.
    pub authority: Text<CERTIFICATE_BYTES_MAX>,
}

/// One key of an account. Never removed: signatures of the past are judged by it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Hash of the key.
    pub key_id: KeyId,
    /// The key.
    pub public_key: PublicKey,
    /// Its suite.
    pub suite: Suite,
    /// What it is for.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// First ms (since 1970 UTC) at which it is valid.
    pub from_ms: u64,
    /// First ms at which it is no longer valid; open when absent.
    pub to_ms: Option<u64>,
    /// Block time of its revocation. Prospective: what was signed before stays signed.
    pub revoked_at_ms: Option<u64>,
    /// Since when it may have been in other hands. Signatures from then on are flagged to readers, not undone.
    pub compromise_since_ms: Option<u64>,
    /// Its certificate, if it has one.
    pub certificate: Option<KeyCertificate>,
    /// Block that recorded it.
    pub added_height: Height,
}

impl KeyRecord {
    /// Whether the key is in force at a time.
    #[must_use]
    pub fn is_valid_at(&self, time_ms: u64) -> bool {
        self.from_ms <= time_ms
            && self.to_ms.is_none_or(|to| time_ms < to)
            && self.revoked_at_ms.is_none_or(|revoked| time_ms < revoked)
    }
}

/// Binds an account to the organization it acts for, and to its keys.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The account.
    pub account: AccountId,
    /// Its organization.
    pub org_id: OrgId,
    /// Its keys, oldest first.
    pub keys: List<KeyRecord, KEYS_MAX>,
}

/// Where a role came from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum GrantedBy {
    /// Part of the genesis.
    Genesis = 1,
    /// A decision of this organization.
    Organization(OrgId) = 2,
    /// A vote: number of the proposal.
    Governance(u64) = 3,
}

/// One role of an organization over a period.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct RoleGrant {
    /// The role.
    pub role: Role,
    /// First ms (since 1970 UTC) at which it is in force.
    pub from_ms: u64,
    /// First ms at which it no longer is; open when absent. Set by revocation.
    pub to_ms: Option<u64>,
    /// Who granted it.
    pub grantor: GrantedBy,
    /// Commitment to the deciding document.
    pub basis: Option<Commitment>,
}

impl RoleGrant {
    /// Whether the grant is in force at a time.
    #[must_use]
    pub fn is_valid_at(&self, time_ms: u64) -> bool {
        self.from_ms <= time_ms && self.to_ms.is_none_or(|to| time_ms < to)
    }

    /// Whether it was revoked before it came into force.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.to_ms.is_some_and(|to| to <= self.from_ms)
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Organization {
    /// Id on this chain.
    pub org_id: OrgId,
    /// Unified social credit code, unique among live organizations.
    pub uscc: Uscc,
    /// Legal name.
    pub name_zh: Text<NAME_BYTES_MAX>,
    /// Name in English.
    pub name_en: Text<NAME_BYTES_MAX>,
    /// What it is.
    pub org_type: OrgType,
    /// Class, of a data merchant.
    pub merchant_class: Option<MerchantClass>,
    /// Where it is seated.
    pub region: Option<Region>,
    /// Where it stands.
    pub status: OrgStatus,
    /// The account that acts for it.
    pub account: AccountId,
    /// Roles it applied for.
    pub roles_requested: List<Role, ROLES_MAX>,
    /// Roles it has or had.
    pub roles: List<RoleGrant, ROLE_GRANTS_MAX>,
    /// Who carries its duties after a merger or a split.
    pub successors: List<OrgId, SUCCESSORS_MAX>,
    /// Block time of the application, ms.
    pub applied_at_ms: u64,
    /// The last decision about it.
    pub decision: Option<Decision>,
}

impl Organization {
    /// Roles in force at a time, ascending, each once; none unless the organization is active.
    #[must_use]
    pub fn roles_at(&self, time_ms: u64) -> Vec<Role> {
        if self.status != OrgStatus::Active {
            return Vec::new();
        }
        let mut roles: Vec<Role> =
            self.roles.iter().filter(|grant| grant.is_valid_at(time_ms)).map(|grant| grant.role).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

/// Who decided what about an organization, and on what document.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Decision {
    /// The status it led to.
    pub status: OrgStatus,
    /// The deciding organization.
    pub decided_by: OrgId,
    /// Commitment to the document.
    pub document: Option<Commitment>,
    /// Block time, ms.
    pub at_ms: u64,
    /// Block.
    pub height: Height,
}

/// An appointed officer (数据官 and the like): the second signature where dual control is asked for. The officer signs with a key
/// of their own, never with the organization's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OfficerRecord {
    /// The organization.
    pub org_id: OrgId,
    /// The officer's own account.
    pub account: AccountId,
    /// Title, such as `数据官`; no personal name.
    pub title: Text<TITLE_BYTES_MAX>,
    /// First ms in office.
    pub from_ms: u64,
    /// First ms no longer in office; open when absent.
    pub to_ms: Option<u64>,
}

impl OfficerRecord {
    /// Whether the officer is in office at a time.
    #[must_use]
    pub fn is_in_office_at(&self, time_ms: u64) -> bool {
        self.from_ms <= time_ms && self.to_ms.is_none_or(|to| time_ms < to)
    }
}

/// One founding organization: active from the start, without review.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Founder {
    /// Id.
    pub org_id: OrgId,
    /// Unified social credit code.
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
    /// Roles from the start, without end.
    #[serde(default)]
    pub roles: List<Role, ROLES_MAX>,
    /// Its first signing key, whose account acts for it.
    pub key: PublicKey,
}

/// First content of this module.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityGenesis {
    /// Founding organizations.
    pub organizations: List<Founder, FOUNDERS_MAX>,
}

const ID: ModuleId = ModuleId(1);

/// Organizations by id.
pub(super) const ORGANIZATIONS: Table<OrgId, Organization> = Table::kept(ID, 1, "identity.organizations");
/// Accounts that act for organizations.
pub(super) const ACCOUNTS: Table<AccountId, AccountRecord> = Table::kept(ID, 2, "identity.accounts");
/// The account that a signing key is bound to, for ever: a key never changes hands.
pub(super) const KEY_OWNERS: Table<KeyId, AccountId> = Table::kept(ID, 3, "identity.key_owners");
/// The live organization with a credit code.
pub(super) const CODES: Table<Uscc, OrgId> = Table::kept(ID, 4, "identity.codes");
/// Organizations in order of first application, from 0.
pub(super) const ORG_LIST: Table<u64, OrgId> = Table::derived(ID, 5, "identity.org_list");
/// How many entries [`ORG_LIST`] has.
pub(super) const ORG_COUNT: Table<(), u64> = Table::derived(ID, 6, "identity.org_count");
/// Officers.
pub(super) const OFFICERS: Table<(OrgId, AccountId), OfficerRecord> = Table::kept(ID, 7, "identity.officers");
/// Officers of an organization in order of appointment, from 0.
pub(super) const OFFICER_LIST: Table<(OrgId, u64), AccountId> = Table::derived(ID, 8, "identity.officer_list");
/// How many entries [`OFFICER_LIST`] has for an organization.
pub(super) const OFFICER_COUNT: Table<OrgId, u64> = Table::derived(ID, 9, "identity.officer_count");

/// All tables.
pub(super) const TABLES: &[&dyn Describe] =
    &[&ORGANIZATIONS, &ACCOUNTS, &KEY_OWNERS, &CODES, &ORG_LIST, &ORG_COUNT, &OFFICERS, &OFFICER_LIST, &OFFICER_COUNT];
