//! `/v1/events`: what modules report, as it is certified, over server-sent events. A client that comes back with `Last-Event-ID`
//! misses nothing and gets nothing twice.

mod feed;
mod position;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use quancheng_contracts::modules;
use quancheng_types::{AccountId, Height};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use self::feed::{Feed, Filter};
use self::position::Position;
use super::super::limits::EVENT_TYPES_MAX;
use super::super::params::Params;
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond;
use super::super::state::Api;

/// Media type of the stream.
const EVENT_STREAM: &str = "text/event-stream";
/// Type of the event that ends a block.
const BLOCK: &str = "block";
/// Pieces of a stream that wait for a client before the feed waits for it: beside the one being made and the one being sent.
const PIECES_WAITING_MAX: usize = super::super::limits::STREAM_PIECES - 2;
/// Suggested wait when there are too many streams, ms.
const RETRY_AFTER_MS: u64 = 5_000;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// Only these, separated by commas: `block`, a module such as `registry`, or one event such as `registry.issued`.
    types: Option<String>,
    /// Only events of transactions that this account signed (`qc1…` or hex). Blocks are given all the same.
    account: Option<String>,
    /// First height, for a client without a Last-Event-ID; the next certified block when absent.
    from: Option<u64>,
}

/// Events of certified blocks, in order.
///
/// Each has the id `height-position-index`. Data of an event: `{height, position, transaction_id, module, name, data}`. After the
/// events of a block comes one of type `block`: `{height, executed_height, certified_height, time_ms, transactions}`. A comment
/// is sent every 15 seconds when there is nothing to say.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(EventParams, ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was received")),
    responses(
        (status = 200, content(("text/event-stream"))),
        (status = 410, description = "PRUNED, with the lowest height", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(api: Api, Params(params): Params<EventParams>, headers: HeaderMap) -> ApiResult<Response> {
    let filter = filter(&params)?;
    let overloaded = |_| ApiError::Overloaded { what: "event streams", retry_after_ms: RETRY_AFTER_MS };
    let place = api.streams.try_take(api.client, 1).map_err(overloaded)?;
    // Before the height is read: whatever is certified in between comes twice rather than not at all, and is told apart by height.
    let receiver = api.backend.subscribe();
    let after = last_seen(&headers)?;
    let (next, is_replay) = match (after, params.from) {
        (Some(position), _) => (position.height, true),
        (None, Some(height)) => (Height(height.max(1)), true),
        (None, None) => (api.backend.status().certified_height.next(), false),
    };
    if is_replay {
        available(&api, next).await?;
    }

    let (sender, pieces) = mpsc::channel::<Bytes>(PIECES_WAITING_MAX);
    let feed = Feed { api: api.clone(), filter, next, after, sender, owed: Duration::ZERO };
    tokio::spawn(async move {
        let _place = place;
        feed.run(receiver).await;
    });
    let stream = futures::stream::unfold(pieces, |mut pieces| async move {
        pieces.recv().await.map(|piece| (Ok::<_, std::convert::Infallible>(piece), pieces))
    });
    let mut response = respond::bytes(StatusCode::OK, EVENT_STREAM, Body::from_stream(stream));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Whether the receipts from which the stream must start are still there.
async fn available(api: &Api, height: Height) -> ApiResult<()> {
    api.blocking(move |backend| {
        if height <= backend.status().certified_height {
            backend.receipts(height, 0, 1)?;
        }
        Ok(())
    })
    .await
}

fn last_seen(headers: &HeaderMap) -> ApiResult<Option<Position>> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    text.parse()
        .map(Some)
        .map_err(|()| ApiError::parameter("Last-Event-ID", "not an id of this stream (height-position-index)"))
}

fn filter(params: &EventParams) -> ApiResult<Filter> {
    let account = match &params.account {
        None => None,
        Some(text) => Some(AccountId::from_text(text).map_err(|error| ApiError::parameter("account", error))?),
    };
    let Some(types) = &params.types else {
        return Ok(Filter { names: None, account });
    };
    let names: Vec<String> = types.split(',').map(|name| name.trim().to_owned()).collect();
    if names.len() > EVENT_TYPES_MAX {
        return Err(ApiError::parameter("types", format!("more than {EVENT_TYPES_MAX}")));
    }
    for name in &names {
        let module = name.split('.').next().unwrap_or_default();
        if name != BLOCK && modules::by_name(module).is_none() {
            let reason = format!("`{name}` is neither `{BLOCK}` nor of a module in /v1/modules");
            return Err(ApiError::parameter("types", reason));
        }
    }
    Ok(Filter { names: Some(names), account })
}
