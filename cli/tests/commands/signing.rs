//! Signatures by turns, and what a manifest that is declared whole holds.

use super::*;

/// A file that is damaged says what is left to do: nobody can make a key again.
#[test]
fn a_damaged_key_file_is_restored_from_a_copy() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let text = std::fs::read_to_string(home.join("a.key")).unwrap();
    let sealed = serde_json::from_str::<Value>(&text).unwrap()["sealed_seed"].as_str().unwrap().to_owned();
    let changed = text.replace(&sealed, &"0".repeat(sealed.len()));
    for (content, code) in [(&text[..text.len() / 2], "KEY_FILE"), (changed.as_str(), "WRONG_PASSWORD")] {
        std::fs::write(home.join("b.key"), content).unwrap();
        let words =
            ["governance", "vote", "1", "--approve", "--key", "b.key", "--password-file", "password", "--sign-only"];
        let more = ["--tx-out", "x.tx", "--chain-id", &"11".repeat(32)];
        let (_, value) = envelope(home, &[&words[..], &more].concat());
        assert_eq!(value["error"]["code"], json!(code), "{value}");
        assert!(value["error"]["hint"].as_str().unwrap().contains("from a copy"), "{value}");
    }
}

fn error_of(home: &Path, text: &str) -> (i32, String, String) {
    let (code, value) = envelope(home, &text.split(' ').collect::<Vec<_>>());
    let error = &value["error"];
    let told = format!("{} {} {}", error["message"], error["causes"], error["hint"]);
    (code, error["code"].as_str().unwrap_or_default().to_owned(), told)
}

/// Whoever signs what has expired believes that it counts.
#[test]
fn what_is_too_late_is_not_signed() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!((new_key(home, "a.key").0, new_key(home, "b.key").0), (0, 0));
    let (_, other) = envelope(home, &["key", "show", "b.key"]);
    let (signer, chain) = (other["data"]["public_key"].as_str().unwrap(), "11".repeat(32));
    let withdraw = format!(
        "registration withdraw 7 --key a.key --password-file password --chain-id {chain} --signer {signer} --sign-only -o t.tx"
    );
    assert_eq!(error_of(home, &withdraw).0, 0);
    let text = std::fs::read_to_string(home.join("t.tx")).unwrap();
    let mut draft: Value = serde_json::from_str(&text).unwrap();
    draft["body"]["valid_until_ms"] = json!(1_767_574_800_000_u64);
    std::fs::write(home.join("t.tx"), draft.to_string()).unwrap();
    let before = std::fs::read(home.join("t.tx")).unwrap();
    // Told before a password is asked for.
    for password in ["--password-file password", "--password-file none"] {
        let (code, name, told) = error_of(home, &format!("tx sign t.tx --key b.key {password}"));
        assert_eq!((code, name.as_str()), (2, "EXPIRED"), "{told}");
        assert!(told.contains("clock of this machine") && told.contains("anew"), "{told}");
    }
    assert_eq!(std::fs::read(home.join("t.tx")).unwrap(), before);
    let (code, shown) = envelope(home, &["tx", "decode", "t.tx"]);
    assert_eq!((code, &shown["data"]["complete"]), (0, &json!(false)), "{shown}");
}

/// A court reads of a whole manifest that nothing is missing.
#[test]
fn a_manifest_is_not_declared_whole_when_something_was_passed_over() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::create_dir(home.join("f")).unwrap();
    std::fs::write(home.join("f/a.txt"), "a").unwrap();
    std::os::unix::fs::symlink("a.txt", home.join("f/link")).unwrap();
    let (node, requests) = counting_node(&[CHAIN]);
    for form in ["", " --split", " --dry-run"] {
        let more = format!("--complete --bundle out --key a.key --password-file password --api {node}{form}");
        let (code, name, told) = error_of(home, &format!("evidence notarize --recursive f {more}"));
        assert_eq!((code, name.as_str()), (2, "INCOMPLETE"), "{form}: {told}");
        assert!(told.contains("f/link") && told.contains("Leave out --complete"), "{told}");
    }
    assert_eq!(requests.load(Ordering::SeqCst), 0, "nothing is asked, nothing is submitted");
    assert!(!home.join("out").exists() && !home.join("out.salts.json").exists());
}
