//! One record of the state, as of a height, with its proof.

use axum::response::Response;
use quancheng_contracts::Answer;
use quancheng_state::Snapshot;
use quancheng_types::Height;
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
}

impl Question {
    /// A question about one record.
    pub(crate) fn new(module: impl Into<String>, query: Value, what: impl Into<String>) -> Self {
        Self { module: module.into(), query, what: what.into(), is_timed: false }
    }

    /// With the time of the block, from which the module computes what depends on time.
    #[must_use]
    pub(crate) fn timed(self) -> Self {
        Self { is_timed: true, ..self }
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
        let prove = || proofs::state(backend, &snapshot, &answer.keys, Unprovable::LeaveOut);
        let proof = is_proven.then(prove).transpose()?;
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
