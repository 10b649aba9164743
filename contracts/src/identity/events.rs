//! What the module reports.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{AccountId, KeyId};
use serde::{Deserialize, Serialize};

use super::names::{OrgId, OrgStatus, Role};
use super::types::KeyUse;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Event {
    /// An organization applied.
    Registered {
        /// Which.
        org_id: OrgId,
        /// The account that acts for it.
        account: AccountId,
    } = 1,
    /// An organization's status changed.
    StatusChanged {
        /// Whose.
        org_id: OrgId,
        /// Before.
        from: OrgStatus,
        /// After.
        to: OrgStatus,
        /// Who decided.
        decided_by: OrgId,
    } = 2,
    /// A role was granted.
    RoleGranted {
        /// To whom.
        org_id: OrgId,
        /// What.
        role: Role,
        /// First ms in force.
        from_ms: u64,
        /// First ms no longer in force.
        to_ms: Option<u64>,
    } = 3,
    /// A role ended.
    RoleRevoked {
        /// Whose.
        org_id: OrgId,
        /// What.
        role: Role,
    } = 4,
    /// A key was bound.
    KeyAdded {
        /// To whom.
        org_id: OrgId,
        /// Which.
        key_id: KeyId,
        /// What for.
        #[serde(rename = "use")]
        usage: KeyUse,
    } = 5,
    /// A key was revoked, or its time of compromise was set.
    KeyRevoked {
        /// Whose.
        org_id: OrgId,
        /// Which.
        key_id: KeyId,
        /// Since when it may have been in other hands.
        compromise_since_ms: Option<u64>,
    } = 6,
    /// An officer took office.
    OfficerAppointed {
        /// Where.
        org_id: OrgId,
        /// Who.
        account: AccountId,
    } = 7,
    /// An officer left office.
    OfficerDismissed {
        /// Where.
        org_id: OrgId,
        /// Who.
        account: AccountId,
    } = 8,
}
