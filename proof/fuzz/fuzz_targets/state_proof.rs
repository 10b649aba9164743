//! Any bytes as a proof about the state: no panic, one spelling, and never both that a key is there and that it is not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_proof::state_proof::StateRoot;
use quancheng_proof::{StateProof, state_proof};
use quancheng_types::codec::encode;
use quancheng_types::{Height, decode};

/// A kept key, and a derived one.
const KEYS: [&[u8]; 2] = [&[0, 9, 0, 1, 7], &[0, 9, 0x80, 1, 7]];
const VALUE: &[u8] = b"value";
/// More than the greatest proof.
const BYTES_MAX: u32 = 64 * 1024;

fuzz_target!(|data: &[u8]| {
    // As it is; and about keys and a value that are known, so that mutations reach the checks behind those of key and value.
    let known = KEYS.map(|key| [state_proof::key_hash(key).as_bytes().as_slice(), data].concat());
    for bytes in [data, &known[0], &known[1]] {
        let Ok(mut proof) = decode::<StateProof>(bytes, BYTES_MAX) else {
            continue;
        };
        assert_eq!(encode(&proof), bytes, "two spellings of one proof");
        check(&proof);
        if let state_proof::Terminal::Leaf { holding, .. } = &mut proof.terminal {
            holding.value_hash = Some(state_proof::value_hash(VALUE));
            let version = holding.version;
            check(&proof);
            proof.key_hash = state_proof::version_hash(KEYS[0], version);
            check(&proof);
        }
    }
});

fn check(proof: &StateProof) {
    let hash = proof.root().unwrap_or_default();
    for key in KEYS {
        for (root_height, at) in [(0, 0), (9, 0), (9, 5), (9, 9), (9, 10), (u64::MAX, 5), (u64::MAX, u64::MAX)] {
            let (root, at) = (StateRoot { height: Height(root_height), hash }, Height(at));
            let there = proof.verify(&root, key, Some(VALUE), at);
            let absent = proof.verify(&root, key, None, at);
            assert!(there.is_err() || absent.is_err(), "a key is there and is not");
            for span in there.iter().chain(&absent) {
                assert!(span.since <= at && at <= root.height && span.until.is_none_or(|until| at < until));
            }
            assert!(there.is_err() || proof.holding().is_some());
        }
    }
}
