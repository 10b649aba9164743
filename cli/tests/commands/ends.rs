//! How a run ends when what comes after the certificate fails, or when a node says more, or less, than is so.

use std::process::Stdio;

use super::*;

const PARAMETERS: (&str, u16, &str) =
    ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#);
const ADMITTED: (&str, u16, &str) = ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#);
const CERTIFIED: (&str, u16, &str) =
    ("/v1/transactions/", 200, r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#);
const SIGN: &str = "--key a.key --password-file password";

fn node(rules: &[(&'static str, u16, &'static str)]) -> String {
    fake_node(rules.to_vec().leak())
}

/// The exit code, the code of the fault, and the envelope.
fn run(home: &Path, text: &str) -> (i32, String, Value) {
    let (code, value) = envelope(home, &text.split(' ').collect::<Vec<_>>());
    (code, value["error"]["code"].as_str().unwrap_or_default().to_owned(), value)
}

/// Runs where no file may be greater than so many bytes, as on a disk that is full.
fn run_where_files_end(home: &Path, bytes: u64, text: &str) -> (i32, Value, String) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec prlimit --fsize=\"$0\" \"$@\""]).arg(bytes.to_string());
    shell.arg(env!("CARGO_BIN_EXE_quancheng")).args(text.split(' ')).args(["--output", "json"]);
    shell.env("XDG_CONFIG_HOME", home).env("LC_ALL", "C").current_dir(home).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUANCHENG_")) {
        shell.env_remove(name);
    }
    let output = shell.output().expect("the program runs");
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{text}: {error}: {output:?}"));
    (output.status.code().expect("it ends by itself"), value, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A folder with a key and two files.
fn home_with_files() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    assert_eq!(new_key(home.path(), "a.key").0, 0);
    for name in ["a.txt", "b.txt"] {
        std::fs::write(home.path().join(name), name).expect("the folder is writable");
    }
    home
}

/// What is proven certified is told as that, whatever fails after it: nobody shall think that nothing was done.
#[test]
fn what_fails_after_the_certificate_does_not_hide_it() {
    let home = home_with_files();
    let home = home.path();
    let api = node(&[CHAIN, PARAMETERS, ADMITTED, CERTIFIED]);
    let full = 4096;
    for (lang, words) in [("en", "is certified at height 5; only its bundle is missing"), ("zh", "仅缺证据包")] {
        let line =
            format!("evidence notarize a.txt --bundle {lang}.b --bundle-json {SIGN} -q --lang {lang} --api {api}");
        let (code, value, _) = run_where_files_end(home, full, &line);
        let data = &value["data"];
        assert_eq!((code, &data["stage"], &data["height"]), (8, &json!("certified"), &json!(5)), "{value}");
        assert_eq!((&data["proven"], data["id"].as_str().map(str::len)), (&json!(true), Some(64)), "{value}");
        let message = value["error"]["message"].as_str().unwrap();
        assert!(message.contains(words) && message.contains(data["id"].as_str().unwrap()), "{value}");
        let finish = format!("evidence finish {lang}.b.salts.json --bundle {lang}.b");
        assert!(value["error"]["hint"].as_str().unwrap().contains(&finish), "{value}");
        // The same of the run that finishes, which is again told where to go on.
        let line = format!("{finish} --bundle-json --lang {lang} --api {api}");
        let (code, value, _) = run_where_files_end(home, full, &line);
        assert_eq!((code, &value["data"]["height"]), (8, &json!(5)), "{value}");
        assert_eq!(run(home, &line).0, 0);
    }
}

/// A bundle that proved the receipt is the one that is written: a node that gives it once has given it.
#[test]
fn the_bundle_that_proved_the_receipt_is_not_asked_for_again() {
    let home = home_with_files();
    let home = home.path();
    for (number, (status, text)) in
        [(404, r#"!{"code":"NOT_FOUND"}"#), (503, r#"!{"code":"OVERLOADED","retryable":true}"#), (200, "!{}")]
            .into_iter()
            .enumerate()
    {
        let api = node(&[CHAIN, PARAMETERS, ADMITTED, CERTIFIED, ("/v1/bundles/transactions", status, text)]);
        let line = format!("evidence notarize a.txt --bundle {number}.b {SIGN} --timeout 5s --api {api}");
        let (code, _, value) = run(home, &line);
        assert_eq!(code, 0, "{status}: {value}");
        assert!(home.join(format!("{number}.b")).exists());
    }
}

/// Of many files the one that is certified without its bundle is counted as that, and comes first.
#[test]
fn a_file_that_is_certified_without_its_bundle_is_counted() {
    let home = home_with_files();
    let home = home.path();
    let api = node(&[CHAIN, PARAMETERS, ADMITTED, CERTIFIED]);
    let line = format!("evidence notarize a.txt b.txt --split --bundle out --bundle-json {SIGN} --api {api}");
    let (code, value, _) = run_where_files_end(home, 4096, &line);
    let data = &value["data"];
    assert_eq!((code, &data["stage"], &data["failed"]), (8, &json!("certified"), &json!("a.txt")), "{value}");
    let causes = value["error"]["causes"].to_string();
    assert!(causes.contains("0 of 2 files are done, and one more is certified"), "{value}");
    assert!(causes.contains("`quancheng evidence finish` first"), "{value}");
    let (_, name, value) = run(home, &line);
    assert_eq!(name, "UNFINISHED");
    assert!(value["error"]["causes"].to_string().contains("`quancheng evidence finish` first"), "{value}");
    let finish = format!("evidence finish out/a.txt.bundle.salts.json --bundle out/a.txt.bundle --api {api}");
    assert_eq!(run(home, &finish).0, 0);
    assert_eq!(run(home, &line).0, 0);
}

/// A line of many that is certified and could not be noted is no wrong command.
#[test]
fn a_line_that_is_done_and_cannot_be_noted_is_told_as_done() {
    let home = home_with_a_line();
    let home = home.path();
    let api = node(&[CHAIN, ADMITTED, CERTIFIED]);
    let line = format!("registration submit --from rows.jsonl {SIGN} --api {api}");
    let results = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
    assert_eq!(run(home, &format!("{line} --results whole.jsonl")).0, 0);
    let whole = results("whole.jsonl");
    let signed = whole.lines().take(2).map(|line| line.len() + 1).sum::<usize>();
    let full = u64::try_from(signed + 10).unwrap();
    let (code, value, _) = run_where_files_end(home, full, &format!("{line} --results cut.jsonl"));
    assert_eq!((code, &value["data"]["stage"]), (8, &json!("certified")), "{value}");
    assert!(value["error"]["hint"].as_str().unwrap().contains("same command again"), "{value}");
    assert_eq!(run(home, &format!("{line} --results cut.jsonl")).0, 0);
    assert_eq!(results("cut.jsonl").lines().filter(|line| line.contains("\"transaction\"")).count(), 1);
}

/// A node that takes connections and never answers.
pub(super) fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    thread::spawn(move || {
        let open: Vec<_> = listener.incoming().collect();
        drop(open);
    });
    url
}

/// What one node refuses it alone has refused: it may have given the transaction on, and nobody is told to sign the same anew at once.
#[test]
fn the_refusal_of_one_node_is_told_as_its_word() {
    let home = home_with_a_line();
    let home = home.path();
    for (status, code, exit) in [(403, "NOT_A_MEMBER", 1), (400, "CALL_REFUSED", 1), (413, "TOO_LARGE", 2)] {
        let answer: &str = format!(r#"{{"code":"{code}","retryable":false}}"#).leak();
        let api = node(&[CHAIN, ("/v1/transactions?", status, answer)]);
        for (lang, so_says, ask) in [
            ("en", format!("so says {api}"), "Before the same is signed anew, ask another node"),
            ("zh", format!("此为 {api} 所称"), "另行签署同一内容之前，请先向另一节点核实"),
        ] {
            let (found, name, value) = run(home, &format!("registration withdraw 7 {SIGN} --lang {lang} --api {api}"));
            assert_eq!((found, name.as_str(), &value["data"]["admitted"]), (exit, code, &json!(false)), "{value}");
            let hint = value["error"]["hint"].as_str().unwrap();
            let id = value["data"]["id"].as_str().unwrap();
            assert!(value["error"]["causes"].to_string().contains(&so_says), "{value}");
            assert!(hint.contains(ask) && hint.contains(&format!("tx show {id}")), "{value}");
            assert!(hint.contains(if lang == "en" { "Beijing time" } else { "北京时间" }), "{value}");
            assert!(!hint.contains("submit anew") && !hint.contains("重新提交"), "{value}");
        }
        // Where another one gave no answer, it may have it.
        let (found, _, value) = run(home, &format!("registration withdraw 7 {SIGN} --api {api},http://127.0.0.1:1"));
        assert_eq!((found, value["data"].get("admitted")), (exit, None), "{value}");
        assert!(value["error"]["causes"].to_string().contains("may take effect"), "{value}");
        assert!(value["error"]["hint"].as_str().unwrap().contains("do not sign the same anew"), "{value}");
    }
}

/// What can be looked at here is: signatures that hold, and a time that the proven parameters allow.
#[test]
fn a_refusal_that_cannot_be_so_leaves_everything_open() {
    let home = home_with_a_line();
    let home = home.path();
    let parameters: &str = json!({ "height": 9, "parameters": chain::genesis().parameters }).to_string().leak();
    let refusal = |code: &str| -> &'static str { format!(r#"{{"code":"{code}","retryable":false}}"#).leak() };
    for (code, doubt, proof) in [
        ("BAD_SIGNATURE", "its signatures hold", PARAMETERS),
        ("LIFETIME_TOO_LONG", "the parameters that are proven allow", ("/v1/parameters", 200, parameters)),
    ] {
        let api = node(&[CHAIN, proof, ("/v1/transactions?", 400, refusal(code))]);
        let (found, name, value) = run(home, &format!("registration withdraw 7 {SIGN} --timeout 5s --api {api}"));
        assert_eq!((found, name.as_str(), value["data"].get("admitted")), (1, code, None), "{value}");
        let causes = value["error"]["causes"].to_string();
        assert!(causes.contains(doubt) && causes.contains("may take effect"), "{value}");
        let hint = value["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("says what is not so") && hint.contains("do not sign the same anew"), "{value}");
    }
    // What cannot be looked at stays the word of the node.
    let api = node(&[CHAIN, PARAMETERS, ("/v1/transactions?", 400, refusal("LIFETIME_TOO_LONG"))]);
    let (_, _, value) = run(home, &format!("registration withdraw 7 {SIGN} --timeout 5s --api {api}"));
    assert_eq!(value["data"]["admitted"], json!(false), "{value}");
}

/// That a transaction is gone is the word of those who say so, and those who were not heard are named.
#[test]
fn an_end_is_told_as_the_word_of_those_who_say_it() {
    let home = home_with_a_line();
    let home = home.path();
    let liar = node(&[CHAIN, ADMITTED, ("/v1/transactions/", 200, r#"{"stage":"expired"}"#)]);
    let (closed, silent) = ("http://127.0.0.1:1".to_owned(), silent());
    let sign =
        format!("registration withdraw 7 {SIGN} --chain-id {} --valid-for 1s --sign-only -o x.tx", "1".repeat(64));
    let (_, _, made) = run(home, &format!("{sign} --api {liar}"));
    let id = made["data"]["id"].as_str().expect("it is signed");
    thread::sleep(std::time::Duration::from_millis(1_100));
    for other in [None, Some(closed), Some(silent)] {
        let api = other.iter().fold(liar.clone(), |api, other| format!("{api},{other}"));
        for words in [
            format!("tx submit x.tx --timeout 4s --api {api}"),
            format!("tx show {id} --wait certified --timeout 4s --api {api}"),
        ] {
            let (code, name, value) = run(home, &words);
            assert_eq!((code, name.as_str(), &value["data"]["stage"]), (1, "EXPIRED", &json!("expired")), "{value}");
            let (message, hint) =
                (value["error"]["message"].as_str().unwrap(), value["error"]["hint"].as_str().unwrap());
            assert!(
                message.starts_with(&format!("By the word of {liar}, ")) && message.contains("nobody proves"),
                "{value}"
            );
            assert!(hint.contains("ask other nodes") && !hint.contains("Submit it anew"), "{value}");
            let is_named =
                |other: &String| value["error"]["causes"].to_string().contains(&format!("{other} did not answer"));
            assert!(other.iter().all(is_named), "{value}");
        }
    }
}

/// Without a wait too: that a transaction is over is told when no other endpoint says otherwise.
#[test]
fn the_end_of_a_transaction_is_not_shown_by_one_word_while_others_say_otherwise() {
    let home = tempfile::tempdir().unwrap();
    let liar = node(&[CHAIN, ("/v1/transactions/", 200, r#"{"stage":"expired"}"#)]);
    let other = node(&[CHAIN, ("/v1/transactions/", 200, r#"{"stage":"ordered","height":5}"#)]);
    let id = "ab".repeat(32);
    for (api, stage) in
        [(liar.clone(), "expired"), (format!("{liar},{other}"), "ordered"), (format!("{other},{liar}"), "ordered")]
    {
        let (code, _, value) = run(home.path(), &format!("tx show {id} --timeout 5s --api {api}"));
        assert_eq!(
            (code, &value["data"]["stage"], &value["data"]["proven"]),
            (0, &json!(stage), &json!(false)),
            "{value}"
        );
        let owner = if stage == "expired" { &liar } else { &other };
        assert_eq!(value["data"]["said_by"], json!([owner]), "{value}");
    }
}

/// A wait ends with 0 when what was waited for is there, and not before.
#[test]
fn a_wait_that_did_not_come_to_its_stage_is_not_done() {
    let home = tempfile::tempdir().unwrap();
    let api = node(&[CHAIN, ("/v1/transactions/", 200, r#"{"stage":"ordered","height":5}"#)]);
    let id = "ab".repeat(32);
    let (code, name, value) = run(home.path(), &format!("tx show {id} --wait certified --timeout 1s --api {api}"));
    assert_eq!((code, name.as_str(), &value["data"]["stage"]), (7, "TIMEOUT", &json!("ordered")), "{value}");
    assert_eq!(run(home.path(), &format!("tx show {id} --wait ordered --timeout 1s --api {api}")).0, 0);
    assert_eq!(run(home.path(), &format!("tx show {id} --api {api}")).0, 0);
}

/// A slow endpoint is no closed one, one that was not asked is neither, and what another program answers is no silence.
#[test]
fn slow_closed_and_foreign_endpoints_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (slow, closed, foreign) = (silent(), "http://127.0.0.1:1", node(&[("/", 200, "{}")]));
    for words in ["chain status", "node status"] {
        for (api, expected, advice) in [
            (slow.clone(), "NO_ANSWER", "longer --timeout"),
            (format!("{slow},{closed}"), "NO_ANSWER", "longer --timeout"),
            (closed.to_owned(), "UNREACHABLE", "whether the node runs"),
            (foreign.clone(), "BAD_ANSWER", "not another program"),
        ] {
            let (code, name, value) = run(home, &format!("{words} --timeout 1s --api {api}"));
            assert_eq!((code, name.as_str()), (4, expected), "{words}: {value}");
            assert!(value["error"]["hint"].as_str().unwrap().contains(advice), "{words}: {value}");
            assert!(value["error"]["message"].as_str().unwrap() != "No node answers.", "{value}");
        }
    }
    // A table in Chinese tells why in Chinese, as all other commands do.
    let api = format!("{slow},{closed}");
    let words = ["node", "status", "--lang", "zh", "--timeout", "1s", "--api", &api];
    let shown = String::from_utf8(quancheng(home, &words).stdout).unwrap();
    assert!(shown.contains("未在限时内答复") && shown.contains("连接被拒绝"), "{shown}");
}
