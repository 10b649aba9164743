//! Rules as data: rule sets and the working-day calendar.

use quancheng_state::{StoreError, View};

use super::Governance;
use super::calls::{Error, check_rule_set};
use super::consensus::validator_set_at;
use super::events::Event;
use super::tables::{CALENDAR, CALENDAR_EDITIONS, RULE_SET_COUNT, RULE_SET_LIST, RULE_SET_VERSIONS, RULE_SETS};
use super::types::{GovernanceGenesis, PublishedYear, RuleSet, RuleSetId, RuleSetRef};
use crate::contract::Context;
use crate::domain::{CalendarYear, Day};
use crate::genesis::GenesisRefused;
use crate::identity::{self, OrgId, Role};
use crate::refusal::Failure;

/// One version of a rule set.
///
/// # Errors
/// [`StoreError`].
pub fn rule_set(view: &dyn View, reference: &RuleSetRef) -> Result<Option<RuleSet>, StoreError> {
    RULE_SETS.read(view, &(reference.rule_set.clone(), reference.version))
}

/// The version of a rule set that is in force on a day: the newest whose first day has come.
///
/// # Errors
/// [`StoreError`].
pub fn rule_set_in_force(view: &dyn View, id: &RuleSetId, day: Day) -> Result<Option<RuleSet>, StoreError> {
    let newest = RULE_SET_VERSIONS.read(view, id)?.unwrap_or(0);
    // Versions come into force in their order, so only those still to come lie above the one sought.
    for version in (1..=newest).rev() {
        let rules = RULE_SETS.read(view, &(id.clone(), version))?;
        if rules.as_ref().is_some_and(|rules| rules.is_in_force_on(day)) {
            return Ok(rules);
        }
    }
    Ok(None)
}

/// The newest edition of a calendar year.
///
/// # Errors
/// [`StoreError`].
pub fn calendar_year(view: &dyn View, year: u16) -> Result<Option<CalendarYear>, StoreError> {
    Ok(CALENDAR.read(view, &year)?.map(|published| published.calendar))
}

pub(super) fn publish_rule_set(context: &mut Context<'_, '_>, rules: &RuleSet) -> Result<(), Failure<Error>> {
    check_rule_set(rules)?;
    let newest = context.read(&RULE_SET_VERSIONS, &rules.rule_set)?.unwrap_or(0);
    if Some(rules.version) != newest.checked_add(1) {
        return Err(Error::RuleSetVersion.into());
    }
    let reference = rules.reference();
    let before = context.read(&RULE_SETS, &(reference.rule_set.clone(), newest))?;
    if before.is_some_and(|before| rules.effective_from < before.effective_from) {
        return Err(Error::RuleSetVersion.into());
    }
    if newest == 0 {
        let place = context.read(&RULE_SET_COUNT, &())?.unwrap_or(0);
        context.put(&RULE_SET_LIST, &place, &reference.rule_set);
        context.put(&RULE_SET_COUNT, &(), &place.saturating_add(1));
    }
    context.put(&RULE_SETS, &(reference.rule_set.clone(), rules.version), rules);
    context.put(&RULE_SET_VERSIONS, &reference.rule_set, &rules.version);
    context.emit::<Governance>(&Event::RuleSetPublished { rule_set: reference });
    Ok(())
}

pub(super) fn publish_calendar(context: &mut Context<'_, '_>, calendar: &CalendarYear) -> Result<(), Failure<Error>> {
    calendar.validate().map_err(|_| Error::CalendarInvalid)?;
    let before = context.read(&CALENDAR, &calendar.year)?.map_or(0, |before| before.edition);
    let edition = before.saturating_add(1);
    let published = PublishedYear { calendar: calendar.clone(), edition, published: context.height() };
    context.put(&CALENDAR, &calendar.year, &published);
    context.put(&CALENDAR_EDITIONS, &(calendar.year, edition), &published);
    context.emit::<Governance>(&Event::CalendarPublished { year: calendar.year, edition });
    Ok(())
}

/// Sees to it that the organizations of the first validators can vote. A genesis without any organization is a chain without
/// governance, which tests use; one that has some and forgets a voter is a mistake.
fn enrol_voters(context: &mut Context<'_, '_>) -> Result<(), GenesisRefused> {
    let validators = validator_set_at(context.view(), context.height())?;
    if !identity::has_organizations(context.view())? {
        return Ok(());
    }
    for (index, validator) in validators.validators().iter().enumerate() {
        let field = format!("validators[{index}].organization");
        let org_id =
            OrgId::new(&validator.organization).map_err(|error| GenesisRefused::content(&*field, error.to_string()))?;
        identity::grant_at_genesis(context, &org_id, Role::Validator).map_err(|failure| match failure {
            Failure::Refused(error) => GenesisRefused::content(field, format!("{org_id} could never vote: {error}")),
            Failure::Fatal(error) => GenesisRefused::Store(error),
        })?;
    }
    Ok(())
}

/// Publishes the rule sets and calendars of a genesis.
pub(super) fn found(context: &mut Context<'_, '_>, content: &GovernanceGenesis) -> Result<(), GenesisRefused> {
    let words = |field: String| {
        move |failure: Failure<Error>| match failure {
            Failure::Refused(error) => GenesisRefused::content(field, error.to_string()),
            Failure::Fatal(error) => GenesisRefused::Store(error),
        }
    };
    enrol_voters(context)?;
    for (index, rules) in content.rule_sets.iter().enumerate() {
        publish_rule_set(context, rules).map_err(words(format!("rule_sets[{index}]")))?;
    }
    for (index, year) in content.calendar.iter().enumerate() {
        if let Err(error) = year.validate() {
            return Err(GenesisRefused::content(format!("calendar[{index}]"), error.to_string()));
        }
        if context.read(&CALENDAR, &year.year)?.is_some() {
            let reason = format!("year {} is given twice", year.year);
            return Err(GenesisRefused::content(format!("calendar[{index}]"), reason));
        }
        publish_calendar(context, year).map_err(words(format!("calendar[{index}]")))?;
    }
    Ok(())
}
