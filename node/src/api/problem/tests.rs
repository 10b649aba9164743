use quancheng_types::ChainId;

use super::*;
use crate::backup::BackupError;
use crate::snapshot::SnapshotError;

#[test]
fn languages_are_weighed() {
    let language = |text: &str| {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(text).expect("ASCII"));
        Language::of(&headers)
    };
    for (text, expected) in [
        ("", Language::Zh),
        ("fr", Language::Zh),
        ("en", Language::En),
        ("EN-gb", Language::En),
        ("zh-CN,en;q=0.9", Language::Zh),
        ("fr,en;q=0.5,zh;q=0.4", Language::En),
        ("en;q=0.5,zh;q=0.7", Language::Zh),
        ("en;q=0,zh;q=0", Language::Zh),
        ("en;q=x", Language::Zh),
    ] {
        assert_eq!(language(text), expected, "{text}");
    }
}

#[test]
fn the_store_tells_what_is_pruned_and_what_is_not_reached() {
    let pruned = ApiError::from(StoreError::Pruned { height: Height(1), oldest: Height(9) }).problem(Language::En);
    assert_eq!((pruned.status, pruned.code, pruned.lowest_height), (410, "PRUNED", Some(Height(9))));
    let past = ApiError::from(StoreError::NotKept { height: Height(1) }).problem(Language::En);
    assert_eq!((past.status, past.code, past.retryable), (410, "NOT_KEPT", false));
    let restarted = ApiError::from(StoreError::RootGone { height: Height(7), oldest: Height(9) }).problem(Language::En);
    assert_eq!((restarted.status, restarted.code, restarted.retryable), (409, "NOT_CERTIFIED_YET", true));
    let early = ApiError::from(StoreError::NotExecuted { height: Height(1), tip: None }).problem(Language::En);
    assert_eq!((early.status, early.code, early.retryable), (404, "HEIGHT_NOT_REACHED", true));
}

#[test]
fn every_problem_has_words_in_both_languages() {
    let id = TransactionId::default();
    let height = Height(1);
    let errors = [
        ApiError::not_found("x"),
        ApiError::NoPath { path: "/x".to_owned() },
        ApiError::MethodNotAllowed,
        ApiError::TransactionUnknown { id, until: until() },
        ApiError::UnsupportedMediaType { found: String::new(), allowed: "x" },
        ApiError::Malformed { reason: "x".to_owned() },
        ApiError::TooLarge { bytes_max: 1 },
        ApiError::BodyTimeout,
        ApiError::parameter("x", "y"),
        ApiError::Pruned { height, lowest: height },
        ApiError::NotKept { height },
        ApiError::NotReached { height },
        ApiError::NotCertifiedYet { height },
        ApiError::TooManyClaims { count: 2, max: 1 },
        ApiError::Overloaded { what: "x", retry_after_ms: 1 },
        ApiError::BackupRunning,
        ApiError::from(BackupError::Empty { data_dir: "x".into() }),
        ApiError::SnapshotRunning,
        ApiError::from(SnapshotError::Empty),
        ApiError::Stopping,
        ApiError::Timeout,
        ApiError::Store(StoreError::GenesisExists),
        ApiError::Internal { reason: "x".to_owned() },
    ];
    for error in errors {
        let (zh, en) = (error.problem(Language::Zh), error.problem(Language::En));
        assert_ne!(zh.title, words::title("no such code", Language::Zh), "{}", zh.code);
        assert!(!zh.title.is_ascii() && !zh.detail.is_ascii(), "{}", zh.detail);
        assert!(en.title.is_ascii() && en.detail.is_ascii(), "{}", en.detail);
        assert_eq!(zh.code, en.code);
    }
}

/// Times and lengths of time are written for people: nobody reads 1767574800000.
#[test]
fn times_in_the_words_of_a_problem_are_those_of_a_calendar() {
    let now_ms = 1_768_870_807_000;
    let table = [
        (
            AdmissionError::Expired { valid_until_ms: now_ms - 303_000, now_ms },
            "2026-01-20T08:55:04.000+08:00",
            ("5 min 3 s", "5 分钟 3 秒"),
        ),
        (
            AdmissionError::LifetimeTooLong { valid_until_ms: now_ms + 600_000, latest_ms: now_ms },
            "2026-01-20T09:10:07.000+08:00",
            ("10 min", "10 分钟"),
        ),
        (AdmissionError::Overloaded { retry_after_ms: 1_500 }, "", ("1 s 500 ms", "1 秒 500 毫秒")),
        (AdmissionError::Starting { retry_after_ms: 500 }, "", ("500 ms", "500 毫秒")),
    ];
    for (error, time, (length_en, length_zh)) in table {
        let (zh, en) =
            (ApiError::from(error.clone()).problem(Language::Zh), ApiError::from(error).problem(Language::En));
        for (text, length) in [(&zh.detail, length_zh), (&en.detail, length_en), (&en.causes[0], length_en)] {
            assert!(text.contains(time) && text.contains(length), "{text}");
            let digits = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
            assert!(digits < Some(10), "a number of milliseconds in: {text}");
        }
    }
}

/// What is refused for a fault of its own counts against its client; what the node cannot do now does not.
#[test]
fn faults_of_the_client_are_counted() {
    let counted = |error: ApiError| error.response(Language::En).extensions().get::<Refused>().map(|refused| refused.0);
    let bad = AdmissionError::Expired { valid_until_ms: 1, now_ms: 2 };
    for (error, expected) in [
        (ApiError::Malformed { reason: "x".to_owned() }, Some(1)),
        (ApiError::from(bad), Some(1)),
        (ApiError::from(AdmissionError::Overloaded { retry_after_ms: 1 }), None),
        (ApiError::from(AdmissionError::NotAValidator), None),
        (ApiError::not_found("x"), None),
        (ApiError::Stopping, None),
    ] {
        assert_eq!(counted(error.clone()), expected, "{error:?}");
    }
}

/// A code that is not in the common list is one that no client knows.
#[test]
fn every_code_is_in_the_common_list_and_has_a_title() {
    for code in codes::ALL {
        assert_ne!(words::title(code, Language::En), words::title("no such code", Language::En), "{code}");
    }
    let id = TransactionId::default();
    let unknown = ApiError::TransactionUnknown { id, until: until() }.problem(Language::En);
    assert_eq!(unknown.known_until, Some(until()));
    assert_eq!(unknown.kind, "urn:quancheng:problem:TRANSACTION_UNKNOWN");
}

fn until() -> KnownUntil {
    KnownUntil { chain_id: ChainId::default(), height: Height(7), time_ms: 8, from_height: None, from_ms: None }
}
