//! Answers: which form the client asked for, and how it is written.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::language::thousandths;

/// Our canonical bytes.
pub(crate) const OCTET_STREAM: &str = "application/octet-stream";
/// JSON.
pub(crate) const JSON: &str = "application/json";
/// Rows for spreadsheets.
pub(crate) const CSV: &str = "text/csv; charset=utf-8";
/// Ranges of `Accept` that are looked at.
const RANGES_MAX: usize = 32;

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON.
    Json,
    /// Canonical bytes.
    Borsh,
    /// Rows.
    Csv,
}

impl Form {
    const fn essence(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::Borsh => ("application", "octet-stream"),
            Self::Csv => ("text", "csv"),
        }
    }
}

/// The form that `Accept` weighs highest (RFC 9110 §12.5.1); the first of `offers` when it does not matter or names none of them:
/// a client that asks for something else is better served by an answer it did not ask for than by none.
#[must_use]
pub(crate) fn preferred(headers: &HeaderMap, offers: &[Form]) -> Form {
    let first = offers.first().copied().unwrap_or(Form::Json);
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return first;
    };
    let mut best = (0_u32, first);
    for form in offers.iter().copied() {
        let weight = weight(accept, form);
        if weight > best.0 {
            best = (weight, form);
        }
    }
    best.1
}

/// Weight of a form in thousandths; the most specific range decides.
fn weight(accept: &str, form: Form) -> u32 {
    let (kind, name) = form.essence();
    let mut best = (0_u8, 0_u32);
    for range in accept.split(',').take(RANGES_MAX) {
        let mut parts = range.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let precision = match essence.split_once('/') {
            Some((k, n)) if k == kind && n == name => 3,
            Some((k, "*")) if k == kind => 2,
            Some(("*", "*")) => 1,
            Some(_) | None => continue,
        };
        if precision > best.0 {
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1000, thousandths);
            best = (precision, weight);
        }
    }
    best.1
}

/// An answer of bytes.
#[must_use]
pub(crate) fn bytes(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An answer in JSON.
#[must_use]
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut body = serde_json::to_vec(value).expect("our answers have text keys and no foreign serializers");
    // It may wait for its client for a while, and what is counted is its length.
    body.shrink_to_fit();
    bytes(status, JSON, body)
}

/// An answer in JSON with status 200.
#[must_use]
pub(crate) fn ok<T: Serialize>(value: &T) -> Response {
    json(StatusCode::OK, value)
}
