use proptest::prelude::*;
use quancheng_types::codec::{decode, encode};
use quancheng_types::merkle::Path;
use quancheng_types::{Bytes, Call, Digest, ModuleId};

use super::*;

fn entry(path: &str) -> ManifestEntry {
    let path = RelativePath::new(path).unwrap();
    ManifestEntry { path, size: 5, sha256: Digest([1; 32]), sm3: Digest([2; 32]), mime: None }
}

fn items(count: u8) -> Vec<SaltedEntry> {
    (0..count).map(|i| SaltedEntry { salt: Salt(Digest([i; 32])), entry: entry(&format!("{i}.txt")) }).collect()
}

#[test]
fn paths_that_name_a_place_on_a_machine_or_hide_something_are_refused() {
    for (path, expected) in [
        ("", Err(PathError::Name)),
        (".", Err(PathError::Name)),
        ("a//b", Err(PathError::Name)),
        ("a/", Err(PathError::Name)),
        ("a/../b", Err(PathError::Name)),
        ("./a", Err(PathError::Name)),
        ("..", Err(PathError::Name)),
        ("/a", Err(PathError::Absolute)),
        ("C:/a", Err(PathError::Absolute)),
        ("c:a", Err(PathError::Absolute)),
        ("a\\b", Err(PathError::Character)),
        ("a\nb", Err(PathError::Character)),
        ("a\0", Err(PathError::Character)),
        ("a\u{202E}txt.exe", Err(PathError::Character)),
        ("...", Ok(())),
        (".hidden/文件 1.pdf", Ok(())),
        ("a:b", Err(PathError::Absolute)),
        ("ab:c", Ok(())),
    ] {
        assert_eq!(RelativePath::new(path).map(drop), expected, "{path:?}");
    }
    let max = usize::try_from(PATH_BYTES_MAX).unwrap();
    assert!(RelativePath::new("a".repeat(max)).is_ok());
    assert_eq!(RelativePath::new("a".repeat(max + 1)).map(drop), Err(PathError::TooLong));
}

#[test]
fn media_types_follow_the_rfc() {
    for good in ["text/plain", "application/vnd.ms-excel", "image/svg+xml"] {
        assert_eq!(MediaType::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "text", "text/", "/plain", "text/plain; charset=utf-8", "text/pl ain", "a/b/c", "文/本", "-a/b"] {
        assert_eq!(MediaType::new(bad).map(drop), Err(MediaTypeError), "{bad}");
    }
    assert!(MediaType::new(format!("a/{}", "b".repeat(126))).is_err());
}

/// What the constructor refuses does not come in through a decoder either.
#[test]
fn decoders_apply_the_same_rules() {
    let good = encode(&entry("abc"));
    assert_eq!(decode::<ManifestEntry>(&good, 1024).unwrap(), entry("abc"));
    let mut bad = good.clone();
    bad[4..7].copy_from_slice(b"../");
    assert!(decode::<ManifestEntry>(&bad, 1024).is_err());
    let json = serde_json::to_string(&entry("abc")).unwrap();
    assert_eq!(serde_json::from_str::<ManifestEntry>(&json).unwrap(), entry("abc"));
    assert!(serde_json::from_str::<ManifestEntry>(&json.replace("abc", "/bc")).is_err());
}

/// Fixed for ever: the evidence contract, command line tool and other verifiers must agree on these bytes.
#[test]
fn golden_commitment() {
    let entry = ManifestEntry { mime: Some(MediaType::new("text/plain").unwrap()), ..entry("目录/a.txt") };
    assert_eq!(
        hex::encode(encode(&entry)),
        concat!(
            "0c000000e79baee5bd952f612e747874",
            "0500000000000000",
            "0101010101010101010101010101010101010101010101010101010101010101",
            "0202020202020202020202020202020202020202020202020202020202020202",
            "010a000000746578742f706c61696e",
        )
    );
    let salt = Salt(Digest([3; 32]));
    assert_eq!(item_commitment(&salt, &entry).to_string(), GOLDEN_COMMITMENT);
    let tree = BatchTree::new(items(5), true).unwrap();
    assert_eq!(hex::encode(encode(&tree.commitment())), GOLDEN_BATCH);
}

/// Both computed by a few lines of another language, straight from the text at the head of the module.
const GOLDEN_COMMITMENT: &str = "3261613223bb19054cf6a5d2ab44916f67bd5361ce7967b408f2c13102562edd";
const GOLDEN_BATCH: &str = "6c66e34facb36f788067524d038272e48d7dc01899fb763e574875df9da4a36c05000000190000000000000001";

#[test]
fn every_opening_leads_to_the_root_and_is_the_path_of_the_definition() {
    for count in 1..20_u8 {
        let tree = BatchTree::new(items(count), false).unwrap();
        let leaves: Vec<Digest> = tree.items().iter().map(|i| item_leaf(&item_commitment(&i.salt, &i.entry))).collect();
        let openings = tree.openings();
        assert_eq!(openings.len(), usize::from(count));
        for (index, opening) in (0_u32..).zip(&openings) {
            assert_eq!(Some(opening), tree.opening(index).as_ref());
            assert_eq!(Some(&opening.path), Path::of(&leaves, index.into()).as_ref());
            assert_eq!(opening.root(), Some(tree.commitment().root));
            assert_eq!(ItemOpening { salt: None, ..opening.clone() }.root(), None);
        }
        assert!(tree.opening(count.into()).is_none());
    }
}

#[test]
fn what_makes_no_batch_is_refused() {
    assert_eq!(BatchTree::new(Vec::new(), false).unwrap_err(), CommitmentError::Empty);
    let max = usize::try_from(ITEMS_MAX).unwrap();
    let many = vec![items(1).remove(0); max + 1];
    assert_eq!(BatchTree::new(many, false).unwrap_err(), CommitmentError::TooMany { count: max + 1 });
    let mut huge = items(2);
    huge[0].entry.size = u64::MAX;
    assert_eq!(BatchTree::new(huge, false).unwrap_err(), CommitmentError::TooManyBytes);
    let twice = [items(2), items(1)].concat();
    assert_eq!(BatchTree::new(twice.clone(), true).unwrap_err(), CommitmentError::RepeatedPath { index: 2 });
    assert_eq!(BatchTree::new(twice, false).unwrap().commitment().count, 3);
}

#[test]
fn a_commitment_is_found_only_where_the_contract_puts_it() {
    let commitment = BatchTree::new(items(2), true).unwrap().commitment();
    let call = |module, payload: Vec<u8>| Call { module: ModuleId(module), payload: Bytes::new(payload).unwrap() };
    let payload = [vec![NOTARIZE_CALL], encode(&commitment), vec![9]].concat();
    assert_eq!(notarized(&call(10, payload.clone())), Some(commitment));
    assert_eq!(notarized(&call(9, payload.clone())), None);
    assert_eq!(notarized(&call(10, payload[..20].to_vec())), None);
    assert_eq!(notarized(&call(10, Vec::new())), None);
    assert_eq!(notarized(&call(10, [vec![1], encode(&commitment)].concat())), None);
    for count in [0, ITEMS_MAX + 1] {
        let commitment = BatchCommitment { count, ..commitment };
        assert_eq!(notarized(&call(10, [vec![0], encode(&commitment)].concat())), None);
    }
    let value = [encode(&commitment), vec![9]].concat();
    let key = |prefix: [u8; 4]| [&prefix, commitment.root.as_bytes().as_slice()].concat();
    assert_eq!(recorded(&key([0, 10, 0, 1]), &value), Some(commitment));
    assert_eq!(recorded(&key([0, 10, 0, 1]), &value[..10]), None);
    for prefix in [[0, 10, 0, 2], [0, 9, 0, 1], [10, 0, 1, 0]] {
        assert_eq!(recorded(&key(prefix), &value), None, "{prefix:?}");
    }
    // A record is filed under its root.
    let other = [&[0, 10, 0, 1][..], &[5; 32]].concat();
    for key in [&other[..], &key([0, 10, 0, 1])[..35], &[0, 10, 0, 1], &[0, 10, 0], &[]] {
        assert_eq!(recorded(key, &value), None, "{key:?}");
    }
}

proptest! {
    #[test]
    fn any_accepted_path_reads_back_and_stays_below(path in "\\PC{0,40}") {
        if let Ok(checked) = RelativePath::new(path.clone()) {
            prop_assert_eq!(checked.as_str(), &path);
            prop_assert_eq!(decode::<RelativePath>(&encode(&checked), 1024).unwrap(), checked);
            prop_assert!(!path.starts_with('/') && path.split('/').all(|name| !name.is_empty() && name != ".."));
        }
    }
}
