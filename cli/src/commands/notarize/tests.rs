use quancheng_proof::commitment::MediaType;

use super::*;
use crate::text::Lang;

fn entries(dir: &Path, files: &[(&str, &str)]) -> Vec<SaltedEntry> {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let found = files::collect(&[], &[dir.to_owned()]).unwrap();
    found.files.iter().map(|file| items::entry(file, &Bar::hidden()).unwrap()).collect()
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
    let path = salts::path_of(&dir.path().join("x.bundle"));
    SaltsFile::new(TransactionId::default(), false, &before).write(&path).unwrap();
    let (id, after) = SaltsFile::read(&path).unwrap().trees().unwrap();
    assert_eq!(id, TransactionId::default());
    let commitments = |trees: &[BatchTree]| trees.iter().map(BatchTree::commitment).collect::<Vec<_>>();
    assert_eq!(commitments(&after), commitments(&before));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "salts are for their owner only");
    // One batch is written as it always was.
    let one = SaltsFile::new(TransactionId::default(), false, &before[..1]);
    assert!(!serde_json::to_string(&one).unwrap().contains("more"));
}

#[test]
fn bundles_and_salts_are_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.bundle");
    outputs::fresh(&out).unwrap();
    std::fs::write(&out, "a bundle").unwrap();
    assert_eq!(outputs::fresh(&out).unwrap_err().code, "BUNDLE_EXISTS");
    std::fs::write(salts::path_of(&out), "{}").unwrap();
    assert_eq!(outputs::fresh(&out).unwrap_err().code, "UNFINISHED");
    assert_eq!(outputs::fresh(&dir.path().join("none/x.bundle")).unwrap_err().code, "NO_FOLDER");
}

#[test]
fn bundles_of_single_files_do_not_share_a_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a")).unwrap();
    let items = entries(dir.path(), &[("a/b", "1"), ("a_b", "2")]);
    assert_eq!(outputs::of_each(Some(dir.path()), items).unwrap_err().code, "SAME_NAME");
    let items = entries(dir.path(), &[("c", "3")]);
    let (todo, done) = outputs::of_each(None, items).unwrap();
    assert_eq!((todo.len(), done.len()), (3, 0));
    assert!(todo.iter().all(|(_, out)| out.is_none()));
}

#[test]
fn salts_go_only_when_nothing_can_have_been_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("x.bundle.salts.json"), dir.path().join("x.bundle"));
    let clock = say!("核对时钟。", "Check the clock.");
    let cases = [
        (Exit::Refused, json!({ "id": "a", "admitted": false }), false),
        (Exit::Refused, json!({ "id": "a", "outcome": { "kind": "refused" } }), false),
        // Another endpoint may have taken it before it failed.
        (Exit::Refused, json!({ "id": "a" }), true),
        (Exit::Timeout, json!({ "id": "a", "stage": "admitted" }), true),
    ];
    for (exit, data, are_kept) in cases {
        std::fs::write(&path, "{}").unwrap();
        let fault = salts::kept(Fault::new(exit, "X", clock.clone()).hint(clock.clone()).data(data), &path, &out);
        assert_eq!(path.exists(), are_kept);
        for (lang, words) in [(Lang::Zh, "核对时钟。"), (Lang::En, "Check the clock.")] {
            let hint = fault.hint.as_ref().unwrap().words(lang).to_owned();
            assert!(hint.starts_with(words), "{hint}");
            assert_eq!(hint.contains("evidence finish"), are_kept, "{hint}");
        }
    }
}
