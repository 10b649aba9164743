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
        (400, "MALFORMED", Exit::Usage),
        (400, "BAD_SIGNATURE", Exit::Refused),
        (403, "KEY_NOT_AUTHORIZED", Exit::Refused),
        (422, "CALL_REFUSED", Exit::Refused),
        (409, "NOT_CERTIFIED_YET", Exit::Timeout),
        (503, "OVERLOADED", Exit::Network),
    ];
    for (status, code, exit) in table {
        let body = serde_json::json!({ "code": code, "detail": "d", "causes": ["c"], "retryable": false }).to_string();
        let fault = Problem::of(status, body.as_bytes()).into_fault("http://a", Exit::Refused);
        assert_eq!((fault.exit, fault.code.as_str()), (exit, code));
        assert!(fault.causes.iter().any(|cause| cause == "c"));
    }
    let bare = Problem::of(500, b"oops");
    assert_eq!((bare.code.as_str(), bare.is_retryable), ("NODE_FAILED", false));
}

#[test]
fn unreachable_endpoints_are_named_one_by_one() {
    // Port 1 of the loopback address is closed everywhere these tests run.
    let urls = ["http://127.0.0.1:1".to_owned(), "http://127.0.0.1:1/x".to_owned()];
    let client = Client::new(&urls, Lang::En, Duration::from_secs(2)).unwrap();
    let fault = client.get("/v1/status").unwrap_err();
    assert_eq!((fault.exit, fault.causes.len()), (Exit::Network, 2));
    assert!(fault.causes[1].starts_with("http://127.0.0.1:1/x: "), "{:?}", fault.causes);
}
