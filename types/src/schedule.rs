//! From which height a validator set, parameters or a version of the rules count (protocol §9).
//!
//! Computed once, by governance, when a block decides: [`effective_height`]. From there on the answer is carried: in the state, in the
//! output of the executed block, in the engine of the node and in what it recovers from. Nobody else computes it.
//!
//! A decision of block `e` counts from `e + execution_lag_max + 2` at the earliest, so every validator knows it long before: the header of
//! the height before names the next set, and its proposer has executed `e` by then.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::{List, Text};
use crate::genesis::Parameters;
use crate::ids::Height;
use crate::validator::ValidatorSet;
use crate::version::PROTOCOL_VERSION;

/// Entries of one schedule: the one in force and those in flight.
pub const SCHEDULE_MAX: u32 = 16;
/// Bytes of the words about what to install for a version.
pub const NOTICE_BYTES_MAX: u32 = 512;

/// First height at which a decision of block `decided` may count.
#[must_use]
pub const fn effective_height(decided: Height, execution_lag_max: u64) -> Height {
    decided.plus(execution_lag_max).plus(2)
}

/// Something in force from a height on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Entry<T> {
    /// First height in force.
    pub effective: Height,
    /// The block that decided it; 0 is the genesis.
    pub decided: Height,
    /// What.
    pub value: T,
}

impl<T> Entry<T> {
    /// Whether a later decision takes the place of this one: what one block decides is one change, and so is what would come into force
    /// at one height.
    #[must_use]
    pub fn is_same_change(&self, later: &Self) -> bool {
        self.effective == later.effective || (self.decided == later.decided && self.decided != Height::GENESIS)
    }

    /// The same entry about something else.
    pub fn map<U>(self, value: impl FnOnce(T) -> U) -> Entry<U> {
        Entry { effective: self.effective, decided: self.decided, value: value(self.value) }
    }
}

/// Entries in ascending order of effective height, the first in force now or earlier.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Schedule<T> {
    entries: List<Entry<T>, SCHEDULE_MAX>,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { entries: List::empty() }
    }
}

/// Too many changes are in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleFull;

impl core::fmt::Display for ScheduleFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "more than {SCHEDULE_MAX} changes would be in flight; wait until the first is in force")
    }
}

impl core::error::Error for ScheduleFull {}

impl<T> Schedule<T> {
    /// In force from the genesis.
    #[must_use]
    pub fn starting(value: T) -> Self {
        let entry = Entry { effective: Height::GENESIS, decided: Height::GENESIS, value };
        Self { entries: List::new(vec![entry]).expect("one entry is within the limit") }
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    /// What is in force at a height; `None` when that is forgotten already or the schedule is empty.
    #[must_use]
    pub fn at(&self, height: Height) -> Option<&Entry<T>> {
        self.entries.iter().rev().find(|entry| entry.effective <= height)
    }

    /// Entries in force at a height and later.
    pub fn from(&self, height: Height) -> impl Iterator<Item = &Entry<T>> {
        let first = self.entries.iter().rposition(|entry| entry.effective <= height).unwrap_or(0);
        self.entries.iter().skip(first)
    }

    /// The newest decision, in force or in flight.
    #[must_use]
    pub fn latest(&self) -> Option<&Entry<T>> {
        self.entries.last()
    }

    /// The entry that a block decided.
    #[must_use]
    pub fn decided_at(&self, height: Height) -> Option<&Entry<T>> {
        self.entries.iter().find(|entry| entry.decided == height && height != Height::GENESIS)
    }
}

impl<T: Clone> Schedule<T> {
    /// Adds a decision of block `now`, not in force before `effective` nor before any earlier decision. Forgets what is past.
    ///
    /// # Errors
    /// `ScheduleFull`.
    pub fn decide(&mut self, now: Height, effective: Height, value: T) -> Result<Entry<T>, ScheduleFull> {
        let latest = self.latest().map_or(Height::GENESIS, |entry| entry.effective);
        let entry = Entry { effective: effective.max(latest), decided: now, value };
        self.enter(entry.clone())?;
        Ok(entry)
    }

    /// Takes in what was decided and computed elsewhere, as it is. Forgets what is past at the block that decided it.
    ///
    /// # Errors
    /// `ScheduleFull`: nothing is taken in.
    pub fn enter(&mut self, entry: Entry<T>) -> Result<(), ScheduleFull> {
        let in_force = self.entries.iter().rposition(|other| other.effective <= entry.decided).unwrap_or(0);
        let mut entries: Vec<Entry<T>> = self.entries.iter().skip(in_force).cloned().collect();
        if entries.last().is_some_and(|last| last.is_same_change(&entry)) {
            entries.pop();
        }
        entries.push(entry);
        self.entries = List::new(entries).map_err(|_| ScheduleFull)?;
        Ok(())
    }
}

/// A version of the rules.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VersionPlan {
    /// The version.
    pub version: u16,
    /// What to install, for a node that does not know it.
    pub notice: Text<NOTICE_BYTES_MAX>,
}

impl VersionPlan {
    /// The version in which every chain starts.
    #[must_use]
    pub fn first() -> Self {
        Self { version: PROTOCOL_VERSION, notice: Text::default() }
    }
}

/// What executing a block decided about later heights.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Decisions {
    /// A validator set.
    pub validators: Option<Entry<ValidatorSet>>,
    /// Parameters.
    pub parameters: Option<Entry<Parameters>>,
    /// A version of the rules.
    pub version: Option<Entry<VersionPlan>>,
}

impl Decisions {
    /// Whether the block decided nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.validators.is_none() && self.parameters.is_none() && self.version.is_none()
    }

    /// The least height from which one of them counts.
    #[must_use]
    pub fn soonest(&self) -> Option<Height> {
        let validators = self.validators.as_ref().map(|entry| entry.effective);
        let parameters = self.parameters.as_ref().map(|entry| entry.effective);
        let version = self.version.as_ref().map(|entry| entry.effective);
        [validators, parameters, version].into_iter().flatten().min()
    }
}

/// Everything that is in force or in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Schedules {
    /// Validator sets.
    pub validators: Schedule<ValidatorSet>,
    /// Parameters.
    pub parameters: Schedule<Parameters>,
    /// Versions of the rules.
    pub versions: Schedule<VersionPlan>,
}

impl Schedules {
    /// As a chain starts.
    #[must_use]
    pub fn starting(validators: ValidatorSet, parameters: Parameters) -> Self {
        Self {
            validators: Schedule::starting(validators),
            parameters: Schedule::starting(parameters),
            versions: Schedule::starting(VersionPlan::first()),
        }
    }

    /// Takes in what a block decided.
    ///
    /// # Errors
    /// `ScheduleFull`.
    pub fn enter(&mut self, decisions: Decisions) -> Result<(), ScheduleFull> {
        decisions.validators.map(|entry| self.validators.enter(entry)).transpose()?;
        decisions.parameters.map(|entry| self.parameters.enter(entry)).transpose()?;
        decisions.version.map(|entry| self.versions.enter(entry)).transpose()?;
        Ok(())
    }

    /// Heights from `height` on at which something changes.
    #[must_use]
    pub fn changes_after(&self, height: Height) -> Vec<Height> {
        let validators = self.validators.entries().iter().map(|entry| entry.effective);
        let parameters = self.parameters.entries().iter().map(|entry| entry.effective);
        let versions = self.versions.entries().iter().map(|entry| entry.effective);
        let mut heights: Vec<Height> =
            validators.chain(parameters).chain(versions).filter(|effective| *effective > height).collect();
        heights.sort_unstable();
        heights.dedup();
        heights
    }
}
