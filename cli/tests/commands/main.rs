//! Every command of the real program: its help in both languages, its JSON envelope, its exit codes.

#[path = "../chain/mod.rs"]
mod chain;
mod clocks;
mod doors;
mod ends;
mod outputs;
mod people;
mod proofs;
mod records;
mod signing;
mod strange;
mod testnets;
mod told;
mod voices;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use quancheng_contracts::governance::parameters_key;
use quancheng_types::Parameters;
use serde_json::{Value, json};

fn quancheng(home: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
    // The chain that tests name for short is the one that fake nodes can prove things of.
    let words = words.iter().map(|word| word.replace(&"1".repeat(64), &chain::id().to_string()));
    command.args(words).env("XDG_CONFIG_HOME", home).env("LC_ALL", "C").current_dir(home);
    for name in
        ["QUANCHENG_API", "QUANCHENG_OUTPUT", "QUANCHENG_PASSWORD_FILE", "QUANCHENG_PROFILE", "QUANCHENG_CHAIN_ID"]
    {
        command.env_remove(name);
    }
    command.output().expect("the program runs")
}

/// Runs with `--output json`; the exit code and the one envelope on stdout.
fn envelope(home: &Path, words: &[&str]) -> (i32, Value) {
    let mut all = words.to_vec();
    all.extend(["--output", "json"]);
    let output = quancheng(home, &all);
    let text = String::from_utf8(output.stdout).expect("stdout is UTF-8");
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text:?}"));
    let code = output.status.code().expect("the program ends by itself");
    let is_ok = value["ok"].as_bool().expect("the envelope says whether it is ok");
    assert_eq!(is_ok, code == 0, "{words:?}: {value}");
    if !is_ok {
        assert!(value["error"]["code"].is_string() && value["error"]["message"].is_string(), "{words:?}: {value}");
    }
    (code, value)
}

/// Makes a key file, with its password in the file `password`.
fn new_key(home: &Path, name: &str) -> (i32, Value) {
    std::fs::write(home.join("password"), "a password\n").expect("the folder is writable");
    envelope(home, &["key", "new", "--out", name, "--password-file", "password"])
}

/// A folder with the key `a.key`, and `rows.jsonl` with one registration.
fn home_with_a_line() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    assert_eq!(new_key(home.path(), "a.key").0, 0);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/registrations/S-REG-01.json");
    let text = std::fs::read(sample).expect("the sample is there");
    let record: Value = serde_json::from_slice(&text).expect("the sample is JSON");
    std::fs::write(home.path().join("rows.jsonl"), record.to_string()).expect("the folder is writable");
    home
}

/// Paths of all commands, read from the help of each.
fn commands(home: &Path) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = vec![Vec::new()];
    let mut place = 0;
    while let Some(path) = found.get(place).cloned() {
        let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
        words.push("--help");
        let output = quancheng(home, &words);
        assert!(output.status.success(), "{words:?}");
        let help = String::from_utf8(output.stdout).expect("help is UTF-8");
        assert!(help.contains("Usage:"), "{words:?}: {help}");
        let section = help.split("Commands:\n").nth(1).unwrap_or_default();
        for line in section.lines().take_while(|line| !line.trim().is_empty()) {
            let name = line
                .strip_prefix("  ")
                .filter(|rest| !rest.starts_with(' '))
                .and_then(|rest| rest.split_whitespace().next());
            if let Some(name) = name.filter(|name| *name != "help") {
                let mut inner = path.clone();
                inner.push(name.to_owned());
                found.push(inner);
            }
        }
        place += 1;
    }
    found
}

#[test]
fn every_command_has_help_in_both_languages_and_answers_in_json() {
    let home = tempfile::tempdir().unwrap();
    let all = commands(home.path());
    assert!(all.len() > 100, "only {} commands were found", all.len());
    for path in all.iter().skip(1) {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let chinese = quancheng(home.path(), &[&words[..], &["--help", "--lang", "zh"]].concat());
        assert!(String::from_utf8(chinese.stdout).unwrap().contains("标准输出的形式"), "{words:?}");
        // A command with subcommands shows its help; any other takes no word that it does not know.
        let is_leaf = !all.iter().any(|other| other.len() > path.len() && other.starts_with(path));
        if is_leaf {
            let (code, value) = envelope(home.path(), &[&words[..], &["--no-such-flag"]].concat());
            assert_eq!((code, &value["error"]["code"]), (2, &json!("USAGE")), "{words:?}");
        }
    }
}

#[test]
fn offline_commands_keep_their_promises() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("password"), "a password\n").unwrap();
    let (code, made) = new_key(home, "a.key");
    assert_eq!(code, 0, "{made}");
    let (_, shown) = envelope(home, &["key", "show", "a.key"]);
    assert_eq!(shown["data"]["account"], made["data"]["account"]);
    let (code, again) = new_key(home, "a.key");
    assert_eq!((code, &again["error"]["code"]), (2, &json!("KEY_EXISTS")));
    let (code, none) = envelope(home, &["key", "new", "--out", "b.key"]);
    assert_eq!((code, &none["error"]["code"]), (2, &json!("NO_PASSWORD")));

    let (code, none) = envelope(home, &["chain", "status"]);
    assert_eq!((code, &none["error"]["code"]), (2, &json!("NO_API")));
    let (code, none) = envelope(home, &["chain", "status", "--api", "http://127.0.0.1:1"]);
    assert_eq!((code, &none["error"]["code"]), (4, &json!("UNREACHABLE")));
    let (code, none) = envelope(home, &["testnet", "status", "--dir", "none"]);
    assert_eq!((code, &none["error"]["code"]), (3, &json!("NO_NETWORK")));
    let hint = none["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--dir") && !hint.contains("--as-of"), "{none}");
    let (code, none) = envelope(home, &["key", "show", "none.key"]);
    assert_eq!((code, &none["error"]["code"]), (3, &json!("NO_FILE")));
    let (code, none) = envelope(home, &["key", "new", "--out", "c.key", "--password-file", "none"]);
    assert_eq!((code, &none["error"]["code"]), (3, &json!("NO_FILE")));
    assert!(none["error"]["hint"].is_string(), "{none}");
    let (code, none) = envelope(home, &["key", "new", "--out", "none/c.key", "--password-file", "password"]);
    assert_eq!((code, &none["error"]["code"]), (2, &json!("FILE")));
}

/// Whoever waits no time at all has asked for nothing: every length of time is read in one place, which says so.
#[test]
fn no_time_at_all_is_refused_wherever_a_length_of_time_is_given() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for words in [
        "chain status --api http://127.0.0.1:1 --timeout",
        "tx submit x.tx --timeout",
        "registration withdraw 7 --key a.key --valid-for",
        "governance propose add-validator --open-for",
        "testnet start --dir net --timeout",
        "testnet up --dir net --timeout",
        "testnet start-node --dir net --index 0 --timeout",
        "testnet add-validator --dir net --timeout",
    ] {
        for zero in ["0s", "0ms", "000d"] {
            let words: Vec<&str> = words.split(' ').chain([zero]).collect();
            let (code, value) = envelope(home, &words);
            assert_eq!((code, &value["error"]["code"]), (2, &json!("USAGE")), "{words:?}: {value}");
            assert!(value["error"]["causes"].to_string().contains("greater than zero"), "{words:?}: {value}");
            let told = quancheng(home, &[&words[..], &["--lang", "zh"]].concat());
            let told = String::from_utf8(told.stderr).unwrap();
            assert!(told.contains("时长须大于零") && !told.contains("greater"), "{words:?}: {told}");
        }
    }
    assert!(!home.join("net").exists());
    // What the parser of numbers says, and what a moment looks like, is told in Chinese as well.
    for (words, zh) in [
        (["registration", "list", "--limit", "0"], "0 不在 "),
        (["chain", "status", "--timeout", "5"], "时长由数字与单位组成"),
        (["org", "list", "--as-of", "x"], "应为高度"),
    ] {
        let told = String::from_utf8(quancheng(home, &[&words[..], &["--lang", "zh"]].concat()).stderr).unwrap();
        assert!(told.contains(zh), "{words:?}: {told}");
    }
}

#[test]
fn wrong_commands_and_faults_of_the_rooms_below_are_told_in_both_languages() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let shown = |lang: &str, words: &[&str]| {
        let output = quancheng(home, &[words, &["--lang", lang]].concat());
        assert_ne!(output.status.code(), Some(0), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for words in [
        &["testnet", "kill", "--dir"][..],
        &["testnet", "kill", "--dir", "x"],
        &["testnet", "kil"],
        &["testnet", "kill", "--dir", "x", "--index", "one"],
        &["registration", "reject", "1", "--reason", "WHY"],
        &["testnet", "status", "--no-such-flag"],
        &["testnet", "status", "--dir", "none"],
        &["key", "show", "none.key"],
        &["key", "new", "--out", "a.key", "--password-file", "none"],
    ] {
        let (zh, en) = (shown("zh", words), shown("en", words));
        let first = zh.lines().next().unwrap_or_default();
        assert!(first.starts_with("错误 [") && !first.split_once("]: ").unwrap().1.is_ascii(), "{words:?}: {zh}");
        assert!(en.lines().next().is_some_and(str::is_ascii), "{words:?}: {en}");
    }
    let help = quancheng(home, &["testnet", "start", "--help", "--lang", "zh"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for heading in ["用法：", "选项:", "输出:"] {
        assert!(help.contains(heading), "{help}");
    }
}

#[test]
fn a_bundle_is_never_written_over_and_nothing_is_asked_before_that_is_known() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("report.pdf"), "report").unwrap();
    std::fs::write(home.join("a.bundle"), "salts").unwrap();
    let notarize = |out: &str| {
        envelope(
            home,
            &[
                "evidence",
                "notarize",
                "report.pdf",
                "--key",
                "none.key",
                "--bundle",
                out,
                "--api",
                "http://127.0.0.1:1",
            ],
        )
    };
    let (code, kept) = notarize("a.bundle");
    assert_eq!((code, &kept["error"]["code"]), (2, &json!("BUNDLE_EXISTS")));
    std::fs::write(home.join("b.bundle.salts.json"), "{}").unwrap();
    let (code, kept) = notarize("b.bundle");
    assert_eq!((code, &kept["error"]["code"]), (2, &json!("UNFINISHED")));
    let (code, kept) = notarize("none/c.bundle");
    assert_eq!((code, &kept["error"]["code"]), (2, &json!("NO_FOLDER")));
    assert_eq!(std::fs::read_to_string(home.join("a.bundle")).unwrap(), "salts");
    std::fs::write(home.join("rows.csv"), "kind\n").unwrap();
    let (code, csv) = envelope(home, &["registration", "submit", "--from", "rows.csv"]);
    assert_eq!((code, &csv["error"]["code"]), (2, &json!("NOT_JSON_LINES")));
}

#[test]
fn profiles_are_set_used_shown_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(envelope(home, &["config", "set", "city", "--api", "http://127.0.0.1:1", "--key", "a.key"]).0, 0);
    assert_eq!(envelope(home, &["config", "use", "city"]).0, 0);
    let (_, shown) = envelope(home, &["config", "show"]);
    assert_eq!(shown["data"]["profile"]["api"], json!(["http://127.0.0.1:1"]));
    assert_eq!(envelope(home, &["chain", "status"]).0, 4);
    assert_eq!(envelope(home, &["config", "use", "other"]).0, 3);
    assert_eq!(envelope(home, &["config", "remove", "city"]).0, 0);
}

#[test]
fn completions_and_manual_pages_are_made() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_, script) = envelope(home, &["completions", "bash"]);
    assert!(script["data"]["script"].as_str().unwrap().contains("quancheng"));
    let (_, pages) = envelope(home, &["man", "--out", "man"]);
    assert!(pages["data"]["pages"].as_array().unwrap().len() > 100);
}

/// What a key file states is held against its secret only when somebody can open it; until then it is not told as a fact.
#[test]
fn a_key_file_is_told_as_what_it_states_until_it_is_opened() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_, made) = new_key(home, "a.key");
    let key = made["data"]["public_key"].as_str().unwrap().to_owned();
    let show = |more: &[&str]| envelope(home, &[&["key", "show", "a.key"][..], more].concat());
    let (_, stated) = show(&[]);
    assert_eq!((&stated["data"]["public_key"], &stated["data"]["checked"]), (&json!(key), &json!(false)));
    let (code, opened) = show(&["--password-file", "password"]);
    assert_eq!((code, &opened["data"]["checked"]), (0, &json!(true)), "{opened}");
    let told = quancheng(home, &["key", "show", "a.key", "--lang", "en"]);
    assert!(String::from_utf8(told.stdout).unwrap().contains("not checked against the secret"));
    // Each last digit: what is no key at all is seen at once, the rest when it is opened.
    let text = std::fs::read_to_string(home.join("a.key")).unwrap();
    let (mut at_once, mut opened) = (0, 0);
    for digit in "0123456789abcdef".chars().filter(|digit| !key.ends_with(*digit)) {
        let other = format!("{}{digit}", &key[..key.len() - 1]);
        std::fs::write(home.join("a.key"), text.replace(&key, &other)).unwrap();
        let (code, value) = show(&[]);
        if code == 0 {
            assert_eq!(value["data"]["checked"], json!(false));
            opened += 1;
        } else {
            assert_eq!(value["error"]["code"], json!("KEY_FILE"));
            at_once += 1;
        }
        assert_eq!(show(&["--password-file", "password"]).0, 2, "{other}");
    }
    assert_eq!(at_once + opened, 15);
}

/// What no command could use is refused when it is kept, not by all that come after.
#[test]
fn a_profile_keeps_no_endpoint_that_is_none() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (url, code) in [("zz", "BAD_URL"), ("https://a.cn", "NO_TLS"), ("http://a:99999", "BAD_URL")] {
        let (exit, value) = envelope(home, &["config", "set", "p", "--api", url]);
        assert_eq!((exit, &value["error"]["code"]), (2, &json!(code)), "{url}");
    }
    let (_, list) = envelope(home, &["config", "list"]);
    assert_eq!(list["data"]["profiles"], json!([]));
    let (exit, value) = envelope(home, &["config", "set", "p", "--api", "http://127.0.0.1:8080/"]);
    assert_eq!((exit, &value["data"]["profile"]["api"]), (0, &json!(["http://127.0.0.1:8080"])), "{value}");
}

#[test]
fn a_transaction_is_signed_offline_by_two_and_shown() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let run = |text: &str| envelope(home, &text.split(' ').collect::<Vec<_>>());
    assert_eq!((new_key(home, "a.key").0, new_key(home, "b.key").0), (0, 0));
    let (_, other) = run("key show b.key");
    let chain = "11".repeat(32);
    let signer = other["data"]["public_key"].as_str().unwrap();
    let (code, made) = run(&format!(
        "registration withdraw 7 --key a.key --password-file password --chain-id {chain} --signer {signer} --sign-only -o tx.json"
    ));
    assert_eq!((code, &made["data"]["complete"]), (0, &json!(false)), "{made}");
    let (code, early) = run("tx submit tx.json --api http://127.0.0.1:1");
    assert_eq!((code, &early["error"]["code"]), (2, &json!("NOT_SIGNED")));
    let (code, signed) = run("tx sign tx.json --key b.key --password-file password");
    assert_eq!((code, &signed["data"]["complete"]), (0, &json!(true)), "{signed}");
    let (_, shown) = run("tx decode tx.json");
    let call = &shown["data"]["calls"][0]["call"];
    assert_eq!(*call, json!({ "withdraw": { "registration": 7 } }));
    // Signed and complete, but nobody is there to take it; the id is told all the same.
    let (code, lost) = run("tx submit tx.json --api http://127.0.0.1:1");
    assert_eq!((code, &lost["data"]["id"]), (4, &made["data"]["id"]), "{lost}");
}

#[test]
fn verification_tells_damage_from_inability() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("junk.bundle"), "junk").unwrap();
    std::fs::write(home.join("checkpoint.json"), "{}").unwrap();
    let (code, value) = envelope(home, &["verify", "junk.bundle", "--checkpoint", "checkpoint.json"]);
    assert_eq!((code, &value["error"]["code"]), (6, &json!("BAD_CHECKPOINT")));
    let (code, value) = envelope(home, &["verify", "none.bundle", "--checkpoint", "none.json"]);
    assert_eq!((code, &value["error"]["code"]), (6, &json!("NO_FILE")));
    let (code, value) = envelope(home, &["bundle", "show", "junk.bundle"]);
    assert_eq!((code, &value["error"]["code"]), (6, &json!("BAD_BUNDLE")));
}

/// Which file somebody took is no word about the chain: only `verify` calls a bundle damaged with 5, and `bundle compare` keeps 5 for a
/// contradiction. All commands say the same of the same file.
#[test]
fn every_command_says_the_same_of_a_file_that_is_no_bundle() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles");
    let (sound, checkpoint) = (samples.join("notarized.bundle"), samples.join("checkpoint.json"));
    let (sound, checkpoint) = (sound.to_str().unwrap(), checkpoint.to_str().unwrap());
    let (code, _) = envelope(home, &["bundle", "cut", sound, "--no-files", "--json", "--out", "sound.json"]);
    assert_eq!(code, 0);
    let json = std::fs::read(home.join("sound.json")).unwrap();
    let utf16 = |text: &[u8]| -> Vec<u8> {
        let text = String::from_utf8_lossy(text).into_owned();
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let compact = std::fs::read(sound).unwrap();
    for (bytes, in_verify, expected) in [
        (b"some text\n".to_vec(), (5, "bundle_unreadable"), "BAD_BUNDLE"),
        (Vec::new(), (5, "bundle_unreadable"), "BAD_BUNDLE"),
        ([b"\xEF\xBB\xBF", &json[..]].concat(), (6, "bundle_marked"), "BUNDLE_MARKED"),
        ([b"\xEF\xBB\xBF", &compact[..]].concat(), (6, "bundle_marked"), "BUNDLE_MARKED"),
        (utf16(&json), (6, "bundle_marked"), "BUNDLE_MARKED"),
        (utf16(&compact), (6, "bundle_marked"), "BUNDLE_MARKED"),
        // Larger than any bundle, and still the same slip.
        (utf16(&[&json[..], &vec![b' '; 40 << 20]].concat()), (6, "bundle_marked"), "BUNDLE_MARKED"),
        (br#"{"format":"quancheng-bundle","version":2}"#.to_vec(), (6, "bundle_version"), "BUNDLE_VERSION"),
    ] {
        std::fs::write(home.join("x"), bytes).unwrap();
        let (code, value) = envelope(home, &["verify", "x", "--checkpoint", checkpoint]);
        let finding = &value["data"]["findings"][0];
        assert_eq!((code, finding["code"].as_str().unwrap()), in_verify, "{value}");
        for words in [
            &["bundle", "show", "x"][..],
            &["bundle", "compare", sound, "x", "--checkpoint", checkpoint],
            &["bundle", "compare", "x", sound, "--checkpoint", checkpoint],
            &["bundle", "cut", "x", "--no-files", "--out", "out"],
            &["bundle", "refresh", "x", "--out", "out", "--api", "http://127.0.0.1:1"],
            &["checkpoint", "pin", "x", "--checkpoint", checkpoint, "--out", "out"],
        ] {
            let (code, value) = envelope(home, words);
            assert_eq!((code, &value["error"]["code"]), (6, &json!(expected)), "{words:?}: {value}");
            let message = value["error"]["message"].as_str().unwrap();
            assert!(message.contains(finding["statement_en"].as_str().unwrap()), "{words:?}: {message}");
        }
    }
}

/// A node that answers each request by the first rule whose path it begins with.
fn fake_node(rules: &'static [(&'static str, u16, &'static str)]) -> String {
    counting_node(rules).0
}

/// As [`fake_node`], with the number of requests so far.
fn counting_node(rules: &'static [(&'static str, u16, &'static str)]) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let requests = Arc::clone(&count);
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection comes in");
            let requests = Arc::clone(&requests);
            thread::spawn(move || answer(stream, rules, &requests));
        }
    });
    (url, count)
}

fn answer(stream: TcpStream, rules: &[(&str, u16, &str)], requests: &AtomicUsize) {
    let mut writer = stream.try_clone().expect("a socket has a second handle");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut is_json) = (0, false);
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                break;
            }
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
            is_json |= header.starts_with("accept: application/json");
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        chain::given(&body);
        let (status, text) = what(rules, &path, &body, is_json);
        let sent = write!(writer, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", text.len())
            .and_then(|()| writer.write_all(&text));
        if sent.is_err() {
            return;
        }
        line.clear();
    }
}

/// The paths of a transaction of its own that were asked for once.
static ONCE: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

/// The status and the body of the answer to a question. Proofs, and what the chain starts from, are there without a rule: of what the
/// rules say of a transaction.
fn what(rules: &[(&str, u16, &str)], path: &str, body: &[u8], is_json: bool) -> (u16, Vec<u8>) {
    let rule = |path: &str| rules.iter().find(|(start, _, _)| path.starts_with(start));
    let is_first = || ONCE.lock().expect("no test panics with it").insert(path.to_owned());
    // `!`: from the second time on that a path is asked for.
    match rule(path).filter(|(_, _, text)| !text.starts_with('!') || !is_first()) {
        // `@`, the seed of the validator that signs, and the status to prove.
        Some((_, _, text)) if text.starts_with('@') => {
            let id = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("it is of a transaction");
            let (seed, status) =
                (text[1..2].parse().expect("a digit"), serde_json::from_str(&text[2..]).expect("JSON"));
            return (200, chain::signed_by(seed, &id, &status).expect("it was given").encode());
        }
        // `%`, a height, and what was decided for the wait of batches and is not in force yet.
        Some((_, _, text)) if text.starts_with('%') => {
            let (height, wait) = text[1..].split_once(' ').expect("two numbers");
            let height = height.parse().expect("a height");
            let decided = wait.parse().ok().map(|batch_wait_ms| (height + 20, batch_wait_ms));
            if path.contains(&hex::encode(parameters_key().as_bytes())) {
                let with = |batch_wait_ms| Parameters { batch_wait_ms, ..chain::genesis().parameters };
                let decided = decided.map(|(from, batch_wait_ms)| (from, with(batch_wait_ms)));
                return (200, chain::of_parameters(height, decided).encode());
            }
        }
        Some((_, status, text)) => {
            return (*status, as_nodes_say(text.trim_start_matches('!'), path, body).into_bytes());
        }
        None if is_json && path == "/v1/genesis" => return (200, json!(chain::genesis()).to_string().into_bytes()),
        None => {}
    }
    let told = |id: &str| serde_json::from_str(rule(&format!("/v1/transactions/{id}"))?.2).ok();
    if let Some(proof) = chain::answer(path, told) {
        return (200, proof);
    }
    let none = if path.starts_with("/v1/transactions/") || path.starts_with("/v1/bundles/transactions/") {
        "{\"code\":\"TRANSACTION_UNKNOWN\",\"retryable\":true}"
    } else {
        "{\"code\":\"NOT_FOUND\"}"
    };
    (404, as_nodes_say(none, path, body).into_bytes())
}

/// A problem with the `type` by which nodes are known, a status with the id of the transaction that was asked about or given.
fn as_nodes_say(text: &str, path: &str, body: &[u8]) -> String {
    // The chain that tests name for short is the one that these nodes can prove things of.
    let text = &text.replace(&"1".repeat(64), &chain::id().to_string());
    if text.starts_with("{\"stage\":") {
        let given = || quancheng_types::SignedTransaction::decode(body).expect("it is a transaction").id().to_string();
        let asked = path.strip_prefix("/v1/transactions/").and_then(|rest| rest.split('?').next()).map(str::to_owned);
        return text.replacen('{', &format!("{{\"id\":\"{}\",", asked.unwrap_or_else(given)), 1);
    }
    match text.strip_prefix("{\"code\":\"").and_then(|rest| rest.split_once('"')) {
        Some((code, _)) => text.replacen('{', &format!("{{\"type\":\"urn:quancheng:problem:{code}\","), 1),
        None => text.clone(),
    }
}

const CHAIN: (&str, u16, &str) = (
    "/v1/status",
    200,
    r#"{"chain_id":"1111111111111111111111111111111111111111111111111111111111111111","height":9}"#,
);

fn withdraw(home: &Path, url: &str) -> (i32, Value) {
    let words = [
        "registration",
        "withdraw",
        "7",
        "--key",
        "a.key",
        "--password-file",
        "password",
        "--timeout",
        "1s",
        "--api",
        url,
    ];
    envelope(home, &words)
}

#[test]
fn writes_end_with_the_documented_exit_codes() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("password"), "a password\n").unwrap();
    assert_eq!(new_key(home, "a.key").0, 0);

    let done = fake_node(&[
        CHAIN,
        ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
        ("/v1/transactions/", 200, r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"},"events":[]}"#),
    ]);
    let (code, value) = withdraw(home, &done);
    assert_eq!((code, &value["data"]["height"]), (0, &json!(5)), "{value}");

    let refused = fake_node(&[
        CHAIN,
        ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
        (
            "/v1/transactions/",
            200,
            r#"{"stage":"certified","height":5,"outcome":{"kind":"refused","module":3,"code":1,"call":0,"name":"NOT_FOUND","text_zh":"没有。","text_en":"None."}}"#,
        ),
    ]);
    let (code, value) = withdraw(home, &refused);
    assert_eq!(
        (code, &value["error"]["code"], &value["error"]["message"]),
        (1, &json!("NOT_FOUND"), &json!("No such registration. Check the number."))
    );
    assert!(value["data"]["id"].is_string());

    let stuck = fake_node(&[
        CHAIN,
        ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
        ("/v1/transactions/", 200, r#"{"stage":"ordered","height":5}"#),
    ]);
    let (code, value) = withdraw(home, &stuck);
    assert_eq!(
        (code, &value["error"]["code"], &value["data"]["stage"]),
        (7, &json!("TIMEOUT"), &json!("ordered")),
        "{value}"
    );
    assert_eq!(value["data"]["id"].as_str().map(str::len), Some(64));
}

#[test]
fn busy_closed_and_failing_endpoints_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let done = fake_node(&[
        CHAIN,
        ("/v1/transactions?", 202, r#"{"stage":"admitted"}"#),
        ("/v1/transactions/", 200, r#"{"stage":"certified","height":5,"outcome":{"kind":"ok"}}"#),
    ]);
    let busy =
        fake_node(&[CHAIN, ("/v1/transactions?", 503, r#"{"code":"OVERLOADED","retryable":true,"detail":"busy"}"#)]);
    let (code, value) = withdraw(home, &busy);
    assert_eq!((code, &value["error"]["code"]), (4, &json!("OVERLOADED")));
    // The same bytes go to the next endpoint when the first is busy or gone.
    assert_eq!(withdraw(home, &format!("http://127.0.0.1:1,{busy},{done}")).0, 0);

    let closed = fake_node(&[CHAIN, ("/v1/transactions?", 403, r#"{"code":"KEY_NOT_AUTHORIZED","retryable":false}"#)]);
    let (code, value) = withdraw(home, &closed);
    assert_eq!((code, &value["error"]["code"]), (1, &json!("KEY_NOT_AUTHORIZED")));
}
