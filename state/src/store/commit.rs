use core::borrow::Borrow;
use core::sync::atomic::Ordering;
use std::sync::PoisonError;

use quancheng_proof::state_proof::value_hash;
use quancheng_types::codec::encode;
use quancheng_types::merkle::{self, RootBuilder};
use quancheng_types::{
    BatchId, BlockId, Digest, Height, HistoryLeaf, ModuleId, Receipt, SignedBatch, TransactionId, ValidatorSet,
};

use super::chain::put_set_change;
use super::executed_ids::ExecutedIds;
use super::history::node_key;
use super::receipts::{RECEIPT_GROUP, put_in_group, receipt_key};
use super::{HistoryTip, META_OLDEST, META_TIP, SinceCheckpoint, Store, TipRecord, Writer};
use crate::backend::{Column, Durability, Writes};
use crate::error::{Record, StoreError};
use crate::patch::Patch;
use crate::tree::{ChainHasher, Change, update};

/// Where the bytes of a transaction are: within its batch, which is kept as long as its receipts once executed, so bodies are stored once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLocation {
    /// The batch.
    pub batch: BatchId,
    /// First byte of the signed transaction within the canonical bytes of the batch.
    pub offset_bytes: u32,
    /// Bytes of the signed transaction.
    pub length_bytes: u32,
}

impl BodyLocation {
    /// The places of all transactions of a batch, in order.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] for a batch above `SignedBatch::BYTES_MAX`, which no validator acknowledges.
    pub fn all(batch: &SignedBatch) -> Result<Vec<Self>, StoreError> {
        let id = batch.header.id();
        // Canonical bytes: header, signature, count of transactions (u32), transactions.
        let mut offset = encode(&batch.header).len() + encode(&batch.signature).len() + 4;
        let mut places = Vec::with_capacity(batch.batch.transactions.len());
        for transaction in &batch.batch.transactions {
            let length_bytes = transaction.bytes();
            let Ok(offset_bytes) = u32::try_from(offset) else {
                let found = u64::try_from(offset).unwrap_or(u64::MAX);
                return Err(StoreError::TooLarge {
                    what: "bytes of a batch",
                    found,
                    max: SignedBatch::BYTES_MAX.into(),
                });
            };
            places.push(Self { batch: id, offset_bytes, length_bytes });
            offset += length_bytes as usize;
        }
        Ok(places)
    }
}

/// An executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// What came of it. Its position is its place in [`BlockCommit::executed`].
    pub receipt: Receipt,
    /// Where its bytes are.
    pub body: BodyLocation,
    /// Until when it was valid: with its id, what tells it from every other.
    pub valid_until_ms: u64,
}

impl Executed {
    /// The rows of a block: `receipts` are those of the transactions of `batches` with these indexes, in order.
    ///
    /// # Panics
    /// When an index is beyond the last transaction.
    ///
    /// # Errors
    /// As [`BodyLocation::all`].
    pub fn all<B: Borrow<SignedBatch>>(
        batches: &[B],
        receipts: &[Receipt],
        indexes: &[u32],
    ) -> Result<Vec<Self>, StoreError> {
        let mut bodies = Vec::new();
        for batch in batches.iter().map(Borrow::borrow) {
            let until = batch.batch.transactions.iter().map(|signed| signed.body.valid_until_ms);
            bodies.extend(BodyLocation::all(batch)?.into_iter().zip(until));
        }
        let rows = receipts.iter().zip(indexes).map(|(receipt, index)| {
            let body = bodies.get(*index as usize).copied();
            let (body, valid_until_ms) = body.expect("the executor names transactions that it was given");
            Self { receipt: receipt.clone(), body, valid_until_ms }
        });
        Ok(rows.collect())
    }
}

/// Everything about one executed height.
#[derive(Clone, Debug, Default)]
pub struct BlockCommit {
    /// The height: one above the newest executed.
    pub height: Height,
    /// The block.
    pub block_id: BlockId,
    /// Its time, ms since 1970 UTC.
    pub time_ms: u64,
    /// The writes to the state.
    pub patch: Patch,
    /// The transactions with receipts, in order.
    pub executed: Vec<Executed>,
    /// The batches of the block: no longer pending, and kept from now on.
    pub batches: Vec<BatchId>,
    /// A validator set and the height from which it is in force, when this height decided on one.
    pub set_change: Option<(Height, ValidatorSet)>,
}

impl Store {
    /// Writes the state of height 0 and the first leaf of the history log. `validators` are in force from height 1.
    ///
    /// # Errors
    /// [`StoreError::GenesisExists`] when the store is not empty; [`StoreError`] of the backend.
    pub fn init_genesis(
        &self,
        time_ms: u64,
        patch: Patch,
        validators: &ValidatorSet,
    ) -> Result<HistoryTip, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.tip.is_some() {
            return Err(StoreError::GenesisExists);
        }
        let set_change = Some((Height::GENESIS.next(), validators.clone()));
        self.write_height(&mut writer, BlockCommit { time_ms, patch, set_change, ..BlockCommit::default() })
    }

    /// Writes one executed height: all of it, or after a failure or a crash none of it. Not synced (see the module); begins a checkpoint
    /// when enough was written since the last one.
    ///
    /// # Panics
    /// When a receipt does not carry its place in `executed`: receipts are proved by their place.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] unless the height follows the newest one; [`StoreError::NotExecuted`] before genesis;
    /// [`StoreError`] of the backend, after which the process has to stop.
    pub fn commit(&self, block: BlockCommit) -> Result<HistoryTip, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tip) = &writer.tip else {
            return Err(StoreError::NotExecuted { height: Height::GENESIS, tip: None });
        };
        let expected = tip.leaf.height.next();
        if block.height != expected {
            return Err(StoreError::OutOfOrder { expected, found: block.height });
        }
        self.write_height(&mut writer, block)
    }

    fn write_height(&self, writer: &mut Writer, block: BlockCommit) -> Result<HistoryTip, StoreError> {
        let mut writes = Writes::within(&writer.spare);
        let height = block.height;
        let modules = modules_of(&block.patch);
        let changes = changes_of(block.patch, &mut writes)?;
        let unwritten = &self.shared.unwritten;
        let tree = update::<ChainHasher>(self.backend(), unwritten, &mut writer.cache, height, changes, &mut writes)?;
        if !tree.superseded.is_empty() {
            writes.put(Column::Superseded, height.0.to_be_bytes(), encode(&tree.superseded));
        }

        let receipts_root = put_receipts(height, &block.executed, &mut writes);
        for batch in &block.batches {
            writes.delete(Column::BatchesPending, batch.as_bytes());
        }
        if let Some((from, validators)) = &block.set_change {
            put_set_change(*from, validators, &mut writes);
        }
        let leaf = HistoryLeaf {
            height,
            block_id: block.block_id,
            time_ms: block.time_ms,
            receipts_root,
            state_root: tree.root.hash,
        };
        let log = writer.tip.as_ref().map_or_else(RootBuilder::new, |tip| tip.log.clone());
        let executed_until_ms = self.note_executed(&block.executed);
        let record = put_history(leaf, log, executed_until_ms, &mut writes);
        // All before the write: a reader who sees something of this height finds what was before it, or that it is of a later one.
        self.shared.recent.begin(tree.undo);
        self.note_written(&modules, height);
        self.shared.begun.store(height.0, Ordering::Release);
        writer.since.bytes = writer.since.bytes.saturating_add(writes.bytes());
        writer.since.heights += 1;
        self.shared.backend.write(writes, Durability::Buffered)?;
        self.shared.unwritten.take_over(tree.root, tree.pages);
        writer.cache.take_buckets(tree.buckets);
        let tip = self.publish(writer, record);
        let SinceCheckpoint { bytes, heights } = writer.since;
        let bytes = bytes.saturating_add(self.shared.unwritten.bytes());
        if bytes >= self.options.checkpoint_bytes || heights >= self.options.checkpoint_heights {
            self.write_pages(writer)?;
            self.shared.backend.checkpoint()?;
            writer.since = SinceCheckpoint::default();
        }
        Ok(tip)
    }

    /// Completes an imported height with what its own state says: the validator sets with the heights from which they are in force, and the
    /// greatest `valid_until_ms` that anything executed up to it can have had. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] of an empty store; [`StoreError`] of the backend.
    pub fn complete_import(&self, sets: &[(Height, ValidatorSet)], executed_until_ms: u64) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(record) = writer.tip.as_mut() else {
            return Err(StoreError::NotExecuted { height: Height::GENESIS, tip: None });
        };
        record.executed_until_ms = executed_until_ms;
        let mut writes = Writes::new();
        writes.put(Column::Meta, META_TIP, encode(record));
        for (from, validators) in sets {
            put_set_change(*from, validators, &mut writes);
        }
        self.shared.backend.write(writes, Durability::Buffered)?;
        *self.shared.executed_ids.write().unwrap_or_else(PoisonError::into_inner) = ExecutedIds::new(executed_until_ms);
        drop(writer);
        self.sync()
    }

    /// Writes the pages that are in memory alone, as of the newest height.
    pub(super) fn write_pages(&self, writer: &mut Writer) -> Result<(), StoreError> {
        if let Some(record) = &writer.tip {
            let mut writes = Writes::new();
            self.shared.unwritten.put_all(record.leaf.height, &mut writes);
            self.shared.backend.write(writes, Durability::Buffered)?;
            // Readers look here first, so they leave only now.
            writer.cache.take_pages(self.shared.unwritten.take_pages());
        }
        Ok(())
    }

    fn note_written(&self, modules: &[ModuleId], height: Height) {
        let mut written = self.shared.written.write().unwrap_or_else(PoisonError::into_inner);
        written.extend(modules.iter().map(|module| (*module, height)));
    }

    /// Remembers what is about to be executed, before anybody can read of it; the greatest `valid_until_ms` of all there was.
    fn note_executed(&self, executed: &[Executed]) -> u64 {
        let mut ids = self.shared.executed_ids.write().unwrap_or_else(PoisonError::into_inner);
        for done in executed {
            ids.insert(&done.receipt.transaction_id, done.valid_until_ms);
        }
        ids.until_ms()
    }

    /// Shows a height that is written to readers.
    fn publish(&self, writer: &mut Writer, record: TipRecord) -> HistoryTip {
        let tip = record.tip();
        writer.tip = Some(record);
        *self.shared.tip.write().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        tip
    }
}

/// The modules of whose rows a patch writes some, each once. Rows of indexes never change, so they are none.
fn modules_of(patch: &Patch) -> Vec<ModuleId> {
    let mut modules: Vec<ModuleId> =
        patch.writes().filter(|(key, _)| !key.is_index()).map(|(key, _)| key.module()).collect();
    modules.dedup();
    modules
}

/// The writes of a patch as changes of the tree, ascending by key hash. Rows of indexes are no part of it: they are written as they are.
fn changes_of(patch: Patch, writes: &mut Writes) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::with_capacity(patch.len());
    for (key, value) in patch.into_writes() {
        if key.is_index() {
            let value = value.ok_or_else(|| StoreError::Inconsistent {
                record: Record::Column(Column::Index.name()),
                key: key.as_bytes().to_vec(),
                expected: "a row of an index that is never removed",
            })?;
            writes.put(Column::Index, key.as_bytes(), value);
        } else {
            let value = value.map(|value| (value_hash(&value), value));
            changes.push(Change { key_hash: key.hash(), key, value });
        }
    }
    changes.sort_unstable_by_key(|change| change.key_hash);
    Ok(changes)
}

fn put_receipts(height: Height, executed: &[Executed], writes: &mut Writes) -> Digest {
    let mut tree = RootBuilder::new();
    let (mut groups, mut position) = (Vec::new(), 0_u32);
    for group in executed.chunks(RECEIPT_GROUP as usize) {
        writes.put_with(Column::Receipts, receipt_key(height, position), |bytes| {
            let mut before = None;
            for (number, done) in (position..).zip(group) {
                assert!(
                    done.receipt.position == number,
                    "receipt {number} of height {height} carries another position"
                );
                let start = put_in_group(bytes, before, done);
                before = Some(done.body.batch);
                for (level, hash) in tree.push(merkle::leaf_hash(&bytes[start..])) {
                    if level == RECEIPT_GROUP.trailing_zeros() {
                        groups.extend_from_slice(hash.as_bytes());
                    }
                }
            }
        });
        for done in group {
            put_location(&done.receipt.transaction_id, height, position, writes);
            position += 1;
        }
    }
    if !executed.is_empty() {
        let mut record = tree.size().to_be_bytes().to_vec();
        record.extend_from_slice(&groups);
        writes.put(Column::ReceiptNodes, height.0.to_be_bytes(), record);
    }
    tree.root()
}

fn put_history(leaf: HistoryLeaf, mut log: RootBuilder, executed_until_ms: u64, writes: &mut Writes) -> TipRecord {
    put_leaf(&leaf, &mut log, writes);
    let record = TipRecord { leaf, log, executed_until_ms };
    writes.put(Column::Meta, META_TIP, encode(&record));
    record
}

/// Appends a leaf to the history log.
pub(crate) fn put_leaf(leaf: &HistoryLeaf, log: &mut RootBuilder, writes: &mut Writes) {
    writes.put(Column::HistoryLeaves, leaf.height.0.to_be_bytes(), encode(leaf));
    let index = log.size();
    for (level, hash) in log.push(leaf.leaf_hash()) {
        writes.put(Column::HistoryNodes, node_key(level, index >> level), hash.as_bytes());
    }
}

/// Adds where an executed transaction is.
pub(crate) fn put_location(id: &TransactionId, height: Height, position: u32, writes: &mut Writes) {
    writes.put(Column::TransactionIndex, id.as_bytes(), receipt_key(height, position));
}

/// Makes an imported height the newest one. Of what was executed it is only known here that it was valid for as long as anything can be.
pub(crate) fn put_imported(leaf: HistoryLeaf, log: RootBuilder, writes: &mut Writes) {
    let height = leaf.height.0;
    let record = TipRecord { leaf, log, executed_until_ms: u64::MAX };
    writes.put(Column::Meta, META_TIP, encode(&record));
    writes.put(Column::Meta, META_OLDEST, encode(&height));
}
