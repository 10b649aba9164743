//! What the module reports.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Digest, Height};
use serde::{Deserialize, Serialize};

use super::types::{ProposalStatus, RuleSetRef};
use crate::identity::OrgId;
use crate::modules::Refusal;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Event {
    /// A proposal was opened.
    Proposed {
        /// Its number.
        proposal: u64,
        /// By whom.
        proposer: OrgId,
        /// Last ms at which votes count.
        expires_at_ms: u64,
    } = 1,
    /// A vote was cast or changed.
    Voted {
        /// On which.
        proposal: u64,
        /// Whose.
        organization: OrgId,
        /// For or against.
        is_approved: bool,
        /// Power for the proposal now.
        power_for: u64,
        /// Power against it now.
        power_against: u64,
        /// Power of the set in force.
        power_total: u64,
    } = 2,
    /// A proposal was closed.
    Closed {
        /// Which.
        proposal: u64,
        /// How.
        status: ProposalStatus,
        /// Why its action failed.
        failure: Option<Refusal>,
    } = 3,
    /// A validator set was decided.
    SetDecided {
        /// Its hash.
        hash: Digest,
        /// First height in force.
        effective: Height,
    } = 4,
    /// Parameters were decided.
    ParametersDecided {
        /// Their hash.
        hash: Digest,
        /// First height in force.
        effective: Height,
    } = 5,
    /// A version of the rules was decided.
    VersionDecided {
        /// The version.
        version: u16,
        /// First height in force.
        effective: Height,
    } = 6,
    /// A rule set was published.
    RuleSetPublished {
        /// Which.
        rule_set: RuleSetRef,
    } = 7,
    /// A calendar year was published.
    CalendarPublished {
        /// Which.
        year: u16,
        /// Edition.
        edition: u32,
    } = 8,
}
