//! What the registry reports.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Text;
use serde::{Deserialize, Serialize};

use super::types::{Act, CASE_BYTES_MAX, ObjectionOutcome, OfficialCode, Phase, RegistrationId};
use crate::domain::{Day, LedgerNumber, RegistrationKind, ReliancePurpose};
use crate::identity::OrgId;

/// What the registry reports. Numbers are fixed for ever once released.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Event {
    /// A dossier was opened.
    Submitted {
        /// Its serial.
        registration: RegistrationId,
        /// Kind applied for.
        kind: RegistrationKind,
        /// Who applied.
        applicant: OrgId,
        /// Who is to decide.
        registrar: OrgId,
    } = 1,
    /// Something was done about a registration.
    Moved {
        /// Which.
        registration: RegistrationId,
        /// What.
        act: Act,
        /// Phase afterwards.
        phase: Phase,
        /// Version afterwards.
        version: u32,
    } = 2,
    /// A public notice runs, or runs again.
    NoticeOpened {
        /// Of which registration.
        registration: RegistrationId,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    } = 3,
    /// A certificate was issued, or a new version of it made.
    Certified {
        /// Which registration.
        registration: RegistrationId,
        /// Number.
        ledger_no: LedgerNumber,
        /// Version.
        version: u32,
        /// First day.
        valid_from: Day,
        /// Last day.
        valid_to: Day,
    } = 4,
    /// An objection was raised.
    Objected {
        /// To which registration.
        registration: RegistrationId,
        /// Which of its objections.
        objection: u32,
        /// Who objects.
        objector: OrgId,
    } = 5,
    /// An objection ended.
    ObjectionClosed {
        /// To which registration.
        registration: RegistrationId,
        /// Which of its objections.
        objection: u32,
        /// How.
        outcome: ObjectionOutcome,
    } = 6,
    /// A hold was placed.
    Held {
        /// On which registration.
        registration: RegistrationId,
        /// By whom.
        authority: OrgId,
        /// In which case.
        case: Text<CASE_BYTES_MAX>,
    } = 7,
    /// A hold was lifted.
    Released {
        /// From which registration.
        registration: RegistrationId,
        /// Who had placed it.
        authority: OrgId,
        /// In which case.
        case: Text<CASE_BYTES_MAX>,
    } = 8,
    /// A number given outside was recorded.
    CodeAssigned {
        /// For which registration.
        registration: RegistrationId,
        /// The number.
        official: OfficialCode,
    } = 9,
    /// Somebody relied on a certificate.
    Relied {
        /// On which registration.
        registration: RegistrationId,
        /// Which of its reliance records.
        reliance: u64,
        /// On which version.
        version: u32,
        /// For what.
        purpose: ReliancePurpose,
        /// Who.
        relier: OrgId,
    } = 10,
}
