//! What the calls of this module cost at most.

use quancheng_types::limits;

use super::calls::Call;
use super::types::{HOLDS_MAX, REFERENCE_BYTES_MAX, RELATIONS_MAX};
use crate::identity::ORG_ID_BYTES_MAX;
use crate::weight::Cost;

/// Bytes of a record without its relations and holds.
const RECORD_BYTES: u32 = 1024;
/// Bytes of a record with all that it may hold.
const RECORD_BYTES_MAX: u32 = RECORD_BYTES
    + RELATIONS_MAX * (REFERENCE_BYTES_MAX + 8)
    + HOLDS_MAX * (ORG_ID_BYTES_MAX + REFERENCE_BYTES_MAX + 64);
const _: () = assert!(RECORD_BYTES_MAX < limits::CALL_BYTES_MAX, "a record fits into a value of the state");

pub(super) fn cost(call: &Call) -> Cost {
    // A record that stands is read and written again, with everything that was added to it, and reported.
    let on_record = Cost::new().writes(1).events(1).bytes(RECORD_BYTES_MAX).read_bytes(RECORD_BYTES_MAX);
    match call {
        // Record, counter of all, a row of the submitter's list, a row per relation.
        Call::Notarize(call) => Cost::new().writes(2).rows(1 + call.relates_to.len()).events(1).bytes(RECORD_BYTES / 4),
        Call::AttachTimestamp(_) | Call::AttachDeed(_) | Call::Hold(_) | Call::ReleaseHold(_) => on_record,
        Call::AttestErasure(_) | Call::ExtendRetention(_) => on_record,
        Call::HandOver(_) => on_record.writes(1).bytes(256),
        Call::Produce(_) => on_record.writes(1).reads(1).bytes(512).read_bytes(8 * 1024),
        Call::RecordFinding(_) => on_record.writes(1).bytes(512),
    }
}

/// Whether someone who is no member may make it.
pub(super) fn is_open(call: &Call) -> bool {
    match call {
        Call::Notarize(_)
        | Call::AttachTimestamp(_)
        | Call::AttachDeed(_)
        | Call::HandOver(_)
        | Call::Hold(_)
        | Call::ReleaseHold(_)
        | Call::Produce(_)
        | Call::RecordFinding(_)
        | Call::AttestErasure(_)
        | Call::ExtendRetention(_) => false,
    }
}
