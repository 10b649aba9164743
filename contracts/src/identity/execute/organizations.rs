//! Application, admission, suspension, end.

use quancheng_types::List;

use super::super::Identity;
use super::super::calls::{Activate, Close, Decide, Register, check_types};
use super::super::events::Event;
use super::super::names::{OrgId, OrgStatus};
use super::super::refusals::Error;
use super::super::types::{
    ACCOUNTS, AccountRecord, CODES, Decision, KEY_OWNERS, KeyRecord, KeyUse, ORG_COUNT, ORG_LIST, ORGANIZATIONS,
    Organization,
};
use super::{Result, existing, next_place, not_governed, own, roles, store, supervisor_over};
use crate::contract::{Context, ResolvedSigner};
use crate::domain::Commitment;

pub(super) fn register(context: &mut Context<'_, '_>, call: &Register) -> Result {
    let sender = context.sender().ok_or(Error::NotAllowed)?;
    if sender.organization.is_some() {
        return Err(Error::AccountBound.into());
    }
    if context.read(&KEY_OWNERS, &sender.key_id)?.is_some() {
        return Err(Error::KeyBound.into());
    }
    let earlier = context.read(&ORGANIZATIONS, &call.org_id)?;
    if earlier.as_ref().is_some_and(|earlier| earlier.status != OrgStatus::Rejected) {
        return Err(Error::OrganizationExists.into());
    }
    if context.read(&CODES, &call.uscc)?.is_some() {
        return Err(Error::CodeTaken.into());
    }
    let organization = Organization {
        org_id: call.org_id.clone(),
        uscc: call.uscc,
        name_zh: call.name_zh.clone(),
        name_en: call.name_en.clone(),
        org_type: call.org_type,
        merchant_class: call.merchant_class,
        region: call.region,
        status: OrgStatus::Applied,
        account: sender.account,
        roles_requested: call.roles.clone(),
        roles: List::empty(),
        successors: List::empty(),
        applied_at_ms: context.time_ms(),
        decision: None,
    };
    enter(context, &organization, first_key(context, sender), earlier.is_none())?;
    context.emit::<Identity>(&Event::Registered { org_id: call.org_id.clone(), account: sender.account });
    Ok(())
}

fn first_key(context: &Context<'_, '_>, sender: &ResolvedSigner) -> KeyRecord {
    KeyRecord {
        key_id: sender.key_id,
        public_key: sender.public_key,
        suite: sender.public_key.suite(),
        usage: KeyUse::Sign,
        from_ms: context.time_ms(),
        to_ms: None,
        revoked_at_ms: None,
        compromise_since_ms: None,
        certificate: None,
        added_height: context.height(),
    }
}

/// Writes a new organization with its account, first key, code and place in the list.
pub(super) fn enter(
    context: &mut Context<'_, '_>,
    organization: &Organization,
    key: KeyRecord,
    is_new: bool,
) -> Result {
    let (account, org_id) = (organization.account, &organization.org_id);
    if is_new {
        let (place, next) = next_place(context.read(&ORG_COUNT, &())?)?;
        context.put(&ORG_LIST, &place, org_id);
        context.put(&ORG_COUNT, &(), &next);
    }
    context.put(&KEY_OWNERS, &key.key_id, &account);
    let keys = List::new(vec![key]).expect("one key is within the limit");
    context.put(&ACCOUNTS, &account, &AccountRecord { account, org_id: org_id.clone(), keys });
    context.put(&CODES, &organization.uscc, org_id);
    store(context, organization);
    Ok(())
}

pub(super) fn verify(context: &mut Context<'_, '_>, call: &Decide) -> Result {
    let decided_by = supervisor_over(context, &call.org_id)?;
    let organization = in_status(existing(context, &call.org_id)?, &[OrgStatus::Applied])?;
    conclude(context, organization, OrgStatus::Verified, decided_by, call.document);
    Ok(())
}

pub(super) fn activate(context: &mut Context<'_, '_>, call: &Activate) -> Result {
    let decided_by = supervisor_over(context, &call.org_id)?;
    let mut organization = in_status(existing(context, &call.org_id)?, &[OrgStatus::Verified])?;
    check_types(organization.org_type, &call.roles, organization.merchant_class)?;
    for role in &call.roles {
        roles::admit(context, &mut organization, *role, (None, None), call.document)?;
    }
    conclude(context, organization, OrgStatus::Active, decided_by, call.document);
    Ok(())
}

pub(super) fn reject(context: &mut Context<'_, '_>, call: &Decide) -> Result {
    let decided_by = supervisor_over(context, &call.org_id)?;
    let organization = in_status(existing(context, &call.org_id)?, &[OrgStatus::Applied, OrgStatus::Verified])?;
    if let Some(record) = context.read(&ACCOUNTS, &organization.account)? {
        for key in record.keys.iter().filter(|key| key.usage == KeyUse::Sign) {
            context.remove(&KEY_OWNERS, &key.key_id);
        }
        context.remove(&ACCOUNTS, &organization.account);
    }
    conclude(context, organization, OrgStatus::Rejected, decided_by, call.document);
    Ok(())
}

pub(super) fn suspend(context: &mut Context<'_, '_>, call: &Decide) -> Result {
    let decided_by = supervisor_over(context, &call.org_id)?;
    let organization = in_status(existing(context, &call.org_id)?, &[OrgStatus::Active])?;
    not_governed(context, &organization)?;
    conclude(context, organization, OrgStatus::Suspended, decided_by, call.document);
    Ok(())
}

pub(super) fn resume(context: &mut Context<'_, '_>, call: &Decide) -> Result {
    let decided_by = supervisor_over(context, &call.org_id)?;
    let organization = in_status(existing(context, &call.org_id)?, &[OrgStatus::Suspended])?;
    conclude(context, organization, OrgStatus::Active, decided_by, call.document);
    Ok(())
}

pub(super) fn revoke(context: &mut Context<'_, '_>, call: &Decide) -> Result {
    let decided_by = supervisor_over(context, &call.org_id)?;
    let organization = in_status(existing(context, &call.org_id)?, &[OrgStatus::Active, OrgStatus::Suspended])?;
    not_governed(context, &organization)?;
    conclude(context, organization, OrgStatus::Revoked, decided_by, call.document);
    Ok(())
}

pub(super) fn close(context: &mut Context<'_, '_>, call: &Close) -> Result {
    own(context, &call.org_id)?;
    // An application that is withdrawn has no duties to hand on; an active organization may have.
    let from: &[OrgStatus] = if call.into == OrgStatus::Closed {
        &[OrgStatus::Applied, OrgStatus::Verified, OrgStatus::Active]
    } else {
        &[OrgStatus::Active]
    };
    let mut organization = in_status(existing(context, &call.org_id)?, from)?;
    for successor in &call.successors {
        let record = context.read(&ORGANIZATIONS, successor)?;
        if record.is_none_or(|record| record.status != OrgStatus::Active) {
            return Err(Error::SuccessorMismatch.into());
        }
        if context.signer_of(successor).is_none() {
            return Err(Error::SuccessorSignatureMissing.into());
        }
    }
    organization.successors = call.successors.clone();
    conclude(context, organization, call.into, call.org_id.clone(), call.document);
    Ok(())
}

fn in_status(organization: Organization, admitted: &[OrgStatus]) -> core::result::Result<Organization, Error> {
    if admitted.contains(&organization.status) { Ok(organization) } else { Err(Error::WrongStatus) }
}

/// Writes the new status, frees the code of an organization that is no longer live, and reports.
fn conclude(
    context: &mut Context<'_, '_>,
    mut organization: Organization,
    to: OrgStatus,
    decided_by: OrgId,
    document: Option<Commitment>,
) {
    let from = organization.status;
    organization.status = to;
    organization.decision = Some(Decision {
        status: to,
        decided_by: decided_by.clone(),
        document,
        at_ms: context.time_ms(),
        height: context.height(),
    });
    if !to.is_live() {
        context.remove(&CODES, &organization.uscc);
    }
    store(context, &organization);
    context.emit::<Identity>(&Event::StatusChanged { org_id: organization.org_id, from, to, decided_by });
}
