//! What the calls of this module cost at most.

use quancheng_types::limits;

use super::calls::Call;
use super::types::{OPEN_PROPOSALS_MAX, VOTES_MAX};
use crate::weight::Cost;

/// Bytes of a vote cast.
const VOTE_BYTES: u32 = 192;
/// Bytes of a proposal: what it would do is as long as a call at most, and everyone has voted.
const PROPOSAL_BYTES_MAX: u32 = limits::CALL_BYTES_MAX + VOTES_MAX * VOTE_BYTES;
/// Bytes of the list of open proposals.
const OPEN_BYTES_MAX: u32 = OPEN_PROPOSALS_MAX * 96;
/// Bytes of the schedules of sets, parameters and versions.
const SCHEDULES_BYTES_MAX: u32 = 16 * 1024;

/// What an accepted proposal does: a set is read, changed and stored, the role of an organization follows, or something is published.
const ACTION: Cost =
    Cost::new().writes(16).reads(8).events(3).bytes(limits::CALL_BYTES_MAX + SCHEDULES_BYTES_MAX).validator_sets(4);
/// A vote is counted over the set in force.
const CAST: Cost = Cost::new()
    .writes(2)
    .reads(4)
    .events(2)
    .bytes(PROPOSAL_BYTES_MAX + OPEN_BYTES_MAX)
    .read_bytes(PROPOSAL_BYTES_MAX)
    .validator_sets(1);

pub(super) fn cost(call: &Call) -> Cost {
    match call {
        // Tried before it is opened, and perhaps accepted at once.
        Call::Propose(_) => CAST.and(ACTION).and(ACTION).writes(2),
        Call::Vote(_) => CAST.and(ACTION),
        Call::Withdraw(_) => CAST,
    }
}

/// Whether someone who is no member may make it.
pub(super) fn is_open(call: &Call) -> bool {
    match call {
        Call::Propose(_) | Call::Vote(_) | Call::Withdraw(_) => false,
    }
}
