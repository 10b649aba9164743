//! What a restarted node knows at once of transactions that were admitted before, and what becomes of them when it leaves the set.

use std::time::Instant;

use quancheng_contracts::weight::transaction_weight;
use quancheng_types::{Height, SignedBatch, TransactionId};

use super::waiters::Waiters;
use super::{Entry, Holder, Tracker};

impl Tracker {
    /// Enters the transactions of an own batch that is durable: not ordered, or ordered at a height that is not executed here. Those that
    /// `is_executed` names, which came by another batch, are not entered.
    pub fn restore(
        &self,
        batch: &SignedBatch,
        ordered: Option<Height>,
        is_executed: impl Fn(&TransactionId, u64) -> bool,
    ) {
        let mut inner = self.lock();
        for transaction in &batch.batch.transactions {
            let id = transaction.id();
            let Some(account) = transaction.body.sender() else {
                continue;
            };
            let valid_until_ms = transaction.body.valid_until_ms;
            if inner.entries.contains_key(&id) || is_executed(&id, valid_until_ms) {
                continue;
            }
            let admitted_at = Instant::now();
            let weight = transaction_weight(transaction);
            // From where it came, and for which organization it acted then, is forgotten.
            let holder = Holder::Account(account);
            inner.quotas.note(&holder, weight);
            let (holders, waiters) = (vec![holder], Waiters::default());
            let entry = Entry { holders, weight, admitted_at, valid_until_ms, ordered, waiters, outcome: None };
            inner.entries.insert(id, entry);
            inner.expiry.insert((valid_until_ms, id), ());
        }
        self.metrics.pending.set(u64::try_from(inner.entries.len()).unwrap_or(u64::MAX));
    }

    /// This node has left the set: what it admitted and nobody ordered, nobody will. It is unknown from now on, so that clients turn to
    /// another validator. Returns how many there were.
    pub fn abandon_unordered(&self) -> usize {
        let mut inner = self.lock();
        let lost: Vec<_> = inner
            .entries
            .iter()
            .filter(|(_, entry)| entry.ordered.is_none() && entry.outcome.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in &lost {
            if let Some(entry) = inner.remove(id) {
                entry.waiters.finish();
            }
        }
        self.metrics.pending.set(u64::try_from(inner.entries.len()).unwrap_or(u64::MAX));
        lost.len()
    }
}
