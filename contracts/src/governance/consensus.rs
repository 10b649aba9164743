//! Validator sets, parameters and versions in the state.

use quancheng_state::{Overlay, Record, StoreError, Table, View};
use quancheng_types::schedule::Entry;
use quancheng_types::{
    Decisions, Height, List, Parameters, Schedule, Schedules, Validator, ValidatorId, ValidatorSet, VersionPlan,
};

use super::calls::Error;
use super::schedule::{SetRef, effective_height};
use super::tables::{
    PARAMETERS, SET_COUNT, SET_HISTORY, SET_PARTS, SETS, VALIDATOR_COUNT, VALIDATOR_LIST, VALIDATORS, VERSIONS,
};
use super::types::{SET_PART_MAX, ValidatorRecord, ValidatorStatus};
use crate::contract::Context;
use crate::refusal::Failure;

/// The schedule of a table. Genesis writes all three, so one that is not there is damage.
fn schedule<T: borsh::BorshSerialize + borsh::BorshDeserialize>(
    view: &dyn View,
    table: &Table<(), Schedule<T>>,
) -> Result<Schedule<T>, StoreError> {
    table.read(view, &())?.ok_or_else(|| missing(table))
}

fn missing<T: borsh::BorshSerialize + borsh::BorshDeserialize>(table: &Table<(), T>) -> StoreError {
    StoreError::Missing { record: Record::Row(table.name()), key: table.key(&()).as_bytes().to_vec() }
}

/// The parameters of a height that is not before the view's.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Missing`] also for a height whose parameters the view has forgotten: ask a view as of that height.
pub fn parameters_at(view: &dyn View, height: Height) -> Result<Parameters, StoreError> {
    let schedule = schedule(view, &PARAMETERS)?;
    schedule.at(height).map(|entry| entry.value).ok_or_else(|| missing(&PARAMETERS))
}

/// The validator set of a height that is not before the view's.
///
/// # Errors
/// As [`parameters_at`].
pub fn validator_set_at(view: &dyn View, height: Height) -> Result<ValidatorSet, StoreError> {
    let schedule = schedule(view, &SETS)?;
    let entry = schedule.at(height).ok_or_else(|| missing(&SETS))?;
    load(view, &entry.value)
}

/// The version of the rules of a height that is not before the view's, and what to install for it.
///
/// # Errors
/// As [`parameters_at`].
pub fn version_at(view: &dyn View, height: Height) -> Result<VersionPlan, StoreError> {
    let schedule = schedule(view, &VERSIONS)?;
    schedule.at(height).map(|entry| entry.value.clone()).ok_or_else(|| missing(&VERSIONS))
}

/// Sets, parameters and versions in force and in flight: what a node needs that starts with this state.
///
/// # Errors
/// [`StoreError`].
pub fn schedules(view: &dyn View) -> Result<Schedules, StoreError> {
    let mut all = Schedules {
        parameters: schedule(view, &PARAMETERS)?,
        versions: schedule(view, &VERSIONS)?,
        ..Schedules::default()
    };
    for entry in schedule(view, &SETS)?.entries() {
        all.validators.enter(loaded(view, entry)?).expect("as many entries as the schedule in the state");
    }
    Ok(all)
}

/// Every validator set that was decided, with the height from which it is in force, ascending.
///
/// # Errors
/// [`StoreError`].
pub fn set_history(view: &dyn View) -> Result<Vec<(Height, ValidatorSet)>, StoreError> {
    let count = SET_COUNT.read(view, &())?.unwrap_or(0);
    let mut sets = Vec::new();
    for place in 0..count {
        let missing = || StoreError::Missing {
            record: Record::Row(SET_HISTORY.name()),
            key: SET_HISTORY.key(&place).as_bytes().to_vec(),
        };
        let (effective, set) = SET_HISTORY.read(view, &place)?.ok_or_else(missing)?;
        sets.push((effective, load(view, &set)?));
    }
    Ok(sets)
}

/// The longest that a transaction may be valid under any of the parameters in force and in flight, ms.
///
/// # Errors
/// [`StoreError`].
pub fn lifetime_max_ms(view: &dyn View) -> Result<u64, StoreError> {
    let lifetimes = schedule(view, &PARAMETERS)?;
    let lifetimes = lifetimes.entries().iter().map(|entry| entry.value.transaction_lifetime_max_ms);
    Ok(lifetimes.max().unwrap_or(0))
}

/// Versions in force and in flight.
///
/// # Errors
/// [`StoreError`].
pub fn versions(view: &dyn View) -> Result<Schedule<VersionPlan>, StoreError> {
    schedule(view, &VERSIONS)
}

/// What the block of a height decided, in the state after it.
pub(crate) fn decided_at(view: &dyn View, height: Height) -> Result<Decisions, StoreError> {
    Ok(Decisions {
        validators: schedule(view, &SETS)?.decided_at(height).map(|entry| loaded(view, entry)).transpose()?,
        parameters: schedule(view, &PARAMETERS)?.decided_at(height).cloned(),
        version: schedule(view, &VERSIONS)?.decided_at(height).cloned(),
    })
}

fn loaded(view: &dyn View, entry: &Entry<SetRef>) -> Result<Entry<ValidatorSet>, StoreError> {
    let validators = load(view, &entry.value)?;
    Ok(entry.clone().map(|_| validators))
}

/// Puts a set together from its parts.
fn load(view: &dyn View, set: &SetRef) -> Result<ValidatorSet, StoreError> {
    let mut validators = Vec::new();
    for part in 0..set.parts {
        let key = (set.hash, part);
        let missing = || StoreError::Missing {
            record: Record::Row(SET_PARTS.name()),
            key: SET_PARTS.key(&key).as_bytes().to_vec(),
        };
        validators.extend(SET_PARTS.read(view, &key)?.ok_or_else(missing)?.into_vec());
    }
    ValidatorSet::new(validators).ok().filter(|loaded| loaded.hash() == set.hash).ok_or_else(|| {
        StoreError::Inconsistent {
            record: Record::Row(SET_PARTS.name()),
            key: SETS.key(&()).as_bytes().to_vec(),
            expected: "the members of the validator set with this hash",
        }
    })
}

/// Stores the members of a set under its hash.
fn save(overlay: &mut Overlay<'_>, set: &ValidatorSet, voted_power: u64) -> SetRef {
    let hash = set.hash();
    let mut parts = 0_u8;
    for chunk in set.validators().chunks(SET_PART_MAX as usize) {
        let part = List::new(chunk.to_vec()).expect("a chunk is within the limit");
        SET_PARTS.put(overlay, &(hash, parts), &part);
        parts = parts.checked_add(1).expect("128 validators make 4 parts");
    }
    SetRef { hash, parts, voted_power }
}

/// The newest set decided, in force or in flight: what the next change is made on.
pub(super) fn latest_set(view: &dyn View) -> Result<(ValidatorSet, SetRef), StoreError> {
    let schedule = schedule(view, &SETS)?;
    let entry = schedule.latest().ok_or_else(|| missing(&SETS))?;
    Ok((load(view, &entry.value)?, entry.value))
}

/// Decides a set. `voted_power` of the newest set carries over when a rule decides, and is the new total when people do.
pub(super) fn decide_set(
    overlay: &mut Overlay<'_>,
    now: Height,
    set: &ValidatorSet,
    is_voted: bool,
) -> Result<Entry<SetRef>, Failure<Error>> {
    let mut sets = schedule(&*overlay, &SETS)?;
    let before = sets.latest().cloned().ok_or_else(|| missing(&SETS))?;
    let effective = effective_height(now, &schedule(&*overlay, &PARAMETERS)?);
    let voted_power = if is_voted { set.total_power() } else { before.value.voted_power };
    // Parts are stored under the hash of the set: should the schedule be full, the caller drops the overlay or the parts are unused.
    let reference = save(overlay, set, voted_power);
    let entry = sets.decide(now, effective, reference).map_err(|_| Error::ChangesInFlight)?;
    let is_replaced = before.is_same_change(&entry);
    SETS.put(overlay, &(), &sets);
    remember_set(overlay, &entry, is_replaced)?;
    Ok(entry)
}

fn remember_set(overlay: &mut Overlay<'_>, entry: &Entry<SetRef>, is_replaced: bool) -> Result<(), StoreError> {
    let count = SET_COUNT.read(overlay, &())?.unwrap_or(0);
    let place = if is_replaced { count.saturating_sub(1) } else { count };
    SET_HISTORY.put(overlay, &place, &(entry.effective, entry.value));
    SET_COUNT.put(overlay, &(), &place.saturating_add(1));
    Ok(())
}

pub(super) fn decide_parameters(
    overlay: &mut Overlay<'_>,
    now: Height,
    parameters: &Parameters,
) -> Result<Entry<Parameters>, Failure<Error>> {
    let mut all = schedule(&*overlay, &PARAMETERS)?;
    let effective = effective_height(now, &all);
    let entry = all.decide(now, effective, *parameters).map_err(|_| Error::ChangesInFlight)?;
    PARAMETERS.put(overlay, &(), &all);
    Ok(entry)
}

pub(super) fn decide_version(
    overlay: &mut Overlay<'_>,
    now: Height,
    plan: VersionPlan,
    effective: Height,
) -> Result<Entry<VersionPlan>, Failure<Error>> {
    let mut all = schedule(&*overlay, &VERSIONS)?;
    let latest = all.latest().ok_or_else(|| missing(&VERSIONS))?;
    if plan.version <= latest.value.version {
        return Err(Error::VersionNotNew.into());
    }
    // A later decision of one block would take the place of the earlier; two versions are two changes.
    if latest.decided == now {
        return Err(Error::ChangesInFlight.into());
    }
    let soonest = effective_height(now, &schedule(&*overlay, &PARAMETERS)?);
    if effective < soonest || effective <= latest.effective {
        return Err(Error::VersionTooSoon.into());
    }
    let entry = all.decide(now, effective, plan).map_err(|_| Error::ChangesInFlight)?;
    VERSIONS.put(overlay, &(), &all);
    Ok(entry)
}

/// Records where a validator stands from this block on.
pub(super) fn record(
    overlay: &mut Overlay<'_>,
    now: Height,
    validator: &Validator,
    status: ValidatorStatus,
) -> Result<(), StoreError> {
    let id = validator.id();
    let earlier = VALIDATORS.read(overlay, &id)?;
    if earlier.is_none() {
        let place = VALIDATOR_COUNT.read(overlay, &())?.unwrap_or(0);
        VALIDATOR_LIST.put(overlay, &place, &id);
        VALIDATOR_COUNT.put(overlay, &(), &place.saturating_add(1));
    }
    let record = ValidatorRecord {
        validator: validator.clone(),
        status,
        admitted: earlier.as_ref().map_or(now, |earlier| earlier.admitted),
        decided: now,
        misbehavior_count: earlier.as_ref().map_or(0, |earlier| earlier.misbehavior_count),
    };
    VALIDATORS.put(overlay, &id, &record);
    Ok(())
}

/// Everything on record about a validator.
///
/// # Errors
/// [`StoreError`].
pub fn validator(view: &dyn View, id: &ValidatorId) -> Result<Option<ValidatorRecord>, StoreError> {
    VALIDATORS.read(view, id)
}

/// Writes the validators, parameters and version that the chain starts with.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn init_consensus(
    context: &mut Context<'_, '_>,
    validators: &ValidatorSet,
    parameters: &Parameters,
) -> Result<(), StoreError> {
    let overlay = context.overlay();
    let set = save(overlay, validators, validators.total_power());
    SETS.put(overlay, &(), &Schedule::starting(set));
    SET_HISTORY.put(overlay, &0, &(Height::GENESIS, set));
    SET_COUNT.put(overlay, &(), &1);
    PARAMETERS.put(overlay, &(), &Schedule::starting(*parameters));
    VERSIONS.put(overlay, &(), &Schedule::starting(VersionPlan::first()));
    for validator in validators.validators() {
        record(overlay, Height::GENESIS, validator, ValidatorStatus::Member)?;
    }
    Ok(())
}
