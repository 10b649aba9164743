use quancheng_types::{AccountId, Call, ChainId, KeyId, List, ModuleId, Signer, SigningKey, Transaction};
use serde_json::json;

use super::*;

fn header() -> Header {
    Header::new("11".to_owned(), "account".to_owned(), None)
}

fn signed() -> SignedTransaction {
    let key = SigningKey::from_seed([1; 32]).public_key();
    let body = Transaction {
        chain_id: ChainId::default(),
        signers: List::new(vec![Signer { account: AccountId::of(&key), key_id: KeyId::of(&key) }]).unwrap(),
        nonce: 1,
        valid_until_ms: 1,
        calls: List::new(vec![Call { module: ModuleId(3), payload: quancheng_types::Bytes::new(vec![1]).unwrap() }])
            .unwrap(),
    };
    SignedTransaction { body, signatures: List::new(Vec::new()).unwrap() }
}

/// A folder with an input of these lines, and the name of its results.
fn input(text: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (from, path) = (dir.path().join("a.jsonl"), dir.path().join("r.jsonl"));
    fs::write(&from, text).unwrap();
    (dir, from, path)
}

#[test]
fn lines_are_known_by_their_content() {
    let found = lines("{\"a\":1}\r\n\n  {\"b\":2}\n").unwrap();
    assert_eq!(found.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3], "numbers are those of the file");
    let moved = lines("{\"b\":2}\n{\"a\":1}\n").unwrap();
    assert_eq!((&found[0].digest, &found[1].digest), (&moved[1].digest, &moved[0].digest));
    assert_eq!(lines("{}\n1\n{}\n").unwrap_err().code, "SAME_LINE");
    assert_eq!(lines("{}\n1\n\u{feff}{}\n").unwrap_err().code, "SAME_LINE");
    assert_eq!(lines("1\n \u{feff} {}").unwrap()[1].text, "{}");
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let text = "1\n2\n3\n4\n";
    let (_dir, from, path) = input(text);
    let all = lines(text).unwrap();
    let (mut log, _) = Log::open(path.clone(), &from, &header()).unwrap();
    let sign = |line: &Line<'_>| json!({ "line": line.number, "digest": line.digest, "transaction": hex::encode(signed().encode()) });
    let end = |line: &Line<'_>, ok: bool, void: bool| json!({ "line": line.number, "digest": line.digest, "ok": ok, "void": void });
    for line in [
        sign(&all[0]),
        end(&all[0], true, false),
        sign(&all[1]),
        // Whether a node has it is not known: the same bytes are asked for again.
        end(&all[1], false, false),
        sign(&all[2]),
        end(&all[2], false, true),
    ] {
        log.line(&line).unwrap();
    }
    assert_eq!(Log::open(path.clone(), &from, &header()).unwrap_err().code, "IN_USE");
    drop(log);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"line\":4,\"dig"].concat()).unwrap();
    let (log, results) = Log::open(path.clone(), &from, &header()).unwrap();
    drop(log);
    assert_eq!(fs::read(&path).unwrap(), whole, "a line that was cut off is taken away");
    assert_eq!(results.done.keys().collect::<Vec<_>>(), [&all[0].digest]);
    assert_eq!(results.pending.keys().collect::<Vec<_>>(), [&all[1].digest]);
    // The input may grow and be put into another order, and a refused line be corrected.
    results.check(&lines("2\n1\nthree\n4\n5\n").unwrap()).unwrap();
    for changed in ["one\n2\n3\n", "1\ntwo\n3\n", "1\n", ""] {
        assert_eq!(results.check(&lines(changed).unwrap()).unwrap_err().code, "LINE_CHANGED", "{changed:?}");
    }
}

#[test]
fn results_of_something_else_and_other_files_are_left_as_they_are() {
    let (dir, from, path) = input("{}\n");
    let code = |path: &Path| Log::open(path.to_owned(), &from, &header()).unwrap_err().code;
    let whole = format!("{}\n", serde_json::to_string(&header()).unwrap());
    for content in
        ["", "junk", "{}\n", "a key\n", &whole[..20], &format!("{whole}{{\"x\":1}}\n"), &format!("{whole}junk")]
    {
        fs::write(&path, content).unwrap();
        assert_eq!(code(&path), "NOT_RESULTS", "{content:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    fs::write(&path, &whole).unwrap();
    let others = [("22", "account", None), ("11", "other", None), ("11", "account", Some("R".to_owned()))];
    for (chain, account, rules) in others {
        let other = Header::new(chain.to_owned(), account.to_owned(), rules);
        assert_eq!(Log::open(path.clone(), &from, &other).unwrap_err().code, "OTHER_RESULTS");
    }
    let link = dir.path().join("link");
    fs::hard_link(&from, &link).unwrap();
    assert_eq!(
        (code(&from), code(&link), code(dir.path())),
        ("SAME_FILE".into(), "SAME_FILE".into(), "IS_A_FOLDER".into())
    );
    assert_eq!(fs::read_to_string(&from).unwrap(), "{}\n");
}
