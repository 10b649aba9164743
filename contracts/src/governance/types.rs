//! Records, limits and tables.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::schedule::NOTICE_BYTES_MAX;
use quancheng_types::{Digest, Height, List, Parameters, Text, Validator, ValidatorId};
use serde::{Deserialize, Serialize};

use crate::domain::{CalendarYear, Commitment, Day, RegistrationKind, ReliancePurpose};
use crate::identity::{OrgId, Role};
use crate::modules::Refusal;

/// Validators stored in one part of a set: 32 of the largest records stay below the limit of a value.
pub const SET_PART_MAX: u32 = 32;
/// Proposals open at one time.
pub const OPEN_PROPOSALS_MAX: u32 = 64;
/// Proposals that one organization may have open at one time, so that nobody can shut the others out.
pub const OPEN_PROPOSALS_PER_ORGANIZATION_MAX: usize = 8;
/// Votes on one proposal: one per organization that runs a validator.
pub const VOTES_MAX: u32 = 128;
/// Longest time that a proposal is open, ms (30 days).
pub const PROPOSAL_OPEN_MAX_MS: u64 = 30 * 24 * 3600 * 1000;
/// Bytes of the title of a proposal.
pub const TITLE_BYTES_MAX: u32 = 256;
/// Bytes of the id of a rule set.
pub const RULE_SET_ID_BYTES_MAX: u32 = 64;
/// Bytes of a name, basis or note of a rule set.
pub const RULE_SET_TEXT_BYTES_MAX: u32 = 1024;
/// Kinds of one rule set.
pub const RULE_SET_KINDS_MAX: u32 = 16;
/// Uses that one rule set may admit.
pub const RULE_SET_PURPOSES_MAX: u32 = 16;
/// Names of fields that were checked against the official text.
pub const RULE_SET_VERIFIED_MAX: u32 = 32;
/// Longest period of a rule set in working days or calendar days.
pub const RULE_SET_DAYS_MAX: u16 = 250;
/// Longest validity of a certificate in months (50 years).
pub const RULE_SET_MONTHS_MAX: u16 = 600;
/// Rule sets of a genesis.
pub const GENESIS_RULE_SETS_MAX: u32 = 64;
/// Calendar years of a genesis.
pub const GENESIS_YEARS_MAX: u32 = 32;

/// Id of a rule set, such as `RS-PUB-2025`.
pub type RuleSetId = Text<RULE_SET_ID_BYTES_MAX>;

/// One version of a rule set: rules are data, cited by every decision.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Id, the same for all versions.
    pub rule_set: RuleSetId,
    /// Version, from 1; the next one each time.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Name.
    pub name_zh: Text<RULE_SET_TEXT_BYTES_MAX>,
    /// The official text it stands on.
    #[serde(default)]
    pub basis: Text<RULE_SET_TEXT_BYTES_MAX>,
    /// Kinds of certificates it governs.
    pub kinds: List<RegistrationKind, RULE_SET_KINDS_MAX>,
    /// Working days to accept an application.
    pub accept_wd: u16,
    /// Working days to review it.
    pub review_wd: u16,
    /// Working days of public notice.
    pub notice_wd: u16,
    /// Working days an applicant has to supplement.
    #[serde(default = "ten")]
    pub supplement_wd: u16,
    /// Working days to resolve an objection.
    #[serde(default = "ten")]
    pub objection_wd: u16,
    /// Validity of a certificate in months.
    pub validity_months: u16,
    /// Validity that a renewal adds, in months.
    pub renewal_months: u16,
    /// How long before its end a certificate may be renewed, in days.
    pub renewal_window_days: u16,
    /// A step that must precede an application (prior notarization of evidence); absent means none.
    #[serde(default)]
    pub pre_step: Option<Text<RULE_SET_TEXT_BYTES_MAX>>,
    /// Uses for which certificates of these kinds may be relied on; all when absent.
    #[serde(default = "all_purposes")]
    pub reliance_purposes: List<ReliancePurpose, RULE_SET_PURPOSES_MAX>,
    /// Fields whose values were checked against the official text.
    #[serde(default)]
    pub verified: List<Text<RULE_SET_ID_BYTES_MAX>, RULE_SET_VERIFIED_MAX>,
    /// Note for readers.
    #[serde(default)]
    pub note: Text<RULE_SET_TEXT_BYTES_MAX>,
    /// First day in force; absent means from its publication.
    #[serde(default)]
    pub effective_from: Option<Day>,
}

const fn first_version() -> u32 {
    1
}

fn all_purposes() -> List<ReliancePurpose, RULE_SET_PURPOSES_MAX> {
    List::new(ReliancePurpose::ALL.to_vec()).expect("there are fewer purposes than the list may hold")
}

const fn ten() -> u16 {
    10
}

/// A version of a rule set, as decisions cite it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSetRef {
    /// Which rule set.
    pub rule_set: RuleSetId,
    /// Which version.
    pub version: u32,
}

impl RuleSet {
    /// How decisions cite it.
    #[must_use]
    pub fn reference(&self) -> RuleSetRef {
        RuleSetRef { rule_set: self.rule_set.clone(), version: self.version }
    }

    /// Whether it is in force on a day.
    #[must_use]
    pub fn is_in_force_on(&self, day: Day) -> bool {
        self.effective_from.is_none_or(|from| from <= day)
    }

    /// Whether evidence must be notarized before an application.
    #[must_use]
    pub const fn requires_prior_evidence(&self) -> bool {
        self.pre_step.is_some()
    }
}

/// A published calendar year. A correction is a further edition; earlier ones stay on record.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PublishedYear {
    /// Days off and adjusted workdays.
    pub calendar: CalendarYear,
    /// Edition, from 1.
    pub edition: u32,
    /// Block that published it.
    pub published: Height,
}

/// What a proposal does when it is accepted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Action {
    /// Add a validator run by an active organization. Also how a removed or suspended one comes back.
    AddValidator(Validator) = 1,
    /// Remove a validator.
    RemoveValidator {
        /// Which.
        validator: ValidatorId,
    } = 2,
    /// Replace the record of a validator by another of the same organization: new key, new node, new power.
    ReplaceValidator {
        /// Which.
        validator: ValidatorId,
        /// By what.
        successor: Validator,
    } = 3,
    /// Change the consensus parameters.
    ChangeParameters(Parameters) = 4,
    /// Publish the next version of a rule set.
    PublishRuleSet(RuleSet) = 5,
    /// Publish the working-day calendar of a year, or a corrected edition.
    PublishCalendar(CalendarYear) = 6,
    /// Bring a version of the protocol rules into force.
    ScheduleVersion {
        /// The version: greater than any decided before.
        version: u16,
        /// First height; at least as far ahead as any other change.
        effective: Height,
        /// What operators install before then.
        notice: Text<NOTICE_BYTES_MAX>,
    } = 7,
    /// Grant any role to an active organization.
    GrantRole {
        /// To whom.
        org_id: OrgId,
        /// What.
        role: Role,
        /// First ms in force; the deciding block when absent.
        from_ms: Option<u64>,
        /// First ms no longer in force; open when absent.
        to_ms: Option<u64>,
    } = 8,
    /// End any role.
    RevokeRole {
        /// Whose.
        org_id: OrgId,
        /// What.
        role: Role,
    } = 9,
}

/// One organization's vote.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct CastVote {
    /// Who.
    pub organization: OrgId,
    /// For or against.
    pub is_approved: bool,
    /// Commitment to the document behind it.
    pub document: Option<Commitment>,
    /// Block.
    pub height: Height,
    /// Block time, ms.
    pub at_ms: u64,
}

/// Where a proposal stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProposalStatus {
    /// Votes are taken until it expires; expiry is computed, never transacted.
    Open = 1,
    /// Accepted, and the action took effect.
    Accepted = 2,
    /// Acceptance has become impossible.
    Rejected = 3,
    /// Accepted, but the action was no longer possible.
    Failed = 4,
    /// Taken back by its proposer.
    Withdrawn = 5,
}

/// A proposal with its votes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Proposal {
    /// Number, from 1.
    pub id: u64,
    /// What it does.
    pub action: Action,
    /// Title for people.
    pub title: Text<TITLE_BYTES_MAX>,
    /// Commitment to the document behind it.
    pub document: Option<Commitment>,
    /// Whose it is.
    pub proposer: OrgId,
    /// Block that opened it.
    pub opened: Height,
    /// Last block time at which votes count, ms.
    pub expires_at_ms: u64,
    /// Where it stands.
    pub status: ProposalStatus,
    /// The refusal that made it fail.
    pub failure: Option<Refusal>,
    /// Block that closed it.
    pub closed: Option<Height>,
    /// Votes in order of first casting.
    pub votes: List<CastVote, VOTES_MAX>,
}

impl Proposal {
    /// Whether votes count at a block time.
    #[must_use]
    pub fn is_open_at(&self, time_ms: u64) -> bool {
        self.status == ProposalStatus::Open && time_ms <= self.expires_at_ms
    }
}

/// Where a validator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ValidatorStatus {
    /// In the newest set.
    Member = 1,
    /// Left the set by a vote.
    Removed = 2,
    /// Taken out of the set by rule, for proven misbehavior.
    Suspended = 3,
    /// Proven misbehavior, but still in the set: the guard on suspensions held it there until people decide.
    Flagged = 4,
}

/// Everything on record about a validator, for ever.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ValidatorRecord {
    /// The newest record, with its declaration of interest.
    pub validator: Validator,
    /// Where it stands.
    pub status: ValidatorStatus,
    /// Block that first admitted it.
    pub admitted: Height,
    /// Block that decided its present status.
    pub decided: Height,
    /// Distinct misbehavior proofs against it.
    pub misbehavior_count: u32,
}

/// A proof that convicted a validator. The proof itself is in the block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct MisbehaviorRecord {
    /// Whom.
    pub validator: ValidatorId,
    /// RFC 9162 leaf hash of the proof, as the header's misbehavior root holds it.
    pub proof: Digest,
    /// Height of the offence, where it has one.
    pub offence: Option<Height>,
    /// Block that carried the proof.
    pub height: Height,
    /// What followed.
    pub status: ValidatorStatus,
}

/// First content of this module. The validators and parameters come from the genesis itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GovernanceGenesis {
    /// Rule sets, version 1 each.
    #[serde(default)]
    pub rule_sets: List<RuleSet, GENESIS_RULE_SETS_MAX>,
    /// Calendars.
    #[serde(default)]
    pub calendar: List<CalendarYear, GENESIS_YEARS_MAX>,
}
