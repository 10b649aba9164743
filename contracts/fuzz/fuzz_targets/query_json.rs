//! Any text as a query of any module over an empty state, and any bytes as a key and a value of the state: no panic.
//!
//! The first byte chooses the module, so that one corpus serves all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_contracts::{MODULES, describe_entry, query};
use quancheng_state::StateKey;
use quancheng_state::view::EmptyView;

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let module = MODULES[usize::from(*choice) % MODULES.len()];
    // The bytes of a state key come from bundles and paths of requests.
    if let Some(key) = StateKey::from_bytes(text.to_vec()) {
        let _ = describe_entry(&key, None);
        let _ = describe_entry(&key, Some(text));
    }
    let Ok(json) = serde_json::from_slice(text) else {
        return;
    };
    let _ = query(&EmptyView, module.name(), json);
});
