//! What the calls of this module cost at most.

use super::calls::Call;
use super::names::ORG_ID_BYTES_MAX;
use super::types::{CERTIFICATE_BYTES_MAX, KEYS_MAX, NAME_BYTES_MAX, ROLE_GRANTS_MAX, SUCCESSORS_MAX};
use crate::weight::Cost;

/// Bytes of an organization's record with all that it may hold.
const ORGANIZATION_BYTES_MAX: u32 =
    1024 + 2 * NAME_BYTES_MAX + ROLE_GRANTS_MAX * (ORG_ID_BYTES_MAX + 64) + SUCCESSORS_MAX * ORG_ID_BYTES_MAX;
/// Bytes of an account's record with all its keys.
const ACCOUNT_BYTES_MAX: u32 = 256 + KEYS_MAX * (2 * CERTIFICATE_BYTES_MAX + 160);

/// A supervisor, or the organization itself, changes the organization's record.
const ON_ORGANIZATION: Cost =
    Cost::new().reads(1).writes(1).events(1).bytes(ORGANIZATION_BYTES_MAX).read_bytes(2 * ORGANIZATION_BYTES_MAX);
/// The same with the record of its account.
const ON_ACCOUNT: Cost = Cost::new()
    .reads(2)
    .writes(1)
    .events(1)
    .bytes(ACCOUNT_BYTES_MAX)
    .read_bytes(ORGANIZATION_BYTES_MAX + ACCOUNT_BYTES_MAX);

pub(super) fn cost(call: &Call) -> Cost {
    match call {
        // Organization, account, code, owner of the key, place in the list and its counter.
        Call::Register(_) => Cost::new().writes(6).events(1).bytes(2048).read_bytes(ORGANIZATION_BYTES_MAX),
        Call::Verify(_) | Call::Suspend(_) | Call::Resume(_) => ON_ORGANIZATION,
        Call::Activate(call) => ON_ORGANIZATION.events(call.roles.len()),
        // The code is free again, and every key.
        Call::Reject(_) => ON_ORGANIZATION.writes(2 + KEYS_MAX as usize).read_bytes(ACCOUNT_BYTES_MAX),
        Call::Revoke(_) => ON_ORGANIZATION.writes(1),
        Call::Close(call) => {
            let successors = call.successors.len();
            let bytes = u32::try_from(successors).unwrap_or(u32::MAX).saturating_mul(ORGANIZATION_BYTES_MAX);
            ON_ORGANIZATION.writes(1).reads(successors).read_bytes(bytes)
        }
        Call::GrantRole(_) | Call::RevokeRole(_) => ON_ORGANIZATION,
        Call::AddKey(_) => ON_ACCOUNT.writes(1),
        Call::RevokeKey(_) => ON_ACCOUNT,
        Call::AppointOfficer(_) => {
            Cost::new().reads(1).writes(3).events(1).bytes(512).read_bytes(ORGANIZATION_BYTES_MAX)
        }
        Call::DismissOfficer(_) => {
            Cost::new().reads(1).writes(1).events(1).bytes(512).read_bytes(ORGANIZATION_BYTES_MAX)
        }
    }
}

/// Whether someone who is no member may make it: to apply, and to take the application back.
pub(super) fn is_open(call: &Call) -> bool {
    match call {
        Call::Register(_) | Call::Close(_) => true,
        Call::Verify(_)
        | Call::Activate(_)
        | Call::Reject(_)
        | Call::GrantRole(_)
        | Call::RevokeRole(_)
        | Call::AddKey(_)
        | Call::RevokeKey(_)
        | Call::Suspend(_)
        | Call::Resume(_)
        | Call::Revoke(_)
        | Call::AppointOfficer(_)
        | Call::DismissOfficer(_) => false,
    }
}
