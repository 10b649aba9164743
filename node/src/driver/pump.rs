//! From the network to the driver: decodes what peers say, and lets only a little of it wait.
//!
//! The network keeps a bounded queue per peer and takes from them in turn, so the backlog of a peer that floods belongs in there. What
//! has been taken out is first come, first served: the less of it waits, the less an honest vote waits behind what others sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quancheng_consensus::message::AnswerKind;
use quancheng_consensus::{Message, MessageError, Offence};
use quancheng_types::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::{Asked, Bars, DriverHandle, DriverInput, PeerBook};
use crate::metrics::Metrics;
use crate::network::{Lane, NetworkEvent, NetworkEvents};

/// What waiting messages of all peers may weigh together, KiB.
const WAITING_KIB_MAX: u32 = 32 * 1024;
/// Messages up to this length are decoded in line; longer ones beside it, and may be overtaken.
const DECODED_HERE_BYTES_MAX: usize = 128 * 1024;
/// What a message weighs at least, KiB: at most 64 of them wait.
const WEIGHT_KIB_MIN: u32 = 512;

/// The place of a message among those that wait for the driver; free when it is dropped.
#[derive(Debug)]
pub struct Place(OwnedSemaphorePermit);

impl Place {
    /// Makes room for another message.
    pub fn free(self) {
        drop(self.0);
    }
}

/// Reads what peers send until the network ends.
#[derive(Clone, Debug)]
pub struct Pump {
    driver: DriverHandle,
    peers: Arc<PeerBook>,
    bars: Arc<Bars>,
    asked: Arc<Asked>,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
}

impl Pump {
    /// Puts it together.
    #[must_use]
    pub fn new(
        driver: DriverHandle,
        peers: Arc<PeerBook>,
        bars: Arc<Bars>,
        asked: Arc<Asked>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let places = usize::try_from(WAITING_KIB_MAX).unwrap_or(usize::MAX);
        Self { driver, peers, bars, asked, metrics, places: Arc::new(Semaphore::new(places)) }
    }

    /// Runs until the network ends.
    pub async fn run(self, mut events: NetworkEvents) {
        while let Some(event) = events.recv().await {
            let peer = match &event {
                NetworkEvent::Connected(peer) | NetworkEvent::Disconnected(peer) | NetworkEvent::Frame { peer, .. } => {
                    peer
                }
            };
            let Some(node) = self.peers.node_id(peer) else {
                continue;
            };
            match event {
                NetworkEvent::Connected(_) => self.deliver(DriverInput::PeerUp(node)).await,
                NetworkEvent::Disconnected(_) => self.deliver(DriverInput::PeerDown(node)).await,
                NetworkEvent::Frame { lane, bytes, .. } => self.read(node, lane, bytes).await,
            }
        }
    }

    async fn read(&self, from: NodeId, lane: Lane, bytes: Bytes) {
        if self.bars.is_barred(&from, Instant::now()) {
            self.metrics.inputs_dropped.inc();
            return;
        }
        if let Some(kind) = AnswerKind::of_bytes(&bytes)
            && !self.asked.take(from, kind, Instant::now())
        {
            self.refuse_unasked(from);
            return;
        }
        let Ok(place) = Arc::clone(&self.places).acquire_many_owned(weight_kib(bytes.len())).await else {
            return;
        };
        let decoded = if bytes.len() > DECODED_HERE_BYTES_MAX {
            // Beside this task: a vote must not wait until a large message is decoded.
            let pump = self.clone();
            tokio::spawn(async move {
                let decoded = tokio::task::spawn_blocking(move || Message::decode(lane.into(), &bytes)).await;
                if let Ok(decoded) = decoded {
                    pump.hand_on(from, decoded, place).await;
                }
            });
            return;
        } else {
            Message::decode(lane.into(), &bytes)
        };
        self.hand_on(from, decoded, place).await;
    }

    /// A large answer that nobody asked for. One or two may be left over from the time before a restart of this node.
    fn refuse_unasked(&self, from: NodeId) {
        self.metrics.inputs_dropped.inc();
        if self.bars.note_malformed(from, Instant::now()) {
            self.metrics.offences.inc();
            warn!(node = %from, offence = ?Offence::Unasked, "a peer keeps sending answers that nobody asked for; it is not listened to for a while");
        }
    }

    async fn hand_on(&self, from: NodeId, decoded: Result<Message, MessageError>, place: OwnedSemaphorePermit) {
        match decoded {
            Ok(message) => {
                self.deliver(DriverInput::Message { from, message: Box::new(message), place: Place(place) }).await;
            }
            Err(error) => {
                self.metrics.messages_malformed.inc();
                if self.bars.note_malformed(from, Instant::now()) {
                    warn!(node = %from, %error, "a peer sends bytes that are no messages; it is not listened to for a while");
                }
            }
        }
    }

    /// Waits for a place in the driver's queue without blocking the runtime.
    async fn deliver(&self, input: DriverInput) {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            input = self.driver.try_deliver(next);
            if input.is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

fn weight_kib(bytes: usize) -> u32 {
    u32::try_from(bytes / 1024).unwrap_or(u32::MAX).clamp(WEIGHT_KIB_MIN, WAITING_KIB_MAX)
}

#[cfg(test)]
mod tests;
