//! Any bytes as lists, bytes and texts with a limit: no panic, one spelling, and never more than the limit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::codec::encode;
use quancheng_types::{Bytes, List, Text, decode};

/// Limit of every kind.
const MAX: u32 = 16;
/// Bytes looked at.
const BYTES_MAX: u32 = 4096;

fuzz_target!(|data: &[u8]| {
    if let Ok(list) = decode::<List<Option<u16>, MAX>>(data, BYTES_MAX) {
        assert!(list.len() <= MAX as usize);
        assert_eq!(encode(&list), data);
    }
    if let Ok(list) = decode::<List<Text<MAX>, MAX>>(data, BYTES_MAX) {
        assert!(list.len() <= MAX as usize);
        assert!(list.iter().all(|text| text.len() <= MAX as usize));
        assert_eq!(encode(&list), data);
    }
    if let Ok(bytes) = decode::<Bytes<MAX>>(data, BYTES_MAX) {
        assert!(bytes.len() <= MAX as usize);
        assert_eq!(encode(&bytes), data);
    }
});
