//! `/v1/transactions/bulk`: many transactions at once, the path of load generators and migrations.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use quancheng_types::{SealedTransaction, TransactionId};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::backend::{Submitted, TransactionState};
use super::super::body::{BodyKind, Received, receive};
use super::super::language::Language;
use super::super::limits::{BULK_BYTES_MAX, BULK_ITEMS_MAX};
use super::super::outcome::{Detail, TransactionStatus};
use super::super::params::{Params, WaitParams};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond;
use super::super::server::Refused;
use super::super::state::Api;
use super::transactions::wait_for;
use crate::admission::AdmissionError;
use crate::limits::DECODED_FACTOR;

const ALLOWED: &str =
    "application/octet-stream (borsh of a list of byte strings, each the borsh of a signed transaction)";
/// Items that are decoded in place; more go to another thread, so that one large body does not hold up other requests.
const DECODE_INLINE_MAX: u32 = 64;
/// What the result of one item takes in memory, about.
const RESULT_BYTES: usize = 256;
/// Suggested wait when too many results are in memory, ms.
const RETRY_AFTER_MS: u64 = 500;
/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

/// What came of one item.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BulkItem {
    /// Taken, or known before.
    Transaction(Box<TransactionStatus>),
    /// Not taken.
    Problem(Box<Problem>),
}

/// What came of each item, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkAnswer {
    /// One per transaction.
    pub(crate) items: Vec<BulkItem>,
}

/// Submits many transactions.
///
/// One that is not taken does not keep others from being taken. Statuses carry no events.
#[utoipa::path(
    post, path = "/v1/transactions/bulk", tag = "transactions", params(WaitParams),
    request_body(description = "Borsh of `Vec<Vec<u8>>`, each the borsh of a SignedTransaction; at most 1000 items and 4 MiB",
        content(("application/octet-stream"))),
    responses(
        (status = 200, body = BulkAnswer),
        (status = "default", description = "Nothing was taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn submit(
    api: Api,
    language: Language,
    Params(params): Params<WaitParams>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let wait = params.wait()?;
    if BodyKind::of(&headers, ALLOWED)? != BodyKind::Borsh {
        return Err(ApiError::UnsupportedMediaType { found: "application/json".to_owned(), allowed: ALLOWED });
    }
    let received = receive(&api, body, BULK_BYTES_MAX).await?;
    let decoded = decode(&api, received).await?;
    // What is known of each item while the request waits, and its answer.
    let results = api.bodies.try_take(api.client, decoded.len() * RESULT_BYTES);
    let overloaded = |_| ApiError::Overloaded { what: "requests waiting", retry_after_ms: RETRY_AFTER_MS };
    let _results = results.map_err(overloaded)?;

    let (mut transactions, mut slots) = (Vec::with_capacity(decoded.len()), Vec::with_capacity(decoded.len()));
    for item in decoded {
        match item {
            Ok(transaction) => {
                transactions.push(transaction);
                slots.push(None);
            }
            Err(error) => slots.push(Some(error)),
        }
    }
    let mut answers = api.resting(api.backend.submit(api.client, transactions)).await.into_iter();
    let results: Vec<Result<Submitted, ApiError>> = slots
        .into_iter()
        .map(|slot| match slot {
            Some(error) => Err(error.into()),
            None => answers.next().map_or_else(
                || Err(ApiError::Internal { reason: "the node gave too few answers".to_owned() }),
                |answer| answer.map_err(ApiError::from),
            ),
        })
        .collect();

    // Also those for which there is no room now: a thousand of them have been decoded, and a thousand problems are written out.
    let refused = results.iter().filter(|result| result.is_err()).count();
    let ids: Vec<TransactionId> = results.iter().flatten().map(|submitted| submitted.id).collect();
    let states = match wait {
        Some((stage, timeout)) if !ids.is_empty() => wait_for(&api, ids, stage, timeout).await?,
        Some(_) | None => known_before(&api, &results).await?,
    };
    let mut states = states.into_iter();
    let is_waited = wait.is_some();
    let items = results
        .into_iter()
        .map(|result| match result {
            Err(error) => BulkItem::Problem(Box::new(error.problem(language))),
            Ok(Submitted { id, is_new }) => {
                let state = if is_waited || !is_new { states.next() } else { None };
                if let Some(TransactionState::Pruned { height, lowest }) = state {
                    return BulkItem::Problem(Box::new(ApiError::Pruned { height, lowest }.problem(language)));
                }
                let status = state.and_then(|state| TransactionStatus::new(id, state, Detail::Brief));
                BulkItem::Transaction(Box::new(status.unwrap_or_else(|| TransactionStatus::admitted(id))))
            }
        })
        .collect();
    let mut response = respond::ok(&BulkAnswer { items });
    if refused > 0 {
        response.extensions_mut().insert(Refused(u64::try_from(refused).unwrap_or(u64::MAX)));
    }
    Ok(response)
}

/// States of those that were known before; new ones are admitted and need no look-up.
async fn known_before(api: &Api, results: &[Result<Submitted, ApiError>]) -> ApiResult<Vec<TransactionState>> {
    let ids: Vec<TransactionId> =
        results.iter().flatten().filter(|submitted| !submitted.is_new).map(|submitted| submitted.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    api.blocking(move |backend| Ok(ids.iter().map(|id| backend.transaction(id)).collect::<Result<_, _>>()?)).await
}

type Item = Result<SealedTransaction, AdmissionError>;

/// Takes a body apart. While it is decoded, the memory for bodies holds a share for both forms of it; few are decoded at once.
async fn decode(api: &Api, received: Received) -> ApiResult<Vec<Item>> {
    let bytes = received.bytes.clone();
    let count = length(&bytes, 0)?;
    if count > BULK_ITEMS_MAX {
        return Err(malformed(format!("{count} items exceed the limit of {BULK_ITEMS_MAX}")));
    }
    if count <= DECODE_INLINE_MAX {
        return split(&bytes, count);
    }
    let permit = api.decoding.take(api.client, 1).await;
    // Not before: what waits for its turn holds its bytes alone.
    let share = api
        .bodies
        .try_take(api.client, bytes.len().saturating_mul(DECODED_FACTOR))
        .map_err(|_| ApiError::Overloaded { what: "request bodies", retry_after_ms: RETRY_AFTER_MS })?;
    let task = tokio::task::spawn_blocking(move || {
        let _held = (permit, share, received);
        split(&bytes, count)
    });
    task.await.unwrap_or_else(|error| Err(ApiError::Internal { reason: error.to_string() }))
}

/// Takes the list apart without copying its items.
fn split(bytes: &[u8], count: u32) -> ApiResult<Vec<Item>> {
    let mut items = Vec::with_capacity(usize::try_from(count.min(BULK_ITEMS_MAX)).unwrap_or_default());
    let mut at = LENGTH_BYTES;
    for index in 0..count {
        let size = usize::try_from(length(bytes, at)?).unwrap_or(usize::MAX);
        let from = at + LENGTH_BYTES;
        let end = from.saturating_add(size);
        let item = bytes.get(from..end).ok_or_else(|| {
            malformed(format!("item {index} announces {size} bytes, {} are left", bytes.len() - from))
        })?;
        items.push(SealedTransaction::decode(item).map_err(AdmissionError::Malformed));
        at = end;
    }
    match bytes.len() - at {
        0 => Ok(items),
        left => Err(malformed(format!("{left} bytes follow the last item"))),
    }
}

fn length(bytes: &[u8], at: usize) -> ApiResult<u32> {
    bytes
        .get(at..at.saturating_add(LENGTH_BYTES))
        .and_then(|word| <[u8; LENGTH_BYTES]>::try_from(word).ok())
        .map(u32::from_le_bytes)
        .ok_or_else(|| malformed(format!("a length is missing at byte {at}")))
}

fn malformed(reason: String) -> ApiError {
    ApiError::Malformed { reason }
}
