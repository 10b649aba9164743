//! Who a signature speaks for, judged at the block's time.

use quancheng_state::View;
use quancheng_types::{AccountId, KeyId, PublicKey, Signer};

use super::names::OrgStatus;
use super::types::{ACCOUNTS, AccountRecord, KEY_OWNERS, KeyUse, ORGANIZATIONS};
use crate::contract::{ActingOrganization, ResolvedSigner};
use crate::refusal::Failure;

/// Why a signer may not act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerRefused {
    /// The key is not bound to the account, is bound to another, is revoked, is outside its validity, or is not for signing.
    KeyNotAuthorized,
    /// The organization is suspended, revoked, closed, merged or split.
    Suspended,
}

/// Resolves a signer and the key beside its signature. Without a record an account belongs to the key whose hash it is, unless that key
/// is bound to another account: a key of an organization acts for the organization or not at all, least of all one that was revoked.
///
/// # Errors
/// [`SignerRefused`], or the store's failure.
pub fn resolve(
    view: &dyn View,
    signer: &Signer,
    public_key: &PublicKey,
    time_ms: u64,
) -> Result<ResolvedSigner, Failure<SignerRefused>> {
    let resolved = |organization| ResolvedSigner {
        account: signer.account,
        key_id: signer.key_id,
        public_key: *public_key,
        organization,
    };
    if let Some(record) = ACCOUNTS.read(view, &signer.account)? {
        if !is_authorized(&record, signer, public_key, time_ms) {
            return Err(Failure::Refused(SignerRefused::KeyNotAuthorized));
        }
        return organization(view, &record, time_ms).map(|organization| resolved(Some(organization)));
    }
    let opens = KeyId::of(public_key) == signer.key_id && AccountId::of(public_key) == signer.account;
    if opens && KEY_OWNERS.read(view, &signer.key_id)?.is_none() {
        Ok(resolved(None))
    } else {
        Err(Failure::Refused(SignerRefused::KeyNotAuthorized))
    }
}

fn is_authorized(record: &AccountRecord, signer: &Signer, public_key: &PublicKey, time_ms: u64) -> bool {
    record.keys.iter().any(|key| {
        key.key_id == signer.key_id
            && key.public_key == *public_key
            && key.usage == KeyUse::Sign
            && key.is_valid_at(time_ms)
    })
}

fn organization(
    view: &dyn View,
    record: &AccountRecord,
    time_ms: u64,
) -> Result<ActingOrganization, Failure<SignerRefused>> {
    // An account record without its organization would be our own fault; nobody may act on it.
    let Some(organization) = ORGANIZATIONS.read(view, &record.org_id)? else {
        return Err(Failure::Refused(SignerRefused::KeyNotAuthorized));
    };
    match organization.status {
        OrgStatus::Applied | OrgStatus::Verified | OrgStatus::Active => Ok(ActingOrganization {
            roles: organization.roles_at(time_ms),
            org_id: organization.org_id,
            status: organization.status,
            org_type: organization.org_type,
        }),
        OrgStatus::Suspended
        | OrgStatus::Revoked
        | OrgStatus::Closed
        | OrgStatus::Merged
        | OrgStatus::Split
        | OrgStatus::Rejected => Err(Failure::Refused(SignerRefused::Suspended)),
    }
}
