//! Both forms of a bundle, and the checkpoint file.

use quancheng_proof::bundle::{
    BUNDLE_BYTES_MAX, BUNDLE_JSON_BYTES_MAX, BUNDLE_JSON_SEPARATORS_MAX, CLAIMS_MAX, OPENINGS_MAX,
};
use quancheng_proof::checkpoint::CHECKPOINT_JSON_BYTES_MAX;
use quancheng_proof::commitment::{ITEMS_MAX, RelativePath};
use quancheng_proof::{Bundle, BundleError, Checkpoint, CheckpointError, Claim};
use quancheng_proof::{ItemOpening, ItemsOpening, ManifestEntry};
use quancheng_types::merkle::Path;
use quancheng_types::{Bytes, DecodeError, Digest, List, codec};

use crate::fixtures::cases::groups;
use crate::fixtures::{LAST, NOTARIZED, PLACE, World, entry_key, list, registration_key};

#[test]
fn every_valid_bundle_survives_both_forms_unchanged() {
    for (group, cases) in groups().into_iter().filter(|(group, _)| *group != "malformed") {
        for case in cases {
            let Ok(bundle) = Bundle::decode(&case.bundle) else {
                assert!(["bundle_version", "bundle_marked"].contains(&case.code), "{group}/{}", case.name);
                continue;
            };
            let (compact, readable) = (bundle.encode(), bundle.to_json());
            assert_eq!(Bundle::from_borsh(&compact).as_ref(), Ok(&bundle), "{group}/{}", case.name);
            assert_eq!(Bundle::from_json(readable.as_bytes()).as_ref(), Ok(&bundle), "{group}/{}", case.name);
            assert_eq!(Bundle::decode(format!(" \n{readable}").as_bytes()), Ok(bundle), "{group}/{}", case.name);
        }
    }
}

#[test]
fn the_readable_form_may_be_compact_and_in_another_order() {
    let bundle = World::new("泉城链", None).notarization();
    let value: serde_json::Value = serde_json::from_str(&bundle.to_json()).unwrap();
    // A `Value` prints its fields in another order and without white space; this escapes what is not ASCII.
    let escaped: String = value
        .to_string()
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
        .collect();
    assert_eq!(Bundle::from_json(value.to_string().as_bytes()), Ok(bundle.clone()));
    assert_eq!(Bundle::from_json(escaped.as_bytes()), Ok(bundle));
}

#[test]
fn errors_name_the_place() {
    let bundle = World::new("泉城链", None).notarization();
    let bytes = bundle.encode();
    let cut = Bundle::decode(&bytes[..100]).unwrap_err();
    assert!(matches!(cut, BundleError::Decode(DecodeError::Malformed { offset: 10..=100, .. })), "{cut}");
    let long = Bundle::decode(&[bytes, vec![0; 3]].concat()).unwrap_err();
    assert_eq!(long, BundleError::Decode(DecodeError::Trailing { bytes: 3 }));
    let text = bundle.to_json().replacen("\"round\": 0", "\"round\": -1", 1);
    let line = Bundle::decode(text.as_bytes()).unwrap_err();
    assert!(matches!(line, BundleError::Json { line: 2.., .. }), "{line}");
}

/// A text of many small values is refused before any of them takes memory.
#[test]
fn a_json_bomb_is_refused_by_count() {
    let bomb = format!("{{\"format\":\"quancheng-bundle\",\"version\":1,\"x\":[{}0]}}", "0,".repeat(2 * 1024 * 1024));
    let refused = Bundle::decode(bomb.as_bytes()).unwrap_err();
    assert!(matches!(refused, BundleError::TooMany { part: "values in the JSON form", .. }), "{refused}");
    let deep = format!("{{\"format\":{}", "[".repeat(100_000));
    assert!(matches!(Bundle::decode(deep.as_bytes()), Err(BundleError::TooMany { max: 64, .. })));
    // Nothing that recurses sees a text of two million brackets, whatever version it says it is of.
    for version in [1, 2] {
        let deep = format!("{{\"format\":\"quancheng-bundle\",\"version\":{version},\"x\":{}", "[".repeat(2_000_000));
        assert!(matches!(Bundle::decode(deep.as_bytes()), Err(BundleError::TooMany { max: 64, .. })));
        let deep = deep.replace("bundle", "checkpoint").replace(&"[".repeat(2_000_000), &"[".repeat(65_000));
        assert_eq!(Checkpoint::from_json(deep.as_bytes()), Err(CheckpointError::TooManyValues));
    }
}

#[test]
fn parts_that_do_not_make_a_bundle_are_refused_by_name() {
    let world = World::new("泉城链", None);
    assert_eq!(world.builder(LAST).build(), Err(BundleError::NoClaim));
    // One height proven against two sizes of the history.
    let twice = world.claim(world.builder(LAST), LAST, NOTARIZED, PLACE);
    let twice = world.claim(twice, LAST - 1, NOTARIZED, 0);
    assert!(matches!(twice.build(), Err(BundleError::LeafConflict { .. })));
    let bundle = world.notarization();
    assert_eq!(bundle.clone().attach(world.opening()), Err(BundleError::OpeningOrder { opening: 1 }));
    let mut stranger = world.opening();
    stranger.claim = 7;
    assert_eq!(bundle.attach(stranger), Err(BundleError::NoSuchCall { opening: 1 }));
    let leaf = world.leaf_proof(NOTARIZED, LAST);
    let proof = crate::fixtures::state_proof(&world.trees[&NOTARIZED], &[1], NOTARIZED);
    let long = world.builder(LAST).state(leaf.clone(), leaf, vec![1; 257], None, proof);
    assert!(matches!(long, Err(BundleError::TooMany { part: "bytes of a state key", max: 256 })));
}

#[test]
fn too_many_claims_are_refused() {
    let world = World::new("泉城链", None);
    let mut builder = world.builder(LAST);
    for number in 0..65 {
        builder = world.claim_state(builder, LAST, NOTARIZED, &registration_key(number));
    }
    assert_eq!(builder.build(), Err(BundleError::TooMany { part: "claims", max: 64 }));
}

#[test]
fn a_checkpoint_file_reads_back() {
    let world = World::new("泉城链", None);
    for checkpoint in [world.checkpoint(), world.pinned(7)] {
        assert_eq!(Checkpoint::from_json(checkpoint.to_json().as_bytes()), Ok(checkpoint));
    }
    assert_ne!(world.pinned(7).fingerprint(), world.pinned(8).fingerprint());
    assert_ne!(world.pinned(7).fingerprint(), world.checkpoint().fingerprint());
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_refused() {
    let world = World::new("泉城链", None);
    let (genesis, pinned) = (world.checkpoint().to_json(), world.pinned(7).to_json());
    let read = |text: &str| Checkpoint::from_json(text.as_bytes()).unwrap_err();
    let other = World::new("另一条链", None).genesis.chain_id();
    let own = world.genesis.chain_id().to_string();
    assert!(matches!(read(&genesis.replace("市财政局", "市财政厅")), CheckpointError::ChainId { .. }));
    assert!(matches!(read(&genesis.replacen(&own, &other.to_string(), 1)), CheckpointError::ChainId { .. }));
    assert!(matches!(read(&pinned.replace("市财政局", "市财政厅")), CheckpointError::Validators));
    assert!(matches!(read(&pinned.replacen("quancheng-checkpoint", "x", 1)), CheckpointError::Format { .. }));
    assert!(matches!(
        read(&pinned.replacen("\"version\": 1", "\"version\": 9", 1)),
        CheckpointError::Version { found: 9 }
    ));
    assert!(matches!(read(&pinned.replacen("\"anchor\"", "\"anker\"", 1)), CheckpointError::Json { .. }));
    assert!(matches!(read("{"), CheckpointError::Json { line: 1, .. }));
    let mut unusable = world.genesis.clone();
    unusable.parameters.heartbeat_ms = 0;
    assert!(matches!(Checkpoint::from_genesis(unusable), Err(CheckpointError::Genesis(_))));
    let size = usize::try_from(CHECKPOINT_JSON_BYTES_MAX).unwrap() + 1;
    assert_eq!(Checkpoint::from_json(&vec![b' '; size]), Err(CheckpointError::TooLarge { bytes: size }));
}

fn item(path: &str, index: u64) -> ItemOpening {
    let path = RelativePath::new(path).expect("relative");
    let entry = ManifestEntry { path, size: 0, sha256: Digest::ZERO, sm3: Digest::ZERO, mime: None };
    ItemOpening { entry, salt: None, path: Path { index, size: u64::from(ITEMS_MAX), siblings: List::empty() } }
}

/// One record is one claim: three times the same would be three notarizations to whoever counts them.
#[test]
fn a_claim_stands_once() {
    let world = World::new("泉城链", None);
    let mut bundle = world.notarization();
    bundle.claims = list(vec![bundle.claims[0].clone(); 3]);
    bundle.openings = list((0..3).map(|claim| ItemsOpening { claim, ..world.opening() }).collect());
    let twice = Err(BundleError::ClaimTwice { claim: 1 });
    assert_eq!(Bundle::decode(&bundle.encode()), twice);
    assert_eq!(Bundle::decode(bundle.to_json().as_bytes()), twice);
    // What is put together twice stands once.
    let builder = world.claim(world.claim(world.builder(LAST), LAST, NOTARIZED, 0), LAST, NOTARIZED, 0);
    assert_eq!(builder.build().unwrap().claims.len(), 1);
}

/// What the compact form refuses for its size is no bundle in the other form either.
#[test]
fn the_size_of_the_compact_form_counts_in_both() {
    let world = World::new("泉城链", None);
    let mut bundle = world.claim_state(world.builder(LAST), LAST, NOTARIZED, &entry_key(1)).build().unwrap();
    let claim = |serial: u32| {
        let mut claim = bundle.claims[0].clone();
        if let Claim::State { key, .. } = &mut claim {
            *key = Bytes::new(entry_key(serial)).unwrap();
        }
        claim
    };
    bundle.claims = list((0..CLAIMS_MAX).map(claim).collect());
    let items: Vec<ItemOpening> = (0..u64::from(ITEMS_MAX)).map(|at| item(&"a".repeat(420), at)).collect();
    bundle.openings = list((0..5).map(|claim| ItemsOpening { claim, call: 0, items: list(items.clone()) }).collect());
    let (compact, readable) = (bundle.encode(), bundle.to_json());
    assert!(compact.len() > usize::try_from(BUNDLE_BYTES_MAX).unwrap());
    assert!(readable.len() < usize::try_from(BUNDLE_JSON_BYTES_MAX).unwrap());
    let too_large = Err(BundleError::TooLarge { bytes: compact.len(), max: BUNDLE_BYTES_MAX });
    assert_eq!(Bundle::decode(&compact), too_large);
    assert_eq!(Bundle::decode(readable.as_bytes()), too_large);
    bundle.openings = list((0..3).map(|claim| ItemsOpening { claim, call: 0, items: list(items.clone()) }).collect());
    assert_eq!(Bundle::decode(&bundle.encode()).as_ref(), Ok(&bundle));
    assert_eq!(Bundle::decode(bundle.to_json().as_bytes()), Ok(bundle));
}

/// The limits of the readable form hold every bundle of the compact form: the entries of a manifest, of all parts that may repeat
/// without a small bound, take most text and most separators for their compact bytes.
#[test]
fn the_limits_of_the_readable_form_are_no_stricter() {
    let world = World::new("泉城链", None);
    let mut bundle = world.claim_state(world.builder(LAST), LAST, NOTARIZED, &entry_key(1)).build().unwrap();
    let sized = |bundle: &Bundle| {
        let text = bundle.to_json();
        let separators = text.bytes().filter(|b| matches!(b, b',' | b'[' | b'{')).count();
        (bundle.encode().len(), text.len(), separators)
    };
    let (bytes, text, separators) = sized(&bundle);
    bundle.openings = list(vec![ItemsOpening {
        claim: 0,
        call: 0,
        items: list((0..u64::from(ITEMS_MAX)).map(|at| item("a", at)).collect()),
    }]);
    let (more_bytes, more_text, more_separators) = sized(&bundle);
    let per_byte = |grown: usize| grown.div_ceil((more_bytes - bytes) / 1024);
    // Growth for each KiB of compact bytes, times the KiB there may be, with a margin of a tenth.
    let kib = usize::try_from(BUNDLE_BYTES_MAX).unwrap() / 1024 * 11 / 10;
    assert!(per_byte(more_text - text) * kib < usize::try_from(BUNDLE_JSON_BYTES_MAX).unwrap());
    assert!(per_byte(more_separators - separators) * kib < usize::try_from(BUNDLE_JSON_SEPARATORS_MAX).unwrap());
    assert!(usize::try_from(OPENINGS_MAX * ITEMS_MAX).unwrap() * codec::encode(&item("a", 0)).len() > 8 * 1024 * 1024);
}

/// A checkpoint file has one spelling too.
#[test]
fn a_checkpoint_file_holds_nothing_else() {
    let world = World::new("泉城链", None);
    for checkpoint in [world.checkpoint(), world.pinned(7)] {
        let text = checkpoint.to_json();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(Checkpoint::from_json(value.to_string().as_bytes()).as_ref(), Ok(&checkpoint));
        let hex = checkpoint.chain_id().to_string();
        let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
            let mut value = value.clone();
            edit(&mut value);
            value.to_string()
        };
        let inner = if text.contains("\"genesis\": {") { "genesis" } else { "header" };
        let validators = if inner == "genesis" { "/anchor/genesis/validators" } else { "/anchor/validators" };
        for (what, text) in [
            ("unknown", edited(&|v| v["note"] = 1.into())),
            ("unknown inside", edited(&|v| v["anchor"][inner]["note"] = 1.into())),
            ("unknown in a validator", edited(&|v| v.pointer_mut(validators).unwrap()[0]["note"] = 1.into())),
            ("order", edited(&|v| v.pointer_mut(validators).unwrap().as_array_mut().unwrap().swap(0, 1))),
            ("case", text.replace(&hex, &hex.to_uppercase())),
            ("fraction", text.replacen("\"version\": 1", "\"version\": 1.0", 1)),
            ("repeated", text.replacen("\"version\": 1", "\"version\": 1, \"version\": 1", 1)),
            ("repeated inside", text.replacen("\"time_ms\":", "\"time_ms\": 1, \"time_ms\":", 1)),
            ("minus zero", text.replacen("\"version\": 1", "\"version\": -0", 1)),
            ("two texts", text.repeat(2)),
            ("mark", format!("\u{FEFF}{text}")),
        ] {
            assert!(Checkpoint::from_json(text.as_bytes()).is_err(), "{inner}: {what}");
        }
    }
    let newer = r#"{"format": "quancheng-checkpoint", "version": 2, "root": []}"#;
    assert_eq!(Checkpoint::from_json(newer.as_bytes()), Err(CheckpointError::Version { found: 2 }));
    let many = format!(r#"{{"format": "quancheng-checkpoint", "x": [{}0]}}"#, "0,".repeat(70_000));
    assert_eq!(Checkpoint::from_json(many.as_bytes()), Err(CheckpointError::TooManyValues));
}
