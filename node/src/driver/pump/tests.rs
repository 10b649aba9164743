use std::sync::mpsc::Receiver;

use quancheng_consensus::message::Status;
use quancheng_types::{Digest, Height};

use super::super::bars::MALFORMED_MAX;
use super::*;

fn pump() -> (Arc<Pump>, Arc<Bars>, Receiver<DriverInput>) {
    let (driver, inputs) = crate::driver::queue();
    let peers = Arc::new(PeerBook::new(NodeId(Digest([1; 32])), Vec::new()));
    let bars = Arc::new(Bars::default());
    (Arc::new(Pump::new(driver, peers, Arc::clone(&bars), Arc::new(Metrics::new()))), bars, inputs)
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
