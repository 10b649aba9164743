//! Lanes, strictness, and bounds before memory.

use proptest::prelude::*;
use quancheng_types::{Digest, Height, List, ValidatorId};

use super::*;

fn samples() -> Vec<Message> {
    vec![
        Message::SignQuery {
            validator: ValidatorId(Digest([1; 32])),
            nonce: 7,
        },
        Message::Status(Status {
            committed: Height(9),
        }),
        Message::BlocksRequest(BlocksRequest {
            from: Height(1),
            count: 3,
        }),
        Message::BlocksResponse(List::empty()),
        Message::BatchRequest(List::new(vec![quancheng_types::BatchId(Digest([2; 32]))]).unwrap()),
    ]
}

#[test]
fn bytes_come_back_in_their_own_lane_only() {
    for message in samples() {
        let bytes = message.encode();
        for lane in Lane::ALL {
            let decoded = Message::decode(lane, &bytes);
            if lane == message.lane() {
                assert_eq!(decoded, Ok(message.clone()));
            } else {
                assert_eq!(
                    decoded,
                    Err(MessageError::WrongLane {
                        lane,
                        message: message.name()
                    })
                );
            }
        }
    }
}

#[test]
fn trailing_and_missing_bytes_are_refused() {
    for message in samples() {
        let mut bytes = message.encode();
        for length in 0..bytes.len() {
            assert!(Message::decode(message.lane(), &bytes[..length]).is_err());
        }
        bytes.push(0);
        assert!(Message::decode(message.lane(), &bytes).is_err());
    }
}

#[test]
fn a_claimed_length_takes_no_memory() {
    let bytes = [10, 255, 255, 255, 255];
    assert!(matches!(
        Message::decode(Lane::Data, &bytes),
        Err(MessageError::Decode(_))
    ));
}

#[test]
fn golden_status() {
    let message = Message::Status(Status {
        committed: Height(258),
    });
    assert_eq!(message.encode(), [13, 2, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn vote_bits_hold_every_place_of_the_greatest_set() {
    let mut bits = VoteBits::default();
    for index in (0..128).step_by(3) {
        bits.set(index);
    }
    bits.set(usize::MAX);
    for index in 0..140 {
        assert_eq!(bits.contains(index), index < 128 && index % 3 == 0);
    }
}

proptest! {
    /// No bytes make the decoder panic, and what decodes encodes to the same bytes.
    #[test]
    fn decoding_is_strict(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for lane in Lane::ALL {
            if let Ok(message) = Message::decode(lane, &bytes) {
                prop_assert_eq!(message.encode(), bytes.clone());
            }
        }
    }
}
