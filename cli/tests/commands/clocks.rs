//! The clock of this machine beside the time that endpoints tell.

use super::*;

const DAY_MS: i128 = 86_400_000;

/// A node whose newest block is so far from the clock of this machine.
fn node_at(ahead_ms: i128) -> String {
    let now_ms = i128::try_from(std::time::UNIX_EPOCH.elapsed().expect("it is after 1970").as_millis()).expect("small");
    let status = json!({ "chain_id": chain::id(), "height": 9, "time_ms": u64::try_from(now_ms + ahead_ms).expect("it is after 1970") });
    let rules = vec![
        ("/v1/status", 200, &*status.to_string().leak()),
        ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#),
    ];
    fake_node(rules.leak())
}

/// What no node would take is not signed, and the clock is named; one endpoint of several does not make a clock wrong.
#[test]
fn a_clock_by_which_nobody_takes_what_it_signs_is_named_before_signing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("a.txt"), "a").unwrap();
    // It is a while until the clock is looked at.
    let (right, early, late) = (node_at(0), node_at(-DAY_MS), node_at(DAY_MS + 600_000));
    let sign = "--key a.key --password-file password --timeout 5s --sign-only -o x.tx";
    for (api, told) in [
        (early.clone(), Some(["ahead by 1 d", "快 1 天"])),
        (late.clone(), Some(["behind by 1 d", "慢 1 天"])),
        (format!("{early},{right},{early}"), Some(["ahead by 1 d", "快 1 天"])),
        (right.clone(), None),
        (format!("{right},{early}"), None),
        (format!("{late},{right}"), None),
    ] {
        for words in [format!("registration withdraw 7 {sign}"), format!("evidence notarize a.txt --bundle a.b {sign}")]
        {
            for (lang, place) in [("en", 0), ("zh", 1)] {
                for file in ["x.tx", "a.b.salts.json"] {
                    let _ = std::fs::remove_file(home.join(file));
                }
                let words = format!("{words} --lang {lang} --api {api}");
                let (code, value) = envelope(home, &words.split(' ').collect::<Vec<_>>());
                let Some(told) = told else {
                    assert_eq!(code, 0, "{value}");
                    continue;
                };
                assert_eq!((code, &value["error"]["code"]), (2, &json!("CLOCK_OFF")), "{value}");
                let message = value["error"]["message"].as_str().unwrap();
                assert!(message.contains(told[place]) && message.matches("+08:00").count() == 2, "{value}");
                assert!(message.contains(if lang == "en" { "nothing was signed" } else { "未签名" }), "{value}");
                assert!(!home.join("x.tx").exists());
                let causes = value["error"]["causes"].to_string();
                assert!(api.split(',').all(|url| causes.contains(url)), "who says what: {value}");
            }
        }
    }
}

/// `doctor` vouches for no clock that is ahead, and says who says what.
#[test]
fn doctor_tells_a_clock_that_is_ahead_as_well_as_one_that_is_behind() {
    let home = tempfile::tempdir().unwrap();
    for (apart_ms, is_ok, told) in [
        (0, true, "as this machine does"),
        (-700_000, false, "ahead by 11 min"),
        (-DAY_MS, false, "ahead by 1 d"),
        (700_000, false, "behind by 11 min"),
    ] {
        let api = node_at(apart_ms);
        let (_, value) = envelope(home.path(), &["doctor", "--lang", "en", "--api", &api]);
        let checks = value["data"]["checks"].as_array().unwrap();
        let clock = checks.iter().find(|check| check["check"] == "clock").unwrap();
        assert_eq!(clock["ok"], json!(is_ok), "{clock}");
        let detail = clock["detail"].as_str().unwrap();
        assert!(detail.contains(told) && detail.contains(&api) && detail.contains("1 min"), "{detail}");
    }
}
