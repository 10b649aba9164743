//! Holds: preservation by courts, administrative suspension by the registrar (domain invariant G7).

use quancheng_types::List;

use super::super::Registry;
use super::super::calls::{PlaceHold, ReleaseHold};
use super::super::events::Event;
use super::super::refusals::Error;
use super::super::types::{Act, Hold, Phase, Registration};
use super::certificate::check_ruling;
use super::{Done, load, registrar_role, save, sender};
use crate::contract::Context;
use crate::identity::{OrgId, Role};

/// Where a hold stands among others, or belongs.
fn place_of(registration: &Registration, authority: &OrgId, case: &str) -> Result<usize, usize> {
    registration.holds.binary_search_by(|hold| (&hold.authority, hold.case.as_str()).cmp(&(authority, case)))
}

pub(super) fn place(context: &mut Context<'_, '_>, call: &PlaceHold) -> Done {
    let mut registration = load(context, call.registration)?;
    let (signer, authority) = sender(context)?;
    let is_registrar = registration.registrar == *authority
        && signer.has_role(registrar_role(registration.kind))
        && !registration.is_party(authority);
    if !signer.has_role(Role::Court) && !is_registrar {
        return Err(Error::NotHoldAuthority.into());
    }
    if matches!(registration.phase, Phase::Rejected | Phase::Withdrawn | Phase::Cancelled | Phase::Revoked) {
        return Err(Error::WrongPhase.into());
    }
    let Err(place) = place_of(&registration, authority, &call.case) else {
        return Err(Error::HoldExists.into());
    };
    let document = call.decision.document.ok_or(Error::DocumentRequired)?;
    let mut holds = registration.holds.to_vec();
    let hold = Hold { authority: authority.clone(), case: call.case.clone(), document, since_ms: context.time_ms() };
    holds.insert(place, hold);
    registration.holds = List::new(holds).map_err(|_| Error::TooManyHolds)?;
    context.emit::<Registry>(&Event::Held {
        registration: registration.id,
        authority: authority.clone(),
        case: call.case.clone(),
    });
    save(context, &mut registration, Act::Hold, Some(&call.decision))
}

pub(super) fn release(context: &mut Context<'_, '_>, call: &ReleaseHold) -> Done {
    let mut registration = load(context, call.registration)?;
    let (signer, organization) = sender(context)?;
    let place = place_of(&registration, &call.authority, &call.case).map_err(|_| Error::HoldUnknown)?;
    if *organization != call.authority {
        let ruling = call.ruling.as_ref().filter(|_| signer.has_role(Role::Court)).ok_or(Error::NotHoldAuthority)?;
        check_ruling(context, ruling)?;
    }
    let mut holds = registration.holds.to_vec();
    holds.remove(place);
    registration.holds = List::new(holds).map_err(|_| Error::TooManyHolds)?;
    context.emit::<Registry>(&Event::Released {
        registration: registration.id,
        authority: call.authority.clone(),
        case: call.case.clone(),
    });
    save(context, &mut registration, Act::ReleaseHold, Some(&call.decision))
}
