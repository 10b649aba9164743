//! `/v1/bundles`: evidence bundles, of presence and of absence.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use quancheng_contracts::identity::organization_key;
use quancheng_proof::Bundle;
use quancheng_state::StateKey;
use quancheng_types::{Digest, TransactionId};
use serde_json::{Value, json};

use super::super::params::{NoParams, Params, ReadParams, Segment};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::proofs::{self, Unprovable};
use super::super::records::Question;
use super::super::respond::{self, Form, JSON, OCTET_STREAM};
use super::super::state::{Api, AsOf};
use super::nouns::registration_question;

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
    State(api): State<Api>,
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

/// Organizations that a record names, so that a reader learns who they are.
fn named_organizations(record: &Value) -> Vec<StateKey> {
    const PARTIES: [&str; 4] = ["applicant", "agent", "holders", "registrar"];
    let parties = PARTIES.iter().filter_map(|party| record.get(party));
    let ids = parties.flat_map(|party| party.as_array().map_or_else(|| vec![party], |list| list.iter().collect()));
    ids.filter_map(|id| Some(organization_key(&id.as_str()?.parse().ok()?))).collect()
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
    State(api): State<Api>,
    segment: Segment,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let root = segment.parse::<Digest>("root")?;
    let record = Question::new("evidence", json!({ "record": { "root": root } }), format!("evidence {root}"));
    let as_of = certified(&params)?;
    let bundle = api
        .proving(move |backend| {
            let snapshot = as_of.snapshot(backend)?;
            let answer = record.answer(&snapshot)?;
            let made_by = answer.value.get("transaction").and_then(|id| id.as_str()?.parse::<TransactionId>().ok());
            proofs::evidence(backend, &snapshot, &answer.keys, made_by.as_ref())
        })
        .await?;
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
    State(api): State<Api>,
    segment: Segment,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (question, as_of) = (registration_question(&segment.0)?, certified(&params)?);
    let bundle = api
        .proving(move |backend| {
            let snapshot = as_of.snapshot(backend)?;
            let answer = question.answer(&snapshot)?;
            let keys = [answer.keys, named_organizations(&answer.value)].concat();
            proofs::state(backend, &snapshot, &keys, Unprovable::LeaveOut)
        })
        .await?;
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
    State(api): State<Api>,
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
