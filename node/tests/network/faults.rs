//! The network layer against strangers, floods, garbage and dead connections.

use std::{io::Write as _, net::TcpStream};

use bytes::Bytes;
use quancheng_node::network::{Lane, NetworkEvent, PeerRole, SendError};

use crate::support::{
    CHAIN, Proxy, entry, follower_entry, frame_from, impatient_limits, limits, mesh, start_node, until, within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stranger_is_dropped_and_members_stay_connected() {
    let mut nodes = mesh(2, limits()).await;
    let stranger = start_node(9, CHAIN, vec![nodes[0].entry()], limits()).await;
    let metrics = nodes[0].handle.metrics().clone();
    until("the stranger is refused", || metrics.refused_strangers.value() >= 2).await;
    assert_eq!(nodes[0].handle.connected(), vec![nodes[1].id()]);
    assert_eq!(stranger.handle.connected(), vec![]);
    let refused = stranger.handle.send(&nodes[0].id(), Lane::Data, Bytes::from_static(b"x"));
    assert_eq!(refused, Err(SendError::NotConnected(nodes[0].id())));
    let to = nodes[0].id();
    nodes[1].handle.send(&to, Lane::Consensus, Bytes::from_static(b"still here")).unwrap();
    assert_eq!(frame_from(&mut nodes[0].events).await.2, "still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_of_another_chain_fails_the_handshake() {
    let one = start_node(1, CHAIN, vec![], limits()).await;
    let other = start_node(2, [8; 32], vec![one.entry()], limits()).await;
    one.handle.set_allowed(vec![other.entry()]).unwrap();
    let (here, there) = (one.handle.metrics(), other.handle.metrics());
    until("handshakes fail on both sides", || here.handshakes_failed.value() > 0 && there.dials_failed.value() > 0)
        .await;
    assert_eq!((here.links_up.value(), there.links_up.value()), (0, 0));
}

/// Runs in both directions, since only one side of a pair opens lanes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oversized_frame_closes_its_stream_and_the_peer_recovers() {
    let mut narrow = limits();
    narrow.lanes[Lane::Data.index()].frame_bytes_max = 1_000;
    for (wide_number, narrow_number) in [(1, 2), (2, 1)] {
        let wide = start_node(wide_number, CHAIN, vec![], limits()).await;
        let mut strict = start_node(narrow_number, CHAIN, vec![wide.entry()], narrow).await;
        wide.handle.set_allowed(vec![strict.entry()]).unwrap();
        strict.wait_connected(1).await;
        until("the other side is connected", || wide.handle.connected().len() == 1).await;
        wide.handle.send(&strict.id(), Lane::Data, vec![1; 1_001].into()).unwrap();
        until("the frame is refused", || strict.handle.metrics().lane(Lane::Data).oversized.value() == 1).await;
        let id = strict.id();
        within("a good frame gets through", async {
            loop {
                // A frame written into the closing stream is lost, so it is sent until one arrives.
                wide.handle.send(&id, Lane::Data, vec![2; 1_000].into()).unwrap();
                tokio::time::sleep(core::time::Duration::from_millis(20)).await;
                if let Some(event) = strict.events.try_recv() {
                    assert!(
                        matches!(event, NetworkEvent::Frame { lane: Lane::Data, bytes, .. } if bytes == vec![2; 1_000])
                    );
                    break;
                }
            }
        })
        .await;
        assert_eq!(strict.handle.metrics().links_down.value(), 0, "the other lanes were not disturbed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_is_bounded_and_others_get_through() {
    let mut tight = limits();
    for lane in &mut tight.lanes {
        lane.frame_bytes_max = 16 * 1024;
        lane.send_bytes_max = 1024 * 1024;
        lane.receive_bytes_max = 256 * 1024;
    }
    let mut nodes = mesh(3, tight).await;
    let victim = nodes[0].id();
    let frame = Bytes::from(vec![7; 16 * 1024]);
    let flooder = nodes[1].handle.clone();
    let metrics = nodes[0].handle.metrics().clone();
    // Nobody takes the victim's events; the flood must come to a stand on its own.
    within("the flooder's queue stays full", async {
        let mut refusals = 0;
        while refusals < 50 {
            match flooder.send(&victim, Lane::Consensus, frame.clone()) {
                Ok(()) => refusals = 0,
                Err(SendError::QueueFull { .. }) => {
                    refusals += 1;
                    tokio::time::sleep(core::time::Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    assert!(flooder.metrics().lane(Lane::Consensus).send_drops.value() >= 50);
    let taken = metrics.lane(Lane::Consensus).bytes_in.value();
    assert!(taken <= 256 * 1024 + 16 * 1024, "{taken} bytes were taken for a consumer that takes none");

    for lane in Lane::ALL {
        nodes[2].handle.send(&victim, lane, Bytes::from_static(b"urgent")).unwrap();
    }
    until("the other peer's frames arrived", || {
        metrics.lane(Lane::Data).frames_in.value() == 1
            && metrics.lane(Lane::Sync).frames_in.value() == 1
            && metrics.lane(Lane::Consensus).bytes_in.value() > taken
    })
    .await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        let (peer, lane, _) = frame_from(&mut nodes[0].events).await;
        seen.push((peer, lane));
    }
    let place = |lane| seen.iter().position(|at| *at == (nodes[2].id(), lane));
    assert!(place(Lane::Consensus).is_some_and(|place| place <= 1), "peers take turns: {seen:?}");
    assert!(place(Lane::Data).is_some() && place(Lane::Sync).is_some(), "no lane starves: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_silence_before_the_handshake_do_not_disturb() {
    let mut modest = limits();
    modest.pending_per_ip_max = 4;
    let mut nodes = mesh(2, modest).await;
    let target = nodes[0].address();
    let metrics = nodes[0].handle.metrics().clone();
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 4096],
        b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff\xff\xff\xff\xff",
        b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"\x00\x00\x00\x00",
    ];
    for bytes in garbage {
        let failed = metrics.handshakes_failed.value();
        let mut socket = TcpStream::connect(target).unwrap();
        // The node may already have closed the socket: that is as good.
        let _refused = socket.write_all(bytes);
        drop(socket);
        until("the handshake fails", || metrics.handshakes_failed.value() > failed).await;
    }
    let silent: Vec<_> = (0..40).map(|_| TcpStream::connect(target).unwrap()).collect();
    until("surplus connections are refused", || metrics.refused_pending.value() > 0).await;
    let (from, to) = (nodes[1].handle.clone(), nodes[0].id());
    from.send(&to, Lane::Consensus, Bytes::from_static(b"undisturbed")).unwrap();
    assert_eq!(frame_from(&mut nodes[0].events).await.2, "undisturbed");
    drop(silent);
    assert_eq!(metrics.links_down.value(), 0);
}

/// The proxy swallows bytes without closing anything, as a cut cable or a dead firewall entry does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connection_is_noticed_and_replaced() {
    for (dialler, listener) in [(1, 2), (2, 1)] {
        let mut b = start_node(listener, CHAIN, vec![follower_entry(dialler)], impatient_limits()).await;
        let proxy = Proxy::start(b.address()).await;
        let by_proxy = entry(listener, Some(proxy.address), PeerRole::Validator);
        let mut a = start_node(dialler, CHAIN, vec![by_proxy], impatient_limits()).await;
        a.wait_connected(1).await;
        b.wait_connected(1).await;
        proxy.block(true);
        // Plenty is left to be sent: a blocked writer must not hide that nothing arrives.
        for (from, to) in [(&a, b.id()), (&b, a.id())] {
            let bulk = Bytes::from(vec![1; 2 * 1024 * 1024]);
            while from.handle.send(&to, Lane::Data, bulk.clone()).is_ok() {}
        }
        for node in [&mut a, &mut b] {
            let lost = within("the loss is noticed", node.events.recv()).await;
            assert!(matches!(lost, Some(NetworkEvent::Disconnected(_))), "{lost:?}");
        }
        proxy.block(false);
        a.wait_connected(1).await;
        b.wait_connected(1).await;
        a.handle.send(&b.id(), Lane::Data, Bytes::from_static(b"again")).unwrap();
        assert_eq!(frame_from(&mut b.events).await.2, "again");
    }
}
