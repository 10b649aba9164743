//! Any text as a key file: no panic, no key from a file that the password does not open, and no more memory or time than allowed.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_keystore::{KeyFileError, open, public_key};

/// Greatest product of memory (KiB) and passes that this target derives a key with: enough for every path, and quick.
const WORK_MAX: u64 = 64;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
static PATH: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("key"));

fuzz_target!(|data: &[u8]| {
    std::fs::write(&*PATH, data).expect("the temporary folder can be written");
    let shown = public_key(&PATH);
    let work = serde_json::from_slice::<serde_json::Value>(data).ok().and_then(|file| {
        let number = |name: &str| file["kdf"][name].as_u64();
        number("memory_kib")?.checked_mul(number("passes")?)
    });
    if shown.is_ok() && work.is_none_or(|work| work > WORK_MAX) {
        return;
    }
    match open(&PATH, "password") {
        Ok(key) => assert_eq!(shown.ok(), Some(key.public_key()), "the file shows another key"),
        Err(KeyFileError::Malformed { .. } | KeyFileError::WrongPassword { .. } | KeyFileError::Io { .. }) => {}
        Err(error) => panic!("a refusal that does not fit: {error}"),
    }
});
