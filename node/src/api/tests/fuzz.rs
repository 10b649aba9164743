//! The API without sockets, for fuzz targets: a request goes in, its answer comes out. Behind it is the chain in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::chain::Fake;
use crate::api::state::Commons;
use crate::api::{ApiLimits, routes};
use crate::fair::ClientAddress;

/// Time for an answer: longer than any limit, so that what takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// The public routes over a chain in memory.
pub struct Door {
    runtime: Runtime,
    router: Router,
    _stop: watch::Sender<bool>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// `Content-Type`.
    pub media_type: String,
    /// The body; empty for a stream of events, which has no end.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door")
    }
}

impl Default for Door {
    fn default() -> Self {
        Self::new()
    }
}

impl Door {
    /// Over a fresh chain.
    #[must_use]
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (stop, stopped) = watch::channel(false);
        let router = routes::public(Commons::new(Arc::new(Fake::new()), ApiLimits::default(), stopped));
        Self { runtime, router, _stop: stop }
    }

    /// Sends a request. `None` when it is none in the sense of HTTP.
    #[must_use]
    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, "node");
        }
        let client = ClientAddress::of(std::net::Ipv4Addr::LOCALHOST.into());
        let request = request.extension(client).body(Body::from(body.to_vec())).ok()?;
        let answer = async {
            let response = TowerToHyperService::new(self.router.clone()).call(request).await;
            let response = response.unwrap_or_else(|never| match never {});
            let status = response.status().as_u16();
            let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or_default().to_owned();
            let body = if media_type.starts_with("text/event-stream") {
                Vec::new()
            } else {
                response.into_body().collect().await.expect("a body in memory").to_bytes().to_vec()
            };
            Reply { status, media_type, body }
        };
        let timed = async { tokio::time::timeout(PATIENCE, answer).await };
        Some(self.runtime.block_on(timed).expect("an answer in time"))
    }
}
