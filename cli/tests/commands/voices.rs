//! Who says what of a transaction, and what follows from that.

use super::ends::silent;
use super::*;

const ADMITTED: (&str, u16, &str) = ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#);
const GONE: (&str, u16, &str) = ("/v1/transactions/", 200, r#"{"stage":"expired"}"#);
const CERTIFIED: (&str, u16, &str) =
    ("/v1/transactions/", 200, r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#);
const NO_BUNDLE: (&str, u16, &str) = ("/v1/bundles/transactions", 404, r#"{"code":"NOT_FOUND"}"#);
const SIGN: &str = "--key a.key --password-file password";

fn node(rules: &[(&'static str, u16, &'static str)]) -> String {
    fake_node(rules.to_vec().leak())
}

fn run(home: &Path, text: &str) -> (i32, String, Value) {
    let (code, value) = envelope(home, &text.split(' ').collect::<Vec<_>>());
    (code, value["error"]["code"].as_str().unwrap_or_default().to_owned(), value)
}

/// Where one says that a transaction is certified and another one that it is gone, and nobody proves it, nothing follows, whoever is named first.
#[test]
fn contrary_voices_end_nothing_in_either_order() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let id = "ab".repeat(32);
    let (liar, other) = (node(&[CHAIN, GONE]), node(&[CHAIN, CERTIFIED, NO_BUNDLE]));
    for api in [format!("{liar},{other}"), format!("{other},{liar}")] {
        for (wait, expected) in [("", (4, "CONTRARY_ANSWERS")), (" --wait certified", (7, "TIMEOUT"))] {
            let (code, name, value) = run(home, &format!("tx show {id}{wait} --timeout 2s --api {api}"));
            assert_eq!((code, name.as_str()), expected, "{value}");
            let causes = value["error"]["causes"].to_string();
            for told in [format!("{liar} says that its time is over"), format!("{other} says that a quorum has signed")]
            {
                assert!(causes.contains(&told), "{value}");
            }
            assert!(!value.to_string().contains("can no longer take effect"), "{value}");
            assert!(value["error"]["hint"].as_str().unwrap().contains("do not sign the same anew"), "{value}");
        }
    }
}

/// One endpoint that was asked and said nothing is named, with and without a wait, and beside one that does not know the transaction.
#[test]
fn who_was_not_heard_is_named_wherever_it_stands() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let id = "ab".repeat(32);
    let (liar, nobody) = (node(&[CHAIN, GONE]), node(&[CHAIN]));
    for other in ["http://127.0.0.1:1".to_owned(), silent()] {
        for api in [format!("{liar},{other}"), format!("{other},{liar}")] {
            let (code, _, value) = run(home, &format!("tx show {id} --timeout 4s --api {api}"));
            let data = &value["data"];
            assert_eq!((code, &data["stage"], &data["proven"]), (0, &json!("expired"), &json!(false)), "{value}");
            assert_eq!((&data["said_by"], &data["unheard"]), (&json!([liar]), &json!([other])), "{value}");
            let words = format!("tx show {id} --timeout 4s --lang en --api {api}");
            let shown = quancheng(home, &words.split(' ').collect::<Vec<_>>());
            let shown = String::from_utf8(shown.stdout).unwrap();
            assert!(shown.contains(&format!("what {liar} says")), "{shown}");
            assert!(shown.contains(&format!("{other} did not answer")), "{shown}");
        }
        let (code, _, value) = run(home, &format!("tx show {id} --wait certified --timeout 3s --api {other},{nobody}"));
        assert_eq!(code, 7, "{value}");
        let causes = value["error"]["causes"].to_string();
        assert!(causes.contains(&format!("{other} did not answer")), "{value}");
        assert!(causes.contains(&format!("{nobody} says that it does not know")), "{value}");
    }
}

/// A stage that nobody proves has an owner, also when time is up.
#[test]
fn a_stage_has_an_owner_when_time_is_up() {
    let home = home_with_a_line();
    let home = home.path();
    let api = node(&[CHAIN, ADMITTED, ("/v1/transactions/", 200, r#"{"stage":"admitted"}"#)]);
    let (code, _, value) = run(home, &format!("registration withdraw 7 {SIGN} --timeout 1s --api {api}"));
    let message = value["error"]["message"].as_str().unwrap();
    assert!(code == 7 && message.contains(&format!("by the word of {api}, transaction")), "{value}");
    assert_eq!(value["data"]["said_by"], json!([api]), "{value}");
}

/// What has expired is not told to be signed anew and not to be signed anew in one breath.
#[test]
fn a_refusal_has_one_piece_of_advice() {
    let home = home_with_a_line();
    let home = home.path();
    let refusing = || node(&[CHAIN, ("/v1/transactions?", 422, r#"{"code":"EXPIRED","retryable":false}"#)]);
    let (one, other) = (refusing(), refusing());
    let sign = format!("registration withdraw 7 {SIGN} --valid-for 1s --sign-only -o x.tx");
    assert_eq!(run(home, &format!("{sign} --api {one}")).0, 0);
    thread::sleep(std::time::Duration::from_millis(1_100));
    for api in [one.clone(), format!("{one},{other}")] {
        for (lang, first, never) in [
            ("en", "Ask another node first", ["sign again", "do not sign"]),
            ("zh", "请先向另一节点核实", ["重新签名", "请勿另行签署"]),
        ] {
            let (code, name, value) = run(home, &format!("tx submit x.tx --timeout 2s --lang {lang} --api {api}"));
            assert_eq!((code, name.as_str()), (1, "EXPIRED"), "{value}");
            let hint = value["error"]["hint"].as_str().unwrap();
            assert!(hint.starts_with(first) && never.iter().all(|words| !hint.contains(words)), "{hint}");
        }
    }
}

/// A refusal that is proven is final: nobody is told to ask again, or that the transaction may turn out to be on the chain.
#[test]
fn a_proven_refusal_is_final() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("a.txt"), "a").unwrap();
    let refused =
        r#"{"stage":"certified","height":5,"outcome":{"kind":"refused","module":3,"code":1,"call":0,"name":"X"}}"#;
    let parameters = ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#);
    let api = node(&[CHAIN, parameters, ADMITTED, ("/v1/transactions/", 200, refused)]);
    for (lang, is_final, never) in [
        ("en", "is refused on the chain, which is proven", ["Should", "Run this again", "evidence finish"]),
        ("zh", "该交易在链上被拒绝，已获证明", ["如查明", "改问其他节点", "evidence finish"]),
    ] {
        let words = format!("evidence notarize a.txt --bundle {lang}.b {SIGN} --timeout 5s --lang {lang} --api {api}");
        let (code, _, value) = run(home, &words);
        assert_eq!((code, &value["data"]["proven"]), (1, &json!(true)), "{value}");
        let hint = value["error"]["hint"].as_str().unwrap();
        assert!(hint.contains(is_final) && never.iter().all(|words| !hint.contains(words)), "{hint}");
        let id = value["data"]["id"].as_str().unwrap();
        let aside = format!("{lang}.b.{}.salts.json", &id[..16]);
        assert!(hint.contains(&aside) && home.join(&aside).exists(), "{hint}");
        let words = format!("evidence finish {aside} --bundle {lang}.b --timeout 5s --lang {lang} --api {api}");
        let (code, _, value) = run(home, &words);
        assert_eq!((code, &value["data"]["proven"]), (1, &json!(true)), "{value}");
        let hint = value["error"]["hint"].as_str().unwrap();
        assert!(hint.contains(is_final) && never.iter().all(|words| !hint.contains(words)), "{hint}");
        assert!(home.join(&aside).exists());
    }
}
