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
}

impl KnownUntil {
    /// Of this node now. Taken before the look that it speaks of: what is executed in between is found, and does no harm.
    ///
    /// # Errors
    /// [`ApiError`] of the store.
    pub(crate) fn of(backend: &dyn Backend) -> ApiResult<Self> {
        let height = backend.status().executed_height;
        let missing = || ApiError::Internal { reason: format!("history leaf {height} is missing") };
        let leaf = backend.history_leaf(height)?.ok_or_else(missing)?;
        Ok(Self { chain_id: backend.identity().chain_id, height, time_ms: leaf.time_ms })
    }
}
