use super::*;

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
        ApiError::TransactionUnknown { id },
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
