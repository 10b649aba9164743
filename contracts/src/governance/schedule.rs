//! What is in force at which height. A decision of block `e` is in force from `e + execution_lag_max + 2`, so every validator knows
//! it long before: the header of the height before names the next set, and its proposer has executed `e` by then.
//!
//! The lag counted is the greatest among the parameters in force and those already decided, and a decision is never in force before
//! an earlier one: when the lag shrinks while a change is in flight, the later decision takes the place (and the height) of the
//! earlier one, on top of which it was made. So do later decisions of the same block: what one block decides is one change.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Digest, Height, List, Parameters};
use serde::{Deserialize, Serialize};

/// Entries of one schedule: the one in force and those in flight.
pub const SCHEDULE_MAX: u32 = 16;

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
    /// Whether a later decision takes the place of this one.
    pub(super) fn is_same_change(&self, later: &Self) -> bool {
        self.effective == later.effective || (self.decided == later.decided && self.decided != Height::GENESIS)
    }
}

/// Entries in ascending order of effective height, the first in force now or earlier.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Schedule<T> {
    entries: List<Entry<T>, SCHEDULE_MAX>,
}

/// A validator set by reference: its members are stored in parts under its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SetRef {
    /// Hash of the set, as headers name it.
    pub hash: Digest,
    /// Number of stored parts.
    pub parts: u8,
    /// Total power of the newest set that people decided (by genesis or vote, not by a rule): what suspensions by rule are measured
    /// against.
    pub voted_power: u64,
}

/// A version of the rules by number.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VersionPlan {
    /// The version.
    pub version: u16,
    /// What to install, for a node that does not know it.
    pub notice: quancheng_types::Text<{ super::types::NOTICE_BYTES_MAX }>,
}

/// Too many changes are in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleFull;

impl<T: Clone> Schedule<T> {
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

    /// Adds a decision of block `now`, not in force before `effective` nor before any earlier decision. Forgets what is past.
    ///
    /// # Errors
    /// `ScheduleFull`.
    pub fn decide(&mut self, now: Height, effective: Height, value: T) -> Result<Entry<T>, ScheduleFull> {
        let mut entries = core::mem::take(&mut self.entries).into_vec();
        let in_force = entries.iter().rposition(|entry| entry.effective <= now).unwrap_or(0);
        entries.drain(..in_force);
        let latest = entries.last().map_or(Height::GENESIS, |entry| entry.effective);
        let entry = Entry { effective: effective.max(latest), decided: now, value };
        // What one block decides is one change, and so is what would come into force at one height.
        if entries.last().is_some_and(|last| last.is_same_change(&entry)) {
            entries.pop();
        }
        entries.push(entry.clone());
        self.entries = List::new(entries).map_err(|_| ScheduleFull)?;
        Ok(entry)
    }
}

/// First height at which a decision of block `now` may be in force.
#[must_use]
pub(super) fn effective_height(now: Height, parameters: &Schedule<Parameters>) -> Height {
    let in_force = parameters.at(now).map_or(0, |entry| entry.value.execution_lag_max);
    let in_flight = parameters.entries().iter().filter(|entry| entry.effective > now);
    let lag = in_flight.map(|entry| entry.value.execution_lag_max).fold(in_force, u64::max);
    now.plus(lag).plus(2)
}
