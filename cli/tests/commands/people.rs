//! What people do: files in the way, records from other editors, signatures by turns.

use super::*;

fn fault_of(home: &Path, words: &[&str]) -> (i32, String, String) {
    let (code, value) = envelope(home, words);
    let error = &value["error"];
    let causes =
        error["causes"].as_array().map(|causes| causes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    (code, error["code"].as_str().unwrap_or_default().to_owned(), causes.unwrap_or_default())
}

#[test]
fn records_from_other_editors_are_read_and_repeated_keys_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let record = |name: &str| {
        format!(
            "{{\"org_id\":\"ORG-X1\",{name}\"name_en\":\"A\",\"uscc\":\"91370199MA0EXM0421\",\"org_type\":\"ENTERPRISE_PRIVATE\",\
             \"roles\":[\"DATA_MERCHANT\"],\"region\":\"370100\",\"merchant_class\":\"技术型\"}}"
        )
    };
    let register = |text: String| {
        std::fs::write(home.join("org.json"), text).unwrap();
        let _ = std::fs::remove_file(home.join("tx.json"));
        let words = ["org", "register", "--file", "org.json", "--key", "a.key", "--password-file", "password"];
        let chain = "11".repeat(32);
        let more = ["--chain-id", chain.as_str(), "--sign-only", "-o", "tx.json"];
        fault_of(home, &[&words[..], &more].concat())
    };
    let (code, _, causes) = register("\u{feff}".to_owned() + &record("\"name_zh\":\"甲\","));
    assert_eq!(code, 0, "{causes}");
    let (code, name, causes) = register(record("\"name_zh\":\"甲公司\",\n\"name_zh\":\"乙公司\","));
    assert_eq!((code, name.as_str()), (2, "BAD_JSON"));
    assert!(causes.contains("name_zh") && causes.contains("line 2 column"), "{causes}");
}

#[test]
fn a_lifetime_beyond_the_chains_is_refused_before_signing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let chain = "11".repeat(32);
    let node = |parameters: &'static str| fake_node(Box::leak(Box::new([CHAIN, ("/v1/parameters", 200, parameters)])));
    let short = node(r#"{"height":9,"parameters":{"transaction_lifetime_max_ms":60000}}"#);
    let long = node(r#"{"height":9,"parameters":{"transaction_lifetime_max_ms":86400000}}"#);
    for (valid_for, api, expected) in [
        ("1d", None, "LIFETIME_TOO_LONG"),
        ("10m", None, ""),
        ("5m", Some(&short), "LIFETIME_TOO_LONG"),
        ("1m", Some(&short), ""),
        // A limit beyond that of a new chain has to be proven.
        ("1d", Some(&long), "BAD_ANSWER"),
    ] {
        let words = [
            "registration",
            "withdraw",
            "7",
            "--key",
            "a.key",
            "--password-file",
            "password",
            "--sign-only",
            "-o",
            "tx.json",
        ];
        let more = ["--valid-for", valid_for, "--chain-id", chain.as_str()];
        let api: Vec<&str> = api.map(|url| vec!["--api", url.as_str()]).unwrap_or_default();
        let _ = std::fs::remove_file(home.join("tx.json"));
        let (code, name, causes) = fault_of(home, &[&words[..], &more, &api].concat());
        assert_eq!((code == 0, name.as_str()), (expected.is_empty(), expected), "{valid_for} {causes}");
        assert_eq!(home.join("tx.json").exists(), expected.is_empty());
    }
}

#[test]
fn outputs_do_not_take_the_place_of_devices_and_links() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let node = fake_node(&[CHAIN]);
    std::fs::write(home.join("mine"), "mine").unwrap();
    std::fs::write(home.join("out.json.part"), "mine").unwrap();
    std::os::unix::fs::symlink("mine", home.join("link")).unwrap();
    for (out, expected) in [("/dev/null", "NOT_A_FILE"), ("link", "NOT_A_FILE"), (".", "IS_A_FOLDER"), ("out.json", "")]
    {
        let (code, name, _) = fault_of(home, &["chain", "genesis", "--out", out, "--api", &node]);
        assert_eq!((code == 0, name.as_str()), (expected.is_empty(), expected), "{out}");
    }
    for file in ["mine", "out.json.part"] {
        assert_eq!(std::fs::read_to_string(home.join(file)).unwrap(), "mine");
    }
    assert!(std::fs::symlink_metadata(home.join("link")).unwrap().is_symlink());
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&std::fs::metadata("/dev/null").unwrap().file_type()));
}

/// A second run with a bundle name in use ends before it has submitted anything; nothing of the first is lost.
#[test]
fn of_two_runs_with_one_bundle_name_one_is_refused_in_time() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    for name in ["a.txt", "b.txt"] {
        std::fs::write(home.join(name), name).unwrap();
    }
    // It takes transactions and never says what became of them: both runs are under way at once, and have no bundle to write.
    let node = fake_node(&[
        CHAIN,
        ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#),
        ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
        ("/v1/transactions/", 200, r#"{"stage":"admitted"}"#),
    ]);
    let notarize = |file: &str| {
        let words =
            ["evidence", "notarize", file, "--bundle", "x.bundle", "--key", "a.key", "--password-file", "password"];
        envelope(home, &[&words[..], &["--timeout", "2s", "--api", &node]].concat())
    };
    let both = thread::scope(|scope| {
        let other = scope.spawn(|| notarize("b.txt"));
        let one = notarize("a.txt");
        [one, other.join().unwrap()]
    });
    let codes: Vec<&str> = both.iter().map(|(_, value)| value["error"]["code"].as_str().unwrap()).collect();
    let is_refused = |code: &&&str| ["IN_USE", "UNFINISHED"].contains(*code);
    assert_eq!((codes.iter().filter(is_refused).count(), codes.contains(&"TIMEOUT")), (1, true), "{both:?}");
    let salts = std::fs::read_to_string(home.join("x.bundle.salts.json")).unwrap();
    let (_, winner) = both.iter().find(|(code, _)| *code == 7).unwrap();
    assert!(salts.contains(winner["data"]["id"].as_str().unwrap()), "the salts are those of what was submitted");
    assert_eq!(notarize("a.txt").1["error"]["code"], "UNFINISHED");
}

/// What no clock can hold is no reason to panic.
#[test]
fn an_absurd_pause_is_an_error_like_any_other() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = r#"{"code":"OVERLOADED","retryable":true}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 503 X\r\nretry-after: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                u64::MAX,
                body.len()
            );
        }
    });
    let (code, name, _) = fault_of(home, &["chain", "status", "--timeout", "1s", "--api", &url]);
    assert_eq!((code, name.as_str()), (4, "OVERLOADED"));
}

/// What should hold its answer back and does not is no reason to ask without end: a node that stops, a proxy, an old version.
#[test]
fn an_answer_that_was_not_held_back_is_not_asked_for_again_at_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let (chain, id) = ("11".repeat(32), "ab".repeat(32));
    let sign = ["--key", "a.key", "--password-file", "password", "--chain-id", &chain];
    let submit = [&["registration", "withdraw", "7"][..], &sign].concat();
    let show = vec!["tx", "show", &id, "--wait", "certified"];
    let admitted: (&str, u16, &str) = ("/v1/transactions", 200, r#"{"stage":"admitted"}"#);
    let unknown: (&str, u16, &str) = ("/v1/transactions/", 404, r#"{"code":"TRANSACTION_UNKNOWN"}"#);
    for (words, rules, code) in [
        (&submit, vec![CHAIN, admitted], "TIMEOUT"),
        (&submit, vec![CHAIN, unknown, admitted], "TIMEOUT"),
        (&show, vec![CHAIN, admitted], "TIMEOUT"),
    ] {
        let (api, requests) = counting_node(Box::leak(rules.into_boxed_slice()));
        let (_, name, causes) = fault_of(home, &[&words[..], &["--timeout", "1s", "--api", &api]].concat());
        assert_eq!(name, code, "{words:?} {causes}");
        // One in 200 ms, each perhaps with a new submission, and a few at the beginning.
        let requests = requests.load(Ordering::SeqCst);
        assert!((3..=20).contains(&requests), "{words:?}: {requests} requests");
    }
}

#[test]
fn a_foreign_server_is_no_node() {
    let home = tempfile::tempdir().unwrap();
    let node = fake_node(&[("/", 200, "{}")]);
    // What it answers is no bundle of this chain that does not match, and no record that is not there.
    let id = "ab".repeat(32);
    for page in ["{}", "<html></html>"] {
        let node = fake_node(Box::leak(Box::new([("/", 200, page)])));
        let proof = ["registration", "show", "7"];
        for words in [&["bundle", "fetch", &id, "--out", "x.bundle"][..], &["evidence", "show", &id], &proof] {
            let (code, value) = envelope(home.path(), &[words, &["--api", &node]].concat());
            assert_eq!((code, &value["error"]["code"]), (4, &json!("BAD_ANSWER")), "{page} {words:?}: {value}");
            assert!(value["error"]["hint"].as_str().unwrap().contains("address"), "{value}");
        }
        assert!(!home.path().join("x.bundle").exists());
    }
    for page in
        ["{}", "[]", "null", "{\"status\":\"ok\"}", "{\"height\":-1,\"items\":[]}", "{\"height\":1e30,\"items\":[]}"]
    {
        let node = fake_node(Box::leak(Box::new([("/", 200, page)])));
        for words in [
            &["org", "list"][..],
            &["registration", "list"],
            &["governance", "list"],
            &["org", "show", "ORG-A"],
            &["block", "show", "1"],
            &["block", "transactions", "1"],
            &["chain", "validators"],
            &["chain", "parameters"],
            &["chain", "genesis"],
            &["chain", "modules"],
        ] {
            let (code, value) = envelope(home.path(), &[words, &["--api", &node]].concat());
            assert_eq!((code, &value["error"]["code"]), (4, &json!("BAD_ANSWER")), "{page} {words:?}: {value}");
        }
    }
    for words in [&["chain", "status"][..], &["node", "status"], &["doctor"], &["tx", "show", &"ab".repeat(32)]] {
        let (code, value) = envelope(home.path(), &[words, &["--api", &node]].concat());
        assert_ne!(code, 0, "{words:?}: {value}");
    }
}

#[test]
fn salts_of_a_transaction_that_no_node_took_are_set_aside_and_never_thrown_away() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("report.pdf"), "report").unwrap();
    let late = fake_node(&[
        CHAIN,
        ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#),
        ("/v1/transactions?", 422, r#"{"code":"CALL_REFUSED","retryable":false}"#),
    ]);
    let notarize = |api: &str| {
        let words = ["evidence", "notarize", "report.pdf", "--bundle", "a.bundle", "--key", "a.key"];
        let more = ["--password-file", "password", "--timeout", "1s", "--api", api];
        envelope(home, &[&words[..], &more].concat())
    };
    let salts = home.join("a.bundle.salts.json");
    for _ in 0..2 {
        let (code, value) = notarize(&late);
        assert_eq!(
            (code, &value["error"]["code"], &value["data"]["admitted"]),
            (1, &json!("CALL_REFUSED"), &json!(false))
        );
        assert!(!salts.exists(), "the same command can be given again");
        let id = value["data"]["id"].as_str().unwrap();
        let aside = format!("a.bundle.{}.salts.json", &id[..16]);
        assert!(std::fs::read_to_string(home.join(&aside)).unwrap().contains(id));
        assert!(value["error"]["hint"].as_str().unwrap().contains(&aside), "{value}");
    }
}

/// What no node wrote says nothing of the transaction: a proxy refuses in its own name, also after it has passed something on.
#[test]
fn salts_stay_where_something_in_between_refuses() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("report.pdf"), "report").unwrap();
    for (status, page) in [(403, "<html>403 Forbidden</html>"), (400, ""), (302, ""), (413, "{}"), (422, "null")] {
        let proxy = fake_node(Box::leak(Box::new([
            CHAIN,
            ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#),
            ("/v1/transactions?", status, page),
        ])));
        let bundle = format!("{status}.bundle");
        let words = ["evidence", "notarize", "report.pdf", "--bundle", &bundle, "--key", "a.key"];
        let more = ["--password-file", "password", "--timeout", "1s", "--api", &proxy];
        let (code, value) = envelope(home, &[&words[..], &more].concat());
        assert_eq!((code, &value["error"]["code"]), (4, &json!("BAD_ANSWER")), "{status}: {value}");
        assert!(home.join(format!("{bundle}.salts.json")).exists(), "{status}");
        assert!(value["error"]["hint"].as_str().unwrap().contains("evidence finish"), "{value}");
    }
}

/// A run that was interrupted before any node had its transaction is finished by submitting the same bytes again.
#[test]
fn an_interrupted_notarization_is_submitted_again_or_told_to_be_over() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::write(home.join("report.pdf"), "report").unwrap();
    const PARAMETERS: (&str, u16, &str) =
        ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#);
    let starting =
        fake_node(&[CHAIN, PARAMETERS, ("/v1/transactions?", 503, r#"{"code":"STARTING","retryable":true}"#)]);
    let words = ["evidence", "notarize", "report.pdf", "--bundle", "a.bundle", "--key", "a.key"];
    let more = ["--password-file", "password", "--timeout", "1s", "--valid-for", "1s", "--api", &starting];
    let (code, value) = envelope(home, &[&words[..], &more].concat());
    assert_eq!((code, &value["error"]["code"]), (4, &json!("STARTING")), "{value}");
    let salts = home.join("a.bundle.salts.json");
    assert!(salts.exists());

    let finish = |node: &str| {
        let words = ["evidence", "finish", "a.bundle.salts.json", "--bundle", "a.bundle", "--timeout", "1s"];
        envelope(home, &[&words[..], &["--api", node]].concat())
    };
    // It is refused now, so it was submitted.
    let open = fake_node(&[CHAIN, ("/v1/transactions?", 403, r#"{"code":"KEY_NOT_AUTHORIZED","retryable":false}"#)]);
    let (code, value) = finish(&open);
    assert_eq!((code, &value["error"]["code"]), (1, &json!("KEY_NOT_AUTHORIZED")), "{value}");
    // A node whose newest block is past its time does not know it: it never will be.
    thread::sleep(std::time::Duration::from_millis(1_100));
    let late = fake_node(Box::leak(Box::new([CHAIN, doors::unknown_on("1")])));
    let (code, value) = finish(&late);
    assert_eq!((code, &value["error"]["code"]), (1, &json!("EXPIRED")), "{value}");
    let hint = value["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("keep the file"), "{hint}");
    assert!(salts.exists(), "what a node says, it may say wrongly");

    std::fs::write(&salts, "").unwrap();
    let (code, value) = finish(&late);
    assert_eq!((code, &value["error"]["code"]), (2, &json!("NOTHING_SUBMITTED")), "{value}");
}

/// Both open their keys at once; the one whose password comes later reads what the other has written.
#[test]
fn two_signers_of_one_file_at_once_lose_no_signature() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let keys: Vec<String> = ["a.key", "b.key", "c.key"]
        .iter()
        .map(|name| new_key(home, name).1["data"]["public_key"].as_str().unwrap().to_owned())
        .collect();
    let chain = "11".repeat(32);
    let make = || {
        let words = ["registration", "withdraw", "7", "--key", "a.key", "--password-file", "password"];
        let more = ["--signer", &keys[1], "--signer", &keys[2], "--chain-id", &chain, "--sign-only", "-o", "t.tx"];
        envelope(home, &[&words[..], &more].concat())
    };
    assert_eq!(make().0, 0);
    let (code, value) = make();
    assert_eq!((code, &value["error"]["code"]), (2, &json!("EXISTS")), "a signed transaction stays: {value}");

    let slow = home.join("slow");
    rustix::fs::mkfifoat(rustix::fs::CWD, &slow, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let sign =
        |key: &str, password: &str| envelope(home, &["tx", "sign", "t.tx", "--key", key, "--password-file", password]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| sign("b.key", "slow"));
        // The other end of the pipe opens when the program asks for the password.
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&slow).unwrap();
        assert_eq!(sign("c.key", "password").0, 0);
        pipe.write_all(b"a password\n").unwrap();
        drop(pipe);
        assert_eq!(waiting.join().unwrap().0, 0);
    });
    let (_, value) = envelope(home, &["tx", "decode", "t.tx"]);
    assert_eq!(value["data"]["complete"], json!(true), "{value}");
}

/// Lines of a result file, without its header.
fn results(home: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(home.join("rows.jsonl.result.jsonl")).expect("the run wrote its results");
    text.lines().skip(1).map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Nothing is applied for twice and nothing is passed over, whatever happens to the file and to the chain between two runs.
#[test]
fn many_applications_are_known_by_their_content_and_done_with_a_receipt() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/registrations");
    let sample = std::fs::read_dir(sample).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let record: Value = serde_json::from_slice(&std::fs::read(sample).unwrap()).unwrap();
    let row = |name: &str| {
        let mut record = record.clone();
        record["reg_id"] = json!(name);
        record.to_string()
    };
    let write = |rows: &[String]| std::fs::write(home.join("rows.jsonl"), rows.join("\n")).unwrap();
    let submit = |node: &str, more: &[&str]| {
        let words = ["registration", "submit", "--from", "rows.jsonl", "--key", "a.key", "--password-file", "password"];
        envelope(home, &[&words[..], &["--timeout", "1s", "--api", node], more].concat())
    };
    let answers = |status: &'static str| {
        fake_node(Box::leak(Box::new([
            CHAIN,
            ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
            ("/v1/transactions/", 200, status),
        ])))
    };
    let admitted = answers(r#"{"stage":"admitted"}"#);
    let done = answers(r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#);
    let refused = answers(
        r#"{"stage":"certified","height":5,"outcome":{"kind":"refused","module":3,"code":1,"call":0,"name":"X"}}"#,
    );

    write(&[row("A"), row("B")]);
    let (code, value) = submit(&admitted, &["--wait", "admitted"]);
    assert_eq!((code, &value["data"]["pending"], &value["data"]["submitted"]), (0, &json!(2), &json!(0)), "{value}");
    let signed: Vec<Value> = results(home).iter().map(|line| line["id"].clone()).collect();
    // It was refused in the meantime, and is told now.
    let (code, value) = submit(&refused, &["--wait", "admitted"]);
    assert_eq!((code, &value["data"]["refused"]), (1, &json!(2)), "{value}");
    let after: Vec<Value> = results(home).iter().map(|line| line["id"].clone()).collect();
    assert_eq!((after.len(), &after[2..]), (4, &signed[..]), "nothing was signed anew");

    // A line before the others, and another order: each is applied for once.
    write(&[row("C"), row("B"), row("A")]);
    assert_eq!(submit(&done, &[]).1["data"]["submitted"], json!(3));
    write(&[row("A"), row("D"), row("B"), row("C")]);
    let (_, value) = submit(&done, &[]);
    assert_eq!((&value["data"]["submitted"], &value["data"]["skipped"]), (&json!(1), &json!(3)), "{value}");
    write(&[row("A"), row("B2"), row("C"), row("D")]);
    assert_eq!(submit(&done, &[]).1["error"]["code"], "LINE_CHANGED");
    write(&[row("A"), row("B"), row("C"), row("D")]);
    assert_eq!(submit(&done, &["--rule-set", "OTHER"]).1["error"]["code"], "OTHER_RESULTS");
    for (file, code) in [("a.key", "NOT_RESULTS"), ("rows.jsonl", "SAME_FILE"), ("/dev/null", "NOT_A_FILE")] {
        let before = std::fs::read(home.join(file)).unwrap();
        assert_eq!(submit(&done, &["--results", file]).1["error"]["code"], code);
        assert_eq!(std::fs::read(home.join(file)).unwrap(), before);
    }
    std::fs::write(home.join("rows.jsonl"), serde_json::to_string_pretty(&record).unwrap()).unwrap();
    assert_eq!(submit(&done, &[]).1["error"]["code"], "NOT_JSON_LINES");
    let words = ["registration", "submit", "--from", "/dev/stdin", "--key", "a.key", "--password-file", "password"];
    let (code, value) = envelope(home, &[&words[..], &["--api", &done]].concat());
    assert_eq!((code, &value["error"]["code"]), (2, &json!("RESULTS_REQUIRED")), "{value}");
}
