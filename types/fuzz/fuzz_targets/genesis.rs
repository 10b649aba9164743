//! Any bytes as a genesis: no panic, one spelling for each value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::Genesis;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = Genesis::decode(data) {
        assert_eq!(value.encode(), data, "two spellings of one value");
        assert_eq!(value.validate(), Ok(()), "decoding validates");
    }
});
