//! Issue, official codes, revocation, reliance.

use quancheng_types::List;

use super::super::Registry;
use super::super::calls::{AssignCode, Issue, RecordReliance, RevocationBasis, Revoke, Ruling};
use super::super::dossier::Dossier;
use super::super::events::Event;
use super::super::refusals::Error;
use super::super::types::{
    Act, BY_NUMBER, BY_OFFICIAL, COUNTERS, DOSSIERS, OfficialCode, Phase, RELIANCES, Registration, Reliance, Request,
};
use super::{
    Done, certify, check_statement, drop_request, has_any_role, is_active, load, load_as_registrar, rules_of, save,
    sender, statement_of, today,
};
use crate::contract::Context;
use crate::domain::{Day, LedgerNumber};
use crate::identity::Role;

/// The last day of a term of months that begins on a day, but no later than the licence that the data rest on (G10).
pub(super) fn last_day(from: Day, months: u16, dossier: &Dossier) -> Result<Day, Error> {
    let last = from.plus_months(months.into()).and_then(Day::previous).unwrap_or(Day::MAX);
    match &dossier.licence {
        Some(licence) if licence.valid_to < from => Err(Error::LicenceEnded),
        Some(licence) => Ok(last.min(licence.valid_to)),
        None => Ok(last),
    }
}

/// The dossier of a revision. It was written when the revision was made.
pub(super) fn dossier(context: &Context<'_, '_>, registration: &Registration, revision: u32) -> Done<Dossier> {
    Ok(context.read(&DOSSIERS, &(registration.id, revision))?.ok_or(Error::NotFound)?)
}

/// Refuses while anything stands in the way of issue (domain invariant R1).
fn check_issue(context: &Context<'_, '_>, registration: &Registration) -> Done {
    if registration.objections_open > 0 {
        return Err(Error::ObjectionOpen.into());
    }
    let notice = registration.notice.ok_or(Error::WrongPhase)?;
    if notice.stopped_wd.is_some() || context.time_ms() < notice.closes_at_ms {
        return Err(Error::NoticeOpen.into());
    }
    if !registration.holds.is_empty() {
        return Err(Error::Hold.into());
    }
    for holder in &registration.holders {
        if !is_active(context.view(), holder)? {
            return Err(Error::HolderUnknown.into());
        }
    }
    Ok(())
}

pub(super) fn issue(context: &mut Context<'_, '_>, call: &Issue) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    match registration.phase {
        Phase::Notice => {}
        Phase::Issued => return issue_change(context, registration, call),
        Phase::Submitted
        | Phase::NeedSupplement
        | Phase::Accepted
        | Phase::UnderReview
        | Phase::Reviewed
        | Phase::Rejected
        | Phase::Withdrawn
        | Phase::Cancelled
        | Phase::Revoked => return Err(Error::WrongPhase.into()),
    }
    check_issue(context, &registration)?;
    let day = today(context);
    let rules = rules_of(context, &registration)?;
    let dossier = dossier(context, &registration, registration.revision)?;
    let inherited = check_statement(context, &dossier, &rules)?;
    let valid_to = last_day(day, rules.validity_months, &dossier)?;
    let number = LedgerNumber::new(dossier.region, registration.kind.code(), day.year(), registration.id.0)
        .map_err(|_| Error::NumbersExhausted)?;
    if let Some(official) = &call.official {
        add_code(context, &mut registration, official)?;
    }
    registration.effective_class = inherited.class;
    registration.effective_pi_level = inherited.pi_level;
    registration.phase = Phase::Issued;
    registration.ledger_no = Some(number);
    registration.valid_from = Some(day);
    registration.valid_to = Some(valid_to);
    context.put(&BY_NUMBER, &number, &registration.id);
    if let Some(mut counters) = context.read(&COUNTERS, &())? {
        counters.issued = counters.issued.saturating_add(1);
        context.put(&COUNTERS, &(), &counters);
    }
    certify(context, &registration, Act::Issue)?;
    save(context, &mut registration, Act::Issue, Some(&call.decision))
}

/// Makes the next version, after the notice of a material change.
fn issue_change(context: &mut Context<'_, '_>, mut registration: Registration, call: &Issue) -> Done {
    let revision = match &registration.pending {
        Some(pending) if pending.is_approved => match pending.request {
            Request::Change { revision, .. } => revision,
            Request::Renewal | Request::Transfer { .. } | Request::Cancel => {
                return Err(Error::WrongPhase.into());
            }
        },
        Some(_) | None => return Err(Error::WrongPhase.into()),
    };
    check_issue(context, &registration)?;
    if registration.is_expired(context.time_ms()) {
        return Err(Error::CertificateExpired.into());
    }
    if let Some(official) = &call.official {
        add_code(context, &mut registration, official)?;
    }
    apply_change(context, &mut registration, revision)?;
    certify(context, &registration, Act::Issue)?;
    save(context, &mut registration, Act::Issue, Some(&call.decision))
}

/// Puts a revision in force as the next version; sources, evidence and licence it names are judged again.
pub(super) fn apply_change(context: &Context<'_, '_>, registration: &mut Registration, revision: u32) -> Done {
    let rules = rules_of(context, registration)?;
    let dossier = dossier(context, registration, revision)?;
    let inherited = check_statement(context, &dossier, &rules)?;
    registration.effective_class = inherited.class;
    registration.effective_pi_level = inherited.pi_level;
    registration.agent.clone_from(&dossier.agent);
    if let (Some(last), Some(licence)) = (registration.valid_to, &dossier.licence) {
        registration.valid_to = Some(last.min(licence.valid_to));
    }
    registration.revision = revision;
    registration.statement = statement_of(&dossier);
    registration.version = registration.version.saturating_add(1);
    registration.pending = None;
    Ok(())
}

/// Adds an official code, unique in its scheme and once per scheme and certificate.
fn add_code(context: &mut Context<'_, '_>, registration: &mut Registration, official: &OfficialCode) -> Done {
    let is_second = registration.official.iter().any(|code| code.scheme == official.scheme);
    if is_second || context.read(&BY_OFFICIAL, official)?.is_some() {
        return Err(Error::CodeTaken.into());
    }
    let mut codes = registration.official.to_vec();
    codes.push(official.clone());
    registration.official = List::new(codes).map_err(|_| Error::TooManyCodes)?;
    context.put(&BY_OFFICIAL, official, &registration.id);
    context.emit::<Registry>(&Event::CodeAssigned { registration: registration.id, official: official.clone() });
    Ok(())
}

pub(super) fn assign_code(context: &mut Context<'_, '_>, call: &AssignCode) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if registration.phase != Phase::Issued {
        return Err(Error::NotInForce.into());
    }
    add_code(context, &mut registration, &call.official)?;
    save(context, &mut registration, Act::AssignCode, None)
}

/// Refuses a ruling that is not effective today, or whose issuer cannot rule.
pub(super) fn check_ruling(context: &Context<'_, '_>, ruling: &Ruling) -> Done {
    let is_effective = ruling.effective_on <= today(context);
    if is_effective && has_any_role(context, &ruling.issuer, &[Role::Court, Role::Arbitration])? {
        return Ok(());
    }
    Err(Error::RulingNotEffective.into())
}

pub(super) fn revoke(context: &mut Context<'_, '_>, call: &Revoke) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if registration.phase != Phase::Issued {
        return Err(Error::NotInForce.into());
    }
    match &call.basis {
        RevocationBasis::Ruling(ruling) => check_ruling(context, ruling)?,
        RevocationBasis::Hearing(day) if *day >= today(context) => {
            return Err(Error::RulingNotEffective.into());
        }
        RevocationBasis::Hearing(_) => {}
    }
    registration.phase = Phase::Revoked;
    drop_request(context, &mut registration);
    save(context, &mut registration, Act::Revoke, Some(&call.decision))
}

pub(super) fn record_reliance(context: &mut Context<'_, '_>, call: &RecordReliance) -> Done {
    let registration = load(context, call.registration)?;
    let (_, relier) = sender(context)?;
    if registration.phase != Phase::Issued {
        return Err(Error::NotInForce.into());
    }
    if registration.is_expired(context.time_ms()) {
        return Err(Error::CertificateExpired.into());
    }
    if !registration.holds.is_empty() {
        return Err(Error::Hold.into());
    }
    if registration.version != call.version {
        return Err(Error::WrongVersion.into());
    }
    if !rules_of(context, &registration)?.reliance_purposes.contains(&call.purpose) {
        return Err(Error::PurposeNotAllowed.into());
    }
    let reliance = Reliance {
        version: call.version,
        purpose: call.purpose,
        relier: relier.clone(),
        matter: call.matter,
        at_ms: context.time_ms(),
        height: context.height(),
    };
    let number = RELIANCES.push(context.overlay(), &registration.id, &reliance)?;
    context.emit::<Registry>(&Event::Relied {
        registration: registration.id,
        reliance: number,
        version: call.version,
        purpose: call.purpose,
        relier: relier.clone(),
    });
    Ok(())
}
