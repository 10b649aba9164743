//! `/v1/blocks`: final blocks and their transactions.

use axum::http::HeaderMap;
use axum::response::Response;
use quancheng_types::{BatchId, BlockId, CommitCertificate, Digest, Header, Height, Outcome, Receipt, ValidatorId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::backend::{Backend, Stage, TransactionState};
use super::super::limits::{PAGE_RECEIPT_BYTES_MAX, RECEIPTS_PER_READ};
use super::super::lists::{self, ListAnswer, Page};
use super::super::outcome::{Detail, TransactionStatus};
use super::super::params::{ListParams, NoParams, Params, Segment};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond;
use super::super::state::Api;
use super::super::time::rfc3339;
use crate::limits::receipt_bytes;

/// A batch of a block.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchView {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: BatchId,
    /// Who packed it.
    #[schema(value_type = String)]
    pub(crate) author: ValidatorId,
    /// Transactions.
    pub(crate) count: u32,
    /// Their bytes.
    pub(crate) bytes: u32,
}

/// A final block.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockView {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: BlockId,
    /// Its height.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Its time, RFC 3339.
    pub(crate) time: String,
    /// Its header.
    #[schema(value_type = Object)]
    pub(crate) header: Header,
    /// Its batches, in order of execution.
    pub(crate) batches: Vec<BatchView>,
    /// Proofs of misbehavior that it carries.
    pub(crate) misbehavior: usize,
    /// The quorum that signed it.
    #[schema(value_type = Object)]
    pub(crate) certificate: CommitCertificate,
    /// Transactions executed; absent until then. One that a batch repeats counts once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transactions: Option<usize>,
    /// Those of them that were refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<usize>,
    /// Root over the receipts, once executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) receipts_root: Option<Digest>,
    /// State root after it, once executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) state_root: Option<Digest>,
}

/// A final block.
#[utoipa::path(
    get, path = "/v1/blocks/{height}", tag = "chain",
    params(("height" = String, Path, description = "Height from 1, or `latest`")),
    responses((status = 200, body = BlockView), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn show(api: Api, segment: Segment, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    let view = api.blocking(move |backend| block(backend, height(backend, &segment)?)).await?;
    Ok(respond::ok(&view))
}

/// Transactions of an executed block, in order of execution.
#[utoipa::path(
    get, path = "/v1/blocks/{height}/transactions", tag = "chain",
    params(("height" = String, Path, description = "Height from 1, or `latest`"), ListParams),
    responses(
        (status = 200, content((ListAnswer = "application/json"), ("text/csv"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn transactions(
    api: Api,
    segment: Segment,
    Params(params): Params<ListParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    if params.height.is_some() || params.time.is_some() || params.proof {
        return Err(ApiError::parameter("query", "a block never changes; give only cursor and limit"));
    }
    let height = api.blocking(move |backend| height(backend, &segment)).await?;
    let path = format!("/v1/blocks/{height}/transactions");
    lists::respond(&api, &headers, path, params, move |backend, request| {
        page(backend, height, request.from, request.limit)
    })
    .await
}

fn height(backend: &dyn Backend, segment: &Segment) -> ApiResult<Height> {
    match segment.0.as_str() {
        "latest" => Ok(backend.status().height),
        _ => segment.parse::<u64>("height").map(Height),
    }
}

fn missing(backend: &dyn Backend, height: Height) -> ApiError {
    if height > backend.status().height {
        return ApiError::NotReached { height };
    }
    ApiError::not_found(format!("block {height}"))
}

/// Receipts read at a time to count them.
const TALLY_READ: u32 = 64;

/// How many transactions of a block were executed, and refused.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    transactions: usize,
    refused: usize,
}

/// Counts piece by piece: the receipts of a large block never lie in memory together.
fn tally(backend: &dyn Backend, height: Height) -> ApiResult<Tally> {
    let mut tally = Tally::default();
    loop {
        let from = u32::try_from(tally.transactions).unwrap_or(u32::MAX);
        let piece = backend.receipts(height, from, TALLY_READ)?;
        tally.transactions += piece.len();
        tally.refused += piece.iter().filter(|receipt| receipt.outcome != Outcome::Ok).count();
        if u32::try_from(piece.len()).is_ok_and(|count| count < TALLY_READ) {
            return Ok(tally);
        }
    }
}

fn block(backend: &dyn Backend, height: Height) -> ApiResult<BlockView> {
    let (block, certificate) = backend.block(height)?.ok_or_else(|| missing(backend, height))?;
    let leaf = backend.history_leaf(height)?;
    let tally = match leaf {
        Some(_) => Some(tally(backend, height)?),
        None => None,
    };
    Ok(BlockView {
        id: block.header.id(),
        height: block.header.height,
        time: rfc3339(block.header.time_ms),
        header: block.header,
        batches: block
            .batches
            .iter()
            .map(|batch| BatchView {
                id: batch.header.id(),
                author: batch.header.author,
                count: batch.header.count,
                bytes: batch.header.bytes,
            })
            .collect(),
        misbehavior: block.misbehavior.len(),
        certificate,
        transactions: tally.map(|tally| tally.transactions),
        refused: tally.map(|tally| tally.refused),
        receipts_root: leaf.map(|leaf| leaf.receipts_root),
        state_root: leaf.map(|leaf| leaf.state_root),
    })
}

fn page(backend: &dyn Backend, height: Height, from: u64, limit: u32) -> ApiResult<Page> {
    let Some(leaf) = backend.history_leaf(height)? else {
        return Err(missing(backend, height));
    };
    let is_certified = height <= backend.status().certified_height;
    let stage = if is_certified { Stage::Certified } else { Stage::Executed };
    let from = u32::try_from(from).unwrap_or(u32::MAX);
    let (receipts, is_cut) = receipts(backend, height, from, limit)?;
    let items = receipts
        .into_iter()
        .filter_map(|receipt| {
            let (id, time_ms) = (receipt.transaction_id, Some(leaf.time_ms));
            let state = TransactionState::Known {
                stage,
                height: Some(height),
                time_ms,
                receipt: Some(std::sync::Arc::new(receipt)),
            };
            TransactionStatus::new(id, state, Detail::Full)
        })
        .map(|status| serde_json::to_value(status).unwrap_or(Value::Null))
        .collect();
    Ok(Page { height, time_ms: leaf.time_ms, items, is_cut, keys: Vec::new() })
}

/// At most so many receipts, fewer when they are large: read a few at a time, and enough when they take [`PAGE_RECEIPT_BYTES_MAX`].
/// Whether they were enough before they were all.
fn receipts(backend: &dyn Backend, height: Height, from: u32, limit: u32) -> ApiResult<(Vec<Receipt>, bool)> {
    let (mut receipts, mut bytes) = (Vec::new(), 0);
    loop {
        let read = u32::try_from(receipts.len()).unwrap_or(u32::MAX);
        let few = limit.saturating_sub(read).min(RECEIPTS_PER_READ);
        if few == 0 {
            return Ok((receipts, false));
        }
        let more = backend.receipts(height, from.saturating_add(read), few)?;
        let is_end = u32::try_from(more.len()).is_ok_and(|count| count < few);
        for receipt in more {
            bytes += receipt_bytes(&receipt);
            receipts.push(receipt);
            if bytes >= PAGE_RECEIPT_BYTES_MAX {
                return Ok((receipts, true));
            }
        }
        if is_end {
            return Ok((receipts, false));
        }
    }
}
