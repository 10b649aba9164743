//! What of the past an operator keeps, and where that begins.

use std::sync::{Mutex, PoisonError};

use quancheng_state::StoreError;
use quancheng_types::codec::encode;
use quancheng_types::{BatchRef, Height};

use super::{Ledger, LedgerError};
use crate::config::StoreSection;

/// Superseded heights removed at one commit when the node prunes: more than one, so that pruning catches up.
const PAST_HEIGHTS: u32 = 4;
/// Blocks removed at one commit, for the same reason; fewer when they are full.
const BLOCK_HEIGHTS: u32 = 16;
/// Blocks that are measured at one commit until it is known how many fit into what the operator allows.
const MEASURED_HEIGHTS: u32 = 256;
/// What a transaction takes beside its bytes, about: receipt, hashes, place.
const RECEIPT_BYTES: u64 = 200;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// How much of the past one operator keeps. Of several bounds of blocks the narrowest counts; without any, all blocks are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Heights of which derived tables can be read; all when `None`.
    pub recent: Option<u64>,
    /// Newest blocks, with their batches and receipts.
    pub blocks: Option<u64>,
    /// Days before the newest block.
    pub days: Option<u32>,
    /// Bytes of blocks, batches and receipts, about, before the engine compresses them.
    pub bytes: Option<u64>,
}

impl Keep {
    /// Whether all blocks are kept.
    const fn is_archive(&self) -> bool {
        self.blocks.is_none() && self.days.is_none() && self.bytes.is_none()
    }
}

impl From<&StoreSection> for Keep {
    fn from(section: &StoreSection) -> Self {
        let bytes = section.keep_mib.map(|mib| mib.saturating_mul(1024 * 1024));
        Self { recent: section.keep_recent, blocks: section.keep_blocks, days: section.keep_days, bytes }
    }
}

/// The lowest heights that this node can tell something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lowest {
    /// Whose block, certificate and batches are here.
    pub block: Height,
    /// Whose receipts are here.
    pub receipt: Height,
    /// All of whose transactions are known by their ids: 1 unless the node joined by a snapshot.
    pub transaction: Height,
}

impl Lowest {
    /// Everything is there from the first block on.
    #[must_use]
    pub const fn archive() -> Self {
        Self { block: Height(1), receipt: Height(1), transaction: Height(1) }
    }
}

/// The newest blocks that fit into so many bytes. Measured backwards from the newest, a few at a time; then it follows the newest.
#[derive(Debug, Default)]
pub(super) struct Fitting {
    /// The blocks from the first up to (and without) the second are measured.
    span: Option<(u64, u64)>,
    bytes: u64,
    /// Whether the block below the span does not fit.
    is_full: bool,
}

impl Fitting {
    /// The lowest height that is to be kept, once that is known.
    fn follow<E>(
        &mut self,
        newest: Height,
        first: Height,
        limit: u64,
        mut size: impl FnMut(Height) -> Result<u64, E>,
    ) -> Result<Option<Height>, E> {
        let (mut low, mut next) = self.span.unwrap_or((newest.0, newest.0));
        while next <= newest.0 {
            self.bytes = self.bytes.saturating_add(size(Height(next))?);
            next += 1;
        }
        for _ in 0..MEASURED_HEIGHTS {
            if self.is_full || low <= first.0 {
                break;
            }
            let more = size(Height(low - 1))?;
            if self.bytes.saturating_add(more) > limit {
                self.is_full = true;
            } else {
                (low, self.bytes) = (low - 1, self.bytes + more);
            }
        }
        while self.bytes > limit && low < newest.0 {
            self.bytes = self.bytes.saturating_sub(size(Height(low))?);
            (low, self.is_full) = (low + 1, true);
        }
        self.span = Some((low, next));
        Ok(self.is_full.then_some(Height(low)))
    }
}

impl Ledger {
    /// The lowest heights that this node can tell something of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lowest(&self) -> Result<Lowest, StoreError> {
        let (receipt, transaction) = (self.store.first_receipt(), self.store.first_indexed());
        Ok(Lowest { block: self.chain.first_block()?, receipt, transaction })
    }

    /// What was read of the block of a height, unless that is below the lowest one here.
    ///
    /// # Errors
    /// [`StoreError::Pruned`]; what the read gave.
    pub fn unless_pruned<T>(&self, height: Height, read: Result<T, StoreError>) -> Result<T, StoreError> {
        // Looked at after the read: what is removed while it is read is told as removed.
        let oldest = self.chain.first_block()?;
        if Height::GENESIS < height && height < oldest { Err(StoreError::Pruned { height, oldest }) } else { read }
    }

    /// Forgets a little of what is older than what is kept.
    pub(super) fn prune(&self, height: Height) -> Result<(), LedgerError> {
        if let Some(oldest) = self.keep.recent.and_then(|keep| height.0.checked_sub(keep)) {
            self.store.prune(Height(oldest), PAST_HEIGHTS)?;
        }
        if self.keep.is_archive() {
            return Ok(());
        }
        let first = self.chain.first_block()?;
        let to = self.kept_from(first, height)?;
        if to > first || self.store.first_receipt() < to {
            self.store.prune_chain(to, BLOCK_HEIGHTS)?;
        }
        Ok(())
    }

    /// The lowest height that is to be kept when `newest` is the newest, as far as one call removes.
    fn kept_from(&self, first: Height, newest: Height) -> Result<Height, LedgerError> {
        let mut from = first;
        if let Some(blocks) = self.keep.blocks {
            from = from.max(Height(newest.next().0.saturating_sub(blocks)));
        }
        if let Some(days) = self.keep.days {
            let oldest_ms = self.store.history_leaf(newest)?.time_ms.saturating_sub(DAY_MS.saturating_mul(days.into()));
            let mut kept = first;
            for _ in 0..BLOCK_HEIGHTS {
                if kept >= newest || self.store.history_leaf(kept)?.time_ms >= oldest_ms {
                    break;
                }
                kept = kept.next();
            }
            from = from.max(kept);
        }
        if let Some(limit) = self.keep.bytes {
            let mut fitting = self.fitting.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = fitting.follow(newest, first, limit, |height| self.bytes_of(height))?;
            from = fits.map_or(from, |fits| from.max(fits));
        }
        Ok(from)
    }

    /// Bytes that a height takes, about.
    fn bytes_of(&self, height: Height) -> Result<u64, StoreError> {
        let Some(decided) = self.block(height)? else {
            return Ok(0);
        };
        let of_batch = |reference: &BatchRef| {
            let receipts = u64::from(reference.header.count).saturating_mul(RECEIPT_BYTES);
            u64::from(reference.header.bytes).saturating_add(receipts)
        };
        let batches: u64 = decided.block.batches.iter().map(of_batch).fold(0, u64::saturating_add);
        Ok(batches.saturating_add(u64::try_from(encode(&decided).len()).unwrap_or(u64::MAX)))
    }
}

/// What [`Ledger::prune`] remembers from one commit to the next.
pub(super) type FittingBlocks = Mutex<Fitting>;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Whatever the sizes, the span is the longest that ends at the newest height and fits, or a little less far back while it is measured.
    #[test]
    fn blocks_that_fit_are_found_backwards_and_followed_forwards() {
        let size = |height: u64| 1 + height * 7 % 13;
        for (start, limit) in [(1_u64, 500_u64), (3_000, 9_000), (3_000, 5), (20, u64::MAX)] {
            let mut fitting = Fitting::default();
            for newest in start..start + 400 {
                let counted = |height: Height| Ok::<_, Infallible>(size(height.0));
                let found = fitting.follow(Height(newest), Height(1), limit, counted).unwrap();
                let (mut low, mut bytes) = (newest, size(newest));
                while low > 1 && bytes + size(low - 1) <= limit {
                    low -= 1;
                    bytes += size(low);
                }
                let measured = u64::from(MEASURED_HEIGHTS) * (newest - start + 1);
                let expected = (low > 1 && newest - low < measured + newest - start).then_some(Height(low));
                assert_eq!(found.is_some(), expected.is_some(), "{start} {limit} {newest}");
                // A span that was full once does not grow back over a small block.
                assert!(found.zip(expected).is_none_or(|(found, best)| found >= best && found.0 <= best.0 + 13));
            }
        }
    }
}
