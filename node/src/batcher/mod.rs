//! Packs admitted transactions into batches: full, or after a short wait. A batch is durable before anyone hears of it: only then
//! are its transactions "admitted", and only then does the driver offer it to the other validators.
//!
//! While as many own batches are in flight as the chain allows, the next one grows instead of being sent: load makes batches
//! larger, not more numerous.

use std::sync::Arc;
use std::time::Duration;

use quancheng_types::{Batch, ChainId, List, SignedTransaction, SigningKey, limits};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

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
    /// Told when all of them are durable.
    pub stored: oneshot::Sender<Result<(), LedgerError>>,
}

/// Packets that may wait for the batcher.
const QUEUE_LENGTH: usize = 4096;
/// Own batches that may be on their way to the disk at a time.
const WRITES_MAX: usize = 4;

/// When a batch is sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealRules {
    /// At this many bytes.
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

#[derive(Default)]
struct Open {
    transactions: Vec<SignedTransaction>,
    stored: Vec<oneshot::Sender<Result<(), LedgerError>>>,
    bytes: u32,
    since: Option<Instant>,
}

/// Runs until the queue closes.
pub async fn run(mut parts: BatcherParts, mut queue: mpsc::Receiver<Packet>) {
    let mut open = Open::default();
    let writes = Arc::new(tokio::sync::Semaphore::new(WRITES_MAX));
    loop {
        let rules = *parts.rules.borrow();
        let is_free = *parts.in_flight.borrow_and_update() < rules.in_flight && writes.available_permits() > 0;
        let is_full =
            open.bytes >= rules.bytes || open.transactions.len() >= limits::BATCH_TRANSACTIONS_MAX as usize / 2;
        let due = open.since.map(|since| since + rules.wait);
        if is_free && (is_full || due.is_some_and(|due| due <= Instant::now())) {
            seal(&mut parts, &mut open, &writes);
            continue;
        }
        let timer = async {
            match due {
                Some(due) if is_free => tokio::time::sleep_until(due).await,
                // Not free: the change of `in_flight` wakes us, or a finished write at the latest after a wait.
                Some(_) => tokio::time::sleep(rules.wait.max(Duration::from_millis(5))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            packet = queue.recv(), if !is_full => match packet {
                Some(packet) => add(&mut open, packet, &rules, &mut parts, &writes),
                None => break,
            },
            changed = parts.in_flight.changed() => if changed.is_err() { break },
            () = timer => {}
        }
    }
    // What was never sealed was never acknowledged; its senders learn that the node stops.
}

fn add(
    open: &mut Open,
    packet: Packet,
    rules: &SealRules,
    parts: &mut BatcherParts,
    writes: &Arc<tokio::sync::Semaphore>,
) {
    // A packet that does not fit beside the others closes the batch first; `bytes` of one packet is bounded by the door.
    let over = u64::from(open.bytes) + u64::from(packet.bytes) > u64::from(limits::BATCH_BYTES_MAX)
        || open.transactions.len() + packet.transactions.len() > limits::BATCH_TRANSACTIONS_MAX as usize;
    if over && !open.transactions.is_empty() {
        seal(parts, open, writes);
    }
    if packet.bytes > rules.bytes {
        return split(open, packet, parts, writes);
    }
    open.since.get_or_insert_with(Instant::now);
    open.bytes = open.bytes.saturating_add(packet.bytes);
    open.transactions.extend(packet.transactions);
    open.stored.push(packet.stored);
}

/// A packet larger than a batch: fills several; it is stored when the last one is.
fn split(open: &mut Open, packet: Packet, parts: &mut BatcherParts, writes: &Arc<tokio::sync::Semaphore>) {
    let rules = *parts.rules.borrow();
    let mut waits = Vec::new();
    for transaction in packet.transactions {
        let bytes = u32::try_from(transaction.encode().len()).unwrap_or(u32::MAX);
        if open.bytes.saturating_add(bytes) > rules.bytes && !open.transactions.is_empty() {
            let (done, wait) = oneshot::channel();
            open.stored.push(done);
            waits.push(wait);
            seal(parts, open, writes);
        }
        open.since.get_or_insert_with(Instant::now);
        open.bytes = open.bytes.saturating_add(bytes);
        open.transactions.push(transaction);
    }
    let (done, wait) = oneshot::channel();
    open.stored.push(done);
    waits.push(wait);
    tokio::spawn(async move {
        let mut result = Ok(());
        for wait in waits {
            result = result.and(wait.await.unwrap_or(Err(LedgerError::WriterPanicked)));
        }
        let _ = packet.stored.send(result);
    });
}

fn seal(parts: &mut BatcherParts, open: &mut Open, writes: &Arc<tokio::sync::Semaphore>) {
    let Open { transactions, stored, .. } = std::mem::take(open);
    let Ok(transactions) = List::new(transactions) else {
        return;
    };
    if transactions.is_empty() {
        return;
    }
    let batch = Arc::new(Batch { transactions }.sign(parts.chain_id, parts.next_sequence, &parts.key));
    parts.next_sequence += 1;
    parts.metrics.batches_sealed.inc();
    let (writer, driver) = (parts.writer.clone(), parts.driver.clone());
    let permit = Arc::clone(writes).try_acquire_owned().ok();
    tokio::spawn(async move {
        let result = writer.store_own(Arc::clone(&batch)).await;
        let result = result.and_then(|()| {
            // The queue of the driver is drained by a thread; a full one is a matter of microseconds.
            let told = tokio::task::block_in_place(|| driver.deliver(DriverInput::LocalBatch { batch }));
            if told { Ok(()) } else { Err(LedgerError::WriterPanicked) }
        });
        drop(permit);
        for done in stored {
            let _ = done.send(result.clone());
        }
    });
}
