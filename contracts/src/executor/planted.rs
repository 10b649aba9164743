//! Deliberate faults, one at a time, that the simulator must notice (feature `planted-bugs`). Without the feature every question
//! below is answered "no" at compile time.

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
                | PlantedBug::DuplicateExecutedTwice,
            )
            | None => time_ms,
        }
    }

    pub(super) fn order(self, indexes: &mut [u32]) {
        if let Some(PlantedBug::UnorderedIteration { node_seed }) = self.bug {
            indexes.sort_by_key(|index| (u64::from(*index) ^ node_seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
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

    pub(super) const fn order(self, _indexes: &mut [u32]) {}
}
