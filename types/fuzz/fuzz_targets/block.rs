//! Any bytes as a block: no panic, one spelling for each value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::Block;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = Block::decode(data) {
        assert_eq!(value.encode(), data, "two spellings of one value");
        let _ = value.is_consistent();
    }
});
