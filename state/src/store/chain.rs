use core::fmt;
use std::sync::Arc;

use quancheng_types::codec::encode;
use quancheng_types::{BatchHeader, BatchId, Block, CommitCertificate, Digest, Height, ValidatorSet};

use super::{decode_record, missing, read_record};
use crate::backend::{Backend, Column, Durability, Writes};
use crate::error::{Record, StoreError};

const META_LAST_BLOCK: &[u8] = b"last_block";

/// Named records of users of the store, apart from its own.
fn user_key(name: &str) -> Vec<u8> {
    [b"user/", name.as_bytes()].concat()
}

/// Adds a validator set and the height from which it is in force.
pub(super) fn put_set_change(from: Height, validators: &ValidatorSet, writes: &mut Writes) {
    let hash = validators.hash();
    writes.put(Column::ValidatorSets, hash.as_bytes(), encode(validators));
    writes.put(Column::SetChanges, from.0.to_be_bytes(), encode(&hash));
}

/// What the driver keeps before execution: final blocks with their certificates, batches, small named records.
///
/// Batches are stored once. They are *pending* until a committed height names them; from then on they hold the bodies of the
/// executed transactions and stay as long as its block.
#[derive(Clone)]
pub struct ChainStore {
    backend: Arc<dyn Backend>,
}

impl ChainStore {
    /// Over the chain's part of a backend, for one who needs no results.
    #[must_use]
    pub fn over(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    pub(super) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Stores a final block with its certificate. Storing the same block again keeps the first certificate.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the certificate is for another block, or another block is final at that height: the
    /// process has to stop. [`StoreError`] of the backend.
    pub fn put_block(
        &self,
        block: &Block,
        certificate: &CommitCertificate,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let (height, id) = (block.header.height, block.id());
        let key = height.0.to_be_bytes();
        let inconsistent = |expected| StoreError::Inconsistent {
            record: Record::Column(Column::Blocks.name()),
            key: key.to_vec(),
            expected,
        };
        if (certificate.height, certificate.block_id) != (height, id) {
            return Err(inconsistent("a certificate for this block"));
        }
        if let Some(stored) = self.certificate(height)? {
            if stored.block_id != id {
                return Err(inconsistent("the block that is already final at this height"));
            }
            return self.backend.write(Writes::new(), durability);
        }
        let mut writes = Writes::new();
        writes.put(Column::Blocks, key, block.encode());
        writes.put(Column::Certificates, key, encode(certificate));
        for reference in &block.batches {
            writes.put(Column::BatchBlocks, reference.header.id().as_bytes(), key);
        }
        if self.last_block()?.is_none_or(|last| last < height) {
            writes.put(Column::ChainMeta, META_LAST_BLOCK, encode(&height));
        }
        self.backend.write(writes, durability)
    }

    /// The final block of a height, if it is stored.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn block(&self, height: Height) -> Result<Option<Block>, StoreError> {
        self.record(Column::Blocks, &height.0.to_be_bytes())
    }

    /// The certificate of the final block of a height, if it is stored.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn certificate(&self, height: Height) -> Result<Option<CommitCertificate>, StoreError> {
        self.record(Column::Certificates, &height.0.to_be_bytes())
    }

    /// The highest height with a stored block.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn last_block(&self) -> Result<Option<Height>, StoreError> {
        self.record(Column::ChainMeta, META_LAST_BLOCK)
    }

    /// Stores batches (header and canonical bytes) in one write. Those already stored stay as they are.
    ///
    /// # Errors
    /// [`StoreError`] of the backend.
    pub fn put_batches(&self, batches: &[(BatchHeader, &[u8])], durability: Durability) -> Result<(), StoreError> {
        self.put_batches_with(batches, None, durability)
    }

    /// As [`Self::put_batches`], with a small named record in the same write.
    ///
    /// # Errors
    /// [`StoreError`] of the backend.
    pub fn put_batches_with(
        &self,
        batches: &[(BatchHeader, &[u8])],
        meta: Option<(&str, Vec<u8>)>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let mut writes = Writes::new();
        if let Some((name, value)) = meta {
            writes.put(Column::ChainMeta, user_key(name), value);
        }
        for (header, bytes) in batches {
            let id = header.id();
            if !self.has_batch(&id)? {
                writes.put(Column::Batches, id.as_bytes(), bytes);
                writes.put(Column::BatchesPending, id.as_bytes(), encode(header));
            }
        }
        self.backend.write(writes, durability)
    }

    /// The canonical bytes of a batch, if it is stored.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn batch(&self, id: &BatchId) -> Result<Option<Vec<u8>>, StoreError> {
        self.backend.get(Column::Batches, id.as_bytes())
    }

    /// Whether a batch is stored.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn has_batch(&self, id: &BatchId) -> Result<bool, StoreError> {
        // Most questions are about new or pending batches: the small column answers without touching the bytes.
        Ok(self.backend.get(Column::BatchesPending, id.as_bytes())?.is_some() || self.batch(id)?.is_some())
    }

    /// The headers of the batches that no committed height names yet: those to offer again after a restart.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn pending_batches(&self) -> Result<Vec<BatchHeader>, StoreError> {
        let mut headers = Vec::new();
        self.walk(Column::BatchesPending, |key, value| {
            headers.push(decode_record(Column::BatchesPending, key, value)?);
            Ok(())
        })?;
        Ok(headers)
    }

    /// The height of the final block that names a batch, unless it was pruned.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn height_of_batch(&self, id: &BatchId) -> Result<Option<Height>, StoreError> {
        let Some(bytes) = self.backend.get(Column::BatchBlocks, id.as_bytes())? else {
            return Ok(None);
        };
        match <[u8; 8]>::try_from(bytes.as_slice()) {
            Ok(height) => Ok(Some(Height(u64::from_be_bytes(height)))),
            Err(_) => Err(StoreError::Inconsistent {
                record: Record::Column(Column::BatchBlocks.name()),
                key: id.as_bytes().to_vec(),
                expected: "a height",
            }),
        }
    }

    /// Deletes pending batches, for those that were never ordered and have expired. The bodies of batches that a final block names are left alone,
    /// whatever the caller says and whether that block is executed or not: they hold its transactions, and peers ask for them. That a batch is still noted as
    /// pending says nothing of that: two who store the same batch at once can leave the note behind when it is executed. Returns how many were deleted.
    ///
    /// # Errors
    /// [`StoreError`] of the backend.
    pub fn delete_batches(&self, ids: &[BatchId]) -> Result<usize, StoreError> {
        let mut writes = Writes::new();
        let mut deleted = 0;
        for id in ids {
            if self.backend.get(Column::BatchesPending, id.as_bytes())?.is_none() {
                continue;
            }
            writes.delete(Column::BatchesPending, id.as_bytes());
            if self.height_of_batch(id)?.is_none() {
                writes.delete(Column::Batches, id.as_bytes());
                deleted += 1;
            }
        }
        self.backend.write(writes, Durability::Buffered)?;
        Ok(deleted)
    }

    /// A validator set by its hash, if it is stored. Sets are results: a committed height stores what it decides
    /// ([`super::BlockCommit::set_change`]).
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn validator_set(&self, hash: &Digest) -> Result<Option<ValidatorSet>, StoreError> {
        self.record(Column::ValidatorSets, hash.as_bytes())
    }

    /// The validator set in force at a height and the height from which it is, as far as known.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn validator_set_at(&self, height: Height) -> Result<Option<(Height, ValidatorSet)>, StoreError> {
        let mut cursor = self.backend.cursor(Column::SetChanges)?;
        cursor.seek_back(&height.0.to_be_bytes())?;
        let Some((key, value)) = cursor.entry() else {
            return Ok(None);
        };
        let (from, hash) = set_change(key, value)?;
        match self.validator_set(&hash)? {
            Some(validators) => Ok(Some((from, validators))),
            None => Err(missing(Column::ValidatorSets, hash.as_bytes())),
        }
    }

    /// All heights from which a new validator set is in force, ascending, with the hash of the set.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn set_changes(&self) -> Result<Vec<(Height, Digest)>, StoreError> {
        let mut changes = Vec::new();
        self.walk(Column::SetChanges, |key, value| {
            changes.push(set_change(key, value)?);
            Ok(())
        })?;
        Ok(changes)
    }

    /// A small named record, if there is one. The record of what the validator signed is not kept here.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.backend.get(Column::ChainMeta, &user_key(name))
    }

    /// Writes a small named record.
    ///
    /// # Errors
    /// [`StoreError`] of the backend.
    pub fn meta_put(&self, name: &str, value: Vec<u8>, durability: Durability) -> Result<(), StoreError> {
        let mut writes = Writes::new();
        writes.put(Column::ChainMeta, user_key(name), value);
        self.backend.write(writes, durability)
    }

    fn record<T: borsh::BorshDeserialize>(&self, column: Column, key: &[u8]) -> Result<Option<T>, StoreError> {
        read_record(self.backend.as_ref(), column, key)
    }

    fn walk(
        &self,
        column: Column,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut cursor = self.backend.cursor(column)?;
        cursor.seek(&[])?;
        while let Some((key, value)) = cursor.entry() {
            visit(key, value)?;
            cursor.step()?;
        }
        Ok(())
    }
}

fn set_change(key: &[u8], value: &[u8]) -> Result<(Height, Digest), StoreError> {
    let Ok(from) = key.try_into().map(u64::from_be_bytes) else {
        return Err(StoreError::Inconsistent {
            record: Record::Column(Column::SetChanges.name()),
            key: key.to_vec(),
            expected: "a height",
        });
    };
    Ok((Height(from), decode_record(Column::SetChanges, key, value)?))
}

impl fmt::Debug for ChainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainStore({:?})", self.backend)
    }
}
