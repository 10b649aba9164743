use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_proof::state_proof::Holding;
use quancheng_types::{Bytes, Digest, Height, Receipt};

use crate::key::{KEY_BYTES_MAX, StateKey, VALUE_BYTES_MAX};

/// A leaf of the tree.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(super) enum LeafRow {
    /// A value: its place follows from the key.
    Value { holding: Holding, key: StateKey, value: Bytes<VALUE_BYTES_MAX> } = 1,
    /// A row of a kept table that was removed.
    Gone { holding: Holding, place: Digest } = 2,
}

impl LeafRow {
    pub(super) const fn holding(&self) -> &Holding {
        match self {
            Self::Value { holding, .. } | Self::Gone { holding, .. } => holding,
        }
    }
}

/// A row of an index.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct IndexRow {
    pub(super) key: Bytes<KEY_BYTES_MAX>,
    pub(super) value: Bytes<VALUE_BYTES_MAX>,
}

/// A receipt, and the height of its transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct ReceiptRow {
    pub(super) height: Height,
    pub(super) receipt: Receipt,
}
