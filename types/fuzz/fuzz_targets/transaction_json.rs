//! Any text as the JSON of a signed transaction: no panic, and what is accepted has one canonical spelling.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_types::{ChainId, SignedTransaction};

fuzz_target!(|data: &[u8]| {
    let Ok(transaction) = serde_json::from_slice::<SignedTransaction>(data) else {
        return;
    };
    // JSON has no limit on the whole: bytes above the limit of a transaction must be refused, never accepted as another.
    if let Ok(again) = SignedTransaction::decode(&transaction.encode()) {
        assert_eq!(again, transaction);
    }
    let text = serde_json::to_vec(&transaction).expect("what was read can be written");
    let again = serde_json::from_slice::<SignedTransaction>(&text);
    assert_eq!(again.ok().map(|again| again.id()), Some(transaction.id()));
    let _ = transaction.check_form(&ChainId::default());
    let _ = transaction.check(&ChainId::default());
});
