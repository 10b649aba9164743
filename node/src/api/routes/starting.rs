//! What the doors answer before the node is there.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use quancheng_types::Height;
use serde::Serialize;

use super::super::entrance::{Audience, StartProgress};
use super::super::language::localize;
use super::super::params::{NoParams, Params};
use super::super::problem::ApiError;
use super::super::respond;
use super::{admin, one_host};

/// `/readyz` of a node that starts; the members that it shares with the readiness of one that runs mean the same.
#[derive(Debug, Serialize)]
struct StartingReadiness {
    ready: bool,
    missing: [&'static str; 1],
    warnings: [&'static str; 0],
    /// The newest height that has a block here; 0 while the store is being opened.
    height: Height,
    executed_height: Height,
}

/// Every connection ends with its answer: the next one may find the node.
pub(in crate::api) fn starting(audience: Audience, progress: Arc<StartProgress>) -> Router {
    let router = match audience {
        Audience::Public => Router::new(),
        Audience::Operator => Router::new().route("/healthz", get(admin::healthz)).route("/readyz", get(readyz)),
    };
    router
        .fallback(not_yet)
        .layer(middleware::map_response(last))
        .layer(middleware::from_fn(one_host))
        .layer(middleware::from_fn(localize))
        .with_state(progress)
}

async fn last(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn readyz(State(progress): State<Arc<StartProgress>>, _: Params<NoParams>) -> Response {
    let (executed_height, height) = progress.read();
    let readiness = StartingReadiness { ready: false, missing: ["started"], warnings: [], height, executed_height };
    respond::json(StatusCode::SERVICE_UNAVAILABLE, &readiness)
}

async fn not_yet(State(progress): State<Arc<StartProgress>>) -> ApiError {
    let (executed, newest) = progress.read();
    ApiError::Starting { executed, newest }
}
