//! Lanes, strictness, and bounds before memory.

use proptest::prelude::*;
use quancheng_types::{
    Batch, BlockId, ChainId, Digest, Height, List, MisbehaviorProof, Round, SignedVote, SigningKey, ValidatorId, Vote,
    VoteType,
};

use super::*;

fn samples() -> Vec<Message> {
    vec![
        Message::SignQuery(SignQuery::sign(&ChainId(Digest([2; 32])), &SigningKey::from_seed([1; 32]), 7)),
        Message::Status(Status { committed: Height(9) }),
        Message::BlocksRequest(BlocksRequest { from: Height(1), count: 3 }),
        Message::BlocksResponse(List::empty()),
        Message::BatchRequest(List::new(vec![quancheng_types::BatchId(Digest([2; 32]))]).unwrap()),
    ]
}

fn signed_samples() -> Vec<Message> {
    let key = SigningKey::from_seed([1; 32]);
    let validator = ValidatorId::of(&key.public_key());
    let vote = SignedVote {
        vote: Vote {
            kind: VoteType::Prevote,
            chain_id: ChainId(Digest([2; 32])),
            height: Height(3),
            round: Round(1),
            block_id: None,
        },
        validator,
        signature: key.sign(&[1]),
    };
    let round_vote = RoundVote {
        kind: VoteType::Precommit,
        block_id: Some(BlockId(Digest([4; 32]))),
        validator,
        signature: key.sign(&[2]),
    };
    let answer = SignAnswer {
        validator,
        nonce: 5,
        committed: Height(6),
        latest: Some(SignedStatement::Vote(vote)),
        alive: Some(Alive { instance: 4, signature: key.sign(&[3]) }),
    };
    vec![
        Message::Vote(vote),
        Message::Votes(List::new(vec![vote, vote]).unwrap()),
        Message::RoundChange(RoundCertificate {
            height: Height(3),
            round: Round(1),
            kind: RoundCertificateKind::Skip,
            votes: List::new(vec![round_vote]).unwrap(),
        }),
        Message::SignAnswer(answer),
        Message::Misbehavior(Box::new(MisbehaviorProof::ConflictingVotes { first: vote, second: vote })),
    ]
}

#[test]
fn bytes_come_back_in_their_own_lane_only() {
    for message in samples().into_iter().chain(signed_samples()) {
        let bytes = message.encode();
        for lane in Lane::ALL {
            let decoded = Message::decode(lane, &bytes);
            if lane == message.lane() {
                assert_eq!(decoded, Ok(message.clone()));
            } else {
                assert_eq!(decoded, Err(MessageError::WrongLane { lane, message: message.name() }));
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
    assert!(matches!(Message::decode(Lane::Data, &bytes), Err(MessageError::Decode(_))));
}

#[test]
fn golden_status() {
    let message = Message::Status(Status { committed: Height(258) });
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

    /// Bytes near to what is sent: a few bytes replaced, the end cut off or doubled.
    #[test]
    fn decoding_is_strict_near_messages(
        sample in 0..10_usize,
        bytes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let samples: Vec<Message> = samples().into_iter().chain(signed_samples()).collect();
        let mut mutated = samples[sample].encode();
        for (at, byte) in bytes {
            let at = at.index(mutated.len());
            mutated[at] = byte;
        }
        if is_cut {
            mutated.truncate(cut.index(mutated.len()));
        }
        for lane in Lane::ALL {
            if let Ok(message) = Message::decode(lane, &mutated) {
                prop_assert_eq!(message.encode(), mutated.clone());
                prop_assert_eq!(message.lane(), lane);
            }
        }
    }
}

#[test]
fn large_answers_are_told_by_their_first_byte() {
    let batch = Batch { transactions: List::empty() }.sign(ChainId::default(), 1, 1, &SigningKey::from_seed([1; 32]));
    let answer = Message::BatchResponse(Arc::new(batch));
    assert_eq!(AnswerKind::of_bytes(&answer.encode()), Some(AnswerKind::Batch));
    assert_eq!(AnswerKind::of_bytes(&Message::BlocksResponse(List::empty()).encode()), Some(AnswerKind::Blocks));
    assert_eq!(AnswerKind::of_bytes(&Message::Status(Status { committed: Height(1) }).encode()), None);
    assert_eq!(AnswerKind::of_bytes(&[]), None);
}
