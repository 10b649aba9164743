//! Answers peers from the store, beside the driver: reading old blocks must never delay a vote.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use quancheng_consensus::message::BlocksRequest;
use quancheng_consensus::{Message, ServeRequest, limits};
use quancheng_types::{BatchId, List, NodeId};
use tracing::warn;

use super::peers::PeerBook;
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::network::NetworkHandle;

/// Requests that may wait. Past it they are dropped; the asker asks another peer.
const QUEUE_LENGTH: usize = 256;

/// Takes requests for the serving thread.
#[derive(Clone, Debug)]
pub struct ServeQueue {
    sender: SyncSender<(NodeId, ServeRequest)>,
    metrics: Arc<Metrics>,
}

impl ServeQueue {
    /// Starts the thread; it ends when the queue is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        ledger: Arc<Ledger>,
        network: NetworkHandle,
        peers: Arc<PeerBook>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<(NodeId, ServeRequest)>(QUEUE_LENGTH);
        std::thread::Builder::new().name("serve".into()).spawn(move || {
            for (to, request) in receiver {
                let Some(peer) = peers.peer_id(&to) else {
                    continue;
                };
                match answers(&ledger, &request) {
                    Ok(messages) => {
                        for message in messages {
                            // A peer that is slow or gone asks again.
                            let _ = network.send(&peer, message.lane().into(), Bytes::from(message.encode()));
                        }
                    }
                    Err(error) => warn!(%error, "cannot serve a peer from the store"),
                }
            }
        })?;
        Ok(Self { sender, metrics })
    }

    /// Enqueues a request, or drops it when too many wait.
    pub fn offer(&self, to: NodeId, request: ServeRequest) {
        if self.sender.try_send((to, request)).is_err() {
            self.metrics.serves_dropped.inc();
        }
    }
}

fn answers(ledger: &Ledger, request: &ServeRequest) -> Result<Vec<Message>, LedgerError> {
    match request {
        ServeRequest::Blocks(request) => Ok(vec![blocks(ledger, request)?]),
        ServeRequest::Batches(ids) => batches(ledger, ids),
    }
}

fn blocks(ledger: &Ledger, request: &BlocksRequest) -> Result<Message, LedgerError> {
    let mut blocks = Vec::new();
    let mut bytes = 0;
    let mut height = request.from;
    while blocks.len() < request.count.min(limits::SYNC_BLOCKS_MAX) as usize && bytes < limits::SYNC_RESPONSE_BYTES {
        let Some(block) = ledger.block(height)? else {
            break;
        };
        bytes += quancheng_types::codec::encode(&block).len();
        blocks.push(block);
        height = height.next();
    }
    Ok(Message::BlocksResponse(List::new(blocks).unwrap_or_default()))
}

fn batches(ledger: &Ledger, ids: &[BatchId]) -> Result<Vec<Message>, LedgerError> {
    let mut messages = Vec::new();
    for id in ids {
        if let Some(batch) = ledger.batch(id)? {
            messages.push(Message::BatchResponse(batch));
        }
    }
    Ok(messages)
}
