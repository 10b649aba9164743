//! The rule in tables over all slots, and the bytes under every flip.

use proptest::prelude::*;
use quancheng_types::{BlockId, ChainId, Digest, Height, Round, SigningKey};

use super::*;

fn chain() -> ChainId {
    ChainId(Digest([1; 32]))
}

fn key() -> PublicKey {
    SigningKey::from_seed([2; 32]).public_key()
}

fn fresh() -> SignRecord {
    SignRecord::fresh(chain(), key())
}

fn slot(height: u64, round: u32, step: Step) -> Slot {
    Slot { height: Height(height), round: Round(round), step }
}

fn block(byte: u8) -> SlotValue {
    SlotValue { block_id: Some(BlockId(Digest([byte; 32]))), pol_round: None }
}

const NIL: SlotValue = SlotValue { block_id: None, pol_round: None };

/// Every slot of three heights and three rounds, in order.
fn all_slots() -> Vec<Slot> {
    let mut slots = Vec::new();
    for height in 1..=3 {
        for round in 0..3 {
            for step in [Step::Propose, Step::Prevote, Step::Precommit] {
                slots.push(slot(height, round, step));
            }
        }
    }
    slots
}

#[test]
fn after_any_slot_exactly_the_later_ones_are_new() {
    let slots = all_slots();
    for (at, signed) in slots.iter().enumerate() {
        for (asked_at, asked) in slots.iter().enumerate() {
            let mut record = fresh();
            assert_eq!(record.admit(*signed, block(1), 0), Ok(Safe::New));
            let before = record.clone();
            let verdict = record.admit(*asked, block(2), 0);
            match asked_at.cmp(&at) {
                std::cmp::Ordering::Greater => assert_eq!(verdict, Ok(Safe::New)),
                std::cmp::Ordering::Equal => {
                    assert_eq!(verdict, Err(NotSafe::OtherValue { slot: *asked }))
                }
                std::cmp::Ordering::Less => {
                    assert_eq!(verdict, Err(NotSafe::Backward { slot: *asked, last: *signed }));
                }
            }
            if verdict.is_err() {
                assert_eq!(record, before, "a refusal changes nothing");
            }
        }
    }
}

#[test]
fn the_same_value_may_be_signed_again_and_changes_nothing() {
    for value in [NIL, block(1), SlotValue { pol_round: Some(Round(0)), ..block(1) }] {
        let mut record = fresh();
        let at = slot(5, 1, Step::Propose);
        record.admit(at, value, 3).unwrap();
        let before = record.clone();
        assert_eq!(record.admit(at, value, 9), Ok(Safe::Same));
        assert_eq!(record, before);
    }
}

#[test]
fn nil_another_block_and_another_polka_are_other_values() {
    let at = slot(5, 1, Step::Propose);
    let values = [NIL, block(1), block(2), SlotValue { pol_round: Some(Round(0)), ..block(1) }];
    for first in values {
        for second in values.into_iter().filter(|second| *second != first) {
            let mut record = fresh();
            record.admit(at, first, 0).unwrap();
            assert_eq!(record.admit(at, second, 0), Err(NotSafe::OtherValue { slot: at }));
        }
    }
}

#[test]
fn nothing_below_the_floor_and_the_floor_never_falls() {
    let mut record = fresh();
    assert!(record.raise_floor(Height(10)));
    assert!(!record.raise_floor(Height(4)));
    assert!(!record.raise_floor(Height(10)));
    let below = slot(9, 7, Step::Precommit);
    assert_eq!(record.admit(below, NIL, 0), Err(NotSafe::BelowFloor { slot: below, floor: Height(10) }));
    assert_eq!(record.admit(slot(10, 0, Step::Propose), block(1), 0), Ok(Safe::New));
}

#[test]
fn height_zero_is_never_signed() {
    assert!(fresh().admit(slot(0, 0, Step::Prevote), NIL, 0).is_err());
}

#[test]
fn covers_what_was_signed_and_what_lies_below() {
    let mut record = fresh();
    assert!(!record.covers(slot(1, 0, Step::Propose), block(1)), "a fresh record covers nothing");
    record.admit(slot(4, 2, Step::Prevote), block(1), 0).unwrap();
    assert!(record.covers(slot(4, 2, Step::Prevote), block(1)));
    assert!(!record.covers(slot(4, 2, Step::Prevote), NIL));
    assert!(record.covers(slot(4, 2, Step::Propose), block(9)));
    assert!(!record.covers(slot(4, 2, Step::Precommit), NIL));
    assert!(!record.covers(slot(5, 0, Step::Propose), NIL));
    record.raise_floor(Height(6));
    assert!(record.covers(slot(5, 0, Step::Propose), NIL));
}

#[test]
fn is_fresh_until_signed_or_raised() {
    let mut signed = fresh();
    assert!(signed.is_fresh());
    signed.admit(slot(1, 0, Step::Prevote), NIL, 0).unwrap();
    assert!(!signed.is_fresh());
    let mut raised = fresh();
    raised.raise_floor(Height(2));
    assert!(!raised.is_fresh());
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let mut record = fresh();
    record.admit(slot(77, 3, Step::Precommit), block(5), 12).unwrap();
    let bytes = record.encode();
    assert!(bytes.len() <= SIGN_RECORD_BYTES_MAX);
    assert_eq!(SignRecord::decode(&bytes, &chain(), &key()), Ok(record));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(SignRecord::decode(&damaged, &chain(), &key()).is_err(), "byte {at} bit {bit}");
        }
        assert!(SignRecord::decode(&bytes[..at], &chain(), &key()).is_err(), "cut at {at}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(SignRecord::decode(&longer, &chain(), &key()).is_err());
}

#[test]
fn errors_name_the_fault() {
    let bytes = fresh().encode();
    let other_chain = ChainId(Digest([9; 32]));
    let other_key = SigningKey::from_seed([3; 32]).public_key();
    assert_eq!(SignRecord::decode(&[], &chain(), &key()), Err(SignRecordError::Missing));
    assert_eq!(SignRecord::decode(&bytes, &other_chain, &key()), Err(SignRecordError::OtherChain { found: chain() }));
    assert_eq!(SignRecord::decode(&bytes, &chain(), &other_key), Err(SignRecordError::OtherKey { found: key() }));
    assert!(SignRecordError::Damaged.to_string().contains("quanchengd init --rejoin-above HEIGHT"));
}

#[test]
fn golden_bytes() {
    let mut record = fresh();
    record.raise_floor(Height(3));
    record.admit(slot(7, 1, Step::Prevote), block(0xab), 5).unwrap();
    let bytes = record.encode();
    assert_eq!(&bytes[..8], b"QCSIGN1\0");
    let body_bytes = 32 + 33 + 8 + 1 + (8 + 4 + 1) + (1 + 32 + 1) + 8;
    assert_eq!(bytes[8..10], u16::try_from(body_bytes).unwrap().to_le_bytes());
    assert_eq!(bytes.len(), 10 + body_bytes + 32);
    assert_eq!(bytes[10 + 32 + 33..10 + 32 + 33 + 8], 3_u64.to_le_bytes());
}

fn any_slot() -> impl Strategy<Value = Slot> {
    (1..6_u64, 0..4_u32, 0..3_u8).prop_map(|(height, round, step)| {
        slot(height, round, [Step::Propose, Step::Prevote, Step::Precommit][usize::from(step)])
    })
}

proptest! {
    /// Whatever is asked in whatever order, across restarts through bytes: one value per slot.
    #[test]
    fn never_two_values_in_one_slot(asked in proptest::collection::vec((any_slot(), 0..3_u8, any::<bool>()), 1..60)) {
        let mut record = fresh();
        let mut signed = std::collections::BTreeMap::new();
        for (at, value, restart) in asked {
            if restart {
                record = SignRecord::decode(&record.encode(), &chain(), &key()).unwrap();
            }
            if record.admit(at, block(value), 0).is_ok() {
                prop_assert_eq!(*signed.entry(at).or_insert(value), value);
            }
        }
    }

    /// Any bytes, and any content under a checksum that holds: read or refused, and what is read is written the same.
    #[test]
    fn any_bytes_are_read_or_refused(noise in proptest::collection::vec(any::<u8>(), 0..200), near in any::<(proptest::sample::Index, u8)>()) {
        let mut record = fresh();
        record.admit(slot(7, 1, Step::Prevote), block(3), 5).unwrap();
        let mut spoiled = record.encode();
        spoiled.truncate(spoiled.len() - 32);
        let at = near.0.index(spoiled.len());
        spoiled[at] = near.1;
        for content in [noise.clone(), spoiled, [&fresh().encode()[..10], &noise].concat()] {
            let checked = [&content[..], &bytes::checksum(&content)].concat();
            for bytes in [content, checked] {
                if let Ok(record) = SignRecord::decode(&bytes, &chain(), &key()) {
                    prop_assert_eq!(record.encode(), bytes);
                }
            }
        }
    }
}
