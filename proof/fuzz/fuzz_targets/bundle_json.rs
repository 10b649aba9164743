//! Any text inside the frame of the readable form: what is read says the same when it is written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_proof::Bundle;

fuzz_target!(|data: &[u8]| {
    let framed = [br#"{"format":"quancheng-bundle","version":1,"bundle":"#, data, b"}"].concat();
    for text in [data, &framed] {
        if let Ok(bundle) = Bundle::from_json(text) {
            assert_eq!(Bundle::from_json(bundle.to_json().as_bytes()).as_ref(), Ok(&bundle));
            assert_eq!(Bundle::from_borsh(&bundle.encode()), Ok(bundle));
        }
    }
});
