//! Any text as the JSON of a call of any module: no panic, and what becomes a call reads back as the same call.
//!
//! The first byte chooses the module, so that one corpus serves all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_contracts::{MODULES, check_call, decode_call, encode_call};
use quancheng_types::Parameters;

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let Ok(json) = serde_json::from_slice(text) else {
        return;
    };
    let module = MODULES[usize::from(*choice) % MODULES.len()];
    let Ok(call) = encode_call(module.name(), json) else {
        return;
    };
    let _ = check_call(&call, &Parameters::default());
    let again = decode_call(&call).expect("a call that was just made can be shown");
    let again = encode_call(module.name(), again);
    assert_eq!(again.ok(), Some(call), "two spellings of one call");
});
