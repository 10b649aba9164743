//! Any bytes as a signed transaction: no panic, one spelling for each value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::SignedTransaction;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = SignedTransaction::decode(data) {
        assert_eq!(value.encode(), data, "two spellings of one value");
        let _ = value.check(&value.body.chain_id);
    }
});
