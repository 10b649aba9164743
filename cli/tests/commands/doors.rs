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
    let mine = unfinished(home, &[("/v1/bundles/transactions", 502, "")]);
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
        // Its receipt is there, and its proof is not.
        (format!("{other},{mine}"), "TIMEOUT"),
        (behind, "EXPIRED"),
        (elsewhere, "EXPIRED"),
        (past, "EXPIRED"),
        (refused, "NOT_FOUND"),
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

/// That the time of a transaction is over before it is, by the clock here, settles nothing: the node may have given it to others.
#[test]
fn an_end_before_its_time_settles_nothing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("a.txt"), "a").expect("the folder is writable");
    let early = node(&[CHAIN, PARAMETERS, EXPIRED]);
    for lang in ["zh", "en"] {
        let sign = format!("--key a.key --password-file password --timeout 1s --lang {lang} --api {early}");
        let (code, name, value) = run(home, &format!("evidence notarize a.txt --bundle {lang}.b {sign}"));
        assert_eq!((code, name.as_str()), (1, "EXPIRED"), "{value}");
        assert!(value["error"]["data"].get("admitted").is_none(), "{value}");
        assert!(
            home.join(format!("{lang}.b.salts.json")).exists(),
            "the salts stay where they are looked for: {value}"
        );
        let hint = value["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("do not sign") || hint.contains("请勿另行签署"), "{value}");
    }
}

/// A node may give anything. What is written and what salts are given up for is what was asked for, and holds.
#[test]
fn a_bundle_of_something_else_is_not_written() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let notarized = bundle("notarized");
    let lying = unfinished(home, &[("/v1/bundles/transactions", 200, notarized)]);
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
    let now = format!(r#"{{"chain_id":"{}","height":9,"time_ms":{}}}"#, "1".repeat(64), now_ms());
    let current = ("/v1/status", 200, &*now.leak());
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
    // Nor by the word of one whose others do not answer, or of one that is named twice.
    for api in [past.clone(), format!("{past},http://127.0.0.1:1"), format!("{past},{past}")] {
        let (signed, value) = submit_to(&api);
        assert_eq!((signed, &value["data"]["doubtful"]), (1, &json!(1)), "{value}");
        let hint = value["error"]["hint"].as_str().unwrap();
        assert!(
            hint.contains("with --api") && hint.contains("with the same endpoints alone nothing changes"),
            "{value}"
        );
    }
    let other = node(&[current, ADMITTED, unknown_on("1")]);
    assert_eq!(submit_to(&format!("{past},{other}")).0, 2);
}

/// What one endpoint says against a line while the others are silent, in whatever words, ends no transaction: the one that has it is asked next
/// time, and what was signed first is what counts.
#[test]
fn one_word_makes_no_second_application() {
    for lie in [
        ("/v1/transactions/", 200, r#"{"stage":"expired"}"#),
        ("/v1/transactions?", 403, r#"{"code":"NOT_A_MEMBER","retryable":false}"#),
        ("/v1/transactions?", 400, r#"{"code":"EXPIRED","retryable":false}"#),
    ] {
        let home = home_with_a_line();
        let home = home.path();
        let words = "registration submit --from rows.jsonl --key a.key --password-file password --timeout 4s";
        let submit = |more: &str| run(home, &format!("{words} {more}"));
        let liar = node(&[CHAIN, lie, ADMITTED]);
        let again = format!("--valid-for 1s --api {liar},http://127.0.0.1:1");
        // Over for sure when it is asked for the second time.
        for _ in 0..2 {
            let (code, _, value) = submit(&again);
            assert!(code == 1 || code == 4, "{lie:?}: {value}");
            let hint = value["error"]["hint"].as_str().unwrap();
            assert!(hint.contains("--api"), "{lie:?}: {value}");
            thread::sleep(std::time::Duration::from_millis(1_100));
        }
        let good = node(&[CHAIN, ADMITTED, CERTIFIED]);
        let (code, _, value) = submit(&format!("--api {liar},{good}"));
        assert_eq!((code, &value["data"]["submitted"]), (0, &json!(1)), "{lie:?}: {value}");
        let text = std::fs::read_to_string(home.join("rows.jsonl.result.jsonl")).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("\"transaction\"")).count(), 1, "{lie:?}: {text}");
    }
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
    let id = "ab".repeat(32);
    let record = |data: Value| -> &'static str { json!({ "height": 7, "data": data }).to_string().leak() };
    let of_batch = |root: &str| record(json!({ "commitment": { "root": root } }));
    // A transaction of a real chain, and what it notarized.
    let whole: Value = serde_json::from_str(bundle("notarized")).unwrap();
    let opened = quancheng_proof::Bundle::decode(bundle("notarized").as_bytes()).unwrap();
    let Some(quancheng_proof::Claim::Transaction { transaction, .. }) = opened.claims.first() else {
        panic!("{whole}")
    };
    let root = quancheng_proof::commitment::notarized(&transaction.body.calls[0]).unwrap().root.to_string();
    let other = transaction.id().to_string();
    let lying = node(&[
        ("/v1/organizations", 200, record(json!({ "org_id": "ORG-M9", "status": "ACTIVE" }))),
        ("/v1/accounts", 200, record(json!({ "account": id, "org_id": "ORG-M9", "keys": [] }))),
        ("/v1/registrations", 200, record(json!({ "id": 8, "ledger_no": null }))),
        ("/v1/governance", 200, record(json!({ "id": 8 }))),
        (format!("/v1/evidence/{other}").leak(), 200, of_batch(&root)),
        ("/v1/evidence", 200, of_batch(&id)),
        (format!("/v1/bundles/transactions/{other}").leak(), 200, bundle("notarized")),
        CHAIN,
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

const DONE: &str = r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#;
const REFUSED: &str =
    r#"{"stage":"certified","height":5,"outcome":{"kind":"refused","module":3,"code":1,"call":0,"name":"X"}}"#;

/// What one door invents under the right id is neither a success nor a refusal: with a proof of something else, of validators that nobody
/// appointed, or none.
#[test]
fn a_status_that_is_invented_is_not_told_as_a_fact() {
    let home = home_with_a_line();
    let home = home.path();
    let unproven: [&[(&str, u16, &str)]; 4] = [
        &[("/v1/bundles/transactions", 404, r#"{"code":"TRANSACTION_UNKNOWN","retryable":true}"#)],
        &[("/v1/bundles/transactions", 200, "{}")],
        &[("/v1/bundles/transactions", 200, "@2{\"height\":5,\"outcome\":{\"kind\":\"ok\"}}")],
        &[("/v1/bundles/transactions", 200, bundle("notarized"))],
    ];
    for (place, proof) in unproven.into_iter().enumerate() {
        for status in [DONE, REFUSED] {
            let rules = [&[CHAIN, ADMITTED, ("/v1/transactions/", 200, status)], proof].concat();
            let liar = node(&rules);
            let (code, value) = withdraw(home, &liar);
            assert_eq!((code, &value["error"]["code"]), (4, &json!("BAD_ANSWER")), "{place} {status}: {value}");
            assert!(value["error"]["causes"].to_string().contains("may take effect"), "{value}");
            let results = format!("{place}-{}.jsonl", status.len());
            let words = "registration submit --from rows.jsonl --key a.key --password-file password --timeout 1s";
            let (code, _, value) = run(home, &format!("{words} --results {results} --api {liar}"));
            assert_eq!(code, 4, "{place} {status}: {value}");
            let results = std::fs::read_to_string(home.join(results)).unwrap();
            assert!(results.contains(r#""void":false"#) && !results.contains(r#""ok":true"#), "{results}");
            // Nor when it is looked up.
            let id = value["data"]["id"].as_str().unwrap();
            for wait in ["", " --wait certified"] {
                let (code, _, value) = run(home, &format!("tx show {id}{wait} --timeout 1s --api {liar}"));
                assert_eq!(code, 4, "{place} {status}{wait}: {value}");
            }
        }
    }
}

/// That its time is over one door alone cannot say, of a transaction that it or another one proves.
#[test]
fn an_end_that_one_door_tells_gives_way_to_a_receipt() {
    let home = home_with_a_line();
    let home = home.path();
    let good = node(&[CHAIN, ADMITTED, CERTIFIED]);
    let (code, value) = withdraw(home, &good);
    assert_eq!(code, 0, "{value}");
    let id = value["data"]["id"].as_str().unwrap();
    let over = ("/v1/transactions/", 200, r#"{"stage":"expired"}"#);
    let done: &str = format!("@1{DONE}").leak();
    let liar = node(&[CHAIN, over]);
    let forgetful = node(&[CHAIN, over, ("/v1/bundles/transactions", 200, done)]);
    for api in [format!("{liar},{good}"), format!("{good},{liar}"), forgetful] {
        let (code, _, value) = run(home, &format!("tx show {id} --wait certified --timeout 5s --api {api}"));
        assert_eq!((code, &value["data"]["proven"]), (0, &json!(true)), "{api}: {value}");
    }
}

/// The receipt counts, whatever the door says beside it, and the door is named.
#[test]
fn the_receipt_counts_and_not_the_word_of_a_door() {
    let home = home_with_a_line();
    let home = home.path();
    let refused: &str = format!("@1{REFUSED}").leak();
    let done: &str = format!("@1{DONE}").leak();
    for (status, proof, expected) in [(DONE, refused, 1), (REFUSED, done, 0), (DONE, done, 0), (REFUSED, refused, 1)] {
        let liar =
            node(&[CHAIN, ADMITTED, ("/v1/transactions/", 200, status), ("/v1/bundles/transactions", 200, proof)]);
        let (code, value) = withdraw(home, &liar);
        assert_eq!((code, &value["data"]["proven"]), (expected, &json!(true)), "{value}");
        let is_true = proof.ends_with(status);
        assert_eq!(value["data"].get("contradicted_by"), (!is_true).then(|| json!(liar)).as_ref(), "{value}");
    }
}

/// Below `certified` there is the word of a node alone: it is told as that, and a refusal is none yet.
#[test]
fn what_is_not_certified_is_told_as_the_word_of_a_node() {
    let home = home_with_a_line();
    let home = home.path();
    let word = |kind: &str| -> &'static str {
        format!(r#"{{"stage":"executed","height":5,"outcome":{{"kind":"{kind}","module":3,"code":1,"call":0}}}}"#)
            .leak()
    };
    let withdraw = |status: &'static str| {
        let api = node(&[CHAIN, ADMITTED, ("/v1/transactions/", 200, status)]);
        let words = "registration withdraw 7 --key a.key --password-file password --timeout 1s --wait executed";
        run(home, &format!("{words} --api {api}"))
    };
    let (code, _, value) = withdraw(word("ok"));
    assert_eq!((code, &value["data"]["proven"]), (0, &json!(false)), "{value}");
    let (code, name, value) = withdraw(word("refused"));
    assert_eq!((code, name.as_str(), &value["data"]["proven"]), (7, "TIMEOUT", &json!(false)), "{value}");
    assert_eq!(withdraw(REFUSED).0, 1);
}

/// A door that says nothing new, or nonsense, or what it cannot prove, or refuses, does not keep the next one from being heard.
#[test]
fn a_door_that_lies_gives_way_to_the_next() {
    let home = home_with_a_line();
    let home = home.path();
    let good = node(&[CHAIN, ADMITTED, CERTIFIED]);
    let unknown = ("/v1/bundles/transactions", 404, r#"{"code":"TRANSACTION_UNKNOWN","retryable":true}"#);
    for rules in [
        vec![ADMITTED, ("/v1/transactions/", 200, r#"{"stage":"admitted"}"#)],
        vec![ADMITTED, ("/v1/transactions/", 200, "{}")],
        vec![ADMITTED, ("/v1/transactions/", 200, REFUSED), unknown],
        vec![ADMITTED, ("/v1/transactions/", 200, DONE), ("/v1/bundles/transactions", 200, "{}")],
        vec![ADMITTED, ("/v1/transactions/", 404, r#"{"code":"NOT_FOUND"}"#)],
        vec![ADMITTED, ("/v1/transactions/", 500, "oops")],
        vec![("/v1/transactions?", 200, "{}")],
        vec![("/v1/transactions?", 403, r#"{"code":"KEY_NOT_AUTHORIZED","retryable":false}"#)],
        vec![("/v1/bundles", 200, "{}"), ADMITTED],
        vec![("/v1/genesis", 200, "{}"), ADMITTED],
    ] {
        let shown = format!("{rules:?}");
        let liar = node(&[&[CHAIN], &rules[..]].concat());
        let words = "registration withdraw 7 --key a.key --password-file password --timeout 60s";
        let (code, _, value) = run(home, &format!("{words} --api {liar},{good}"));
        assert_eq!((code, &value["data"]["proven"]), (0, &json!(true)), "{shown}: {value}");
    }
}

/// What enters a signature is proven: parameters that no certified header names, and records without a proof, are not signed.
#[test]
fn what_is_not_proven_is_not_signed() {
    let home = home_with_a_line();
    let home = home.path();
    let parameters = |heartbeat_ms: u64| -> &'static str {
        let parameters = quancheng_types::Parameters { heartbeat_ms, ..chain::genesis().parameters };
        json!({ "height": 9, "parameters": parameters }).to_string().leak()
    };
    let door = |heartbeat_ms| node(&[CHAIN, ADMITTED, CERTIFIED, ("/v1/parameters", 200, parameters(heartbeat_ms))]);
    let (liar, good) = (door(7), door(chain::genesis().parameters.heartbeat_ms));
    let sign = "--key a.key --password-file password --timeout 1s";
    let propose = format!("governance propose parameters --set batch_wait_ms=20 {sign}");
    for (number, api) in [liar.clone(), good.clone(), format!("{liar},{good}")].into_iter().enumerate() {
        let (code, _, value) = run(home, &format!("{propose} --sign-only -o {number}.tx --api {api}"));
        assert_eq!(code, 0, "{value}");
        let (_, _, decoded) = run(home, &format!("tx decode {number}.tx"));
        assert!(!decoded.to_string().contains("\"heartbeat_ms\":7,"), "what no state proves is not signed: {decoded}");
    }
    let (code, _, value) = run(home, &format!("chain parameters --api {liar},{good}"));
    assert_eq!((code, &value["data"]["proven"]), (0, &json!(true)), "{value}");
    assert_eq!(
        value["data"]["height"], value["data"]["certified_by"],
        "the height that is shown, not the node's: {value}"
    );
    assert_eq!(run(home, &format!("chain parameters --api {liar}")).1, "BAD_ANSWER");

    let record = r#"{"height":5,"data":{"id":7,"ledger_no":null,"version":3,"phase":"ACCEPTED"}}"#;
    let organization = r#"{"height":5,"data":{"org_id":"ORG-A","roles_requested":["REGISTRAR"]}}"#;
    let unproven = node(&[
        CHAIN,
        ADMITTED,
        CERTIFIED,
        ("/v1/registrations", 200, record),
        ("/v1/organizations", 200, organization),
    ]);
    for words in ["registration rely 7 --purpose PLEDGE_FINANCING", "registration review 7", "org activate ORG-A"] {
        let (code, name, value) =
            run(home, &format!("{words} --document-digest sm3:{} {sign} --api {unproven}", "ab".repeat(32)));
        assert_eq!((code, name.as_str()), (4, "NO_PROOF"), "{words}: {value}");
    }
    // In whose name a key signs.
    let nameless = node(&[("/v1/bundles/state", 404, r#"{"code":"NOT_FOUND"}"#), CHAIN, ADMITTED, CERTIFIED]);
    let (code, _, value) = run(home, &format!("registration withdraw 7 {sign} --api {nameless}"));
    assert!(code == 3 && value["error"]["causes"].to_string().contains("nothing was signed"), "{value}");
}

/// What is put to the vote is what was decided last with the named changes, also what is not in force yet, as the newest block of all
/// endpoints proves it: an acceptance replaces all parameters.
#[test]
fn a_change_of_parameters_keeps_what_was_decided_meanwhile() {
    let home = home_with_a_line();
    let home = home.path();
    let door = |proof: &'static str| node(&[CHAIN, ("/v1/bundles/state", 200, proof)]);
    let (old, new) = (door("%9 -"), door("%12 77"));
    for (number, (api, wait_ms)) in
        [(old.clone(), chain::genesis().parameters.batch_wait_ms), (new.clone(), 77), (format!("{old},{new}"), 77)]
            .into_iter()
            .enumerate()
    {
        let file = format!("{number}.tx");
        let sign = "--key a.key --password-file password --timeout 5s --sign-only";
        let words = format!("governance propose parameters --set heartbeat_ms=999 {sign} -o {file} --api {api}");
        let (code, _, value) = run(home, &words);
        assert_eq!(code, 0, "{value}");
        let (_, _, decoded) = run(home, &format!("tx decode {file}"));
        let text = decoded["data"].to_string();
        assert!(text.contains("\"heartbeat_ms\":999"), "{text}");
        assert!(text.contains(&format!("\"batch_wait_ms\":{wait_ms}")), "{text}");
    }
}

/// An id that is of nothing is told as that; an absence of another thing under it is no bundle of it.
#[test]
fn a_bundle_of_nothing_is_not_written() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let key = chain::of_absence(&[&[0, 10, 0, 1][..], &[0xAB; 32]].concat());
    let api = node(&[CHAIN, ("/v1/bundles/evidence", 200, key.to_json().leak())]);
    for more in ["", " --as-of 5"] {
        let words = format!("bundle fetch {} --out x{more} --api {api}", "ab".repeat(32));
        let (code, name, value) = run(home, &words);
        assert_eq!((code, name.as_str()), (3, "NOT_FOUND"), "{value}");
        assert!(value["error"]["hint"].as_str().unwrap().contains("evidence show"), "{value}");
        assert!(!home.join("x").exists());
    }
}

/// A genesis has the id of its chain, a block the height that was asked for and the id of its header; modules that are not ours are told.
#[test]
fn what_a_door_shows_of_the_chain_is_held_against_what_it_must_be() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let header = chain::of_absence(b"0123").header;
    let block = |id: &str, height: u64| -> &'static str {
        json!({ "id": id, "height": height, "header": header }).to_string().leak()
    };
    let (id, height) = (header.id().to_string(), header.height.0);
    let mut other = chain::genesis();
    other.time_ms += 1;
    let other = ("/v1/genesis", 200, &*json!(other).to_string().leak());
    for (rules, words, expected) in [
        (vec![], "chain genesis".to_owned(), ""),
        (vec![other], "chain genesis".to_owned(), "BAD_ANSWER"),
        (vec![("/v1/blocks", 200, block(&id, height))], format!("block show {height}"), ""),
        (vec![("/v1/blocks", 200, block(&id, height))], "block show latest".to_owned(), ""),
        (vec![("/v1/blocks", 200, block(&id, height))], "block show 1".to_owned(), "BAD_ANSWER"),
        (vec![("/v1/blocks", 200, block(&id, 1))], "block show 1".to_owned(), "BAD_ANSWER"),
        (vec![("/v1/blocks", 200, block(&"ab".repeat(32), height))], format!("block show {height}"), "BAD_ANSWER"),
    ] {
        let api = node(&[&[CHAIN], &rules[..]].concat());
        let (_, name, value) = run(home, &format!("{words} --api {api}"));
        assert_eq!(name, expected, "{words}: {value}");
    }
    let api = node(&[CHAIN, ("/v1/modules", 200, r#"[{"id":1,"name":"identity","refusals":[]}]"#)]);
    let shown = quancheng(home, &["chain", "modules", "--lang", "en", "--api", &api]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("not those that this program knows"));
}

/// A door with a chain of its own proves everything under that; which chain is meant is not for the first door to say.
#[test]
fn the_first_door_does_not_choose_the_chain() {
    let home = home_with_a_line();
    let home = home.path();
    let (other, good) = (node(&[OTHER_CHAIN, ADMITTED, CERTIFIED]), node(&[CHAIN, ADMITTED, CERTIFIED]));
    let both = format!("{other},{good}");
    let words = "registration withdraw 7 --key a.key --password-file password --timeout 5s";
    let (code, name, value) = run(home, &format!("{words} --api {both}"));
    assert_eq!((code, name.as_str()), (2, "CHAINS_DIFFER"), "{value}");
    for words in [
        format!("bundle fetch 7 --out x --api {both}"),
        format!("tx show {} --api {both}", "ab".repeat(32)),
        format!("chain genesis --out x --api {both}"),
    ] {
        assert_eq!(run(home, &words).1, "CHAINS_DIFFER", "{words}");
    }
    assert_eq!(run(home, &format!("{words} --api {both} --chain-id {}", "1".repeat(64))).0, 0);
}

/// A mistyped number must not look like a life in which nothing happened.
#[test]
fn a_list_of_what_does_not_exist_is_not_found() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let none = r#"{"height":5,"time_ms":5,"data":null}"#;
    let empty = ("/v1/query", 200, r#"{"height":5,"time_ms":5,"data":[]}"#);
    let nobody = node(&[CHAIN, empty, ("/v1/registrations/77", 200, none), ("/v1/organizations/ORG-Q", 200, none)]);
    for words in ["registration log 77", "registration objections 77", "org officers ORG-Q"] {
        let (code, name, value) = run(home, &format!("{words} --api {nobody}"));
        assert_eq!((code, name.as_str()), (3, "NOT_FOUND"), "{words}: {value}");
    }
    let registration = r#"{"height":5,"data":{"id":77,"ledger_no":null,"version":3,"phase":"ACCEPTED"}}"#;
    let quiet = node(&[CHAIN, empty, ("/v1/registrations/77", 200, registration)]);
    let (code, _, value) = run(home, &format!("registration objections 77 --api {quiet}"));
    assert_eq!((code, &value["data"]["data"], &value["data"]["proven"]), (0, &json!([]), &json!(false)), "{value}");
    assert_eq!(value["data"]["api"], json!(quiet));
}

/// Whose word a status is, that it is no more than that, and what the others say.
#[test]
fn a_status_is_the_word_of_an_endpoint_and_others_that_differ_are_told() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let at = |height: u64| {
        let status = json!({ "chain_id": chain::id(), "height": height, "time_ms": 9 });
        node(&[("/v1/status", 200, status.to_string().leak())])
    };
    let (first, near, far) = (at(100), at(103), at(900_000));
    let (code, _, value) = run(home, &format!("chain status --api {first}"));
    assert_eq!((code, &value["data"]["proven"], &value["data"]["api"]), (0, &json!(false), &json!(first)), "{value}");
    for (others, is_told) in [(&near, false), (&far, true)] {
        let words = format!("chain status --lang en --api {first},{others}");
        let output = quancheng(home, &words.split(' ').collect::<Vec<_>>());
        let (told, shown) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
        assert_eq!(told.contains("far from each other"), is_told, "{told}");
        assert!(!is_told || told.contains(&format!("{far} = 900000")), "{told}");
        assert!(shown.contains("not proven"), "{shown}");
    }
    let empty = ("/v1/registrations", 200, r#"{"height":5,"items":[],"next_cursor":null}"#);
    let (away, lists) = ("http://127.0.0.1:1", node(&[CHAIN, empty]));
    let (code, _, value) = run(home, &format!("registration list --api {away},{lists}"));
    assert_eq!((code, &value["data"]["proven"], &value["data"]["api"]), (0, &json!(false), &json!(lists)), "{value}");
    let (_, _, value) = run(home, &format!("chain status --api {first},{far}"));
    assert_eq!((&value["data"]["height"], &value["data"]["others"][0]["height"]), (&json!(100), &json!(900_000)));
}

/// A node says what is wrong in Chinese; the reason behind it is that of a reader which speaks English, and is told in Chinese all the same.
#[test]
fn reasons_of_nodes_are_told_in_chinese() {
    let home = tempfile::tempdir().unwrap();
    for (reason, zh) in [
        ("an organization id is 1 to 64 of A–Z, 0–9, '-', '_', '.', and begins with a letter or digit", "组织编号为"),
        ("lies before the genesis of the chain", "早于本链创世"),
        ("there is no module \"x\"; modules are identity governance", "没有此模块"),
        ("JSON for module registry: unknown variant `bad`, expected one of `log`", "模块 registry 的 JSON：没有此取值"),
        ("+5 has a sign; numbers are written in digits alone", "数字只写数位"),
        ("201 is outside 1..=200", "超出允许范围"),
    ] {
        let problem = json!({
            "type": "urn:quancheng:problem:INVALID_PARAMETER", "code": "INVALID_PARAMETER", "status": 400, "retryable": false,
            "detail": format!("参数 `query` 无效：{reason}"), "causes": [reason],
        });
        let api = node(&[("/v1/organizations/", 400, problem.to_string().leak())]);
        let words = format!("org show ORG-A --lang zh --api {api}");
        let (code, _, value) = run(home.path(), &words);
        let message = value["error"]["message"].as_str().unwrap();
        assert_eq!(code, 2, "{value}");
        assert!(message.starts_with(&format!("参数 `query` 无效：{zh}")), "{message}");
        assert!(value["error"]["causes"].to_string().contains(&format!("此系 {api} 所称")), "{value}");
        let words: Vec<&str> = message.split(|c: char| !c.is_ascii_lowercase()).filter(|word| word.len() > 2).collect();
        assert!(words.iter().all(|word| ["query", "registry", "bad"].contains(word)), "{words:?} in {message}");
    }
}
