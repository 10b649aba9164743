//! What came of a transaction.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::{Bytes, List};
use crate::codec::encode;
use crate::hash::Digest;
use crate::ids::{ModuleId, TransactionId};
use crate::limits;
use crate::merkle;

/// Something a module reports. `payload` is the borsh encoding of the module's own `Event` type.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Event {
    /// Who reports.
    pub module: ModuleId,
    /// What.
    pub payload: Bytes<{ limits::EVENT_BYTES_MAX }>,
}

/// Whether the calls took effect. Codes are numbered for ever; words are never hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// All calls took effect.
    Ok,
    /// Nothing took effect.
    Refused {
        /// Module that refused; module 0 is the executor itself.
        module: ModuleId,
        /// Its number for the reason.
        code: u16,
        /// Which call, from 0.
        call: u8,
    },
}

/// The result of one executed transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// Its place among the receipts of its block, from 0.
    pub position: u32,
    /// Took effect or not.
    pub outcome: Outcome,
    /// What modules report; empty when refused.
    pub events: List<Event, { limits::RECEIPT_EVENTS_MAX }>,
}

impl Receipt {
    /// RFC 9162 leaf hash under which `receipts_root` holds it.
    #[must_use]
    pub fn leaf_hash(&self) -> Digest {
        merkle::leaf_hash(&encode(self))
    }
}
