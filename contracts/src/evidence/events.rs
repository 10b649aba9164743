//! What module evidence reports.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{AccountId, Digest, Text};
use serde::{Deserialize, Serialize};

use super::types::{Finding, REFERENCE_BYTES_MAX};
use crate::domain::Day;
use crate::identity::OrgId;

/// What module evidence reports. Numbers are fixed for ever once released.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Event {
    /// A root was notarized.
    Notarized {
        /// Which.
        root: Digest,
        /// Items under it.
        count: u32,
    } = 1,
    /// A time stamp was confirmed.
    Timestamped {
        /// Of which record.
        root: Digest,
        /// By whom.
        authority: OrgId,
    } = 2,
    /// A deed was recorded.
    DeedAttached {
        /// Of which record.
        root: Digest,
        /// By whom.
        notary: OrgId,
    } = 3,
    /// Custody passed.
    HandedOver {
        /// Of which record.
        root: Digest,
        /// From whom.
        from: AccountId,
        /// To whom.
        to: AccountId,
    } = 4,
    /// A legal hold was ordered.
    Held {
        /// Of which record.
        root: Digest,
        /// By which court.
        authority: OrgId,
        /// In which case.
        case: Text<REFERENCE_BYTES_MAX>,
    } = 5,
    /// A legal hold was lifted.
    Released {
        /// Of which record.
        root: Digest,
        /// By which court.
        authority: OrgId,
        /// In which case.
        case: Text<REFERENCE_BYTES_MAX>,
    } = 6,
    /// Evidence was put before a forum.
    Produced {
        /// Which record.
        root: Digest,
        /// Which of its productions.
        production: u32,
        /// Before whom.
        forum: OrgId,
    } = 7,
    /// A forum recorded what it found.
    FindingRecorded {
        /// Of which record.
        root: Digest,
        /// Which of its productions.
        production: u32,
        /// What.
        finding: Finding,
    } = 8,
    /// The custodian attested that the content is erased.
    ErasureAttested {
        /// Of which record.
        root: Digest,
    } = 9,
    /// Retention was prolonged.
    RetentionExtended {
        /// Of which record.
        root: Digest,
        /// Last day.
        until: Day,
    } = 10,
}
