//! Any payload as a call or event of any module: no panic, one spelling for each call, and what does not decode is refused.
//!
//! The first byte chooses the module, so that one corpus serves all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_contracts::{MODULES, check_call, decode_call, encode_call};
use quancheng_types::{Bytes, Call, Parameters};

fuzz_target!(|data: &[u8]| {
    let Some((choice, payload)) = data.split_first() else {
        return;
    };
    let module = MODULES[usize::from(*choice) % MODULES.len()];
    let _ = module.event_to_json(payload);
    let Ok(payload) = Bytes::new(payload.to_vec()) else {
        return;
    };
    let call = Call { module: module.id(), payload };
    let verdict = check_call(&call, &Parameters::default());
    match decode_call(&call) {
        Ok(json) => {
            let again = encode_call(module.name(), json);
            assert_eq!(again.as_ref().ok(), Some(&call), "two spellings of one call");
        }
        Err(_) => assert!(verdict.is_err(), "a call that cannot be shown was admitted"),
    }
});
