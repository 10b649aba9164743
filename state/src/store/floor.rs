//! A chain that does not begin at height 1 here: because its operator keeps the newest blocks alone, or because the node joined by a snapshot.
//!
//! | record | part | lowest height |
//! |---|---|---|
//! | `first_block` | chain | whose block, certificate and batches are here |
//! | `first_receipt` | results | whose receipts are here |
//! | `first_indexed` | results | all of whose transactions are known by their ids; never raised by pruning |
//!
//! The two parts crash apart. So each says of itself how far its rows are removed, and readers believe the higher one of receipts: a receipt
//! whose batch is gone is none.

use core::sync::atomic::Ordering;
use std::sync::{PoisonError, TryLockError};

use quancheng_types::codec::encode;
use quancheng_types::{Block, Height};

use super::receipts::group_keys;
use super::{ChainStore, META_TIP, Store, TipRecord, decode_record, read_meta, read_record};
use crate::backend::{Backend, Column, Durability, Writes};
use crate::error::StoreError;

const META_FIRST_BLOCK: &[u8] = b"first_block";
const META_FIRST_RECEIPT: &[u8] = b"first_receipt";
const META_FIRST_INDEXED: &[u8] = b"first_indexed";

/// Where every chain begins that was executed and kept from its genesis on.
const BEGINNING: Height = Height(1);
/// Receipts after which a call removes no further height: about as many as a block has under load.
const RECEIPTS_PER_CALL: usize = 4_096;

/// Says that a store begins at a height, for one that is made out of a snapshot of the state after it: its block, with certificate, is there,
/// its receipts and those before it are not. Every transaction executed from `indexed` on is in the index. Blocks and certificates that name the
/// validators of a later height ([`ChainStore::is_turning_point`]) belong into such a store too. Before the store is opened.
pub fn put_beginning(first_block: Height, indexed: Height, writes: &mut Writes) {
    writes.put(Column::ChainMeta, META_FIRST_BLOCK, encode(&first_block));
    writes.put(Column::Meta, META_FIRST_RECEIPT, encode(&first_block.next()));
    writes.put(Column::Meta, META_FIRST_INDEXED, encode(&indexed));
}

/// The lowest heights whose receipts are here, and all of whose transactions are known by their ids.
pub(super) fn read_floors(backend: &dyn Backend) -> Result<(Height, Height), StoreError> {
    let receipts = recorded_first_receipt(backend)?.max(first_block(backend)?);
    let indexed = read_meta::<Height>(backend, META_FIRST_INDEXED)?.unwrap_or(BEGINNING);
    Ok((receipts, indexed))
}

/// Receipts below are removed from the disk; those from here on may still be waiting for it.
fn recorded_first_receipt(backend: &dyn Backend) -> Result<Height, StoreError> {
    Ok(read_meta::<Height>(backend, META_FIRST_RECEIPT)?.unwrap_or(BEGINNING))
}

fn first_block(backend: &dyn Backend) -> Result<Height, StoreError> {
    Ok(read_record::<Height>(backend, Column::ChainMeta, META_FIRST_BLOCK)?.unwrap_or(BEGINNING))
}

impl ChainStore {
    /// The lowest height whose block, certificate and batches are here. Below it, some blocks with their certificates may be left: the
    /// [turning points](Self::is_turning_point).
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn first_block(&self) -> Result<Height, StoreError> {
        first_block(self.backend())
    }

    /// Whether a block is kept for ever with its certificate: it names other validators for the next height, or some were to be in force then. A
    /// verifier goes from one set of validators to the next by these.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn is_turning_point(&self, block: &Block) -> Result<bool, StoreError> {
        let header = &block.header;
        let next = header.height.next().0.to_be_bytes();
        Ok(header.validators_hash != header.next_validators_hash
            || self.backend().get(Column::SetChanges, &next)?.is_some())
    }

    /// Removes the block of a height with its certificate and its batches, in one write; of a turning point the batches alone.
    fn forget_block(&self, height: Height) -> Result<(), StoreError> {
        let mut writes = Writes::new();
        if let Some(block) = self.block(height)? {
            for reference in &block.batches {
                let id = reference.header.id();
                for column in [Column::Batches, Column::BatchesPending, Column::BatchBlocks] {
                    writes.delete(column, id.as_bytes());
                }
            }
            if !self.is_turning_point(&block)? {
                let key = height.0.to_be_bytes();
                writes.delete(Column::Blocks, key);
                writes.delete(Column::Certificates, key);
            }
        }
        writes.put(Column::ChainMeta, META_FIRST_BLOCK, encode(&height.next()));
        self.backend().write(writes, Durability::Buffered)
    }
}

impl Store {
    /// The lowest height whose receipts are here: that of the lowest block, or a little above it.
    #[must_use]
    pub fn first_receipt(&self) -> Height {
        Height(self.shared.first_receipt.load(Ordering::Acquire))
    }

    /// The lowest height all of whose transactions are known by their ids. 1 unless the node joined by a snapshot: an id that is not known here
    /// may have been executed below.
    #[must_use]
    pub fn first_indexed(&self) -> Height {
        self.shared.first_indexed
    }

    /// Forgets blocks, certificates, batches and receipts of heights below `to`, at most `heights_max` of them in one call and fewer when they are
    /// full, and returns the lowest height whose block is here.
    ///
    /// What is asked too much is left for later: the newest [`super::StoreOptions::blocks_kept_min`] heights, for peers that lag, and whatever a crash
    /// could make necessary again, which is everything from the newest height on whose results are known to be on the disk. While a
    /// [copy](Self::copy) is made nothing is removed, so that its parts fit together.
    ///
    /// Everything else stays: the state and its past, the history log, validator sets, turning points, and the id and place of every
    /// transaction, so that what was executed is never called unknown.
    ///
    /// # Errors
    /// [`StoreError`] of the backend.
    pub fn prune_chain(&self, to: Height, heights_max: u32) -> Result<Height, StoreError> {
        let chain = self.chain();
        let mut block = chain.first_block()?;
        let _pruning = match self.shared.pruning.try_lock() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(block),
        };
        let to = to.min(self.prunable()?);
        // Receipts first: one without its batch would be a damaged store to its reader.
        let mut receipts = recorded_first_receipt(self.backend())?;
        let (mut heights, mut removed) = (0, 0);
        while receipts < to && heights < heights_max && removed < RECEIPTS_PER_CALL {
            removed += self.forget_receipts(receipts)?;
            receipts = receipts.next();
            heights += 1;
        }
        let to = to.min(receipts);
        for _ in 0..heights_max {
            if block >= to {
                break;
            }
            chain.forget_block(block)?;
            block = block.next();
        }
        Ok(block)
    }

    /// The height up to which blocks may go, without it.
    fn prunable(&self) -> Result<Height, StoreError> {
        let Some(durable) = self.backend().durable(Column::Meta, META_TIP)? else {
            return Ok(Height::GENESIS);
        };
        let durable = decode_record::<TipRecord>(Column::Meta, META_TIP, &durable)?.leaf.height;
        let newest = self.tip().map_or(Height::GENESIS, |tip| tip.height());
        // The block of the durable height itself is compared with its results at a start.
        Ok(durable.min(Height(newest.next().0.saturating_sub(self.options.blocks_kept_min))))
    }

    /// Removes the receipts of a height in one write; how many there were.
    fn forget_receipts(&self, height: Height) -> Result<usize, StoreError> {
        // Readers learn first: what they read of that height from here on, they refuse themselves.
        self.shared.first_receipt.fetch_max(height.next().0, Ordering::AcqRel);
        let mut writes = Writes::new();
        let count = self.receipt_count(height)?;
        for key in group_keys(height, count) {
            writes.delete(Column::Receipts, key);
        }
        writes.delete(Column::ReceiptNodes, height.0.to_be_bytes());
        writes.put(Column::Meta, META_FIRST_RECEIPT, encode(&height.next()));
        let bytes = writes.bytes();
        self.shared.backend.write(writes, Durability::Buffered)?;
        // What is removed waits in memory for a checkpoint as what is written does.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.since.bytes = writer.since.bytes.saturating_add(bytes);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// What was read of the receipts of a height, unless they were being removed meanwhile.
    pub(super) fn unless_pruned<T>(&self, height: Height, read: Result<T, StoreError>) -> Result<T, StoreError> {
        let oldest = self.first_receipt();
        // What was read while the height was being pruned counts for nothing, errors included. The genesis never had any.
        if Height::GENESIS < height && height < oldest { Err(StoreError::Pruned { height, oldest }) } else { read }
    }
}
