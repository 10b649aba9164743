//! The two ends the node holds: a handle to send with, and the stream of events.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use libp2p::PeerId;
use tokio::sync::watch;

use super::{
    config::{NetworkLimits, PeerEntry, PeerRole, validate_peers},
    error::{NetworkError, SendError},
    inbox::Inbox,
    lane::Lane,
    metrics::NetworkMetrics,
    outbox::Outbox,
};

/// Something that happened on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// All lanes to the peer work; frames can be sent.
    Connected(PeerId),
    /// The link is gone; frames that waited to be sent are forgotten. Frames received earlier may still follow.
    Disconnected(PeerId),
    /// A frame arrived. Its content is whatever the peer wished to send.
    Frame {
        /// The sender, proved by the handshake.
        peer: PeerId,
        /// The lane it came on; order is kept within a lane of one link.
        lane: Lane,
        /// The content.
        bytes: Bytes,
    },
}

/// How a broadcast went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BroadcastReport {
    /// Connected peers whose queue took the frame.
    pub queued: usize,
    /// Connected peers whose queue was full.
    pub dropped: usize,
}

/// What the handle, the driver and the lane tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: NetworkLimits,
    pub(super) metrics: Arc<NetworkMetrics>,
    pub(super) inbox: Arc<Inbox>,
    outboxes: RwLock<HashMap<PeerId, (PeerRole, Arc<Outbox>)>>,
}

impl Shared {
    pub(super) fn new(limits: NetworkLimits) -> Self {
        Self { limits, metrics: Arc::default(), inbox: Arc::new(Inbox::new(&limits)), outboxes: RwLock::default() }
    }

    /// Lists a peer, or changes its role; its queue stays.
    pub(super) fn admit(&self, entry: &PeerEntry) -> Arc<Outbox> {
        let mut outboxes = self.outboxes.write().unwrap_or_else(PoisonError::into_inner);
        let (role, outbox) = outboxes
            .entry(entry.peer_id)
            .or_insert_with(|| (entry.role, Arc::new(Outbox::new(entry.peer_id, &self.limits))));
        *role = entry.role;
        self.inbox.admit(entry.peer_id);
        Arc::clone(outbox)
    }

    pub(super) fn forget(&self, peer: &PeerId) {
        self.outboxes.write().unwrap_or_else(PoisonError::into_inner).remove(peer);
        self.inbox.forget(peer);
    }

    fn outbox(&self, peer: &PeerId) -> Option<Arc<Outbox>> {
        let outboxes = self.outboxes.read().unwrap_or_else(PoisonError::into_inner);
        outboxes.get(peer).map(|(_, outbox)| Arc::clone(outbox))
    }

    fn push(&self, outbox: &Outbox, lane: Lane, frame: Bytes) -> Result<(), SendError> {
        let result = outbox.push(lane, frame);
        if matches!(result, Err(SendError::QueueFull { .. })) {
            self.metrics.lane(lane).send_drops.bump();
        }
        result
    }

    fn broadcast(&self, lane: Lane, frame: &Bytes, role: Option<PeerRole>) -> Result<BroadcastReport, SendError> {
        self.check(lane, frame)?;
        let outboxes = self.outboxes.read().unwrap_or_else(PoisonError::into_inner);
        let mut report = BroadcastReport::default();
        for (_, outbox) in outboxes.values().filter(|(of, _)| role.is_none_or(|wanted| wanted == *of)) {
            match self.push(outbox, lane, frame.clone()) {
                Ok(()) => report.queued += 1,
                Err(SendError::QueueFull { .. }) => report.dropped += 1,
                Err(SendError::NotConnected(_)) => {}
                Err(error @ (SendError::FrameTooLong { .. } | SendError::FrameEmpty(_))) => {
                    return Err(error);
                }
            }
        }
        Ok(report)
    }

    /// The checks that need no peer.
    fn check(&self, lane: Lane, frame: &Bytes) -> Result<(), SendError> {
        let bytes_max = self.limits.lane(lane).frame_bytes_max;
        match u32::try_from(frame.len()) {
            Ok(0) => Err(SendError::FrameEmpty(lane)),
            Ok(bytes) if bytes <= bytes_max => Ok(()),
            Ok(_) | Err(_) => Err(SendError::FrameTooLong { lane, bytes: frame.len(), bytes_max }),
        }
    }

    fn connected(&self) -> Vec<PeerId> {
        let outboxes = self.outboxes.read().unwrap_or_else(PoisonError::into_inner);
        let open = outboxes.iter().filter(|(_, (_, outbox))| outbox.is_open());
        let mut peers: Vec<_> = open.map(|(peer, _)| *peer).collect();
        peers.sort_unstable();
        peers
    }
}

#[derive(Debug)]
pub(super) struct Controls {
    pub(super) local: PeerId,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) shared: Arc<Shared>,
    pub(super) allowed: watch::Sender<Vec<PeerEntry>>,
    pub(super) stop: Arc<watch::Sender<bool>>,
    pub(super) done: watch::Receiver<bool>,
}

/// Sends frames and steers the network. Cheap to clone; no call but [`NetworkHandle::shutdown`] ever waits. When the last
/// clone is dropped, the network stops.
#[derive(Clone, Debug)]
pub struct NetworkHandle(Arc<Controls>);

impl NetworkHandle {
    pub(super) fn new(controls: Controls) -> Self {
        Self(Arc::new(controls))
    }

    /// This node's identity.
    #[must_use]
    pub fn local_peer_id(&self) -> PeerId {
        self.0.local
    }

    /// The addresses in use, with real port numbers.
    #[must_use]
    pub fn listen_addresses(&self) -> &[SocketAddr] {
        &self.0.listen
    }

    /// Queues a frame for one peer. `Ok` means queued: when the link breaks, the frame is lost.
    ///
    /// # Errors
    /// Without a link, with a full queue (counted in [`LaneMetrics::send_drops`](super::LaneMetrics::send_drops)), or with a frame that is empty or too long.
    pub fn send(&self, peer: &PeerId, lane: Lane, frame: Bytes) -> Result<(), SendError> {
        let shared = &self.0.shared;
        shared.check(lane, &frame)?;
        let outbox = shared.outbox(peer).ok_or(SendError::NotConnected(*peer))?;
        shared.push(&outbox, lane, frame)
    }

    /// Whether less than half of what may wait for this peer in this lane does: otherwise a large answer is not worth making.
    #[must_use]
    pub fn takes_more(&self, peer: &PeerId, lane: Lane) -> bool {
        self.0.shared.outbox(peer).is_some_and(|outbox| outbox.takes_more(lane))
    }

    /// Queues a frame for every connected peer; the content is shared, not copied.
    ///
    /// # Errors
    /// With a frame that is empty or too long; then it is queued for nobody. Full queues are in the report.
    pub fn broadcast(&self, lane: Lane, frame: &Bytes) -> Result<BroadcastReport, SendError> {
        self.0.shared.broadcast(lane, frame, None)
    }

    /// Queues a frame for every connected peer of one role.
    ///
    /// # Errors
    /// As [`NetworkHandle::broadcast`].
    pub fn broadcast_to(&self, role: PeerRole, lane: Lane, frame: &Bytes) -> Result<BroadcastReport, SendError> {
        self.0.shared.broadcast(lane, frame, Some(role))
    }

    /// Replaces the allow-list: others are disconnected and their waiting frames dropped, new ones are dialled, the
    /// rest stays untouched. Takes effect soon after the call; of several calls in a row the last one counts.
    ///
    /// # Errors
    /// With a peer listed twice or too many peers, when nothing is changed, and after shutdown.
    pub fn set_allowed(&self, peers: Vec<PeerEntry>) -> Result<(), NetworkError> {
        validate_peers(&peers, &self.0.shared.limits)?;
        self.0.allowed.send(peers).map_err(|_| NetworkError::Stopped)
    }

    /// Peers to which frames can be sent now, in ascending order.
    #[must_use]
    pub fn connected(&self) -> Vec<PeerId> {
        self.0.shared.connected()
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Arc<NetworkMetrics> {
        &self.0.shared.metrics
    }

    /// Closes all connections and listeners and waits until that is done. Frames still queued are lost. Calling it again is harmless.
    pub async fn shutdown(&self) {
        self.0.stop.send_replace(true);
        let mut done = self.0.done.clone();
        // An error means that the driver is gone, which is what is waited for.
        let _gone = done.wait_for(|done| *done).await;
    }
}

/// The events, in order per peer and lane. Held by one consumer; dropping it stops the network.
///
/// A consumer that takes its time holds back only the streams whose share of the queue is full.
#[derive(Debug)]
pub struct NetworkEvents {
    pub(super) inbox: Arc<Inbox>,
    pub(super) stop: Arc<watch::Sender<bool>>,
}

impl NetworkEvents {
    /// Waits for the next event; `None` after shutdown. Safe to cancel: no event is lost.
    pub async fn recv(&mut self) -> Option<NetworkEvent> {
        self.inbox.next().await
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<NetworkEvent> {
        self.inbox.try_next()
    }
}

impl Drop for NetworkEvents {
    fn drop(&mut self) {
        self.inbox.close();
        self.stop.send_replace(true);
    }
}
