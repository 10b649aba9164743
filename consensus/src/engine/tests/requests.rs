//! One peer cannot make this node work without bound, and does not hurt the others.

use quancheng_types::{BatchId, List};

use super::super::requests::{RequestKind, Requests};
use super::*;
use crate::limits::{
    BATCHES_REQUEST_BURST, BLOCKS_REQUEST_BURST, BLOCKS_REQUEST_INTERVAL_MS, FETCH_BATCHES_MAX, HELP_INTERVAL_MS,
    PEERS_MAX, SIGN_QUERY_BURST,
};
use crate::message::{BlocksRequest, RoundStatus, VoteBits};

fn started() -> Engine {
    let mut engine = engine(4, fresh_record(), Vec::new());
    engine.step(now(0), Input::Start);
    engine
}

fn blocks(from: u64) -> Message {
    Message::BlocksRequest(BlocksRequest { from: Height(from), count: 3 })
}

/// What is served and sent in answer to one message.
fn ask(engine: &mut Engine, at_ms: u64, from: NodeId, message: Message) -> usize {
    let input = Input::Peer { from, message, verified: false };
    answers(&engine.step(now(at_ms), input), from)
}

fn answers(actions: &[Action], peer: NodeId) -> usize {
    let is_answer =
        |action: &&Action| matches!(action, Action::Serve { to, .. } | Action::Send { to, .. } if *to == peer);
    actions.iter().filter(is_answer).count()
}

#[test]
fn a_flood_of_block_requests_is_answered_at_the_rate_of_its_limit() {
    let mut engine = started();
    let flood: usize = (0..1_000).map(|n| ask(&mut engine, 0, node_id(9), blocks(n + 1))).sum();
    assert_eq!(flood as u64, BLOCKS_REQUEST_BURST);
    assert_eq!(ask(&mut engine, 0, node_id(1), blocks(1)), 1, "another peer is not hurt");
    // The newest request waits and is answered when its time has come.
    let at_ms = BLOCKS_REQUEST_INTERVAL_MS;
    assert!(engine.next_deadline_ms().unwrap() <= at_ms);
    let early = engine.step(now(at_ms - 1), Input::Tick);
    assert_eq!(answers(&early, node_id(9)), 0);
    let served = engine.step(now(at_ms), Input::Tick);
    let waiting = Action::Serve {
        to: node_id(9),
        request: ServeRequest::Blocks(BlocksRequest { from: Height(1_000), count: 3 }),
    };
    assert!(served.contains(&waiting), "{served:?}");
    assert_eq!(answers(&served, node_id(9)), 1);
    let later = engine.step(now(10 * at_ms), Input::Tick);
    assert_eq!(answers(&later, node_id(9)), 0, "nothing waits any more");
}

#[test]
fn a_new_connection_neither_fills_an_allowance_nor_keeps_what_waited() {
    let mut engine = started();
    for n in 0..100 {
        ask(&mut engine, 0, node_id(9), blocks(n + 1));
    }
    engine.step(now(0), Input::PeerDown { peer: node_id(9) });
    engine.step(now(0), Input::PeerUp { peer: node_id(9) });
    assert_eq!(ask(&mut engine, 0, node_id(9), blocks(1)), 0);
    engine.step(now(0), Input::PeerDown { peer: node_id(9) });
    let later = engine.step(now(1_000), Input::Tick);
    assert_eq!(answers(&later, node_id(9)), 0);
}

#[test]
fn batches_are_counted_one_by_one() {
    let mut engine = started();
    let ids = |count: u32| {
        let ids = (0..count).map(|_| BatchId(Digest([3; 32]))).collect();
        Message::BatchRequest(List::new(ids).unwrap())
    };
    let served: usize = (0..100).map(|_| ask(&mut engine, 0, node_id(9), ids(FETCH_BATCHES_MAX))).sum();
    assert_eq!(served as u64 * u64::from(FETCH_BATCHES_MAX), BATCHES_REQUEST_BURST);
    assert_eq!(ask(&mut engine, 1, node_id(9), ids(1)), 1);
    assert_eq!(ask(&mut engine, 1, node_id(9), ids(1)), 0);
}

#[test]
fn questions_about_signatures_and_calls_for_help_are_bounded() {
    let mut engine = started();
    let question = Message::SignQuery(SignQuery::sign(&chain_id(), &key(2), 1));
    let answered: usize = (0..100).map(|_| ask(&mut engine, 0, node_id(2), question.clone())).sum();
    assert_eq!(answered as u64, SIGN_QUERY_BURST);
    let behind = Message::RoundStatus(RoundStatus {
        height: Height(0),
        round: Round(0),
        has_proposal: false,
        prevotes: VoteBits::default(),
        precommits: VoteBits::default(),
        valid_round: None,
    });
    let helped: usize = (0..100).map(|_| ask(&mut engine, 0, node_id(3), behind.clone())).sum();
    assert_eq!(helped, 2, "our height and the block, once");
    assert_eq!(ask(&mut engine, HELP_INTERVAL_MS, node_id(3), behind), 2, "and again later");
}

#[test]
fn an_allowance_is_exact_over_time() {
    let mut requests = Requests::default();
    let peer = node_id(1);
    let mut admitted = 0;
    for at_ms in 0..10_000 {
        while requests.admit(peer, RequestKind::Blocks, 1, at_ms) {
            admitted += 1;
        }
    }
    assert_eq!(admitted, BLOCKS_REQUEST_BURST + 9_999 / BLOCKS_REQUEST_INTERVAL_MS);
    assert!(!requests.admit(peer, RequestKind::Batches, u64::MAX, 0), "more than any allowance holds");
}

#[test]
fn strangers_take_a_bounded_memory_and_idle_ones_make_room() {
    let mut requests = Requests::default();
    let stranger = |n: usize| NodeId(sha256(&[&n.to_le_bytes()]));
    for n in 0..2 * PEERS_MAX {
        let admitted = requests.admit(stranger(n), RequestKind::SignQuery, 1, 0);
        assert_eq!(admitted, n < PEERS_MAX);
    }
    assert_eq!(requests.len(), PEERS_MAX);
    assert!(requests.admit(stranger(PEERS_MAX), RequestKind::SignQuery, 1, 1_000_000));
    assert_eq!(requests.len(), 1);
}
