//! The routes. One file per noun; the list below is the whole API.

mod admin;
mod backup;
mod blocks;
mod bulk;
mod bundles;
mod events;
mod genesis;
mod nouns;
mod query;
mod snapshots;
mod starting;
mod status;
mod transactions;
mod validators;

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{self, Shared};
use super::language::localize;
use super::openapi::{self, OPENAPI_PATH};
use super::params::{NoParams, Params};
use super::problem::ApiError;
use super::respond::{self, JSON};
use super::state::{Api, Commons};

pub(super) use self::starting::starting;

/// Every public route with its description.
pub(super) fn described() -> OpenApiRouter<Commons> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(transactions::submit))
        .routes(routes!(bulk::submit))
        .routes(routes!(transactions::simulate))
        .routes(routes!(transactions::show))
        .routes(routes!(status::status))
        .routes(routes!(status::parameters))
        .routes(routes!(status::modules))
        .routes(routes!(genesis::genesis))
        .routes(routes!(genesis::checkpoint))
        .routes(routes!(blocks::show))
        .routes(routes!(blocks::transactions))
        .routes(routes!(validators::show))
        .routes(routes!(nouns::account))
        .routes(routes!(nouns::organizations))
        .routes(routes!(nouns::organization))
        .routes(routes!(nouns::registrations))
        .routes(routes!(nouns::registration))
        .routes(routes!(nouns::evidence))
        .routes(routes!(nouns::proposals))
        .routes(routes!(nouns::proposal))
        .routes(routes!(nouns::rule_sets))
        .routes(routes!(nouns::rule_set))
        .routes(routes!(nouns::calendar))
        .routes(routes!(query::query))
        .routes(routes!(query::check))
        .routes(routes!(bundles::transaction))
        .routes(routes!(bundles::evidence))
        .routes(routes!(bundles::registration))
        .routes(routes!(bundles::state))
        .routes(routes!(snapshots::list))
        .routes(routes!(snapshots::manifest))
        .routes(routes!(snapshots::chunk))
        .routes(routes!(events::events))
}

/// The public listener.
pub(super) fn public(commons: Commons) -> Router {
    let (router, _document) = described().split_for_parts();
    let document = Bytes::from(openapi::json());
    let router = router.route(
        OPENAPI_PATH,
        get(move |Params(NoParams {}): Params<NoParams>| {
            let document = document.clone();
            async move {
                let mut response = respond::bytes(StatusCode::OK, JSON, document);
                response.extensions_mut().insert(Shared);
                response
            }
        }),
    );
    finish(router, commons)
}

/// The operator's listener.
pub(super) fn admin(commons: Commons) -> Router {
    let router = Router::new()
        .route("/healthz", get(admin::healthz))
        .route("/readyz", get(admin::readyz))
        .route("/metrics", get(admin::metrics))
        .route("/backup", get(backup::show).post(backup::begin))
        .route("/snapshot", get(snapshots::show).post(snapshots::begin));
    finish(router, commons)
}

fn finish(router: Router<Commons>, commons: Commons) -> Router {
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(commons.clone(), bounded))
        .layer(middleware::from_fn(one_host))
        .layer(middleware::from_fn(localize))
        .with_state(commons)
}

async fn nowhere(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    ApiError::NoPath { path }
}

async fn wrong_method() -> ApiError {
    ApiError::MethodNotAllowed
}

/// Refuses what is no request of HTTP/1.1: one must name its host, and only once (RFC 9112 §3.2). Whoever stands between this node and
/// the client could otherwise read another host than this node.
async fn one_host(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let is_host =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.parse::<Authority>().is_ok() && !text.contains('@'));
    let fault = match (first, second) {
        (None, _) if request.version() == Version::HTTP_11 => Some("is missing"),
        (_, Some(_)) => Some("is given more than once"),
        (Some(value), None) if !is_host(value) => Some("names no host"),
        (None | Some(_), None) => None,
    };
    match fault {
        Some(reason) => ApiError::parameter("Host", reason).into_response(),
        None => next.run(request).await,
    }
}

/// Time for an answer to end by itself when the place of its connection is given away.
const LEAVE_GRACE: Duration = Duration::from_secs(1);

/// Bounds the time to the head of an answer, and what answers that nobody takes hold in memory. The rest of the time is bounded by the
/// client's taking it.
async fn bounded(api: Api, request: Request, next: Next) -> Response {
    let too_late = async {
        tokio::select! {
            () = tokio::time::sleep(api.limits.request_timeout) => {}
            () = api.told_to_leave() => tokio::time::sleep(LEAVE_GRACE).await,
        }
    };
    let response = tokio::select! {
        response = next.run(request) => response,
        () = too_late => ApiError::Timeout.into_response(),
    };
    let mut response = answers::hold(&api, response);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use quancheng_types::{Digest, Height, NEWEST_VERSION, Schedule, VersionPlan};

    use super::admin::{missing, warnings};
    use crate::api::backend::{NodeStatus, VersionStatus};
    use crate::driver::ClockReport;
    use crate::ledger::Lowest;

    fn status(validators: usize, connected: usize, is_signing: bool, is_syncing: bool) -> NodeStatus {
        NodeStatus {
            versions: VersionStatus { in_force: 1, scheduled: None },
            height: Height(5),
            time_ms: 1,
            executed_height: Height(5),
            certified_height: Height(4),
            history_size: 6,
            history_root: Digest::ZERO,
            state_root: Digest::ZERO,
            round: None,
            is_signing,
            is_key_asked: false,
            is_log_lost: false,
            is_store_damaged: false,
            is_syncing,
            clock: None,
            peers: connected,
            connected_validators: connected,
            validators,
            reachable_power: connected as u64 + 1,
            total_power: validators as u64,
            pending_transactions: 0,
            uptime_ms: 0,
            lowest_state_height: Height(0),
            lowest: Lowest::archive(),
            is_pruned_at_peers: false,
        }
    }

    #[test]
    fn a_node_is_ready_when_it_can_do_its_work() {
        assert_eq!(missing(&status(1, 0, true, false), true), Vec::<&str>::new());
        assert_eq!(missing(&status(4, 2, true, false), true), Vec::<&str>::new());
        assert_eq!(missing(&status(4, 1, true, false), true), ["quorum_connected"]);
        assert_eq!(missing(&status(4, 3, false, true), true), ["caught_up", "signing"]);
        assert_eq!(missing(&status(4, 1, false, false), false), Vec::<&str>::new());
        assert_eq!(missing(&status(4, 0, false, false), false), ["validator_connected"]);
    }

    #[test]
    fn a_wrong_clock_is_a_warning_and_no_reason_to_be_left_out() {
        for (is_off, expected) in [(false, Vec::new()), (true, vec!["clock_off"])] {
            let clock = Some(ClockReport { ahead_ms: 60_000, is_off });
            let status = NodeStatus { clock, ..status(4, 3, true, false) };
            assert_eq!((missing(&status, true), warnings(&status)), (Vec::new(), expected));
        }
    }

    #[test]
    fn a_key_and_a_log_that_people_must_look_into_are_warnings() {
        let asked = NodeStatus { is_key_asked: true, ..status(4, 3, true, false) };
        let lost = NodeStatus { is_log_lost: true, ..status(4, 3, true, false) };
        let stuck = NodeStatus { is_pruned_at_peers: true, ..status(4, 3, true, true) };
        assert_eq!((missing(&stuck, true), warnings(&stuck)), (vec!["caught_up"], vec!["blocks_pruned_at_peers"]));
        for (status, expected) in [(asked, "key_used_elsewhere"), (lost, "log_lost")] {
            assert_eq!((missing(&status, true), warnings(&status)), (Vec::new(), vec![expected]));
        }
    }

    #[test]
    fn a_version_that_this_build_does_not_carry_is_told_ahead_of_its_height() {
        let plan = |version| VersionPlan { version, ..VersionPlan::first() };
        let mut versions = Schedule::starting(VersionPlan::first());
        let at = |versions: &Schedule<VersionPlan>, height| {
            let versions = VersionStatus::of(versions, Height(height));
            let status = NodeStatus { versions: versions.clone(), ..status(4, 3, true, false) };
            (versions.in_force, versions.scheduled.map(|(from, plan)| (from.0, plan.version)), warnings(&status))
        };
        assert_eq!(at(&versions, 7), (1, None, Vec::new()));
        let next = NEWEST_VERSION + 1;
        versions.decide(Height(6), Height(40), plan(next)).unwrap();
        versions.decide(Height(7), Height(50), plan(next + 1)).unwrap();
        assert_eq!(at(&versions, 39), (1, Some((40, next)), vec!["version_unknown"]));
        assert_eq!(at(&versions, 40), (next, Some((50, next + 1)), vec!["version_unknown"]));
    }

    #[test]
    fn a_quorum_is_counted_by_power_not_by_heads() {
        let heavy = NodeStatus { reachable_power: 7, total_power: 10, ..status(4, 1, true, false) };
        assert_eq!(missing(&heavy, true), Vec::<&str>::new());
        let light = NodeStatus { reachable_power: 6, total_power: 9, ..status(4, 2, true, false) };
        assert_eq!(missing(&light, true), ["quorum_connected"]);
    }
}
