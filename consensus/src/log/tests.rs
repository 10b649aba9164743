//! Reading back, torn tails, and every kind of damage.

use proptest::prelude::*;
use quancheng_types::{BlockId, ChainId, Digest, Signature, Vote, VoteType};

use super::*;

fn chain() -> ChainId {
    ChainId(Digest([1; 32]))
}

/// File 3 of the log of a validator.
fn name() -> LogName {
    LogName { chain_id: chain(), owner: Some(ValidatorId(Digest([8; 32]))), file: 3 }
}

fn vote(round: u32) -> LogEntry {
    LogEntry::Vote(SignedVote {
        vote: Vote {
            kind: VoteType::Prevote,
            chain_id: chain(),
            height: Height(9),
            round: Round(round),
            block_id: Some(BlockId(Digest([4; 32]))),
        },
        validator: ValidatorId(Digest([5; 32])),
        signature: Signature::Ed25519([6; 64]),
    })
}

fn timeout(round: u32) -> LogEntry {
    LogEntry::Timeout { height: Height(9), round: Round(round), step: TimeoutStep::Prevote }
}

/// A file with these entries, and where each record ends.
fn file(entries: &[LogEntry]) -> (Vec<u8>, Vec<usize>) {
    let (mut writer, mut bytes) = LogWriter::create(name());
    let mut ends = Vec::new();
    for entry in entries {
        bytes.extend(writer.append(entry));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn five() -> Vec<LogEntry> {
    vec![vote(0), timeout(0), vote(1), timeout(1), vote(2)]
}

#[test]
fn reads_back_what_was_written_and_goes_on() {
    let (bytes, _) = file(&five());
    let contents = read_log(name(), &bytes).unwrap();
    assert_eq!(contents.entries, five());
    assert_eq!((contents.valid_bytes, contents.torn_bytes), (bytes.len(), 0));
    let mut writer = contents.writer;
    let mut longer = bytes;
    longer.extend(writer.append(&timeout(7)));
    assert_eq!(read_log(name(), &longer).unwrap().entries.len(), 6);
}

#[test]
fn an_empty_file_and_a_torn_header_hold_nothing() {
    let (bytes, _) = file(&[]);
    for length in 0..bytes.len() {
        let contents = read_log(name(), &bytes[..length]).unwrap();
        assert_eq!((contents.entries.len(), contents.valid_bytes), (0, 0));
    }
    assert_eq!(read_log(name(), &bytes).unwrap().valid_bytes, bytes.len());
}

#[test]
fn any_cut_keeps_exactly_the_whole_records() {
    let (bytes, ends) = file(&five());
    for length in frame::FILE_HEADER_BYTES..bytes.len() {
        let contents = read_log(name(), &bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(contents.entries, five()[..whole], "cut at {length}");
        assert_eq!(contents.valid_bytes + contents.torn_bytes, length);
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_loses_only_the_last_record() {
    let (bytes, ends) = file(&five());
    let last_start = ends[ends.len() - 2];
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            match read_log(name(), &damaged) {
                Ok(contents) => {
                    assert!(at >= last_start, "byte {at} bit {bit}: silent loss in the middle");
                    assert_eq!(contents.entries, five()[..4]);
                }
                Err(error) => assert!(at < last_start, "byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn garbage_and_zeros_behind_the_end_are_a_torn_tail() {
    let (bytes, _) = file(&five());
    for tail in [vec![0; 4096], vec![0x5a; 100], bytes[bytes.len() - 50..].to_vec()] {
        let mut longer = bytes.clone();
        longer.extend(&tail);
        let contents = read_log(name(), &longer).unwrap();
        assert_eq!(contents.entries, five());
        assert_eq!(contents.torn_bytes, tail.len());
    }
}

#[test]
fn lost_and_swapped_records_are_errors() {
    let (bytes, ends) = file(&five());
    let mut lost = bytes[..ends[0]].to_vec();
    lost.extend(&bytes[ends[1]..]);
    assert!(matches!(read_log(name(), &lost), Err(LogError::Damaged { number: 1, later: 2, .. })));
    let mut zeroed = bytes;
    zeroed[ends[1]..ends[2]].fill(0);
    assert!(matches!(read_log(name(), &zeroed), Err(LogError::Damaged { number: 2, later: 3, .. })));
}

#[test]
fn a_doubled_record_is_cut_with_what_follows_only_if_nothing_newer_follows() {
    let (bytes, ends) = file(&five());
    let mut doubled = bytes.clone();
    doubled.extend(&bytes[ends[3]..]);
    assert_eq!(read_log(name(), &doubled).unwrap().entries, five());
}

#[test]
fn a_log_of_another_chain_node_or_number_is_refused() {
    let (bytes, _) = file(&five());
    let others = [
        (LogName { chain_id: ChainId(Digest([2; 32])), ..name() }, LogError::WrongChain),
        (LogName { owner: Some(ValidatorId(Digest([9; 32]))), ..name() }, LogError::WrongOwner),
        (LogName { owner: None, ..name() }, LogError::WrongOwner),
        (LogName { file: 4, ..name() }, LogError::WrongFile { found: 3 }),
    ];
    for (other, refusal) in others {
        assert_eq!(read_log(other, &bytes), Err(refusal));
        // Under the right header, its records are not taken either.
        let (_, mut grafted) = LogWriter::create(other);
        grafted.extend_from_slice(&bytes[frame::FILE_HEADER_BYTES..]);
        let contents = read_log(other, &grafted).unwrap();
        assert_eq!((contents.entries.len(), contents.valid_bytes), (0, frame::FILE_HEADER_BYTES));
    }
}

#[test]
fn an_unknown_entry_is_refused() {
    let mut bytes = frame::file_header(name());
    bytes.extend(frame::record(name(), 0, &[250]));
    assert_eq!(read_log(name(), &bytes), Err(LogError::UnknownEntry { number: 0 }));
}

#[test]
fn golden_frame() {
    let header = frame::file_header(name());
    assert_eq!(&header[..8], b"QCLOGv2\0");
    assert_eq!(header.len(), 96);
    assert_eq!(
        (&header[8..40], &header[40..72], &header[72..80]),
        (&[1; 32][..], &[8; 32][..], &[3, 0, 0, 0, 0, 0, 0, 0][..])
    );
    let record = frame::record(name(), 3, &[1, 2]);
    assert_eq!(&record[..4], b"QCLR");
    assert_eq!(record[4..8], 2_u32.to_le_bytes());
    assert_eq!(record[8..16], 3_u64.to_le_bytes());
    assert_eq!(record.len(), frame::RECORD_FRAME_BYTES + 2);
}

proptest! {
    /// No bytes make the reader panic or give entries that were not written.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(contents) = read_log(name(), &bytes) {
            prop_assert!(contents.entries.is_empty());
        }
    }

    /// Whole records around any payload: an entry that is read is written with the same bytes.
    #[test]
    fn any_payload_in_whole_records_is_read_or_refused(
        payloads in proptest::collection::vec((0..7_u8, proptest::collection::vec(0..4_u8, 0..220)), 1..4),
        has_vote in any::<bool>(),
        spoiled in any::<(proptest::sample::Index, u8)>(),
    ) {
        let mut payloads: Vec<Vec<u8>> = payloads
            .into_iter()
            .map(|(tag, mut rest)| {
                rest.insert(0, tag);
                rest
            })
            .collect();
        if has_vote {
            let mut near = codec::encode(&vote(0));
            let at = spoiled.0.index(near.len());
            near[at] = spoiled.1;
            payloads.insert(0, near);
        }
        let mut bytes = frame::file_header(name());
        for (number, payload) in payloads.iter().enumerate() {
            bytes.extend(frame::record(name(), number as u64, payload));
        }
        if let Ok(contents) = read_log(name(), &bytes) {
            prop_assert_eq!(contents.valid_bytes, bytes.len());
            prop_assert_eq!(file(&contents.entries).0, bytes);
        }
    }
}
