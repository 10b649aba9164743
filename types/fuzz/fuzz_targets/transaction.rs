//! Any bytes as a signed transaction: no panic, one spelling for each value, and a seal that says what it holds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::{SealedTransaction, SignedTransaction, merkle};

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = SignedTransaction::decode(data) {
        assert_eq!(value.encode(), data, "two spellings of one value");
        let sealed = SealedTransaction::decode(data).expect("as without a seal");
        assert_eq!((sealed.id(), sealed.leaf()), (value.id(), merkle::leaf_hash(data)), "a seal of something else");
        let _ = value.check(&value.body.chain_id);
    }
});
