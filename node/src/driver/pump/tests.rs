use std::sync::mpsc::Receiver;

use quancheng_consensus::message::Status;
use quancheng_types::{Digest, Height};

use super::super::bars::MALFORMED_MAX;
use super::*;

fn pump() -> (Arc<Pump>, Arc<Bars>, Receiver<DriverInput>) {
    let (driver, inputs) = crate::driver::queue();
    let peers = Arc::new(PeerBook::new(NodeId(Digest([1; 32])), Vec::new()));
    let bars = Arc::new(Bars::default());
    let asked = Arc::new(Asked::default());
    (Arc::new(Pump::new(driver, peers, Arc::clone(&bars), asked, Arc::new(Metrics::new()))), bars, inputs)
}

fn status() -> Bytes {
    Bytes::from(Message::Status(Status { committed: Height(1) }).encode())
}

fn node(byte: u8) -> NodeId {
    NodeId(Digest([byte; 32]))
}

/// However much a peer sends, what it sent waits in its own queue of the network, not in front of the messages of others.
#[tokio::test]
async fn few_messages_wait_for_the_driver() {
    let (pump, _, inputs) = pump();
    let flood = Arc::clone(&pump);
    let task = tokio::spawn(async move {
        for _ in 0..1_000 {
            flood.read(node(9), Lane::Sync, status()).await;
        }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let waiting: Vec<_> = inputs.try_iter().collect();
    assert_eq!(waiting.len(), 64);
    drop(waiting);
    // The driver takes one, and there is room for one.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(inputs.try_iter().count(), 64);
    task.abort();
}

#[tokio::test]
async fn a_peer_that_broke_the_protocol_is_not_read() {
    let (pump, bars, inputs) = pump();
    bars.bar(node(9), Instant::now());
    pump.read(node(9), Lane::Sync, status()).await;
    pump.read(node(8), Lane::Sync, status()).await;
    let from: Vec<_> = inputs
        .try_iter()
        .filter_map(|input| if let DriverInput::Message { from, .. } = input { Some(from) } else { None })
        .collect();
    assert_eq!(from, [node(8)]);
    for _ in 0..MALFORMED_MAX {
        pump.read(node(8), Lane::Sync, Bytes::from_static(&[0xff; 9])).await;
    }
    pump.read(node(8), Lane::Sync, status()).await;
    assert_eq!(inputs.try_iter().count(), 0, "and one that sends nothing but noise neither");
}

#[test]
fn a_large_message_weighs_what_it_is_and_always_fits() {
    assert_eq!(weight_kib(0), WEIGHT_KIB_MIN);
    assert_eq!(weight_kib(4 << 20), 4 << 10);
    assert_eq!(weight_kib(usize::MAX), WAITING_KIB_MAX);
}

fn senders(inputs: &Receiver<DriverInput>) -> usize {
    inputs.try_iter().filter(|input| matches!(input, DriverInput::Message { .. })).count()
}

/// Nine mebibytes that nobody asked for used to be decoded in front of the votes of others.
#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_decoded() {
    use quancheng_consensus::message::BlocksRequest;
    use quancheng_types::List;

    let (pump, bars, inputs) = pump();
    let answer = Bytes::from(Message::BlocksResponse(List::empty()).encode());
    pump.read(node(7), Lane::Sync, answer.clone()).await;
    assert_eq!(senders(&inputs), 0);
    assert!(!bars.is_barred(&node(7), Instant::now()), "one may be left over from before a restart");
    let question = Message::BlocksRequest(BlocksRequest { from: Height(1), count: 64 });
    pump.asked.note([node(7)], &question, Instant::now());
    pump.read(node(7), Lane::Sync, answer.clone()).await;
    pump.read(node(7), Lane::Sync, answer.clone()).await;
    assert_eq!(senders(&inputs), 1, "one question, one answer");
    // What is no message at all would count as malformed; this is never looked at.
    let noise = [&answer[..1], &vec![0xff; 9 << 20]].concat();
    for _ in 0..MALFORMED_MAX {
        pump.read(node(7), Lane::Sync, Bytes::from(noise.clone())).await;
    }
    assert!(bars.is_barred(&node(7), Instant::now()));
    assert_eq!(pump.metrics.messages_malformed.get(), 0);
}

/// A large message is decoded beside the small ones, so that a vote behind it does not wait.
#[tokio::test]
async fn a_large_message_is_overtaken_by_a_small_one() {
    let (pump, _, inputs) = pump();
    pump.read(node(6), Lane::Data, Bytes::from(vec![0xff; DECODED_HERE_BYTES_MAX + 1])).await;
    pump.read(node(8), Lane::Sync, status()).await;
    assert_eq!(senders(&inputs), 1, "it is there as soon as it is read");
}
