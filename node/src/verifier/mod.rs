//! Checks signatures of clients: of transactions at the door, and of whole batches of other validators.
//!
//! A pool of threads takes jobs from one queue. Admission jobs that wait together are verified together, since a batch check costs
//! about half of single ones; a batch of a peer is verified in chunks, and when one fails the guilty transaction is found.

mod keys;
mod queue;
mod store_writer;
#[cfg(test)]
mod tests;
mod waste;

use std::sync::Arc;
use std::time::Instant;

use quancheng_consensus::BatchVerdict;
use quancheng_contracts::weight::batch_weight;
use quancheng_types::keys::{BatchItem, PreparedKey, find_invalid, verify_batch};
use quancheng_types::{ChainId, SealedTransaction, SignedBatch, TransactionError, TransactionId};
use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::driver::{DriverHandle, DriverInput};
use crate::fair::{FairShare, Sender};
use crate::ledger::Ledger;
use crate::marks::MarkKeeper;
use crate::metrics::Metrics;
use crate::thread_end::{EndWithProcess, Threads};
use keys::KeyCache;
pub use queue::Verdict;
use queue::{Job, JobQueue};
pub use store_writer::StoreWriter;
use waste::WasteQuota;

/// Signatures verified in one equation. Larger chunks gain little and delay the first answer.
const CHUNK: usize = 512;

/// Gives work to the pool.
#[derive(Clone, Debug)]
pub struct VerifierHandle {
    queue: Arc<JobQueue>,
}

impl VerifierHandle {
    /// Checks a batch of another validator, stores it durably, and tells the driver.
    pub fn check_batch(&self, batch: Arc<SignedBatch>) {
        self.queue.push_batch(batch);
    }

    /// Has form and signatures of transactions of one sender checked. One answer each, in order; `None` when the pool is full or stopped.
    /// Their share of the door's memory is held as long as they wait here, and they are not looked at when the asker has gone.
    pub fn push_transactions(
        &self,
        sender: &Sender,
        transactions: Arc<Vec<SealedTransaction>>,
        share: Arc<FairShare>,
    ) -> Option<oneshot::Receiver<Vec<Verdict>>> {
        self.queue.push_transactions(sender, transactions, share)
    }

    /// Ends the threads after their current jobs.
    pub fn stop(&self) {
        self.queue.stop();
    }
}

/// Starts the pool.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    threads: usize,
    chain_id: ChainId,
    ledger: Arc<Ledger>,
    driver: DriverHandle,
    metrics: Arc<Metrics>,
    marks: MarkKeeper,
    running: &Threads,
) -> std::io::Result<(VerifierHandle, StoreWriter)> {
    let queue = Arc::new(JobQueue::default());
    let keys = Arc::new(KeyCache::default());
    let waste = Arc::new(WasteQuota::new(Arc::clone(&ledger)));
    let writer = StoreWriter::start(ledger, driver.clone(), marks, running)?;
    for number in 0..threads.max(1) {
        let worker = Worker {
            chain_id,
            keys: Arc::clone(&keys),
            waste: Arc::clone(&waste),
            writer: writer.clone(),
            driver: driver.clone(),
            metrics: Arc::clone(&metrics),
        };
        let queue = Arc::clone(&queue);
        running.spawn_behind(&format!("verifier-{number}"), move || {
            let _guard = EndWithProcess("verifier");
            while let Some(job) = queue.pop() {
                worker.run(job);
            }
        })?;
    }
    Ok((VerifierHandle { queue }, writer))
}

struct Worker {
    chain_id: ChainId,
    keys: Arc<KeyCache>,
    waste: Arc<WasteQuota>,
    writer: StoreWriter,
    driver: DriverHandle,
    metrics: Arc<Metrics>,
}

impl Worker {
    fn run(&self, job: Job) {
        match job {
            Job::Batch(batch) => self.check_batch(batch),
            Job::Transactions(requests) => {
                let all: Vec<&SealedTransaction> =
                    requests.iter().flat_map(|request| request.transactions.iter()).collect();
                let mut verdicts = self.check(&all).into_iter();
                for request in requests {
                    let own = verdicts.by_ref().take(request.transactions.len()).collect();
                    // First, so that the asker has the transactions for itself.
                    drop(request.transactions);
                    // The asker may have gone away.
                    let _ = request.answer.send(own);
                }
            }
        }
    }

    fn check_batch(&self, batch: Arc<SignedBatch>) {
        self.metrics.batches_checked.inc();
        let id = batch.header.id();
        let failed = |verdict| {
            self.metrics.batches_invalid.inc();
            // The driver is gone only when the process ends.
            let _ = self.driver.deliver(DriverInput::BatchChecked { batch: id, verdict });
        };
        if !batch.is_consistent() || batch_weight(&batch.batch.transactions) != batch.header.weight {
            return failed(BatchVerdict::Inconsistent);
        }
        let all: Vec<&SealedTransaction> = batch.batch.transactions.iter().collect();
        let verdicts = self.check(&all);
        if let Some(index) = verdicts.iter().position(Result::is_err) {
            return failed(BatchVerdict::InvalidTransaction { index: u32::try_from(index).unwrap_or(u32::MAX) });
        }
        match self.waste.admits(&batch, Instant::now()) {
            Ok(true) => self.writer.store_foreign(batch),
            Ok(false) => {
                let (author, sequence) = (batch.header.author, batch.header.sequence);
                warn!(%author, sequence, "not acknowledged for now: the author brings too much that can have no effect");
                failed(BatchVerdict::NotStored);
            }
            Err(error) => {
                error!(%error, "a batch could not be judged");
                failed(BatchVerdict::NotStored);
            }
        }
    }

    fn check(&self, transactions: &[&SealedTransaction]) -> Vec<Result<TransactionId, TransactionError>> {
        let mut verdicts = Vec::with_capacity(transactions.len());
        for chunk in transactions.chunks(CHUNK) {
            verdicts.extend(self.check_chunk(chunk));
        }
        verdicts
    }

    fn check_chunk(&self, transactions: &[&SealedTransaction]) -> Vec<Result<TransactionId, TransactionError>> {
        let mut verdicts: Vec<Result<TransactionId, TransactionError>> = transactions
            .iter()
            .map(|transaction| transaction.check_form(&self.chain_id).map(|()| transaction.id()))
            .collect();
        let ids: Vec<TransactionId> = transactions.iter().map(|transaction| transaction.id()).collect();
        let mut prepared: Vec<(usize, usize, PreparedKey)> = Vec::with_capacity(transactions.len());
        for (at, transaction) in transactions.iter().enumerate() {
            if verdicts[at].is_err() {
                continue;
            }
            for (index, signature) in transaction.signatures.iter().enumerate() {
                match self.keys.prepare(&signature.public_key) {
                    Ok(key) => prepared.push((at, index, key)),
                    Err(error) => verdicts[at] = Err(TransactionError::Signature { index, error }),
                }
            }
        }
        let items: Vec<BatchItem<'_>> = prepared
            .iter()
            .map(|(at, index, key)| BatchItem {
                key,
                message: ids[*at].as_bytes(),
                signature: &transactions[*at].signatures[*index].signature,
            })
            .collect();
        if verify_batch(&items).is_err() {
            for bad in find_invalid(&items) {
                let (at, index, key) = &prepared[bad];
                let signature = &transactions[*at].signatures[*index].signature;
                if let Err(error) = key.verify(ids[*at].as_bytes(), signature) {
                    verdicts[*at] = Err(TransactionError::Signature { index: *index, error });
                }
            }
        }
        verdicts
    }
}
