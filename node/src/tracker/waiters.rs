//! Requests that wait for transactions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use quancheng_types::{Height, Receipt, TransactionId};
use tokio::sync::Notify;

/// What came of a transaction while somebody waited for it. The receipt is there as long as subscribers are given it from memory: waiting holds
/// nothing of the blocks that went by.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it was executed.
    pub height: Height,
    /// Time of that block, ms since 1970 UTC.
    pub time_ms: u64,
    pub(super) receipts: Weak<Vec<Receipt>>,
    /// Its place among them.
    pub(super) at: usize,
}

impl Seen {
    /// The receipt, unless it has to be read.
    #[must_use]
    pub fn receipt(&self) -> Option<Receipt> {
        let receipts = self.receipts.upgrade()?;
        receipts.get(self.at).cloned()
    }
}

/// One waiting request: woken when all its transactions are executed.
#[derive(Debug, Default)]
pub struct Waiter {
    remaining: AtomicUsize,
    woken: Notify,
    seen: Mutex<BTreeMap<TransactionId, Seen>>,
}

impl Waiter {
    pub(super) fn new(count: usize) -> Self {
        Self { remaining: AtomicUsize::new(count), ..Self::default() }
    }

    /// What was executed while this waited; others are in the store, or nowhere.
    #[must_use]
    pub fn seen(&self) -> BTreeMap<TransactionId, Seen> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TransactionId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, id: TransactionId, seen: &Seen) {
        self.lock().insert(id, seen.clone());
        self.finish_one();
    }

    pub(super) fn finish_one(&self) {
        if self.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.woken.notify_one();
        }
    }

    /// Resolves when nothing remains.
    pub async fn done(&self) {
        if self.remaining.load(Ordering::Acquire) > 0 {
            self.woken.notified().await;
        }
    }
}

/// Requests that wait for one transaction. Those whose client hung up are forgotten, at the latest when they are as many as the others.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    all: Vec<(bool, Weak<Waiter>)>,
    alive_max: usize,
}

impl Waiters {
    pub(super) fn push(&mut self, until_ordered: bool, waiter: &Arc<Waiter>) {
        if self.all.len() >= 2 * self.alive_max.max(2) {
            self.all.retain(|(_, waiter)| waiter.strong_count() > 0);
            self.alive_max = self.all.len();
        }
        self.all.push((until_ordered, Arc::downgrade(waiter)));
    }

    /// Tells those that wait for no more than the order.
    pub(super) fn ordered(&mut self) {
        self.all.retain(|(until_ordered, waiter)| {
            if *until_ordered && let Some(waiter) = waiter.upgrade() {
                waiter.finish_one();
            }
            !until_ordered
        });
    }

    /// Tells all that it is executed.
    pub(super) fn executed(self, id: TransactionId, seen: &Seen) {
        self.all.iter().filter_map(|(_, waiter)| waiter.upgrade()).for_each(|waiter| waiter.see(id, seen));
    }

    pub(super) fn finish(self) {
        self.all.iter().filter_map(|(_, waiter)| waiter.upgrade()).for_each(|waiter| waiter.finish_one());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_hang_up_leave_nothing_behind() {
        let mut waiters = Waiters::default();
        let kept: Vec<Arc<Waiter>> = (0..3).map(|_| Arc::new(Waiter::new(1))).collect();
        for waiter in &kept {
            waiters.push(false, waiter);
        }
        for _ in 0..1000 {
            waiters.push(false, &Arc::new(Waiter::new(1)));
        }
        assert!(waiters.all.len() <= 2 * (kept.len() + 1), "{}", waiters.all.len());
        waiters.finish();
        assert!(kept.iter().all(|waiter| waiter.remaining.load(Ordering::Acquire) == 0));
    }
}
