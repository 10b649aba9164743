//! Request bodies: bounded in bytes, in time, and all together in memory.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::problem::{ApiError, ApiResult};
use super::progress::Progress;
use super::state::Api;
use crate::fair::FairShare;
use crate::limits::SMALL_BODY_BYTES;

/// Bytes that a body reserves at first, if it may be so large.
const RESERVE_MIN: usize = 4 * 1024;
/// Bytes a second at which a body must arrive while memory for bodies is scarce.
const BODY_RATE_MIN: u32 = 32 * 1024;
/// How far it may be behind that rate.
const BEHIND_MAX: Duration = Duration::from_secs(2);
/// Pause between two looks at a body that does not come.
const LOOK: Duration = Duration::from_millis(500);
/// Suggested wait when too many bodies are in memory, ms.
const RETRY_AFTER_MS: u64 = 500;

/// A body, and its share of the memory for bodies until it is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _share: Option<FairShare>,
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
    let hint = axum::body::HttpBody::size_hint(&body);
    let claimed = usize::try_from(hint.lower()).unwrap_or(usize::MAX);
    if claimed > bytes_max {
        return Err(ApiError::TooLarge { bytes_max });
    }
    let mut progress = Progress::new(BODY_RATE_MIN, Instant::now());
    let mut buffer =
        Buffer { bytes: Vec::new(), share: None, bytes_max: if claimed > 0 { claimed } else { bytes_max } };
    loop {
        let frame = match tokio::time::timeout(LOOK, body.frame()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(_elapsed) if is_too_slow(api, &progress) => return Err(ApiError::BodyTimeout),
            Err(_elapsed) => continue,
        };
        let frame = frame.map_err(|error| ApiError::Malformed { reason: format!("the body broke off: {error}") })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if buffer.bytes.len().saturating_add(data.len()) > bytes_max {
            return Err(ApiError::TooLarge { bytes_max });
        }
        buffer.add(api, &data)?;
        progress.came(data.len(), Instant::now());
        if is_too_slow(api, &progress) {
            return Err(ApiError::BodyTimeout);
        }
    }
    Ok(Received { bytes: Bytes::from(buffer.bytes), _share: buffer.share })
}

/// Whether a body comes too slowly for what is left of the memory for bodies: while there is enough, it has all its time.
fn is_too_slow(api: &Api, progress: &Progress) -> bool {
    progress.owed(Instant::now()) > BEHIND_MAX && api.bodies.is_scarce(api.client)
}

/// Bytes of a body that is arriving, and their share of the memory for bodies.
struct Buffer {
    bytes: Vec<u8>,
    share: Option<FairShare>,
    /// Most that are expected.
    bytes_max: usize,
}

impl Buffer {
    /// Memory is claimed as bytes arrive: a client that announces much and sends little holds little. The first bytes are covered by the
    /// connection, so that a single submission finds room however much of it large bodies have taken.
    fn add(&mut self, api: &Api, data: &[u8]) -> ApiResult<()> {
        let length = self.bytes.len() + data.len();
        let capacity = self.bytes.capacity();
        if length > capacity {
            let wanted = capacity.saturating_mul(2).max(RESERVE_MIN).min(self.bytes_max).max(length);
            let held = self.share.as_ref().map_or(0, FairShare::amount);
            let lacking = wanted.saturating_sub(SMALL_BODY_BYTES).saturating_sub(held);
            if lacking > 0 {
                let overloaded = |_| ApiError::Overloaded { what: "request bodies", retry_after_ms: RETRY_AFTER_MS };
                let taken = api.bodies.try_take(api.client, lacking).map_err(overloaded)?;
                match &mut self.share {
                    Some(share) => share.merge(taken),
                    None => self.share = Some(taken),
                }
            }
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}
