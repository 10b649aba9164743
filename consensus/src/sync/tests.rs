use quancheng_types::{
    Attendance, Block, BlockId, ChainId, CommitCertificate, Digest, Header, List, Round, ValidatorId,
};

use super::*;

/// Empty blocks of these heights; nothing here looks at who signed them.
fn blocks(heights: impl IntoIterator<Item = u64>) -> Vec<CommittedBlock> {
    heights.into_iter().map(block).collect()
}

fn block(height: u64) -> CommittedBlock {
    let header = Header {
        version: 1,
        chain_id: ChainId(Digest::ZERO),
        height: Height(height),
        time_ms: height,
        parent: BlockId(Digest::ZERO),
        proposer: ValidatorId(Digest::ZERO),
        round: Round(0),
        batches_root: Block::batches_root(&[]),
        validators_hash: Digest::ZERO,
        next_validators_hash: Digest::ZERO,
        params_hash: Digest::ZERO,
        executed_height: Height(0),
        history_size: 1,
        history_root: Digest::ZERO,
        misbehavior_root: Block::misbehavior_root(&[]),
        attendance_hash: Attendance::default().hash(),
    };
    let block_id = header.id();
    CommittedBlock {
        block: Block { header, batches: List::empty(), misbehavior: List::empty(), attendance: Attendance::default() },
        certificate: CommitCertificate { height: Height(height), round: Round(0), block_id, signatures: List::empty() },
    }
}

/// Two peers that claim 500 blocks, and a request for blocks from 2 on to the first of them.
fn behind() -> (Sync, NodeId, NodeId) {
    let mut sync = Sync::default();
    for peer in [1, 2] {
        sync.claim(node(peer), Height(500));
    }
    let (first, request) = sync.next_request(Height(1), 0).unwrap();
    assert_eq!(request, BlocksRequest { from: Height(2), count: SYNC_BLOCKS_MAX });
    (sync, first, if first == node(1) { node(2) } else { node(1) })
}

fn node(number: u8) -> NodeId {
    NodeId(Digest([number; 32]))
}

/// When a peer that claims again and again is asked.
fn asked_at(sync: &mut Sync, from_ms: u64, to_ms: u64, mut answer: impl FnMut(&mut Sync, u64)) -> Vec<u64> {
    let mut times = Vec::new();
    for now_ms in (from_ms..to_ms).step_by(100) {
        sync.claim(node(1), Height(100));
        if sync.next_request(Height(1), now_ms).is_some() {
            times.push(now_ms);
            answer(sync, now_ms);
        }
    }
    times
}

fn pauses(times: &[u64]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn a_peer_that_answers_with_nothing_is_asked_ever_more_rarely() {
    let mut sync = Sync::default();
    let nothing = |sync: &mut Sync, now_ms| sync.on_response(node(1), Vec::new(), Height(1), now_ms).unwrap();
    let times = asked_at(&mut sync, 0, 38_000, nothing);
    assert_eq!(pauses(&times), [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
}

#[test]
fn silence_counts_as_failure_once_the_time_for_an_answer_is_over() {
    let mut sync = Sync::default();
    let times = asked_at(&mut sync, 0, 12_000, |_, _| {});
    assert_eq!(pauses(&times), [ANSWER_MS + 1_000, ANSWER_MS + 2_000, ANSWER_MS + 4_000]);
}

#[test]
fn a_committed_block_makes_up_for_failures() {
    let mut sync = Sync::default();
    let nothing = |sync: &mut Sync, now_ms| sync.on_response(node(1), Vec::new(), Height(1), now_ms).unwrap();
    asked_at(&mut sync, 0, 20_000, nothing);
    sync.served(&node(1));
    let times = asked_at(&mut sync, 100_000, 104_000, nothing);
    assert_eq!(times, [100_000, 101_000, 103_000]);
}

#[test]
fn while_one_peer_rests_another_is_asked() {
    let mut sync = Sync::default();
    sync.claim(node(1), Height(100));
    sync.claim(node(2), Height(50));
    let (first, _) = sync.next_request(Height(1), 0).unwrap();
    sync.on_response(first, Vec::new(), Height(1), 0).unwrap();
    let (second, request) = sync.next_request(Height(1), 0).unwrap();
    assert_ne!(first, second);
    assert_eq!(request.from, Height(2));
}

/// They may be genuine, only not the ones asked for: kept, they would take the place of all others for ever.
#[test]
fn blocks_behind_a_gap_are_not_kept() {
    let (mut sync, liar, other) = behind();
    sync.on_response(liar, blocks(3..67), Height(1), 10).unwrap();
    assert!(!sync.has(Height(3)));
    let (peer, request) = sync.next_request(Height(1), ANSWER_MS).unwrap();
    assert_eq!((peer, request.from), (other, Height(2)));
    sync.on_response(other, blocks([2, 3, 5, 6]), Height(1), ANSWER_MS).unwrap();
    assert!(sync.has(Height(3)) && !sync.has(Height(5)));
    assert_eq!(sync.next_request(Height(1), ANSWER_MS).unwrap().1.from, Height(4));
}

#[test]
fn what_lay_behind_the_blocks_of_a_liar_is_fetched_again() {
    let (mut sync, liar, other) = behind();
    sync.on_response(liar, blocks(2..58), Height(1), 10).unwrap();
    sync.claim(liar, Height(0));
    let (peer, request) = sync.next_request(Height(1), 10).unwrap();
    assert_eq!((peer, request.from), (other, Height(58)));
    sync.on_response(other, blocks(58..122), Height(1), 20).unwrap();
    // Up to 19 they hold; 20 is forged.
    for height in 2..=20 {
        assert!(sync.take(Height(height)).is_some());
        sync.on_commit(Height(height.min(19)));
    }
    sync.drop_from(&liar, Height(19), 30);
    assert!((20..122).all(|height| !sync.has(Height(height))));
    assert_eq!(
        sync.next_request(Height(19), 30).unwrap(),
        (other, BlocksRequest { from: Height(20), count: SYNC_BLOCKS_MAX })
    );
}

#[test]
fn a_late_answer_is_used_and_less_is_asked_for() {
    let (mut sync, slow, other) = behind();
    let (peer, request) = sync.next_request(Height(1), ANSWER_MS).unwrap();
    assert_eq!((peer, request.count), (other, SYNC_BLOCKS_MAX / 2));
    sync.on_response(slow, blocks(2..66), Height(1), ANSWER_MS + 500).unwrap();
    assert!((2..66).all(|height| sync.has(Height(height))));
    for _ in 0..SYNC_BLOCKS_MAX {
        sync.served(&slow);
    }
    sync.on_response(other, blocks(2..34), Height(1), ANSWER_MS + 600).unwrap();
    sync.on_commit(Height(65));
    assert_eq!(sync.next_request(Height(65), ANSWER_MS + 700).unwrap().1.count, SYNC_BLOCKS_MAX);
    // What nobody asked for may only be the next block.
    let mut sync = Sync::default();
    sync.claim(node(1), Height(500));
    sync.on_response(node(1), blocks([2, 3]), Height(1), 0).unwrap();
    assert!(sync.has(Height(2)) && !sync.has(Height(3)));
}

/// A mangled copy took the place of the block, and stood there until it could be judged.
#[test]
fn a_mangled_copy_takes_no_place_in_the_buffer() {
    let (mut sync, liar, other) = behind();
    let mut answer = blocks(2..10);
    answer[3].block.header.time_ms += 1;
    assert_eq!(sync.on_response(liar, answer, Height(1), 10), Err(Offence::BadBlock));
    assert!((2..10).all(|height| !sync.has(Height(height))), "a liar is believed nothing");
    let (peer, request) = sync.next_request(Height(1), 10).unwrap();
    assert_eq!((peer, request.from), (other, Height(2)));
    assert_eq!(sync.on_response(other, blocks(2..10), Height(1), 20), Ok(()));
    assert!((2..10).all(|height| sync.has(Height(height))));
}
