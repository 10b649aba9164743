//! Request bodies: bounded in bytes, in time, and all together in memory.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::problem::{ApiError, ApiResult};
use super::state::Api;

/// Bytes that a body reserves at first, whatever it claims.
const RESERVE_MAX: usize = 64 * 1024;
/// Suggested wait when too many bodies are in memory, ms.
const RETRY_AFTER_MS: u64 = 500;

/// A body, and its share of the memory for bodies until it is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// Our canonical bytes.
    Borsh,
    /// JSON.
    Json,
}

impl BodyKind {
    /// The kind that `Content-Type` names.
    ///
    /// # Errors
    /// [`ApiError::UnsupportedMediaType`] naming `allowed`.
    pub(crate) fn of(headers: &HeaderMap, allowed: &'static str) -> ApiResult<Self> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/octet-stream" => Ok(Self::Borsh),
            "application/json" => Ok(Self::Json),
            _ => Err(ApiError::UnsupportedMediaType { found: value.chars().take(100).collect(), allowed }),
        }
    }
}

/// Refuses any body but JSON.
///
/// # Errors
/// [`ApiError::UnsupportedMediaType`].
pub(crate) fn require_json(headers: &HeaderMap) -> ApiResult<()> {
    const ALLOWED: &str = "application/json";
    match BodyKind::of(headers, ALLOWED)? {
        BodyKind::Json => Ok(()),
        BodyKind::Borsh => {
            Err(ApiError::UnsupportedMediaType { found: "application/octet-stream".to_owned(), allowed: ALLOWED })
        }
    }
}

/// Reads JSON. Depth is bounded by the parser (128).
///
/// # Errors
/// [`ApiError::Malformed`] with line and column.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::Malformed { reason: error.to_string() })
}

/// Receives a body.
///
/// # Errors
/// [`ApiError::TooLarge`], [`ApiError::BodyTimeout`], [`ApiError::Overloaded`] when the bodies of all requests together take too
/// much memory, [`ApiError::Malformed`] when the client breaks off.
pub(crate) async fn receive(api: &Api, body: Body, bytes_max: usize) -> ApiResult<Received> {
    let timeout: Duration = api.limits.body_timeout;
    match tokio::time::timeout(timeout, collect(api, body, bytes_max)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(ApiError::BodyTimeout),
    }
}

async fn collect(api: &Api, mut body: Body, bytes_max: usize) -> ApiResult<Received> {
    let claimed = usize::try_from(axum::body::HttpBody::size_hint(&body).lower()).unwrap_or(usize::MAX);
    if claimed > bytes_max {
        return Err(ApiError::TooLarge { bytes_max });
    }
    let mut bytes = BytesMut::with_capacity(claimed.min(RESERVE_MAX));
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::Malformed { reason: format!("the body broke off: {error}") })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > bytes_max {
            return Err(ApiError::TooLarge { bytes_max });
        }
        // Memory is claimed as bytes arrive: a client that announces much and sends little holds little.
        let part = u32::try_from(data.len()).map_err(|_| ApiError::TooLarge { bytes_max })?;
        let taken = std::sync::Arc::clone(&api.body_memory)
            .try_acquire_many_owned(part)
            .map_err(|_| ApiError::Overloaded { what: "request bodies", retry_after_ms: RETRY_AFTER_MS })?;
        match &mut share {
            Some(share) => share.merge(taken),
            None => share = Some(taken),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Received { bytes: bytes.freeze(), _share: share })
}
