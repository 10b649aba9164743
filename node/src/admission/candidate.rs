//! A transaction on its way through the door.

use quancheng_types::{SealedTransaction, TransactionId};

use crate::batcher::Waiting;
use crate::fair::Sender;

/// A claimed transaction with what is known of it.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Place in the submission.
    pub(super) at: usize,
    pub(super) sender: Sender,
    pub(super) weight: u64,
    pub(super) transaction: SealedTransaction,
}

/// A candidate without its transaction.
#[derive(Debug)]
pub(super) struct About {
    pub(super) at: usize,
    pub(super) id: TransactionId,
    pub(super) sender: Sender,
    weight: u64,
}

impl Candidate {
    pub(super) const fn id(&self) -> TransactionId {
        self.transaction.id()
    }

    /// The transaction beside the rest.
    pub(super) fn split(self) -> (SealedTransaction, About) {
        let Self { at, sender, weight, transaction } = self;
        let id = transaction.id();
        (transaction, About { at, id, sender, weight })
    }

    /// For the line into batches.
    pub(super) fn waiting(self) -> Waiting {
        Waiting { transaction: self.transaction, sender: self.sender, weight: self.weight }
    }
}

impl About {
    pub(super) fn join(self, transaction: SealedTransaction) -> Candidate {
        let Self { at, id: _, sender, weight } = self;
        Candidate { at, sender, weight, transaction }
    }
}
