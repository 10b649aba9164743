//! The swarm's rules: who may connect, and which lanes to open where.

use core::{
    fmt,
    task::{Context, Poll, Waker},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, ToSwarm},
};

use tokio::time::{Duration, Instant};

use super::{
    allowance::{Allowance, Rate},
    config::{NetworkLimits, PeerEntry},
    gate::Gate,
    handler::{LaneHandler, LaneNews},
    lane::{Lane, LaneProtocols},
    metrics::NetworkMetrics,
};

/// Connections to one peer that may be established at a moment. Two are normal for an instant, when both sides dial at
/// once; the third leaves room for the one that replaces them after a silent loss.
const CONNECTIONS_PER_PEER_MAX: usize = 3;

/// Connections that a peer may make to us: it waits longer and longer between them, unless it means harm.
const ARRIVALS: Rate = Rate { interval: Duration::from_millis(500), burst: 20 };
/// Peers whose arrivals are remembered; those that came back slowly enough make room.
const ARRIVALS_REMEMBERED_MAX: usize = 1024;

/// News from a connection, for the driver.
#[derive(Debug)]
pub(super) struct MeshEvent {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
    pub(super) news: LaneNews,
}

/// A connection was dropped after its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerRefusal {
    Stranger(PeerId),
    Surplus(PeerId),
    /// This node is shutting down.
    Closing,
}

impl fmt::Display for PeerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger(peer) => write!(f, "peer {peer} is not on the allow-list"),
            Self::Closing => f.write_str("this node is shutting down"),
            Self::Surplus(peer) => write!(f, "peer {peer} has too many connections, or connects too often"),
        }
    }
}

impl std::error::Error for PeerRefusal {}

#[derive(Debug)]
pub(super) struct Mesh {
    local: PeerId,
    protocols: LaneProtocols,
    allowed: HashSet<PeerId>,
    gate: Gate,
    closing: bool,
    connections: HashMap<PeerId, usize>,
    arrivals: HashMap<PeerId, Allowance>,
    queue: VecDeque<ToSwarm<MeshEvent, Lane>>,
    waker: Option<Waker>,
    metrics: Arc<NetworkMetrics>,
}

/// Whether `local` opens the lanes of a pair: exactly one of two different peers does.
pub(super) fn opens_lanes(local: &PeerId, remote: &PeerId) -> bool {
    local < remote
}

impl Mesh {
    pub(super) fn new(
        local: PeerId,
        chain_id: &[u8; 32],
        limits: &NetworkLimits,
        metrics: Arc<NetworkMetrics>,
    ) -> Self {
        Self {
            local,
            protocols: LaneProtocols::new(chain_id),
            allowed: HashSet::new(),
            gate: Gate::new(limits),
            closing: false,
            connections: HashMap::new(),
            arrivals: HashMap::new(),
            queue: VecDeque::new(),
            waker: None,
            metrics,
        }
    }

    pub(super) fn allow(&mut self, peers: &[PeerEntry]) {
        self.allowed = peers.iter().map(|peer| peer.peer_id).collect();
        self.gate.know(peers);
    }

    /// From now on no connection is taken, so that shutdown comes to an end.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn open_lane(&mut self, peer: PeerId, connection: ConnectionId, lane: Lane) {
        self.queue.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(connection),
            event: lane,
        });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether a peer on the allow-list may connect again so soon.
    pub(super) fn admits_arrival(&mut self, peer: PeerId, now: Instant) -> bool {
        if self.arrivals.len() >= ARRIVALS_REMEMBERED_MAX {
            self.arrivals.retain(|_, arrivals| !arrivals.is_full(now));
        }
        self.arrivals.entry(peer).or_insert_with(|| Allowance::full(now)).take(ARRIVALS, now)
    }

    fn handler_for(&self, peer: PeerId) -> Result<LaneHandler, ConnectionDenied> {
        if self.closing {
            return Err(ConnectionDenied::new(PeerRefusal::Closing));
        }
        if !self.allowed.contains(&peer) {
            self.metrics.refused_strangers.bump();
            return Err(ConnectionDenied::new(PeerRefusal::Stranger(peer)));
        }
        if self.connections.get(&peer).is_some_and(|count| *count >= CONNECTIONS_PER_PEER_MAX) {
            self.metrics.refused_surplus.bump();
            return Err(ConnectionDenied::new(PeerRefusal::Surplus(peer)));
        }
        Ok(LaneHandler::new(self.protocols.clone(), !opens_lanes(&self.local, &peer)))
    }
}

impl NetworkBehaviour for Mesh {
    type ConnectionHandler = LaneHandler;
    type ToSwarm = MeshEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if self.closing {
            return Err(ConnectionDenied::new(PeerRefusal::Closing));
        }
        self.gate.knock(id, remote).map_err(|refusal| {
            self.metrics.refused_pending.bump();
            ConnectionDenied::new(refusal)
        })
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<LaneHandler, ConnectionDenied> {
        self.gate.settle(id);
        let handler = self.handler_for(peer)?;
        if self.admits_arrival(peer, Instant::now()) {
            return Ok(handler);
        }
        self.metrics.refused_surplus.bump();
        Err(ConnectionDenied::new(PeerRefusal::Surplus(peer)))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<LaneHandler, ConnectionDenied> {
        self.handler_for(peer)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "non-exhaustive in libp2p; nothing else changes what is counted here"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                *self.connections.entry(established.peer_id).or_default() += 1;
            }
            FromSwarm::ConnectionClosed(closed) => {
                if let Some(count) = self.connections.get_mut(&closed.peer_id) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        self.connections.remove(&closed.peer_id);
                    }
                }
            }
            FromSwarm::ListenFailure(failure) => self.gate.settle(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, news: LaneNews) {
        self.queue.push_back(ToSwarm::GenerateEvent(MeshEvent { peer, connection, news }));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<MeshEvent, Lane>> {
        if let Some(event) = self.queue.pop_front() {
            return Poll::Ready(event);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
