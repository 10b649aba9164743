//! The public notice and objections, before and after issue.

use super::super::Registry;
use super::super::calls::{Object, OpenNotice, ResolveObjection, WithdrawObjection};
use super::super::events::Event;
use super::super::refusals::Error;
use super::super::types::{
    Act, Notice, OBJECTIONS, OBJECTIONS_OPEN_MAX, Objection, ObjectionOutcome, Phase, Registration,
};
use super::application::start_clock;
use super::{Done, calendar, drop_request, drop_statements, load, load_as_registrar, rules_of, save, sender, today};
use crate::contract::Context;
use crate::domain::Day;

/// How many calendar days ahead a notice may be announced.
const AHEAD_DAYS_MAX: u32 = 60;

/// The notice that runs or stands stopped now: of an application, or of an approved change.
fn current(registration: &Registration) -> Option<&Notice> {
    let is_expected = match registration.phase {
        Phase::Notice => true,
        Phase::Issued => registration.pending.as_ref().is_some_and(|pending| pending.is_approved),
        Phase::Submitted
        | Phase::NeedSupplement
        | Phase::Accepted
        | Phase::UnderReview
        | Phase::Reviewed
        | Phase::Rejected
        | Phase::Withdrawn
        | Phase::Cancelled
        | Phase::Revoked => false,
    };
    registration.notice.as_ref().filter(|_| is_expected)
}

/// A notice of `working_days` whole days from `from` on.
fn notice(context: &Context<'_, '_>, from: Option<Day>, working_days: u16) -> Done<Notice> {
    let day = today(context);
    if working_days == 0 {
        return Ok(Notice { from: day, to: day, closes_at_ms: context.time_ms(), stopped_wd: None });
    }
    let calendar = calendar(context, day)?;
    let from = match from {
        None => calendar.next_working_day(day).map_err(Error::from)?,
        Some(from) => {
            let is_near = day.plus_days(AHEAD_DAYS_MAX).is_none_or(|last| from <= last);
            if from <= day || !is_near || !calendar.is_working_day(from).map_err(|_| Error::CalendarMissing)? {
                return Err(Error::NoticeDay.into());
            }
            from
        }
    };
    let eve = from.previous().ok_or(Error::NoticeDay)?;
    let to = calendar.add_working_days(eve, working_days).map_err(Error::from)?;
    Ok(Notice { from, to, closes_at_ms: to.end_ms(), stopped_wd: None })
}

fn announce(context: &mut Context<'_, '_>, registration: &Registration, notice: &Notice) {
    context.emit::<Registry>(&Event::NoticeOpened { registration: registration.id, from: notice.from, to: notice.to });
}

pub(super) fn open(context: &mut Context<'_, '_>, call: &OpenNotice) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    let is_change = registration.phase == Phase::Issued
        && registration.notice.is_none()
        && registration.pending.as_ref().is_some_and(|pending| pending.is_approved);
    if registration.phase != Phase::Reviewed && !is_change {
        return Err(Error::WrongPhase.into());
    }
    let rules = rules_of(context, &registration)?;
    let notice = notice(context, call.from, rules.notice_wd)?;
    if !is_change {
        registration.phase = Phase::Notice;
    }
    registration.notice = Some(notice);
    announce(context, &registration, &notice);
    save(context, &mut registration, Act::OpenNotice, Some(&call.decision))
}

pub(super) fn object(context: &mut Context<'_, '_>, call: &Object) -> Done {
    let mut registration = load(context, call.registration)?;
    let (_, objector) = sender(context)?;
    if registration.is_party(objector) || registration.registrar == *objector {
        return Err(Error::OwnRegistration.into());
    }
    let notice = current(&registration).copied();
    let stopped = match notice {
        Some(Notice { stopped_wd: None, closes_at_ms, .. }) if context.time_ms() >= closes_at_ms => {
            if registration.phase == Phase::Notice {
                return Err(Error::NoticeClosed.into());
            }
            None
        }
        Some(notice @ Notice { stopped_wd: None, .. }) => {
            // The day of the objection has not run whole, so it counts again.
            let first = today(context).max(notice.from);
            let left = calendar(context, first)?.count_working_days(first, notice.to).map_err(Error::from)?;
            Some(Notice { stopped_wd: Some(left.max(1)), ..notice })
        }
        Some(Notice { stopped_wd: Some(_), .. }) => None,
        None if registration.phase == Phase::Issued => None,
        None => return Err(Error::WrongPhase.into()),
    };
    if registration.objections_open >= OBJECTIONS_OPEN_MAX {
        return Err(Error::TooManyObjections.into());
    }
    let number = registration.objections;
    let objection = Objection {
        objector: objector.clone(),
        grounds_zh: call.grounds_zh.clone(),
        document: call.document,
        raised_at_ms: context.time_ms(),
        outcome: None,
        closed_at_ms: None,
    };
    if registration.objections_open == 0 {
        let period = rules_of(context, &registration)?.objection_wd;
        registration.clock = start_clock(context, period)?;
    }
    registration.notice = stopped.or(registration.notice);
    registration.objections = number.saturating_add(1);
    registration.objections_open += 1;
    context.put(&OBJECTIONS, &(registration.id, number), &objection);
    context.emit::<Registry>(&Event::Objected {
        registration: registration.id,
        objection: number,
        objector: objector.clone(),
    });
    save(context, &mut registration, Act::Object, None)
}

/// An objection that is still open, of a registration about which it can still be decided.
fn open_objection(context: &Context<'_, '_>, registration: &Registration, number: u32) -> Done<Objection> {
    if !matches!(registration.phase, Phase::Notice | Phase::Issued) {
        return Err(Error::WrongPhase.into());
    }
    let objection = context.read(&OBJECTIONS, &(registration.id, number))?;
    Ok(objection.filter(|objection| objection.outcome.is_none()).ok_or(Error::ObjectionUnknown)?)
}

/// Ends an objection; when it was the last that stood in the way, the notice runs on from the next working day.
fn close(
    context: &mut Context<'_, '_>,
    registration: &mut Registration,
    number: u32,
    mut objection: Objection,
    outcome: ObjectionOutcome,
) -> Done {
    registration.objections_open = registration.objections_open.saturating_sub(1);
    if registration.objections_open == 0 {
        registration.clock = None;
    }
    if outcome == ObjectionOutcome::Upheld {
        let is_change = registration.pending.as_ref().is_some_and(|pending| pending.is_approved);
        if registration.phase == Phase::Notice {
            registration.phase = Phase::Rejected;
            drop_statements(context, registration);
        } else if is_change {
            drop_request(context, registration);
        }
    }
    let stopped = current(registration).and_then(|notice| notice.stopped_wd);
    if let (Some(left), 0) = (stopped, registration.objections_open) {
        let resumed = notice(context, None, left)?;
        announce(context, registration, &resumed);
        registration.notice = Some(resumed);
    }
    objection.outcome = Some(outcome.clone());
    objection.closed_at_ms = Some(context.time_ms());
    context.put(&OBJECTIONS, &(registration.id, number), &objection);
    context.emit::<Registry>(&Event::ObjectionClosed { registration: registration.id, objection: number, outcome });
    Ok(())
}

pub(super) fn resolve(context: &mut Context<'_, '_>, call: &ResolveObjection) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    let objection = open_objection(context, &registration, call.objection)?;
    let outcome = if call.is_upheld { ObjectionOutcome::Upheld } else { ObjectionOutcome::Dismissed };
    close(context, &mut registration, call.objection, objection, outcome)?;
    save(context, &mut registration, Act::ResolveObjection, Some(&call.decision))
}

pub(super) fn withdraw(context: &mut Context<'_, '_>, call: &WithdrawObjection) -> Done {
    let mut registration = load(context, call.registration)?;
    let (_, organization) = sender(context)?;
    let objection = open_objection(context, &registration, call.objection)?;
    if objection.objector != *organization {
        return Err(Error::NotObjector.into());
    }
    close(context, &mut registration, call.objection, objection, ObjectionOutcome::Withdrawn)?;
    save(context, &mut registration, Act::WithdrawObjection, None)
}
