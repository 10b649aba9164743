//! Any bytes as a signed batch: no panic, one spelling for each value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::SignedBatch;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = SignedBatch::decode(data) {
        assert_eq!(value.encode(), data, "two spellings of one value");
        let _ = value.is_consistent();
    }
});
