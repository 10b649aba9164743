//! What comes from elsewhere: names in folders, files of other editors, variables of the environment, servers that are no nodes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use super::*;

fn code_of(home: &Path, text: &str) -> (i32, String) {
    let (code, value) = envelope(home, &text.split(' ').collect::<Vec<_>>());
    (code, value["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// As people see it on a terminal or in a file: stdout and stderr.
fn seen(home: &Path, lang: &str, words: &[&str]) -> String {
    let output = quancheng(home, &[words, &["--lang", lang]].concat());
    String::from_utf8([output.stdout, output.stderr].concat()).expect("words are UTF-8")
}

#[test]
fn a_name_from_elsewhere_moves_no_cursor_and_makes_no_line() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let name = "x\nerror [FORGED]: y\u{1b}[2J\u{9b}31m\u{202e}.json";
    std::fs::write(home.join(name), "{").unwrap();
    std::fs::create_dir(home.join("d")).unwrap();
    std::fs::write(home.join("d/a"), "a").unwrap();
    std::os::unix::fs::symlink("a", home.join("d").join(name)).unwrap();
    let absent = format!("none/{name}");
    let node = fake_node(Box::leak(Box::new([
        CHAIN,
        ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#),
        ("/v1/transactions/simulate", 200, r#"{"outcome":{"kind":"ok"}}"#),
        (
            "/v1/genesis",
            403,
            "{\"code\":\"X\",\"detail\":\"a\\nerror [FORGED]: b\",\"causes\":[\"c\\nerror [FORGED]: d\\u001b[2J\"]}",
        ),
    ])));
    assert_eq!(new_key(home, "a.key").0, 0);
    let sign = ["--key", "a.key", "--password-file", "password", "--api", &node];
    let notarize = ["evidence", "notarize", "--recursive", "d", "--dry-run", "--bundle", "b"];
    for words in [
        &["key", "show", name][..],
        &["key", "show", &absent],
        &["org", "register", "--file", name, "--key", "a.key"],
        &["testnet", "status", "--dir", name],
        &["bundle", "show", name],
        &["tx", "decode", name],
        &["key", "show", "a.key", name],
        &["chain", "genesis", "--api", &node],
        &["evidence", "notarize", name, "--bundle", name, "--key", "a.key"],
        &[&notarize[..], &sign].concat(),
        &[&notarize[..], &["--split"], &sign].concat(),
        &[&notarize[..], &["--complete"], &sign].concat(),
    ] {
        for lang in ["zh", "en"] {
            let text = seen(home, lang, words);
            assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{words:?}: {text:?}");
            assert!(
                text.lines().all(|line| !line.starts_with("error [FORGED]") && !line.starts_with("  error")),
                "{text}"
            );
        }
    }
}

/// A Chinese answer names files, fields and places; the rest is Chinese.
#[test]
fn what_cannot_be_read_is_told_in_chinese() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (name, content) in [
        ("1", &b"x"[..]),
        ("2", b"\xEF\xBB\xBF{\"format\":\"quancheng-checkpoint\",\"version\":1}"),
        ("3", b"{\"format\":\"quancheng-transaction\"}"),
        ("4", b"\x01\x02\x03"),
        ("5", b"{\"format\":\"quancheng-checkpoint\",\"version\":2}"),
    ] {
        std::fs::write(home.join(name), content).unwrap();
    }
    for words in [
        &["key", "show", "1"][..],
        &["key", "show", "2"],
        &["tx", "decode", "1"],
        &["tx", "decode", "3"],
        &["tx", "decode", "4"],
        &["verify", "1", "--checkpoint", "1"],
        &["verify", "1", "--checkpoint", "2"],
        &["verify", "1", "--checkpoint", "5"],
    ] {
        let text = seen(home, "zh", words);
        for cause in text.lines().filter(|line| line.contains("原因")) {
            let names = ["BOM", "UTF-8", "version", "body", "signatures"];
            let rest = names.iter().fold(cause.to_owned(), |text, name| text.replace(name, ""));
            assert!(!rest.bytes().any(|byte| byte.is_ascii_alphabetic()), "{words:?}: {text}");
        }
        assert!(text.contains("原因"), "{words:?}: {text}");
    }
    assert!(seen(home, "zh", &["key", "show", "2"]).contains("字节顺序标记"));
    assert!(seen(home, "zh", &["verify", "1", "--checkpoint", "2"]).contains("字节顺序标记"));
}

#[test]
fn endpoints_that_cannot_be_are_told_before_they_are_asked() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for url in
        ["http://127.0.0.1:99999", "http://127.0.0.1:0", "http://127.0.0.1:x", "http://:80", "http://[::1]:70000"]
    {
        assert_eq!(code_of(home, &format!("chain status --api {url}")), (2, "BAD_URL".to_owned()), "{url}");
    }
    for url in ["http://[::1]:1", "http://127.0.0.1:1/", "http://localhost:1/below"] {
        assert_eq!(code_of(home, &format!("chain status --api {url}")), (4, "UNREACHABLE".to_owned()), "{url}");
    }
    let foreign = fake_node(&[("/", 200, "{}")]);
    for url in ["http://127.0.0.1:1", &foreign] {
        assert_eq!(code_of(home, &format!("doctor --api {url}")), (4, "CHECKS_FAILED".to_owned()), "{url}");
    }
    assert_eq!(code_of(home, &format!("doctor --api {foreign} --key none.key")).0, 3, "this machine comes first");
    for (lang, format) in [("zh", "table"), ("en", "table"), ("en", "json")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
        command.args(["chain", "status", "--lang", lang, "--output", format]).current_dir(home);
        let output = command.env("QUANCHENG_API", OsStr::from_bytes(b"\xff")).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.code() == Some(2) && text.contains("QUANCHENG_API"), "{text}");
    }
}

/// Nobody can prove what will be, and to ask again in a moment does not help.
#[test]
fn a_moment_to_come_is_not_asked_about() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (node, _) = counting_node(&[
        (
            "/v1/status",
            200,
            r#"{"chain_id":"1111111111111111111111111111111111111111111111111111111111111111","height":9,"time_ms":1768873207000}"#,
        ),
        ("/v1/", 409, r#"{"code":"NOT_CERTIFIED_YET","retryable":true}"#),
    ]);
    for words in ["bundle fetch 1 --out x", "registration show 1 --proof x", "registration log 1 --proof x"] {
        let words = format!("{words} --as-of 2199-01-01 --timeout 5s --api {node}");
        let (code, value) = envelope(home, &words.split(' ').collect::<Vec<_>>());
        assert_eq!((code, &value["error"]["code"]), (2, &json!("NOT_YET")), "{value}");
        assert!(value["error"]["causes"][0].as_str().unwrap().contains("2026-01-20T09:40:07"), "{value}");
    }
    assert_eq!(code_of(home, &format!("bundle fetch 1 --out x --as-of 2026-01-01 --timeout 1s --api {node}")).0, 7);
}

#[test]
fn a_password_file_of_another_editor_is_named() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let utf16: Vec<u8> = "\u{feff}a password\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(home.join("password"), utf16).unwrap();
    let (code, value) = envelope(home, &["key", "new", "--out", "a.key", "--password-file", "password"]);
    assert_eq!((code, &value["error"]["code"]), (2, &json!("NOT_UTF8")), "{value}");
    assert!(value["error"]["hint"].as_str().unwrap().contains("UTF-16"), "{value}");
}

/// Results lie beside their input, and nowhere that the system has made for something else.
#[test]
fn results_of_what_is_piped_in_need_a_name() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("rows.jsonl"), "{}\n").unwrap();
    for from in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let rows = std::fs::File::open(home.join("rows.jsonl")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
        command.args(["registration", "submit", "--from", from, "--key", "a.key", "--output", "json"]);
        let output = command.stdin(Stdio::from(rows)).current_dir(home).output().unwrap();
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["error"]["code"], "RESULTS_REQUIRED", "{from}: {value}");
    }
    assert_eq!(code_of(home, "registration submit --from none.jsonl --key a.key"), (3, "NO_FILE".to_owned()));
}

/// Other names of one file lead to one result file, or to none.
#[test]
fn results_follow_the_file_and_not_its_name() {
    let home = home_with_a_line();
    let home = home.path();
    std::os::unix::fs::symlink("rows.jsonl", home.join("link.jsonl")).unwrap();
    let node = fake_node(&[
        CHAIN,
        ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
        ("/v1/transactions/", 200, r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#),
    ]);
    let submit = |from: &str| {
        let words = format!("registration submit --from {from} --key a.key --password-file password --api {node}");
        envelope(home, &words.split(' ').collect::<Vec<_>>()).1
    };
    assert_eq!(submit("rows.jsonl")["data"]["submitted"], 1);
    assert_eq!(submit("link.jsonl")["data"]["skipped"], 1);
    std::fs::hard_link(home.join("rows.jsonl"), home.join("hard.jsonl")).unwrap();
    for from in ["rows.jsonl", "link.jsonl", "hard.jsonl"] {
        assert_eq!(submit(from)["error"]["code"], "RESULTS_REQUIRED", "{from}");
    }
    assert_eq!(submit("hard.jsonl --results rows.jsonl.result.jsonl")["data"]["skipped"], 1);
}

/// What has no end is not read, wherever a file is meant, and every fault says what to do.
#[test]
fn devices_are_no_files_and_every_fault_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::os::unix::fs::symlink("/dev/zero", home.join("zero")).unwrap();
    std::fs::write(home.join("large"), vec![b' '; 5 << 20]).unwrap();
    std::fs::write(home.join("{"), "{").unwrap();
    let broken = fake_node(&[("/", 500, "oops")]);
    for (words, expected) in [
        ("key show /dev/zero", "FILE"),
        ("key show zero", "FILE"),
        ("account show --key zero --api http://127.0.0.1:1", "FILE"),
        ("registration withdraw 7 --key zero --password-file password --api http://127.0.0.1:1", "FILE"),
        ("bundle show zero", "NOT_A_FILE"),
        ("evidence finish zero --bundle x --api http://127.0.0.1:1", "NOT_A_FILE"),
        ("tx decode zero", "FILE_TOO_LARGE"),
        ("org register --file zero --key a.key", "FILE_TOO_LARGE"),
        ("org register --file large --key a.key", "FILE_TOO_LARGE"),
        ("org register --file { --key a.key", "BAD_JSON"),
        ("org register --file none --key a.key", "NO_FILE"),
        ("bundle show .", "IS_A_FOLDER"),
        ("testnet status --dir zero", "FILE"),
    ] {
        let (_, value) = envelope(home, &words.split(' ').collect::<Vec<_>>());
        assert_eq!(value["error"]["code"], expected, "{words}: {value}");
        assert!(value["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{words}: {value}");
    }
    let (_, value) = envelope(home, &["chain", "genesis", "--api", &broken]);
    assert_eq!(value["error"]["code"], "NODE_FAILED");
    assert!(value["error"]["hint"].is_string(), "{value}");
}

/// What does not end once does not end the next time either.
#[test]
fn an_endless_answer_is_fetched_once() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            asked.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(stream, "HTTP/1.1 200 X\r\nconnection: close\r\n\r\n");
                let piece = vec![b' '; 1 << 20];
                while stream.write_all(&piece).is_ok() {}
            });
        }
    });
    let (code, value) = envelope(home.path(), &["chain", "status", "--timeout", "600s", "--api", &url]);
    assert_eq!((code, &value["error"]["code"]), (4, &json!("BAD_ANSWER")), "{value}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
