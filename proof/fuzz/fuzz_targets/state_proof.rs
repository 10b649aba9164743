//! Any bytes as a proof about the state: no panic, one spelling, and never both that a key is there and that it is not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_proof::{StateProof, state_proof};
use quancheng_types::codec::encode;
use quancheng_types::decode;

const KEY: &[u8] = b"key";
const VALUE: &[u8] = b"value";
/// More than the greatest proof.
const BYTES_MAX: u32 = 64 * 1024;

fuzz_target!(|data: &[u8]| {
    // As it is; and about a key and a value that are known, so that mutations reach the checks behind those of key and value.
    let known = [state_proof::key_hash(KEY).as_bytes().as_slice(), data].concat();
    for bytes in [data, &known] {
        let Ok(mut proof) = decode::<StateProof>(bytes, BYTES_MAX) else {
            continue;
        };
        assert_eq!(encode(&proof), bytes, "two spellings of one proof");
        check(&proof);
        if let state_proof::Terminal::Leaf { value_hash, .. } = &mut proof.terminal {
            *value_hash = state_proof::value_hash(VALUE);
            check(&proof);
        }
    }
});

fn check(proof: &StateProof) {
    let root = proof.root().unwrap_or_default();
    let is_there = proof.verify_inclusion(&root, KEY, VALUE).is_ok();
    let is_absent = proof.verify_absence(&root, KEY).is_ok();
    assert!(!(is_there && is_absent), "a key is there and is not");
    assert!(!is_there || proof.claims_inclusion());
}
