//! Any bytes as the file of the sign record, and any content in slots whose checksums hold: no panic, and no record from a damaged file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quancheng_consensus::SignRecord;
use quancheng_node::files::SignRecordFile;
use quancheng_types::hash::sha256;
use quancheng_types::{ChainId, Digest, PublicKey, SigningKey};

const CHAIN: ChainId = ChainId(Digest([1; 32]));
/// Distance of the two slots, bytes.
const SLOT_DISTANCE: usize = 4096;
/// Bytes of a slot.
const SLOT_BYTES: usize = 512;
/// Begins every slot.
const MAGIC: &[u8; 8] = b"QCSLOT1\0";
/// Greatest record in a slot.
const RECORD_BYTES_MAX: usize = SLOT_BYTES - 20 - 32;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
static KEY: LazyLock<PublicKey> = LazyLock::new(|| SigningKey::from_seed([2; 32]).public_key());
static FRESH: LazyLock<Vec<u8>> = LazyLock::new(|| SignRecord::fresh(CHAIN, *KEY).encode());

fuzz_target!(|data: &[u8]| {
    let _ = read(data);
    let Some((counts, record)) = data.split_first_chunk::<2>() else {
        return;
    };
    let record = &record[..record.len().min(RECORD_BYTES_MAX)];
    for (first, second) in [(record, FRESH.as_slice()), (&FRESH, record), (&FRESH, &FRESH)] {
        let mut content = slot(u64::from(counts[0]), first);
        content.resize(SLOT_DISTANCE, 0);
        content.extend(slot(u64::from(counts[1]), second));
        let found = read(&content);
        if first == second {
            let is_in_turn = counts[0].abs_diff(counts[1]) == 1 && counts[0] % 2 == 1;
            assert_eq!(found.is_some(), is_in_turn, "slots are written in turn");
        }
        content[usize::from(counts[0]) * 2] ^= 1;
        assert!(read(&content).is_none(), "a damaged file was accepted");
    }
});

fn slot(count: u64, record: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).expect("cut to the length of a slot");
    let mut slot = [MAGIC.as_slice(), &count.to_le_bytes(), length.to_le_bytes().as_slice(), record].concat();
    let sum = sha256(&[&slot]);
    slot.extend_from_slice(sum.as_bytes());
    slot.resize(SLOT_BYTES, 0);
    slot
}

fn read(content: &[u8]) -> Option<SignRecord> {
    std::fs::write(FOLDER.path().join("sign-record"), content).expect("the temporary folder can be written");
    let mut file = SignRecordFile::at(FOLDER.path());
    let record = file.read(&CHAIN, &KEY, 0).ok()?;
    let again = SignRecord::decode(&record.encode(), &CHAIN, &KEY);
    assert_eq!(again.as_ref().ok(), Some(&record));
    Some(record)
}
