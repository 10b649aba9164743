//! What nodes answer is held against what was asked: doors of another chain, nodes that are behind, bundles of something else.

use super::*;

const PARAMETERS: (&str, u16, &str) =
    ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#);
/// Of another chain than [`CHAIN`], far in the future.
const OTHER_CHAIN: (&str, u16, &str) = (
    "/v1/status",
    200,
    r#"{"chain_id":"2222222222222222222222222222222222222222222222222222222222222222","height":9,"time_ms":9000000000000}"#,
);
const ADMITTED: (&str, u16, &str) = ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#);
const CERTIFIED: (&str, u16, &str) =
    ("/v1/transactions/", 200, r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#);
const EXPIRED: (&str, u16, &str) = ("/v1/transactions?", 400, r#"{"code":"EXPIRED","retryable":false}"#);

/// Long after the clock of any machine that runs this.
const FAR_MS: u128 = 9_000_000_000_000;

/// The clock of this machine.
fn now_ms() -> u128 {
    std::time::UNIX_EPOCH.elapsed().expect("it is after 1970").as_millis()
}

/// Not known up to a block of now, of the chain whose id repeats this digit.
pub(super) fn unknown_on(digit: &str) -> (&'static str, u16, &'static str) {
    unknown_until(digit, now_ms())
}

/// Not known up to a block of this time, of the chain whose id repeats this digit.
fn unknown_until(digit: &str, time_ms: u128) -> (&'static str, u16, &'static str) {
    let chain = digit.repeat(64);
    let until = format!(r#"{{"chain_id":"{chain}","height":9,"time_ms":{time_ms}}}"#);
    let text = format!(r#"{{"code":"TRANSACTION_UNKNOWN","retryable":true,"known_until":{until}}}"#);
    ("/v1/transactions/", 404, text.leak())
}

fn node(rules: &[(&'static str, u16, &'static str)]) -> String {
    fake_node(rules.to_vec().leak())
}

/// A bundle of a real chain, as its JSON.
fn bundle(name: &str) -> &'static str {
    let bytes = std::fs::read(format!("{}/tests/bundles/{name}.bundle", env!("CARGO_MANIFEST_DIR")));
    let bytes = bytes.expect("the bundle is checked in");
    quancheng_proof::Bundle::decode(&bytes).expect("it is a bundle").to_json().leak()
}

fn run(home: &Path, text: &str) -> (i32, String, Value) {
    let (code, value) = envelope(home, &text.split(' ').collect::<Vec<_>>());
    (code, value["error"]["code"].as_str().unwrap_or_default().to_owned(), value)
}

/// A file that a certified transaction notarized, whose bundle could not be fetched.
fn unfinished(home: &Path, more: &[(&'static str, u16, &'static str)]) -> String {
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("a.txt"), "a").expect("the folder is writable");
    let mine = node(&[&[CHAIN, PARAMETERS, ADMITTED, CERTIFIED], more].concat());
    let sign = format!("--key a.key --password-file password --timeout 1s --valid-for 1s --api {mine}");
    let (code, name, value) = run(home, &format!("evidence notarize a.txt --bundle a.b {sign}"));
    assert_eq!((code, name.is_empty()), (4, false), "{value}");
    assert!(home.join("a.b.salts.json").exists() && !home.join("a.b").exists());
    mine
}

/// Nobody is told that salts are of no use: what a node says of their transaction, it may say of another chain, or too early.
#[test]
fn salts_are_kept_whatever_nodes_say_of_their_transaction() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let mine = unfinished(home, &[("/v1/bundles", 502, "")]);
    let salts = std::fs::read(home.join("a.b.salts.json")).unwrap();
    let other = node(&[OTHER_CHAIN, unknown_on("2")]);
    let behind = node(&[CHAIN, EXPIRED]);
    let elsewhere = node(&[CHAIN, EXPIRED, unknown_on("2")]);
    // Until the time of the transaction is over.
    thread::sleep(std::time::Duration::from_millis(1_100));
    let past = node(&[CHAIN, unknown_on("1")]);
    let refused = node(&[
        CHAIN,
        (
            "/v1/transactions",
            200,
            r#"{"stage":"certified","height":5,"outcome":{"kind":"refused","module":3,"code":1,"call":0,"name":"X"}}"#,
        ),
    ]);
    for (api, expected) in [
        (other.clone(), "WRONG_CHAIN"),
        (format!("{other},{mine}"), "NODE_FAILED"),
        (behind, "EXPIRED"),
        (elsewhere, "EXPIRED"),
        (past, "EXPIRED"),
        (refused, "X"),
    ] {
        let words = format!("evidence finish a.b.salts.json --bundle a.b --timeout 1s --api {api}");
        for lang in ["zh", "en"] {
            let (_, name, value) = run(home, &format!("{words} --lang {lang}"));
            assert_eq!(name, expected, "{value}");
            let hint = value["error"]["hint"].as_str().unwrap();
            assert!(!hint.contains("elete") && !hint.contains("删除") && hint.contains("a.b.salts.json"), "{value}");
        }
        assert_eq!(std::fs::read(home.join("a.b.salts.json")).unwrap(), salts, "{expected}");
    }
}

/// A node may give anything. What is written and what salts are given up for is what was asked for, and holds.
#[test]
fn a_bundle_of_something_else_is_not_written() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let notarized = bundle("notarized");
    let lying = unfinished(home, &[("/v1/bundles", 200, notarized)]);
    let (_, name, value) = run(home, &format!("evidence finish a.b.salts.json --bundle a.b --api {lying}"));
    assert_eq!(name, "BAD_ANSWER", "{value}");
    assert!(home.join("a.b.salts.json").exists() && !home.join("a.b").exists());

    let proof = hex::encode(quancheng_proof::Bundle::decode(notarized.as_bytes()).unwrap().encode());
    let shown = format!(r#"{{"height":7,"data":{{"title_zh":"x"}},"proof":"{proof}"}}"#).leak();
    let rules = ["/v1/registrations", "/v1/evidence", "/v1/accounts", "/v1/organizations", "/v1/query"];
    let mut rules: Vec<_> = rules.iter().map(|path| (*path, 200, &*shown)).collect();
    rules.extend([CHAIN, ("/v1/bundles", 200, notarized)]);
    let lying = node(&rules);
    let digest = "ab".repeat(32);
    for words in [
        format!("bundle fetch {digest} --out x"),
        "bundle fetch 7 --out x".to_owned(),
        "bundle fetch 0003000207000000 --out x".to_owned(),
        "registration show 7 --proof x".to_owned(),
        format!("evidence show {digest} --proof x"),
        format!("account show {digest} --proof x"),
        "org show ORG-A --proof x".to_owned(),
        "registration log 7 --proof x".to_owned(),
    ] {
        let (code, name, value) = run(home, &format!("{words} --api {lying}"));
        assert_eq!((code, name.as_str()), (4, "BAD_ANSWER"), "{words}: {value}");
        assert!(!home.join("x").exists(), "{words}");
    }
    // Those who hold a bundle or a checkpoint say of which chain they want to hear.
    let fixtures = format!("{}/tests/bundles", env!("CARGO_MANIFEST_DIR"));
    for words in [
        format!("bundle refresh {fixtures}/notarized.bundle --out x"),
        format!("checkpoint pin --checkpoint {fixtures}/checkpoint.json --out x"),
    ] {
        assert_eq!(run(home, &format!("{words} --api {lying}")).1, "WRONG_CHAIN", "{words}");
    }
}

/// That a transaction is unknown and that its time is over are one answer of one node, or nothing is certain.
#[test]
fn a_line_is_signed_again_only_when_one_answer_says_that_the_first_never_counts() {
    let home = home_with_a_line();
    let home = home.path();
    let now = r#"{"chain_id":"1111111111111111111111111111111111111111111111111111111111111111","height":9,"time_ms":9000000000000}"#;
    let current = ("/v1/status", 200, now);
    let submit_to = |api: &str| {
        let words = "registration submit --from rows.jsonl --key a.key --password-file password --wait admitted";
        let (_, _, value) = run(home, &format!("{words} --valid-for 1s --timeout 1s --api {api}"));
        let text = std::fs::read_to_string(home.join("rows.jsonl.result.jsonl")).unwrap();
        let lines = text.lines().filter(|line| line.contains("\"transaction\""));
        let signed: std::collections::BTreeSet<&str> = lines.collect();
        (signed.len(), value)
    };
    let submit = |rules: &[(&'static str, u16, &'static str)]| submit_to(&node(rules));
    // A balancer that asks a node that is behind about the transaction, and a current one for all else; and the same with doors that
    // refuse it as too late, which says nothing about those that took it.
    for rules in [
        &[current, ADMITTED][..],
        &[current, ADMITTED],
        &[current, EXPIRED],
        &[current, ADMITTED, unknown_on("2")],
        &[current, EXPIRED, unknown_on("2")],
        &[current, ADMITTED],
    ] {
        let (signed, value) = submit(rules);
        assert_eq!(signed, 1, "{value}");
    }
    // Nor when the block that it names is still to come, or when one door alone says it.
    thread::sleep(std::time::Duration::from_millis(1_100));
    let made_up = [current, ADMITTED, unknown_until("1", FAR_MS)];
    let (signed, value) = submit(&made_up);
    assert_eq!((signed, &value["error"]["code"]), (1, &json!("BAD_ANSWER")), "{value}");
    let (behind, past) = (node(&[current, ADMITTED]), node(&[current, ADMITTED, unknown_on("1")]));
    assert_eq!(submit_to(&format!("{past},{behind}")).0, 1);
    assert_eq!(submit_to(&format!("{past},http://127.0.0.1:1")).0, 2);
}

/// A door that says that a transaction is gone does not speak for one that has its receipt.
#[test]
fn a_line_is_done_when_any_door_has_its_receipt() {
    let home = home_with_a_line();
    let home = home.path();
    let knows = node(&[CHAIN, ADMITTED, CERTIFIED]);
    let words = "registration submit --from rows.jsonl --key a.key --password-file password --valid-for 1s --timeout 5s --wait admitted";
    let submit = |results: &str, more: &str| run(home, &format!("{words} --results {results} {more}"));
    for results in ["far.jsonl", "past.jsonl"] {
        let taken = format!("--api {}", node(&[CHAIN, ADMITTED]));
        assert_eq!(submit(results, &taken).2["data"]["pending"], 1);
    }
    thread::sleep(std::time::Duration::from_millis(1_100));
    for (results, time_ms) in [("far.jsonl", FAR_MS), ("past.jsonl", now_ms())] {
        let liar = node(&[CHAIN, ADMITTED, unknown_until("1", time_ms)]);
        let (code, _, value) = submit(results, &format!("--api {liar},{knows}"));
        assert_eq!((code, &value["data"]["submitted"]), (0, &json!(1)), "{value}");
        let text = std::fs::read_to_string(home.join(results)).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("\"transaction\"")).count(), 1, "{text}");
    }
}

/// Whatever a door tells of another transaction, or leaves out of what it tells, or says before it can be, nothing follows from it:
/// nothing is done, nothing refused, and nothing is signed in its place.
#[test]
fn a_status_that_cannot_be_concludes_nothing() {
    let home = home_with_a_line();
    let home = home.path();
    std::fs::write(home.join("a.txt"), "a").unwrap();
    let other: &str = format!(
        r#"{{"id":"{}","stage":"certified","height":5,"outcome":{{"kind":"ok"}},"events":[]}}"#,
        "ab".repeat(32)
    )
    .leak();
    let sign = "--key a.key --password-file password --timeout 1s";
    for (place, status) in [
        other,
        r#"{"stage":"certified"}"#,
        r#"{"stage":"certified","height":5}"#,
        r#"{"stage":"executed","outcome":{"kind":"ok"}}"#,
        r#"{"stage":"admitted","outcome":{"kind":"refused","module":3,"code":1,"call":0,"name":"X"}}"#,
        r#"{"stage":"expired"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        for rules in [
            [CHAIN, PARAMETERS, ("/v1/transactions", 200, status)].as_slice(),
            &[CHAIN, PARAMETERS, ADMITTED, ("/v1/transactions/", 200, status)],
        ] {
            let liar = node(rules);
            for words in [
                "registration withdraw 7".to_owned(),
                format!("evidence notarize a.txt --bundle {place}-{}.b", rules.len()),
                format!("registration submit --from rows.jsonl --results {place}-{}.jsonl", rules.len()),
            ] {
                let (code, name, value) = run(home, &format!("{words} {sign} --api {liar}"));
                assert_eq!((code, name.as_str()), (4, "BAD_ANSWER"), "{words} {status}: {value}");
                assert!(value["error"]["causes"].to_string().contains("may take effect"), "{value}");
            }
            let results = std::fs::read_to_string(home.join(format!("{place}-{}.jsonl", rules.len()))).unwrap();
            assert!(results.contains(r#""void":false"#) && !results.contains(r#""ok":true"#), "{results}");
            assert!(home.join(format!("{place}-{}.b.salts.json", rules.len())).exists(), "{status}");
        }
    }
    let (code, name, value) =
        run(home, &format!("tx show {} --api {}", "cd".repeat(32), node(&[CHAIN, ("/v1/transactions/", 200, other)])));
    assert_eq!((code, name.as_str()), (4, "BAD_ANSWER"), "{value}");
}

/// A record of something else than was asked for is not shown for it.
#[test]
fn the_record_of_another_is_not_shown() {
    let home = tempfile::tempdir().unwrap();
    let (id, other) = ("ab".repeat(32), "cd".repeat(32));
    let record = |data: Value| -> &'static str { json!({ "height": 7, "data": data }).to_string().leak() };
    let notarized: &str = json!({
        "id": other, "stage": "certified", "height": 7, "outcome": { "kind": "ok" },
        "events": [{ "module": 10, "name": "notarized", "data": { "root": id, "count": 1 } }],
    })
    .to_string()
    .leak();
    let lying = node(&[
        CHAIN,
        ("/v1/organizations", 200, record(json!({ "org_id": "ORG-M9", "status": "ACTIVE" }))),
        ("/v1/accounts", 200, record(json!({ "account": id, "org_id": "ORG-M9", "keys": [] }))),
        ("/v1/registrations", 200, record(json!({ "id": 8, "ledger_no": null }))),
        ("/v1/governance", 200, record(json!({ "id": 8 }))),
        ("/v1/evidence", 200, record(json!({ "commitment": { "root": id } }))),
        (format!("/v1/transactions/{other}").leak(), 200, notarized),
    ]);
    let third = "ef".repeat(32);
    for (words, code) in [
        ("org show ORG-M1".to_owned(), 4),
        ("org show ORG-M9".to_owned(), 0),
        (format!("account show {other}"), 4),
        (format!("account show {id}"), 0),
        ("registration show 7".to_owned(), 4),
        ("registration show 8".to_owned(), 0),
        ("governance show 7".to_owned(), 4),
        ("governance show 8".to_owned(), 0),
        (format!("evidence show {id}"), 0),
        // By the transaction that notarized it; and by one that no node knows.
        (format!("evidence show {other}"), 0),
        (format!("evidence show {third}"), 4),
    ] {
        let (found, name, value) = run(home.path(), &format!("{words} --api {lying}"));
        assert_eq!((found, name == "BAD_ANSWER"), (code, code == 4), "{words}: {value}");
    }
}
