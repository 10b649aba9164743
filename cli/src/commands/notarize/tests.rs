use quancheng_proof::SaltedEntry;
use quancheng_proof::commitment::MediaType;
use quancheng_proof::{Bundle, Claim};
use quancheng_types::{AccountId, ChainId, Digest, List, TransactionId};

use super::finish::opening;
use super::salts::SaltsFile;
use super::*;
use crate::fault::Exit;
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
    // What is given and would be dropped is refused.
    let given = r#"{"commitment":{"root":"ab"}}"#.to_owned();
    assert_eq!(arguments(&tree, Some(&given)).unwrap_err().code, "BAD_ATTRIBUTES");
}

/// What these say of a transaction whose time is over.
fn said_by(urls: &[&str]) -> Vec<Value> {
    urls.iter().map(|url| json!({ "api": url, "says": "expired" })).collect()
}

/// A moment that is past is of no use to anybody: salts that are set aside after it say what to do without it.
#[test]
fn salts_that_are_set_aside_name_no_moment_that_is_past() {
    let now_ms = crate::time::now_ms();
    let gone = json!({ "stage": "expired", "voices": said_by(&["x", "y"]) });
    for (valid_until_ms, is_told) in [(now_ms + 600_000, true), (now_ms - 1, false)] {
        let dir = tempfile::tempdir().unwrap();
        let mut reserved = Reservation::take(&dir.path().join("a.bundle")).unwrap();
        reserved.fill(b"{}").unwrap();
        let fault = Fault::new(Exit::Refused, "EXPIRED", say!("无。", "None.")).data(gone.clone());
        let hint = salts::kept(fault, reserved, &TransactionId::default(), valid_until_ms).advice();
        let (zh, en) = (hint.words(Lang::Zh), hint.words(Lang::En));
        assert_eq!((zh.contains("北京时间"), en.contains("Beijing time")), (is_told, is_told), "{hint:?}");
        assert!(zh.contains("evidence finish") && en.contains("evidence finish"), "{hint:?}");
    }
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

/// Only the name that a run takes, while it is empty, says that nothing was submitted. What was cut off may be all that is left of salts.
#[test]
fn only_an_empty_reservation_says_that_nothing_was_submitted() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.bundle");
    let path = salts::path_of(&out);
    let read = |path: &Path| SaltsFile::read(&Reservation::resume(path, &out)?).map(|_| ());
    let (signed, trees) = (signed(), items::trees(many(3), 3, false).unwrap());
    let mut reserved = Reservation::take(&out).unwrap();
    SaltsFile::new(&signed.body, Some(&signed), false, &trees).write(&mut reserved).unwrap();
    drop(reserved);
    let whole = std::fs::read(&path).unwrap();
    for length in (1..whole.len()).step_by(7).chain([whole.len() - 1]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let fault = read(&path).unwrap_err();
        assert_eq!(fault.code, "SALTS_FILE", "{length}");
        assert_keeps(&fault);
    }
    let other = dir.path().join("other");
    std::fs::write(&other, "").unwrap();
    std::fs::write(&path, "").unwrap();
    for (path, code) in
        [(path.as_path(), "NOTHING_SUBMITTED"), (other.as_path(), "SALTS_FILE"), (Path::new("/dev/null"), "NOT_A_FILE")]
    {
        let fault = read(path).unwrap_err();
        assert_eq!(fault.code, code, "{}", path.display());
        assert_keeps(&fault);
    }
    drop(Reservation::take(&out).unwrap());
}

/// Nothing tells people to delete what may be the only copy.
fn assert_keeps(fault: &Fault) {
    for (lang, forbidden) in [(Lang::Zh, "删除"), (Lang::En, "elete")] {
        let text = format!("{} {}", fault.message.words(lang), fault.hint.as_ref().unwrap().words(lang));
        assert!(!text.contains(forbidden), "{text}");
    }
}

/// A bundle of a real chain, with the batch that it opens.
fn recorded() -> (Bundle, TransactionId, Vec<SaltedEntry>) {
    let bundle = Bundle::decode(include_bytes!("../../../tests/bundles/notarized.bundle")).unwrap();
    let Some(Claim::Transaction { transaction, .. }) = bundle.claims.first() else { panic!("of a transaction") };
    let id = transaction.id();
    let items = bundle.openings.iter().flat_map(|opening| opening.items.iter());
    let items = items.map(|item| SaltedEntry { salt: item.salt.unwrap(), entry: item.entry.clone() }).collect();
    (bundle, id, items)
}

#[test]
fn salts_are_given_up_only_for_a_bundle_that_opens_what_was_notarized() {
    let (bundle, id, items) = recorded();
    let bare = Bundle { openings: List::empty(), ..bundle.clone() };
    let is_complete = [false, true].into_iter().find(|is_complete| {
        opening(bare.clone(), id, &[items::tree(items.clone(), *is_complete).unwrap()])
            .is_ok_and(|whole| whole == bundle)
    });
    let is_complete = is_complete.expect("its own salts open it");
    let mut salt = items.clone();
    salt[0].salt.0.0[31] ^= 1;
    let mut path = items.clone();
    path[0].entry.path = quancheng_proof::commitment::RelativePath::new("other").unwrap();
    let mut size = items.clone();
    size[0].entry.size += 1;
    for (items, is_complete) in
        [(salt, is_complete), (path, is_complete), (size, is_complete), (items.clone(), !is_complete)]
    {
        let fault = opening(bare.clone(), id, &[items::tree(items, is_complete).unwrap()]).unwrap_err();
        assert_eq!((fault.exit, fault.code.as_str()), (Exit::Mismatch, "SALTS_DIFFER"));
        assert_keeps(&fault);
    }
    let twice = vec![items::tree(items.clone(), is_complete).unwrap(); 2];
    assert_eq!(opening(bare, id, &twice).unwrap_err().code, "SALTS_DIFFER");
}

/// A file is passed over only when an earlier run has done for it what this one would do.
#[test]
fn a_bundle_that_is_there_has_to_be_the_one_that_would_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("contract.txt.bundle");
    let (bundle, _, items) = recorded();
    let Some(Claim::Transaction { transaction, .. }) = bundle.claims.first() else { panic!("of a transaction") };
    let (chain_id, account) = (transaction.body.chain_id, transaction.body.signers[0].account);
    let recorded_call = transaction.body.calls[0].clone();
    let is_complete = [false, true].into_iter().find(|is_complete| {
        let tree = items::tree(items.clone(), *is_complete).unwrap();
        quancheng_proof::commitment::notarized(&recorded_call) == Some(tree.commitment())
    });
    let is_complete = is_complete.expect("its own salts open it");
    let check = |bundle: &Bundle, chain_id, account, entry: &quancheng_proof::ManifestEntry, is_complete: bool| {
        std::fs::write(&out, bundle.encode()).unwrap();
        let same = |tree: &BatchTree| {
            let is_same = quancheng_proof::commitment::notarized(&recorded_call) == Some(tree.commitment());
            if is_same { Ok(recorded_call.clone()) } else { call(MODULE, arguments(tree, None)?) }
        };
        outputs::Done { chain_id, account, entry, is_complete, call: &same }.check(&out).map_err(|fault| {
            assert_eq!(fault.code, "BUNDLE_EXISTS");
            assert_keeps(&fault);
            fault.causes_in(Lang::En).join(" ")
        })
    };
    let entry = &items[0].entry;
    check(&bundle, chain_id, account, entry, is_complete).unwrap();
    let changed = |salt: Option<quancheng_proof::Salt>| {
        let mut openings = bundle.openings.to_vec();
        let mut items = openings[0].items.to_vec();
        items[0].salt = salt;
        openings[0].items = List::new(items).unwrap();
        Bundle { openings: List::new(openings).unwrap(), ..bundle.clone() }
    };
    let other = quancheng_proof::ManifestEntry { size: entry.size + 1, ..entry.clone() };
    let forged = Bundle { header: quancheng_types::Header { time_ms: 7, ..bundle.header }, ..bundle.clone() };
    for (result, why) in [
        (check(&bundle, ChainId::default(), account, entry, is_complete), "chain"),
        (check(&bundle, chain_id, AccountId::default(), entry, is_complete), "account"),
        (check(&bundle, chain_id, account, &other, is_complete), "name or content"),
        (check(&changed(None), chain_id, account, entry, is_complete), "no salt"),
        (
            check(&changed(Some(quancheng_proof::Salt(Digest([7; 32])))), chain_id, account, entry, is_complete),
            "salt does not fit",
        ),
        (check(&bundle, chain_id, account, entry, !is_complete), "--complete"),
        (
            check(&Bundle { openings: List::empty(), ..bundle.clone() }, chain_id, account, entry, is_complete),
            "one batch",
        ),
        (check(&forged, chain_id, account, entry, is_complete), "required quorum"),
    ] {
        let told = result.expect_err(why);
        assert!(told.contains(why), "{why}: {told}");
    }
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
        (Exit::Refused, json!({ "id": "a", "outcome": { "kind": "refused" }, "proven": true }), false),
        // One node's word.
        (Exit::Refused, json!({ "id": "a", "outcome": { "kind": "refused" } }), true),
        (Exit::Refused, json!({ "id": "a", "stage": "expired", "voices": said_by(&["x"]) }), true),
        (Exit::Refused, json!({ "id": "a", "stage": "expired", "voices": said_by(&["x", "y"]) }), false),
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
            // What is refused for good has no bundle to come.
            let is_final = fault.data.as_ref().is_some_and(|data| data["proven"] == json!(true));
            let finish = format!("evidence finish {}", kept.display());
            assert!(hint.contains(&kept.display().to_string()) && hint.contains(&finish) != is_final, "{hint}");
        }
    }
}
