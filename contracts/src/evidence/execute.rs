//! One function per call: read and refuse first, write last.

use quancheng_state::StoreError;
use quancheng_types::{Digest, List};

use super::Evidence;
use super::calls::{
    AttachDeed, AttachTimestamp, Call, Error, ExtendRetention, HandOver, Notarize, PlaceHold, Produce, RecordFinding,
    Reference, ReleaseHold,
};
use super::events::Event;
use super::types::{
    BY_RELATION, BY_SUBMITTER, CLAIM_AHEAD_MAX_MS, COUNT, Deed, HANDOVERS, Handover, LegalHold, PRODUCTIONS,
    Production, RECORDS, Record, Timestamp,
};
use crate::contract::{Context, ResolvedSigner};
use crate::domain::Day;
use crate::identity::{self, OrgId, Role};
use crate::refusal::Failure;

type Done<T = ()> = Result<T, Failure<Error>>;

pub(super) fn execute(context: &mut Context<'_, '_>, call: &Call) -> Done {
    match call {
        Call::Notarize(call) => notarize(context, call),
        Call::AttachTimestamp(call) => attach_timestamp(context, call),
        Call::AttachDeed(call) => attach_deed(context, call),
        Call::HandOver(call) => hand_over(context, call),
        Call::Hold(call) => hold(context, call),
        Call::ReleaseHold(call) => release_hold(context, call),
        Call::Produce(call) => produce(context, call),
        Call::RecordFinding(call) => record_finding(context, call),
        Call::AttestErasure(call) => attest_erasure(context, call),
        Call::ExtendRetention(call) => extend_retention(context, call),
    }
}

fn load(context: &Context<'_, '_>, root: &Digest) -> Done<Record> {
    Ok(context.read(&RECORDS, root)?.ok_or(Error::NotFound)?)
}

fn sender<'c>(context: &Context<'c, '_>) -> Result<&'c ResolvedSigner, Error> {
    context.sender().ok_or(Error::NoSender)
}

/// The sender's organization, when it holds a role now.
fn sender_with_role<'c>(context: &Context<'c, '_>, role: Role, otherwise: Error) -> Result<&'c OrgId, Error> {
    context.sender().filter(|signer| signer.has_role(role)).and_then(ResolvedSigner::org_id).ok_or(otherwise)
}

/// Refuses a time that lies past the block's by more than clocks differ.
fn check_past(context: &Context<'_, '_>, time_ms: u64) -> Result<(), Error> {
    if time_ms > context.time_ms().saturating_add(CLAIM_AHEAD_MAX_MS) { Err(Error::ClaimedInFuture) } else { Ok(()) }
}

fn notarize(context: &mut Context<'_, '_>, call: &Notarize) -> Done {
    let signer = sender(context)?;
    let root = call.commitment.root;
    if call.collected_at_claimed_ms.is_some_and(|time_ms| check_past(context, time_ms).is_err()) {
        return Err(Error::ClaimedInFuture.into());
    }
    if call.retain_until.is_some_and(|day| day < Day::of_time_ms(context.time_ms())) {
        return Err(Error::RetentionInPast.into());
    }
    if RECORDS.has(context.view(), &root)? {
        return Err(Error::AlreadyNotarized.into());
    }
    let sequence = context.read(&COUNT, &())?.unwrap_or(0);
    let record = Record {
        commitment: call.commitment,
        submitter: signer.account,
        organization: signer.org_id().cloned(),
        collector: call.collector,
        environment_check: call.environment_check,
        collected_at_claimed_ms: call.collected_at_claimed_ms,
        relates_to: call.relates_to.clone(),
        visibility: call.visibility,
        retain_until: call.retain_until,
        tsa_token: call.tsa_token,
        timestamp: None,
        deed: None,
        custodian: signer.account,
        handovers: 0,
        productions: 0,
        holds: List::empty(),
        erased_at_ms: None,
        sequence,
        height: context.height(),
        time_ms: context.time_ms(),
        transaction: context.environment().transaction_id,
    };
    context.put(&RECORDS, &root, &record);
    context.put(&COUNT, &(), &sequence.saturating_add(1));
    BY_SUBMITTER.push(context.overlay(), &signer.account, &root)?;
    for relation in &call.relates_to {
        BY_RELATION.push(context.overlay(), relation, &root)?;
    }
    context.emit::<Evidence>(&Event::Notarized { root, count: call.commitment.count });
    Ok(())
}

fn attach_timestamp(context: &mut Context<'_, '_>, call: &AttachTimestamp) -> Done {
    let mut record = load(context, &call.root)?;
    let authority = sender_with_role(context, Role::Tsa, Error::NotTsa)?;
    if record.timestamp.is_some() {
        return Err(Error::AlreadyAttached.into());
    }
    check_past(context, call.generated_at_ms)?;
    record.timestamp = Some(Timestamp {
        authority: authority.clone(),
        token: call.token,
        generated_at_ms: call.generated_at_ms,
        accuracy_ms: call.accuracy_ms,
    });
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::Timestamped { root: call.root, authority: authority.clone() });
    Ok(())
}

fn attach_deed(context: &mut Context<'_, '_>, call: &AttachDeed) -> Done {
    let mut record = load(context, &call.root)?;
    let notary = sender_with_role(context, Role::Notary, Error::NotNotary)?;
    if record.deed.is_some() {
        return Err(Error::AlreadyAttached.into());
    }
    record.deed = Some(Deed { notary: notary.clone(), number: call.number.clone(), document: call.document });
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::DeedAttached { root: call.root, notary: notary.clone() });
    Ok(())
}

fn hand_over(context: &mut Context<'_, '_>, call: &HandOver) -> Done {
    let mut record = load(context, &call.root)?;
    let signs = |account| context.signers().iter().any(|signer| signer.account == account);
    if record.custodian == call.to || !signs(record.custodian) || !signs(call.to) {
        return Err(Error::CustodiansMustSign.into());
    }
    let from = record.custodian;
    let handover =
        Handover { from, to: call.to, document: call.document, at_ms: context.time_ms(), height: context.height() };
    context.put(&HANDOVERS, &(call.root, record.handovers), &handover);
    record.handovers = record.handovers.saturating_add(1);
    record.custodian = call.to;
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::HandedOver { root: call.root, from, to: call.to });
    Ok(())
}

/// Where a hold stands among others, or belongs.
fn place_of(record: &Record, authority: &OrgId, case: &str) -> Result<usize, usize> {
    record.holds.binary_search_by(|hold| (&hold.authority, hold.case.as_str()).cmp(&(authority, case)))
}

fn hold(context: &mut Context<'_, '_>, call: &PlaceHold) -> Done {
    let mut record = load(context, &call.root)?;
    let authority = sender_with_role(context, Role::Court, Error::NotCourt)?;
    let Err(place) = place_of(&record, authority, &call.case) else {
        return Err(Error::HoldExists.into());
    };
    let hold = LegalHold {
        authority: authority.clone(),
        case: call.case.clone(),
        document: call.document,
        since_ms: context.time_ms(),
    };
    let mut holds = record.holds.to_vec();
    holds.insert(place, hold);
    record.holds = List::new(holds).map_err(|_| Error::TooManyHolds)?;
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::Held { root: call.root, authority: authority.clone(), case: call.case.clone() });
    Ok(())
}

fn release_hold(context: &mut Context<'_, '_>, call: &ReleaseHold) -> Done {
    let mut record = load(context, &call.root)?;
    let authority = sender_with_role(context, Role::Court, Error::NotCourt)?;
    let place = place_of(&record, authority, &call.case).map_err(|_| Error::HoldUnknown)?;
    let mut holds = record.holds.to_vec();
    holds.remove(place);
    record.holds = List::new(holds).map_err(|_| Error::TooManyHolds)?;
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::Released {
        root: call.root,
        authority: authority.clone(),
        case: call.case.clone(),
    });
    Ok(())
}

/// Whether an active organization may decide cases now.
fn is_forum(context: &Context<'_, '_>, organization: &OrgId) -> Result<bool, StoreError> {
    let roles = identity::organization(context.view(), organization)?.map(|record| record.roles_at(context.time_ms()));
    Ok(roles.is_some_and(|roles| roles.contains(&Role::Court) || roles.contains(&Role::Arbitration)))
}

fn produce(context: &mut Context<'_, '_>, call: &Produce) -> Done {
    let mut record = load(context, &call.root)?;
    let by = sender(context)?.account;
    if by != record.custodian && by != record.submitter {
        return Err(Error::NotCustodian.into());
    }
    if record.erased_at_ms.is_some() {
        return Err(Error::Erased.into());
    }
    if !is_forum(context, &call.forum)? {
        return Err(Error::ForumUnknown.into());
    }
    let number = record.productions;
    let production = Production {
        forum: call.forum.clone(),
        case: call.case.clone(),
        by,
        at_ms: context.time_ms(),
        height: context.height(),
        finding: None,
        report: None,
    };
    record.productions = number.saturating_add(1);
    context.put(&PRODUCTIONS, &(call.root, number), &production);
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::Produced { root: call.root, production: number, forum: call.forum.clone() });
    Ok(())
}

fn record_finding(context: &mut Context<'_, '_>, call: &RecordFinding) -> Done {
    load(context, &call.root)?;
    let key = (call.root, call.production);
    let mut production = context.read(&PRODUCTIONS, &key)?.ok_or(Error::ProductionUnknown)?;
    let is_forum = context.sender().is_some_and(|signer| {
        signer.org_id() == Some(&production.forum)
            && (signer.has_role(Role::Court) || signer.has_role(Role::Arbitration))
    });
    if !is_forum || production.finding.is_some() {
        return Err(Error::NotForum.into());
    }
    production.finding = Some(call.finding);
    production.report = call.report;
    context.put(&PRODUCTIONS, &key, &production);
    context.emit::<Evidence>(&Event::FindingRecorded {
        root: call.root,
        production: call.production,
        finding: call.finding,
    });
    Ok(())
}

/// The record, when the sender is its custodian.
fn load_as_custodian(context: &Context<'_, '_>, root: &Digest) -> Done<Record> {
    let record = load(context, root)?;
    if sender(context)?.account != record.custodian {
        return Err(Error::NotCustodian.into());
    }
    if record.erased_at_ms.is_some() {
        return Err(Error::Erased.into());
    }
    Ok(record)
}

fn attest_erasure(context: &mut Context<'_, '_>, call: &Reference) -> Done {
    let mut record = load_as_custodian(context, &call.root)?;
    if !record.holds.is_empty() {
        return Err(Error::Hold.into());
    }
    if record.retain_until.is_some_and(|last| Day::of_time_ms(context.time_ms()) <= last) {
        return Err(Error::Retention.into());
    }
    record.erased_at_ms = Some(context.time_ms());
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::ErasureAttested { root: call.root });
    Ok(())
}

fn extend_retention(context: &mut Context<'_, '_>, call: &ExtendRetention) -> Done {
    let mut record = load_as_custodian(context, &call.root)?;
    let is_later = record.retain_until.is_none_or(|until| until < call.until);
    if !is_later || call.until <= Day::of_time_ms(context.time_ms()) {
        return Err(Error::RetentionInPast.into());
    }
    record.retain_until = Some(call.until);
    context.put(&RECORDS, &call.root, &record);
    context.emit::<Evidence>(&Event::RetentionExtended { root: call.root, until: call.until });
    Ok(())
}
