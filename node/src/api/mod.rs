//! The HTTP API: two listeners over one node.
//!
//! ```text
//! server      accepting, bounding and ending connections          stream: a client must keep taking its answer
//!   │
//! routes/     one handler per route, one file per noun             openapi: their description
//!   │ ask
//! records, registrations, lists, proofs     a question to a module → a record, a page, a bundle
//!   │ over
//! state       blocking reads under a bound, the snapshot of a height or time
//!   │
//! backend     all that the API knows of the node
//!
//! params, body, cursor       what comes in        respond, csv, outcome, time       what goes out
//! problem, language          RFC 9457 errors in Chinese and English
//! ```
//!
//! Nothing a client sends can make the node panic or hold more than a bounded share of memory: heads, bodies, waits, reads, pages
//! and streams are bounded one by one and all together ([`limits`]).

mod answers;
pub mod backend;
mod body;
mod connections;
mod csv;
mod cursor;
mod language;
pub mod limits;
mod lists;
mod openapi;
mod outcome;
mod params;
mod problem;
mod proofs;
mod records;
mod registrations;
mod respond;
mod routes;
mod server;
mod state;
mod stream;
mod time;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use self::backend::Backend;
pub use self::limits::ApiLimits;
pub use self::openapi::json as openapi_json;
use self::state::Api;

/// Serves the public API until `stop` turns true (or its sender is gone), then lets requests in progress end within
/// [`ApiLimits::shutdown_grace`].
pub async fn serve_public(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    limits: ApiLimits,
    stop: watch::Receiver<bool>,
) {
    let api = Api::new(backend, limits, stop.clone());
    let limits = Arc::clone(&api.limits);
    server::serve(listener, routes::public(api), limits, stop).await;
}

/// Serves `/healthz`, `/readyz` and `/metrics`, as [`serve_public`] does. Keep its listener away from the public.
pub async fn serve_admin(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    limits: ApiLimits,
    stop: watch::Receiver<bool>,
) {
    let api = Api::new(backend, limits, stop.clone());
    let limits = Arc::clone(&api.limits);
    server::serve(listener, routes::admin(api), limits, stop).await;
}

/// The API in memory, for fuzz targets only.
#[cfg(feature = "fuzzing")]
pub use self::tests::fuzz;

#[cfg(any(test, feature = "fuzzing"))]
mod tests;
