//! The link to one peer: its connections, the session that uses one of them, and the tasks that move frames.

use core::time::Duration;
use std::sync::Arc;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, io::BufReader, io::BufWriter};
use libp2p::{PeerId, Stream, swarm::ConnectionId};
use tokio::{task::AbortHandle, time::Instant};

use super::{
    allowance::Allowance,
    config::PeerEntry,
    frame::{LaneEnd, read_frame, write_frame},
    handle::Shared,
    lane::{LANE_COUNT, Lane},
    outbox::Outbox,
};

/// Small frames are gathered up to this size; longer ones pass without a copy.
const BUFFER_BYTES: usize = 16 * 1024;

/// What the driver knows about one allowed peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) entry: PeerEntry,
    pub(super) outbox: Arc<Outbox>,
    pub(super) connections: Vec<ConnectionId>,
    pub(super) session: Option<Session>,
    /// Failed or short-lived connections in a row.
    pub(super) failures: u32,
    pub(super) dialing: bool,
    pub(super) dial_at: Option<Instant>,
}

impl Peer {
    pub(super) fn new(entry: PeerEntry, outbox: Arc<Outbox>, now: Instant) -> Self {
        Self { entry, outbox, connections: Vec::new(), session: None, failures: 0, dialing: false, dial_at: Some(now) }
    }

    /// Whether a dial would help.
    pub(super) fn wants_dial(&self) -> bool {
        self.entry.address.is_some() && !self.dialing && self.connections.is_empty()
    }

    /// When something has to be done for this peer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let dial = self.dial_at.filter(|_| self.wants_dial());
        let reopen = self.session.iter().flat_map(|session| &session.lanes).filter_map(LaneSlot::reopen_at);
        reopen.chain(dial).min()
    }
}

/// The use of one connection for all lanes.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: ConnectionId,
    pub(super) lanes: [LaneSlot; LANE_COUNT],
    /// All lanes have worked at once; the link is reported as up.
    pub(super) ready: bool,
    pub(super) since: Instant,
    /// For streams that the peer opens in place of running ones.
    pub(super) reopens: Allowance,
}

/// The state of one lane of a session.
#[derive(Debug)]
pub(super) enum LaneSlot {
    /// The stream is being opened, by us or by the peer.
    Opening,
    /// The stream is there and waits for the other lanes: no frame is read before the link is reported as up.
    Opened(Stream),
    /// Frames move. The serial number tells this stream from earlier ones.
    Running { serial: u64, task: AbortHandle },
    /// We open it again at the given time.
    Waiting(Instant),
}

impl LaneSlot {
    pub(super) const fn reopen_at(&self) -> Option<Instant> {
        match self {
            Self::Waiting(at) => Some(*at),
            Self::Opening | Self::Opened(_) | Self::Running { .. } => None,
        }
    }
}

impl Session {
    pub(super) fn new(connection: ConnectionId, now: Instant) -> Self {
        Self {
            connection,
            lanes: core::array::from_fn(|_| LaneSlot::Opening),
            ready: false,
            since: now,
            reopens: Allowance::full(now),
        }
    }

    /// Whether every lane's stream has been opened and none is in use yet.
    pub(super) fn is_complete(&self) -> bool {
        self.lanes.iter().all(|slot| matches!(slot, LaneSlot::Opened(_)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for slot in &self.lanes {
            if let LaneSlot::Running { task, .. } = slot {
                task.abort();
            }
        }
    }
}

/// How a lane's task ended.
#[derive(Debug)]
pub(super) struct LaneExit {
    pub(super) peer: PeerId,
    pub(super) lane: Lane,
    pub(super) serial: u64,
    pub(super) end: LaneEnd,
}

/// Moves frames between one stream and the queues.
#[derive(Debug)]
pub(super) struct LaneTask {
    pub(super) peer: PeerId,
    pub(super) lane: Lane,
    pub(super) serial: u64,
    pub(super) outbox: Arc<Outbox>,
    pub(super) shared: Arc<Shared>,
}

impl LaneTask {
    pub(super) async fn run(self, stream: Stream) -> LaneExit {
        let (reader, writer) = stream.split();
        let end = tokio::select! {
            end = self.read(reader) => end,
            end = self.write(writer) => end,
        };
        LaneExit { peer: self.peer, lane: self.lane, serial: self.serial, end }
    }

    /// Liveness is watched on the consensus lane alone: the others may rightly be silent.
    fn when_watched(&self, limit: Duration) -> Option<Duration> {
        (self.lane == Lane::Consensus).then_some(limit)
    }

    async fn read<R: AsyncRead + Unpin>(&self, reader: R) -> LaneEnd {
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        let bytes_max = self.shared.limits.lane(self.lane).frame_bytes_max;
        let idle = self.when_watched(self.shared.limits.idle_timeout());
        let metrics = self.shared.metrics.lane(self.lane);
        loop {
            let frame = match read_frame(&mut reader, bytes_max, idle).await {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            if frame.is_empty() {
                continue;
            }
            metrics.received(frame.len());
            if !self.shared.inbox.push(self.peer, self.lane, frame).await {
                return LaneEnd::Unwanted;
            }
        }
    }

    async fn write<W: AsyncWrite + Unpin>(&self, writer: W) -> LaneEnd {
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        loop {
            if let Err(error) = self.write_next(&mut writer).await {
                return error.into();
            }
        }
    }

    /// Writes the next frame; flushes first when none waits, so a burst costs one flush.
    async fn write_next<W: AsyncWrite + Unpin>(&self, writer: &mut BufWriter<W>) -> std::io::Result<()> {
        let frame = match self.outbox.try_pop(self.lane) {
            Some(frame) => frame,
            None => {
                writer.flush().await?;
                let next = self.outbox.pop(self.lane);
                match self.when_watched(self.shared.limits.keepalive()) {
                    None => next.await,
                    Some(limit) => match tokio::time::timeout(limit, next).await {
                        Ok(frame) => frame,
                        Err(_silence) => return write_frame(writer, &[]).await,
                    },
                }
            }
        };
        write_frame(writer, &frame).await?;
        self.shared.metrics.lane(self.lane).sent(frame.len());
        Ok(())
    }
}
