//! What a registration is made of: periods, notices, requests, holds, codes, encumbrances.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Text;
use serde::{Deserialize, Serialize};

use crate::domain::{Commitment, Day};
use crate::identity::OrgId;

/// Bytes of the number of a case.
pub const CASE_BYTES_MAX: u32 = 64;
/// Bytes of the scheme or the code of an official number.
pub const OFFICIAL_BYTES_MAX: u32 = 64;

/// A period of working days for the registrar: to accept, to review, or to resolve objections. It stops while the applicant owes
/// a supplement. Being late refuses nothing; it is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Clock {
    /// Last day; absent while stopped, and while the calendar of the year is not published.
    pub due: Option<Day>,
    /// Working days of the period that count from when it last started.
    pub working_days: u16,
}

/// A public notice (公示). The days between `from` and `to`, both included, run whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Notice {
    /// First day.
    pub from: Day,
    /// Last day; moves when an objection has stopped the notice.
    pub to: Day,
    /// First ms (since 1970 UTC) after it.
    pub closes_at_ms: u64,
    /// Working days left when an objection stopped it; absent while it runs.
    pub stopped_wd: Option<u16>,
}

/// What a holder asks for an issued certificate.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// A further term.
    Renewal = 1,
    /// A corrected or changed statement.
    Change {
        /// Revision of the dossier asked for.
        revision: u32,
        /// Whether it needs a new notice.
        is_material: bool,
    } = 2,
    /// Another holder.
    Transfer {
        /// Who gives.
        from: OrgId,
        /// Who receives.
        to: OrgId,
        /// Commitment to the contract.
        contract: Commitment,
    } = 3,
    /// The end of the certificate (注销).
    Cancel = 4,
}

/// A request that waits for the registrar.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Pending {
    /// What is asked.
    pub request: Request,
    /// Block time, ms.
    pub requested_at_ms: u64,
    /// Who asked.
    pub requested_by: OrgId,
    /// Whether the registrar approved a material change, whose notice is still to run.
    pub is_approved: bool,
}

/// An order that a certificate must not change hands (G7: only its authority or an effective ruling lifts it).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Hold {
    /// The court, or the registrar for an administrative suspension.
    pub authority: OrgId,
    /// Number of the case.
    pub case: Text<CASE_BYTES_MAX>,
    /// Commitment to the order.
    pub document: Commitment,
    /// Block time, ms.
    pub since_ms: u64,
}

/// A number given outside this chain (全国统一赋码): opaque, unique within its scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialCode {
    /// Who numbers.
    pub scheme: Text<OFFICIAL_BYTES_MAX>,
    /// The number.
    pub code: Text<OFFICIAL_BYTES_MAX>,
}

/// What other modules record on a certificate while something of theirs rests on it (domain invariant R6).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum EncumbranceKind {
    /// 质押
    Pledge = 1,
    /// An open order.
    Order = 2,
    /// A licence in force.
    Licence = 3,
    /// An open case.
    Case = 4,
}

/// One thing that rests on a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Encumbrance {
    /// What.
    pub kind: EncumbranceKind,
    /// Whose consent a transfer needs (the pledgee), or the party concerned.
    pub party: OrgId,
    /// Number of the record in its module.
    pub record: u64,
}
