//! What an accepted proposal does.

use quancheng_types::{Height, Validator, ValidatorId, ValidatorSet, ValidatorSetError, VersionPlan};

use super::Governance;
use super::calls::Error;
use super::consensus::{decide_parameters, decide_set, decide_version, latest_set, record};
use super::events::Event;
use super::publish;
use super::types::{Action, ValidatorStatus};
use crate::contract::{Context, Contract};
use crate::identity::{self, Identity, OrgId, OrgStatus, Role};
use crate::modules::Refusal;
use crate::refusal::{Failure, RefusalCode};

/// A refusal of this module with its number.
pub(super) fn own(error: Error) -> Refusal {
    Refusal { module: Governance::ID, code: error.code() }
}

/// Executes an action. Refusals carry their module, because a change of roles is refused in the words of identity.
pub(super) fn apply(context: &mut Context<'_, '_>, proposal: u64, action: &Action) -> Result<(), Failure<Refusal>> {
    let words = |failure: Failure<Error>| failure.map(own);
    let roles =
        |failure: Failure<identity::Error>| failure.map(|error| Refusal { module: Identity::ID, code: error.code() });
    match action {
        Action::AddValidator(validator) => {
            add(context, validator).map_err(words)?;
            enrol(context, proposal, validator)
        }
        Action::RemoveValidator { validator } => {
            let leaving = remove(context, validator).map_err(words)?;
            strike(context, &leaving)
        }
        Action::ReplaceValidator { validator, successor } => replace(context, validator, successor).map_err(words),
        Action::ChangeParameters(parameters) => {
            // Every node knows the set of a height by this lag; a change of it could undo a later decision (decision 0021).
            if parameters.execution_lag_max != context.environment().parameters.execution_lag_max {
                return Err(words(Error::LagFixed.into()));
            }
            let now = context.height();
            let entry = decide_parameters(context.overlay(), now, parameters).map_err(words)?;
            let (hash, effective) = (parameters.hash(), entry.effective);
            context.emit::<Governance>(&Event::ParametersDecided { hash, effective });
            Ok(())
        }
        Action::PublishRuleSet(rules) => publish::publish_rule_set(context, rules).map_err(words),
        Action::PublishCalendar(year) => publish::publish_calendar(context, year).map_err(words),
        Action::ScheduleVersion { version, effective, notice } => {
            let plan = VersionPlan { version: *version, notice: notice.clone() };
            schedule_version(context, plan, *effective).map_err(words)
        }
        Action::GrantRole { org_id, role, from_ms, to_ms } => {
            identity::grant_by_vote(context, proposal, org_id, *role, (*from_ms, *to_ms)).map_err(roles)
        }
        Action::RevokeRole { org_id, role } => identity::revoke_by_vote(context, org_id, *role).map_err(roles),
    }
}

fn schedule_version(context: &mut Context<'_, '_>, plan: VersionPlan, effective: Height) -> Result<(), Failure<Error>> {
    let now = context.height();
    let entry = decide_version(context.overlay(), now, plan, effective)?;
    let (version, effective) = (entry.value.version, entry.effective);
    context.emit::<Governance>(&Event::VersionDecided { version, effective });
    Ok(())
}

fn add(context: &mut Context<'_, '_>, validator: &Validator) -> Result<(), Failure<Error>> {
    check_organization(context, validator)?;
    let (set, _) = latest_set(context.view())?;
    let mut validators = set.validators().to_vec();
    check_keys(context, validator, &validators)?;
    validators.push(validator.clone());
    decide(context, validators)?;
    let now = context.height();
    record(context.overlay(), now, validator, ValidatorStatus::Member)?;
    Ok(())
}

/// The role VALIDATOR follows the newest set: it puts the organization under governance.
fn enrol(context: &mut Context<'_, '_>, proposal: u64, validator: &Validator) -> Result<(), Failure<Refusal>> {
    let Ok(org_id) = OrgId::new(&validator.organization) else {
        return Ok(());
    };
    match identity::grant_by_vote(context, proposal, &org_id, Role::Validator, (None, None)) {
        Ok(()) | Err(Failure::Refused(identity::Error::RoleHeld)) => Ok(()),
        Err(failure) => Err(failure.map(|error| Refusal { module: Identity::ID, code: error.code() })),
    }
}

/// Ends the role of an organization that has no validator left in the newest set.
fn strike(context: &mut Context<'_, '_>, leaving: &Validator) -> Result<(), Failure<Refusal>> {
    let (set, _) = latest_set(context.view())?;
    if set.validators().iter().any(|validator| validator.organization == leaving.organization) {
        return Ok(());
    }
    let Ok(org_id) = OrgId::new(&leaving.organization) else {
        return Ok(());
    };
    match identity::revoke_by_vote(context, &org_id, Role::Validator) {
        Ok(()) | Err(Failure::Refused(identity::Error::RoleNotHeld | identity::Error::NotFound)) => Ok(()),
        Err(failure) => Err(failure.map(|error| Refusal { module: Identity::ID, code: error.code() })),
    }
}

fn remove(context: &mut Context<'_, '_>, id: &ValidatorId) -> Result<Validator, Failure<Error>> {
    let (set, _) = latest_set(context.view())?;
    let leaving = set.by_id(id).ok_or(Error::ValidatorNotFound)?.clone();
    let validators = set.validators().iter().filter(|validator| validator.id() != *id).cloned().collect();
    decide(context, validators)?;
    let now = context.height();
    record(context.overlay(), now, &leaving, ValidatorStatus::Removed)?;
    Ok(leaving)
}

fn replace(context: &mut Context<'_, '_>, id: &ValidatorId, successor: &Validator) -> Result<(), Failure<Error>> {
    let (set, _) = latest_set(context.view())?;
    let leaving = set.by_id(id).ok_or(Error::ValidatorNotFound)?.clone();
    if leaving.organization != successor.organization {
        return Err(Error::OrganizationDiffers.into());
    }
    check_organization(context, successor)?;
    let mut validators: Vec<Validator> = set.validators().iter().filter(|v| v.id() != *id).cloned().collect();
    check_keys(context, successor, &validators)?;
    validators.push(successor.clone());
    decide(context, validators)?;
    let now = context.height();
    if successor.id() != *id {
        record(context.overlay(), now, &leaving, ValidatorStatus::Removed)?;
    }
    record(context.overlay(), now, successor, ValidatorStatus::Member)?;
    Ok(())
}

fn check_organization(context: &Context<'_, '_>, validator: &Validator) -> Result<(), Failure<Error>> {
    let org_id = OrgId::new(&validator.organization).map_err(|_| Error::OrganizationNotActive)?;
    match identity::organization(context.view(), &org_id)? {
        Some(organization) if organization.status == OrgStatus::Active => Ok(()),
        Some(_) | None => Err(Error::OrganizationNotActive.into()),
    }
}

/// One key, one role: whoever takes the key of a node or of an office must not be able to vote with it. Two validators with one key are refused
/// by the set itself.
fn check_keys(context: &Context<'_, '_>, incoming: &Validator, others: &[Validator]) -> Result<(), Failure<Error>> {
    let is_shared =
        |other: &Validator| other.node_id.is_of(&incoming.public_key) || incoming.node_id.is_of(&other.public_key);
    if is_shared(incoming) || others.iter().any(is_shared) || identity::owns_key_of(context.view(), incoming)? {
        return Err(Error::KeyShared.into());
    }
    Ok(())
}

fn decide(context: &mut Context<'_, '_>, validators: Vec<Validator>) -> Result<(), Failure<Error>> {
    let set = ValidatorSet::new(validators).map_err(|error| match error {
        ValidatorSetError::Empty => Error::LastValidator,
        ValidatorSetError::TooMany { .. } => Error::SetFull,
        ValidatorSetError::RepeatedKey => Error::ValidatorExists,
        ValidatorSetError::RepeatedNode => Error::NodeTaken,
        ValidatorSetError::NoPower { .. } | ValidatorSetError::TooMuchPower => Error::PowerInvalid,
        ValidatorSetError::UnusableKey { .. } => Error::KeyUnusable,
    })?;
    let now = context.height();
    let entry = decide_set(context.overlay(), now, &set, true)?;
    let (hash, effective) = (entry.value.hash, entry.effective);
    context.emit::<Governance>(&Event::SetDecided { hash, effective });
    Ok(())
}
