//! Roles: granted by their lawful grantors, for a period.

use quancheng_types::List;

use super::super::Identity;
use super::super::calls::{GrantRole, RevokeRole, is_role_for};
use super::super::events::Event;
use super::super::names::{Grantor, OrgId, OrgStatus, Role};
use super::super::refusals::Error;
use super::super::types::{GrantedBy, Organization, RoleGrant};
use super::{Result, existing, store};
use crate::contract::{Context, ResolvedSigner};
use crate::domain::Commitment;

/// From when, until when; absent means this block, and without end.
type Period = (Option<u64>, Option<u64>);

pub(super) fn grant(context: &mut Context<'_, '_>, call: &GrantRole) -> Result {
    let mut organization = existing(context, &call.org_id)?;
    if organization.status != OrgStatus::Active {
        return Err(Error::WrongStatus.into());
    }
    admit(context, &mut organization, call.role, (call.from_ms, call.to_ms), call.document)?;
    store(context, &organization);
    Ok(())
}

/// Adds a role to an organization by the sender's authority.
pub(super) fn admit(
    context: &mut Context<'_, '_>,
    organization: &mut Organization,
    role: Role,
    period: Period,
    document: Option<Commitment>,
) -> Result {
    let grantor = grantor(context.sender(), &organization.org_id, role)?;
    add(context, organization, role, period, GrantedBy::Organization(grantor), document)
}

/// The sender's organization, if it may grant the role to that organization.
fn grantor(sender: Option<&ResolvedSigner>, to: &OrgId, role: Role) -> core::result::Result<OrgId, Error> {
    let sender = sender.ok_or(Error::NotAllowed)?;
    let own = sender.org_id().ok_or(Error::NotAllowed)?;
    let may_grant = match role.grantor() {
        Grantor::Governance => false,
        Grantor::Holder(needed) => sender.has_role(needed),
        Grantor::Either(one, other) => sender.has_role(one) || sender.has_role(other),
    };
    if !may_grant {
        return Err(Error::RoleNotGrantable);
    }
    if own == to { Err(Error::SelfReview) } else { Ok(own.clone()) }
}

fn add(
    context: &mut Context<'_, '_>,
    organization: &mut Organization,
    role: Role,
    (from, to_ms): Period,
    grantor: GrantedBy,
    basis: Option<Commitment>,
) -> Result {
    if !is_role_for(organization.org_type, role) {
        return Err(Error::RoleNotForType.into());
    }
    let now = context.time_ms();
    let from_ms = from.unwrap_or(now);
    if from_ms < now || to_ms.is_some_and(|to| to <= from_ms) {
        return Err(Error::BadPeriod.into());
    }
    let is_held = organization.roles.iter().any(|held| {
        held.role == role
            && !held.is_void()
            && held.to_ms.is_none_or(|to| from_ms < to)
            && to_ms.is_none_or(|to| held.from_ms < to)
    });
    if is_held {
        return Err(Error::RoleHeld.into());
    }
    let mut roles = core::mem::take(&mut organization.roles).into_vec();
    roles.push(RoleGrant { role, from_ms, to_ms, grantor, basis });
    organization.roles = List::new(roles).map_err(|_| Error::TooMany)?;
    context.emit::<Identity>(&Event::RoleGranted { org_id: organization.org_id.clone(), role, from_ms, to_ms });
    Ok(())
}

pub(super) fn revoke(context: &mut Context<'_, '_>, call: &RevokeRole) -> Result {
    let organization = existing(context, &call.org_id)?;
    grantor(context.sender(), &call.org_id, call.role)?;
    end(context, organization, call.role)
}

/// Ends the role's grants that are in force or still to come.
fn end(context: &mut Context<'_, '_>, mut organization: Organization, role: Role) -> Result {
    let now = context.time_ms();
    let mut grants = core::mem::take(&mut organization.roles).into_vec();
    let mut is_ended = false;
    let is_alive = |grant: &RoleGrant| !grant.is_void() && grant.to_ms.is_none_or(|to| now < to);
    for grant in grants.iter_mut().filter(|grant| grant.role == role && is_alive(grant)) {
        grant.to_ms = Some(now.max(grant.from_ms));
        is_ended = true;
    }
    if !is_ended {
        return Err(Error::RoleNotHeld.into());
    }
    organization.roles = List::new(grants).map_err(|_| Error::TooMany)?;
    store(context, &organization);
    context.emit::<Identity>(&Event::RoleRevoked { org_id: organization.org_id, role });
    Ok(())
}

/// Grants any role to an active organization by the vote on a proposal.
///
/// # Errors
/// The refusals of `grant_role`, but for authority.
pub(crate) fn grant_by_vote(
    context: &mut Context<'_, '_>,
    proposal: u64,
    org_id: &OrgId,
    role: Role,
    period: Period,
) -> Result {
    let mut organization = existing(context, org_id)?;
    if organization.status != OrgStatus::Active {
        return Err(Error::WrongStatus.into());
    }
    add(context, &mut organization, role, period, GrantedBy::Governance(proposal), None)?;
    store(context, &organization);
    Ok(())
}

/// Gives a founding organization a role that the genesis implies, if it lacks it.
///
/// # Errors
/// The refusals of `grant_role`, but for authority.
pub(crate) fn grant_at_genesis(context: &mut Context<'_, '_>, org_id: &OrgId, role: Role) -> Result {
    let mut organization = existing(context, org_id)?;
    if !organization.roles_at(context.time_ms()).contains(&role) {
        add(context, &mut organization, role, (None, None), GrantedBy::Genesis, None)?;
        store(context, &organization);
    }
    Ok(())
}

/// Ends any role by a vote.
///
/// # Errors
/// The refusals of `revoke_role`, but for authority.
pub(crate) fn revoke_by_vote(context: &mut Context<'_, '_>, org_id: &OrgId, role: Role) -> Result {
    let organization = existing(context, org_id)?;
    end(context, organization, role)
}
