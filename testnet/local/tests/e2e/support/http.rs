//! HTTP as a client of the network speaks it.

use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

/// Media type of canonical bytes.
pub(crate) const BYTES: &str = "application/octet-stream";
/// Greatest answer, bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A client that gives up after `timeout`.
pub(crate) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).proxy(None).build().into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<(u16, Vec<u8>), ureq::Error> {
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok((status, bytes))
}

/// Status and JSON (null when the body is none).
pub(crate) fn get(url: &str) -> Result<(u16, Value), ureq::Error> {
    let (status, bytes) = read(agent(Duration::from_secs(30)).get(url).call()?)?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// JSON of a request that has to succeed; tried again for a while, because a machine under load may be late.
pub(crate) fn get_ok(url: &str) -> Value {
    let begin = Instant::now();
    loop {
        match get(url) {
            Ok((200, body)) => return body,
            other if begin.elapsed() > Duration::from_secs(30) => panic!("GET {url}: {other:?}"),
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The body of a request that has to succeed, as it is.
pub(crate) fn get_bytes(url: &str) -> Vec<u8> {
    let response = agent(Duration::from_secs(30)).get(url).call().unwrap_or_else(|error| panic!("GET {url}: {error}"));
    let (status, bytes) = read(response).unwrap_or_else(|error| panic!("GET {url}: {error}"));
    assert_eq!(status, 200, "GET {url}: {}", String::from_utf8_lossy(&bytes));
    bytes
}

/// Posts a body.
pub(crate) fn post(agent: &Agent, url: &str, kind: &str, body: &[u8]) -> Result<(u16, Value), ureq::Error> {
    let (status, bytes) = read(agent.post(url).header("content-type", kind).send(body)?)?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// Waits until `done` says so.
pub(crate) fn wait_until(what: &str, timeout: Duration, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < timeout, "waited {} s in vain until {what}", timeout.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}
