//! The queue of the pool.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use quancheng_types::{AccountId, SealedTransaction, SignedBatch, TransactionError, TransactionId, ValidatorId};
use tokio::sync::oneshot;

use crate::fair::{ClientAddress, FairShare, Fifo, Line as _, Rounds, Sender};
use crate::turns::Turns;

/// Transactions that may wait for a check at the door. Past it the door answers "overloaded".
const TRANSACTIONS_WAITING_MAX: usize = 50_000;
/// Those of one client address among them: nobody has checked whose account they name.
const ADDRESS_WAITING_MAX: usize = TRANSACTIONS_WAITING_MAX / 2;
/// Weight of one check in the turns of clients.
const CHECK_WEIGHT: u64 = 15;
/// Transactions of several requests taken as one job.
const TRANSACTIONS_PER_JOB: usize = 512;

/// Batches that go before the requests that wait. The others wait for their acknowledgement, and what is behind them has been admitted; a
/// request is new work, and authors let out no more batches than the chain orders.
const BATCHES_IN_ROW: usize = 8;

/// What was found of one transaction.
pub type Verdict = Result<TransactionId, TransactionError>;

/// A request of the door.
pub(super) struct Request {
    pub(super) address: ClientAddress,
    pub(super) transactions: Arc<Vec<SealedTransaction>>,
    pub(super) answer: oneshot::Sender<Vec<Verdict>>,
    /// Of the door's memory, as long as they wait here.
    pub(super) _share: Arc<FairShare>,
}

pub(super) enum Job {
    Batch(Arc<SignedBatch>),
    Transactions(Vec<Request>),
}

#[derive(Default)]
struct Inner {
    batches: Turns<ValidatorId, Arc<SignedBatch>>,
    /// In turns of addresses, and of accounts behind one address.
    requests: Rounds<ClientAddress, Rounds<AccountId, Fifo<Request>>>,
    waiting: usize,
    by_address: HashMap<ClientAddress, usize>,
    /// Batches taken since the last requests.
    batches_in_row: usize,
    stopped: bool,
}

/// Batches go first, [`BATCHES_IN_ROW`] of them before one job of requests, so that neither starves the other. The authors of batches take
/// turns: one that sends many large ones delays an acknowledgement of another by one batch. The engine bounds the number of batches
/// (`AUTHOR_CHECKS_MAX` per author), this queue bounds the transactions of requests.
#[derive(Default)]
pub(super) struct JobQueue {
    inner: Mutex<Inner>,
    wake: Condvar,
}

impl std::fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JobQueue")
    }
}

impl JobQueue {
    pub(super) fn push_batch(&self, batch: Arc<SignedBatch>) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).batches.push(batch.header.author, batch);
        self.wake.notify_one();
    }

    /// The answer to come; `None` when too many wait or the pool has stopped.
    pub(super) fn push_transactions(
        &self,
        sender: &Sender,
        transactions: Arc<Vec<SealedTransaction>>,
        share: Arc<FairShare>,
    ) -> Option<oneshot::Receiver<Vec<Verdict>>> {
        let (answer, receiver) = oneshot::channel();
        let count = transactions.len();
        let signatures: usize = transactions.iter().map(|transaction| transaction.signatures.len()).sum();
        let weight = u64::try_from(signatures).unwrap_or(u64::MAX).saturating_mul(CHECK_WEIGHT);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = inner.by_address.get(&sender.address).copied().unwrap_or_default();
        if inner.stopped || inner.waiting + count > TRANSACTIONS_WAITING_MAX || of_address + count > ADDRESS_WAITING_MAX
        {
            return None;
        }
        inner.waiting += count;
        inner.by_address.insert(sender.address, of_address + count);
        let place = (sender.address, (sender.account, ()));
        inner.requests.push(place, Request { address: sender.address, transactions, answer, _share: share }, weight);
        drop(inner);
        self.wake.notify_one();
        Some(receiver)
    }

    pub(super) fn stop(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.wake.notify_all();
    }

    /// The next job; `None` when the pool is to end.
    pub(super) fn pop(&self) -> Option<Job> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if inner.stopped {
                return None;
            }
            let takes_batch = inner.batches_in_row < BATCHES_IN_ROW || inner.requests.is_empty();
            if takes_batch && let Some((_, batch)) = inner.batches.pop() {
                inner.batches_in_row = inner.batches_in_row.saturating_add(1);
                return Some(Job::Batch(batch));
            }
            inner.batches_in_row = 0;
            let requests = Self::take_requests(&mut inner);
            if !requests.is_empty() {
                return Some(Job::Transactions(requests));
            }
            if inner.batches.is_empty() {
                inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn take_requests(inner: &mut Inner) -> Vec<Request> {
        let mut taken = Vec::new();
        let mut count = 0;
        while let Some(request) = inner.requests.pop() {
            inner.waiting -= request.transactions.len();
            if let Some(waiting) = inner.by_address.get_mut(&request.address) {
                *waiting = waiting.saturating_sub(request.transactions.len());
                if *waiting == 0 {
                    inner.by_address.remove(&request.address);
                }
            }
            if request.answer.is_closed() {
                // The client hung up.
                continue;
            }
            count += request.transactions.len();
            taken.push(request);
            if count >= TRANSACTIONS_PER_JOB {
                break;
            }
        }
        taken
    }
}
