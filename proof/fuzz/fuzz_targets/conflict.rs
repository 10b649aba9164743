//! Any two bundles against each other: no panic, and no fork of a chain that nobody signed for.
//!
//! The first two bytes say where the first bundle ends.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_proof::{Bundle, Checkpoint, conflict};

static CHECKPOINT: LazyLock<Checkpoint> =
    LazyLock::new(|| Checkpoint::from_json(include_bytes!("../checkpoint.json")).expect("a checkpoint file"));

fuzz_target!(|data: &[u8]| {
    let Some((split, bytes)) = data.split_first_chunk::<2>() else {
        return;
    };
    let split = usize::from(u16::from_le_bytes(*split)).min(bytes.len());
    let (first, second) = bytes.split_at(split);
    let framed = |content: &[u8]| Bundle::decode(&[b"QCBUNDLE\x01\x00", content].concat());
    let (Ok(first), Ok(second)) = (framed(first), framed(second)) else {
        return;
    };
    assert!(conflict(&first, &second, &CHECKPOINT).is_err(), "nobody signed");
    assert!(conflict(&first, &first, &CHECKPOINT).is_err(), "nobody signed");
});
