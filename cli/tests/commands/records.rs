//! What is signed of a record without a network: what it states, or the command says what of it is not.

use super::*;

/// A folder with the key `a.key`, and `r.json` with a record of one's own of a sample, changed.
fn home_with(change: impl Fn(&mut Value)) -> tempfile::TempDir {
    let home = home_with_a_line();
    let text = std::fs::read(home.path().join("rows.jsonl")).expect("the record is there");
    let mut record: Value = serde_json::from_slice(&text).expect("the record is JSON");
    record["reg_id"] = json!("2026-7");
    record["ledger_no"] = Value::Null;
    change(&mut record);
    std::fs::write(home.path().join("r.json"), record.to_string()).expect("the folder is writable");
    home
}

fn sign(home: &Path, command: &str) -> (i32, Value) {
    let chain = "1".repeat(64);
    let words = format!(
        "registration {command} --file r.json --key a.key --password-file password --chain-id {chain} --sign-only -o t.tx"
    );
    let found = envelope(home, &words.split(' ').collect::<Vec<_>>());
    // Refused, nothing is signed.
    assert_eq!(home.join("t.tx").exists(), found.0 == 0, "{command}: {found:?}");
    found
}

const COMMANDS: [&str; 3] = ["submit", "supplement 1", "change 1"];

#[test]
fn a_record_of_somebody_else_is_told_or_refused() {
    for command in &COMMANDS[1..] {
        let home = home_with(|record| {
            record["applicant"] = json!("ORG-GOV-FIN");
            record["registrar"] = json!("ORG-NONE");
        });
        let (code, made) = sign(home.path(), command);
        assert_eq!(code, 0, "{made}");
        let told = made["data"]["left_out"].to_string();
        for part in
            ["applicant ORG-GOV-FIN", "registrar ORG-NONE", "kind ", "rule_set ", "events", "expect", "seed_domain"]
        {
            assert!(told.contains(part), "{command} {part}: {told}");
        }
        let home = home_with(|record| record["kind"] = json!("PERSONAL"));
        assert_eq!(sign(home.path(), command).1["error"]["code"], json!("BAD_KIND"));
        let home = home_with(|record| {
            record["kind"] = json!("PUBLIC_RESOURCE");
            record["ledger_no"] = json!("QC-370100-PR-2026-00001001-P");
        });
        assert_eq!(sign(home.path(), command).1["error"]["code"], json!("RECORD_DIFFERS"));
    }
}

#[test]
fn an_option_beside_another_statement_signs_nothing() {
    let root = |digit: &str| digit.repeat(64);
    for (key, stated, option) in [
        ("prior_evidence", json!(root("a")), format!("--prior-evidence {}", root("b"))),
        ("licence", json!({ "reference": "L-1", "valid_to": "2027-01-01" }), "--licence L-9@2028-02-02".to_owned()),
        ("rule_set", json!("RS-A"), "--rule-set RS-B".to_owned()),
        ("derived_from", json!([7]), "--derived-from 8".to_owned()),
    ] {
        let home = home_with(|record| record[key] = stated.clone());
        let (code, value) = sign(home.path(), &format!("submit {option}"));
        assert_eq!((code, &value["error"]["code"]), (2, &json!("OPTION_DIFFERS")), "{key}: {value}");
        assert!(value["error"]["message"].as_str().unwrap().contains(key), "{value}");
        assert_eq!(sign(home.path(), "submit").0, 0, "{key}");
    }
}

#[test]
fn what_cannot_be_signed_as_it_stands_is_refused_or_told() {
    for command in COMMANDS {
        for (key, value, code) in [
            ("schema_sha256", json!("ab".repeat(32)), "DIGEST_UNCLEAR"),
            ("ledger_no", json!("QC-110100-PR-2026"), "BAD_NUMBER"),
            ("record_count", json!("5"), "WRONG_FORM"),
            ("dossier", json!({}), "BESIDE_DOSSIER"),
        ] {
            let home = home_with(|record| record[key] = value.clone());
            assert_eq!(sign(home.path(), command).1["error"]["code"], json!(code), "{command} {key}");
        }
        let home = home_with(|record| record["seed_domain"] = json!("农业农村"));
        let (_, made) = sign(home.path(), command);
        assert!(made["data"]["left_out"].to_string().contains("seed_domain"), "{made}");
        assert_eq!(made["data"]["supplied"], json!(["region 370100"]));
        assert!(!made["data"]["calls"].to_string().contains("农业农村"), "{made}");
    }
}

/// Whoever adds a signature signs what the program reads of the file, so the file holds nothing else.
#[test]
fn a_transaction_file_holds_nothing_that_nobody_signs() {
    let home = home_with(|_| {});
    let home = home.path();
    assert_eq!(sign(home, "submit").0, 0);
    let mut draft: Value = serde_json::from_slice(&std::fs::read(home.join("t.tx")).unwrap()).unwrap();
    draft["body"]["purpose"] = json!("a renewal");
    std::fs::write(home.join("more.tx"), draft.to_string()).unwrap();
    for words in ["tx decode more.tx", "tx sign more.tx --key a.key --password-file password"] {
        let (code, value) = envelope(home, &words.split(' ').collect::<Vec<_>>());
        assert_eq!((code, &value["error"]["code"]), (2, &json!("TX_FILE")), "{words}: {value}");
        assert!(value["error"]["causes"].to_string().contains("body.purpose"), "{value}");
    }
}

/// The document and the reason of a decision are those of the command, whichever of its acts is asked for.
#[test]
fn the_grounds_of_a_review_that_begins_are_signed() {
    let home = home_with(|_| {});
    let home = home.path();
    std::fs::write(home.join("opinion.txt"), "opinion").unwrap();
    let chain = "1".repeat(64);
    let words = format!(
        "registration review 7 --start --document opinion.txt --note x --key a.key --password-file password --chain-id {chain} --sign-only -o t.tx"
    );
    let (code, made) = envelope(home, &words.split(' ').collect::<Vec<_>>());
    assert_eq!(code, 0, "{made}");
    let decision = &made["data"]["calls"][0]["call"]["start_review"]["decision"];
    assert_eq!((&decision["document"]["algorithm"], &decision["note_zh"]), (&json!("SHA256"), &json!("x")), "{made}");
}

/// With an endpoint the record is held against the registration, which has to be proven; what states nothing of itself needs no asking.
#[test]
fn a_change_is_compared_with_a_registration_that_is_proven() {
    let home = home_with(|_| {});
    let home = home.path();
    let unproven =
        fake_node(&[CHAIN, ("/v1/registrations", 200, r#"{"height":5,"data":{"id":7,"ledger_no":null,"version":3}}"#)]);
    let sign = |file: &str, out: &str| {
        let words = format!(
            "registration change 7 --file {file} --key a.key --password-file password --sign-only -o {out} --api {unproven}"
        );
        envelope(home, &words.split(' ').collect::<Vec<_>>())
    };
    let (code, value) = sign("r.json", "t.tx");
    assert_eq!((code, &value["error"]["code"]), (4, &json!("NO_PROOF")), "{value}");
    assert!(value["error"]["causes"].to_string().contains("cannot be compared"), "{value}");
    assert!(!home.join("t.tx").exists());
    let mut bare: Value = serde_json::from_slice(&std::fs::read(home.join("r.json")).unwrap()).unwrap();
    for key in ["applicant", "kind", "registrar", "rule_set", "ledger_no"] {
        bare.as_object_mut().unwrap().remove(key);
    }
    std::fs::write(home.join("bare.json"), bare.to_string()).unwrap();
    let (code, value) = sign("bare.json", "bare.tx");
    assert_eq!(code, 0, "{value}");
}
