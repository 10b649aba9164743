//! The real program when it is interrupted while something is half done: nothing stays behind without being named.

#[path = "chain/mod.rs"]
mod chain;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

fn command(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
    command.args(words).env("XDG_CONFIG_HOME", home).env("LC_ALL", "C").current_dir(home);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUANCHENG_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A folder with a key, its password, and two files to notarize.
fn home() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(dir.path().join("password"), "a password\n").expect("the folder is writable");
    for name in ["a.txt", "b.txt"] {
        fs::write(dir.path().join(name), name).expect("the folder is writable");
    }
    let words = ["key", "new", "--out", "a.key", "--password-file", "password"];
    let made = command(dir.path(), &words).output().expect("the program runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

/// A node that takes transactions and never says what became of them. The second value receives a line for each path that is asked for.
fn stuck() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let (asked, paths) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let asked = asked.clone();
            thread::spawn(move || {
                let mut stream = BufReader::new(stream.expect("a connection comes in"));
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    let mut length = 0;
                    loop {
                        line.clear();
                        if stream.read_line(&mut line).unwrap_or(0) <= 2 {
                            break;
                        }
                        let header = line.to_ascii_lowercase();
                        if let Some(value) = header.strip_prefix("content-length:") {
                            length = value.trim().parse().expect("a length is a number");
                        }
                    }
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).expect("the body follows");
                    chain::given(&body);
                    let proof = chain::answer(&path, |_| None);
                    let text = match path.as_str() {
                        "/v1/status" => format!("{{\"chain_id\":\"{}\",\"height\":9}}", chain::id()),
                        "/v1/parameters" => "{\"height\":9,\"parameters\":{\"evidence_items_max\":512}}".to_owned(),
                        _ if body.is_empty() => {
                            let id = path.trim_start_matches("/v1/transactions/").split('?').next().unwrap_or_default();
                            format!("{{\"id\":\"{id}\",\"stage\":\"admitted\"}}")
                        }
                        _ => {
                            let signed = quancheng_types::SignedTransaction::decode(&body);
                            let id = signed.map(|signed| signed.id().to_string()).unwrap_or_default();
                            format!("{{\"id\":\"{id}\",\"stage\":\"admitted\"}}")
                        }
                    };
                    let status = if path.starts_with("/v1/accounts") { 404 } else { 200 };
                    // Nobody may wait for it any more.
                    let _ = asked.send(path);
                    let text = proof.unwrap_or_else(|| text.into_bytes());
                    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", text.len());
                    if stream.get_mut().write_all(&[head.as_bytes(), &text].concat()).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    (url, paths)
}

/// A node that never answers. The second value receives a word for each question.
fn silent() -> (String, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let (asked, questions) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection comes in");
            let mut byte = [0];
            if stream.read(&mut byte).is_ok_and(|read| read == 1) {
                // Nobody may wait for it any more.
                let _ = asked.send(());
            }
            open.push(stream);
        }
    });
    (url, questions)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the child is ours");
}

/// Ends a run by a signal once the node was asked for the status of its transaction.
fn interrupted(home: &Path, words: &[&str], with: Signal) -> Output {
    let (url, paths) = stuck();
    let sign = ["--key", "a.key", "--password-file", "password"];
    let sign = if words.starts_with(&["evidence", "finish"]) { &[][..] } else { &sign };
    let wait = ["--timeout", "600s", "--api", &url];
    let child = command(home, &[words, sign, &wait].concat()).spawn().expect("the program runs");
    while !paths.recv().expect("the program asks").starts_with("/v1/transactions/") {}
    signal(&child, with);
    child.wait_with_output().expect("the child is ours")
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry is readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn before_anything_was_submitted_nothing_is_left() {
    let home = home();
    let home = home.path();
    let slow = home.join("slow");
    rustix::fs::mkfifoat(rustix::fs::CWD, &slow, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let before = names(home);
    for (with, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        let words = ["evidence", "notarize", "a.txt", "--bundle", "a.bundle", "--key", "a.key"];
        let more = ["--password-file", "slow", "--api", "http://127.0.0.1:1", "--chain-id", &"11".repeat(32)];
        let child = command(home, &[&words[..], &more].concat()).spawn().unwrap();
        // The other end of the pipe opens when the program asks for the password; its bundle name is taken by then.
        let pipe = fs::OpenOptions::new().write(true).open(&slow).unwrap();
        assert!(home.join("a.bundle.salts.json").exists());
        signal(&child, with);
        let output = child.wait_with_output().unwrap();
        drop(pipe);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains("INTERRUPTED") && told.contains("nothing half done is left"), "{told}");
        assert_eq!(names(home), before);
    }
}

#[test]
fn what_may_have_been_submitted_is_named_with_the_way_on() {
    let home = home();
    let home = home.path();
    let words = ["evidence", "notarize", "a.txt", "--bundle", "a.bundle"];
    let output = interrupted(home, &words, Signal::TERM);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{told}");
    let salts: Value = serde_json::from_slice(&fs::read(home.join("a.bundle.salts.json")).unwrap()).unwrap();
    let id = salts["transaction_id"].as_str().unwrap();
    for part in ["evidence finish a.bundle.salts.json --bundle a.bundle", "tx show", id] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // The same command would be refused: the salts lie where its bundle is to come.
    assert!(told.contains("hint: Finish with") && !told.contains("same command"), "{told}");
    assert_eq!(names(home), ["a.bundle.salts.json", "a.key", "a.txt", "b.txt", "password"]);

    let output =
        interrupted(home, &["evidence", "notarize", "b.txt", "--bundle", "b.bundle", "--lang", "zh"], Signal::INT);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("已被 SIGINT 中断") && told.contains("盐值保存在"), "{told}");
}

#[test]
fn a_run_over_many_says_how_far_it_came() {
    let home = home();
    let home = home.path();
    let words = ["evidence", "notarize", "a.txt", "b.txt", "--split", "--bundle", "out", "--output", "json"];
    let output = interrupted(home, &words, Signal::TERM);
    let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &envelope["error"]["code"]), (Some(143), &json!("INTERRUPTED")), "{envelope}");
    let causes = envelope["error"]["causes"].to_string();
    assert!(causes.contains("0 of 2 files") && causes.contains("a.txt.bundle.salts.json"), "{causes}");
    let hint = envelope["error"]["hint"].as_str().unwrap();
    let (finish, again) = hint.split_once(" Then the same command again").expect(hint);
    assert!(finish.starts_with("Finish with") && again == " goes on.", "{hint}");

    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/registrations");
    let sample = fs::read_dir(sample).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let record: Value = serde_json::from_slice(&fs::read(sample).unwrap()).unwrap();
    fs::write(home.join("rows.jsonl"), record.to_string()).unwrap();
    let output = interrupted(home, &["registration", "submit", "--from", "rows.jsonl"], Signal::INT);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("same command again") && told.contains("rows.jsonl.result.jsonl"), "{told}");
}

/// Every signal by which people and systems end a command says the same while a certificate is awaited, and a program finds the transaction
/// that may have been sent in the data of the envelope.
#[test]
fn an_interrupted_wait_names_its_transaction_whatever_the_signal() {
    let home = home();
    let home = home.path();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/registrations/S-REG-01.json");
    let record: Value = serde_json::from_slice(&fs::read(sample).unwrap()).unwrap();
    fs::write(home.join("rows.jsonl"), record.to_string()).unwrap();
    for (place, (with, name, code)) in [
        (Signal::INT, "SIGINT", 130),
        (Signal::TERM, "SIGTERM", 143),
        (Signal::HUP, "SIGHUP", 129),
        (Signal::QUIT, "SIGQUIT", 131),
    ]
    .into_iter()
    .enumerate()
    {
        let bundle = format!("{place}.bundle");
        let salts = format!("{bundle}.salts.json");
        let finish = format!("finish.{bundle}");
        for words in [
            &["registration", "withdraw", "7"][..],
            &["evidence", "notarize", "a.txt", "--bundle", &bundle],
            &["registration", "submit", "--from", "rows.jsonl"],
            // The transaction of an earlier run is open, too.
            &["registration", "submit", "--from", "rows.jsonl"],
            &["evidence", "finish", &salts, "--bundle", &finish],
        ] {
            let output = interrupted(home, &[words, &["--output", "json"]].concat(), with);
            let told = String::from_utf8_lossy(&output.stderr);
            let envelope: Value = serde_json::from_slice(&output.stdout).expect(&told);
            assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
            assert_eq!(envelope["error"]["code"], json!("INTERRUPTED"), "{words:?}: {envelope}");
            assert_eq!(envelope["error"]["message"], json!(format!("Interrupted by {name}.")), "{words:?}");
            let id = envelope["data"]["id"].as_str().expect("the transaction is in the data");
            let way = if words[1] == "finish" { "evidence finish".to_owned() } else { format!("tx show {id}") };
            assert!(envelope["error"]["causes"].to_string().contains(&way), "{envelope}");
        }
    }
}

/// Also a run that leaves nothing says how it ended: a program waits for its envelope.
#[test]
fn whatever_is_interrupted_ends_with_words_and_an_envelope() {
    let home = home();
    let home = home.path();
    for name in ["notarized.bundle", "checkpoint.json"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles").join(name), home.join(name)).unwrap();
    }
    let before = names(home);
    let (url, questions) = silent();
    let root = "ab".repeat(32);
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)];
    let mut signals = signals.into_iter().cycle();
    for line in [
        "bundle refresh notarized.bundle --out new.bundle",
        "bundle fetch 7 --out new.bundle",
        "checkpoint pin --checkpoint checkpoint.json --out new.json",
        &format!("evidence show {root} --proof new.bundle"),
        "registration show 7 --proof new.bundle",
        "org list",
        "node status",
        "chain checkpoint --out new.json",
        "governance vote 1 --approve --key a.key --password-file password",
        "doctor",
    ] {
        let words: Vec<&str> = line.split(' ').chain(["--api", &url]).collect();
        let (with, code) = signals.next().unwrap();
        for form in ["json", "table"] {
            let child = command(home, &[&words[..], &["--output", form]].concat()).spawn().unwrap();
            questions.recv().unwrap();
            signal(&child, with);
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{line}: {told}");
            if form == "json" {
                let envelope: Value = serde_json::from_slice(&output.stdout).expect(line);
                assert_eq!(envelope["error"]["code"], json!("INTERRUPTED"), "{line}: {envelope}");
            } else {
                assert!(told.contains("INTERRUPTED") && output.stdout.is_empty(), "{line}: {told}");
            }
        }
        assert_eq!(names(home), before, "{line}");
    }
}

/// Whoever starts a run with `nohup` does not want it to end with the terminal.
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let home = home();
    let home = home.path();
    let (url, paths) = stuck();
    let words =
        ["evidence", "notarize", "a.txt", "--bundle", "a.bundle", "--key", "a.key", "--password-file", "password"];
    let program = command(home, &[&words[..], &["--timeout", "600s", "--api", &url]].concat());
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let child =
        shell.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !paths.recv().unwrap().starts_with("/v1/transactions/") {}
    signal(&child, Signal::HUP);
    while !paths.recv().unwrap().starts_with("/v1/transactions/") {}
    signal(&child, Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
}

/// Where passwords are asked for, the terminal is told not to show them; the shell must not stay like that.
#[test]
fn a_terminal_shows_again_what_is_typed() {
    let home = home();
    let home = home.path();
    let line = format!("trap : INT; {} key new --out new.key; stty -a", env!("CARGO_BIN_EXE_quancheng"));
    let own = command(home, &[]);
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(home).env("XDG_CONFIG_HOME", home).env("LC_ALL", "C");
    for (name, _) in own.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut typed, mut shown) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("Password of new.key") {
        let mut byte = [0];
        shown.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    // Ctrl-C.
    typed.write_all(b"\x03").unwrap();
    shown.read_to_end(&mut text).unwrap();
    drop(typed);
    child.wait().unwrap();
    let text = String::from_utf8_lossy(&text);
    let modes: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == ';').collect();
    assert!(modes.contains(&"echo") && !modes.contains(&"-echo"), "{text}");
    assert!(text.contains("SIGINT") && !home.join("new.key").exists(), "{text}");
}
