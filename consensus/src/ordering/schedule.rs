//! Which validators, parameters and version of the rules are in force at which height (protocol §9).
//!
//! The heights are taken as governance computed them (`quancheng_types::schedule`). What is left to know here is how far the answers are
//! certain: executing block `e + 1` decides nothing for heights before `effective_height(e + 1)`.

use quancheng_types::schedule::{ScheduleFull, effective_height};
use quancheng_types::{Decisions, Digest, Height, Parameters, Schedules, ValidatorSet, VersionPlan};

use super::context::CoreValidatorSet;
use crate::planted::Planted;

/// What is in force at a height, with what is computed from it once.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) validators: ValidatorSet,
    pub(crate) parameters: Parameters,
    pub(crate) version: u16,
    pub(crate) validators_hash: Digest,
    pub(crate) params_hash: Digest,
    pub(crate) core: CoreValidatorSet,
}

impl Rules {
    pub(crate) fn new(validators: ValidatorSet, parameters: Parameters, version: u16) -> Self {
        Self {
            validators_hash: validators.hash(),
            params_hash: parameters.hash(),
            core: CoreValidatorSet::new(&validators),
            validators,
            parameters,
            version,
        }
    }

    /// What the schedules say of a height; `None` when one of them says nothing.
    fn at(schedules: &Schedules, height: Height) -> Option<Self> {
        let validators = schedules.validators.at(height)?.value.clone();
        let parameters = schedules.parameters.at(height)?.value;
        Some(Self::new(validators, parameters, schedules.versions.at(height)?.value.version))
    }
}

/// What is in force now and later.
#[derive(Debug)]
pub(crate) struct Schedule {
    schedules: Schedules,
    /// Made of `schedules`: ascending by first height; the first entry covers everything still asked for.
    entries: Vec<(Height, Rules)>,
    lag_max: u64,
    /// Newest executed height: how far the schedule is known.
    executed: Height,
    planted: Planted,
}

impl Schedule {
    /// From what was in force and in flight after the newest executed height, for heights from `first` on. `None` when it says nothing
    /// of `first`.
    pub(crate) fn new(mut schedules: Schedules, executed: Height, first: Height, planted: Planted) -> Option<Self> {
        if planted.early_set() || planted.late_set() {
            schedules.validators = shifted(&schedules.validators, planted.late_set());
        }
        if planted.early_parameters() {
            schedules.parameters = shifted(&schedules.parameters, false);
        }
        if planted.early_version() {
            schedules.versions = shifted(&schedules.versions, false);
        }
        let rules = Rules::at(&schedules, first)?;
        let lag_max = rules.parameters.execution_lag_max;
        let mut schedule = Self { schedules, entries: vec![(first, rules)], lag_max, executed, planted };
        schedule.build();
        Some(schedule)
    }

    /// Makes the entries anew, from the first that is still kept on.
    fn build(&mut self) {
        let Some((first, _)) = self.entries.first() else {
            return;
        };
        let changes = self.schedules.changes_after(*first);
        self.entries.truncate(1);
        for height in changes {
            if let Some(rules) = Rules::at(&self.schedules, height) {
                self.entries.push((height, rules));
            }
        }
    }

    pub(crate) fn lag_max(&self) -> u64 {
        self.lag_max
    }

    /// Whether what is in force at this height can no longer change.
    pub(crate) fn is_known(&self, height: Height) -> bool {
        height < effective_height(self.executed.next(), self.lag_max)
    }

    /// The rules of this height, as far as known now. Only final when [`Self::is_known`].
    pub(crate) fn at(&self, height: Height) -> &Rules {
        let found = self.entries.iter().rev().find(|(from, _)| *from <= height);
        let (_, rules) = found.or(self.entries.first()).expect("a schedule has at least one set");
        rules
    }

    /// The rules decided last, in force now or later.
    pub(crate) fn latest(&self) -> &Rules {
        let (_, rules) = self.entries.last().expect("a schedule has at least one set");
        rules
    }

    /// Versions in force and in flight, ascending, with the heights from which they count.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (Height, &VersionPlan)> {
        self.schedules.versions.entries().iter().map(|entry| (entry.effective, &entry.value))
    }

    /// The version that counts at this height, as far as known now.
    pub(crate) fn version_at(&self, height: Height) -> Option<&VersionPlan> {
        self.schedules.versions.at(height).map(|entry| &entry.value)
    }

    /// Notes that a height was executed and what it decided.
    ///
    /// # Errors
    /// When more is in flight than governance admits.
    pub(crate) fn executed(&mut self, height: Height, mut decisions: Decisions) -> Result<(), ScheduleFull> {
        self.executed = height;
        if decisions.is_empty() {
            return Ok(());
        }
        self.mistake(&mut decisions);
        self.schedules.enter(decisions)?;
        self.build();
        Ok(())
    }

    /// Plants what is to be planted in decisions.
    fn mistake(&self, decisions: &mut Decisions) {
        let planted = self.planted;
        if planted.early_set() || planted.late_set() {
            decisions.validators.iter_mut().for_each(|set| set.effective = beside(set.effective, planted.late_set()));
        }
        if planted.early_parameters() {
            decisions.parameters.iter_mut().for_each(|entry| entry.effective = beside(entry.effective, false));
        }
        if planted.early_version() {
            decisions.version.iter_mut().for_each(|entry| entry.effective = beside(entry.effective, false));
        }
    }

    /// Forgets rules that ended before this height.
    pub(crate) fn forget_before(&mut self, height: Height) {
        while self.entries.len() > 1 && self.entries[1].0 <= height {
            self.entries.remove(0);
        }
    }
}

/// The planted mistake: everything one height too early, or too late.
fn shifted<T: Clone>(right: &quancheng_types::Schedule<T>, is_late: bool) -> quancheng_types::Schedule<T> {
    let mut all = quancheng_types::Schedule::default();
    for entry in right.entries() {
        let mut entry = entry.clone();
        entry.effective = beside(entry.effective, is_late);
        if all.enter(entry).is_err() {
            return right.clone();
        }
    }
    all
}

/// The height before, or after; genesis stays.
fn beside(height: Height, is_late: bool) -> Height {
    if is_late && height > Height::GENESIS { height.next() } else { height.previous().unwrap_or_default() }
}
