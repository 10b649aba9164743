//! `/v1/transactions`: submitting, simulating, asking.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quancheng_types::{Height, SealedTransaction, SignedTransaction, TransactionId};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::backend::{Stage, Submitted, TransactionState};
use super::super::body::{BodyKind, parse_json, receive};
use super::super::known::KnownUntil;
use super::super::limits::TRANSACTION_BODY_BYTES_MAX;
use super::super::outcome::{Detail, EventView, OutcomeView, RefusalView, TransactionStatus};
use super::super::params::{NoParams, Params, Segment, WaitParams};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond;
use super::super::state::Api;
use crate::admission::AdmissionError;

const ALLOWED: &str = "application/octet-stream (borsh of a signed transaction) or application/json";

/// Submits a transaction.
///
/// The same bytes may be submitted again at any time: the answer is then the current status.
#[utoipa::path(
    post, path = "/v1/transactions", tag = "transactions", params(WaitParams),
    request_body(description = "Borsh or JSON of a SignedTransaction",
        content(("application/octet-stream"), (Object = "application/json"))),
    responses(
        (status = 202, description = "Taken: held durably by this node", body = TransactionStatus),
        (status = 200, description = "Known before", body = TransactionStatus),
        (status = "default", description = "Not taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn submit(
    api: Api,
    Params(params): Params<WaitParams>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let wait = params.wait()?;
    let transaction = read(&api, &headers, body).await?;
    let mut answers = api.resting(api.backend.submit(api.client, vec![transaction])).await;
    let Some(answer) = answers.pop() else {
        return Err(ApiError::Internal { reason: "the node gave no answer to a submission".to_owned() });
    };
    let Submitted { id, is_new } = answer?;
    let status = if is_new && wait.is_none() {
        TransactionStatus::admitted(id)
    } else {
        // A transaction that was taken is never unknown; should the store have lost it, its admission is still the truth.
        status_of(&api, id, wait).await?.unwrap_or_else(|| TransactionStatus::admitted(id))
    };
    Ok(respond::json(if is_new { StatusCode::ACCEPTED } else { StatusCode::OK }, &status))
}

/// What is known of a transaction.
#[utoipa::path(
    get, path = "/v1/transactions/{id}", tag = "transactions",
    params(("id" = String, Path, description = "Transaction id, 64 hex digits"), WaitParams),
    responses(
        (status = 200, body = TransactionStatus),
        (status = 410, description = "PRUNED, with the lowest height: it was executed, and its receipt is no longer kept here", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "TRANSACTION_UNKNOWN, with `known_until`: the newest block that this node has executed", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(api: Api, id: Segment, Params(params): Params<WaitParams>) -> ApiResult<Response> {
    let id = id.transaction_id()?;
    if let Some(status) = status_of(&api, id, params.wait()?).await? {
        return Ok(respond::ok(&status));
    }
    let until = api.blocking(KnownUntil::of).await?;
    let status = status_of(&api, id, None).await?.ok_or(ApiError::TransactionUnknown { id, until })?;
    Ok(respond::ok(&status))
}

/// What a transaction would come to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Simulation {
    /// Newest executed height at that moment.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Whether it would take effect.
    pub(crate) outcome: OutcomeView,
    /// The refusal, if it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<RefusalView>,
    /// What modules would report.
    pub(crate) events: Vec<EventView>,
}

/// Runs a signed transaction over the newest state and drops the result.
#[utoipa::path(
    post, path = "/v1/transactions/simulate", tag = "transactions",
    request_body(description = "Borsh or JSON of a SignedTransaction",
        content(("application/octet-stream"), (Object = "application/json"))),
    responses(
        (status = 200, body = Simulation),
        (status = "default", description = "It would not be taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn simulate(
    api: Api,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let transaction = read(&api, &headers, body).await?;
    let height = api.backend.status().executed_height;
    let transaction = api.backend.check(api.client, transaction).await?;
    // It costs what it costs in a block, and nobody pays for it: one of a client at a time, and away from the threads that answer.
    let receipt = api.proving(move |backend| Ok(backend.simulate(&transaction)?)).await?;
    let outcome = OutcomeView::from(receipt.outcome);
    let refusal = match &outcome {
        OutcomeView::Refused(refusal) => Some(refusal.clone()),
        OutcomeView::Ok => None,
    };
    Ok(respond::ok(&Simulation { height, outcome, refusal, events: EventView::all(&receipt) }))
}

async fn read(api: &Api, headers: &HeaderMap, body: Body) -> ApiResult<SealedTransaction> {
    let kind = BodyKind::of(headers, ALLOWED)?;
    let received = receive(api, body, TRANSACTION_BODY_BYTES_MAX).await?;
    match kind {
        BodyKind::Borsh => Ok(SealedTransaction::decode(&received.bytes).map_err(AdmissionError::Malformed)?),
        BodyKind::Json => parse_json(&received.bytes).map(SignedTransaction::seal),
    }
}

/// The status, after a wait if one is asked for. `None` when nothing is known.
async fn status_of(
    api: &Api,
    id: TransactionId,
    wait: Option<(Stage, Duration)>,
) -> ApiResult<Option<TransactionStatus>> {
    if let Some((stage, timeout)) = wait {
        let mut states = wait_for(api, vec![id], stage, timeout).await?;
        if let Some(state) = states.pop() {
            return certified(api, id, state).await;
        }
    }
    let state = api.blocking(move |backend| Ok(backend.transaction(&id)?)).await?;
    certified(api, id, state).await
}

/// Waits until every transaction reached the stage, the time is over, the place of the connection is given away, or the node stops. Empty in
/// the last two cases: the caller then reads what is known.
pub(super) async fn wait_for(
    api: &Api,
    ids: Vec<TransactionId>,
    stage: Stage,
    timeout: Duration,
) -> ApiResult<Vec<TransactionState>> {
    tokio::select! {
        states = api.resting(api.backend.wait(ids, stage, timeout)) => Ok(states?),
        () = api.told_to_leave() => Ok(Vec::new()),
        () = api.stopped() => Ok(Vec::new()),
    }
}

async fn certified(api: &Api, id: TransactionId, state: TransactionState) -> ApiResult<Option<TransactionStatus>> {
    let certified_height = match &state {
        TransactionState::Known { stage: Stage::Certified, height, .. } => *height,
        TransactionState::Pruned { height, lowest } => {
            return Err(ApiError::Pruned { height: *height, lowest: *lowest });
        }
        TransactionState::Known { .. } | TransactionState::Unknown | TransactionState::Expired => None,
    };
    let Some(mut status) = TransactionStatus::new(id, state, Detail::Full) else {
        return Ok(None);
    };
    if let Some(height) = certified_height {
        let header = api.blocking(move |backend| Ok(backend.certifying_header(height)?)).await?;
        status.certified_by = header.map(|certified| certified.header.height);
    }
    Ok(Some(status))
}
