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
            let left: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./%:".contains(c))).collect();
            let left: Vec<&&str> = left.iter().filter(|word| is_word(word)).collect();
            assert!(left.is_empty(), "{left:?} in {}:\n{shown}", bundle.display());
        }
    }
}

/// Whether a run of ASCII is neither an identifier, a digest, a time, a file name nor a unit.
fn is_word(run: &str) -> bool {
    const KNOWN: [&str; 3] = ["quancheng", "SHA-256", "SM3"];
    let run = run.trim_matches(|c: char| "-_./%:".contains(c));
    let is_hex = run.len() >= 16 && run.bytes().all(|b| b.is_ascii_hexdigit());
    let is_coded = run.bytes().any(|b| b.is_ascii_digit()) || run.starts_with("ORG-");
    let is_code = run.contains('_') && run.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let is_file = [".bundle", ".txt", "absent"].iter().any(|ending| run.ends_with(ending));
    let is_wordlike = run.bytes().filter(u8::is_ascii_alphabetic).count() > 1;
    is_wordlike && !(is_hex || is_coded || is_code || is_file || KNOWN.contains(&run))
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
        assert_eq!((exit, results(&value, "V1")), (6, vec!["NOT_ASSESSED", "CANNOT_CHECK"]));
        assert_eq!(code(&run(path, &at("checkpoint.json"), &[])), 6);
        assert_eq!(code(&run(&at("notarized.bundle"), path, &[])), 6);
    }
}
