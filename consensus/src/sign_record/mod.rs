//! The durable memory of what this validator has signed, and the rule that admits the next signature.
//!
//! A validator that signs two values for one (height, round, step) can split the chain, so the last slot it signed is
//! kept in a record of its own, apart from the log: checksummed as a whole, bound to chain and key, replaced as a whole
//! before the signature leaves the process. The rule is three predicates:
//!
//! ```text
//! above_floor(slot)   = slot.height ≥ floor
//! forward(slot)       = (slot.height, slot.round, slot.step) > (last.height, last.round, last.step)
//! same(slot, value)   = slot = last.slot and value = last.value
//! admit(slot, value)  = above_floor(slot) and (forward(slot) or same(slot, value))
//! ```
//!
//! `floor` is raised when the record may be incomplete: a restored backup, a cloned key, a log that lost synced entries.
//!
//! A record that is missing or damaged is never replaced by a fresh one: [`SignRecord::decode`] says how to recover.

mod bytes;
#[cfg(test)]
mod tests;

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{BlockId, ChainId, Height, PublicKey, Round};

pub use bytes::{SIGN_RECORD_BYTES_MAX, SignRecordError};

/// What is signed within a round, in the order in which it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Step {
    /// A proposal.
    Propose = 0,
    /// The first vote.
    Prevote = 1,
    /// The second vote.
    Precommit = 2,
}

/// A place in which a validator signs at most one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Slot {
    /// Height.
    pub height: Height,
    /// Round.
    pub round: Round,
    /// Step.
    pub step: Step,
}

/// What is signed in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SlotValue {
    /// The block, or nil.
    pub block_id: Option<BlockId>,
    /// For a proposal that repeats an older block: the round of its polka.
    pub pol_round: Option<Round>,
}

/// A signature that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signed {
    /// Where.
    pub slot: Slot,
    /// What.
    pub value: SlotValue,
    /// Entries of the log for `slot.height` that were synced before. A log with fewer has lost data.
    pub log_entries: u64,
}

/// The record. One per validator key; the newest replaces all earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignRecord {
    chain_id: ChainId,
    public_key: PublicKey,
    floor: Height,
    last: Option<Signed>,
}

/// A signature that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safe {
    /// A new slot: the record was advanced and must be durable before the signature leaves.
    New,
    /// The same value again: signing is deterministic, so the signature is the one already made.
    Same,
}

/// A signature that must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSafe {
    /// The height is below the floor.
    BelowFloor {
        /// Where a signature was asked for.
        slot: Slot,
        /// Least height that may be signed.
        floor: Height,
    },
    /// A later slot was signed.
    Backward {
        /// Where a signature was asked for.
        slot: Slot,
        /// The latest signed slot.
        last: Slot,
    },
    /// Another value was signed in this slot.
    OtherValue {
        /// The slot.
        slot: Slot,
    },
}

impl fmt::Display for NotSafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowFloor { slot, floor } => write!(
                f,
                "nothing is signed at height {}: the sign record admits heights from {floor} only, because signatures up to there \
                 may exist elsewhere; the node takes part again by itself after that height",
                slot.height
            ),
            Self::Backward { slot, last } => write!(
                f,
                "height {} round {} {:?} was asked for after height {} round {} {:?} had been signed",
                slot.height, slot.round, slot.step, last.height, last.round, last.step
            ),
            Self::OtherValue { slot } => write!(
                f,
                "another value was signed at height {} round {} {:?}: check that this key runs on one machine only",
                slot.height, slot.round, slot.step
            ),
        }
    }
}

impl core::error::Error for NotSafe {}

impl SignRecord {
    /// The record of a key that has never signed on this chain. Made once, by the command that makes the key.
    #[must_use]
    pub fn fresh(chain_id: ChainId, public_key: PublicKey) -> Self {
        Self { chain_id, public_key, floor: Height(1), last: None }
    }

    /// The chain it is bound to.
    #[must_use]
    pub fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// The key it is bound to.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Least height that may be signed.
    #[must_use]
    pub fn floor(&self) -> Height {
        self.floor
    }

    /// The latest signature.
    #[must_use]
    pub fn last(&self) -> Option<&Signed> {
        self.last.as_ref()
    }

    /// Whether nothing was ever signed or restored.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.last.is_none() && self.floor == Height(1)
    }

    /// Judges a signature and, if it is new, enters it. `log_entries` as in [`Signed`].
    ///
    /// # Errors
    /// [`NotSafe`]; the record is unchanged.
    pub fn admit(&mut self, slot: Slot, value: SlotValue, log_entries: u64) -> Result<Safe, NotSafe> {
        if !self.above_floor(slot) {
            return Err(NotSafe::BelowFloor { slot, floor: self.floor });
        }
        if let Some(last) = &self.last {
            if slot == last.slot {
                return if value == last.value { Ok(Safe::Same) } else { Err(NotSafe::OtherValue { slot }) };
            }
            if !self.forward(slot) {
                return Err(NotSafe::Backward { slot, last: last.slot });
            }
        }
        self.last = Some(Signed { slot, value, log_entries });
        Ok(Safe::New)
    }

    /// Forbids every height below `floor`. Never lowers it. Returns whether it changed: then the record must be made durable.
    pub fn raise_floor(&mut self, floor: Height) -> bool {
        if floor <= self.floor {
            return false;
        }
        self.floor = floor;
        true
    }

    /// Whether a statement that somebody holds of this key is covered by the record: below the floor, or signed no later than
    /// the last slot, and there the same value.
    #[must_use]
    pub fn covers(&self, slot: Slot, value: SlotValue) -> bool {
        if !self.above_floor(slot) {
            return true;
        }
        match &self.last {
            None => false,
            Some(last) if last.slot == slot => last.value == value,
            Some(last) => slot < last.slot,
        }
    }

    fn above_floor(&self, slot: Slot) -> bool {
        slot.height >= self.floor
    }

    fn forward(&self, slot: Slot) -> bool {
        self.last.as_ref().is_none_or(|last| slot > last.slot)
    }
}
