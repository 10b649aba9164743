//! Requests that wait for transactions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

/// One waiting request: woken when all its transactions are executed.
#[derive(Debug, Default)]
pub struct Waiter {
    remaining: AtomicUsize,
    woken: Notify,
}

impl Waiter {
    pub(super) fn new(count: usize) -> Self {
        Self { remaining: AtomicUsize::new(count), woken: Notify::new() }
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
