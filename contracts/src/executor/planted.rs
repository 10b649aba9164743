//! Deliberate faults, one at a time, that the simulator must notice (feature `planted-bugs`). Without the feature every question
//! below is answered "no" at compile time.

use quancheng_types::{Receipt, SealedTransaction};

/// One deliberate fault.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// Transactions of a block run in an order that depends on this node's seed, as iteration over an unordered map would give.
    UnorderedIteration {
        /// Different on every node.
        node_seed: u64,
    },
    /// The writes of a refused transaction are kept.
    RefusalLeavesWrites,
    /// The check for already executed ids is left out.
    DuplicateExecutedTwice,
    /// Expiry is judged by a clock of the node instead of the block's time.
    LocalClock {
        /// How far this node's clock is ahead of the block's time, ms.
        ahead_ms: u64,
    },
    /// Expiry is not judged at all.
    ExpiryUnchecked,
    /// Transactions run in order of their ids instead of the order of the block.
    OrderedById,
    /// Receipts are numbered from the last transaction.
    ReceiptsReversed,
    /// The windows of ordered batches are not written.
    WindowsForgotten,
}

/// The fault that this run has, if any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Planted {
    #[cfg(feature = "planted-bugs")]
    pub(super) bug: Option<PlantedBug>,
}

#[cfg(feature = "planted-bugs")]
impl Planted {
    pub(super) fn keeps_refused_writes(self) -> bool {
        self.bug == Some(PlantedBug::RefusalLeavesWrites)
    }

    pub(super) fn skips_duplicate_check(self) -> bool {
        self.bug == Some(PlantedBug::DuplicateExecutedTwice)
    }

    pub(super) fn clock_ms(self, time_ms: u64) -> u64 {
        match self.bug {
            Some(PlantedBug::LocalClock { ahead_ms }) => time_ms.saturating_add(ahead_ms),
            Some(
                PlantedBug::UnorderedIteration { .. }
                | PlantedBug::RefusalLeavesWrites
                | PlantedBug::DuplicateExecutedTwice
                | PlantedBug::ExpiryUnchecked
                | PlantedBug::OrderedById
                | PlantedBug::ReceiptsReversed
                | PlantedBug::WindowsForgotten,
            )
            | None => time_ms,
        }
    }

    pub(super) fn forgets_expiry(self) -> bool {
        self.bug == Some(PlantedBug::ExpiryUnchecked)
    }

    pub(super) fn forgets_windows(self) -> bool {
        self.bug == Some(PlantedBug::WindowsForgotten)
    }

    pub(super) fn order(self, indexes: &mut [u32], transactions: &[&SealedTransaction]) {
        if self.bug == Some(PlantedBug::OrderedById) {
            indexes.sort_by_key(|index| transactions.get(*index as usize).map(|transaction| transaction.id()));
        }
        if let Some(PlantedBug::UnorderedIteration { node_seed }) = self.bug {
            indexes.sort_by_key(|index| (u64::from(*index) ^ node_seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
    }

    pub(super) fn number(self, receipts: &mut [Receipt]) {
        if self.bug == Some(PlantedBug::ReceiptsReversed) {
            for (receipt, position) in receipts.iter_mut().rev().zip(0..) {
                receipt.position = position;
            }
        }
    }
}

#[cfg(not(feature = "planted-bugs"))]
impl Planted {
    pub(super) const fn keeps_refused_writes(self) -> bool {
        false
    }

    pub(super) const fn skips_duplicate_check(self) -> bool {
        false
    }

    pub(super) const fn clock_ms(self, time_ms: u64) -> u64 {
        time_ms
    }

    pub(super) const fn forgets_expiry(self) -> bool {
        false
    }

    pub(super) const fn forgets_windows(self) -> bool {
        false
    }

    pub(super) const fn order(self, _indexes: &mut [u32], _transactions: &[&SealedTransaction]) {}

    pub(super) const fn number(self, _receipts: &mut [Receipt]) {}
}
