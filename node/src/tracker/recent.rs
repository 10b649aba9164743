//! Receipts that subscribers can take from memory.

use std::collections::VecDeque;
use std::sync::Arc;

use quancheng_types::Receipt;

use super::SUBSCRIBER_LAG_MAX;
use crate::limits::{RECENT_RECEIPT_BYTES_MAX, receipt_bytes};

/// Receipts of the newest blocks, for those who follow the chain: bounded in bytes, whoever lags.
#[derive(Debug, Default)]
pub(super) struct Recent {
    blocks: VecDeque<(Arc<Vec<Receipt>>, usize)>,
    bytes: usize,
}

impl Recent {
    pub(super) fn keep(&mut self, receipts: Arc<Vec<Receipt>>) {
        let bytes = receipts.iter().map(receipt_bytes).sum();
        self.blocks.push_back((receipts, bytes));
        self.bytes += bytes;
        while self.bytes > RECENT_RECEIPT_BYTES_MAX || self.blocks.len() > SUBSCRIBER_LAG_MAX {
            let Some((_, bytes)) = self.blocks.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::{Bytes, Digest, Event, List, ModuleId, Outcome, TransactionId};

    use super::*;

    #[test]
    fn what_is_kept_for_subscribers_is_bounded_in_bytes() {
        let event = Event { module: ModuleId(1), payload: Bytes::new(vec![0; 8192]).unwrap() };
        let receipt = Receipt {
            transaction_id: TransactionId(Digest([1; 32])),
            position: 0,
            outcome: Outcome::Ok,
            events: List::new(vec![event; 32]).unwrap(),
        };
        let mut recent = Recent::default();
        let mut newest = std::sync::Weak::new();
        for _ in 0..4 * RECENT_RECEIPT_BYTES_MAX / receipt_bytes(&receipt) {
            let receipts = Arc::new(vec![receipt.clone()]);
            newest = Arc::downgrade(&receipts);
            recent.keep(receipts);
            assert!(recent.bytes <= RECENT_RECEIPT_BYTES_MAX);
        }
        assert!(newest.upgrade().is_some());
        // A block larger than all of it is not kept at all.
        let count = RECENT_RECEIPT_BYTES_MAX / receipt_bytes(&receipt) + 1;
        recent.keep(Arc::new(vec![receipt; count]));
        assert_eq!((recent.bytes, recent.blocks.len()), (0, 0));
    }
}
