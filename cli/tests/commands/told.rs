//! What people are told of a result: everything that the envelope of programs holds and a person needs.

use super::*;

/// Stdout and stderr in a language, as people see them.
fn shown(home: &Path, lang: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let output = quancheng(home, &[words, &["--lang", lang]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("words are UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_is_passed_over_and_what_failed_is_told_with_the_result() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    std::fs::create_dir(home.join("folder")).unwrap();
    for name in ["a.txt", "b.txt"] {
        std::fs::write(home.join("folder").join(name), name).unwrap();
    }
    for number in 0..5 {
        std::os::unix::fs::symlink("a.txt", home.join(format!("folder/link-{number}"))).unwrap();
    }
    const PARAMETERS: (&str, u16, &str) =
        ("/v1/parameters", 200, r#"{"height":9,"parameters":{"evidence_items_max":512}}"#);
    let node = fake_node(&[
        CHAIN,
        PARAMETERS,
        ("/v1/transactions/simulate", 200, r#"{"outcome":{"kind":"ok"}}"#),
        ("/v1/transactions?", 403, r#"{"code":"KEY_NOT_AUTHORIZED","retryable":false}"#),
    ]);
    let words = ["evidence", "notarize", "--recursive", "folder", "--quiet", "--bundle", "out", "--key", "a.key"];
    let more = ["--password-file", "password", "--api", &node];
    let words = [&words[..], &more].concat();
    for form in [&["--dry-run"][..], &["--dry-run", "--split"]] {
        for (lang, label) in [("zh", "未存证"), ("en", "passed_over")] {
            let (code, stdout, stderr) = shown(home, lang, &[&words[..], form].concat());
            assert_eq!(code, Some(0), "{stderr}");
            let label = if form.len() == 2 && lang == "en" { "were not notarized" } else { label };
            assert!(stdout.contains(label), "{label} in {stdout}");
            for number in 0..5 {
                assert!(stdout.contains(&format!("link-{number}")), "{stdout}");
            }
        }
        let (_, value) = envelope(home, &[&words[..], form].concat());
        assert_eq!(value["data"]["passed_over"].as_array().map(Vec::len), Some(5), "{value}");
    }
    for (lang, file, count) in
        [("zh", "文件 folder/a.txt", "2 个文件中已完成 0 个"), ("en", "file folder/a.txt", "0 of 2 files")]
    {
        let (code, _, stderr) = shown(home, lang, &[&words[..], &["--split"]].concat());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(file) && stderr.contains(count), "{stderr}");
    }
}

/// A transaction that may take effect is named to people too, not to programs alone.
#[test]
fn a_submission_without_an_answer_names_its_transaction() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(new_key(home, "a.key").0, 0);
    let node = fake_node(&[CHAIN, ("/v1/transactions?", 200, r#"{"nonsense":true}"#)]);
    let words = ["registration", "withdraw", "7", "--key", "a.key", "--password-file", "password", "--api", &node];
    for (lang, before, after) in [
        ("zh", "原因: 交易 ", " 可能已提交，仍可能生效"),
        ("en", "cause: Transaction ", " may have been submitted and may take effect"),
    ] {
        let (code, _, stderr) = shown(home, lang, &words);
        let told = stderr.lines().find_map(|line| line.trim().strip_prefix(before)?.split_once(after));
        assert_eq!((code, told.map(|(id, _)| id.len())), (Some(4), Some(64)), "{stderr}");
    }
}

/// What a transaction asks is read by those who are to sign it: the names of its calls and fields, and of what happened, are Chinese in Chinese.
#[test]
fn what_a_transaction_asks_and_does_is_shown_in_chinese() {
    let home = home_with_a_line();
    let home = home.path();
    std::fs::write(home.join("a.txt"), "a").unwrap();
    let sign = ["--key", "a.key", "--password-file", "password", "--sign-only", "--chain-id"];
    let chain = "1".repeat(64);
    let notarize = ["evidence", "notarize", "a.txt", "--bundle", "a.bundle", "-o", "notarize.tx"];
    let digest = "ab".repeat(32);
    let hold = json!({ "hold": { "root": digest, "case": "7", "document": { "algorithm": "SM3", "digest": digest } } });
    let hold = hold.to_string();
    let hold = ["tx", "call", "evidence", &hold, "-o", "hold.tx"];
    for words in [&notarize[..], &hold] {
        let (code, value) = envelope(home, &[words, &sign, &[&chain]].concat());
        assert_eq!(code, 0, "{value}");
    }
    for (file, part) in [("notarize.tx", "调用.存证."), ("hold.tx", "调用.中止或保全.")] {
        let (code, shown, _) = shown(home, "zh", &["tx", "decode", file]);
        assert!(code == Some(0) && shown.contains(part), "{shown}");
        for line in shown.lines() {
            let label = line.split(['│', '┆']).nth(1).unwrap_or_default().replace("SHA-256", "").replace("SM3", "");
            assert!(!label.contains(|c: char| c.is_ascii_alphabetic()), "{line}");
        }
        assert!(shown.contains("存证") && !shown.contains("evidence"), "{shown}");
    }
}
