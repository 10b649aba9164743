//! Frames and link changes that wait for the consumer.
//!
//! Every peer has its own bounded queue per lane, and peers take turns, so a peer that floods delays another by one frame at
//! most. Lanes are served by weight, consensus first; no lane starves. Link changes come before frames and are merged: a
//! link that flapped many times unseen is reported once as lost and once as regained.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use libp2p::PeerId;
use tokio::sync::Notify;

use super::{
    config::NetworkLimits,
    handle::NetworkEvent,
    lane::{LANE_COUNT, Lane},
};

/// Frames of each lane per turn while all lanes have work.
const LANE_WEIGHTS: [u32; LANE_COUNT] = [32, 4, 1];
/// What a queued frame costs besides its content, so that tiny frames are bounded in number too.
const FRAME_OVERHEAD_BYTES: u64 = 128;

#[derive(Debug)]
pub(super) struct Inbox {
    receive_bytes_max: [u64; LANE_COUNT],
    state: Mutex<InboxState>,
    arrival: Notify,
}

#[derive(Debug, Default)]
struct InboxState {
    lanes: [LaneInbox; LANE_COUNT],
    credits: [u32; LANE_COUNT],
    links: BTreeMap<PeerId, LinkState>,
    changed: VecDeque<PeerId>,
    closed: bool,
}

#[derive(Debug, Default)]
struct LaneInbox {
    /// Peers with waiting frames, next first.
    turns: VecDeque<PeerId>,
    queues: HashMap<PeerId, PeerQueue>,
}

#[derive(Debug, Default)]
struct PeerQueue {
    frames: VecDeque<Bytes>,
    cost: u64,
    room: Arc<Notify>,
}

#[derive(Debug, Default)]
struct LinkState {
    up: bool,
    reported_up: bool,
    /// Went down since the last report.
    fell: bool,
    queued: bool,
}

impl Inbox {
    pub(super) fn new(limits: &NetworkLimits) -> Self {
        Self {
            receive_bytes_max: Lane::ALL.map(|lane| limits.lane(lane).receive_bytes_max),
            state: Mutex::default(),
            arrival: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a peer. Without it frames of the peer are refused.
    pub(super) fn admit(&self, peer: PeerId) {
        let mut state = self.lock();
        for lane in &mut state.lanes {
            lane.queues.entry(peer).or_default();
        }
    }

    /// Drops what waits from a peer and refuses more.
    pub(super) fn forget(&self, peer: &PeerId) {
        let mut state = self.lock();
        for lane in &mut state.lanes {
            lane.turns.retain(|turn| turn != peer);
            if let Some(queue) = lane.queues.remove(peer) {
                queue.room.notify_one();
            }
        }
    }

    /// Queues a received frame, waiting while the peer's share is full: the caller does not read its stream meanwhile.
    /// False when nobody takes frames of this peer any more.
    pub(super) async fn push(&self, peer: PeerId, lane: Lane, frame: Bytes) -> bool {
        let cost = cost_of(&frame);
        loop {
            let room = {
                let mut state = self.lock();
                if state.closed {
                    return false;
                }
                let LaneInbox { turns, queues } = &mut state.lanes[lane.index()];
                let Some(queue) = queues.get_mut(&peer) else {
                    return false;
                };
                // A frame alone always fits: its length was checked against the lane's limit.
                let fits = queue.cost.saturating_add(cost) <= self.receive_bytes_max[lane.index()];
                if queue.frames.is_empty() || fits {
                    if queue.frames.is_empty() {
                        turns.push_back(peer);
                    }
                    queue.frames.push_back(frame);
                    queue.cost += cost;
                    break;
                }
                Arc::clone(&queue.room)
            };
            room.notified().await;
        }
        self.arrival.notify_one();
        true
    }

    pub(super) fn link(&self, peer: PeerId, up: bool) {
        let mut state = self.lock();
        let link = state.links.entry(peer).or_default();
        link.fell |= !up;
        link.up = up;
        if !link.queued {
            link.queued = true;
            state.changed.push_back(peer);
        }
        drop(state);
        self.arrival.notify_one();
    }

    /// No more events: what waits can still be taken.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for lane in &state.lanes {
            lane.queues.values().for_each(|queue| queue.room.notify_one());
        }
        drop(state);
        self.arrival.notify_one();
    }

    pub(super) fn try_next(&self) -> Option<NetworkEvent> {
        self.lock().next()
    }

    /// The next event; `None` after [`Inbox::close`] once all have been taken. Loses none when cancelled.
    pub(super) async fn next(&self) -> Option<NetworkEvent> {
        loop {
            {
                let mut state = self.lock();
                let event = state.next();
                if event.is_some() || state.closed {
                    return event;
                }
            }
            self.arrival.notified().await;
        }
    }
}

impl InboxState {
    fn next(&mut self) -> Option<NetworkEvent> {
        self.next_change().or_else(|| self.next_frame())
    }

    fn next_change(&mut self) -> Option<NetworkEvent> {
        while let Some(peer) = self.changed.pop_front() {
            let Some(link) = self.links.get_mut(&peer) else {
                continue;
            };
            if link.reported_up && link.fell {
                link.reported_up = false;
                link.fell = false;
                self.changed.push_front(peer);
                return Some(NetworkEvent::Disconnected(peer));
            }
            link.queued = false;
            link.fell = false;
            if link.up && !link.reported_up {
                link.reported_up = true;
                return Some(NetworkEvent::Connected(peer));
            }
            if !link.up {
                self.links.remove(&peer);
            }
        }
        None
    }

    fn next_frame(&mut self) -> Option<NetworkEvent> {
        let waiting = |state: &Self, lane: Lane| !state.lanes[lane.index()].turns.is_empty();
        let with_credit =
            |state: &Self| Lane::ALL.into_iter().find(|lane| waiting(state, *lane) && state.credits[lane.index()] > 0);
        let lane = with_credit(self).or_else(|| {
            self.credits = LANE_WEIGHTS;
            with_credit(self)
        })?;
        self.credits[lane.index()] -= 1;
        let LaneInbox { turns, queues } = &mut self.lanes[lane.index()];
        let peer = turns.pop_front()?;
        let queue = queues.get_mut(&peer)?;
        let bytes = queue.frames.pop_front()?;
        queue.cost = queue.cost.saturating_sub(cost_of(&bytes));
        if !queue.frames.is_empty() {
            turns.push_back(peer);
        }
        queue.room.notify_one();
        Some(NetworkEvent::Frame { peer, lane, bytes })
    }
}

fn cost_of(frame: &Bytes) -> u64 {
    u64::try_from(frame.len()).unwrap_or(u64::MAX).saturating_add(FRAME_OVERHEAD_BYTES)
}
