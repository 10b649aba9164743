//! The history log: one leaf per executed height, append-only (RFC 9162). One recent header proves a receipt of any age.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::codec::encode;
use crate::hash::Digest;
use crate::ids::{BlockId, Height};
use crate::merkle;

/// The results of one executed height. Leaf `i` of the log is height `i`; leaf 0 is the genesis state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HistoryLeaf {
    /// The height.
    pub height: Height,
    /// The block that was executed; zero for genesis.
    pub block_id: BlockId,
    /// The block's time, ms since 1970 UTC.
    pub time_ms: u64,
    /// RFC 9162 root over the receipts.
    pub receipts_root: Digest,
    /// Root of the state tree after execution.
    pub state_root: Digest,
}

impl HistoryLeaf {
    /// RFC 9162 leaf hash.
    #[must_use]
    pub fn leaf_hash(&self) -> Digest {
        merkle::leaf_hash(&encode(self))
    }
}
