//! The queue of the pool.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use quancheng_types::{SignedBatch, SignedTransaction, TransactionError, TransactionId, ValidatorId};
use tokio::sync::oneshot;

use crate::budget::ByteShare;
use crate::turns::Turns;

/// Transactions that may wait for a check at the door. Past it the door answers "overloaded".
const TRANSACTIONS_WAITING_MAX: usize = 50_000;
/// Transactions of several requests taken as one job.
const TRANSACTIONS_PER_JOB: usize = 512;

/// A request of the door.
pub(super) struct Request {
    pub(super) transactions: Arc<Vec<SignedTransaction>>,
    pub(super) answer: oneshot::Sender<Vec<Result<TransactionId, TransactionError>>>,
    pub(super) _share: Arc<ByteShare>,
}

pub(super) enum Job {
    Batch(Arc<SignedBatch>),
    Transactions(Vec<Request>),
}

#[derive(Default)]
struct Inner {
    batches: Turns<ValidatorId, Arc<SignedBatch>>,
    requests: VecDeque<Request>,
    waiting: usize,
    batch_is_next: bool,
    stopped: bool,
}

/// Batches and requests take turns, so that neither starves the other, and so do the authors of batches: one that sends many large
/// ones delays an acknowledgement of another by one batch. The engine bounds the number of batches (`AUTHOR_CHECKS_MAX` per
/// author), this queue bounds the transactions of requests.
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

    /// `false` when too many wait or the pool has stopped.
    pub(super) fn push_transactions(&self, request: Request) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.stopped || inner.waiting + request.transactions.len() > TRANSACTIONS_WAITING_MAX {
            return false;
        }
        inner.waiting += request.transactions.len();
        inner.requests.push_back(request);
        drop(inner);
        self.wake.notify_one();
        true
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
            let takes_batch = inner.batch_is_next || inner.requests.is_empty();
            inner.batch_is_next = !inner.batch_is_next;
            if takes_batch && let Some((_, batch)) = inner.batches.pop() {
                return Some(Job::Batch(batch));
            }
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
        while let Some(request) = inner.requests.pop_front() {
            inner.waiting -= request.transactions.len();
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
