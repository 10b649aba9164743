//! Reads by noun: each is a question to a module, as of a height, with a proof if asked for.

use axum::http::HeaderMap;
use axum::response::Response;
use quancheng_contracts::evidence::Evidence;
use quancheng_contracts::{Contract as _, decode_call};
use quancheng_types::{AccountId, Call, Digest, TransactionId};
use serde_json::json;

use super::super::lists::{self, ListAnswer, ModuleList};
use super::super::params::{ListParams, Params, ReadParams, Segment};
use super::super::problem::{ApiError, ApiResult, Problem};
use super::super::records::{self, Beside, Envelope, Question};
use super::super::registrations::RegistrationListParams;
use super::super::state::Api;

/// An account: its organization and keys. One without a record is its key's own and answers 404.
#[utoipa::path(
    get, path = "/v1/accounts/{account}", tag = "records",
    params(("account" = String, Path, description = "`qc1…` or 64 hex digits"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn account(api: Api, segment: Segment, Params(params): Params<ReadParams>) -> ApiResult<Response> {
    let account = AccountId::from_text(&segment.0).map_err(|error| ApiError::parameter("account", error))?;
    let question =
        Question::new("identity", json!({ "account": { "account": account } }), format!("record of account {account}"));
    records::respond(&api, question, &params).await
}

/// Organizations in order of first application.
#[utoipa::path(
    get, path = "/v1/organizations", tag = "records", params(ListParams),
    responses(
        (status = 200, content((ListAnswer = "application/json"), ("text/csv"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn organizations(
    api: Api,
    Params(params): Params<ListParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let list = ModuleList { module: "identity", query: "organizations" };
    lists::respond(&api, &headers, "/v1/organizations".to_owned(), params, move |backend, page| {
        list.read(backend, page)
    })
    .await
}

/// An organization.
#[utoipa::path(
    get, path = "/v1/organizations/{org_id}", tag = "records",
    params(("org_id" = String, Path, description = "Its id, such as ORG-REG"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn organization(
    api: Api,
    segment: Segment,
    Params(params): Params<ReadParams>,
) -> ApiResult<Response> {
    let org_id = segment.parse::<quancheng_contracts::identity::OrgId>("org_id")?;
    let question = Question::new(
        "identity",
        json!({ "organization": { "org_id": org_id } }),
        format!("organization {}", segment.0),
    );
    records::respond(&api, question, &params).await
}

/// Registrations by serial number, each without its dossier and with its status at the time of the block; with a filter in the
/// order in which they came under it.
#[utoipa::path(
    get, path = "/v1/registrations", tag = "records", params(RegistrationListParams),
    responses(
        (status = 200, content((ListAnswer = "application/json"), ("text/csv"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn registrations(
    api: Api,
    Params(params): Params<RegistrationListParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (filter, params) = params.split()?;
    lists::respond(&api, &headers, filter.path(), params, move |backend, page| filter.read(backend, page)).await
}

/// The question about a registration, by serial number or by ledger number.
pub(super) fn registration_question(text: &str) -> ApiResult<Question> {
    let what = format!("registration {text}");
    let query = match text.parse::<u32>() {
        Ok(serial) => json!({ "registration": { "registration": serial } }),
        Err(_) => {
            let number = text.parse::<quancheng_contracts::domain::LedgerNumber>();
            let number = number.map_err(|error| {
                ApiError::parameter("registration", format!("neither a serial number nor a ledger number: {error}"))
            })?;
            json!({ "number": { "ledger_no": number } })
        }
    };
    Ok(Question::new("registry", query, what).timed().beside(Beside::Organizations))
}

/// A registration with its dossier and its status at the time of the block.
#[utoipa::path(
    get, path = "/v1/registrations/{registration}", tag = "records",
    params(("registration" = String, Path, description = "Ledger number or serial number"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn registration(
    api: Api,
    segment: Segment,
    Params(params): Params<ReadParams>,
) -> ApiResult<Response> {
    records::respond(&api, registration_question(&segment.0)?, &params).await
}

/// The question for the record of a root, by the name under which it was asked for.
pub(super) fn evidence_question(named: &Digest, root: Digest) -> Question {
    Question::new("evidence", json!({ "record": { "root": root } }), format!("evidence {named}"))
        .beside(Beside::Transaction)
}

/// The root that a call notarizes.
fn notarized_root(call: &Call) -> Option<Digest> {
    let json = decode_call(call).ok().filter(|_| call.module == Evidence::ID)?;
    let notarize = json.get("notarize")?;
    let root = notarize.get("root").or_else(|| notarize.pointer("/commitment/root"))?;
    root.as_str()?.parse().ok()
}

/// Evidence: the record of a commitment root, or of the roots that a transaction notarized (the first of them).
#[utoipa::path(
    get, path = "/v1/evidence/{root}", tag = "records",
    params(("root" = String, Path, description = "Commitment root, or id of the transaction that notarized it; hex"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn evidence(api: Api, segment: Segment, Params(params): Params<ReadParams>) -> ApiResult<Response> {
    let named = segment.parse::<Digest>("root")?;
    let root = api
        .blocking(move |backend| {
            let executed = backend.executed_transaction(&TransactionId(named))?;
            Ok(executed.and_then(|executed| executed.transaction.body.calls.iter().find_map(notarized_root)))
        })
        .await?
        .unwrap_or(named);
    records::respond(&api, evidence_question(&named, root), &params).await
}

/// Proposals of governance, by number.
#[utoipa::path(
    get, path = "/v1/governance/proposals", tag = "governance", params(ListParams),
    responses(
        (status = 200, content((ListAnswer = "application/json"), ("text/csv"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn proposals(api: Api, Params(params): Params<ListParams>, headers: HeaderMap) -> ApiResult<Response> {
    let list = ModuleList { module: "governance", query: "proposals" };
    let path = "/v1/governance/proposals".to_owned();
    lists::respond(&api, &headers, path, params, move |backend, page| list.read(backend, page)).await
}

/// A proposal of governance.
#[utoipa::path(
    get, path = "/v1/governance/proposals/{number}", tag = "governance",
    params(("number" = u64, Path, description = "Its number, from 1"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn proposal(api: Api, segment: Segment, Params(params): Params<ReadParams>) -> ApiResult<Response> {
    let number = segment.parse::<u64>("number")?;
    let question =
        Question::new("governance", json!({ "proposal": { "proposal": number } }), format!("proposal {number}"));
    records::respond(&api, question, &params).await
}

/// Newest versions of all rule sets.
#[utoipa::path(
    get, path = "/v1/rule-sets", tag = "governance", params(ListParams),
    responses(
        (status = 200, content((ListAnswer = "application/json"), ("text/csv"))),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn rule_sets(api: Api, Params(params): Params<ListParams>, headers: HeaderMap) -> ApiResult<Response> {
    let list = ModuleList { module: "governance", query: "rule_sets" };
    lists::respond(&api, &headers, "/v1/rule-sets".to_owned(), params, move |backend, page| list.read(backend, page))
        .await
}

/// The newest version of a rule set.
#[utoipa::path(
    get, path = "/v1/rule-sets/{id}", tag = "governance",
    params(("id" = String, Path, description = "Its id, such as RS-SZ-2025"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn rule_set(api: Api, segment: Segment, Params(params): Params<ReadParams>) -> ApiResult<Response> {
    let query = json!({ "rule_set": { "rule_set": segment.0 } });
    records::respond(&api, Question::new("governance", query, format!("rule set {}", segment.0)), &params).await
}

/// The working-day calendar of a year.
#[utoipa::path(
    get, path = "/v1/calendar/{year}", tag = "governance",
    params(("year" = u16, Path, description = "The year"), ReadParams),
    responses((status = 200, body = Envelope), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn calendar(api: Api, segment: Segment, Params(params): Params<ReadParams>) -> ApiResult<Response> {
    let year = segment.parse::<u16>("year")?;
    let question = Question::new("governance", json!({ "calendar": { "year": year } }), format!("calendar of {year}"));
    records::respond(&api, question, &params).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of a certificate names people by what they are called, whichever road its proof came by.
    #[test]
    fn a_registration_is_proven_with_the_organizations_it_names() {
        for number in ["1", "QC-370100-PR-2026-00001001-P"] {
            assert_eq!(registration_question(number).expect("a number").beside, Beside::Organizations);
        }
    }
}
