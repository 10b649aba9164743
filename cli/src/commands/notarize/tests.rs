use quancheng_proof::SaltedEntry;
use quancheng_proof::commitment::MediaType;
use quancheng_types::Digest;

use super::*;
use crate::text::Lang;

fn entries(dir: &Path, files: &[(&str, &str)]) -> Vec<SaltedEntry> {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
    found(dir).iter().map(|file| items::entry(file, &Bar::hidden()).unwrap().0).collect()
}

fn found(dir: &Path) -> Vec<Named> {
    files::collect(&[], &[dir.to_owned()], false).unwrap().files
}

fn many(count: u32) -> Vec<SaltedEntry> {
    let dir = tempfile::tempdir().unwrap();
    let one = entries(dir.path(), &[("a.txt", "a")]).remove(0);
    let named = |number: u32| {
        let path = quancheng_proof::commitment::RelativePath::new(format!("{number:06}")).unwrap();
        let entry = quancheng_proof::ManifestEntry { path, ..one.entry.clone() };
        SaltedEntry { entry, ..one.clone() }
    };
    (0..count).map(named).collect()
}

#[test]
fn the_call_carries_the_commitment_that_the_verifier_looks_for() {
    let dir = tempfile::tempdir().unwrap();
    let items = entries(dir.path(), &[("a.txt", "a"), ("b.bin", "bb")]);
    assert_ne!(items[0].salt, items[1].salt);
    assert_eq!(items[0].entry.mime.as_ref().map(MediaType::as_str), Some("text/plain"));
    assert_eq!(items[1].entry.mime, None);
    let tree = items::tree(items, true).unwrap();
    let call = call(MODULE, arguments(&tree, None).unwrap()).unwrap();
    assert_eq!(quancheng_proof::commitment::notarized(&call), Some(tree.commitment()));
    assert_eq!(arguments(&tree, Some(&"[]".to_owned())).unwrap_err().code, "BAD_JSON");
}

#[test]
fn more_files_than_a_batch_holds_make_several_batches() {
    let batches = |count, max| {
        let trees = items::trees(many(count), max, false).unwrap();
        trees.iter().map(|tree| tree.commitment().count).collect::<Vec<_>>()
    };
    assert_eq!(batches(512, 512), [512]);
    assert_eq!(batches(513, 512), [512, 1]);
    assert_eq!(batches(7, 3), [3, 3, 1]);
    let code = |result: Outcome<Vec<BatchTree>>| result.unwrap_err().code;
    assert_eq!(code(items::trees(many(513), 512, true)), "TOO_MANY_FILES");
    assert_eq!(code(items::trees(many(65), 1, false)), "TOO_MANY_FILES");
    // Sixty-four batches would do, but a bundle of eight MiB would not.
    assert_eq!(code(items::trees(many(64 * 512), 512, false)), "TOO_MANY_FILES");
}

#[test]
fn a_file_of_salts_keeps_everything_that_opens_its_batches() {
    let dir = tempfile::tempdir().unwrap();
    let before = items::trees(many(7), 3, false).unwrap();
    let out = dir.path().join("x.bundle");
    let path = salts::path_of(&out);
    let mut reserved = Reservation::take(&out).unwrap();
    let signed = signed();
    SaltsFile::new(&signed.body, Some(&signed), false, &before).write(&mut reserved).unwrap();
    drop(reserved);
    let reserved = Reservation::resume(&path, &out).unwrap();
    let file = SaltsFile::read(&reserved).unwrap();
    assert_eq!((file.id(), file.valid_until_ms()), (signed.id(), Some(signed.body.valid_until_ms)));
    assert_eq!(file.signed().as_ref(), Some(&signed), "it can be submitted again");
    let after = file.trees().unwrap();
    let commitments = |trees: &[BatchTree]| trees.iter().map(BatchTree::commitment).collect::<Vec<_>>();
    assert_eq!(commitments(&after), commitments(&before));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "salts are for their owner only");
    let one = SaltsFile::new(&signed.body, None, false, &before[..1]);
    let mut one = serde_json::to_value(&one).unwrap();
    assert!(one.get("more").is_none() && one.get("transaction").is_none());
    // What an earlier version wrote is read.
    one["version"] = json!(1);
    one.as_object_mut().unwrap().remove("valid_until_ms");
    drop(reserved);
    std::fs::write(&path, one.to_string()).unwrap();
    let old = SaltsFile::read(&Reservation::resume(&path, &out).unwrap()).unwrap();
    assert_eq!((old.valid_until_ms(), old.signed()), (None, None));
}

fn signed() -> quancheng_types::SignedTransaction {
    let key = quancheng_types::SigningKey::from_seed([7; 32]);
    let call = quancheng_types::Call {
        module: quancheng_types::ModuleId(4),
        payload: quancheng_types::Bytes::new(vec![1]).unwrap(),
    };
    let body = quancheng_types::Transaction {
        chain_id: quancheng_types::ChainId::default(),
        signers: List::new(vec![quancheng_types::Signer {
            account: quancheng_types::AccountId::of(&key.public_key()),
            key_id: quancheng_types::KeyId::of(&key.public_key()),
        }])
        .unwrap(),
        nonce: 1,
        valid_until_ms: 1_800_000_000_000,
        calls: List::new(vec![call]).unwrap(),
    };
    let signature = key.sign(body.id().as_bytes());
    let signature = quancheng_types::transaction::TransactionSignature { public_key: key.public_key(), signature };
    quancheng_types::SignedTransaction { body, signatures: List::new(vec![signature]).unwrap() }
}

/// A run that ended before the salts were whole has submitted nothing, whatever was written of them.
#[test]
fn salts_that_are_not_whole_say_that_nothing_was_submitted() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.bundle");
    let path = salts::path_of(&out);
    for begin in ["", "{", "{\n  \"format\": \"quancheng-salts\",\n  \"versi"] {
        std::fs::write(&path, begin).unwrap();
        let reserved = Reservation::resume(&path, &out).unwrap();
        assert_eq!(SaltsFile::read(&reserved).unwrap_err().code, "NOTHING_SUBMITTED", "{begin:?}");
    }
    std::fs::write(&path, "").unwrap();
    drop(Reservation::take(&out).unwrap());
}

#[test]
fn bundles_and_salts_are_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.bundle");
    let code = |out: &Path| Reservation::take(out).unwrap_err().code;
    std::fs::write(salts::path_of(&out), "{}").unwrap();
    assert_eq!(code(&out), "UNFINISHED");
    std::fs::write(&out, "a bundle").unwrap();
    assert_eq!(code(&out), "BUNDLE_EXISTS");
    assert_eq!(code(&dir.path().join("none/x.bundle")), "NO_FOLDER");
    assert_eq!(code(Path::new("-")), "NOT_A_FILE");
}

#[test]
fn bundles_of_single_files_do_not_share_a_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a")).unwrap();
    for name in ["a/b", "a_b", "a/c", "a_c", "d"] {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let fault = outputs::of_each(Some(dir.path()), found(dir.path())).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.causes.len()), ("SAME_NAME", 2), "all are told at once");
    let placed = outputs::of_each(None, found(dir.path())).unwrap();
    assert!(placed.len() == 5 && placed.iter().all(|(_, out)| out.is_none()));
}

/// Eighty Chinese characters are a name of 240 bytes: its bundle and its salts need names of their own that fit.
#[test]
fn bundles_of_long_names_have_names_that_fit() {
    let dir = tempfile::tempdir().unwrap();
    for last in ["甲", "乙"] {
        std::fs::write(dir.path().join("济".repeat(80) + last), last).unwrap();
    }
    let placed = outputs::of_each(Some(dir.path()), found(dir.path())).unwrap();
    let names: std::collections::BTreeSet<_> = placed.iter().map(|(_, out)| out.clone().unwrap()).collect();
    assert_eq!(names.len(), 2);
    for out in names {
        let mut reserved = Reservation::take(&out).unwrap();
        reserved.fill(b"{}").unwrap();
        files::write_new_private(&out, b"bundle").unwrap();
    }
}

#[test]
fn salts_leave_their_place_only_when_nodes_say_that_nothing_is_recorded_and_are_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.bundle");
    let path = salts::path_of(&out);
    let clock = say!("核对时钟。", "Check the clock.");
    let cases = [
        (Exit::Refused, json!({ "id": "a", "admitted": false }), false),
        (Exit::Refused, json!({ "id": "a", "outcome": { "kind": "refused" } }), false),
        (Exit::Refused, json!({ "id": "a", "stage": "expired" }), false),
        // Another endpoint may have taken it before it failed.
        (Exit::Refused, json!({ "id": "a" }), true),
        (Exit::Timeout, json!({ "id": "a", "stage": "admitted" }), true),
    ];
    for (exit, data, are_kept) in cases {
        let _ = std::fs::remove_file(&path);
        let mut reserved = Reservation::take(&out).unwrap();
        reserved.fill(b"{}").unwrap();
        let id = TransactionId(Digest([7; 32]));
        let fault = Fault::new(exit, "X", clock.clone()).hint(clock.clone()).data(data);
        let fault = salts::kept(fault, reserved, &id, 1_767_574_800_000);
        assert_eq!(path.exists(), are_kept);
        let kept = if are_kept { path.clone() } else { salts::aside_of(&out, &id) };
        assert_eq!(std::fs::read(&kept).unwrap(), b"{}");
        for (lang, words) in [(Lang::Zh, "核对时钟。"), (Lang::En, "Check the clock.")] {
            let hint = fault.hint.as_ref().unwrap().words(lang).to_owned();
            assert!(hint.starts_with(words), "{hint}");
            assert!(hint.contains(&format!("evidence finish {}", kept.display())), "{hint}");
        }
    }
}
