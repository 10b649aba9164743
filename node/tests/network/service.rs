//! The network layer over real loopback sockets: what it does when all goes well, and across restarts.

use std::collections::BTreeMap;

use bytes::Bytes;
use quancheng_node::network::{Lane, NetworkConfig, NetworkError, NetworkEvent, PeerRole, SendError, start};

use crate::support::{CHAIN, Node, follower_entry, frame_from, identity, limits, mesh, start_node, until, within};

const FRAMES: u32 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_exchange_frames_on_all_lanes_in_order() {
    let mut nodes = mesh(4, limits()).await;
    let ids: Vec<_> = nodes.iter().map(Node::id).collect();
    for number in 0..FRAMES {
        for (node, lane) in nodes.iter().flat_map(|node| Lane::ALL.map(|lane| (node, lane))) {
            let report = node.handle.broadcast(lane, &Bytes::copy_from_slice(&number.to_be_bytes())).unwrap();
            assert_eq!((report.queued, report.dropped), (3, 0));
        }
    }
    for node in &mut nodes {
        let mut next = BTreeMap::new();
        for _ in 0..FRAMES * 9 {
            let (peer, lane, bytes) = frame_from(&mut node.events).await;
            let expected: &mut u32 = next.entry((peer, lane)).or_default();
            assert_eq!(bytes.as_ref(), expected.to_be_bytes(), "lane {lane} of {peer}");
            *expected += 1;
        }
        assert_eq!(next.len(), 9);
        assert!(next.values().all(|count| *count == FRAMES));
        let mut others = ids.clone();
        others.retain(|id| *id != node.id());
        others.sort_unstable();
        assert_eq!(node.handle.connected(), others);
        let metrics = node.handle.metrics();
        // Both sides dialled each other at once, yet no link was made twice.
        assert_eq!((metrics.links_up.value(), metrics.links_down.value()), (3, 0));
        assert_eq!(metrics.lane(Lane::Sync).frames_in.value(), u64::from(FRAMES) * 3);
        assert_eq!(metrics.lane(Lane::Sync).bytes_out.value(), u64::from(FRAMES) * 3 * 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_frames_arrive_whole() {
    let mut nodes = mesh(2, limits()).await;
    let to = nodes[1].id();
    for lane in Lane::ALL {
        let length = usize::try_from(limits().lane(lane).frame_bytes_max).unwrap();
        let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        nodes[0].handle.send(&to, lane, content.clone().into()).unwrap();
        let (_, on, bytes) = frame_from(&mut nodes[1].events).await;
        assert_eq!(on, lane);
        assert!(bytes == content, "{length} bytes were altered");
        let over = Bytes::from(vec![0; length + 1]);
        let refused = nodes[0].handle.send(&to, lane, over.clone());
        assert!(matches!(refused, Err(SendError::FrameTooLong { .. })));
        assert!(matches!(nodes[0].handle.broadcast(lane, &over), Err(SendError::FrameTooLong { .. })));
        assert_eq!(nodes[0].handle.send(&to, lane, Bytes::new()), Err(SendError::FrameEmpty(lane)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_peer_is_reconnected() {
    for (stays, restarts) in [(1, 2), (2, 1)] {
        let mut a = start_node(stays, CHAIN, vec![], limits()).await;
        let b = start_node(restarts, CHAIN, vec![a.entry()], limits()).await;
        let address = b.address();
        a.handle.set_allowed(vec![b.entry()]).unwrap();
        a.wait_connected(1).await;
        b.handle.shutdown().await;
        assert_eq!(within("the loss is seen", a.events.recv()).await, Some(NetworkEvent::Disconnected(b.id())));
        drop(b);
        let config = NetworkConfig {
            listen: vec![address],
            identity: identity(restarts),
            chain_id: CHAIN,
            // It knows no address: the node that stayed must come back to it.
            peers: vec![follower_entry(stays)],
            limits: limits(),
        };
        let (handle, events) = start(config).await.unwrap();
        let mut b = Node { handle, events };
        a.wait_connected(1).await;
        b.wait_connected(1).await;
        a.handle.send(&b.id(), Lane::Sync, Bytes::from_static(b"welcome")).unwrap();
        assert_eq!(frame_from(&mut b.events).await.2, "welcome");
        b.handle.send(&a.id(), Lane::Sync, Bytes::from_static(b"back")).unwrap();
        assert_eq!(frame_from(&mut a.events).await.2, "back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_peer_is_cut_off_and_may_come_back() {
    let mut nodes = mesh(3, limits()).await;
    let [first, second, third] = [0, 1, 2].map(|at| nodes[at].entry());
    nodes[0].handle.set_allowed(vec![first.clone(), second.clone()]).unwrap();
    let lost = within("the third is cut off", nodes[0].events.recv()).await;
    assert_eq!(lost, Some(NetworkEvent::Disconnected(third.peer_id)));
    assert_eq!(nodes[0].handle.connected(), vec![second.peer_id]);
    let refused = nodes[0].handle.send(&third.peer_id, Lane::Data, Bytes::from_static(b"x"));
    assert_eq!(refused, Err(SendError::NotConnected(third.peer_id)));
    let metrics = nodes[0].handle.metrics().clone();
    until("its dials are refused", || metrics.refused_strangers.value() > 0).await;
    nodes[0].handle.set_allowed(vec![first, second, third.clone()]).unwrap();
    nodes[0].wait_connected(1).await;
    nodes[2].wait_connected(0).await;
    assert_eq!(nodes[0].handle.connected().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_is_served_apart_from_validators() {
    let mut follower = start_node(3, CHAIN, vec![], limits()).await;
    let mut validator = start_node(2, CHAIN, vec![], limits()).await;
    let mut node = start_node(1, CHAIN, vec![follower_entry(3), validator.entry()], limits()).await;
    follower.handle.set_allowed(vec![node.entry()]).unwrap();
    validator.handle.set_allowed(vec![node.entry()]).unwrap();
    node.wait_connected(2).await;
    for (role, receiver) in [(PeerRole::Follower, &mut follower), (PeerRole::Validator, &mut validator)] {
        let word = Bytes::from(format!("{role:?}"));
        let report = node.handle.broadcast_to(role, Lane::Data, &word).unwrap();
        assert_eq!(report.queued, 1);
        receiver.wait_connected(1).await;
        assert_eq!(frame_from(&mut receiver.events).await.2, word);
    }
}

#[tokio::test]
async fn port_in_use_is_a_clear_error() {
    let node = start_node(1, CHAIN, vec![], limits()).await;
    let taken = node.address();
    let config =
        NetworkConfig { listen: vec![taken], identity: identity(2), chain_id: CHAIN, peers: vec![], limits: limits() };
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, NetworkError::AddressInUse(address) if address == taken), "{error}");
    assert!(error.to_string().contains(&taken.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_frees_the_port_and_ends_the_events() {
    let mut nodes = mesh(2, limits()).await;
    let mut last = nodes.pop().unwrap();
    let address = last.address();
    let peer = nodes[0].id();
    last.handle.shutdown().await;
    last.handle.shutdown().await;
    while let Some(event) = within("the events end", last.events.recv()).await {
        assert_eq!(event, NetworkEvent::Disconnected(peer));
    }
    let refused = last.handle.send(&peer, Lane::Data, Bytes::from_static(b"x"));
    assert_eq!(refused, Err(SendError::NotConnected(peer)));
    assert!(matches!(last.handle.set_allowed(vec![]), Err(NetworkError::Stopped)));
    drop(std::net::TcpListener::bind(address).unwrap());
    // Dropping the consumer stops the other one as well.
    let Node { handle, events } = nodes.pop().unwrap();
    drop(events);
    within("the network stops", handle.shutdown()).await;
}

/// Far more than any queue holds: the sender is told when a queue is full, and nothing is lost on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_beyond_every_queue_arrives_whole() {
    let mut nodes = mesh(2, limits()).await;
    let (sender, receiver) = (nodes[0].handle.clone(), nodes[1].id());
    let frame = Bytes::from(vec![9; 512 * 1024]);
    let total = 128;
    let sending = tokio::spawn(async move {
        for _ in 0..total {
            while sender.send(&receiver, Lane::Data, frame.clone()).is_err() {
                tokio::time::sleep(core::time::Duration::from_micros(200)).await;
            }
        }
    });
    for _ in 0..total {
        let (_, lane, bytes) = frame_from(&mut nodes[1].events).await;
        assert_eq!((lane, bytes.len()), (Lane::Data, 512 * 1024));
    }
    sending.await.unwrap();
}
