//! Any text as a name, a key, a signature or a hash: no panic, and what is read is written with the same meaning.

#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use quancheng_types::{
    AccountId, BatchId, BlockId, ChainId, Digest, KeyId, NodeId, PublicKey, Signature, TransactionId, ValidatorId,
};

fn check<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert!(written.parse::<T>().is_ok_and(|again| again == value), "{text} is read as {written}");
    }
}

fuzz_target!(|text: &str| {
    check::<Digest>(text);
    check::<AccountId>(text);
    check::<BatchId>(text);
    check::<BlockId>(text);
    check::<ChainId>(text);
    check::<KeyId>(text);
    check::<NodeId>(text);
    check::<TransactionId>(text);
    check::<ValidatorId>(text);
    check::<PublicKey>(text);
    check::<Signature>(text);
    // The text that people copy; and one of any letters behind its prefix, so that mutations reach the check digits.
    for account in [text, &format!("qc1{text}")] {
        if let Ok(account) = AccountId::from_text(account) {
            assert_eq!(AccountId::from_text(&account.to_text()), Ok(account));
        }
    }
});
