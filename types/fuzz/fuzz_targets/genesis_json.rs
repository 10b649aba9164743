//! Any text as the JSON of a genesis: no panic, and what is accepted keeps its meaning in both forms.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::Genesis;

fuzz_target!(|data: &[u8]| {
    let Ok(genesis) = serde_json::from_slice::<Genesis>(data) else {
        return;
    };
    let text = serde_json::to_vec(&genesis).expect("what was read can be written");
    let again = serde_json::from_slice::<Genesis>(&text);
    assert_eq!(again.as_ref().ok(), Some(&genesis));
    if genesis.validate().is_ok() {
        let bytes = genesis.encode();
        assert_eq!(Genesis::decode(&bytes).as_ref(), Ok(&genesis));
        assert_eq!(again.ok().map(|again| again.chain_id()), Some(genesis.chain_id()));
    }
});
