//! What hostile, slow and too many clients get.

use std::io::{Read as _, Write as _};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::chain::FOUNDERS;
use super::support::{Reply, Served, connect, connect_from, limits, send, served, served_with};
use crate::api::ApiLimits;
use crate::limits::SMALL_BODY_BYTES;

fn read_all(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn a_client_that_never_ends_its_head_is_cut() {
    let served = served_with(ApiLimits { head_timeout: Duration::from_millis(150), ..limits() });
    let mut stream = connect(served.public);
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: n").expect("sent");
    read_all(&mut stream);
    let mut idle = connect(served.public);
    assert!(read_all(&mut idle).is_empty(), "an idle connection is closed without a word");
    assert_eq!(served.get("/v1/status").status, 200);
}

#[test]
fn a_body_that_does_not_arrive_is_given_up() {
    let served = served_with(ApiLimits { body_timeout: Duration::from_millis(150), ..limits() });
    let mut stream = connect(served.public);
    let head = "POST /v1/transactions HTTP/1.1\r\nhost: n\r\ncontent-type: application/octet-stream\r\ncontent-length: 100\r\n\r\nabc";
    stream.write_all(head.as_bytes()).expect("sent");
    assert_eq!(Reply::parse(&read_all(&mut stream)).problem(), (408, "BODY_TIMEOUT".to_owned()));
}

/// The socket's buffers hold a part of such a body only, so this client is still writing when its answer is ready.
#[test]
fn a_body_that_is_refused_half_way_does_not_cost_the_client_its_answer() {
    const BODY_BYTES: usize = 24 * 1024 * 1024;
    let served = served_with(limits());
    for kind in ["application/octet-stream", "text/plain"] {
        let mut stream = connect(served.public);
        let head = format!(
            "POST /v1/transactions HTTP/1.1\r\nhost: n\r\ncontent-type: {kind}\r\ncontent-length: {BODY_BYTES}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let piece = vec![0; 64 * 1024];
        for _ in 0..BODY_BYTES / piece.len() {
            stream.write_all(&piece).expect("the connection is not reset while the client writes");
        }
        assert!(matches!(Reply::parse(&read_all(&mut stream)).status, 413 | 415), "{kind}");
    }
}

#[test]
fn a_client_that_does_not_take_its_answer_is_cut() {
    let served = served_with(ApiLimits { write_timeout: Duration::from_millis(200), ..limits() });
    let mut stream = connect(served.public);
    // Many answers asked for, none read: the buffers between fill up, then writing stops and the connection is reset.
    let request = b"GET /v1/openapi.json HTTP/1.1\r\nhost: n\r\n\r\n".repeat(1000);
    stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let _ = stream.write_all(&request);
    std::thread::sleep(Duration::from_millis(600));
    let received = read_all(&mut stream).len();
    let one = served.get("/v1/openapi.json").body.len();
    assert!(received < one * 1000, "{received} bytes arrived");
}

/// A body of so many bytes that is no transaction; what is said of it tells whether there was room.
fn junk(bytes: usize) -> Vec<u8> {
    vec![0xff; bytes]
}

const TAKEN: (u16, &str) = (400, "MALFORMED");
const NO_ROOM: (u16, &str) = (503, "OVERLOADED");

fn said_of(served: &Served, from: u8, body: &[u8]) -> (u16, String) {
    let mut stream = connect_from(served, from);
    let head = begun("/v1/transactions", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
    Reply::parse(&read_all(&mut stream)).problem()
}

fn begun(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: n\r\nconnection: close\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Sends a body without its last byte, and is silent.
fn stalls(served: &Served, from: u8, length: usize) -> std::net::TcpStream {
    let mut stream = connect_from(served, from);
    let head = begun("/v1/transactions/bulk", length);
    stream.write_all(&[head.as_bytes(), &junk(length - 1)].concat()).expect("sent");
    stream
}

#[test]
fn all_bodies_together_are_bounded_and_a_small_one_finds_room_always() {
    let served = served_with(ApiLimits { body_bytes_total_max: 100, ..limits() });
    for (bytes, expected) in [(SMALL_BODY_BYTES + 101, NO_ROOM), (SMALL_BODY_BYTES, TAKEN), (1, TAKEN)] {
        // What was taken is given back: three times each.
        for _ in 0..3 {
            let (status, code) = said_of(&served, 1, &junk(bytes));
            assert_eq!((status, code.as_str()), expected, "{bytes} bytes");
        }
    }
}

#[test]
fn an_address_that_holds_bodies_leaves_room_for_those_of_others() {
    const TOTAL: usize = 3 * 256 * 1024;
    let served = served_with(ApiLimits { body_bytes_total_max: TOTAL, ..limits() });
    let part = TOTAL / 3 * 2;
    let body = junk(100 * 1024);
    let _held = loop_until(|| {
        // On a busy machine it may have given way before anybody asked; then it is begun anew.
        let held = stalls(&served, 1, part + SMALL_BODY_BYTES);
        let is_refused = |_| said_of(&served, 1, &body) == (NO_ROOM.0, NO_ROOM.1.to_owned());
        (0..20).any(is_refused).then_some(held)
    });
    for _ in 0..3 {
        assert_eq!(said_of(&served, 2, &body), (TAKEN.0, TAKEN.1.to_owned()), "another address has its own part");
    }
}

/// A body has its time while there is memory enough. When others wait for it, it must still come, however much of it has come before.
/// Each of the two makes memory scarce by itself, so that it does not matter which of them gives way first.
#[test]
fn bodies_that_stop_give_way_when_memory_is_scarce() {
    const TOTAL: usize = 4 * 256 * 1024;
    let served = served_with(ApiLimits { body_bytes_total_max: TOTAL, ..limits() });
    let held = [1, 2].map(|from| stalls(&served, from, TOTAL / 2 - 1024 + SMALL_BODY_BYTES));
    // Long before the time for bodies is over, they are told to come again.
    for mut stream in held {
        assert_eq!(Reply::parse(&read_all(&mut stream)).problem(), (408, "BODY_TIMEOUT".to_owned()));
    }
    loop_until(|| (said_of(&served, 3, &junk(100 * 1024)).0 == TAKEN.0).then_some(()));
}

#[test]
fn connections_are_counted_and_places_are_given_back() {
    let served = served_with(ApiLimits { connections_max: 2, ..limits() });
    let held: Vec<_> = (0..2).map(|_| connect(served.public)).collect();
    let refused = loop_until(|| {
        let reply = served.get("/v1/status");
        (reply.status == 503).then_some(reply)
    });
    assert_eq!(refused.code(), "OVERLOADED");
    assert!(refused.header("retry-after").is_some());
    drop(held);
    loop_until(|| (served.get("/v1/status").status == 200).then_some(()));
}

#[test]
fn connections_of_one_address_are_counted() {
    let served = served_with(ApiLimits { connections_per_address_max: 1, ..limits() });
    let held = connect(served.public);
    loop_until(|| (served.get("/v1/status").status == 503).then_some(()));
    drop(held);
    loop_until(|| (served.get("/v1/status").status == 200).then_some(()));
}

/// Accepting and closing happen in the node's own time.
pub(super) fn loop_until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(value) = attempt() {
            return value;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never happened")
}

#[test]
fn large_heads_are_refused() {
    let served = served();
    let long = "x".repeat(20 * 1024);
    let reply = send(served.public, "GET", "/v1/status", &[("x-long", &long)], b"");
    assert_eq!(reply.status, 431);
    let many: Vec<(String, &str)> = (0..80).map(|index| (format!("x-{index}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(send(served.public, "GET", "/v1/status", &many, b"").status, 431);
}

#[test]
fn requests_that_are_no_http_do_no_harm() {
    let served = served();
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..], b"\r\n\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n"]
    {
        let mut stream = connect(served.public);
        stream.write_all(bytes).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("open");
        read_all(&mut stream);
    }
    assert_eq!(served.get("/v1/status").status, 200);
}

#[test]
fn a_request_that_takes_too_long_is_answered() {
    let served = served_with(ApiLimits { request_timeout: Duration::from_millis(100), ..limits() });
    served.node.is_stuck.store(true, Ordering::SeqCst);
    let bytes = served.node.register(FOUNDERS).encode();
    let reply = served.post_borsh("/v1/transactions?wait=certified&timeout_ms=5000", &bytes);
    assert_eq!(reply.problem(), (504, "TIMEOUT".to_owned()));
}

#[test]
fn a_stop_ends_waits_with_what_is_known() {
    let served = served();
    served.node.is_stuck.store(true, Ordering::SeqCst);
    let bytes = served.node.register(FOUNDERS).encode();
    let (address, stop) = (served.public, served.stop.clone());
    let waiting = std::thread::spawn(move || {
        let headers = [("content-type", "application/octet-stream")];
        send(address, "POST", "/v1/transactions?wait=certified&timeout_ms=20000", &headers, &bytes)
    });
    std::thread::sleep(Duration::from_millis(200));
    stop.send(true).expect("served");
    let reply = waiting.join().expect("an answer");
    assert_eq!((reply.status, reply.json()["stage"].as_str()), (202, Some("admitted")));
    loop_until(|| std::net::TcpStream::connect(served.public).is_err().then_some(()));
}

#[test]
fn the_admin_listener_tells_health_readiness_and_metrics_and_nothing_else() {
    let served = served();
    let get = |path| send(served.admin, "GET", path, &[], b"");
    assert_eq!(get("/healthz").text(), "ok\n");
    let ready = get("/readyz");
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
    served.node.is_signing.store(false, Ordering::SeqCst);
    let unready = get("/readyz");
    assert_eq!((unready.status, unready.json()["missing"][0].as_str()), (503, Some("signing")));
    assert!(get("/metrics").text().contains("height 1"));
    for path in ["/healthz?bogus=1", "/readyz?bogus=1", "/metrics?bogus=1", "/backup?bogus=1"] {
        assert_eq!(get(path).problem(), (400, "INVALID_PARAMETER".to_owned()), "{path}");
    }
    assert_eq!(get("/healthz?").status, 200);
    assert_eq!(get("/v1/status").problem(), (404, "NO_SUCH_PATH".to_owned()));
    assert_eq!(served.get("/metrics").problem(), (404, "NO_SUCH_PATH".to_owned()));
}
