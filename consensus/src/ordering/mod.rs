//! Ordering: agreement on one block per height (protocol §4).
//!
//! Tendermint, decided by the Malachite cores (`core`), over block ids (`context`, `convert`). What a block must
//! fit is in `rules`; who proposes in `rotation`, and who is passed over in `attendance`; who votes in `schedule`; what was executed in `results`.

mod answers;
pub(crate) mod attendance;
pub(crate) mod context;
pub(crate) mod convert;
pub(crate) mod core;
mod header_error;
pub(crate) mod results;
mod rotation;
pub(crate) mod rules;
pub(crate) mod schedule;
mod tally;
#[cfg(test)]
mod tests;

pub use self::core::CoreError;
pub use header_error::HeaderError;

pub(crate) use context::{CoreContext, CoreValue};
