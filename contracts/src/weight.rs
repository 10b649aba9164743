//! Weight: what executing a transaction costs a validator at most, computed from its content alone.
//!
//! This file is the only price list. A module states the [`Cost`] of each of its calls (`weight.rs` of its folder); nothing has a default,
//! so a call without a cost does not compile. Weights are rules of validity: parameters bound them per transaction, batch, block and
//! author, admission and the executor refuse what is too heavy, and acknowledgers recompute what a batch header states. Changing a
//! number here changes the protocol (protocol §5).
//!
//! One unit is about a microsecond of one validator: execution, state tree and the write of the results, with the check of signatures.
//! `docs/performance.md` says how the prices were measured.

use core::borrow::Borrow;

use quancheng_types::{Call, SignedTransaction};

use crate::modules;

/// A transaction beside its signers, calls and bytes: look-ups of its id, receipt, index entries.
const TRANSACTION: u64 = 6;
/// One signer: its signature, and the records of its account and organization.
const SIGNER: u64 = 15;
/// One call: decoding and dispatch.
const CALL: u64 = 1;
/// One entry of the state read.
const READ: u64 = 2;
/// One entry of the state written or removed: overlay, path in the tree, write.
const WRITE: u64 = 5;
/// One event reported.
const EVENT: u64 = 1;
/// Bytes of calls, written entries and events that cost one unit.
const BYTES_PER_UNIT: u64 = 64;
/// Bytes of entries that are only read that cost one unit.
const READ_BYTES_PER_UNIT: u64 = 512;
/// A validator set put together from its parts or taken apart, one key checked per member.
const VALIDATOR_SET: u64 = 400;

/// What one call does at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Cost {
    reads: u64,
    writes: u64,
    events: u64,
    bytes: u64,
    read_bytes: u64,
    sets: u64,
}

impl Cost {
    /// Nothing beyond the call itself and its bytes, which are always counted.
    pub const fn new() -> Self {
        Self { reads: 0, writes: 0, events: 0, bytes: 0, read_bytes: 0, sets: 0 }
    }

    /// So many entries of the state are read beyond those that are written.
    pub const fn reads(self, count: usize) -> Self {
        Self { reads: self.reads.saturating_add(count as u64), ..self }
    }

    /// So many entries of the state are read and written, or removed.
    pub const fn writes(self, count: usize) -> Self {
        Self { writes: self.writes.saturating_add(count as u64), ..self }
    }

    /// So many rows are appended to lists of the state: a row and a head each.
    pub const fn rows(self, count: usize) -> Self {
        self.writes(count.saturating_mul(2))
    }

    /// So many events are reported.
    pub const fn events(self, count: usize) -> Self {
        Self { events: self.events.saturating_add(count as u64), ..self }
    }

    /// So many bytes are written or reported beside those of the call: records that grow with the state count at their limit.
    pub const fn bytes(self, count: u32) -> Self {
        Self { bytes: self.bytes.saturating_add(count as u64), ..self }
    }

    /// So many bytes are read: records that grow with the state count at their limit.
    pub const fn read_bytes(self, count: u32) -> Self {
        Self { read_bytes: self.read_bytes.saturating_add(count as u64), ..self }
    }

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self {
            reads: self.reads.saturating_add(other.reads),
            writes: self.writes.saturating_add(other.writes),
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
            read_bytes: self.read_bytes.saturating_add(other.read_bytes),
            sets: self.sets.saturating_add(other.sets),
        }
    }

    /// So often a validator set is loaded or stored.
    pub const fn validator_sets(self, count: usize) -> Self {
        Self { sets: self.sets.saturating_add(count as u64), ..self }
    }

    /// In units.
    #[must_use]
    pub const fn weight(self) -> u64 {
        self.reads
            .saturating_mul(READ)
            .saturating_add(self.writes.saturating_mul(WRITE))
            .saturating_add(self.events.saturating_mul(EVENT))
            .saturating_add(self.bytes.div_ceil(BYTES_PER_UNIT))
            .saturating_add(self.read_bytes.div_ceil(READ_BYTES_PER_UNIT))
            .saturating_add(self.sets.saturating_mul(VALIDATOR_SET))
    }
}

/// Weight of a call. One that no module of this version can decode is refused before it does anything, so it weighs its bytes.
#[must_use]
pub fn call_weight(call: &Call) -> u64 {
    let bytes = u64::try_from(call.payload.len()).unwrap_or(u64::MAX);
    let own = modules::by_id(call.module).map_or(0, |module| module.cost(&call.payload).weight());
    CALL.saturating_add(bytes.div_ceil(BYTES_PER_UNIT)).saturating_add(own)
}

/// Weight of a transaction: its base, its signers, its calls.
#[must_use]
pub fn transaction_weight(transaction: &SignedTransaction) -> u64 {
    let signers = u64::try_from(transaction.body.signers.len()).unwrap_or(u64::MAX);
    let base = TRANSACTION.saturating_add(signers.saturating_mul(SIGNER));
    transaction.body.calls.iter().map(call_weight).fold(base, u64::saturating_add)
}

/// Weight of the transactions of a batch: what its header must state.
#[must_use]
pub fn batch_weight<'a, T: Borrow<SignedTransaction> + 'a>(transactions: impl IntoIterator<Item = &'a T>) -> u64 {
    transactions.into_iter().map(|signed| transaction_weight(signed.borrow())).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::assert_within_cost;
