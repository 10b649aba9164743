//! `/v1/query`: any question to any module. `/v1/verify`: the verifier as a convenience.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use quancheng_proof::{Checkpoint, verify};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::body::{parse_json, receive, require_json};
use super::super::limits::{QUERY_BODY_BYTES_MAX, VERIFY_BODY_BYTES_MAX};
use super::super::params::{NoParams, Params, ReadParams};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::records::{self, Envelope, Question};
use super::super::respond;
use super::super::state::Api;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    /// Name of the module, as in `/v1/modules`.
    pub(crate) module: String,
    /// Its query, externally tagged: `{"organization": {"org_id": "ORG-REG"}}`.
    #[schema(value_type = Object)]
    pub(crate) query: Value,
}

/// Asks a module. The routes by noun are this, with names.
#[utoipa::path(
    post, path = "/v1/query", tag = "records", params(ReadParams), request_body = QueryBody,
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn query(
    api: Api,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    require_json(&headers)?;
    let received = receive(&api, body, QUERY_BODY_BYTES_MAX).await?;
    let QueryBody { module, query } = parse_json(&received.bytes)?;
    let what = format!("answer of module {module}");
    records::respond(&api, Question::new(module, query, what), &params).await
}

/// A bundle to verify.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyBody {
    /// The bundle (borsh) in hex.
    pub(crate) bundle: String,
    /// The checkpoint to trust; this node's genesis when absent. Trusting the node that answers proves nothing to a court: use the
    /// offline verifier.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(crate) checkpoint: Option<Value>,
}

/// Verifies a bundle here, as a convenience. Courts use the offline tools.
#[utoipa::path(
    post, path = "/v1/verify", tag = "evidence", request_body = VerifyBody,
    responses(
        (status = 200, description = "The report; a bundle that does not verify is a finding, not an error", body = Object),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn check(
    api: Api,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    require_json(&headers)?;
    let received = receive(&api, body, VERIFY_BODY_BYTES_MAX).await?;
    let report = api
        .proving(move |backend| {
            let VerifyBody { bundle, checkpoint } = parse_json(&received.bytes)?;
            let bundle =
                hex::decode(bundle).map_err(|error| ApiError::Malformed { reason: format!("bundle: {error}") })?;
            let checkpoint = match checkpoint {
                Some(value) => Checkpoint::from_json(value.to_string().as_bytes()),
                None => Checkpoint::from_genesis((*backend.identity().genesis).clone()),
            };
            let checkpoint = checkpoint.map_err(|error| ApiError::Malformed { reason: error.to_string() })?;
            let report = verify(&bundle, &checkpoint, &[]);
            // Until here its bytes count, so that few such requests are in memory at once.
            drop(received);
            Ok(report)
        })
        .await?;
    Ok(respond::ok(&report))
}
