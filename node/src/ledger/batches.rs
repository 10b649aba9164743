//! Batches: durable, and the newest ones decoded in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{ChainStore, Durability, Record, StoreError};
use quancheng_types::{BatchId, Block, SignedBatch};

use super::{Ledger, LedgerError};
use crate::limits::BATCH_CACHE_BYTES_MAX;

/// First in, first out: a batch is executed once, soon after it arrives.
#[derive(Debug, Default)]
pub(super) struct BatchCache {
    batches: HashMap<BatchId, Arc<SignedBatch>>,
    order: VecDeque<BatchId>,
    bytes: usize,
}

impl BatchCache {
    fn insert(&mut self, id: BatchId, batch: Arc<SignedBatch>) {
        let bytes = batch.header.bytes as usize;
        if self.batches.insert(id, batch).is_none() {
            self.order.push_back(id);
            self.bytes += bytes;
        }
        while self.bytes > BATCH_CACHE_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, id: &BatchId) {
        if let Some(batch) = self.batches.remove(id) {
            self.bytes = self.bytes.saturating_sub(batch.header.bytes as usize);
        }
    }
}

/// Name of the record of the groups.
const GROUPS_NAME: &str = "batch-groups";
/// Name of the record of [`Ledger::batch_floor`].
const FLOOR_NAME: &str = "batch-floor";

/// Written with every group of batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct GroupsRow {
    /// Number of the group, from 1.
    pub(super) written: u64,
    /// Groups whose mark outside the store was durable by then: a file of marks that knows fewer is an older copy.
    pub(super) marked: u64,
}

impl GroupsRow {
    pub(super) fn read(chain: &ChainStore) -> Result<Self, StoreError> {
        let Some(bytes) = chain.meta(GROUPS_NAME)? else {
            return Ok(Self::default());
        };
        quancheng_types::codec::decode(&bytes, 16).map_err(|error| StoreError::Undecodable {
            record: Record::Column("meta"),
            key: GROUPS_NAME.as_bytes().to_vec(),
            error,
        })
    }
}

impl Ledger {
    /// Least number for an own batch, whatever the windows say: a validator that lost its data folder does not know which numbers it
    /// used. 0 unless one was set.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn batch_floor(&self) -> Result<u64, LedgerError> {
        Ok(floor_of(&self.chain)?)
    }

    /// Sets [`Self::batch_floor`]. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_batch_floor(&self, floor: u64) -> Result<(), StoreError> {
        self.chain.meta_put(FLOOR_NAME, quancheng_types::codec::encode(&floor), Durability::Synced)
    }

    fn batch_cache(&self) -> MutexGuard<'_, BatchCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a group of batches durably, with one sync. Returns the number of the group, which is to be marked outside the store
    /// before anything is said of it.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn put_batches(&self, batches: &[Arc<SignedBatch>]) -> Result<u64, LedgerError> {
        // Held over the write: groups are numbered in the order in which they are written.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let row = GroupsRow { written: groups.saturating_add(1), marked: self.marked.load(Ordering::Acquire) };
        let meta = Some((GROUPS_NAME, quancheng_types::codec::encode(&row)));
        self.write_batches(batches, meta, Durability::Synced)?;
        *groups = row.written;
        Ok(row.written)
    }

    /// Stores a batch that a quorum vouched for. Not synced: it can be fetched again.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn put_certified_batch(&self, batch: Arc<SignedBatch>) -> Result<(), LedgerError> {
        self.write_batches(&[batch], None, Durability::Buffered)
    }

    fn write_batches(
        &self,
        batches: &[Arc<SignedBatch>],
        meta: Option<(&str, Vec<u8>)>,
        durability: Durability,
    ) -> Result<(), LedgerError> {
        let encoded: Vec<Vec<u8>> = batches.iter().map(|batch| batch.encode()).collect();
        let rows: Vec<_> =
            batches.iter().zip(&encoded).map(|(batch, bytes)| (batch.header, bytes.as_slice())).collect();
        self.chain.put_batches_with(&rows, meta, durability)?;
        let mut cache = self.batch_cache();
        for batch in batches {
            cache.insert(batch.header.id(), Arc::clone(batch));
        }
        Ok(())
    }

    /// A batch, if it is among those decoded in memory.
    #[must_use]
    pub fn cached_batch(&self, id: &BatchId) -> Option<Arc<SignedBatch>> {
        self.batch_cache().batches.get(id).cloned()
    }

    /// A stored batch.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn batch(&self, id: &BatchId) -> Result<Option<Arc<SignedBatch>>, StoreError> {
        if let Some(batch) = self.cached_batch(id) {
            return Ok(Some(batch));
        }
        let Some(bytes) = self.chain.batch(id)? else {
            return Ok(None);
        };
        let batch = SignedBatch::decode(&bytes).map_err(|error| StoreError::Undecodable {
            record: Record::Column("batches"),
            key: id.as_bytes().to_vec(),
            error,
        })?;
        Ok(Some(Arc::new(batch)))
    }

    /// Whether a batch is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_batch(&self, id: &BatchId) -> Result<bool, StoreError> {
        self.chain.has_batch(id)
    }

    /// The batches of a block, in order.
    ///
    /// # Errors
    /// [`LedgerError::BatchMissing`].
    pub fn batches_of(&self, block: &Block) -> Result<Vec<Arc<SignedBatch>>, LedgerError> {
        let mut batches = Vec::with_capacity(block.batches.len());
        for reference in &block.batches {
            let batch = reference.header.id();
            batches.push(self.batch(&batch)?.ok_or(LedgerError::BatchMissing { batch })?);
        }
        Ok(batches)
    }

    /// Batches that no committed block names, with their data.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pending_batches(&self) -> Result<Vec<Arc<SignedBatch>>, StoreError> {
        let mut batches = Vec::new();
        for header in self.chain.pending_batches()? {
            batches.extend(self.batch(&header.id())?);
        }
        Ok(batches)
    }

    /// Deletes batches that can never be ordered any more.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn forget_batches(&self, ids: &[BatchId]) -> Result<(), LedgerError> {
        self.chain.delete_batches(ids)?;
        let mut cache = self.batch_cache();
        for id in ids {
            cache.remove(id);
        }
        Ok(())
    }
}

/// The floor of a store, 0 where none was set.
pub(super) fn floor_of(chain: &ChainStore) -> Result<u64, StoreError> {
    let Some(bytes) = chain.meta(FLOOR_NAME)? else {
        return Ok(0);
    };
    quancheng_types::codec::decode(&bytes, 8).map_err(|error| StoreError::Undecodable {
        record: Record::Column("meta"),
        key: FLOOR_NAME.as_bytes().to_vec(),
        error,
    })
}
