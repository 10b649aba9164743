//! Answers peers from the store, beside the driver: reading old blocks must never delay a vote.
//!
//! Peers take turns, one block range or one batch at a time, and nothing is read for a peer that does not take what it asked for
//! before: a peer that asks for all it may costs the others one answer, not the thread.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quancheng_consensus::message::BlocksRequest;
use quancheng_consensus::{Message, ServeRequest, limits};
use quancheng_types::{BatchId, List, NodeId};
use tracing::warn;

use super::peers::PeerBook;
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::network::{Lane, NetworkHandle};
use crate::thread_end::{EndWithProcess, Threads};
use crate::turns::Turns;

/// Answers that may wait, per peer: twice what an honest one has under way. Past it requests are dropped; the asker asks again or
/// asks another.
const WAITING_PER_PEER_MAX: usize = 2 * limits::FETCHES_MAX;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Blocks(BlocksRequest),
    Batch(BatchId),
}

impl Answer {
    const fn lane(self) -> Lane {
        match self {
            Self::Blocks(_) => Lane::Sync,
            Self::Batch(_) => Lane::Data,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting(Mutex<Turns<NodeId, Answer>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Turns<NodeId, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what fits; false when something did not.
    fn push(&self, to: NodeId, answers: impl Iterator<Item = Answer>) -> bool {
        let mut turns = self.lock();
        let mut fits = true;
        for answer in answers {
            fits &= turns.waiting_of(&to) < WAITING_PER_PEER_MAX;
            if fits {
                turns.push(to, answer);
            }
        }
        fits
    }

    fn pop(&self) -> Option<(NodeId, Answer)> {
        self.lock().pop()
    }
}

/// Takes requests for the serving thread.
#[derive(Clone, Debug)]
pub struct ServeQueue {
    waiting: Arc<Waiting>,
    wake: SyncSender<()>,
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
        threads: &Threads,
    ) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel::<()>(1);
        let waiting = Arc::new(Waiting::default());
        let work = Arc::clone(&waiting);
        threads.spawn("serve", move || {
            let _guard = EndWithProcess("serve");
            for () in woken {
                while let Some((to, answer)) = work.pop() {
                    serve(&ledger, &network, &peers, to, answer);
                }
            }
        })?;
        Ok(Self { waiting, wake, metrics })
    }

    /// Enqueues a request, or drops what is too much of it.
    pub fn offer(&self, to: NodeId, request: ServeRequest) {
        let fits = match request {
            ServeRequest::Blocks(request) => self.waiting.push(to, std::iter::once(Answer::Blocks(request))),
            ServeRequest::Batches(ids) => self.waiting.push(to, ids.into_iter().map(Answer::Batch)),
        };
        if !fits {
            self.metrics.serves_dropped.inc();
        }
        // When it is full, the thread is about to look anyway.
        let _ = self.wake.try_send(());
    }
}

fn serve(ledger: &Ledger, network: &NetworkHandle, peers: &PeerBook, to: NodeId, answer: Answer) {
    let Some(peer) = peers.peer_id(&to) else {
        return;
    };
    if !network.takes_more(&peer, answer.lane()) {
        return;
    }
    let message = match answer {
        Answer::Blocks(request) => blocks(ledger, &request).map(Some),
        Answer::Batch(id) => {
            ledger.batch(&id).map(|batch| batch.map(Message::BatchResponse)).map_err(LedgerError::from)
        }
    };
    match message {
        Ok(Some(message)) => {
            // A peer that is slow or gone asks again.
            let _ = network.send(&peer, message.lane().into(), Bytes::from(message.encode()));
        }
        Ok(None) => {}
        Err(error) => warn!(%error, "cannot serve a peer from the store"),
    }
}

fn blocks(ledger: &Ledger, request: &BlocksRequest) -> Result<Message, LedgerError> {
    let mut blocks = Vec::new();
    let mut bytes = 0;
    let mut height = request.from;
    // Of lower blocks the batches are gone: those few that are kept for their certificates help nobody to go on.
    if height < ledger.lowest()?.block {
        return Ok(Message::BlocksResponse(List::default()));
    }
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

#[cfg(test)]
mod tests {
    use quancheng_types::{Digest, Height};

    use super::*;

    /// A block whose batches are gone helps nobody to go on, also where it is kept for its certificate.
    #[test]
    fn blocks_below_the_lowest_are_answered_with_none() {
        let memory = Arc::new(quancheng_state::Memory::new());
        let (options, genesis) = (quancheng_state::StoreOptions::default(), crate::testing::genesis());
        let backend = Arc::clone(&memory) as Arc<dyn quancheng_state::Backend>;
        let ledger = Ledger::over(backend, options, &genesis, crate::ledger::Keep::default(), None).unwrap();
        for height in 1..=8 {
            ledger.put_commits(&[crate::testing::commit(height)]).unwrap();
        }
        let mut writes = quancheng_state::backend::Writes::new();
        quancheng_state::put_beginning(Height(5), Height(1), &mut writes);
        quancheng_state::Backend::write(&*memory, writes, quancheng_state::Durability::Synced).unwrap();
        for (from, expected) in [(1, 0), (4, 0), (5, 4), (8, 1), (9, 0)] {
            let request = BlocksRequest { from: Height(from), count: 64 };
            let Message::BlocksResponse(found) = blocks(&ledger, &request).unwrap() else { panic!("blocks") };
            assert_eq!(found.len(), expected, "from {from}");
        }
    }

    #[test]
    fn a_peer_that_asks_for_much_delays_another_by_one_answer() {
        let waiting = Waiting::default();
        let (greedy, modest) = (NodeId(Digest([1; 32])), NodeId(Digest([2; 32])));
        let batch = |n: usize| Answer::Batch(BatchId(quancheng_types::hash::sha256(&[&n.to_le_bytes()])));
        assert!(waiting.push(greedy, (0..WAITING_PER_PEER_MAX).map(batch)));
        assert!(!waiting.push(greedy, std::iter::once(batch(0))), "enough of one peer");
        let blocks = Answer::Blocks(BlocksRequest { from: Height(1), count: 1 });
        assert!(waiting.push(modest, std::iter::once(blocks)));
        assert_eq!(waiting.pop(), Some((greedy, batch(0))));
        assert_eq!(waiting.pop(), Some((modest, blocks)));
    }
}
