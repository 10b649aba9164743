//! Both forms of a bundle, and the checkpoint file.

use quancheng_proof::checkpoint::CHECKPOINT_JSON_BYTES_MAX;
use quancheng_proof::{Bundle, BundleError, Checkpoint, CheckpointError};
use quancheng_types::DecodeError;

use crate::fixtures::cases::groups;
use crate::fixtures::{LAST, NOTARIZED, PLACE, World, registration_key};

#[test]
fn every_valid_bundle_survives_both_forms_unchanged() {
    for (group, cases) in groups().into_iter().filter(|(group, _)| *group != "malformed") {
        for case in cases {
            let Ok(bundle) = Bundle::decode(&case.bundle) else {
                assert_eq!(case.code, "bundle_version", "{group}/{}", case.name);
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
    let bomb = format!("{{\"format\":\"quancheng-bundle\",\"version\":1,\"x\":[{}0]}}", "0,".repeat(1024 * 1024));
    let refused = Bundle::decode(bomb.as_bytes()).unwrap_err();
    assert!(matches!(refused, BundleError::TooMany { part: "values in the JSON form", .. }), "{refused}");
    let deep = format!("{{\"format\":{}", "[".repeat(100_000));
    assert!(matches!(Bundle::decode(deep.as_bytes()), Err(BundleError::Json { .. })));
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
    let (leaf, path) = world.leaf(NOTARIZED, LAST);
    let proof = crate::fixtures::state_proof(&world.states[&NOTARIZED], &[1]);
    let long = world.builder(LAST).state(leaf, path, vec![1; 257], None, proof);
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
