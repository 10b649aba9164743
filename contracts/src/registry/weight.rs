//! What the calls of this module cost at most.

use super::calls::Call;
use super::dossier::{Dossier, HOLDERS_MAX, SOURCES_MAX};
use super::types::{ENCUMBRANCES_MAX, HOLDS_MAX, NOTE_BYTES_MAX, SUPPLEMENTS_MAX};
use crate::identity::ORG_ID_BYTES_MAX;
use crate::weight::Cost;

/// Bytes of a registration with all that it may hold.
const REGISTRATION_BYTES_MAX: u32 =
    2048 + HOLDERS_MAX * ORG_ID_BYTES_MAX + HOLDS_MAX * 200 + ENCUMBRANCES_MAX * (ORG_ID_BYTES_MAX + 64);
/// Bytes of an entry of the log.
const LOG_BYTES_MAX: u32 = 512 + NOTE_BYTES_MAX;
/// Bytes of a statement that is read: as many as a call may bring.
const DOSSIER_BYTES_MAX: u32 = quancheng_types::limits::CALL_BYTES_MAX / 2;
/// Bytes of an organization, a rule set or a year of the calendar that is consulted.
const CONSULTED_BYTES: u32 = 4096;

/// Every act: the registration is read and written with the next entry of its log, under its rules and the calendar; it may end a request,
/// whose statement leaves the state.
const ACT: Cost = Cost::new()
    .reads(5)
    .writes(3)
    .events(2)
    .bytes(REGISTRATION_BYTES_MAX + LOG_BYTES_MAX)
    .read_bytes(REGISTRATION_BYTES_MAX + 4 * CONSULTED_BYTES);
/// An act that makes a version of the certificate.
const CERTIFY: Cost = ACT
    .writes(4)
    .events(1)
    .bytes(1024)
    .reads(SOURCES_MAX as usize)
    .read_bytes(DOSSIER_BYTES_MAX + SOURCES_MAX * REGISTRATION_BYTES_MAX);
/// An act that ends an application: its statements leave the state.
const END: Cost = ACT.writes(1 + SUPPLEMENTS_MAX as usize);

/// A statement is checked against parties and sources, hashed and stored.
fn statement(act: Cost, dossier: &Dossier) -> Cost {
    let consulted = dossier.holders.len() + dossier.derived_from.len() + 2;
    let bytes = u32::try_from(consulted).unwrap_or(u32::MAX).saturating_mul(REGISTRATION_BYTES_MAX);
    act.reads(consulted).writes(1).rows(1).read_bytes(bytes.saturating_add(DOSSIER_BYTES_MAX))
}

pub(super) fn cost(call: &Call) -> Cost {
    match call {
        // In the lists of the applicant and every holder, the registrar, the kind and the data set.
        Call::Submit(call) => {
            let dossier = &call.dossier;
            let lists = dossier.holders.len() + 3;
            statement(ACT, dossier).writes(1).rows(lists).events(1)
        }
        Call::Supplement(call) | Call::ApplyChange(call) => statement(ACT, &call.dossier),
        Call::Accept(_)
        | Call::RequestSupplement(_)
        | Call::StartReview(_)
        | Call::ReviewPass(_)
        | Call::OpenNotice(_)
        | Call::Hold(_)
        | Call::ReleaseHold(_)
        | Call::ApplyRenewal(_)
        | Call::ApplyTransfer(_)
        | Call::ApplyCancel(_)
        | Call::Revoke(_) => ACT,
        // The notice may go on, and an objection that is right may end the application.
        Call::ResolveObjection(_) | Call::WithdrawObjection(_) => END.writes(1).events(1).bytes(2 * NOTE_BYTES_MAX),
        Call::Object(_) | Call::AssignCode(_) => ACT.writes(1).bytes(2 * NOTE_BYTES_MAX),
        Call::Reject(_) | Call::Withdraw(_) => END,
        Call::Issue(_) => CERTIFY,
        Call::DecideRequest(_) => CERTIFY.rows(1),
        Call::RecordReliance(_) => ACT.rows(1).bytes(1024),
    }
}

/// Whether someone who is no member may make it.
pub(super) fn is_open(call: &Call) -> bool {
    match call {
        Call::Submit(_)
        | Call::Supplement(_)
        | Call::Accept(_)
        | Call::RequestSupplement(_)
        | Call::StartReview(_)
        | Call::ReviewPass(_)
        | Call::Reject(_)
        | Call::OpenNotice(_)
        | Call::Object(_)
        | Call::ResolveObjection(_)
        | Call::WithdrawObjection(_)
        | Call::Issue(_)
        | Call::Withdraw(_)
        | Call::Hold(_)
        | Call::ReleaseHold(_)
        | Call::ApplyRenewal(_)
        | Call::ApplyChange(_)
        | Call::ApplyTransfer(_)
        | Call::ApplyCancel(_)
        | Call::DecideRequest(_)
        | Call::Revoke(_)
        | Call::AssignCode(_)
        | Call::RecordReliance(_) => false,
    }
}
