//! What can be looked up, and the keys that prove the answer.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{StateKey, StoreError, Table, View};
use quancheng_types::{Height, ValidatorId};
use serde::{Deserialize, Serialize};

use super::consensus::validator_set_at;
use super::publish::rule_set_in_force;
use super::tables::{
    CALENDAR, CALENDAR_EDITIONS, MISBEHAVIOR, MISBEHAVIOR_COUNT, OPEN_PROPOSALS, PARAMETERS, PROPOSAL_COUNT, PROPOSALS,
    RULE_SET_COUNT, RULE_SET_LIST, RULE_SET_VERSIONS, RULE_SETS, SET_COUNT, SET_HISTORY, SETS, VALIDATOR_COUNT,
    VALIDATOR_LIST, VALIDATORS, VERSIONS,
};
use super::types::RuleSetId;
use crate::contract::Answer;
use crate::domain::Day;
use crate::index::Range;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// The validator set of a height that is not before the view's.
    ValidatorSet {
        /// Which.
        height: Height,
    } = 1,
    /// Every set that was decided: first height and hash.
    SetHistory {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 2,
    /// Everything on record about a validator.
    Validator {
        /// Which.
        validator: ValidatorId,
    } = 3,
    /// Validators past and present, in order of first admission.
    Validators {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 4,
    /// Parameters in force and in flight.
    Parameters = 5,
    /// Versions in force and in flight.
    Versions = 6,
    /// A proposal by number.
    Proposal {
        /// Which.
        proposal: u64,
    } = 7,
    /// Proposals in order of their numbers; place 0 is number 1.
    Proposals {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 8,
    /// Proposals not closed by a vote; some may have expired.
    OpenProposals = 9,
    /// A rule set: a version, or the one in force on a day.
    RuleSet {
        /// Which.
        rule_set: RuleSetId,
        /// Version; the newest when neither this nor a day is given.
        #[serde(default)]
        version: Option<u32>,
        /// Day on which it is in force.
        #[serde(default)]
        on: Option<Day>,
    } = 10,
    /// Newest versions of all rule sets.
    RuleSets {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 11,
    /// A calendar year: the newest edition, or another.
    Calendar {
        /// Which year.
        year: u16,
        /// Which edition.
        #[serde(default)]
        edition: Option<u32>,
    } = 12,
    /// Recorded misbehavior.
    Misbehavior {
        /// Which part.
        #[serde(default)]
        range: Range,
    } = 13,
}

/// The key of a proposal's entry, for a proof.
#[must_use]
pub fn proposal_key(proposal: u64) -> StateKey {
    PROPOSALS.key(&proposal)
}

/// The key of the parameters in force and in flight, for a proof: the value is the canonical form of their `Schedule`.
#[must_use]
pub fn parameters_key() -> StateKey {
    PARAMETERS.key(&())
}

pub(super) fn answer(view: &dyn View, query: &Query) -> Result<Answer, StoreError> {
    match query {
        Query::ValidatorSet { height } => Ok(Answer::of(Some(&validator_set_at(view, *height)?), SETS.key(&()))),
        Query::SetHistory { range } => counted(view, &SET_COUNT, &SET_HISTORY, *range),
        Query::Validator { validator } => Ok(single(&VALIDATORS, view, validator)?),
        Query::Validators { range } => indexed(view, &VALIDATOR_COUNT, &VALIDATOR_LIST, &VALIDATORS, *range),
        Query::Parameters => single(&PARAMETERS, view, &()),
        Query::Versions => single(&VERSIONS, view, &()),
        Query::Proposal { proposal } => single(&PROPOSALS, view, proposal),
        Query::Proposals { range } => proposals(view, *range),
        Query::OpenProposals => single(&OPEN_PROPOSALS, view, &()),
        Query::RuleSet { rule_set, version, on } => one_rule_set(view, rule_set, *version, *on),
        Query::RuleSets { range } => rule_sets(view, *range),
        Query::Calendar { year, edition: None } => single(&CALENDAR, view, year),
        Query::Calendar { year, edition: Some(edition) } => single(&CALENDAR_EDITIONS, view, &(*year, *edition)),
        Query::Misbehavior { range } => counted(view, &MISBEHAVIOR_COUNT, &MISBEHAVIOR, *range),
    }
}

fn single<K: BorshSerialize, V: BorshSerialize + BorshDeserialize + Serialize>(
    table: &Table<K, V>,
    view: &dyn View,
    key: &K,
) -> Result<Answer, StoreError> {
    Ok(Answer::of(table.read(view, key)?.as_ref(), table.key(key)))
}

/// A page of a list that is numbered from 0.
fn counted<V: BorshSerialize + BorshDeserialize + Serialize>(
    view: &dyn View,
    count: &Table<(), u64>,
    table: &Table<u64, V>,
    range: Range,
) -> Result<Answer, StoreError> {
    let end = count.read(view, &())?.unwrap_or(0).min(range.end());
    let (mut list, mut keys) = (Vec::new(), vec![count.key(&())]);
    for place in range.from..end {
        keys.push(table.key(&place));
        list.extend(table.read(view, &place)?);
    }
    Ok(Answer::list(&list, keys))
}

/// A page of records that a list numbered from 0 names.
fn indexed<K: BorshSerialize + BorshDeserialize, V: BorshSerialize + BorshDeserialize + Serialize>(
    view: &dyn View,
    count: &Table<(), u64>,
    list: &Table<u64, K>,
    table: &Table<K, V>,
    range: Range,
) -> Result<Answer, StoreError> {
    let end = count.read(view, &())?.unwrap_or(0).min(range.end());
    let (mut records, mut keys) = (Vec::new(), vec![count.key(&())]);
    for place in range.from..end {
        keys.push(list.key(&place));
        if let Some(id) = list.read(view, &place)? {
            keys.push(table.key(&id));
            records.extend(table.read(view, &id)?);
        }
    }
    Ok(Answer::list(&records, keys))
}

fn proposals(view: &dyn View, range: Range) -> Result<Answer, StoreError> {
    let newest = PROPOSAL_COUNT.read(view, &())?.unwrap_or(0);
    let (mut list, mut keys) = (Vec::new(), vec![PROPOSAL_COUNT.key(&())]);
    // Numbers begin with 1, places with 0.
    let end = newest.min(range.end());
    for id in range.from.saturating_add(1)..=end {
        keys.push(PROPOSALS.key(&id));
        list.extend(PROPOSALS.read(view, &id)?);
    }
    Ok(Answer::list(&list, keys))
}

fn one_rule_set(view: &dyn View, id: &RuleSetId, version: Option<u32>, on: Option<Day>) -> Result<Answer, StoreError> {
    let newest_key = RULE_SET_VERSIONS.key(id);
    let rules = match (version, on) {
        (Some(version), _) => RULE_SETS.read(view, &(id.clone(), version))?,
        (None, Some(day)) => rule_set_in_force(view, id, day)?,
        (None, None) => match RULE_SET_VERSIONS.read(view, id)? {
            None => None,
            Some(newest) => RULE_SETS.read(view, &(id.clone(), newest))?,
        },
    };
    let mut keys: Vec<StateKey> = rules.iter().map(|rules| RULE_SETS.key(&(id.clone(), rules.version))).collect();
    match (version, &rules) {
        (Some(version), None) => keys.push(RULE_SETS.key(&(id.clone(), version))),
        (Some(_), Some(_)) => {}
        (None, Some(_) | None) => keys.push(newest_key),
    }
    Ok(Answer::linked(rules.as_ref(), keys))
}

fn rule_sets(view: &dyn View, range: Range) -> Result<Answer, StoreError> {
    let end = RULE_SET_COUNT.read(view, &())?.unwrap_or(0).min(range.end());
    let (mut list, mut keys) = (Vec::new(), vec![RULE_SET_COUNT.key(&())]);
    for place in range.from..end {
        keys.push(RULE_SET_LIST.key(&place));
        let Some(id) = RULE_SET_LIST.read(view, &place)? else {
            continue;
        };
        let Some(newest) = RULE_SET_VERSIONS.read(view, &id)? else {
            continue;
        };
        keys.push(RULE_SETS.key(&(id.clone(), newest)));
        list.extend(RULE_SETS.read(view, &(id, newest))?);
    }
    Ok(Answer::list(&list, keys))
}
