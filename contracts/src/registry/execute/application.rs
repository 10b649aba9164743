//! From submission to the end of the review.

use quancheng_types::List;

use super::super::Registry;
use super::super::calls::{Decide, Reference, Restate, Submit};
use super::super::dossier::{DataClass, Dossier};
use super::super::events::Event;
use super::super::refusals::Error;
use super::super::types::{
    Act, BY_KIND, BY_MANIFEST, BY_ORGANIZATION, BY_REGISTRAR, COUNTERS, Clock, Counters, DOSSIERS, Phase, Registration,
    RegistrationId, SUPPLEMENTS_MAX,
};
use super::{
    Done, calendar, check_statement, drop_request, drop_statements, has_any_role, is_active, load, load_as_registrar,
    registrar_role, require_holders, rules_of, save, sender, statement_of, today,
};
use crate::contract::{Context, ResolvedSigner};
use crate::domain::{RegistrationKind, SERIAL_MAX};
use crate::governance;
use crate::identity::{OrgId, OrgType, Role};

/// The registrar's period (acceptance, review, objection) from today. Its last day stays open while the calendar is not published.
pub(super) fn start_clock(context: &Context<'_, '_>, working_days: u16) -> Done<Option<Clock>> {
    let day = today(context);
    let due = calendar(context, day)?.add_working_days(day, working_days).ok();
    Ok(Some(Clock { due, working_days }))
}

/// What is left of a period from tomorrow on.
fn stop_clock(context: &Context<'_, '_>, clock: Clock) -> Done<Clock> {
    let day = today(context);
    let (Some(due), Some(tomorrow)) = (clock.due, day.next()) else {
        return Ok(Clock { due: None, ..clock });
    };
    // A due day was computed, so the calendars up to it are published.
    let left = calendar(context, day)?.count_working_days(tomorrow, due).map_err(Error::from)?;
    Ok(Clock { due: None, working_days: left })
}

/// Who may apply for which kind (domain model §2.2): public resources and open data sets belong to public bodies.
fn is_eligible(applicant: &ResolvedSigner, kind: RegistrationKind) -> bool {
    let is_public_body = applicant.organization.as_ref().is_some_and(|organization| {
        matches!(organization.org_type, OrgType::GovDepartment | OrgType::PublicInstitution)
    });
    match kind {
        RegistrationKind::PublicResource | RegistrationKind::OpenDataset => is_public_body,
        RegistrationKind::PublicProduct => is_public_body || applicant.has_role(Role::PublicDataOperator),
        RegistrationKind::DataResource
        | RegistrationKind::DataProduct
        | RegistrationKind::DataAsset
        | RegistrationKind::DataIp => true,
    }
}

/// Refuses a statement whose holders or agent are not active.
fn check_parties(context: &Context<'_, '_>, dossier: &Dossier) -> Done {
    for organization in dossier.holders.iter().chain(&dossier.agent) {
        if !is_active(context.view(), organization)? {
            return Err(Error::HolderUnknown.into());
        }
    }
    Ok(())
}

pub(super) fn submit(context: &mut Context<'_, '_>, call: &Submit) -> Done {
    let (signer, applicant) = sender(context)?;
    let dossier = &call.dossier;
    let rules =
        governance::rule_set_in_force(context.view(), &call.rule_set, today(context))?.ok_or(Error::RuleSetUnknown)?;
    if !rules.kinds.contains(&call.kind) {
        return Err(Error::RuleSetKind.into());
    }
    if !has_any_role(context, &call.registrar, &[registrar_role(call.kind)])? {
        return Err(Error::RegistrarNotCompetent.into());
    }
    if !is_eligible(signer, call.kind) {
        return Err(Error::ApplicantNotEligible.into());
    }
    check_parties(context, dossier)?;
    require_holders(context, &dossier.holders)?;
    let inherited = check_statement(context, dossier, &rules)?;
    let mut counters = context.read(&COUNTERS, &())?.unwrap_or(Counters { serial_first: 1, serial_next: 1, issued: 0 });
    if counters.serial_next > SERIAL_MAX {
        return Err(Error::NumbersExhausted.into());
    }
    let clock = start_clock(context, rules.accept_wd)?;
    let mut registration = Registration {
        id: RegistrationId(counters.serial_next),
        kind: call.kind,
        ledger_no: None,
        official: List::empty(),
        phase: Phase::Submitted,
        resume: None,
        version: 1,
        revision: 1,
        revision_last: 1,
        statement: statement_of(dossier),
        applicant: applicant.clone(),
        agent: dossier.agent.clone(),
        holders: dossier.holders.clone(),
        registrar: call.registrar.clone(),
        rule_set: rules.reference(),
        effective_class: inherited.class,
        effective_pi_level: inherited.pi_level,
        submitted_at_ms: context.time_ms(),
        supplement_requested: None,
        clock,
        notice: None,
        objections_open: 0,
        objections: 0,
        holds: List::empty(),
        pending: None,
        encumbrances: List::empty(),
        valid_from: None,
        valid_to: None,
        log: 0,
    };
    counters.serial_next += 1;
    context.put(&COUNTERS, &(), &counters);
    context.put(&DOSSIERS, &(registration.id, 1), dossier);
    context.emit::<Registry>(&Event::Submitted {
        registration: registration.id,
        kind: call.kind,
        applicant: applicant.clone(),
        registrar: call.registrar.clone(),
    });
    index(context, &registration, dossier)?;
    save(context, &mut registration, Act::Submit, None)
}

/// Enters a new registration in every list.
fn index(context: &mut Context<'_, '_>, registration: &Registration, dossier: &Dossier) -> Done {
    let id = registration.id;
    let mut organizations: Vec<&OrgId> = registration.holders.iter().chain([&registration.applicant]).collect();
    organizations.sort_unstable();
    organizations.dedup();
    for organization in organizations {
        BY_ORGANIZATION.push(context.overlay(), organization, &id)?;
    }
    BY_REGISTRAR.push(context.overlay(), &registration.registrar, &id)?;
    BY_KIND.push(context.overlay(), &registration.kind, &id)?;
    BY_MANIFEST.push(context.overlay(), &dossier.manifest_root, &id)?;
    Ok(())
}

pub(super) fn supplement(context: &mut Context<'_, '_>, call: &Restate) -> Done {
    let mut registration = load(context, call.registration)?;
    let (_, organization) = sender(context)?;
    if *organization != registration.applicant {
        return Err(Error::NotApplicant.into());
    }
    let (Phase::NeedSupplement, Some(resume)) = (registration.phase, registration.resume) else {
        return Err(Error::WrongPhase.into());
    };
    if registration.revision_last > SUPPLEMENTS_MAX {
        return Err(Error::TooManySupplements.into());
    }
    if call.dossier.holders != registration.holders {
        return Err(Error::HoldersChange.into());
    }
    check_parties(context, &call.dossier)?;
    let rules = rules_of(context, &registration)?;
    let inherited = check_statement(context, &call.dossier, &rules)?;
    let earlier = context.read(&DOSSIERS, &(registration.id, registration.revision))?;
    let clock = match registration.clock {
        Some(clock) => start_clock(context, clock.working_days)?,
        None => None,
    };
    registration.phase = resume;
    registration.resume = None;
    registration.supplement_requested = None;
    registration.clock = clock;
    registration.agent.clone_from(&call.dossier.agent);
    registration.effective_class = inherited.class;
    registration.effective_pi_level = inherited.pi_level;
    registration.revision_last = registration.revision_last.saturating_add(1);
    registration.revision = registration.revision_last;
    registration.statement = statement_of(&call.dossier);
    context.put(&DOSSIERS, &(registration.id, registration.revision), &call.dossier);
    if earlier.is_none_or(|earlier| earlier.manifest_root != call.dossier.manifest_root) {
        BY_MANIFEST.push(context.overlay(), &call.dossier.manifest_root, &registration.id)?;
    }
    save(context, &mut registration, Act::Supplement, None)
}

pub(super) fn accept(context: &mut Context<'_, '_>, call: &Decide) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if registration.phase != Phase::Submitted {
        return Err(Error::WrongPhase.into());
    }
    let rules = rules_of(context, &registration)?;
    registration.phase = Phase::Accepted;
    registration.clock = start_clock(context, rules.review_wd)?;
    save(context, &mut registration, Act::Accept, Some(&call.decision))
}

pub(super) fn request_supplement(context: &mut Context<'_, '_>, call: &Decide) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if !matches!(registration.phase, Phase::Submitted | Phase::Accepted | Phase::UnderReview) {
        return Err(Error::WrongPhase.into());
    }
    if let Some(clock) = registration.clock {
        registration.clock = Some(stop_clock(context, clock)?);
    }
    registration.resume = Some(registration.phase);
    registration.phase = Phase::NeedSupplement;
    registration.supplement_requested = Some(today(context));
    save(context, &mut registration, Act::RequestSupplement, Some(&call.decision))
}

pub(super) fn start_review(context: &mut Context<'_, '_>, call: &Decide) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if registration.phase != Phase::Accepted {
        return Err(Error::WrongPhase.into());
    }
    registration.phase = Phase::UnderReview;
    save(context, &mut registration, Act::StartReview, Some(&call.decision))
}

pub(super) fn review_pass(context: &mut Context<'_, '_>, call: &Decide) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if !matches!(registration.phase, Phase::Accepted | Phase::UnderReview) {
        return Err(Error::WrongPhase.into());
    }
    if matches!(registration.effective_class, DataClass::Unclassified | DataClass::ImportantSuspected) {
        return Err(Error::ClassUnresolved.into());
    }
    registration.phase = Phase::Reviewed;
    registration.clock = None;
    save(context, &mut registration, Act::ReviewPass, Some(&call.decision))
}

pub(super) fn reject(context: &mut Context<'_, '_>, call: &Decide) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    match registration.phase {
        Phase::Submitted | Phase::Accepted | Phase::UnderReview | Phase::Reviewed | Phase::Notice => {}
        Phase::NeedSupplement => {
            let asked = registration.supplement_requested.ok_or(Error::WrongPhase)?;
            let period = rules_of(context, &registration)?.supplement_wd;
            let last = calendar(context, asked)?.add_working_days(asked, period).map_err(Error::from)?;
            if today(context) <= last {
                return Err(Error::SupplementPeriodOpen.into());
            }
        }
        Phase::Issued | Phase::Rejected | Phase::Withdrawn | Phase::Cancelled | Phase::Revoked => {
            return Err(Error::WrongPhase.into());
        }
    }
    registration.phase = Phase::Rejected;
    registration.clock = None;
    drop_statements(context, &registration);
    save(context, &mut registration, Act::Reject, Some(&call.decision))
}

pub(super) fn withdraw(context: &mut Context<'_, '_>, call: &Reference) -> Done {
    let mut registration = load(context, call.registration)?;
    let (_, organization) = sender(context)?;
    match registration.phase {
        Phase::Submitted
        | Phase::NeedSupplement
        | Phase::Accepted
        | Phase::UnderReview
        | Phase::Reviewed
        | Phase::Notice => {
            if *organization != registration.applicant {
                return Err(Error::NotApplicant.into());
            }
            registration.phase = Phase::Withdrawn;
            registration.clock = None;
            drop_statements(context, &registration);
        }
        Phase::Issued => {
            let pending = registration.pending.as_ref().ok_or(Error::NoRequest)?;
            if *organization != pending.requested_by {
                return Err(Error::NotApplicant.into());
            }
            drop_request(context, &mut registration);
        }
        Phase::Rejected | Phase::Withdrawn | Phase::Cancelled | Phase::Revoked => {
            return Err(Error::WrongPhase.into());
        }
    }
    save(context, &mut registration, Act::Withdraw, None)
}
