//! The tables: the only place where keys of this module are made.

use quancheng_state::Table;
use quancheng_types::{
    AuthorWindow, Digest, Height, List, ModuleId, Parameters, Schedule, Validator, ValidatorId, VersionPlan,
};

use super::schedule::SetRef;
use super::types::{
    MisbehaviorRecord, OPEN_PROPOSALS_MAX, Proposal, PublishedYear, RuleSet, RuleSetId, SET_PART_MAX, ValidatorRecord,
};
use crate::describe::Describe;
use crate::identity::OrgId;

const ID: ModuleId = ModuleId(2);

/// Validator sets in force and in flight.
pub(super) const SETS: Table<(), Schedule<SetRef>> = Table::kept(ID, 1, "governance.sets");
/// Members of a set, in parts.
pub(super) const SET_PARTS: Table<(Digest, u8), List<Validator, SET_PART_MAX>> =
    Table::kept(ID, 2, "governance.set_parts");
/// Every set that was decided, by order of decision from 0: (first height, reference).
pub(super) const SET_HISTORY: Table<u64, (Height, SetRef)> = Table::kept(ID, 3, "governance.set_history");
/// How many entries [`SET_HISTORY`] has.
pub(super) const SET_COUNT: Table<(), u64> = Table::derived(ID, 4, "governance.set_count");
/// Parameters in force and in flight.
pub(super) const PARAMETERS: Table<(), Schedule<Parameters>> = Table::kept(ID, 5, "governance.parameters");
/// Versions in force and in flight.
pub(super) const VERSIONS: Table<(), Schedule<VersionPlan>> = Table::kept(ID, 6, "governance.versions");
/// Validators, past and present.
pub(super) const VALIDATORS: Table<ValidatorId, ValidatorRecord> = Table::kept(ID, 7, "governance.validators");
/// Validators in order of first admission, from 0.
pub(super) const VALIDATOR_LIST: Table<u64, ValidatorId> = Table::derived(ID, 8, "governance.validator_list");
/// How many entries [`VALIDATOR_LIST`] has.
pub(super) const VALIDATOR_COUNT: Table<(), u64> = Table::derived(ID, 9, "governance.validator_count");
/// Proposals by number.
pub(super) const PROPOSALS: Table<u64, Proposal> = Table::kept(ID, 10, "governance.proposals");
/// How many proposals there are: the newest number.
pub(super) const PROPOSAL_COUNT: Table<(), u64> = Table::derived(ID, 11, "governance.proposal_count");
/// Proposals not yet closed, with proposer and last ms; expired ones are dropped when the next one is opened.
pub(super) const OPEN_PROPOSALS: Table<(), List<(u64, OrgId, u64), OPEN_PROPOSALS_MAX>> =
    Table::derived(ID, 12, "governance.open_proposals");
/// Rule sets by id and version.
pub(super) const RULE_SETS: Table<(RuleSetId, u32), RuleSet> = Table::kept(ID, 13, "governance.rule_sets");
/// Newest version of a rule set.
pub(super) const RULE_SET_VERSIONS: Table<RuleSetId, u32> = Table::kept(ID, 14, "governance.rule_set_versions");
/// Rule sets in order of first publication, from 0.
pub(super) const RULE_SET_LIST: Table<u64, RuleSetId> = Table::derived(ID, 15, "governance.rule_set_list");
/// How many entries [`RULE_SET_LIST`] has.
pub(super) const RULE_SET_COUNT: Table<(), u64> = Table::derived(ID, 16, "governance.rule_set_count");
/// Newest edition of a calendar year.
pub(super) const CALENDAR: Table<u16, PublishedYear> = Table::kept(ID, 17, "governance.calendar");
/// Every edition of a calendar year.
pub(super) const CALENDAR_EDITIONS: Table<(u16, u32), PublishedYear> =
    Table::kept(ID, 18, "governance.calendar_editions");
/// Proofs of misbehavior in order of recording, from 0.
pub(super) const MISBEHAVIOR: Table<u64, MisbehaviorRecord> = Table::kept(ID, 19, "governance.misbehavior");
/// How many entries [`MISBEHAVIOR`] has.
pub(super) const MISBEHAVIOR_COUNT: Table<(), u64> = Table::derived(ID, 20, "governance.misbehavior_count");
/// Place of the proof of an offence (by its offence id) among the recorded ones, so that none counts twice.
pub(super) const MISBEHAVIOR_SEEN: Table<Digest, u64> = Table::kept(ID, 21, "governance.misbehavior_seen");
/// Which batches of a validator were ordered, up to the block of the height. An author is a validator of the height that orders its batch, so
/// [`VALIDATOR_LIST`] names all of them.
pub(super) const ORDERED: Table<ValidatorId, AuthorWindow> = Table::derived(ID, 22, "governance.ordered");

/// All tables.
pub(super) const TABLES: &[&dyn Describe] = &[
    &SETS,
    &SET_PARTS,
    &SET_HISTORY,
    &SET_COUNT,
    &PARAMETERS,
    &VERSIONS,
    &VALIDATORS,
    &VALIDATOR_LIST,
    &VALIDATOR_COUNT,
    &PROPOSALS,
    &PROPOSAL_COUNT,
    &OPEN_PROPOSALS,
    &RULE_SETS,
    &RULE_SET_VERSIONS,
    &RULE_SET_LIST,
    &RULE_SET_COUNT,
    &CALENDAR,
    &CALENDAR_EDITIONS,
    &MISBEHAVIOR,
    &MISBEHAVIOR_COUNT,
    &MISBEHAVIOR_SEEN,
    &ORDERED,
];
