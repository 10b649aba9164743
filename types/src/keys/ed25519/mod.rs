//! Ed25519 by [the rule](super#the-rule): decoding, one signature, many signatures.

mod batch;
mod encoding;
mod verify;

pub use batch::{BATCH_ITEMS_MAX, BatchItem, find_invalid, verify_batch};
pub use verify::PreparedKey;
pub(super) use verify::challenge;

#[cfg(test)]
mod tests;
