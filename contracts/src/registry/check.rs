//! The checks of calls that need no state.

use super::calls::{Call, RevocationBasis};
use super::dossier::{DataClass, Dossier, FieldSubject, PersonalLevel};
use super::refusals::Error;
use super::types::{Decision, OfficialCode};
use crate::domain::{is_name, unseen_in_lines};

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && unseen_in_lines(text).is_none()
}

fn require_text(text: &str) -> Result<(), Error> {
    if is_text(text) { Ok(()) } else { Err(Error::TextMissing) }
}

fn require_name(text: &str) -> Result<(), Error> {
    if is_name(text) { Ok(()) } else { Err(Error::TextMissing) }
}

/// Texts that may be empty.
fn require_legible<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    if texts.into_iter().all(|text| unseen_in_lines(text).is_none()) { Ok(()) } else { Err(Error::TextMissing) }
}

/// Checks an official code: visible ASCII without spaces.
fn check_code(official: &OfficialCode) -> Result<(), Error> {
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if is_plain(&official.scheme) && is_plain(&official.code) { Ok(()) } else { Err(Error::TextMissing) }
}

/// The words of a decision may be left out, but what stands there is read.
fn check_words(decision: &Decision) -> Result<(), Error> {
    require_legible([&*decision.officer, &*decision.note_zh])
}

fn check_document(decision: &Decision) -> Result<(), Error> {
    check_words(decision)?;
    if decision.document.is_some() { Ok(()) } else { Err(Error::DocumentRequired) }
}

fn has_repetition<T: Ord>(items: &[T]) -> bool {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// Checks a statement as far as it can be judged alone.
fn check_dossier(dossier: &Dossier) -> Result<(), Error> {
    require_name(&dossier.title_zh)?;
    require_text(&dossier.summary_zh)?;
    require_legible(further_texts(dossier))?;
    if dossier.data_class == DataClass::Core {
        return Err(Error::CoreData);
    }
    if dossier.holders.is_empty() || has_repetition(&dossier.holders) {
        return Err(Error::HoldersInvalid);
    }
    let names: Vec<&str> = dossier.fields.iter().map(|field| field.name_en.as_str()).collect();
    let is_named = is_name;
    if names.is_empty()
        || has_repetition(&names)
        || dossier.fields.iter().any(|f| !is_named(&f.name_zh) || !is_named(&f.name_en) || !is_named(&f.data_type))
    {
        return Err(Error::FieldsInvalid);
    }
    if has_repetition(&dossier.derived_from) {
        return Err(Error::SourcesInvalid);
    }
    let rights = &dossier.rights;
    if !(rights.hold || rights.process || rights.operate) || (rights.operate_terms.is_some() && !rights.operate) {
        return Err(Error::RightsInvalid);
    }
    let shown = dossier.fields.iter().map(|field| match field.subject {
        FieldSubject::None | FieldSubject::Org => PersonalLevel::None,
        FieldSubject::Deidentified | FieldSubject::Health => PersonalLevel::Deidentified,
        FieldSubject::Personal => PersonalLevel::Personal,
        FieldSubject::Sensitive => PersonalLevel::Sensitive,
    });
    if shown.max().is_some_and(|level| level > dossier.pi_level) {
        return Err(Error::PersonalLevel);
    }
    Ok(())
}

/// Texts of a statement that may be left out, and those within its parts.
fn further_texts(dossier: &Dossier) -> impl Iterator<Item = &str> {
    let own =
        [&dossier.application_field, &dossier.coverage, &dossier.update_frequency, &dossier.format, &dossier.storage];
    let units = dossier.fields.iter().filter_map(|field| field.unit.as_deref());
    let terms = dossier.rights.operate_terms.as_ref().map(|terms| &*terms.scope);
    let licence = dossier.licence.as_ref().map(|licence| &*licence.reference);
    let long = [&*dossier.title_en, &*dossier.restrictions];
    own.into_iter().map(|text| &**text).chain(long).chain(units).chain(terms).chain(licence)
}

/// Everything about a call that needs no state.
pub(super) fn check(call: &Call) -> Result<(), Error> {
    match call {
        Call::Submit(submit) => {
            check_dossier(&submit.dossier)?;
            let has_public = submit.dossier.openness.is_some() || submit.dossier.access_method.is_some();
            if has_public && !submit.kind.is_public() { Err(Error::PublicAttributes) } else { Ok(()) }
        }
        Call::Supplement(restate) | Call::ApplyChange(restate) => check_dossier(&restate.dossier),
        Call::ReviewPass(decide) | Call::Reject(decide) => check_document(&decide.decision),
        Call::Object(object) => require_text(&object.grounds_zh),
        Call::ResolveObjection(resolve) => check_document(&resolve.decision),
        Call::Accept(decide) | Call::RequestSupplement(decide) | Call::StartReview(decide) => {
            check_words(&decide.decision)
        }
        Call::OpenNotice(open) => check_words(&open.decision),
        Call::DecideRequest(decide) => check_words(&decide.decision),
        Call::Issue(issue) => {
            check_words(&issue.decision)?;
            issue.official.as_ref().map_or(Ok(()), check_code)
        }
        Call::Hold(hold) => {
            require_name(&hold.case)?;
            check_document(&hold.decision)
        }
        Call::ReleaseHold(release) => {
            require_name(&release.case)?;
            check_document(&release.decision)
        }
        Call::Revoke(revoke) => {
            match &revoke.basis {
                RevocationBasis::Ruling(ruling) => require_name(&ruling.case)?,
                RevocationBasis::Hearing(_) => {}
            }
            check_document(&revoke.decision)
        }
        Call::AssignCode(assign) => check_code(&assign.official),
        Call::WithdrawObjection(_)
        | Call::Withdraw(_)
        | Call::ApplyRenewal(_)
        | Call::ApplyTransfer(_)
        | Call::ApplyCancel(_)
        | Call::RecordReliance(_) => Ok(()),
    }
}
