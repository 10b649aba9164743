//! Any bytes as a checkpoint file: no panic, and what is accepted reads back with the same fingerprint.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_proof::Checkpoint;

fuzz_target!(|data: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::from_json(data) {
        let again = Checkpoint::from_json(checkpoint.to_json().as_bytes());
        assert_eq!(again.as_ref().map(Checkpoint::fingerprint), Ok(checkpoint.fingerprint()));
        assert_eq!(again, Ok(checkpoint));
    }
});
