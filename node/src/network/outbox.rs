//! Frames that wait to be sent to one peer.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use libp2p::PeerId;
use tokio::sync::Notify;

use super::{
    config::{LaneLimits, NetworkLimits},
    error::SendError,
    lane::{LANE_COUNT, Lane},
};

/// One bounded queue per lane. Senders never wait; the writer of a lane waits for frames.
#[derive(Debug)]
pub(super) struct Outbox {
    peer: PeerId,
    lanes: [LaneQueue; LANE_COUNT],
}

#[derive(Debug)]
struct LaneQueue {
    lane: Lane,
    limits: LaneLimits,
    state: Mutex<QueueState>,
    arrival: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    frames: VecDeque<Bytes>,
    bytes: u64,
    open: bool,
}

impl Outbox {
    pub(super) fn new(peer: PeerId, limits: &NetworkLimits) -> Self {
        let lanes = Lane::ALL.map(|lane| LaneQueue {
            lane,
            limits: *limits.lane(lane),
            state: Mutex::default(),
            arrival: Notify::new(),
        });
        Self { peer, lanes }
    }

    /// Queues a frame, or says why not. Never waits.
    pub(super) fn push(&self, lane: Lane, frame: Bytes) -> Result<(), SendError> {
        self.lanes[lane.index()].push(self.peer, frame)
    }

    /// Whether the queue is open and less than half full of bytes.
    pub(super) fn takes_more(&self, lane: Lane) -> bool {
        let queue = &self.lanes[lane.index()];
        let state = queue.lock();
        state.open && state.bytes < queue.limits.send_bytes_max / 2
    }

    pub(super) fn try_pop(&self, lane: Lane) -> Option<Bytes> {
        self.lanes[lane.index()].try_pop()
    }

    /// Waits for a frame. Loses none when cancelled.
    pub(super) async fn pop(&self, lane: Lane) -> Bytes {
        let queue = &self.lanes[lane.index()];
        loop {
            if let Some(frame) = queue.try_pop() {
                return frame;
            }
            queue.arrival.notified().await;
        }
    }

    /// Takes frames from now on.
    pub(super) fn open(&self) {
        for queue in &self.lanes {
            queue.lock().open = true;
        }
    }

    /// Refuses frames and forgets those that wait: when the link is back they would be stale.
    pub(super) fn close(&self) {
        for queue in &self.lanes {
            *queue.lock() = QueueState::default();
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.lanes.iter().all(|queue| queue.lock().open)
    }
}

impl LaneQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, peer: PeerId, frame: Bytes) -> Result<(), SendError> {
        let lane = self.lane;
        let bytes_max = self.limits.frame_bytes_max;
        let bytes = match u32::try_from(frame.len()) {
            Ok(0) => return Err(SendError::FrameEmpty(lane)),
            Ok(bytes) if bytes <= bytes_max => u64::from(bytes),
            Ok(_) | Err(_) => {
                return Err(SendError::FrameTooLong { lane, bytes: frame.len(), bytes_max });
            }
        };
        let mut state = self.lock();
        if !state.open {
            return Err(SendError::NotConnected(peer));
        }
        let frames_max = usize::try_from(self.limits.send_frames_max).unwrap_or(usize::MAX);
        if state.frames.len() >= frames_max || state.bytes.saturating_add(bytes) > self.limits.send_bytes_max {
            return Err(SendError::QueueFull { peer, lane });
        }
        state.bytes += bytes;
        state.frames.push_back(frame);
        drop(state);
        self.arrival.notify_one();
        Ok(())
    }

    fn try_pop(&self) -> Option<Bytes> {
        let mut state = self.lock();
        let frame = state.frames.pop_front()?;
        state.bytes = state.bytes.saturating_sub(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        Some(frame)
    }
}
