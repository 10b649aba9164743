//! `/v1/bundles`: evidence bundles, of presence and of absence.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use quancheng_proof::Bundle;
use quancheng_state::StateKey;
use quancheng_types::Digest;

use super::super::params::{NoParams, Params, ReadParams, Segment};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::proofs::{self, Unprovable};
use super::super::records::Question;
use super::super::respond::{self, Form, JSON, OCTET_STREAM};
use super::super::state::{Api, AsOf};
use super::nouns::{evidence_question, registration_question};

/// A bundle in the form that the client asks for, borsh unless it says JSON.
fn answer(headers: &HeaderMap, bundle: &Bundle, name: &str) -> Response {
    match respond::preferred(headers, &[Form::Borsh, Form::Json]) {
        Form::Json => respond::bytes(StatusCode::OK, JSON, bundle.to_json()),
        Form::Borsh | Form::Csv => {
            let mut response = respond::bytes(StatusCode::OK, OCTET_STREAM, bundle.encode());
            let file = format!("attachment; filename=\"{name}.bundle\"");
            if let Ok(value) = HeaderValue::try_from(file) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
            }
            response
        }
    }
}

/// Proves a transaction and its receipt, and who its signers are as of its height.
#[utoipa::path(
    get, path = "/v1/bundles/transactions/{id}", tag = "evidence",
    params(("id" = String, Path, description = "Transaction id, 64 hex digits")),
    responses(
        (status = 200, content(("application/octet-stream"), (Object = "application/json"))),
        (status = 409, description = "NOT_CERTIFIED_YET", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn transaction(
    api: Api,
    segment: Segment,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let id = segment.transaction_id()?;
    let bundle = api.proving(move |backend| proofs::transaction(backend, &id)).await?;
    Ok(answer(&headers, &bundle, &id.to_string()))
}

/// Bundles prove certified heights only, so that is what "the newest" means here.
fn certified(params: &ReadParams) -> ApiResult<AsOf> {
    if params.proof {
        return Err(ApiError::parameter("proof", "a bundle is the proof; leave it out"));
    }
    Ok(match params.as_of()? {
        AsOf::Newest => AsOf::NewestCertified,
        as_of @ (AsOf::NewestCertified | AsOf::Height(_) | AsOf::Time(_)) => as_of,
    })
}

/// The proof of a record, which is that of its answer.
async fn of_record(api: &Api, question: Question, params: &ReadParams) -> ApiResult<Bundle> {
    let as_of = certified(params)?;
    api.proving(move |backend| {
        let snapshot = as_of.snapshot(backend)?;
        let answer = question.answer(&snapshot)?;
        question.prove(backend, &snapshot, &answer)
    })
    .await
}

/// Proves an evidence record with the transaction that made it and its signers, or that the root was never notarized.
#[utoipa::path(
    get, path = "/v1/bundles/evidence/{root}", tag = "evidence",
    params(("root" = String, Path, description = "Commitment root, 64 hex digits"), ReadParams),
    responses(
        (status = 200, content(("application/octet-stream"), (Object = "application/json"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn evidence(
    api: Api,
    segment: Segment,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let root = segment.parse::<Digest>("root")?;
    let bundle = of_record(&api, evidence_question(&root, root), &params).await?;
    Ok(answer(&headers, &bundle, &root.to_string()))
}

/// Proves a registration with the organizations it names, or that its number was never issued.
#[utoipa::path(
    get, path = "/v1/bundles/registrations/{registration}", tag = "evidence",
    params(("registration" = String, Path, description = "Ledger number or serial number"), ReadParams),
    responses(
        (status = 200, content(("application/octet-stream"), (Object = "application/json"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn registration(
    api: Api,
    segment: Segment,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let bundle = of_record(&api, registration_question(&segment.0)?, &params).await?;
    Ok(answer(&headers, &bundle, "registration"))
}

/// Proves any entry of the state, or that there is none.
#[utoipa::path(
    get, path = "/v1/bundles/state/{key}", tag = "evidence",
    params(("key" = String, Path, description = "State key in hex, as in `key` of an answer"), ReadParams),
    responses(
        (status = 200, content(("application/octet-stream"), (Object = "application/json"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn state(
    api: Api,
    segment: Segment,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let wrong = |reason: &str| ApiError::parameter("key", reason);
    let bytes = hex::decode(&segment.0).map_err(|_| wrong("not hexadecimal"))?;
    let key = StateKey::from_bytes(bytes).ok_or_else(|| wrong("a state key has 4 to 256 bytes"))?;
    let as_of = certified(&params)?;
    let bundle = api
        .proving(move |backend| {
            let snapshot = as_of.snapshot(backend)?;
            proofs::state(backend, &snapshot, &[key], Unprovable::Refuse)
        })
        .await?;
    Ok(answer(&headers, &bundle, "state"))
}
