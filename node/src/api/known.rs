//! How far a node knows: what makes "unknown" an answer.
//!
//! That a node does not know a transaction says nothing by itself: it may be behind, or be of another chain. One answer therefore carries
//! both facts, for two questions may reach two nodes.

use quancheng_types::{ChainId, Height};
use serde::Serialize;
use utoipa::ToSchema;

use super::backend::Backend;
use super::problem::{ApiError, ApiResult};

/// The last block that this node has executed, all transactions of which it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct KnownUntil {
    /// Of which chain.
    #[schema(value_type = String)]
    pub(crate) chain_id: ChainId,
    /// Its height.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Its time, ms since 1970 UTC. What was valid until before it, and is unknown, never takes effect.
    pub(crate) time_ms: u64,
    /// The lowest height whose transactions it knows; absent when it knows all. What was executed before it is unknown here all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) from_height: Option<Height>,
    /// Time of that block, ms since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_ms: Option<u64>,
}

impl KnownUntil {
    /// Of this node now. Taken before the look that it speaks of: what is executed in between is found, and does no harm.
    ///
    /// # Errors
    /// [`ApiError`] of the store.
    pub(crate) fn of(backend: &dyn Backend) -> ApiResult<Self> {
        let status = backend.status();
        let time_of = |height: Height| -> ApiResult<u64> {
            let missing = || ApiError::Internal { reason: format!("history leaf {height} is missing") };
            Ok(backend.history_leaf(height)?.ok_or_else(missing)?.time_ms)
        };
        let (height, from) = (status.executed_height, status.lowest.transaction);
        let from_height = (from > Height::GENESIS.next()).then_some(from);
        // Of the first height that is known here there is a time once it is executed; the newest one's is no earlier than any before.
        let from_ms = from_height.map(|from| time_of(from.min(height))).transpose()?;
        Ok(Self { chain_id: backend.identity().chain_id, height, time_ms: time_of(height)?, from_height, from_ms })
    }
}
