//! Keys of an account.

use quancheng_types::{AccountId, KeyId, List};

use super::super::Identity;
use super::super::calls::{AddKey, RevokeKey};
use super::super::events::Event;
use super::super::names::{OrgId, Role};
use super::super::refusals::Error;
use super::super::types::{ACCOUNTS, AccountRecord, KEY_OWNERS, KeyRecord, KeyUse};
use super::{Result, existing, not_governed, own, supervisor_over};
use crate::contract::Context;

pub(super) fn add(context: &mut Context<'_, '_>, call: &AddKey) -> Result {
    let mut record = manageable(context, &call.org_id)?;
    let key_id = KeyId::of(&call.public_key);
    if record.keys.iter().any(|key| key.key_id == key_id) {
        return Err(Error::KeyBound.into());
    }
    if call.usage == KeyUse::Sign {
        let own_account = AccountId::of(&call.public_key);
        if !context.signers().iter().any(|signer| signer.account == own_account && signer.key_id == key_id) {
            return Err(Error::KeyProofMissing.into());
        }
        if context.read(&KEY_OWNERS, &key_id)?.is_some() {
            return Err(Error::KeyBound.into());
        }
    }
    let now = context.time_ms();
    let from_ms = call.from_ms.unwrap_or(now);
    if from_ms < now || call.to_ms.is_some_and(|to| to <= from_ms) {
        return Err(Error::BadPeriod.into());
    }
    let mut keys = record.keys.into_vec();
    keys.push(KeyRecord {
        key_id,
        public_key: call.public_key,
        suite: call.public_key.suite(),
        usage: call.usage,
        from_ms,
        to_ms: call.to_ms,
        revoked_at_ms: None,
        compromise_since_ms: None,
        certificate: call.certificate.clone(),
        added_height: context.height(),
    });
    record.keys = List::new(keys).map_err(|_| Error::TooMany)?;
    if call.usage == KeyUse::Sign {
        context.put(&KEY_OWNERS, &key_id, &record.account);
    }
    context.put(&ACCOUNTS, &record.account, &record);
    context.emit::<Identity>(&Event::KeyAdded { org_id: call.org_id.clone(), key_id, usage: call.usage });
    Ok(())
}

pub(super) fn revoke(context: &mut Context<'_, '_>, call: &RevokeKey) -> Result {
    let now = context.time_ms();
    let mut record = manageable(context, &call.org_id)?;
    let mut keys = record.keys.into_vec();
    let key = keys.iter_mut().find(|key| key.key_id == call.key_id).ok_or(Error::KeyNotFound)?;
    if call.compromise_since_ms.is_some_and(|since| since > now) {
        return Err(Error::BadCompromiseTime.into());
    }
    match (key.revoked_at_ms, call.compromise_since_ms, key.compromise_since_ms) {
        (None, since, _) => {
            key.revoked_at_ms = Some(now);
            key.compromise_since_ms = since;
        }
        (Some(_), None, _) => return Err(Error::KeyRevoked.into()),
        (Some(_), Some(since), Some(recorded)) if since >= recorded => {
            return Err(Error::BadCompromiseTime.into());
        }
        // Learned later, or found to have begun earlier: the doubt only ever grows.
        (Some(_), Some(since), Some(_) | None) => key.compromise_since_ms = Some(since),
    }
    let is_locked_out = !keys.iter().any(|key| key.usage == KeyUse::Sign && key.is_valid_at(now));
    let is_by_supervisor = own(context, &call.org_id).is_err();
    if is_locked_out && !is_by_supervisor {
        return Err(Error::LastKey.into());
    }
    record.keys = List::new(keys).map_err(|_| Error::TooMany)?;
    context.put(&ACCOUNTS, &record.account, &record);
    let (org_id, key_id, compromise_since_ms) = (call.org_id.clone(), call.key_id, call.compromise_since_ms);
    context.emit::<Identity>(&Event::KeyRevoked { org_id, key_id, compromise_since_ms });
    Ok(())
}

/// The account record whose keys the sender may change: its own organization's, or as a supervisor another's.
fn manageable(context: &Context<'_, '_>, org_id: &OrgId) -> Result<AccountRecord> {
    let organization = existing(context, org_id)?;
    if own(context, org_id).is_err() {
        if !context.sender().is_some_and(|sender| sender.has_role(Role::Supervisor)) {
            return Err(Error::NotAllowed.into());
        }
        supervisor_over(context, org_id)?;
        not_governed(context, &organization)?;
    }
    // A rejected applicant's account is its key's own again.
    context.read(&ACCOUNTS, &organization.account)?.ok_or_else(|| Error::WrongStatus.into())
}
