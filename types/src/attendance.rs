//! Which validators are passed over as proposers, and how they come back (protocol §4).
//!
//! A turn that passes without a block is seen by everybody: the header of the block that was made in a later round names that round.
//! Each block carries the list that follows from its parent's list and from itself, so whoever has a block has the whole state.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::List;
use crate::hash::{Digest, Domain};
use crate::ids::{ChainId, ValidatorId};
use crate::keys::Signature;
use crate::limits;

/// A validator that let turns pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Absence {
    /// Who.
    pub validator: ValidatorId,
    /// Turns that it let pass and that are not forgiven, from 1.
    pub misses: u8,
    /// It has not shown itself since the last of them, so it is passed over.
    pub away: bool,
    /// Time of the block, ms since 1970, in which the last turn was missed, it came back, or a miss was forgiven.
    pub since_ms: u64,
}

/// What a validator signs to be given turns again. It names the absence that it ends, so it can be neither made before nor used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Presence {
    /// Who is back.
    pub validator: ValidatorId,
    /// `since_ms` of the absence.
    pub since_ms: u64,
    /// Over [`Self::sign_message`].
    pub signature: Signature,
}

impl Presence {
    /// What is signed.
    #[must_use]
    pub fn sign_message(chain_id: ChainId, validator: ValidatorId, since_ms: u64) -> Digest {
        Domain::Presence.hash_of(&(chain_id, validator, since_ms))
    }
}

/// What a block says about absent validators. Usually both lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Attendance {
    /// After this block, ascending by validator.
    pub absences: List<Absence, { limits::VALIDATORS_MAX }>,
    /// Who comes back with this block, ascending by validator.
    pub presences: List<Presence, { limits::VALIDATORS_MAX }>,
}

impl Attendance {
    /// What a header names.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Domain::Attendance.hash_of(self)
    }
}
