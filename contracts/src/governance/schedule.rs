//! From which height a decision counts: computed here, by the one rule of `quancheng_types::schedule`, when a block decides.
//!
//! The lag counted is the greatest among the parameters in force and those already decided, and a decision is never in force before
//! an earlier one: should the lag shrink while a change is in flight, the later decision takes the place (and the height) of the
//! earlier one, on top of which it was made. So do later decisions of the same block: what one block decides is one change.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Digest, Height, Parameters, Schedule, schedule};
use serde::{Deserialize, Serialize};

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

/// First height at which a decision of block `now` may be in force.
#[must_use]
pub(super) fn effective_height(now: Height, parameters: &Schedule<Parameters>) -> Height {
    let in_force = parameters.at(now).map_or(0, |entry| entry.value.execution_lag_max);
    let in_flight = parameters.entries().iter().filter(|entry| entry.effective > now);
    let lag = in_flight.map(|entry| entry.value.execution_lag_max).fold(in_force, u64::max);
    schedule::effective_height(now, lag)
}
