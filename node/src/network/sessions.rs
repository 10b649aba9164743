//! Which connection of a pair is used, and its lanes.
//!
//! Both sides of a pair dial, so that either can come back first, and both may succeed at once. The peer with the smaller
//! identity alone decides which connection is used: it opens the lanes there and closes the others; the other side
//! follows the streams. It keeps the older connection while that is younger than a dial may take (both dialled at once), and
//! takes the newer one otherwise (the peer would not dial if its end of the old one were alive).

use std::sync::Arc;

use libp2p::{PeerId, Stream, swarm::ConnectionId};
use tokio::{
    task::JoinError,
    time::{Duration, Instant},
};
use tracing::{debug, info, warn};

use super::{
    allowance::Rate,
    behaviour::{MeshEvent, opens_lanes},
    driver::Driver,
    frame::LaneEnd,
    handler::LaneNews,
    lane::{LANE_COUNT, Lane},
    link::{LaneExit, LaneSlot, LaneTask, Session},
};

/// Pause before a closed lane is opened again, so a peer that keeps closing it costs little.
const LANE_REOPEN_PAUSE: Duration = Duration::from_millis(250);
/// Streams that may be opened again on one connection: all lanes after each pause, and a few more, since pauses shrink on the way.
const LANE_REOPENS: Rate = Rate { interval: Duration::from_millis(80), burst: 16 };
/// A session that lasted this long clears the count of failures.
const STABLE_AFTER: Duration = Duration::from_secs(10);
impl Driver {
    pub(super) fn on_established(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let dialled = self.dials.remove(&connection);
        let local = *self.swarm.local_peer_id();
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            self.swarm.close_connection(connection);
            return;
        };
        if dialled.is_some() {
            peer.dialing = false;
        }
        peer.connections.push(connection);
        if !opens_lanes(&local, &peer_id) {
            return;
        }
        let dial_may_take = self.shared.limits.handshake_timeout();
        if let Some(session) = &peer.session {
            if session.since.elapsed() < dial_may_take {
                self.swarm.close_connection(connection);
                return;
            }
            let old = session.connection;
            self.swarm.close_connection(old);
            self.end_session(peer_id);
        }
        self.begin_session(peer_id, connection);
    }

    /// Opens all lanes on a connection.
    fn begin_session(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        peer.session = Some(Session::new(connection, Instant::now()));
        for lane in Lane::ALL {
            self.swarm.behaviour_mut().open_lane(peer_id, connection, lane);
        }
    }

    pub(super) fn end_session(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(session) = peer.session.take() else {
            return;
        };
        if session.since.elapsed() >= STABLE_AFTER {
            peer.failures = 0;
        }
        if session.ready {
            peer.outbox.close();
            self.shared.inbox.link(peer_id, false);
            self.shared.metrics.links_down.bump();
            info!(peer = %peer_id, "link down");
        }
    }

    pub(super) fn on_closed(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        peer.connections.retain(|open| *open != connection);
        if peer.session.as_ref().is_some_and(|session| session.connection == connection) {
            self.end_session(peer_id);
        }
        self.schedule_dial(peer_id);
    }

    pub(super) fn on_lane_news(&mut self, event: MeshEvent) {
        let MeshEvent { peer: peer_id, connection, news } = event;
        let opener = opens_lanes(self.swarm.local_peer_id(), &peer_id);
        let Some(peer) = self.peers.get(&peer_id) else {
            return;
        };
        if !peer.connections.contains(&connection) {
            return;
        }
        let current = peer.session.as_ref().is_some_and(|session| session.connection == connection);
        match news {
            LaneNews::Opened(lane, stream) => {
                if !current {
                    if opener {
                        return;
                    }
                    self.end_session(peer_id);
                    if let Some(peer) = self.peers.get_mut(&peer_id) {
                        peer.session = Some(Session::new(connection, Instant::now()));
                    }
                }
                self.add_stream(peer_id, lane, stream);
            }
            LaneNews::Refused(lane, because) => {
                debug!(peer = %peer_id, %lane, ?because, "the peer did not open a lane; closing the connection");
                self.swarm.close_connection(connection);
            }
        }
    }

    /// Keeps a new stream until all lanes have one; a lane that was opened again starts at once.
    fn add_stream(&mut self, peer_id: PeerId, lane: Lane, stream: Stream) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(session) = peer.session.as_mut() else {
            return;
        };
        if session.ready {
            if session.reopens.take(LANE_REOPENS, Instant::now()) {
                self.start_lane(peer_id, lane, stream);
            } else {
                let connection = session.connection;
                warn!(peer = %peer_id, %lane, "the peer opens streams faster than any honest one; closing the connection");
                self.swarm.close_connection(connection);
            }
            return;
        }
        session.lanes[lane.index()] = LaneSlot::Opened(stream);
        if !session.is_complete() {
            return;
        }
        session.ready = true;
        let slots = core::mem::replace(&mut session.lanes, [const { LaneSlot::Opening }; LANE_COUNT]);
        peer.outbox.open();
        self.shared.inbox.link(peer_id, true);
        self.shared.metrics.links_up.bump();
        info!(peer = %peer_id, role = ?peer.entry.role, "link up");
        for (lane, slot) in Lane::ALL.into_iter().zip(slots) {
            if let LaneSlot::Opened(stream) = slot {
                self.start_lane(peer_id, lane, stream);
            }
        }
    }

    fn start_lane(&mut self, peer_id: PeerId, lane: Lane, stream: Stream) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(session) = peer.session.as_mut() else {
            return;
        };
        self.serial += 1;
        let serial = self.serial;
        let outbox = Arc::clone(&peer.outbox);
        let task = LaneTask { peer: peer_id, lane, serial, outbox, shared: Arc::clone(&self.shared) };
        let task = self.tasks.spawn(task.run(stream));
        let slot = &mut session.lanes[lane.index()];
        if let LaneSlot::Running { task: old, .. } = core::mem::replace(slot, LaneSlot::Running { serial, task }) {
            old.abort();
        }
    }

    pub(super) fn on_task_end(&mut self, exit: Result<LaneExit, JoinError>) {
        match exit {
            Ok(exit) => self.on_lane_end(&exit),
            Err(error) if error.is_cancelled() => {}
            // A bug of ours: it must not pass for a silent peer.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn on_lane_end(&mut self, exit: &LaneExit) {
        let LaneExit { peer: peer_id, lane, serial, end } = exit;
        let opener = opens_lanes(self.swarm.local_peer_id(), peer_id);
        let metrics = &self.shared.metrics;
        let Some(session) = self.peers.get_mut(peer_id).and_then(|peer| peer.session.as_mut()) else {
            return;
        };
        let slot = &mut session.lanes[lane.index()];
        if !matches!(slot, LaneSlot::Running { serial: current, .. } if current == serial) {
            return;
        }
        debug!(peer = %peer_id, %lane, %end, "lane ended");
        *slot = if opener { LaneSlot::Waiting(Instant::now() + LANE_REOPEN_PAUSE) } else { LaneSlot::Opening };
        match end {
            LaneEnd::Oversized { .. } => {
                metrics.lane(*lane).oversized.bump();
                warn!(peer = %peer_id, %lane, %end, "stream closed");
            }
            LaneEnd::Idle => {
                metrics.idle_closed.bump();
                self.swarm.close_connection(session.connection);
            }
            LaneEnd::Closed | LaneEnd::Io(_) | LaneEnd::Unwanted => {}
        }
    }

    pub(super) fn reopen_lanes(&mut self, peer_id: PeerId, now: Instant) {
        let Some(session) = self.peers.get_mut(&peer_id).and_then(|peer| peer.session.as_mut()) else {
            return;
        };
        for (slot, lane) in session.lanes.iter_mut().zip(Lane::ALL) {
            if slot.reopen_at().is_some_and(|at| at <= now) {
                *slot = LaneSlot::Opening;
                self.swarm.behaviour_mut().open_lane(peer_id, session.connection, lane);
            }
        }
    }
}
