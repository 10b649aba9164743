//! What people present, and what they read.

use super::*;

/// One file is one file, whatever it is called; two names that differ in bytes that are no text are two.
#[test]
fn files_are_told_apart_by_what_they_are() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f");
    fs::create_dir(&folder).unwrap();
    let one = folder.join("contract.txt");
    fs::copy(at("contract.txt"), &one).unwrap();
    let (link, hard) = (dir.path().join("link.txt"), dir.path().join("hard.txt"));
    std::os::unix::fs::symlink(&one, &link).unwrap();
    fs::hard_link(&one, &hard).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let dotted = format!("{}/./../f/contract.txt", text(&folder));
    for other in [text(&link), text(&hard), dotted, text(&one)] {
        let (_, value) = verify(&at("notarized.bundle"), &["--file", &text(&one), "--file", &other]);
        let files = &value["data"]["files"];
        assert_eq!((&files[0]["same_as"], &files[1]["same_as"]), (&Value::Null, &json!(0)), "{other}");
    }
    let (good, bad) = (dir.path().join("x"), dir.path().join("y"));
    let names = [b"a\xff.txt", b"a\xfe.txt"].map(|name| std::ffi::OsStr::from_bytes(name));
    for folder in [&good, &bad] {
        fs::create_dir(folder).unwrap();
    }
    let (good, bad) = (good.join(names[0]), good.join(names[1]));
    fs::copy(at("contract.txt"), &good).unwrap();
    fs::write(&bad, "another content").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quancheng"))
        .arg("verify")
        .arg(at("notarized.bundle"))
        .arg("--checkpoint")
        .arg(at("checkpoint.json"))
        .arg("--file")
        .arg(&bad)
        .arg("--file")
        .arg(&good)
        .args(["--lang", "zh"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 5);
    let shown = String::from_utf8(output.stdout).unwrap();
    let presented: Vec<&str> = shown.split("所提交文件").nth(1).unwrap().lines().collect();
    let said = |name: &str| {
        let at = presented.iter().position(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {shown}"));
        presented[at..].iter().find(|line| line.contains("结论")).unwrap().to_string()
    };
    assert!(said("a%FE.txt").contains("不一致"), "{shown}");
    assert!(said("a%FF.txt").contains("名称不同"), "{shown}");
}

/// Whatever a report in Chinese says, it says in Chinese: what is left are identifiers, digests, names and units.
#[test]
fn the_report_in_chinese_has_no_english_words() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("contract.txt");
    fs::write(&other, "another content under the same name").unwrap();
    let (other, none) = (other.to_str().unwrap(), dir.path().join("absent").to_str().unwrap().to_owned());
    let damaged = dir.path().join("damaged.bundle");
    fs::write(&damaged, "junk").unwrap();
    let mut bundles: Vec<PathBuf> = fs::read_dir(BUNDLES).unwrap().map(|entry| entry.unwrap().path()).collect();
    bundles.retain(|path| path.extension().is_some_and(|ending| ending == "bundle"));
    bundles.push(damaged);
    assert!(bundles.len() > 5);
    for bundle in bundles {
        for words in [&[][..], &["--file", "contract.txt"], &["--file", other, "--file", &none]] {
            let shown = report(&bundle, &[words, &["--lang", "zh"]].concat());
            let text = shown.replace(dir.path().to_str().unwrap(), "").replace(BUNDLES, "");
            let text = ours(&text);
            let left: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./%:".contains(c))).collect();
            let left: Vec<&&str> = left.iter().filter(|word| is_word(word)).collect();
            assert!(left.is_empty(), "{left:?} in {}:\n{shown}", bundle.display());
        }
    }
}

/// The report without what stands between “ and ”: names are shown in the language that they are in, and cannot close their marks.
fn ours(text: &str) -> String {
    text.split('“')
        .enumerate()
        .map(|(place, part)| if place == 0 { part } else { part.split_once('”').map_or("", |(_, rest)| rest) })
        .collect()
}

/// Whether a run of ASCII is neither an identifier, a digest, a time, a file name nor a unit.
fn is_word(run: &str) -> bool {
    const KNOWN: [&str; 3] = ["quancheng", "SHA-256", "SM3"];
    let run = run.trim_matches(|c: char| "-_./%:".contains(c));
    let is_hex = run.len() >= 16 && run.bytes().all(|b| b.is_ascii_hexdigit());
    let is_coded = run.bytes().any(|b| b.is_ascii_digit()) || run.starts_with("ORG-");
    let is_code = run.contains('_') && run.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let is_file = [".bundle", ".txt", "absent"].iter().any(|ending| run.ends_with(ending));
    let is_media_type = ["text/", "application/", "image/", "video/"].iter().any(|main| run.starts_with(main));
    let is_wordlike = run.bytes().filter(u8::is_ascii_alphabetic).count() > 1;
    is_wordlike && !(is_hex || is_coded || is_code || is_file || is_media_type || KNOWN.contains(&run))
}

/// A report says what made it, and when.
#[test]
fn a_report_names_the_tool_its_digest_and_the_time() {
    let (_, value) = verify(&at("notarized.bundle"), &[]);
    let tool = &value["data"]["verifier"];
    assert_eq!((&tool["name"], &tool["version"]), (&json!("quancheng"), &json!(env!("CARGO_PKG_VERSION"))));
    let digest = tool["sha256"].as_str().unwrap();
    let own = Command::new("sha256sum").arg(env!("CARGO_BIN_EXE_quancheng")).output().unwrap();
    assert!(String::from_utf8(own.stdout).unwrap().starts_with(digest));
    assert!(value["data"]["checked_at"]["time"].as_str().unwrap().ends_with("+08:00"));
    let text = report(&at("notarized.bundle"), &["--lang", "zh"]);
    assert!(text.contains(digest) && text.contains("核验时间") && text.contains("依本机时钟"), "{text}");
}

/// What has no end or no content is refused before it is read.
#[test]
fn pipes_and_devices_are_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        let (exit, value) = verify(&at("notarized.bundle"), &["--file", path.to_str().unwrap()]);
        assert_eq!((exit, results(&value, "V1")), (6, vec!["CANNOT_CHECK", "NOT_ASSESSED"]));
        assert_eq!(code(&run(path, &at("checkpoint.json"), &[])), 6);
        assert_eq!(code(&run(&at("notarized.bundle"), path, &[])), 6);
    }
}

/// Runs a command that is not `verify`: exit code and envelope.
fn other(dir: &Path, words: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
    command.args(words).args(["--output", "json"]).current_dir(dir).env("XDG_CONFIG_HOME", "/nonexistent");
    let output = command.env_remove("QUANCHENG_API").output().expect("the program runs");
    (code(&output), serde_json::from_slice(&output.stdout).expect("one envelope on stdout"))
}

/// A node of the chain of the fixtures that answers every question for a record with these bytes.
fn node_with(bytes: Vec<u8>) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let checkpoint = fs::read(at("checkpoint.json")).expect("the checkpoint is checked in");
    let checkpoint = quancheng_proof::Checkpoint::from_json(&checkpoint).expect("it is one");
    let quancheng_proof::Anchor::Genesis { genesis } = checkpoint.anchor().clone() else { panic!("it is no genesis") };
    let status = format!("{{\"chain_id\":\"{}\",\"height\":9}}", checkpoint.chain_id()).into_bytes();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection comes in");
            let mut question = [0; 4096];
            let read = stream.read(&mut question).unwrap_or_default();
            let question = String::from_utf8_lossy(&question[..read]).into_owned();
            let bytes = match question.split(' ').nth(1) {
                Some("/v1/status") => status.clone(),
                Some("/v1/genesis") => genesis.encode(),
                _ => bytes.clone(),
            };
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", bytes.len());
            let _ = stream.write_all(&bytes);
        }
    });
    url
}

/// What its holder hands on says no more than it must; what was withheld cannot be checked, and nothing is broken by it.
#[test]
fn a_bundle_is_cut_sealed_and_proven_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, dir) = (at("notarized.bundle"), dir.path());
    let whole_text = whole.to_str().unwrap();
    let (_, value) = verify(&whole, &[]);
    let path = value["data"]["facts"]["manifests"][0]["entries"][0]["path"].as_str().unwrap();
    let (exit, value) = other(dir, &["bundle", "cut", whole_text, "--keep", "none.txt", "--out", "x"]);
    assert_eq!((exit, &value["error"]["code"]), (3, &json!("NOT_LISTED")));
    assert_eq!(other(dir, &["bundle", "cut", whole_text, "--keep", path, "--out", "kept"]).0, 0);
    let spelt = format!("./x/../{path}");
    assert_eq!(other(dir, &["bundle", "cut", whole_text, "--keep", &spelt, "--out", "spelt"]).0, 0);
    assert_eq!(fs::read(dir.join("kept")).unwrap(), fs::read(dir.join("spelt")).unwrap());
    assert_eq!(other(dir, &["bundle", "cut", whole_text, "--seal", path, "--out", "sealed"]).0, 0);
    assert_eq!(other(dir, &["bundle", "cut", whole_text, "--no-files", "--out", "bare"]).0, 0);
    assert_eq!(other(dir, &["bundle", "cut", whole_text, "--no-files", "--out", "bare"]).1["error"]["code"], "EXISTS");
    for (name, exit, v3) in [("kept", 0, vec!["MATCH"]), ("sealed", 6, vec!["CANNOT_CHECK"]), ("bare", 6, vec![])] {
        let (found, value) = verify(&dir.join(name), &["--file", "contract.txt"]);
        assert_eq!((found, results(&value, "V3")), (exit, v3), "{name}");
    }
    assert_eq!(verify(&dir.join("bare"), &[]).0, 0);
    // A node knows the record, not the salts.
    let node = node_with(fs::read(dir.join("bare")).unwrap());
    let (exit, value) = other(dir, &["bundle", "refresh", whole_text, "--out", "fresh", "--api", &node]);
    assert_eq!(exit, 0, "{value}");
    assert_eq!(fs::read(dir.join("fresh")).unwrap(), fs::read(&whole).unwrap());
    // Another record is no answer to the question for this one.
    let node = node_with(fs::read(at("certificate.bundle")).unwrap());
    let (exit, value) = other(dir, &["bundle", "refresh", whole_text, "--out", "other", "--api", &node]);
    assert_eq!((exit, &value["error"]["code"]), (4, &json!("BAD_ANSWER")));
}

#[test]
fn a_header_is_pinned_when_it_follows_from_a_checkpoint_and_bundles_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (genesis, early, late) = (at("checkpoint.json"), at("notarized.bundle"), at("certificate.bundle"));
    let [genesis, early, late] = [&genesis, &early, &late].map(|path| path.to_str().unwrap());
    let pin = |bundle: &str, checkpoint: &str, out: &str| {
        other(dir, &["checkpoint", "pin", bundle, "--checkpoint", checkpoint, "--out", out])
    };
    let (exit, value) = pin(early, genesis, "early.json");
    assert_eq!(exit, 0, "{value}");
    assert_eq!(code(&run(Path::new(late), &dir.join("early.json"), &[])), 0);
    assert_eq!(pin(late, "early.json", "late.json").0, 0, "a pin is a checkpoint like any other");
    // What is trusted stays, also when a pin is told to take its place.
    let (kept, trusted) = (fs::read(dir.join("early.json")).unwrap(), dir.join("genesis.json"));
    fs::copy(genesis, &trusted).unwrap();
    for out in ["early.json", "genesis.json"] {
        let (exit, value) = pin(late, out, out);
        assert_eq!((exit, &value["error"]["code"]), (2, &json!("EXISTS")), "{value}");
    }
    assert_eq!(
        (fs::read(dir.join("early.json")).unwrap(), fs::read(&trusted).unwrap()),
        (kept, fs::read(genesis).unwrap())
    );
    // Older than the pin: it has to be proven anew, and the report says how.
    let output = run(Path::new(early), &dir.join("late.json"), &["--lang", "zh"]);
    assert_eq!(code(&output), 6);
    assert!(String::from_utf8(output.stdout).unwrap().contains("重新取证明"));
    let vectors: Value = serde_json::from_slice(&fs::read(VECTORS).unwrap()).unwrap();
    fs::write(dir.join("other.json"), vectors["checkpoints"][0].to_string()).unwrap();
    let (exit, value) = pin(early, "other.json", "no.json");
    assert_eq!(exit, 6);
    assert!(value["error"]["causes"][0].as_str().unwrap().contains("two different chains"), "{value}");
    // The worst decides: validators that nobody appointed, who signed everything.
    let cases = serde_json::from_slice::<Value>(include_bytes!("../../../proof/vectors/forged.json")).unwrap();
    let usurpers = cases["cases"].as_array().unwrap().iter().find(|case| case["name"] == "usurpers").unwrap();
    fs::write(dir.join("usurpers.bundle"), hex::decode(usurpers["bundle"].as_str().unwrap()).unwrap()).unwrap();
    let place = usize::try_from(usurpers["checkpoint"].as_u64().unwrap()).unwrap();
    fs::write(dir.join("usurped.json"), cases["checkpoints"][place].to_string()).unwrap();
    let (exit, value) = pin("usurpers.bundle", "usurped.json", "no.json");
    assert_eq!(exit, 5, "{value}");
    assert!(value["error"]["causes"][0].as_str().unwrap().contains("broken"), "{value}");
    assert!(!dir.join("no.json").exists());

    let compare = |one: &str, two: &str, checkpoint: &str| {
        other(dir, &["bundle", "compare", one, two, "--checkpoint", checkpoint]).0
    };
    assert_eq!((compare(early, early, genesis), compare(early, late, "other.json")), (0, 6));
    // They name no common height: that is no agreement.
    let (exit, value) = other(dir, &["bundle", "compare", early, late, "--checkpoint", genesis]);
    assert_eq!((exit, &value["error"]["code"]), (6, &json!("NOTHING_TO_COMPARE")), "{value}");
}

/// A fetched absence is told as of the height of its leaf, however far the header is above it.
#[test]
fn an_absence_is_told_as_of_the_height_it_is_proven_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_, value) = verify(&at("absent.bundle"), &[]);
    let height = &value["data"]["facts"]["claims"][0]["height"];
    let node = node_with(fs::read(at("absent.bundle")).unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_quancheng"));
    command.args(["bundle", "fetch", "QC-370100-DR-2026-00000001-I", "--out", "x", "--lang", "zh", "--api", &node]);
    let output = command.current_dir(dir.path()).env("XDG_CONFIG_HOME", "/nonexistent").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("截至高度 {height} 没有此记录")), "{height}: {text}");
}

/// One numbering, the order given: of files that cannot be read too.
#[test]
fn files_are_numbered_in_the_order_in_which_they_are_given() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(at("contract.txt"), dir.path().join("c.txt")).unwrap();
    let [none, one, two] = ["none", "c.txt", "./c.txt"].map(|name| format!("{}/{name}", dir.path().display()));
    let (exit, value) = verify(&at("notarized.bundle"), &["--file", &none, "--file", &one, "--file", &two]);
    assert_eq!(exit, 6);
    let findings = value["data"]["findings"].as_array().unwrap();
    let places: Vec<&Value> = findings.iter().filter(|f| f["scope"]["kind"] == "file").map(|f| &f["scope"]).collect();
    for (place, scope) in places.iter().enumerate() {
        assert_eq!(scope["file"], json!(place), "{places:?}");
        assert_eq!(scope["name"], value["data"]["files"][place]["name"]);
    }
    assert_eq!(value["data"]["files"][2]["same_as"], json!(1));
    let text = report(&at("notarized.bundle"), &["--file", &none, "--file", &one, "--file", &two, "--lang", "zh"]);
    assert!(text.contains("与第 2 份所提交文件是同一文件") && text.contains("第 3 份文件"), "{text}");
}
