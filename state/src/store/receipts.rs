use std::collections::BTreeMap;
use std::sync::PoisonError;

use quancheng_types::merkle::{self, Path};
use quancheng_types::{BatchId, Digest, Height, Receipt, TransactionId};

use super::commit::BodyLocation;
use super::{Store, decode_record, missing};
use crate::backend::Column;
use crate::error::{Record, StoreError};

/// Receipts under one stored hash. A path hashes one group of receipts again and takes the rest from stored hashes: two bytes
/// per receipt buy a path that costs microseconds in a block of ten thousand.
pub(super) const RECEIPT_GROUP: u64 = 16;

const POSITION_KEY_BYTES: usize = 8 + 4;

pub(super) fn receipt_key(height: Height, position: u32) -> [u8; POSITION_KEY_BYTES] {
    let mut key = [0; POSITION_KEY_BYTES];
    key[..8].copy_from_slice(&height.0.to_be_bytes());
    key[8..].copy_from_slice(&position.to_be_bytes());
    key
}

fn split_key(key: &[u8]) -> Option<(Height, u32)> {
    let (height, rest) = key.split_first_chunk::<8>()?;
    let position: [u8; 4] = rest.try_into().ok()?;
    Some((Height(u64::from_be_bytes(*height)), u32::from_be_bytes(position)))
}

/// Appends batch id ‖ offset: u32 BE ‖ length: u32 BE ‖ receipt.
pub(super) fn put_row(row: &mut Vec<u8>, body: &BodyLocation, receipt: &[u8]) {
    row.extend_from_slice(body.batch.as_bytes());
    row.extend_from_slice(&body.offset_bytes.to_be_bytes());
    row.extend_from_slice(&body.length_bytes.to_be_bytes());
    row.extend_from_slice(receipt);
}

fn split_row(row: &[u8]) -> Option<(BodyLocation, &[u8])> {
    let (batch, rest) = row.split_first_chunk::<32>()?;
    let (offset, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let body = BodyLocation {
        batch: BatchId(Digest(*batch)),
        offset_bytes: u32::from_be_bytes(*offset),
        length_bytes: u32::from_be_bytes(*length),
    };
    Some((body, rest))
}

fn damaged(column: Column, key: &[u8], expected: &'static str) -> StoreError {
    StoreError::Inconsistent { record: Record::Column(column.name()), key: key.to_vec(), expected }
}

fn read_row(key: &[u8], row: &[u8]) -> Result<(BodyLocation, Receipt), StoreError> {
    let Some((body, bytes)) = split_row(row) else {
        return Err(damaged(Column::Receipts, key, "a place and a receipt"));
    };
    Ok((body, decode_record(Column::Receipts, key, bytes)?))
}

/// The hashes over whole groups of the receipts of a height, and how many receipts there are.
struct Groups {
    receipts: u64,
    hashes: Vec<Digest>,
}

impl Store {
    /// The receipt at a place, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below [`Self::first_receipt`]; [`StoreError`] when the store cannot be read.
    pub fn receipt(&self, height: Height, position: u32) -> Result<Option<Receipt>, StoreError> {
        Ok(self.row(height, position)?.map(|(_, receipt)| receipt))
    }

    /// The receipts of a height, in order; none for a height that is not executed.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below [`Self::first_receipt`]; [`StoreError`] when the store cannot be read.
    pub fn receipts(&self, height: Height) -> Result<Vec<Receipt>, StoreError> {
        self.receipts_from(height, 0, u32::MAX)
    }

    /// At most `limit` receipts of a height from a position on, in order.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below [`Self::first_receipt`]; [`StoreError`] when the store cannot be read.
    pub fn receipts_from(&self, height: Height, position: u32, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        self.unless_pruned(height, self.read_receipts(height, position, limit))
    }

    fn read_receipts(&self, height: Height, position: u32, limit: u32) -> Result<Vec<Receipt>, StoreError> {
        let mut receipts = Vec::new();
        let mut cursor = self.backend().cursor(Column::Receipts)?;
        cursor.seek(&receipt_key(height, position))?;
        for _ in 0..limit {
            let Some((key, row)) = cursor.entry().filter(|(key, _)| key.starts_with(&height.0.to_be_bytes())) else {
                break;
            };
            receipts.push(read_row(key, row)?.1);
            cursor.step()?;
        }
        Ok(receipts)
    }

    /// The receipt at a place with the canonical bytes of its signed transaction.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below [`Self::first_receipt`]; [`StoreError::Missing`] when the batch was never stored; [`StoreError`] when the
    /// store cannot be read.
    pub fn transaction(&self, height: Height, position: u32) -> Result<Option<(Receipt, Vec<u8>)>, StoreError> {
        self.unless_pruned(height, self.read_transaction(height, position))
    }

    fn read_transaction(&self, height: Height, position: u32) -> Result<Option<(Receipt, Vec<u8>)>, StoreError> {
        let Some((body, receipt)) = self.row(height, position)? else {
            return Ok(None);
        };
        let key = body.batch.as_bytes();
        let Some(batch) = self.backend().get(Column::Batches, key)? else {
            return Err(missing(Column::Batches, key));
        };
        let start = usize::try_from(body.offset_bytes).unwrap_or(usize::MAX);
        let length = usize::try_from(body.length_bytes).unwrap_or(usize::MAX);
        match batch.get(start..start.saturating_add(length)) {
            Some(bytes) => Ok(Some((receipt, bytes.to_vec()))),
            None => Err(damaged(Column::Batches, key, "a batch that reaches as far as its transactions")),
        }
    }

    /// Whether a transaction was executed. One that was not is most often told without a look at the disk, so that this costs the same at every
    /// size of the chain.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn is_executed(&self, id: &TransactionId, valid_until_ms: u64) -> Result<bool, StoreError> {
        let ids = self.shared.executed_ids.read().unwrap_or_else(PoisonError::into_inner);
        if ids.is_new(id, valid_until_ms) {
            return Ok(false);
        }
        drop(ids);
        Ok(self.transaction_location(id)?.is_some())
    }

    /// Where an executed transaction is, or was: places are kept for ever, whatever else is pruned.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn transaction_location(&self, id: &TransactionId) -> Result<Option<(Height, u32)>, StoreError> {
        let Some(bytes) = self.backend().get(Column::TransactionIndex, id.as_bytes())? else {
            return Ok(None);
        };
        match split_key(&bytes) {
            Some(place) if bytes.len() == POSITION_KEY_BYTES => Ok(Some(place)),
            Some(_) | None => Err(damaged(Column::TransactionIndex, id.as_bytes(), "a height and a position")),
        }
    }

    /// RFC 9162 path of a receipt to `receipts_root` of its height, if there is such a receipt.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below [`Self::first_receipt`]; [`StoreError`] when the store cannot be read.
    pub fn receipt_path(&self, height: Height, position: u32) -> Result<Option<Path>, StoreError> {
        self.unless_pruned(height, self.read_receipt_path(height, position))
    }

    fn read_receipt_path(&self, height: Height, position: u32) -> Result<Option<Path>, StoreError> {
        let groups = self.groups(height)?;
        let index = u64::from(position);
        if index >= groups.receipts {
            return Ok(None);
        }
        // Leaves are needed in the group of the receipt, and in the last one, which may not be whole.
        let mut leaves: BTreeMap<u64, Vec<Digest>> = BTreeMap::new();
        let (own, last) = (index / RECEIPT_GROUP, (groups.receipts - 1) / RECEIPT_GROUP);
        leaves.insert(own, self.group_leaves(height, own)?);
        if last != own {
            leaves.insert(last, self.group_leaves(height, last)?);
        }
        let group_level = RECEIPT_GROUP.trailing_zeros();
        let node = |level: u32, at: u64| {
            let (nodes, first) = if level >= group_level {
                (&groups.hashes, at << (level - group_level))
            } else {
                let group = (at << level) / RECEIPT_GROUP;
                (leaves.get(&group)?, (at << level) % RECEIPT_GROUP)
            };
            let width = 1_u64 << if level >= group_level { level - group_level } else { level };
            let first = usize::try_from(first).ok()?;
            let last = first.checked_add(usize::try_from(width).ok()?)?;
            nodes.get(first..last).map(perfect_root)
        };
        match Path::from_nodes(index, groups.receipts, node) {
            Some(path) => Ok(Some(path)),
            None => Err(damaged(Column::ReceiptNodes, &height.0.to_be_bytes(), "a hash over each group of receipts")),
        }
    }

    fn row(&self, height: Height, position: u32) -> Result<Option<(BodyLocation, Receipt)>, StoreError> {
        let key = receipt_key(height, position);
        let row = self.backend().get(Column::Receipts, &key)?.map(|row| read_row(&key, &row)).transpose();
        self.unless_pruned(height, row)
    }

    /// How many receipts of a height are on the disk.
    pub(super) fn receipt_count(&self, height: Height) -> Result<u32, StoreError> {
        let count = self.groups(height)?.receipts;
        u32::try_from(count)
            .map_err(|_| damaged(Column::ReceiptNodes, &height.0.to_be_bytes(), "fewer than 2^32 receipts"))
    }

    fn groups(&self, height: Height) -> Result<Groups, StoreError> {
        let key = height.0.to_be_bytes();
        let Some(bytes) = self.backend().get(Column::ReceiptNodes, &key)? else {
            return Ok(Groups { receipts: 0, hashes: Vec::new() });
        };
        let split =
            bytes.split_first_chunk::<8>().map(|(count, rest)| (u64::from_be_bytes(*count), rest.as_chunks::<32>()));
        match split {
            Some((receipts, (hashes, []))) => {
                Ok(Groups { receipts, hashes: hashes.iter().map(|h| Digest(*h)).collect() })
            }
            Some(_) | None => Err(damaged(Column::ReceiptNodes, &key, "a count and hashes over groups of receipts")),
        }
    }

    fn group_leaves(&self, height: Height, group: u64) -> Result<Vec<Digest>, StoreError> {
        let (Ok(first), Ok(limit)) = (u32::try_from(group * RECEIPT_GROUP), u32::try_from(RECEIPT_GROUP)) else {
            return Err(damaged(Column::ReceiptNodes, &height.0.to_be_bytes(), "fewer than 2^32 receipts"));
        };
        let receipts = self.read_receipts(height, first, limit)?;
        Ok(receipts.iter().map(Receipt::leaf_hash).collect())
    }
}

/// Root over a power of two of hashes that are themselves roots.
fn perfect_root(nodes: &[Digest]) -> Digest {
    match nodes {
        [node] => *node,
        _ => {
            let (left, right) = nodes.split_at(nodes.len() / 2);
            merkle::node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}
