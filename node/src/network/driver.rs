//! The task that owns the swarm: dials, keeps one session per peer, and carries the allow-list out.

use core::future::pending;
use std::{collections::HashMap, sync::Arc};

use futures::StreamExt as _;
use libp2p::{
    PeerId, Swarm,
    swarm::{
        ConnectionId, DialError, ListenError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Duration, Instant, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use super::{
    backoff::{Backoff, jitter},
    behaviour::{Mesh, MeshEvent},
    config::{PeerEntry, multiaddr_of},
    handle::Shared,
    link::{LaneExit, Peer},
};

/// How long shutdown waits for connections to close in order.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// What steers the driver from outside.
#[derive(Debug)]
pub(super) struct Steering {
    pub(super) allowed: watch::Receiver<Vec<PeerEntry>>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) done: watch::Sender<bool>,
}

pub(super) struct Driver {
    pub(super) swarm: Swarm<Mesh>,
    pub(super) shared: Arc<Shared>,
    pub(super) peers: HashMap<PeerId, Peer>,
    pub(super) dials: HashMap<ConnectionId, PeerId>,
    pub(super) tasks: JoinSet<LaneExit>,
    pub(super) serial: u64,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.inbox.close();
        for peer in self.peers.values() {
            peer.outbox.close();
        }
    }
}

impl Driver {
    pub(super) fn new(swarm: Swarm<Mesh>, shared: Arc<Shared>) -> Self {
        Self { swarm, shared, peers: HashMap::new(), dials: HashMap::new(), tasks: JoinSet::new(), serial: 0 }
    }

    pub(super) async fn run(mut self, mut steering: Steering) {
        loop {
            let deadline = self.peers.values().filter_map(Peer::deadline).min();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(exit) = self.tasks.join_next() => self.on_task_end(exit),
                changed = steering.allowed.changed() => match changed {
                    Ok(()) => {
                        let peers = steering.allowed.borrow_and_update().clone();
                        self.set_allowed(peers);
                    }
                    Err(_handles_gone) => break,
                },
                _ = steering.stop.wait_for(|stop| *stop) => break,
                () = sleep_maybe(deadline) => self.on_time(),
            }
        }
        self.close().await;
        // Dropped before the signal, so that ports are free when shutdown returns.
        drop(self);
        drop(steering.allowed);
        steering.done.send_replace(true);
    }

    async fn close(&mut self) {
        self.swarm.behaviour_mut().close();
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for peer in peers {
            self.end_session(peer);
        }
        self.tasks.shutdown().await;
        let connected: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            // An error means that it is not connected, which is what is wanted.
            let _gone = self.swarm.disconnect_peer_id(peer);
        }
        let closing = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        if timeout(CLOSE_GRACE, closing).await.is_err() {
            debug!("some connections did not close in time and were cut");
        }
    }

    /// Makes the allow-list be `peers`.
    pub(super) fn set_allowed(&mut self, mut peers: Vec<PeerEntry>) {
        let local = *self.swarm.local_peer_id();
        peers.retain(|entry| entry.peer_id != local);
        self.swarm.behaviour_mut().allow(&peers);
        let wanted: HashMap<_, _> = peers.iter().map(|entry| (entry.peer_id, entry)).collect();
        let removed: Vec<_> = self.peers.keys().filter(|peer| !wanted.contains_key(*peer)).copied().collect();
        for peer in removed {
            info!(%peer, "peer removed from the allow-list");
            self.end_session(peer);
            self.peers.remove(&peer);
            self.shared.forget(&peer);
            // An error means that it is not connected, which is what is wanted.
            let _gone = self.swarm.disconnect_peer_id(peer);
        }
        let now = Instant::now();
        for entry in peers {
            let outbox = self.shared.admit(&entry);
            match self.peers.get_mut(&entry.peer_id) {
                None => {
                    self.peers.insert(entry.peer_id, Peer::new(entry, outbox, now));
                }
                Some(peer) => {
                    if peer.entry.address != entry.address {
                        peer.dial_at = Some(now);
                    }
                    peer.entry = entry;
                }
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "non-exhaustive in libp2p; the rest is information about addresses and begun dials"
    )]
    pub(super) fn on_swarm_event(&mut self, event: SwarmEvent<MeshEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_lane_news(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.on_established(peer_id, connection_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                debug!(peer = %peer_id, ?cause, "connection closed");
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.on_dial_failed(connection_id, &error);
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                debug!(from = %send_back_addr, %error, "incoming connection refused");
                if !matches!(error, ListenError::Denied { .. }) {
                    self.shared.metrics.handshakes_failed.bump();
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                warn!(%error, "a listener reported an error and goes on")
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                warn!(?addresses, ?reason, "a listener closed; peers can no longer dial this node there");
            }
            _ => {}
        }
    }

    pub(super) fn schedule_dial(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        if !peer.wants_dial() {
            return;
        }
        let limits = &self.shared.limits;
        let backoff = Backoff { min_ms: limits.dial_backoff_min_ms, max_ms: limits.dial_backoff_max_ms };
        peer.dial_at = Some(Instant::now() + backoff.delay(peer.failures, jitter()));
        peer.failures = peer.failures.saturating_add(1);
    }

    fn on_dial_failed(&mut self, connection: ConnectionId, error: &DialError) {
        let Some(peer_id) = self.dials.remove(&connection) else {
            return;
        };
        self.shared.metrics.dials_failed.bump();
        if let DialError::WrongPeerId { obtained, address } = error {
            warn!(expected = %peer_id, %obtained, %address, "another peer answers at this address; correct its identity or address");
        } else {
            debug!(peer = %peer_id, %error, "dial failed");
        }
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            peer.dialing = false;
        }
        self.schedule_dial(peer_id);
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.deadline().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for peer_id in due {
            self.reopen_lanes(peer_id, now);
            self.dial(peer_id, now);
        }
    }

    fn dial(&mut self, peer_id: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(address) = peer.entry.address else {
            return;
        };
        if !peer.wants_dial() || peer.dial_at.is_none_or(|at| at > now) {
            return;
        }
        // A port of its own: libp2p would otherwise dial from the listening port, and two peers doing so at once collide.
        let options = DialOpts::peer_id(peer_id)
            .condition(PeerCondition::Always)
            .addresses(vec![multiaddr_of(address)])
            .allocate_new_port()
            .build();
        let connection = options.connection_id();
        peer.dialing = true;
        peer.dial_at = None;
        self.dials.insert(connection, peer_id);
        self.shared.metrics.dials.bump();
        if let Err(error) = self.swarm.dial(options) {
            self.on_dial_failed(connection, &error);
        }
    }
}

async fn sleep_maybe(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
