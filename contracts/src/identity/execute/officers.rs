//! Officers: the second signature where dual control is asked for.

use super::super::Identity;
use super::super::calls::{AppointOfficer, DismissOfficer};
use super::super::events::Event;
use super::super::names::OrgStatus;
use super::super::refusals::Error;
use super::super::types::{OFFICER_COUNT, OFFICER_LIST, OFFICERS, OfficerRecord};
use super::{Result, existing, next_place, own};
use crate::contract::Context;

pub(super) fn appoint(context: &mut Context<'_, '_>, call: &AppointOfficer) -> Result {
    own(context, &call.org_id)?;
    if existing(context, &call.org_id)?.status != OrgStatus::Active {
        return Err(Error::WrongStatus.into());
    }
    let officer = context.signers().iter().find(|signer| signer.account == call.account);
    if officer.ok_or(Error::OfficerSignatureMissing)?.organization.is_some() {
        return Err(Error::AccountBound.into());
    }
    let now = context.time_ms();
    if call.to_ms.is_some_and(|to| to <= now) {
        return Err(Error::BadPeriod.into());
    }
    let key = (call.org_id.clone(), call.account);
    let earlier = context.read(&OFFICERS, &key)?;
    if earlier.as_ref().is_some_and(|earlier| earlier.is_in_office_at(now)) {
        return Err(Error::OfficerExists.into());
    }
    if earlier.is_none() {
        let (place, next) = next_place(context.read(&OFFICER_COUNT, &call.org_id)?)?;
        context.put(&OFFICER_LIST, &(call.org_id.clone(), place), &call.account);
        context.put(&OFFICER_COUNT, &call.org_id, &next);
    }
    let record = OfficerRecord {
        org_id: call.org_id.clone(),
        account: call.account,
        title: call.title.clone(),
        from_ms: now,
        to_ms: call.to_ms,
    };
    context.put(&OFFICERS, &key, &record);
    context.emit::<Identity>(&Event::OfficerAppointed { org_id: call.org_id.clone(), account: call.account });
    Ok(())
}

pub(super) fn dismiss(context: &mut Context<'_, '_>, call: &DismissOfficer) -> Result {
    own(context, &call.org_id)?;
    let now = context.time_ms();
    let key = (call.org_id.clone(), call.account);
    let mut record =
        context.read(&OFFICERS, &key)?.filter(|record| record.is_in_office_at(now)).ok_or(Error::OfficerNotFound)?;
    record.to_ms = Some(now);
    context.put(&OFFICERS, &key, &record);
    context.emit::<Identity>(&Event::OfficerDismissed { org_id: call.org_id.clone(), account: call.account });
    Ok(())
}
