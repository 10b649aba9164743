//! What a door bears: requests that are none, clients that take nothing, connections that ask nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quancheng_types::Height;

use super::chain::FOUNDERS;
use super::support::{Reply, Served, connect, connect_from, limits, send, served, served_with, starting};
use crate::api::{ApiLimits, Backend as _, openapi_json};
use crate::backup::BackupStatus;
use crate::limits::SMALL_ANSWER_BYTES;

fn raw(served: &Served, request: &str) -> Reply {
    let mut stream = connect(served.public);
    stream.write_all(request.as_bytes()).expect("sent");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Reply::parse(&bytes)
}

#[test]
fn a_request_names_its_host_once() {
    let served = served();
    let refused = (400, "INVALID_PARAMETER".to_owned());
    for head in
        ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n", "Host: u@a\r\n", "Host: a/b\r\n"]
    {
        let reply = raw(&served, &format!("GET /v1/status HTTP/1.1\r\nConnection: close\r\n{head}\r\n"));
        assert_eq!(reply.problem(), refused, "{head:?}");
        assert!(reply.json()["detail"].as_str().is_some_and(|detail| detail.contains("Host")), "{head:?}");
    }
    for (version, head) in
        [("1.1", "Host: node\r\n"), ("1.1", "Host: [::1]:8080\r\n"), ("1.0", ""), ("1.0", "Host: a\r\n")]
    {
        assert_eq!(
            raw(&served, &format!("GET /v1/status HTTP/{version}\r\nConnection: close\r\n{head}\r\n")).status,
            200,
            "{version} {head:?}"
        );
    }
    assert_eq!(raw(&served, "GET /v1/status HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").problem(), refused);
}

#[test]
fn no_route_takes_a_parameter_that_it_does_not_know() {
    let served = served();
    let document: serde_json::Value = serde_json::from_str(&openapi_json()).expect("JSON");
    let mut routes = vec![("get".to_owned(), "/v1/openapi.json".to_owned())];
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            // The parts in braces are looked at only after the query, or are refused with another code; any text does.
            routes.push((method.clone(), path.replace(['{', '}'], "")));
        }
    }
    assert!(routes.len() > 25);
    for (method, path) in routes {
        let headers = [("content-type", "application/json"), ("accept-language", "en")];
        let reply = send(served.public, &method.to_ascii_uppercase(), &format!("{path}?nonsense=1"), &headers, b"{}");
        assert_eq!(reply.problem(), (400, "INVALID_PARAMETER".to_owned()), "{method} {path}");
        assert!(reply.text().contains("nonsense"), "{method} {path}: {}", reply.text());
    }
}

#[test]
fn numbers_are_written_in_digits_alone() {
    let served = served();
    for path in [
        "/v1/blocks/+1",
        "/v1/blocks/%2B1",
        "/v1/blocks/+1/transactions",
        "/v1/registrations/+1",
        "/v1/governance/proposals/+1",
        "/v1/calendar/+2026",
        "/v1/organizations?limit=%2B1",
        "/v1/organizations?height=%2B1",
        "/v1/events?from=%2B1",
        "/v1/organizations?time=%2B1790000000000",
    ] {
        assert_eq!(served.get(path).problem(), (400, "INVALID_PARAMETER".to_owned()), "{path}");
    }
}

/// Asks for much and takes nothing: what lies between fills up, and one answer stays in the memory of the node.
fn takes_nothing(served: &Served, from: u8, path: &str) -> TcpStream {
    let mut stream = connect_from(served, from);
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nhost: n\r\n\r\n").repeat(2_000);
    // Once the node reads no more requests, writing ends here.
    let _ = stream.write_all(request.as_bytes());
    stream
}

#[test]
fn answers_that_nobody_takes_are_bounded_in_bytes_together() {
    let path = "/v1/modules";
    let size = served().get(path).body.len();
    assert!(size > SMALL_ANSWER_BYTES, "{size} bytes are covered by the connection");
    let served = served_with(ApiLimits { answer_bytes_total_max: 4 * size, ..limits() });
    let mut greedy: Vec<TcpStream> = [2, 3, 2, 3].map(|from| takes_nothing(&served, from, path)).into();
    let refused = super::bounds::loop_until(|| Some(served.get(path)).filter(|reply| reply.status != 200));
    assert_eq!(refused.problem(), (503, "OVERLOADED".to_owned()));
    assert!(refused.header("retry-after").is_some());
    // Small answers, and the one that exists once, are there for everyone.
    assert_eq!(served.get("/v1/status").status, 200);
    assert_eq!(served.get("/v1/openapi.json").status, 200);
    // Who goes away gives back what was kept for it.
    greedy.pop();
    super::bounds::loop_until(|| (served.get(path).status == 200).then_some(()));
}

#[test]
fn connections_that_ask_nothing_make_room_for_one_that_asks() {
    let served = served_with(ApiLimits { connections_max: 4, idle_min: Duration::ZERO, ..limits() });
    let mut held: Vec<TcpStream> = Vec::new();
    for n in 0..40 {
        let mut stream = connect(served.public);
        // Some say nothing, some begin a head or a body, some have had an answer and stay.
        match n % 4 {
            0 => {}
            3 => stream.write_all(b"POST /v1/transactions HTTP/1.1\r\nhost: n\r\ncontent-type: application/octet-stream\r\ncontent-length: 99\r\n\r\nab").expect("sent"),
            1 => stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: n").expect("sent"),
            _ => {
                stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: n\r\n\r\n").expect("sent");
                let _ = stream.read(&mut [0; 64]);
            }
        }
        held.push(stream);
        if n > 8 {
            assert_eq!(served.get("/v1/status").status, 200, "beside {n} connections");
        }
    }
}

/// Reads everything that comes; fails when the connection is reset.
fn whole_answer(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end without a reset");
    Reply::parse(&bytes)
}

#[test]
fn a_full_door_says_so_to_everyone_whatever_they_send() {
    let served = served_with(ApiLimits { connections_max: 2, ..limits() });
    let _held = [connect(served.public), connect(served.public)];
    super::bounds::loop_until(|| (served.get("/v1/status").status == 503).then_some(()));
    let body = vec![b'x'; 4 * 1024 * 1024];
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut stream = connect(served.public);
                let head =
                    format!("POST /v1/transactions/bulk HTTP/1.1\r\nhost: n\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).expect("sent");
                stream.write_all(&body).expect("a refused body is taken and thrown away");
                assert_eq!(whole_answer(stream).problem(), (503, "OVERLOADED".to_owned()));
            });
        }
    });
}

#[test]
fn those_who_do_not_take_their_refusal_keep_nobody_from_his_own() {
    let served = served_with(ApiLimits { connections_max: 1, refusals_max: 3, ..limits() });
    let _held = connect(served.public);
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(connect(served.public));
        assert_eq!(served.get("/v1/status").problem(), (503, "OVERLOADED".to_owned()));
    }
}

/// Connections that make room have their own way out: who is refused meanwhile has his answer.
#[test]
fn those_who_make_room_take_no_refusal_from_others() {
    let limits = ApiLimits { connections_max: 4, refusals_max: 2, idle_min: Duration::ZERO, ..limits() };
    let served = served_with(limits);
    let begin = || {
        let mut stream = connect(served.public);
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: n").expect("sent");
        stream
    };
    // Each of these makes another go, which does not close its side.
    let _held: Vec<TcpStream> = (0..12).map(|_| begin()).collect();
    for _ in 0..20 {
        let reply = served.get("/v1/status");
        assert!([200, 503].contains(&reply.status), "{}", reply.text());
    }
}

#[test]
fn a_connection_that_makes_room_ends_without_a_reset() {
    let served = served_with(ApiLimits { connections_max: 1, idle_min: Duration::ZERO, ..limits() });
    let mut first = connect(served.public);
    first.write_all(b"GET /v1/status HTTP/1.1\r\nhost: n").expect("sent");
    super::bounds::loop_until(|| (served.get("/v1/status").status == 200).then_some(()));
    let mut bytes = Vec::new();
    first.read_to_end(&mut bytes).expect("an end without a reset");
}

/// A few addresses that fill the door and wait for a chain that stands still shut nobody out, and have their answers.
#[test]
fn who_waits_for_the_chain_makes_room_and_hears_what_is_known() {
    let served = served_with(ApiLimits { connections_max: 4, ..limits() });
    served.node.is_stuck.store(true, Ordering::SeqCst);
    let mut held: Vec<TcpStream> = [2, 3, 2, 3]
        .into_iter()
        .zip(FOUNDERS..)
        .map(|(from, number)| {
            let body = served.node.register(number).encode();
            let mut stream = connect_from(&served, from);
            let head = format!(
                "POST /v1/transactions?wait=certified&timeout_ms=60000 HTTP/1.1\r\nhost: n\r\nconnection: close\r\n\
                 content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.into_bytes(), body].concat()).expect("sent");
            stream
        })
        .collect();
    super::bounds::loop_until(|| (served.node.status().pending_transactions == held.len()).then_some(()));
    assert_eq!(served.get("/v1/status").status, 200);
    let answered = super::bounds::loop_until(|| {
        held.iter_mut().position(|stream| {
            stream.set_nonblocking(true).expect("set");
            !stream.peek(&mut [0; 1]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        })
    });
    let stream = held.swap_remove(answered);
    stream.set_nonblocking(false).expect("set");
    let reply = whole_answer(stream);
    assert_eq!((reply.status, &reply.json()["stage"]), (202, &serde_json::json!("admitted")));
}

#[test]
fn the_doors_tell_of_a_start_and_of_the_node_behind_it() {
    let served = starting();
    let ready = || send(served.admin, "GET", "/readyz", &[], b"");
    served.progress.note(Height(7), Height(90));
    let said = |language| send(served.public, "GET", "/v1/status", &[("accept-language", language)], b"");
    let reply = said("en");
    assert_eq!(reply.problem(), (503, "STARTING".to_owned()));
    assert!(
        reply.json()["detail"].as_str().is_some_and(|detail| detail.contains("height 7 of 90")),
        "{}",
        reply.text()
    );
    assert_eq!(
        (reply.header("connection").as_deref(), reply.header("retry-after").as_deref()),
        (Some("close"), Some("1"))
    );
    assert!(said("zh").text().contains("高度 7，共 90"));
    assert_eq!(
        served.post("/v1/transactions", "application/octet-stream", b"x").problem(),
        (503, "STARTING".to_owned())
    );
    assert_eq!(send(served.admin, "GET", "/healthz", &[], b"").status, 200);
    let (status, document) = (ready().status, ready().json());
    assert_eq!((status, &document["ready"], &document["missing"][0]), (503, &false.into(), &"started".into()));
    assert_eq!((document["executed_height"].as_u64(), document["height"].as_u64()), (Some(7), Some(90)));

    assert_eq!(said("en").header("connection").as_deref(), Some("close"));

    // A connection that came before the node was there finds it with its next request.
    let mut early = connect(served.public);
    served.enter();
    early.write_all(b"GET /v1/status HTTP/1.1\r\nhost: n\r\nconnection: close\r\n\r\n").expect("sent");
    assert_eq!(whole_answer(early).status, 200);
    assert_eq!(served.get("/v1/status").status, 200);
    assert_eq!(ready().status, 200);
}

#[test]
fn the_operators_door_begins_one_backup_at_a_time_and_tells_how_it_went() {
    let served = served();
    let ask = |method, headers: &[(&str, &str)]| send(served.admin, method, "/backup", headers, b"");
    assert_eq!((ask("GET", &[]).status, ask("GET", &[]).json()), (200, serde_json::json!({"state": "idle"})));
    let page = ask("POST", &[("origin", "http://example.org")]);
    assert_eq!(page.problem(), (400, "INVALID_PARAMETER".to_owned()));
    let begun = ask("POST", &[]);
    assert_eq!((begun.status, begun.json()["state"].as_str()), (202, Some("running")), "{}", begun.text());
    for (language, words) in [("en", "GET /backup tells"), ("zh", "正在备份")] {
        let reply = ask("POST", &[("accept-language", language)]);
        assert_eq!(reply.problem(), (409, "BACKUP_RUNNING".to_owned()));
        assert!(reply.text().contains(words), "{}", reply.text());
    }
    let failed = BackupStatus::Failed { begun_ms: 1, en: "no space".to_owned(), zh: "磁盘已满".to_owned() };
    *served.node.backup.lock().expect("no panics inside") = failed.clone();
    let told: BackupStatus = serde_json::from_slice(&ask("GET", &[]).body).expect("a status");
    assert_eq!(told, failed);
    assert_eq!(ask("POST", &[]).status, 202);
    assert_eq!(send(served.admin, "POST", "/backup?out=x", &[], b"").problem(), (400, "INVALID_PARAMETER".to_owned()));
    assert_eq!(send(served.public, "POST", "/backup", &[], b"").problem(), (404, "NO_SUCH_PATH".to_owned()));
}
