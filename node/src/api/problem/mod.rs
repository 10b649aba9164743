//! Errors as clients see them: RFC 9457 `application/problem+json` with a code that never changes and words in two languages.

mod admission;
mod from;
mod words;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quancheng_state::StoreError;
use quancheng_types::{Height, TransactionId, problem as codes};
use serde::Serialize;
use utoipa::ToSchema;

use super::known::KnownUntil;
use super::language::Language;
use super::outcome::RefusalView;
use super::server::Refused;
use crate::admission::AdmissionError;
use crate::backup::BackupError;

/// Media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// RFC 9457 problem details with our members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:quancheng:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem in the language of `Accept-Language` (zh or en).
    pub(crate) title: &'static str,
    /// HTTP status.
    pub(crate) status: u16,
    /// This occurrence: what, where, why, what to do.
    pub(crate) detail: String,
    /// Stable name, equal in all languages.
    pub(crate) code: &'static str,
    /// Whether the same request may succeed later.
    pub(crate) retryable: bool,
    /// What lies underneath, outermost first, in English.
    pub(crate) causes: Vec<String>,
    /// Suggested wait, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u64>,
    /// Least height that can still be read, with `PRUNED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) lowest_height: Option<Height>,
    /// How far this node knows, with `TRANSACTION_UNKNOWN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) known_until: Option<KnownUntil>,
    /// The refusal, with `CALL_REFUSED` and its kin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<RefusalView>,
}

/// Why a request has no answer.
#[derive(Clone, Debug)]
pub(crate) enum ApiError {
    /// No such record.
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// No such path.
    NoPath {
        /// The path, cut to a length that can be shown.
        path: String,
    },
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// Nothing is known of a transaction.
    TransactionUnknown {
        /// Which.
        id: TransactionId,
        /// How far this node knows.
        until: KnownUntil,
    },
    /// A body of a kind that this route does not read.
    UnsupportedMediaType {
        /// What the request says.
        found: String,
        /// What the route reads.
        allowed: &'static str,
    },
    /// A body that does not decode.
    Malformed {
        /// Why.
        reason: String,
    },
    /// A body above the limit of its route.
    TooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// A body that did not arrive in time.
    BodyTimeout,
    /// A parameter in path, query or header that is wrong.
    InvalidParameter {
        /// Which.
        name: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// Something of a height that this node no longer keeps.
    Pruned {
        /// Asked for.
        height: Height,
        /// Least that is kept.
        lowest: Height,
    },
    /// A row of a derived table as of the past, which no proof shows.
    NotKept {
        /// Asked for.
        height: Height,
    },
    /// A height that does not exist yet.
    NotReached {
        /// Asked for.
        height: Height,
    },
    /// Executed, but no final header certifies it yet.
    NotCertifiedYet {
        /// Of which height.
        height: Height,
    },
    /// The answer rests on more state entries than a bundle may prove.
    TooManyClaims {
        /// How many.
        count: usize,
        /// How many may be.
        max: u32,
    },
    /// A transaction that is not taken.
    Admission(AdmissionError),
    /// Too much is going on here.
    Overloaded {
        /// Of what.
        what: &'static str,
        /// Suggested wait, ms.
        retry_after_ms: u64,
    },
    /// Another backup of this node is being made.
    BackupRunning,
    /// A backup that cannot be begun.
    Backup(BackupError),
    /// Another snapshot of this node is being made.
    SnapshotRunning,
    /// A snapshot that cannot be begun or read.
    Snapshot {
        /// Why, in English.
        en: String,
        /// Why, in Chinese.
        zh: String,
    },
    /// The node has not started yet.
    Starting {
        /// The height whose results are there again.
        executed: Height,
        /// The newest height that has a block here; 0 while the store is being opened.
        newest: Height,
    },
    /// The node is stopping.
    Stopping,
    /// No answer in time.
    Timeout,
    /// The store failed.
    Store(StoreError),
    /// A fault of this program.
    Internal {
        /// What was met.
        reason: String,
    },
}

/// Result of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A parameter that is wrong.
    pub(crate) fn parameter(name: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::InvalidParameter { name, reason: reason.to_string() }
    }

    /// A record that is not there.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// HTTP status and stable code.
    #[must_use]
    pub(crate) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, codes::NOT_FOUND),
            Self::NoPath { .. } => (StatusCode::NOT_FOUND, codes::NO_SUCH_PATH),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, codes::METHOD_NOT_ALLOWED),
            Self::TransactionUnknown { .. } => (StatusCode::NOT_FOUND, codes::TRANSACTION_UNKNOWN),
            Self::UnsupportedMediaType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, codes::UNSUPPORTED_MEDIA_TYPE),
            Self::Malformed { .. } => (StatusCode::BAD_REQUEST, codes::MALFORMED),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_LARGE),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, codes::BODY_TIMEOUT),
            Self::InvalidParameter { .. } | Self::TooManyClaims { .. } => {
                (StatusCode::BAD_REQUEST, codes::INVALID_PARAMETER)
            }
            Self::Pruned { .. } => (StatusCode::GONE, codes::PRUNED),
            Self::NotKept { .. } => (StatusCode::GONE, codes::NOT_KEPT),
            Self::NotReached { .. } => (StatusCode::NOT_FOUND, codes::HEIGHT_NOT_REACHED),
            Self::NotCertifiedYet { .. } => (StatusCode::CONFLICT, codes::NOT_CERTIFIED_YET),
            Self::Admission(error) => admission::status_and_code(error),
            Self::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, codes::OVERLOADED),
            Self::BackupRunning => (StatusCode::CONFLICT, codes::BACKUP_RUNNING),
            Self::Backup(_) => (StatusCode::INTERNAL_SERVER_ERROR, codes::BACKUP_FAILED),
            Self::SnapshotRunning => (StatusCode::CONFLICT, codes::SNAPSHOT_RUNNING),
            Self::Snapshot { .. } => (StatusCode::INTERNAL_SERVER_ERROR, codes::SNAPSHOT_FAILED),
            Self::Starting { .. } => (StatusCode::SERVICE_UNAVAILABLE, codes::STARTING),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, codes::STOPPING),
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, codes::TIMEOUT),
            Self::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, codes::STORE_FAILED),
            Self::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, codes::INTERNAL),
        }
    }

    /// Suggested wait before the same request is sent again.
    #[must_use]
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Overloaded { retry_after_ms, .. }
            | Self::Admission(
                AdmissionError::Overloaded { retry_after_ms }
                | AdmissionError::QuotaExceeded { retry_after_ms, .. }
                | AdmissionError::Starting { retry_after_ms },
            ) => Some(*retry_after_ms),
            Self::NotCertifiedYet { .. } | Self::NotReached { .. } => Some(200),
            Self::Starting { .. } => Some(1_000),
            Self::BackupRunning
            | Self::SnapshotRunning
            | Self::Stopping
            | Self::Admission(AdmissionError::Stopping) => Some(5_000),
            Self::NotFound { .. }
            | Self::NoPath { .. }
            | Self::MethodNotAllowed
            | Self::TransactionUnknown { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::BodyTimeout
            | Self::InvalidParameter { .. }
            | Self::Pruned { .. }
            | Self::NotKept { .. }
            | Self::TooManyClaims { .. }
            | Self::Admission(_)
            | Self::Timeout
            | Self::Backup(_)
            | Self::Snapshot { .. }
            | Self::Store(_)
            | Self::Internal { .. } => None,
        }
    }

    /// Whether the same request may succeed later or elsewhere.
    #[must_use]
    pub(crate) fn is_retryable(&self) -> bool {
        self.retry_after_ms().is_some()
            || matches!(
                self,
                Self::Timeout
                    | Self::BodyTimeout
                    | Self::TransactionUnknown { .. }
                    | Self::Admission(AdmissionError::NotAValidator)
            )
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Admission(error) => vec![error.to_string()],
            Self::Store(error) => vec![error.to_string()],
            Self::Backup(error) => vec![error.en()],
            Self::Snapshot { en, .. } => vec![en.clone()],
            Self::Malformed { reason } | Self::InvalidParameter { reason, .. } | Self::Internal { reason } => {
                vec![reason.clone()]
            }
            Self::NotFound { .. }
            | Self::NoPath { .. }
            | Self::MethodNotAllowed
            | Self::TransactionUnknown { .. }
            | Self::UnsupportedMediaType { .. }
            | Self::TooLarge { .. }
            | Self::BodyTimeout
            | Self::Pruned { .. }
            | Self::NotKept { .. }
            | Self::NotReached { .. }
            | Self::NotCertifiedYet { .. }
            | Self::TooManyClaims { .. }
            | Self::Overloaded { .. }
            | Self::BackupRunning
            | Self::SnapshotRunning
            | Self::Starting { .. }
            | Self::Stopping
            | Self::Timeout => Vec::new(),
        }
    }

    /// The document that the client gets.
    #[must_use]
    pub(crate) fn problem(&self, language: Language) -> Problem {
        let (status, code) = self.status_and_code();
        Problem {
            kind: format!("{}{code}", codes::TYPE_PREFIX),
            title: words::title(code, language),
            status: status.as_u16(),
            detail: words::detail(self, language),
            code,
            retryable: self.is_retryable(),
            causes: self.causes(),
            retry_after_ms: self.retry_after_ms(),
            lowest_height: if let Self::Pruned { lowest, .. } = self { Some(*lowest) } else { None },
            known_until: if let Self::TransactionUnknown { until, .. } = self { Some(*until) } else { None },
            refusal: if let Self::Admission(AdmissionError::Refused { module, code, call }) = self {
                Some(RefusalView::new(*module, *code, *call))
            } else {
                None
            },
        }
    }

    /// The answer in one language.
    #[must_use]
    pub(crate) fn response(&self, language: Language) -> Response {
        let problem = self.problem(language);
        // What may succeed later is no fault of this node, and clients can ask for it as often as they like.
        if problem.status >= 500 && !problem.retryable {
            tracing::warn!(code = problem.code, causes = ?problem.causes, "request failed");
        }
        let body = serde_json::to_vec(&problem).expect("a problem has only texts and numbers");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status_and_code().0;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // The client's own fault: what it cost is counted against its address.
        let is_clients = matches!(self, Self::Admission(_) | Self::Malformed { .. }) && !problem.retryable;
        if let Some(wait_ms) = self.retry_after_ms() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000).max(1)));
        }
        if is_clients {
            response.extensions_mut().insert(Refused(1));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// An answer without words: [`super::language::localize`] finds the error in it and writes them in the client's language.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status_and_code().0;
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests;
