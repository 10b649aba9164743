//! What hostile, slow and too many clients get.

use std::io::{Read as _, Write as _};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::chain::FOUNDERS;
use super::support::{Reply, connect, limits, send, served, served_with};
use crate::api::ApiLimits;

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

#[test]
fn all_bodies_together_are_bounded() {
    let served = served_with(ApiLimits { body_bytes_total_max: 100, ..limits() });
    let bytes = served.node.register(FOUNDERS).encode();
    assert!(bytes.len() > 100);
    let refused = served.post_borsh("/v1/transactions", &bytes);
    assert_eq!(refused.problem(), (503, "OVERLOADED".to_owned()));
    // What was taken is given back.
    assert_eq!(served.post_borsh("/v1/transactions", b"short").problem(), (400, "MALFORMED".to_owned()));
}

/// A body that trickles has its time while there is memory enough, and has to hurry when others wait for it.
#[test]
fn bodies_that_trickle_give_way_when_memory_is_scarce() {
    const TOTAL: usize = 64 * 1024;
    let served = served_with(ApiLimits { body_bytes_total_max: TOTAL, ..limits() });
    let head = "POST /v1/transactions HTTP/1.1\r\nhost: n\r\ncontent-type: application/octet-stream\r\n";
    let mut slow: Vec<_> = (0..4).map(|_| connect(served.public)).collect();
    for stream in &mut slow {
        // Chunked, so that nothing is announced.
        let size = TOTAL / 4;
        let body =
            [format!("{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n").into_bytes(), vec![0; size]].concat();
        stream.write_all(&body).expect("sent");
    }
    let bytes = served.node.register(FOUNDERS).encode();
    loop_until(|| (served.post_borsh("/v1/transactions", &bytes).status == 503).then_some(()));
    // Long before the time for bodies is over, they are told to come again.
    for stream in &mut slow {
        let (status, code) = Reply::parse(&read_all(stream)).problem();
        assert!(matches!((status, code.as_str()), (408, "BODY_TIMEOUT") | (503, "OVERLOADED")), "{status} {code}");
        if served.post_borsh("/v1/transactions", &bytes).status != 503 {
            break;
        }
    }
    loop_until(|| matches!(served.post_borsh("/v1/transactions", &bytes).status, 200 | 202).then_some(()));
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
    assert_eq!(get("/v1/status").problem(), (404, "NO_SUCH_PATH".to_owned()));
    assert_eq!(served.get("/metrics").problem(), (404, "NO_SUCH_PATH".to_owned()));
}
