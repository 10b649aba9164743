use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::patience::moment_after;
use super::*;

#[test]
fn endpoints_are_plain_http_addresses() {
    assert_eq!(check_url(" http://127.0.0.1:8080/ ").unwrap(), "http://127.0.0.1:8080");
    assert_eq!(check_url("https://a.example").unwrap_err().code, "NO_TLS");
    for text in ["", "http://", "ftp://a", "127.0.0.1:80", "http://a?b", "http://a b", "http://u@h"] {
        assert_eq!(check_url(text).unwrap_err().code, "BAD_URL", "{text}");
    }
}

#[test]
fn values_are_escaped() {
    assert_eq!(escape("QC-370100/泉 a"), "QC-370100%2F%E6%B3%89%20a");
    assert_eq!(with_query("/v1/x", &[("a", "1&2".to_owned()), ("b", "é".to_owned())]), "/v1/x?a=1%262&b=%C3%A9");
}

#[test]
fn problems_become_faults_with_the_documented_exit_codes() {
    let table = [
        (404, "TRANSACTION_UNKNOWN", Exit::NotFound),
        (410, "PRUNED", Exit::NotFound),
        (410, "NOT_KEPT", Exit::NotFound),
        (400, "MALFORMED", Exit::Usage),
        (400, "BAD_SIGNATURE", Exit::Refused),
        (403, "KEY_NOT_AUTHORIZED", Exit::Refused),
        (422, "CALL_REFUSED", Exit::Refused),
        (409, "NOT_CERTIFIED_YET", Exit::Timeout),
        (503, "OVERLOADED", Exit::Network),
    ];
    for (status, code, exit) in table {
        let kind = format!("urn:quancheng:problem:{code}");
        let body =
            serde_json::json!({ "type": kind, "code": code, "detail": "d", "causes": ["c"], "retryable": false });
        let fault = Problem::of(status, body.to_string().as_bytes()).into_fault("http://a", Exit::Refused);
        assert_eq!((fault.exit, fault.code.as_str()), (exit, code));
        assert!(fault.causes_in(Lang::En).contains(&"c"));
    }
    // Whatever failed, there is something to do about it.
    for code in quancheng_types::problem::ALL {
        let body = serde_json::json!({ "type": format!("urn:quancheng:problem:{code}"), "code": code });
        let fault = Problem::of(500, body.to_string().as_bytes()).into_fault("http://a", Exit::Refused);
        assert!([Lang::Zh, Lang::En].iter().all(|lang| !fault.advice().words(*lang).is_empty()), "{code}");
    }
    assert!(Problem::of(500, b"oops").into_fault("http://a", Exit::Refused).hint.is_some());
    let bare = Problem::of(500, b"oops");
    assert_eq!((bare.code.as_str(), bare.is_retryable), ("NODE_FAILED", false));
}

/// The key may be another's, or too old; or its organization is suspended. A node says the same of all three.
#[test]
fn a_key_that_may_not_act_says_why_that_may_be() {
    let body = br#"{"type":"urn:quancheng:problem:KEY_NOT_AUTHORIZED","code":"KEY_NOT_AUTHORIZED","status":403}"#;
    let hint = Problem::of(403, body).into_fault("http://a", Exit::Refused).hint.unwrap();
    for part in ["suspended", "revoked", "org show", "account show"] {
        assert!(hint.words(Lang::En).contains(part), "{part}: {hint:?}");
    }
    assert!(hint.words(Lang::Zh).contains("暂停"), "{hint:?}");
}

/// What stands between says nothing about the chain, whatever its status.
#[test]
fn an_answer_that_no_node_wrote_is_no_refusal_and_finds_nothing_missing() {
    for status in [301, 302, 400, 401, 403, 404, 410, 413, 422] {
        for body in
            ["", "<html>Forbidden</html>", r#"{"code":"NOT_FOUND"}"#, r#"{"code":"EXPIRED","type":"about:blank"}"#]
        {
            let problem = Problem::of(status, body.as_bytes());
            assert!(!problem.is_not_taken() && !problem.is_retryable, "{status} {body}");
            let fault = problem.into_fault("http://a", Exit::Refused);
            assert_eq!((fault.exit, fault.code.as_str()), (Exit::Network, "BAD_ANSWER"), "{status} {body}");
        }
    }
    let of_node = |code: &str| {
        let body = serde_json::json!({ "type": format!("urn:quancheng:problem:{code}"), "code": code });
        Problem::of(403, body.to_string().as_bytes()).is_not_taken()
    };
    assert!(of_node("KEY_NOT_AUTHORIZED") && !of_node("TIMEOUT") && !of_node("STOPPING") && !of_node("NEW_CODE"));
}

/// A refusal after a question that got no answer says nothing about that question.
#[test]
fn what_failed_before_an_answer_is_not_forgotten() {
    let deadline =
        |client: &Client| Request { path: "/", body: None, accept: JSON, until: client.deadline(), held: None };
    for (hang_ups, expected) in [(0, false), (1, true), (2, true)] {
        let client = Client::new(&[late(hang_ups)], Lang::En, patience(true, 600 * SECOND)).unwrap();
        let answer = client.send_until(deadline(&client)).unwrap();
        assert_eq!(answer.is_maybe_elsewhere, expected, "{hang_ups}");
    }
}

fn patience(is_asked_for: bool, timeout: Duration) -> Patience {
    if is_asked_for { Patience::of_command(timeout, CommandClock::default()) } else { Patience::of_each_step(timeout) }
}

/// Asks for what lies under a path.
fn fetch(client: &Client, path: &str) -> Outcome<()> {
    let request = Request { path, body: None, accept: JSON, until: client.deadline(), held: None };
    client.in_turn(request, |_| Ok(()))
}

const SECOND: Duration = Duration::from_secs(1);

/// A pause that no clock holds is no reason to panic, nor to wait for it.
#[test]
fn pauses_are_bounded() {
    let day = Some(Duration::from_secs(86_400));
    for (header, pause) in [
        ("0", Some(Duration::ZERO)),
        (" 3 ", Some(Duration::from_secs(3))),
        ("18446744073709551615", day),
        ("99999999999999999999999999", day),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ] {
        assert_eq!(retry_after(header), pause, "{header}");
    }
    assert!(!is_over(moment_after(Duration::MAX)) && is_over(moment_after(Duration::ZERO)));
    let url = ["http://127.0.0.1:1".to_owned()];
    let of_each_step = Client::new(&url, Lang::En, patience(false, Duration::MAX)).unwrap();
    assert!(!of_each_step.pause(Duration::MAX, moment_after(5 * SECOND)), "it would outlast the time");
    // Who has said how long to try waits so long, whatever a node asks for, and then no longer.
    let of_command = Client::new(&url, Lang::En, patience(true, Duration::from_millis(50))).unwrap();
    let deadline = of_command.deadline();
    assert!(of_command.pause(Duration::MAX, deadline) && is_over(deadline));
    assert!(!of_command.pause(Duration::ZERO, deadline));
}

/// What answers with some JSON is no node yet.
#[test]
fn a_foreign_answer_is_no_status() {
    let answer = |body: &str| Answer {
        date_ms: None,
        status: 200,
        body: body.as_bytes().to_vec(),
        retry_after: None,
        url: "http://a".to_owned(),
        is_maybe_elsewhere: false,
    };
    let chain = "1".repeat(64);
    let node = format!("{{\"chain_id\":\"{chain}\",\"height\":0}}");
    assert!(answer(&node).node_status().is_ok());
    for body in ["{}", "[]", "null", "{\"chain_id\":\"x\",\"height\":0}", &node.replace("height", "weight")] {
        assert_eq!(answer(body).node_status().unwrap_err().code, "BAD_ANSWER", "{body}");
        let sought = Sought { id: quancheng_types::TransactionId::default(), valid_until_ms: None };
        assert_eq!(answer(body).transaction_status(sought).unwrap_err().code, "BAD_ANSWER", "{body}");
    }
}

/// What was true once one endpoint may show for ever: of all, the newest block counts, wherever it stands among those that do not fit.
#[test]
fn of_all_endpoints_the_newest_block_counts() {
    let read = |answer: &Answer| {
        let height = answer.json()?.get("height").and_then(Value::as_u64);
        height.ok_or_else(|| Fault::new(Exit::Network, BAD_ANSWER, say!("无。", "None.")))
    };
    let (old, new, none) = (|| saying("{\"height\":24}"), || saying("{\"height\":600}"), || saying("{}"));
    for (urls, newest) in [
        (vec![old(), new()], Some(600)),
        (vec![new(), old()], Some(600)),
        (vec![none(), old(), "http://127.0.0.1:1".to_owned()], Some(24)),
        (vec![new()], Some(600)),
        (vec![none(), none()], None),
    ] {
        let client = Client::new(&urls, Lang::En, patience(false, 10 * SECOND)).unwrap();
        let request = Request { path: "/v1/x", body: None, accept: JSON, until: client.deadline(), held: None };
        assert_eq!(client.newest(request, read, |height| *height).ok(), newest, "{urls:?}");
    }
}

/// An endpoint that says this to everybody.
fn saying(body: &'static str) -> String {
    serving(0, body)
}

/// An endpoint that hangs up on so many callers before it answers one.
fn late(hang_ups: usize) -> String {
    serving(hang_ups, "{}")
}

fn serving(hang_ups: usize, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for _ in 0..hang_ups {
            drop(listener.accept());
        }
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
        }
    });
    url
}

/// An endpoint that cannot be reached is tried again by those who have said for how long, and told at once to others.
#[test]
fn an_endpoint_that_is_away_is_tried_until_the_time_is_over() {
    let timeout = Duration::from_secs(600);
    for (is_asked_for, outcome) in [(false, Err("BROKEN_OFF".to_owned())), (true, Ok(()))] {
        let client = Client::new(&[late(3)], Lang::En, patience(is_asked_for, timeout)).unwrap();
        assert_eq!(fetch(&client, "/v1/x").map_err(|fault| fault.code), outcome);
    }
    let client = Client::new(&["http://127.0.0.1:1".to_owned()], Lang::En, patience(true, SECOND)).unwrap();
    let deadline = client.deadline();
    assert_eq!(fetch(&client, "/v1/status").unwrap_err().code, "UNREACHABLE");
    assert!(is_over(deadline), "never before its time");
}

/// A time that the user names is that of the command: it begins once, for all clients, and what is asked later has what is left.
#[test]
fn a_time_that_is_named_holds_for_the_whole_command() {
    let url = ["http://127.0.0.1:1".to_owned()];
    let clock = CommandClock::default();
    let clients = [(); 2].map(|()| Client::new(&url, Lang::En, Patience::of_command(SECOND, clock.clone())).unwrap());
    let first = clients[0].deadline();
    assert!(fetch(&clients[0], "/v1/status").is_err());
    assert_eq!((clients[1].deadline(), clients[0].deadline()), (first, first));
    assert!(clients[1].is_out_of_time());
    let of_each_step = Client::new(&url, Lang::En, patience(false, SECOND)).unwrap();
    let one = of_each_step.deadline();
    assert!(one < of_each_step.deadline() && !of_each_step.is_out_of_time());
}

/// An endpoint that takes a question and never answers leaves those after it their share of the time.
#[test]
fn endpoints_share_the_time() {
    let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"].map(str::to_owned);
    let client = Client::new(&urls, Lang::En, patience(true, 30 * SECOND)).unwrap();
    let shared = client.share(client.deadline());
    assert!(shared <= 10 * SECOND && shared > 5 * SECOND, "{shared:?}");
    assert_eq!(client.share(moment_after(Duration::ZERO)), Duration::ZERO);
}

#[test]
fn unreachable_endpoints_are_named_one_by_one() {
    // Port 1 of the loopback address is closed everywhere these tests run.
    let urls = ["http://127.0.0.1:1".to_owned(), "http://127.0.0.1:1/x".to_owned()];
    let client = Client::new(&urls, Lang::En, patience(false, SECOND)).unwrap();
    let fault = fetch(&client, "/v1/status").unwrap_err();
    assert_eq!((fault.exit, fault.causes.len()), (Exit::Network, 2));
    assert!(fault.causes_in(Lang::En)[1].starts_with("http://127.0.0.1:1/x: "), "{:?}", fault.causes);
}

/// An endpoint that was silent once takes no more time from those that answer, and is asked again when they do not.
#[test]
fn a_silent_endpoint_is_asked_after_those_that_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let asked = || std::iter::from_fn(|| silent.accept().ok()).count();
    let urls = [format!("http://{}", silent.local_addr().unwrap()), serving(0, "{}")];
    let client = Client::new(&urls, Lang::En, patience(false, 2 * SECOND)).unwrap();
    for expected in [1, 0, 0] {
        fetch(&client, "/").unwrap();
        assert_eq!(asked(), expected);
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [urls[0].clone(), format!("http://{gone}")];
    let client = Client::new(&urls, Lang::En, patience(false, 2 * SECOND)).unwrap();
    for _ in 0..2 {
        fetch(&client, "/").unwrap_err();
        assert_eq!(asked(), 1, "nobody answers: each is asked");
    }
}

/// An endpoint that was asked again and again is told as what it is, also when the last round has no time left for it.
#[test]
fn what_an_endpoint_answered_before_is_not_forgotten_when_time_is_over() {
    let busy = serving(0, "{}");
    let urls = [busy, "http://127.0.0.1:1".to_owned()];
    let client = Client::new(&urls, Lang::En, patience(true, SECOND)).unwrap();
    let request = Request { path: "/v1/x", body: None, accept: JSON, until: client.deadline(), held: None };
    let fault = client
        .in_turn_until(request, |answer| match answer {
            Ok(answer) => Err::<(), _>(answer.foreign()),
            Err(fault) => Err(fault.clone()),
        })
        .unwrap_err();
    let causes = fault.causes_in(Lang::En).join(" ");
    assert!(fault.code == BAD_ANSWER && causes.contains("refused") && !causes.contains("not asked"), "{fault:?}");
}
