//! A transaction on its way through the door.

use quancheng_types::{SignedTransaction, TransactionId};

use crate::batcher::Waiting;
use crate::fair::Sender;

/// A claimed transaction with what is known of it.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Place in the submission.
    pub(super) at: usize,
    pub(super) id: TransactionId,
    pub(super) sender: Sender,
    pub(super) weight: u64,
    pub(super) transaction: SignedTransaction,
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
    /// The transaction beside the rest.
    pub(super) fn split(self) -> (SignedTransaction, About) {
        let Self { at, id, sender, weight, transaction } = self;
        (transaction, About { at, id, sender, weight })
    }

    /// For the line into batches.
    pub(super) fn waiting(self) -> Waiting {
        let bytes = u32::try_from(self.transaction.encode().len()).unwrap_or(u32::MAX);
        Waiting { transaction: self.transaction, sender: self.sender, bytes, weight: self.weight }
    }
}

impl About {
    pub(super) fn join(self, transaction: SignedTransaction) -> Candidate {
        let Self { at, id, sender, weight } = self;
        Candidate { at, id, sender, weight, transaction }
    }
}
