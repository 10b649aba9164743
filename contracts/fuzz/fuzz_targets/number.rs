//! Any text as a name, a day or a number of the domain: no panic, and what is read is written with the same meaning.

#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use quancheng_contracts::domain::{
    Day, LedgerNumber, Region, Sector, Uscc, check_character, has_valid_check_character,
};
use quancheng_contracts::identity::OrgId;

fn check<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(written, text, "every text form has one spelling");
        assert!(written.parse::<T>().is_ok_and(|again| again == value));
    }
}

fuzz_target!(|text: &str| {
    check::<Day>(text);
    check::<LedgerNumber>(text);
    check::<Region>(text);
    check::<Sector>(text);
    check::<Uscc>(text);
    check::<OrgId>(text);
    let _ = has_valid_check_character(text);
    // A number whose check character is right, so that mutations reach what is behind it.
    let body: String = text.split('-').skip(1).collect();
    if let Some(character) = check_character(&body) {
        check::<LedgerNumber>(&format!("{text}-{character}"));
    }
});
