use quancheng_types::Digest;

use super::*;

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
    let nothing = |sync: &mut Sync, now_ms| sync.on_response(node(1), Vec::new(), Height(1), now_ms);
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
    let nothing = |sync: &mut Sync, now_ms| sync.on_response(node(1), Vec::new(), Height(1), now_ms);
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
    sync.on_response(first, Vec::new(), Height(1), 0);
    let (second, request) = sync.next_request(Height(1), 0).unwrap();
    assert_ne!(first, second);
    assert_eq!(request.from, Height(2));
}
