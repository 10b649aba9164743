//! Nodes, waiting, and a proxy for the network tests.

use core::{future::Future, time::Duration};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use quancheng_node::network::{
    Lane, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, NetworkLimits, PeerEntry, PeerId, PeerIdentity,
    PeerRole, start,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

/// The chain of all nodes that belong together.
pub(crate) const CHAIN: [u8; 32] = [7; 32];
/// Generous: it only decides how long a broken test takes to fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// One node under test.
pub(crate) struct Node {
    pub(crate) handle: NetworkHandle,
    pub(crate) events: NetworkEvents,
}

impl Node {
    pub(crate) fn id(&self) -> PeerId {
        self.handle.local_peer_id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.listen_addresses()[0]
    }

    pub(crate) fn entry(&self) -> PeerEntry {
        PeerEntry { peer_id: self.id(), address: Some(self.address()), role: PeerRole::Validator }
    }

    /// Takes events until `count` more peers have connected and are all still there.
    pub(crate) async fn wait_connected(&mut self, count: usize) {
        let mut up = 0;
        while up < count {
            match within("a peer connects", self.events.recv()).await {
                Some(NetworkEvent::Connected(_)) => up += 1,
                Some(NetworkEvent::Disconnected(_)) => up = up.saturating_sub(1),
                other => panic!("{other:?} before the link was up"),
            }
        }
    }
}

pub(crate) fn limits() -> NetworkLimits {
    NetworkLimits { dial_backoff_min_ms: 20, dial_backoff_max_ms: 400, ..NetworkLimits::default() }
}

/// Notices a dead connection fast.
pub(crate) fn impatient_limits() -> NetworkLimits {
    NetworkLimits { keepalive_ms: 200, idle_timeout_ms: 1_500, handshake_timeout_ms: 1_500, ..limits() }
}

pub(crate) fn identity(number: u8) -> PeerIdentity {
    PeerIdentity::from_seed([number; 32])
}

pub(crate) fn entry(number: u8, address: Option<SocketAddr>, role: PeerRole) -> PeerEntry {
    PeerEntry { peer_id: identity(number).peer_id(), address, role }
}

/// A peer that only dials us.
pub(crate) fn follower_entry(number: u8) -> PeerEntry {
    entry(number, None, PeerRole::Follower)
}

pub(crate) async fn start_node(number: u8, chain_id: [u8; 32], peers: Vec<PeerEntry>, limits: NetworkLimits) -> Node {
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let config = NetworkConfig { listen, identity: identity(number), chain_id, peers, limits };
    let (handle, events) = start(config).await.expect("a free port on loopback");
    Node { handle, events }
}

/// Nodes that all know and dial each other, connected.
pub(crate) async fn mesh(count: u8, limits: NetworkLimits) -> Vec<Node> {
    let mut nodes = Vec::new();
    for number in 1..=count {
        nodes.push(start_node(number, CHAIN, vec![], limits).await);
    }
    let entries: Vec<_> = nodes.iter().map(Node::entry).collect();
    for node in &nodes {
        node.handle.set_allowed(entries.clone()).expect("every node is listed once");
    }
    for node in &mut nodes {
        node.wait_connected(usize::from(count) - 1).await;
    }
    nodes
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    within(what, async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub(crate) async fn frame_from(events: &mut NetworkEvents) -> (PeerId, Lane, Bytes) {
    match within("a frame arrives", events.recv()).await {
        Some(NetworkEvent::Frame { peer, lane, bytes }) => (peer, lane, bytes),
        other => panic!("{other:?} instead of a frame"),
    }
}

/// Forwards connections; when blocked it takes no bytes and closes nothing.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    blocked: Arc<watch::Sender<bool>>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port on loopback");
        let address = listener.local_addr().expect("the socket is bound");
        let blocked = Arc::new(watch::Sender::new(false));
        let shared = Arc::clone(&blocked);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = shared.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.expect("the target listens");
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = async { drop(cut.wait_for(|blocked| *blocked).await) } => {
                            // The sockets stay open and mute for longer than any test.
                            sleep(PATIENCE).await;
                        }
                    }
                });
            }
        });
        Self { address, blocked }
    }

    pub(crate) fn block(&self, blocked: bool) {
        self.blocked.send_replace(blocked);
    }
}
