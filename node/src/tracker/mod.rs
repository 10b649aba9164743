//! What clients wait for: how far each transaction admitted here has come, and the stream of certified results.
//!
//! Only transactions admitted here and not yet executed are remembered; everything older is answered from the store.

mod quotas;
mod recent;
mod restore;
#[cfg(test)]
mod tests;
mod waiters;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use quancheng_types::{Block, Height, Receipt, TransactionId};
use tokio::sync::{broadcast, watch};

use crate::api::backend::CertifiedBlock;
use crate::fair::{ClientAddress, Sender, Senders};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
pub use quotas::{ClaimLimits, QuotaFull};
use quotas::{Holder, Quotas};
use recent::Recent;
use waiters::Waiters;
pub use waiters::{Seen, Waiter};

/// Certified blocks a slow subscriber may lag behind before it misses some.
const SUBSCRIBER_LAG_MAX: usize = 256;
/// How long an expired transaction is still reported as expired, ms of block time.
const EXPIRED_KEPT_MS: u64 = 10 * 60 * 1000;

#[derive(Debug)]
struct Entry {
    /// Whose quotas it counts against, on each level.
    holders: Vec<Holder>,
    weight: u64,
    admitted_at: Instant,
    valid_until_ms: u64,
    ordered: Option<Height>,
    waiters: Waiters,
    /// Ends when it is known whether the transaction is taken; `None` once it is durable here.
    outcome: Option<Outcome>,
}

/// Ends (its sender is dropped) when the submission that claimed a transaction is over: then the transaction is durable here, or its
/// claim was given back.
pub type Outcome = watch::Receiver<()>;

/// A claim that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The transaction.
    pub id: TransactionId,
    /// Who submits it.
    pub address: ClientAddress,
    /// Its weight.
    pub weight: u64,
    /// Last block time at which it may run, ms.
    pub valid_until_ms: u64,
    /// The submission.
    pub outcome: &'a Outcome,
}

/// What a claim met.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Nothing: the transaction is this submission's.
    New,
    /// It is durable here.
    Durable,
    /// Another submission has it and has not come to an end.
    Pending(Outcome),
}

/// How far a transaction admitted here has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Durable here, not ordered.
    Admitted,
    /// In the final block of this height.
    Ordered(Height),
    /// Its time passed before it was ordered.
    Expired,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<TransactionId, Entry>,
    quotas: Quotas,
    expiry: BTreeMap<(u64, TransactionId), ()>,
    uncertified: BTreeMap<Height, Done>,
    recent: Recent,
    block_time_ms: u64,
    executed: Height,
    /// Newest height up to which a final header certifies results and all that it certifies is executed here: a proof under that header needs all of it.
    certified: Height,
    /// The same of headers that certify more than is executed here yet, fewer than the parameter `execution_lag_max` but for a node that catches up.
    ahead: BTreeSet<Height>,
}

impl Inner {
    /// Takes in the headers that certify nothing but what is executed.
    fn advance(&mut self) {
        while let Some(first) = self.ahead.first().copied().filter(|first| *first <= self.executed) {
            self.ahead.pop_first();
            self.certified = self.certified.max(first);
        }
    }
}

#[derive(Debug)]
struct Done {
    time_ms: u64,
    receipts: Weak<Vec<Receipt>>,
    admitted_at: Vec<Instant>,
}

/// Shared by admission, driver, executor and API.
#[derive(Debug)]
pub struct Tracker {
    inner: Mutex<Inner>,
    certified: watch::Sender<Height>,
    executed: watch::Sender<Height>,
    events: broadcast::Sender<Arc<CertifiedBlock>>,
    senders: Arc<Senders>,
    metrics: Arc<Metrics>,
}

impl Tracker {
    /// Starts at what the store holds.
    #[must_use]
    pub fn new(executed: Height, certified: Height, block_time_ms: u64, metrics: Arc<Metrics>) -> Self {
        let inner = Inner { block_time_ms, executed, certified, ..Inner::default() };
        Self {
            inner: Mutex::new(inner),
            certified: watch::Sender::new(certified),
            executed: watch::Sender::new(executed),
            events: broadcast::Sender::new(SUBSCRIBER_LAG_MAX),
            senders: Arc::default(),
            metrics,
        }
    }

    /// Who sent what was executed of late.
    pub(crate) fn senders(&self) -> &Arc<Senders> {
        &self.senders
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a place for a transaction before its signatures are checked, for a submission that ends with `outcome`. It counts against the
    /// client's address alone, for anyone can name any account. Nobody is told that it is admitted before [`Self::stored`].
    ///
    /// # Errors
    /// [`QuotaFull`] when the address or the node has too many waiting.
    pub fn claim(&self, request: &Request<'_>, limits: &ClaimLimits) -> Result<Claim, QuotaFull> {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(&request.id) {
            return Ok(match &entry.outcome {
                None => Claim::Durable,
                // Its submission ended without a word: it was cut off. The claim passes on.
                Some(pending) if pending.has_changed().is_err() => {
                    entry.outcome = Some(request.outcome.clone());
                    Claim::New
                }
                Some(pending) => Claim::Pending(pending.clone()),
            });
        }
        if inner.entries.len() >= limits.total {
            return Err(QuotaFull::Node);
        }
        let holder = Holder::Address(request.address);
        inner.quotas.add(&holder, request.weight, limits)?;
        let entry = Entry {
            holders: vec![holder],
            weight: request.weight,
            admitted_at: Instant::now(),
            valid_until_ms: request.valid_until_ms,
            ordered: None,
            waiters: Waiters::default(),
            outcome: Some(request.outcome.clone()),
        };
        inner.entries.insert(request.id, entry);
        inner.expiry.insert((request.valid_until_ms, request.id), ());
        self.metrics.pending.set(u64::try_from(inner.entries.len()).unwrap_or(u64::MAX));
        Ok(Claim::New)
    }

    /// Counts a claimed transaction against its account and class, once its signatures are checked.
    ///
    /// # Errors
    /// [`QuotaFull`]; the claim stands until it is released.
    pub fn charge(&self, id: &TransactionId, sender: &Sender, limits: &ClaimLimits) -> Result<(), QuotaFull> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(entry) = inner.entries.get_mut(id) else {
            // Executed meanwhile, through another validator.
            return Ok(());
        };
        for holder in [Holder::Account(sender.account), Holder::Class(sender.class.clone())] {
            if !entry.holders.contains(&holder) {
                inner.quotas.add(&holder, entry.weight, limits)?;
                entry.holders.push(holder);
            }
        }
        Ok(())
    }

    /// Notes that claimed transactions are durable here.
    pub fn stored(&self, ids: &[TransactionId]) {
        let mut inner = self.lock();
        for id in ids {
            if let Some(entry) = inner.entries.get_mut(id) {
                entry.outcome = None;
            }
        }
    }

    /// Gives a place back: the transaction was not taken after all.
    pub fn release(&self, id: &TransactionId) {
        let mut inner = self.lock();
        if let Some(entry) = inner.remove(id) {
            entry.waiters.finish();
        }
    }

    /// A block is final and durable: its transactions are ordered.
    pub fn ordered(&self, ledger: &Ledger, block: &Block) {
        let height = block.header.height;
        for reference in &block.batches {
            // Data that is not here yet holds no transaction admitted here: own batches are always here.
            let Some(batch) = ledger.cached_batch(&reference.header.id()) else {
                continue;
            };
            let mut inner = self.lock();
            for transaction in &batch.batch.transactions {
                if inner.entries.is_empty() {
                    break;
                }
                if let Some(entry) = inner.entries.get_mut(&transaction.id()) {
                    entry.ordered = Some(height);
                    self.metrics.order_seconds.observe(entry.admitted_at.elapsed().as_secs_f64());
                    entry.waiters.ordered();
                }
            }
        }
    }

    /// A height is executed and its results can be read.
    pub fn executed(&self, height: Height, time_ms: u64, receipts: Arc<Vec<Receipt>>) {
        let mut inner = self.lock();
        inner.block_time_ms = inner.block_time_ms.max(time_ms);
        let mut admitted_at = Vec::new();
        for (at, receipt) in receipts.iter().enumerate() {
            if let Some(entry) = inner.remove(&receipt.transaction_id) {
                admitted_at.push(entry.admitted_at);
                let seen = Seen { height, time_ms, receipts: Arc::downgrade(&receipts), at };
                entry.waiters.executed(receipt.transaction_id, &seen);
            }
        }
        inner.expire();
        self.metrics.pending.set(u64::try_from(inner.entries.len()).unwrap_or(u64::MAX));
        let kept = Arc::downgrade(&receipts);
        inner.recent.keep(receipts);
        inner.uncertified.insert(height, Done { time_ms, receipts: kept, admitted_at });
        self.metrics.executed_height.set(height.0);
        inner.executed = inner.executed.max(height);
        inner.advance();
        let certified = self.publish(&mut inner);
        drop(inner);
        self.executed.send_replace(height);
        self.wake_certified(certified);
    }

    /// A final, durable header certifies the results up to `executed_height`.
    pub fn certified(&self, _height: Height, executed_height: Height, time_ms: u64) {
        let mut inner = self.lock();
        inner.block_time_ms = inner.block_time_ms.max(time_ms);
        inner.ahead.insert(executed_height);
        inner.advance();
        let certified = self.publish(&mut inner);
        drop(inner);
        self.wake_certified(certified);
    }

    /// Tells subscribers of what is certified, and up to where that is.
    fn publish(&self, inner: &mut Inner) -> Height {
        let certified = inner.certified;
        self.metrics.certified_height.set(certified.0);
        while let Some(first) = inner.uncertified.first_entry() {
            if *first.key() > certified {
                break;
            }
            let (height, done) = first.remove_entry();
            for admitted_at in done.admitted_at {
                self.metrics.certify_seconds.observe(admitted_at.elapsed().as_secs_f64());
            }
            let block =
                CertifiedBlock { height, executed_height: height, time_ms: done.time_ms, receipts: done.receipts };
            // Nobody may be listening.
            let _ = self.events.send(Arc::new(block));
        }
        certified
    }

    fn wake_certified(&self, height: Height) {
        self.certified.send_if_modified(|old| {
            let grows = height > *old;
            *old = height.max(*old);
            grows
        });
    }

    /// Where a transaction admitted here stands; `None` when it is executed, was never here, or is not durable yet.
    #[must_use]
    pub fn progress(&self, id: &TransactionId) -> Option<Progress> {
        let inner = self.lock();
        let entry = inner.entries.get(id)?;
        Some(match entry.ordered {
            Some(height) => Progress::Ordered(height),
            None if entry.outcome.is_some() => return None,
            None if entry.valid_until_ms < inner.block_time_ms => Progress::Expired,
            None => Progress::Admitted,
        })
    }

    /// A waiter that is done when every one of `ids` that waits here is ordered (or executed).
    #[must_use]
    pub fn waiter(&self, ids: &[TransactionId], until_ordered: bool) -> Arc<Waiter> {
        let mut inner = self.lock();
        let waits = |entry: &Entry| !(until_ordered && entry.ordered.is_some());
        let count = ids.iter().filter(|id| inner.entries.get(id).is_some_and(waits)).count();
        let waiter = Arc::new(Waiter::new(count));
        for id in ids {
            if let Some(entry) = inner.entries.get_mut(id)
                && waits(entry)
            {
                entry.waiters.push(until_ordered, &waiter);
            }
        }
        waiter
    }

    /// The newest height that is executed here and certified.
    #[must_use]
    pub fn watch_certified(&self) -> watch::Receiver<Height> {
        self.certified.subscribe()
    }

    /// The newest height executed here.
    #[must_use]
    pub fn watch_executed(&self) -> watch::Receiver<Height> {
        self.executed.subscribe()
    }

    /// Certified results from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CertifiedBlock>> {
        self.events.subscribe()
    }

    /// Time of the newest block.
    #[must_use]
    pub fn block_time_ms(&self) -> u64 {
        self.lock().block_time_ms
    }

    /// Transactions admitted here and not yet executed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().entries.len()
    }
}

impl Inner {
    fn remove(&mut self, id: &TransactionId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.expiry.remove(&(entry.valid_until_ms, *id));
        for holder in &entry.holders {
            self.quotas.remove(holder, entry.weight);
        }
        Some(entry)
    }

    /// Wakes those who wait for a transaction that can no longer run, and forgets it after a while.
    fn expire(&mut self) {
        let Some(oldest) = self.block_time_ms.checked_sub(EXPIRED_KEPT_MS) else {
            return;
        };
        while let Some((&(valid_until_ms, id), ())) = self.expiry.first_key_value() {
            if valid_until_ms >= oldest {
                break;
            }
            if let Some(entry) = self.remove(&id) {
                entry.waiters.finish();
            }
        }
    }
}
