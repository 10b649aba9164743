//! Which validators and parameters are in force at which height (protocol §8).
//!
//! A change that executing block `e` decided is in force from `e + execution_lag_max + 2`. So the set of height `h` is known for
//! certain as soon as everything up to `h - execution_lag_max - 2` was executed.

use quancheng_types::{Digest, Height, Parameters, ValidatorSet};

use super::context::CoreValidatorSet;
use crate::engine::{ScheduledSet, SetChange};

/// A set with what is computed from it once.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) validators: ValidatorSet,
    pub(crate) parameters: Parameters,
    pub(crate) validators_hash: Digest,
    pub(crate) params_hash: Digest,
    pub(crate) core: CoreValidatorSet,
}

impl Rules {
    pub(crate) fn new(change: SetChange) -> Self {
        Self {
            validators_hash: change.validators.hash(),
            params_hash: change.parameters.hash(),
            core: CoreValidatorSet::new(&change.validators),
            validators: change.validators,
            parameters: change.parameters,
        }
    }
}

/// Sets in force now and later.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// Ascending by first height; the first entry covers everything still asked for.
    entries: Vec<(Height, Rules)>,
    lag_max: u64,
    /// Newest executed height: how far the schedule is known.
    executed: Height,
    early: bool,
}

impl Schedule {
    /// From the genesis set and what executed heights decided.
    pub(crate) fn new(genesis: SetChange, sets: Vec<ScheduledSet>, executed: Height, early: bool) -> Self {
        let lag_max = genesis.parameters.execution_lag_max;
        let mut entries = vec![(Height(0), Rules::new(genesis))];
        let mut sets = sets;
        sets.sort_by_key(|set| set.from);
        entries.extend(sets.into_iter().map(|set| (set.from, Rules::new(set.change))));
        Self { entries, lag_max, executed, early }
    }

    pub(crate) fn lag_max(&self) -> u64 {
        self.lag_max
    }

    /// Whether the set of this height can no longer change.
    pub(crate) fn is_known(&self, height: Height) -> bool {
        height <= self.executed.plus(self.lag_max + 2)
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

    /// Notes that a height was executed and what it decided.
    pub(crate) fn executed(&mut self, height: Height, next: Option<SetChange>) {
        self.executed = height;
        if let Some(change) = next {
            let from = height.plus(self.lag_max + if self.early { 1 } else { 2 });
            self.entries.push((from, Rules::new(change)));
        }
    }

    /// Forgets sets that ended before this height.
    pub(crate) fn forget_before(&mut self, height: Height) {
        while self.entries.len() > 1 && self.entries[1].0 <= height {
            self.entries.remove(0);
        }
    }
}
