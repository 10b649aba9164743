//! One record of the state, as of a height, with its proof.

use axum::response::Response;
use quancheng_contracts::Answer;
use quancheng_contracts::identity::organization_key;
use quancheng_proof::Bundle;
use quancheng_state::{Snapshot, StateKey};
use quancheng_types::{Height, TransactionId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::backend::Backend;
use super::params::ReadParams;
use super::problem::{ApiError, ApiResult};
use super::proofs::{self, Unprovable};
use super::respond;
use super::state::{Api, AsOf};
use super::time::rfc3339;

/// An answer and the state it is as of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Envelope {
    /// The height.
    #[schema(value_type = u64)]
    pub(crate) height: Height,
    /// Time of its block, ms since 1970 UTC.
    pub(crate) time_ms: u64,
    /// The same in RFC 3339.
    pub(crate) time: String,
    /// The record; null when there is none (only with a proof of it, else the answer is 404).
    #[schema(value_type = Object)]
    pub(crate) data: Value,
    /// State key that carries the answer, hex: `/v1/bundles/state/{key}` proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The evidence bundle, borsh in hex, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<String>,
}

/// A question to a module.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Name of the module.
    pub(crate) module: String,
    /// Its query, externally tagged JSON.
    pub(crate) query: Value,
    /// What is asked for, in words, for the answer that there is none.
    pub(crate) what: String,
    /// Whether the query takes `at_ms`, the time of the block it is as of.
    pub(crate) is_timed: bool,
    /// What its proof shows beside the rows that answer it.
    pub(crate) beside: Beside,
}

/// What the proof of a record shows beside the rows that hold it, so that a reader learns whom it names and who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing more.
    Nothing,
    /// The organizations that the record names.
    Organizations,
    /// The transaction that made the record, and its signers.
    Transaction,
}

impl Question {
    /// A question about one record.
    pub(crate) fn new(module: impl Into<String>, query: Value, what: impl Into<String>) -> Self {
        Self { module: module.into(), query, what: what.into(), is_timed: false, beside: Beside::Nothing }
    }

    /// With the time of the block, from which the module computes what depends on time.
    #[must_use]
    pub(crate) fn timed(self) -> Self {
        Self { is_timed: true, ..self }
    }

    /// With what its proof shows beside.
    #[must_use]
    pub(crate) fn beside(self, beside: Beside) -> Self {
        Self { beside, ..self }
    }

    /// Proves its answer, or that there is none; the same on every road on which a proof is asked for.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) fn prove(&self, backend: &dyn Backend, snapshot: &Snapshot, answer: &Answer) -> ApiResult<Bundle> {
        let of = |keys: &[StateKey]| proofs::state(backend, snapshot, keys, Unprovable::LeaveOut);
        match self.beside {
            Beside::Nothing => of(&answer.keys),
            Beside::Organizations => of(&[answer.keys.as_slice(), &named_organizations(&answer.value)].concat()),
            Beside::Transaction => {
                let made_by = answer.value.get("transaction").and_then(|id| id.as_str()?.parse::<TransactionId>().ok());
                proofs::evidence(backend, snapshot, &answer.keys, made_by.as_ref())
            }
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) fn answer(&self, snapshot: &Snapshot) -> ApiResult<Answer> {
        let mut query = self.query.clone();
        if self.is_timed
            && let Some(Value::Object(fields)) = query.as_object_mut().and_then(|tagged| tagged.values_mut().next())
        {
            fields.insert("at_ms".to_owned(), Value::from(snapshot.tip().leaf.time_ms));
        }
        Ok(quancheng_contracts::query(snapshot, &self.module, query)?)
    }
}

/// Rows of the organizations that a record names.
fn named_organizations(record: &Value) -> Vec<StateKey> {
    const PARTIES: [&str; 4] = ["applicant", "agent", "holders", "registrar"];
    let parties = PARTIES.iter().filter_map(|party| record.get(party));
    let ids = parties.flat_map(|party| party.as_array().map_or_else(|| vec![party], |list| list.iter().collect()));
    ids.filter_map(|id| Some(organization_key(&id.as_str()?.parse().ok()?))).collect()
}

/// Answers a question about one record. No record is an error unless its absence is proven.
///
/// # Errors
/// [`ApiError`].
pub(crate) async fn envelope(api: &Api, question: Question, as_of: AsOf, is_proven: bool) -> ApiResult<Envelope> {
    let read = move |backend: &dyn Backend| {
        let snapshot = as_of.snapshot(backend)?;
        let answer = question.answer(&snapshot)?;
        if answer.value.is_null() && !is_proven {
            return Err(ApiError::not_found(question.what));
        }
        let proof = is_proven.then(|| question.prove(backend, &snapshot, &answer)).transpose()?;
        let time_ms = snapshot.tip().leaf.time_ms;
        Ok(Envelope {
            height: snapshot.height(),
            time_ms,
            time: rfc3339(time_ms),
            data: answer.value,
            key: answer.keys.first().map(|key| hex::encode(key.as_bytes())),
            proof: proof.map(|bundle| hex::encode(bundle.encode())),
        })
    };
    if is_proven { api.proving(read).await } else { api.blocking(read).await }
}

/// The response of a route that shows one record.
///
/// # Errors
/// [`ApiError`].
pub(crate) async fn respond(api: &Api, question: Question, params: &ReadParams) -> ApiResult<Response> {
    let envelope = envelope(api, question, params.as_of()?, params.proof).await?;
    Ok(respond::ok(&envelope))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_parties_of_a_record_are_named() {
        let record =
            json!({ "applicant": "ORG-M1", "agent": null, "holders": ["ORG-M1", "ORG-M2"], "registrar": "ORG-REG" });
        let keys = ["ORG-M1", "ORG-M1", "ORG-M2", "ORG-REG"].map(|id| organization_key(&id.parse().expect("an id")));
        assert_eq!(named_organizations(&record), keys);
    }
}
