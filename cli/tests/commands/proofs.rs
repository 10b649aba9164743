//! What is shown beside a proof: nothing is called proven that was not compared with it.

use super::*;

/// Every command that takes `--proof`, with what it asks for.
const READS: [&str; 11] = [
    "account show ID",
    "chain query governance {}",
    "evidence show ID",
    "governance calendar 2026",
    "governance rule-set RS-X",
    "governance show 7",
    "org officers ORG-A",
    "org show ORG-A",
    "registration log 7",
    "registration objections 7",
    "registration show 7",
];

fn node(rules: &[(&'static str, u16, &'static str)]) -> String {
    fake_node(rules.to_vec().leak())
}

/// A door of the right chain that says this of everything, beside a bundle that holds.
fn forger(data: &Value) -> String {
    let proof = hex::encode(chain::of_parameters(9, None).encode());
    let told = json!({ "height": 9, "time_ms": 4242, "data": data, "note": "FORGED", "proof": proof });
    let told: &str = told.to_string().leak();
    let paths =
        ["accounts", "query", "evidence", "calendar", "rule-sets", "governance", "organizations", "registrations"];
    let mut rules = vec![CHAIN];
    rules.extend(paths.iter().map(|path| (&*format!("/v1/{path}").leak(), 200, told)));
    node(&rules)
}

/// The command line of a read, with its proof to a file that is not there yet.
fn words_of(home: &Path, read: &str, api: &str) -> Vec<String> {
    let _ = std::fs::remove_file(home.join("proof"));
    let digest = "ab".repeat(32);
    let words = read.split(' ').map(|word| if word == "ID" { digest.clone() } else { word.to_owned() });
    words.chain(["--proof", "proof", "--api", api].map(str::to_owned)).collect()
}

/// A bundle that holds convinces nobody of what a node says beside it: of every read there is, what was not compared is not proven.
#[test]
fn what_was_not_compared_is_not_called_proven() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let root = "ab".repeat(32);
    let record = json!({
        "id": 7, "ledger_no": null, "account": root, "org_id": "ORG-A", "rule_set": "RS-X", "year": 2026,
        "commitment": { "root": root }, "by": "FORGED",
    });
    let mut shown = 0;
    for data in [record.clone(), json!([record])] {
        let api = forger(&data);
        for read in READS {
            let words = words_of(home, read, &api);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (code, value) = envelope(home, &words);
            let is_shown = value["data"].to_string().contains("FORGED");
            assert!(!is_shown || value["data"]["proven"] == json!(false), "{read}: {value}");
            if code != 0 {
                continue;
            }
            shown += 1;
            // The bundle holds, and whose word the rest is stands beside it, for programs and for people.
            assert_eq!((&value["data"]["bundle_holds"], &value["data"]["api"]), (&json!(true), &json!(api)), "{value}");
            for (lang, told) in [("en", "was not compared with the bundle"), ("zh", "未与证据包核对")] {
                let _ = std::fs::remove_file(home.join("proof"));
                let output = quancheng(home, &[&words[..], &["--lang", lang]].concat());
                let text = String::from_utf8(output.stdout).unwrap();
                assert!(text.contains(told) && text.contains(&api), "{read}: {text}");
            }
        }
    }
    assert!(shown >= 4, "lists are shown: {shown}");
    // That there is nothing is proven of a record alone.
    let (code, value) = {
        let words = words_of(home, "chain query governance {}", &forger(&Value::Null));
        envelope(home, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(code, 3, "{value}");
    let hint = value["error"]["hint"].as_str().unwrap();
    assert!(!hint.contains("absence") && value["error"]["causes"].to_string().contains("so says"), "{value}");
}

/// A command that takes `--proof` is one of those that are looked at here.
#[test]
fn every_read_with_a_proof_is_looked_at() {
    let home = tempfile::tempdir().unwrap();
    for path in commands(home.path()).iter().skip(1) {
        let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
        words.push("--help");
        let help = String::from_utf8(quancheng(home.path(), &words).stdout).unwrap();
        if help.contains("\nCommands:\n") {
            continue;
        }
        let name = path.join(" ");
        let is_listed = READS.iter().any(|read| read.starts_with(&format!("{name} ")));
        assert_eq!(help.contains("--proof <"), is_listed, "{name}");
    }
}

/// Parameters that are proven come without what the node says beside them.
#[test]
fn nothing_of_a_node_stands_beside_parameters_that_are_proven() {
    let home = tempfile::tempdir().unwrap();
    let told = json!({ "height": 9, "parameters": chain::genesis().parameters, "note": "FORGED" });
    let api = node(&[CHAIN, ("/v1/parameters", 200, told.to_string().leak())]);
    let (code, value) = envelope(home.path(), &["chain", "parameters", "--api", &api]);
    assert_eq!((code, &value["data"]["proven"]), (0, &json!(true)), "{value}");
    assert!(!value.to_string().contains("FORGED"), "{value}");
}
