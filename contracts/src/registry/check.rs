//! The checks of calls that need no state.

use super::calls::Call;
use super::dossier::{DataClass, Dossier, FieldSubject, PersonalLevel};
use super::refusals::Error;
use super::types::{Decision, OfficialCode};

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(|c| c.is_control() && c != '\n')
}

fn require_text(text: &str) -> Result<(), Error> {
    if is_text(text) { Ok(()) } else { Err(Error::TextMissing) }
}

/// Checks an official code: visible ASCII without spaces.
fn check_code(official: &OfficialCode) -> Result<(), Error> {
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if is_plain(&official.scheme) && is_plain(&official.code) { Ok(()) } else { Err(Error::TextMissing) }
}

fn check_document(decision: &Decision) -> Result<(), Error> {
    if decision.document.is_some() { Ok(()) } else { Err(Error::DocumentRequired) }
}

fn has_repetition<T: Ord>(items: &[T]) -> bool {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// Checks a statement as far as it can be judged alone.
fn check_dossier(dossier: &Dossier) -> Result<(), Error> {
    require_text(&dossier.title_zh)?;
    require_text(&dossier.summary_zh)?;
    if dossier.data_class == DataClass::Core {
        return Err(Error::CoreData);
    }
    if dossier.holders.is_empty() || has_repetition(&dossier.holders) {
        return Err(Error::HoldersInvalid);
    }
    let names: Vec<&str> = dossier.fields.iter().map(|field| field.name_en.as_str()).collect();
    let is_named = |text: &str| is_text(text);
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
        Call::Issue(issue) => issue.official.as_ref().map_or(Ok(()), check_code),
        Call::Hold(hold) => {
            require_text(&hold.case)?;
            check_document(&hold.decision)
        }
        Call::ReleaseHold(release) => {
            require_text(&release.case)?;
            check_document(&release.decision)
        }
        Call::Revoke(revoke) => check_document(&revoke.decision),
        Call::AssignCode(assign) => check_code(&assign.official),
        Call::Accept(_)
        | Call::RequestSupplement(_)
        | Call::StartReview(_)
        | Call::OpenNotice(_)
        | Call::WithdrawObjection(_)
        | Call::Withdraw(_)
        | Call::ApplyRenewal(_)
        | Call::ApplyTransfer(_)
        | Call::ApplyCancel(_)
        | Call::DecideRequest(_)
        | Call::RecordReliance(_) => Ok(()),
    }
}
