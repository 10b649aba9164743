//! One function per call: read and refuse first, write last.

mod application;
mod certificate;
mod holds;
mod notice;
mod requests;

use quancheng_state::{StoreError, View};
use quancheng_types::{Digest, Domain};

use super::Registry;
use super::calls::Call;
use super::dossier::{DataClass, Dossier, PersonalLevel};
use super::events::Event;
use super::refusals::Error;
use super::types::{
    Act, DOSSIERS, Decision, LOG, LogEntry, REGISTRATIONS, Registration, RegistrationId, Request, VERSIONS, Version,
};
use crate::contract::{Context, ResolvedSigner};
use crate::domain::{Day, RegistrationKind, WorkCalendar, WorkingDaysError};
use crate::evidence;
use crate::governance::{self, RuleSet};
use crate::identity::{self, OrgId, OrgStatus, Role};
use crate::refusal::Failure;

type Done<T = ()> = Result<T, Failure<Error>>;

impl From<WorkingDaysError> for Error {
    fn from(error: WorkingDaysError) -> Self {
        match error {
            WorkingDaysError::Missing(_) | WorkingDaysError::TooLong { .. } | WorkingDaysError::PastEnd => {
                Self::CalendarMissing
            }
        }
    }
}

pub(super) fn execute(context: &mut Context<'_, '_>, call: &Call) -> Done {
    match call {
        Call::Submit(submit) => application::submit(context, submit),
        Call::Supplement(restate) => application::supplement(context, restate),
        Call::Accept(decide) => application::accept(context, decide),
        Call::RequestSupplement(decide) => application::request_supplement(context, decide),
        Call::StartReview(decide) => application::start_review(context, decide),
        Call::ReviewPass(decide) => application::review_pass(context, decide),
        Call::Reject(decide) => application::reject(context, decide),
        Call::Withdraw(reference) => application::withdraw(context, reference),
        Call::OpenNotice(open) => notice::open(context, open),
        Call::Object(object) => notice::object(context, object),
        Call::ResolveObjection(resolve) => notice::resolve(context, resolve),
        Call::WithdrawObjection(withdraw) => notice::withdraw(context, withdraw),
        Call::Issue(issue) => certificate::issue(context, issue),
        Call::AssignCode(assign) => certificate::assign_code(context, assign),
        Call::Revoke(revoke) => certificate::revoke(context, revoke),
        Call::RecordReliance(reliance) => certificate::record_reliance(context, reliance),
        Call::Hold(hold) => holds::place(context, hold),
        Call::ReleaseHold(release) => holds::release(context, release),
        Call::ApplyRenewal(reference) => requests::apply_renewal(context, reference),
        Call::ApplyChange(restate) => requests::apply_change(context, restate),
        Call::ApplyTransfer(transfer) => requests::apply_transfer(context, transfer),
        Call::ApplyCancel(reference) => requests::apply_cancel(context, reference),
        Call::DecideRequest(decide) => requests::decide(context, decide),
    }
}

/// Today in Asia/Shanghai by the block's time.
fn today(context: &Context<'_, '_>) -> Day {
    Day::of_time_ms(context.time_ms())
}

/// The sender, who must act for an active organization.
fn sender<'c>(context: &Context<'c, '_>) -> Result<(&'c ResolvedSigner, &'c OrgId), Error> {
    let signer = context.sender().filter(|signer| signer.is_active()).ok_or(Error::NotActiveOrganization)?;
    Ok((signer, signer.org_id().ok_or(Error::NotActiveOrganization)?))
}

fn load(context: &Context<'_, '_>, id: RegistrationId) -> Done<Registration> {
    Ok(context.read(&REGISTRATIONS, &id)?.ok_or(Error::NotFound)?)
}

/// The role that may register a kind (domain model §2.2).
pub(super) const fn registrar_role(kind: RegistrationKind) -> Role {
    match kind {
        RegistrationKind::PublicResource
        | RegistrationKind::PublicProduct
        | RegistrationKind::OpenDataset
        | RegistrationKind::DataResource
        | RegistrationKind::DataAsset => Role::Registrar,
        RegistrationKind::DataProduct => Role::RegistrarProduct,
        RegistrationKind::DataIp => Role::RegistrarDataIp,
    }
}

/// The registration, when the sender is its registrar, competent for its kind and no party of it (domain invariant G5).
fn load_as_registrar(context: &Context<'_, '_>, id: RegistrationId) -> Done<Registration> {
    let registration = load(context, id)?;
    let (signer, organization) = sender(context)?;
    if *organization != registration.registrar {
        return Err(Error::NotRegistrar.into());
    }
    if !signer.has_role(registrar_role(registration.kind)) {
        return Err(Error::RegistrarNotCompetent.into());
    }
    if registration.is_party(organization) {
        return Err(Error::SelfReview.into());
    }
    Ok(registration)
}

/// The calendars of a day's year and the next: what a period that begins on the day can touch.
fn calendar(context: &Context<'_, '_>, day: Day) -> Result<WorkCalendar, StoreError> {
    let mut years = Vec::new();
    for year in [day.year(), day.year().saturating_add(1)] {
        years.extend(governance::calendar_year(context.view(), year)?);
    }
    Ok(WorkCalendar::new(years))
}

/// The rules that a registration is under.
fn rules_of(context: &Context<'_, '_>, registration: &Registration) -> Done<RuleSet> {
    Ok(governance::rule_set(context.view(), &registration.rule_set)?.ok_or(Error::RuleSetUnknown)?)
}

/// Whether an organization is active now.
fn is_active<W: View>(view: &W, organization: &OrgId) -> Result<bool, StoreError> {
    Ok(identity::organization(view, organization)?.is_some_and(|record| record.status == OrgStatus::Active))
}

/// Whether an active organization holds any of these roles now.
fn has_any_role(context: &Context<'_, '_>, organization: &OrgId, roles: &[Role]) -> Result<bool, StoreError> {
    let record = identity::organization(context.view(), organization)?;
    Ok(record.is_some_and(|record| record.roles_at(context.time_ms()).iter().any(|role| roles.contains(role))))
}

/// Refuses unless every holder signs.
fn require_holders(context: &Context<'_, '_>, holders: &[OrgId]) -> Result<(), Error> {
    let signs = |holder: &OrgId| context.signer_of(holder).is_some_and(ResolvedSigner::is_active);
    if holders.iter().all(signs) { Ok(()) } else { Err(Error::HoldersMustSign) }
}

/// What a statement inherits from the certificates it is derived from (domain invariant G10).
struct Inherited {
    class: DataClass,
    pi_level: PersonalLevel,
}

/// Checks a statement against the state: evidence, licence and sources it names.
fn check_statement(context: &Context<'_, '_>, dossier: &Dossier, rules: &RuleSet) -> Done<Inherited> {
    match &dossier.prior_evidence {
        Some(root) if !evidence::is_notarized(context.view(), root)? => {
            return Err(Error::EvidenceUnknown.into());
        }
        None if rules.pre_step.is_some() => return Err(Error::PriorEvidenceRequired.into()),
        Some(_) | None => {}
    }
    if dossier.licence.as_ref().is_some_and(|licence| licence.valid_to < today(context)) {
        return Err(Error::LicenceEnded.into());
    }
    let mut inherited = Inherited { class: dossier.data_class, pi_level: dossier.pi_level };
    for source in &dossier.derived_from {
        let source = context.read(&REGISTRATIONS, source)?.ok_or(Error::SourceNotInForce)?;
        if !source.is_in_force(context.time_ms()) {
            return Err(Error::SourceNotInForce.into());
        }
        inherited.class = inherited.class.max(source.effective_class);
        inherited.pi_level = inherited.pi_level.max(source.effective_pi_level);
    }
    Ok(inherited)
}

/// The hash under which a registration names its statement.
fn statement_of(dossier: &Dossier) -> Digest {
    Domain::Commitment.hash_of(dossier)
}

/// Takes the statements of an application that came to nothing out of the state; their hash stays (domain invariant R8).
fn drop_statements(context: &mut Context<'_, '_>, registration: &Registration) {
    for revision in 1..=registration.revision_last {
        context.remove(&DOSSIERS, &(registration.id, revision));
    }
}

/// Ends a request that was not granted. The statement of a change that never came into force leaves the state.
fn drop_request(context: &mut Context<'_, '_>, registration: &mut Registration) {
    let Some(pending) = registration.pending.take() else {
        return;
    };
    if pending.is_approved {
        registration.notice = None;
    }
    if let Request::Change { revision, .. } = pending.request {
        context.remove(&DOSSIERS, &(registration.id, revision));
    }
}

/// Writes a registration with the next entry of its log, and reports it.
fn save(context: &mut Context<'_, '_>, registration: &mut Registration, act: Act, decision: Option<&Decision>) -> Done {
    let (signer, organization) = sender(context)?;
    let entry = LogEntry {
        act,
        by: organization.clone(),
        account: signer.account,
        phase: registration.phase,
        version: registration.version,
        rule_set: registration.rule_set.clone(),
        decision: decision.cloned(),
        at_ms: context.time_ms(),
        height: context.height(),
        transaction: context.environment().transaction_id,
    };
    context.put(&LOG, &(registration.id, registration.log), &entry);
    registration.log = registration.log.saturating_add(1);
    context.put(&REGISTRATIONS, &registration.id, registration);
    context.emit::<Registry>(&Event::Moved {
        registration: registration.id,
        act,
        phase: registration.phase,
        version: registration.version,
    });
    Ok(())
}

/// Writes the version that a registration now has, and reports it. The registration must have been issued.
fn certify(context: &mut Context<'_, '_>, registration: &Registration, act: Act) -> Done {
    let (Some(ledger_no), Some(valid_from), Some(valid_to)) =
        (registration.ledger_no, registration.valid_from, registration.valid_to)
    else {
        return Err(Error::NotInForce.into());
    };
    let version = Version {
        version: registration.version,
        revision: registration.revision,
        holders: registration.holders.clone(),
        valid_from,
        valid_to,
        rule_set: registration.rule_set.clone(),
        act,
        made_at_ms: context.time_ms(),
        height: context.height(),
    };
    context.put(&VERSIONS, &(registration.id, registration.version), &version);
    context.emit::<Registry>(&Event::Certified {
        registration: registration.id,
        ledger_no,
        version: registration.version,
        valid_from,
        valid_to,
    });
    Ok(())
}
