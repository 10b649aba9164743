//! Copies of the store: made while it is in use, opened to look at them, and gone on from.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use quancheng_state::Store;
use quancheng_state::backend::{Column, Copied, GoOn};
use quancheng_state_rocks::{LogRecovery, Rocks, RocksOptions};
use quancheng_types::{BatchId, BlockId, Genesis, Height, PublicKey, SignedBatch, ValidatorId};

use super::open::READ_ONLY;
use super::{Keep, Ledger, LedgerError};
use crate::files::Marks;

/// Memory for looking at a copy, bytes.
const LOOK_BYTES: usize = 16 * 1024 * 1024;
/// Files held open while looking at a copy.
const LOOK_FILES: u16 = 64;

impl Ledger {
    /// Copies the store into a folder that is there and empty, while it is in use. What the copy's chain holds beyond its results is executed by
    /// whoever starts from it. A copy that waits for the disk looks whether it is still to `go_on`.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn copy_to(&self, folder: &Path, go_on: GoOn<'_>) -> Result<Copied, LedgerError> {
        Ok(self.store.copy(folder, go_on)?)
    }

    /// Opens a copy to read it; nothing is written into its folder.
    ///
    /// # Errors
    /// [`LedgerError`]: a copy that is damaged, of another chain, or whose results are not those of its blocks.
    pub fn open_copy(folder: &Path, genesis: &Genesis) -> Result<Self, LedgerError> {
        let options = RocksOptions {
            memory_bytes: LOOK_BYTES,
            open_files_max: LOOK_FILES,
            recovery: LogRecovery::WholeLog,
            ..RocksOptions::default()
        };
        let backend = Arc::new(Rocks::open_read_only(folder, &options)?);
        if Store::open(Arc::<Rocks>::clone(&backend), READ_ONLY)?.tip().is_none() {
            return Err(LedgerError::Empty);
        }
        let ledger = Self::over(backend, READ_ONLY, genesis, Keep::default(), None)?;
        ledger.check_results(folder, genesis)?;
        Ok(ledger)
    }

    /// Reads every row of every column, so that the engine compares the checksums of all of them. A copy of a file that was damaged before it was
    /// copied is equal to it.
    ///
    /// # Errors
    /// [`LedgerError::Store`]: the first row that cannot be read.
    pub fn read_all(&self) -> Result<(), LedgerError> {
        for column in Column::ALL {
            let mut cursor = self.backend.cursor(column)?;
            cursor.seek(&[])?;
            while cursor.entry().is_some() {
                cursor.step()?;
            }
        }
        Ok(())
    }

    /// The newest block, and the newest height whose results are there. The block of the genesis has the id of zeros.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn newest(&self) -> Result<(Height, BlockId, Height), LedgerError> {
        let block_id = self.tip()?.map_or_else(BlockId::default, |decided| decided.block.id());
        Ok((self.newest_block(), block_id, self.tip_status().height))
    }

    /// What marks say that fit this store as it is: nothing that it lacks, and no group less than it knows to be marked.
    #[must_use]
    pub fn own_marks(&self) -> Marks {
        let groups = *self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        Marks { has_store: true, height: self.newest_block().0, groups, ..Marks::default() }
    }

    /// Every batch number below was, as far as this store knows, given to a batch of this author.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn used_sequences(&self, author: &ValidatorId) -> Result<u64, LedgerError> {
        let ordered = self.tip.read().unwrap_or_else(PoisonError::into_inner).window(author);
        let mut next = ordered.map_or(0, |window| window.end()).max(self.batch_floor()?);
        for batch in self.pending_batches()?.iter().filter(|batch| batch.header.author == *author) {
            next = next.max(batch.header.sequence.saturating_add(1));
        }
        Ok(next)
    }

    /// Batches of this key that no block of this store names, by their numbers. Only whole ones that the key has signed.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn unordered_batches(&self, key: &PublicKey) -> Result<Vec<Arc<SignedBatch>>, LedgerError> {
        let ordered = self.ordered_unexecuted()?;
        let mut batches = self.pending_batches()?;
        batches.retain(|batch| {
            let header = &batch.header;
            header.author == ValidatorId::of(key)
                && header.chain_id == self.chain_id
                && !ordered.contains(&header.id())
                && batch.is_consistent()
                && key.verify(header.ack_message().as_bytes(), &batch.signature).is_ok()
        });
        batches.sort_by_key(|batch| batch.header.sequence);
        Ok(batches)
    }

    /// Batches that blocks name whose results are not here: still pending, and no longer to be ordered.
    fn ordered_unexecuted(&self) -> Result<BTreeSet<BatchId>, LedgerError> {
        let mut ordered = BTreeSet::new();
        let mut height = self.tip_status().height.next();
        while height <= self.newest_block() {
            let block = self.block(height)?.ok_or(LedgerError::BlockMissing { height })?.block;
            ordered.extend(block.batches.iter().map(|reference| reference.header.id()));
            height = height.next();
        }
        Ok(ordered)
    }
}
