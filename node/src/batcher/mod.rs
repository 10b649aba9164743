//! Packs admitted transactions into batches: full, or after a short wait. A batch is durable before anyone hears of it: only then
//! are its transactions "admitted", and only then does the driver offer it to the other validators.
//!
//! While as many own batches are in flight as the chain allows, the next one grows instead of being sent: load makes batches
//! larger, not more numerous.

mod packer;

use std::sync::Arc;
use std::time::Duration;

use quancheng_types::{Batch, ChainId, List, SignedTransaction, SigningKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use self::packer::{Content, Packer};
use crate::admission::Claims;
use crate::budget::ByteShare;
use crate::driver::{DriverHandle, DriverInput};
use crate::ledger::LedgerError;
use crate::metrics::Metrics;
use crate::verifier::StoreWriter;

/// Checked transactions of one request, and who wants to know when they are durable.
#[derive(Debug)]
pub struct Packet {
    /// Checked transactions.
    pub transactions: Vec<SignedTransaction>,
    /// Sum of their canonical lengths.
    pub bytes: u32,
    /// For when all of them are durable.
    pub ticket: Ticket,
}

/// What a packet leaves behind when its transactions are in a batch.
#[derive(Debug)]
pub struct Ticket {
    stored: Stored,
    claims: Claims,
    /// Of the memory of the door, until they are durable.
    _share: Arc<ByteShare>,
}

/// Told whether something is durable.
type Stored = oneshot::Sender<Result<(), LedgerError>>;

impl Ticket {
    /// A ticket, and what resolves with its end.
    #[must_use]
    pub fn new(claims: Claims, share: Arc<ByteShare>) -> (Self, oneshot::Receiver<Result<(), LedgerError>>) {
        let (stored, receiver) = oneshot::channel();
        (Self { stored, claims, _share: share }, receiver)
    }

    /// Whether nobody waits for it any more: the client hung up. As long as its packet is in no batch, it is thrown away.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.stored.is_closed()
    }

    /// Tells whether all is durable; if not, the places in the tracker are given back.
    pub fn end(self, result: Result<(), LedgerError>) {
        match &result {
            Ok(()) => self.claims.stored(),
            Err(_) => drop(self.claims),
        }
        // The client may have gone.
        let _ = self.stored.send(result);
    }
}

/// Packets that may wait for the batcher.
const QUEUE_LENGTH: usize = 4096;
/// Own batches that may be on their way to the disk at a time.
const WRITES_MAX: usize = 4;

/// When a batch is sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealRules {
    /// At this many bytes; a batch never holds more, but for a single transaction that is larger.
    pub bytes: u32,
    /// Or after this wait.
    pub wait: Duration,
    /// Unless this many own batches are in flight.
    pub in_flight: usize,
}

/// Feeds the batcher.
pub type BatcherHandle = mpsc::Sender<Packet>;

/// What the batcher works with.
#[derive(Debug)]
pub struct BatcherParts {
    /// The chain.
    pub chain_id: ChainId,
    /// The validator's key; signs batch headers.
    pub key: SigningKey,
    /// Number of the next batch.
    pub next_sequence: u64,
    /// Rules, which may change with the parameters.
    pub rules: watch::Receiver<SealRules>,
    /// Own batches in flight.
    pub in_flight: watch::Receiver<usize>,
    /// The disk.
    pub writer: StoreWriter,
    /// Told of durable batches.
    pub driver: DriverHandle,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Makes the queue.
#[must_use]
pub fn queue() -> (BatcherHandle, mpsc::Receiver<Packet>) {
    mpsc::channel(QUEUE_LENGTH)
}

/// Runs until the queue closes.
pub async fn run(mut parts: BatcherParts, mut queue: mpsc::Receiver<Packet>) {
    let mut packer = Packer::default();
    let writes = Arc::new(Semaphore::new(WRITES_MAX));
    loop {
        let rules = *parts.rules.borrow();
        let writing = WRITES_MAX - writes.available_permits();
        let is_free = writing < WRITES_MAX && *parts.in_flight.borrow_and_update() + writing < rules.in_flight;
        let is_full = packer.is_full(rules.bytes);
        let due = packer.since().map(|since| since + rules.wait);
        if is_free && (is_full || due.is_some_and(|due| due <= Instant::now())) {
            if let (Some(content), Ok(permit)) = (packer.take(), Arc::clone(&writes).try_acquire_owned()) {
                seal(&mut parts, content, permit);
            }
            continue;
        }
        let timer = async {
            match due {
                Some(due) if is_free => tokio::time::sleep_until(due).await,
                None if !is_full => std::future::pending().await,
                // Not free: the change of `in_flight` wakes us, or a finished write at the latest after a wait.
                Some(_) | None => tokio::time::sleep(rules.wait.max(Duration::from_millis(5))).await,
            }
        };
        tokio::select! {
            packet = queue.recv(), if !is_full => match packet {
                // Its client hung up before it was in a batch.
                Some(packet) if packet.ticket.is_abandoned() => drop(packet),
                Some(packet) => packer.add(packet, rules.bytes, Instant::now()),
                None => break,
            },
            changed = parts.in_flight.changed() => if changed.is_err() { break },
            () = timer => {}
        }
    }
    // What was never sealed was never acknowledged; its senders learn that the node stops.
}

fn seal(parts: &mut BatcherParts, content: Content, permit: OwnedSemaphorePermit) {
    let Content { transactions, stored, .. } = content;
    let transactions = List::new(transactions).expect("the packer closes a batch before it holds too many");
    let batch = Arc::new(Batch { transactions }.sign(parts.chain_id, parts.next_sequence, &parts.key));
    parts.next_sequence += 1;
    parts.metrics.batches_sealed.inc();
    let (writer, driver) = (parts.writer.clone(), parts.driver.clone());
    tokio::spawn(async move {
        let result = writer.store_own(Arc::clone(&batch)).await;
        let result = result.and_then(|()| {
            // The queue of the driver is drained by a thread; a full one is a matter of microseconds.
            let told = tokio::task::block_in_place(|| driver.deliver(DriverInput::LocalBatch { batch }));
            if told { Ok(()) } else { Err(LedgerError::WriterPanicked) }
        });
        drop(permit);
        for waiting in stored {
            waiting.end(&result);
        }
    });
}
