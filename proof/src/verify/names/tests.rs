use proptest::prelude::*;
use quancheng_types::merkle::Path;
use quancheng_types::{Digest, List};

use super::*;
use crate::commitment::{ItemOpening, ManifestEntry, RelativePath};

fn opening(paths: &[String]) -> ItemsOpening {
    let item = |(index, path): (u64, &String)| {
        let path = RelativePath::new(path.as_str()).expect("relative");
        let entry = ManifestEntry { path, size: 1, sha256: Digest::ZERO, sm3: Digest::ZERO, mime: None };
        ItemOpening { entry, salt: None, path: Path { index, size: 9, siblings: List::empty() } }
    };
    ItemsOpening { claim: 0, call: 0, items: List::new((0..).zip(paths).map(item).collect()).expect("a few") }
}

fn file(name: &str) -> FileDigests {
    FileDigests { name: name.to_owned(), size: 1, sha256: Digest::ZERO, sm3: Digest::ZERO, place: None, same_as: None }
}

/// Whether some way serves each path, by trying all: the first path takes each file that fits it in turn.
fn some_way(paths: &[String], files: &[String]) -> bool {
    let Some((path, rest)) = paths.split_first() else { return true };
    let path: Vec<&str> = path.split('/').collect();
    (0..files.len()).filter(|at| fit(&parts(&files[*at]), &path).is_some()).any(|at| {
        let mut left = files.to_vec();
        left.remove(at);
        some_way(rest, &left)
    })
}

fn agree(paths: &[String], files: &[String]) -> bool {
    let given: Vec<FileDigests> = files.iter().map(|name| file(name)).collect();
    let named = Named::Listed { places: Vec::new() };
    let given: Vec<(&FileDigests, &Named)> = given.iter().map(|file| (file, &named)).collect();
    all_named(&opening(paths), &given) == some_way(paths, files)
}

#[test]
fn files_of_more_names_choose_first() {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (paths, files, expected) in [
        (&["d/f", "f"][..], &["f", "e/f"][..], true),
        (&["d/f", "f"], &["d/f", "g"], false),
        (&["a/b/x", "b/x", "x"], &["x", "b/x", "c/a/b/x"], true),
        (&["a/x", "b/x"], &["x", "x"], true),
        (&["a/x", "b/x"], &["a/x", "c/x"], false),
    ] {
        assert_eq!(some_way(&texts(paths), &texts(files)), expected, "{paths:?} {files:?}");
        assert!(agree(&texts(paths), &texts(files)), "{paths:?} {files:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// An honest, complete set of files is never called incomplete because of the order in which they choose.
    #[test]
    fn no_other_way_to_share_files_out_serves_more_entries(
        paths in prop::collection::vec("[ab](/[ab]){0,3}", 1..6),
        files in prop::collection::vec("[ab](/[ab]){0,3}", 1..7),
    ) {
        prop_assert!(agree(&paths, &files));
    }
}
