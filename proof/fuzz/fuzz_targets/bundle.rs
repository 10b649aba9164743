//! Any bytes as a bundle in either form: no panic, one spelling for each bundle, no MATCH for what nobody signed.
//!
//! The checkpoint is of a chain of which no bundle exists, so the published vectors make a good corpus.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_proof::{Bundle, Checkpoint, FileDigests, verify};

static CHECKPOINT: LazyLock<Checkpoint> =
    LazyLock::new(|| Checkpoint::from_json(include_bytes!("../checkpoint.json")).expect("a checkpoint file"));

fuzz_target!(|data: &[u8]| {
    // The frame is put before every other input, so that mutations reach the content.
    let framed = [b"QCBUNDLE\x01\x00", data].concat();
    for bytes in [data, &framed] {
        if let Ok(bundle) = Bundle::decode(bytes) {
            let (compact, readable) = (bundle.encode(), bundle.to_json());
            assert!(bytes == compact || bytes.trim_ascii_start().starts_with(b"{"));
            assert_eq!(Bundle::from_borsh(&compact).as_ref(), Ok(&bundle));
            assert_eq!(Bundle::from_json(readable.as_bytes()), Ok(bundle));
        }
        let given = FileDigests { name: "x".to_owned(), size: 0, sha256: Default::default(), sm3: Default::default(), place: None, same_as: None };
        let report = verify(bytes, &CHECKPOINT, &[given]);
        assert_ne!(report.exit_code(), 0, "a match that nobody signed");
        assert!(!report.findings.is_empty());
    }
});
