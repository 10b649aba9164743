//! What holders ask for issued certificates: renewal, change, transfer, cancellation.

use quancheng_types::List;

use super::super::calls::{ApplyTransfer, DecideRequest, Reference, Restate};
use super::super::refusals::Error;
use super::super::types::{
    Act, BY_MANIFEST, BY_ORGANIZATION, DOSSIERS, EncumbranceKind, Pending, Phase, Registration, RegistrationId, Request,
};
use super::certificate::{apply_change as put_in_force, dossier, last_day};
use super::{
    Done, certify, check_statement, drop_request, is_active, load, load_as_registrar, require_holders, rules_of, save,
    sender, today,
};
use crate::contract::{Context, ResolvedSigner};
use crate::domain::Day;
use crate::governance;
use crate::identity::OrgId;

/// The certificate, when its holders sign and may ask for something about it.
fn load_as_holders(context: &Context<'_, '_>, id: RegistrationId) -> Done<Registration> {
    let registration = load(context, id)?;
    sender(context)?;
    require_holders(context, &registration.holders)?;
    if registration.phase != Phase::Issued {
        return Err(Error::NotInForce.into());
    }
    if registration.is_expired(context.time_ms()) {
        return Err(Error::CertificateExpired.into());
    }
    if registration.pending.is_some() {
        return Err(Error::RequestPending.into());
    }
    Ok(registration)
}

fn require_no_hold(registration: &Registration) -> Result<(), Error> {
    if registration.holds.is_empty() { Ok(()) } else { Err(Error::Hold) }
}

/// Lets a request wait for the registrar.
fn ask(context: &mut Context<'_, '_>, mut registration: Registration, request: Request, act: Act) -> Done {
    let (_, organization) = sender(context)?;
    registration.pending = Some(Pending {
        request,
        requested_at_ms: context.time_ms(),
        requested_by: organization.clone(),
        is_approved: false,
    });
    save(context, &mut registration, act, None)
}

/// A hold does not stop a renewal: what is preserved must not lapse meanwhile.
pub(super) fn apply_renewal(context: &mut Context<'_, '_>, call: &Reference) -> Done {
    let registration = load_as_holders(context, call.registration)?;
    let window = rules_of(context, &registration)?.renewal_window_days;
    let opens = registration.valid_to.and_then(|last| last.minus_days(window.into())).ok_or(Error::NotInForce)?;
    if today(context) < opens {
        return Err(Error::RenewalWindow.into());
    }
    ask(context, registration, Request::Renewal, Act::ApplyRenewal)
}

pub(super) fn apply_change(context: &mut Context<'_, '_>, call: &Restate) -> Done {
    let mut registration = load_as_holders(context, call.registration)?;
    require_no_hold(&registration)?;
    if call.dossier.holders != registration.holders {
        return Err(Error::HoldersChange.into());
    }
    let present = dossier(context, &registration, registration.revision)?;
    if present == call.dossier {
        return Err(Error::NothingChanged.into());
    }
    let rules = rules_of(context, &registration)?;
    check_statement(context, &call.dossier, &rules)?;
    registration.revision_last = registration.revision_last.saturating_add(1);
    let request = Request::Change {
        revision: registration.revision_last,
        is_material: present.is_material_change(&call.dossier),
    };
    context.put(&DOSSIERS, &(registration.id, registration.revision_last), &call.dossier);
    if present.manifest_root != call.dossier.manifest_root {
        BY_MANIFEST.push(context.overlay(), &call.dossier.manifest_root, &registration.id)?;
    }
    ask(context, registration, request, Act::ApplyChange)
}

pub(super) fn apply_transfer(context: &mut Context<'_, '_>, call: &ApplyTransfer) -> Done {
    let registration = load_as_holders(context, call.registration)?;
    require_no_hold(&registration)?;
    if !registration.holders.contains(&call.from) {
        return Err(Error::NotHolder.into());
    }
    let receives = context.signer_of(&call.to).is_some_and(ResolvedSigner::is_active);
    if !receives || registration.holders.contains(&call.to) {
        return Err(Error::ReceiverMustSign.into());
    }
    let consents = |party| context.signer_of(party).is_some_and(ResolvedSigner::is_active);
    let mut pledges = registration.encumbrances.iter().filter(|entry| entry.kind == EncumbranceKind::Pledge);
    if !pledges.all(|pledge| consents(&pledge.party)) {
        return Err(Error::PledgeeConsent.into());
    }
    let request = Request::Transfer { from: call.from.clone(), to: call.to.clone(), contract: call.contract };
    ask(context, registration, request, Act::ApplyTransfer)
}

fn require_unencumbered(registration: &Registration) -> Result<(), Error> {
    require_no_hold(registration)?;
    if registration.encumbrances.is_empty() { Ok(()) } else { Err(Error::Encumbered) }
}

pub(super) fn apply_cancel(context: &mut Context<'_, '_>, call: &Reference) -> Done {
    let registration = load_as_holders(context, call.registration)?;
    require_unencumbered(&registration)?;
    ask(context, registration, Request::Cancel, Act::ApplyCancel)
}

pub(super) fn decide(context: &mut Context<'_, '_>, call: &DecideRequest) -> Done {
    let mut registration = load_as_registrar(context, call.registration)?;
    if registration.phase != Phase::Issued {
        return Err(Error::NotInForce.into());
    }
    let pending = registration.pending.clone().ok_or(Error::NoRequest)?;
    if !call.is_approved {
        drop_request(context, &mut registration);
        return save(context, &mut registration, Act::Decline, Some(&call.decision));
    }
    if pending.is_approved {
        return Err(Error::WrongPhase.into());
    }
    if pending.request != Request::Renewal && registration.is_expired(context.time_ms()) {
        return Err(Error::CertificateExpired.into());
    }
    match pending.request {
        Request::Renewal => renew(context, &mut registration)?,
        Request::Change { is_material: true, .. } => {
            require_no_hold(&registration)?;
            registration.notice = None;
            registration.pending = Some(Pending { is_approved: true, ..pending });
            return save(context, &mut registration, Act::Approve, Some(&call.decision));
        }
        Request::Change { revision, is_material: false } => {
            require_no_hold(&registration)?;
            put_in_force(context, &mut registration, revision)?;
        }
        Request::Transfer { ref from, ref to, .. } => transfer(context, &mut registration, from, to)?,
        Request::Cancel => {
            require_unencumbered(&registration)?;
            registration.phase = Phase::Cancelled;
            registration.pending = None;
            return save(context, &mut registration, Act::Approve, Some(&call.decision));
        }
    }
    certify(context, &registration, Act::Approve)?;
    save(context, &mut registration, Act::Approve, Some(&call.decision))
}

/// A further term from the day after the last, under the rules in force today. A request made in time may be granted after the
/// last day: the registrar's delay costs the holder nothing.
fn renew(context: &Context<'_, '_>, registration: &mut Registration) -> Done {
    let rules = governance::rule_set_in_force(context.view(), &registration.rule_set.rule_set, today(context))?
        .ok_or(Error::RuleSetUnknown)?;
    let dossier = dossier(context, registration, registration.revision)?;
    let from = registration.valid_to.and_then(Day::next).ok_or(Error::NotInForce)?;
    registration.valid_to = Some(last_day(from, rules.renewal_months, &dossier)?);
    registration.rule_set = rules.reference();
    registration.version = registration.version.saturating_add(1);
    registration.pending = None;
    Ok(())
}

/// The ledger number stays; the next version names the new holder (domain invariant R5).
fn transfer(context: &mut Context<'_, '_>, registration: &mut Registration, from: &OrgId, to: &OrgId) -> Done {
    require_no_hold(registration)?;
    if registration.objections_open > 0 {
        return Err(Error::ObjectionOpen.into());
    }
    if !is_active(context.view(), to)? {
        return Err(Error::HolderUnknown.into());
    }
    let holders =
        registration.holders.iter().map(|holder| if holder == from { to.clone() } else { holder.clone() }).collect();
    registration.holders = List::new(holders).map_err(|_| Error::HoldersInvalid)?;
    registration.version = registration.version.saturating_add(1);
    registration.pending = None;
    BY_ORGANIZATION.push(context.overlay(), to, &registration.id)?;
    Ok(())
}
