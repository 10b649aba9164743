//! Any bytes as a log file, and any payloads in whole records: no panic, and entries that are read are written with the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quancheng_consensus::log::frame;
use quancheng_consensus::{LogName, LogWriter, read_log};
use quancheng_types::{ChainId, Digest};

const NAME: LogName = LogName { chain_id: ChainId(Digest([1; 32])), owner: None, file: 1 };

fuzz_target!(|data: &[u8]| {
    check(data);
    // Payloads are separated by a byte that is rare in them, so that mutations reach the entries.
    let mut framed = frame::file_header(NAME);
    for (number, payload) in (0_u64..).zip(data.split(|byte| *byte == 0xfe)) {
        framed.extend(frame::record(NAME, number, payload));
    }
    check(&framed);
});

fn check(bytes: &[u8]) {
    let Ok(contents) = read_log(NAME, bytes) else {
        return;
    };
    assert_eq!(contents.valid_bytes + contents.torn_bytes, bytes.len());
    if contents.valid_bytes == 0 {
        assert!(contents.entries.is_empty());
        return;
    }
    let (mut writer, mut again) = LogWriter::create(NAME);
    for entry in &contents.entries {
        again.extend(writer.append(entry));
    }
    assert_eq!(again, bytes[..contents.valid_bytes]);
    assert_eq!(writer, contents.writer);
}
