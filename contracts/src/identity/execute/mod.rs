//! One function per call: read and refuse first, write last.

mod founding;
mod keys;
mod officers;
mod organizations;
mod roles;

use quancheng_state::StoreError;

use super::calls::Call;
use super::names::{Grantor, OrgId, Role};
use super::refusals::Error;
use super::types::{ORGANIZATIONS, Organization};
use crate::contract::Context;
use crate::refusal::Failure;

pub(super) use founding::found;
pub(crate) use roles::{grant_at_genesis, grant_by_vote, revoke_by_vote};

type Result<T = ()> = core::result::Result<T, Failure<Error>>;

pub(super) fn execute(context: &mut Context<'_, '_>, call: &Call) -> Result {
    match call {
        Call::Register(call) => organizations::register(context, call),
        Call::Verify(call) => organizations::verify(context, call),
        Call::Activate(call) => organizations::activate(context, call),
        Call::Reject(call) => organizations::reject(context, call),
        Call::Suspend(call) => organizations::suspend(context, call),
        Call::Resume(call) => organizations::resume(context, call),
        Call::Revoke(call) => organizations::revoke(context, call),
        Call::Close(call) => organizations::close(context, call),
        Call::GrantRole(call) => roles::grant(context, call),
        Call::RevokeRole(call) => roles::revoke(context, call),
        Call::AddKey(call) => keys::add(context, call),
        Call::RevokeKey(call) => keys::revoke(context, call),
        Call::AppointOfficer(call) => officers::appoint(context, call),
        Call::DismissOfficer(call) => officers::dismiss(context, call),
    }
}

/// The organization, or the refusal that there is none.
fn existing(context: &Context<'_, '_>, org_id: &OrgId) -> Result<Organization> {
    context.read(&ORGANIZATIONS, org_id)?.ok_or_else(|| Error::NotFound.into())
}

/// The supervisor who decides about another organization (G5: never about its own).
fn supervisor_over(context: &Context<'_, '_>, org_id: &OrgId) -> Result<OrgId> {
    let sender = context.sender().filter(|sender| sender.has_role(Role::Supervisor)).ok_or(Error::NotAllowed)?;
    let decided_by = sender.org_id().ok_or(Error::NotAllowed)?;
    if decided_by == org_id {
        return Err(Error::SelfReview.into());
    }
    Ok(decided_by.clone())
}

/// Refuses when a supervisor would act on an organization that answers to the vote alone: else one office could silence the voters
/// or a court. The vote ends the role first.
fn not_governed(context: &Context<'_, '_>, organization: &Organization) -> core::result::Result<(), Error> {
    let roles = organization.roles_at(context.time_ms());
    if roles.iter().any(|role| role.grantor() == Grantor::Governance) { Err(Error::UnderGovernance) } else { Ok(()) }
}

/// Refuses unless the sender acts for this organization.
fn own(context: &Context<'_, '_>, org_id: &OrgId) -> core::result::Result<(), Error> {
    match context.sender().and_then(|sender| sender.org_id()) {
        Some(own) if own == org_id => Ok(()),
        Some(_) | None => Err(Error::NotAllowed),
    }
}

fn store(context: &mut Context<'_, '_>, organization: &Organization) {
    context.put(&ORGANIZATIONS, &organization.org_id, organization);
}

/// Appends to a counted list: returns the place.
fn next_place(count: Option<u64>) -> core::result::Result<(u64, u64), StoreError> {
    let place = count.unwrap_or(0);
    let next =
        place.checked_add(1).ok_or(StoreError::TooLarge { what: "list entries", found: place, max: u64::MAX })?;
    Ok((place, next))
}
