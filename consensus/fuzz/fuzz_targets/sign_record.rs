//! Any bytes as a sign record, and any content under a checksum that holds: no panic, one spelling for each record.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_consensus::SignRecord;
use quancheng_types::{ChainId, Digest, PublicKey, SigningKey, hash};

const CHAIN: ChainId = ChainId(Digest([1; 32]));

static KEY: LazyLock<PublicKey> = LazyLock::new(|| SigningKey::from_seed([2; 32]).public_key());
/// Everything before the checksum of a fresh record: magic, length, chain, key, floor, nothing signed.
static FRESH: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = SignRecord::fresh(CHAIN, *KEY).encode();
    bytes.truncate(bytes.len() - 32);
    bytes
});

fuzz_target!(|data: &[u8]| {
    // As it is; with a checksum; and the end of a record behind the chain and key that the reader expects.
    let near = [&FRESH[..10 + 32 + 33], data].concat();
    let mut measured = near.clone();
    let body_bytes = u16::try_from(measured.len() - 10).unwrap_or(u16::MAX);
    measured[8..10].copy_from_slice(&body_bytes.to_le_bytes());
    check(data);
    for content in [data, &near, &measured] {
        let sum = hash::sha256(&[b"quancheng/sign-record/1", content]);
        check(&[content, sum.as_bytes()].concat());
    }
});

fn check(bytes: &[u8]) {
    if let Ok(record) = SignRecord::decode(bytes, &CHAIN, &KEY) {
        assert_eq!(record.encode(), bytes, "two spellings of one record");
    }
}
