//! The operator's listener: health, readiness, metrics.

use axum::http::StatusCode;
use axum::response::Response;
use quancheng_types::{Height, ValidatorId};
use serde::Serialize;

use super::super::backend::{Backend, NodeStatus};
use super::super::params::{NoParams, Params};
use super::super::problem::ApiResult;
use super::super::respond;
use super::super::state::Api;

/// Media type of metrics (Prometheus and OpenMetrics readers take it).
const METRICS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the node can do its work.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// Stable names of what is missing.
    missing: Vec<&'static str>,
    /// Stable names of what an operator must see to although the node works.
    warnings: Vec<&'static str>,
    height: Height,
    executed_height: Height,
    certified_height: Height,
    connected_validators: usize,
    validators: usize,
}

/// The process lives and answers.
pub(super) async fn healthz(_: Params<NoParams>) -> Response {
    respond::bytes(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
}

/// The node can take part: 200, else 503 with what is missing.
pub(super) async fn readyz(api: Api, _: Params<NoParams>) -> ApiResult<Response> {
    let readiness = api.blocking(|backend| Ok(readiness(backend))).await?;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(respond::json(status, &readiness))
}

fn readiness(backend: &dyn Backend) -> Readiness {
    let status = backend.status();
    let is_validator = backend.identity().validator_id.is_some_and(|id| is_in_force(backend, &status, &id));
    let missing = missing(&status, is_validator);
    Readiness {
        ready: missing.is_empty(),
        missing,
        warnings: warnings(&status),
        height: status.height,
        executed_height: status.executed_height,
        certified_height: status.certified_height,
        connected_validators: status.connected_validators,
        validators: status.validators,
    }
}

/// A node with a key that is not (or no longer) in the set is a follower until it is voted in.
fn is_in_force(backend: &dyn Backend, status: &NodeStatus, id: &ValidatorId) -> bool {
    let height = status.height.max(Height(1));
    backend.validators(height).ok().flatten().is_some_and(|set| set.by_id(id).is_some())
}

/// A clock that is off makes the node slow and its proposals useless, but what it says is as true as ever. A node that does not carry a
/// scheduled version of the rules works until the height of it, and stops there. Another process with the key of this one is told to
/// stop; that somebody has the key is for people to look into, and so is a disk that lost
/// a log, and a node that can go on only by a snapshot, a backup or another peer.
pub(super) fn warnings(status: &NodeStatus) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if status.clock.is_some_and(|report| report.is_off) {
        warnings.push("clock_off");
    }
    if status.versions.unknown().is_some() {
        warnings.push("version_unknown");
    }
    if status.is_key_asked {
        warnings.push("key_used_elsewhere");
    }
    if status.is_log_lost {
        warnings.push("log_lost");
    }
    if status.is_pruned_at_peers {
        warnings.push("blocks_pruned_at_peers");
    }
    warnings
}

/// Whether this power is more than two thirds of the total, as of certificates.
fn is_quorum(power: u64, total_power: u64) -> bool {
    u128::from(power) * 3 > u128::from(total_power) * 2
}

pub(super) fn missing(status: &NodeStatus, is_validator: bool) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if status.is_store_damaged {
        missing.push("store_intact");
    }
    if status.is_syncing {
        missing.push("caught_up");
    }
    if is_validator {
        if !status.is_signing {
            missing.push("signing");
        }
        if !is_quorum(status.reachable_power, status.total_power) {
            missing.push("quorum_connected");
        }
    } else if status.connected_validators == 0 {
        missing.push("validator_connected");
    }
    missing
}

/// Counters and gauges.
pub(super) async fn metrics(api: Api, _: Params<NoParams>) -> ApiResult<Response> {
    let text = api.blocking(|backend| Ok(backend.metrics())).await?;
    Ok(respond::bytes(StatusCode::OK, METRICS_TEXT, text))
}
