//! `/v1/genesis` and `/v1/checkpoint`: where trust starts.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quancheng_proof::Checkpoint;

use super::super::params::{NoParams, Params};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::respond::{self, Form, JSON, OCTET_STREAM};
use super::super::state::Api;

/// The genesis, in JSON or borsh by `Accept`. Its hash is the chain id.
#[utoipa::path(
    get, path = "/v1/genesis", tag = "chain",
    responses((status = 200, content((Object = "application/json"), ("application/octet-stream"))))
)]
pub(super) async fn genesis(api: Api, Params(NoParams {}): Params<NoParams>, headers: HeaderMap) -> Response {
    let genesis = &api.backend.identity().genesis;
    match respond::preferred(&headers, &[Form::Json, Form::Borsh]) {
        Form::Borsh => respond::bytes(StatusCode::OK, OCTET_STREAM, genesis.encode()),
        Form::Json | Form::Csv => respond::ok(&**genesis),
    }
}

/// The checkpoint of the genesis: the file that `quancheng verify --checkpoint` trusts. Obtain it by another way than bundles.
#[utoipa::path(
    get, path = "/v1/checkpoint", tag = "chain",
    responses((status = 200, body = Object), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn checkpoint(api: Api, Params(NoParams {}): Params<NoParams>) -> ApiResult<Response> {
    let genesis = (*api.backend.identity().genesis).clone();
    let checkpoint =
        Checkpoint::from_genesis(genesis).map_err(|error| ApiError::Internal { reason: error.to_string() })?;
    Ok(respond::bytes(StatusCode::OK, JSON, checkpoint.to_json()))
}
