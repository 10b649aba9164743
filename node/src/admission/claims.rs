//! Places in the tracker that a submission has claimed.

use std::collections::BTreeSet;
use std::sync::Arc;

use quancheng_types::TransactionId;
use tokio::sync::watch;

use crate::tracker::{Outcome, Tracker};

/// Claims of one submission. They travel with its transactions; what is not durable when this is dropped is given back, whether it was
/// refused, lost, or its client hung up. Those who wait for the same transactions look again then.
#[derive(Debug)]
pub struct Claims {
    tracker: Arc<Tracker>,
    ids: BTreeSet<TransactionId>,
    // Dropped after the places were given back.
    end: watch::Sender<()>,
}

impl Claims {
    pub(crate) fn new(tracker: &Arc<Tracker>) -> Self {
        Self { tracker: Arc::clone(tracker), ids: BTreeSet::new(), end: watch::Sender::new(()) }
    }

    /// Ends with these claims.
    pub(super) fn outcome(&self) -> Outcome {
        self.end.subscribe()
    }

    /// Notes that the tracker gave a place for this transaction.
    pub(super) fn add(&mut self, id: TransactionId) {
        self.ids.insert(id);
    }

    /// Gives one place back.
    pub(super) fn release(&mut self, id: &TransactionId) {
        if self.ids.remove(id) {
            self.tracker.release(id);
        }
    }

    /// The transactions are durable here.
    pub fn stored(mut self) {
        let ids: Vec<TransactionId> = std::mem::take(&mut self.ids).into_iter().collect();
        self.tracker.stored(&ids);
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        for id in &self.ids {
            self.tracker.release(id);
        }
    }
}
