use std::collections::BTreeMap;
use std::sync::PoisonError;

use borsh::BorshSerialize as _;

use quancheng_types::merkle::{self, Path};
use quancheng_types::{BatchId, Digest, Height, Receipt, TransactionId};

use super::commit::{BodyLocation, Executed};
use super::{Store, decode_record, missing};
use crate::backend::Column;
use crate::error::{Record, StoreError};

/// Receipts in one row, and under one stored hash. A path hashes one group of receipts again and takes the rest from stored hashes: two bytes
/// per receipt buy a path that costs microseconds in a block of ten thousand. And a row costs the disk more than a receipt.
pub(super) const RECEIPT_GROUP: u32 = 16;

const GROUP: u64 = RECEIPT_GROUP as u64;

const POSITION_KEY_BYTES: usize = 8 + 4;

/// The key of a place, and of the group that begins with it.
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

/// The keys of the groups of the first `count` receipts of a height.
pub(super) fn group_keys(height: Height, count: u32) -> impl Iterator<Item = [u8; POSITION_KEY_BYTES]> {
    (0..count.div_ceil(RECEIPT_GROUP)).map(move |group| receipt_key(height, group * RECEIPT_GROUP))
}

/// Appends a receipt to its group:
///
/// ```text
/// mark: u8 ‖ [batch id] ‖ offset: u32 BE ‖ length: u32 BE ‖ bytes of the receipt: u32 BE ‖ receipt
/// ```
///
/// Mark 1: the id of its batch follows; 0: it is that of the receipt before. Returns where in the group the receipt begins.
pub(super) fn put_in_group(group: &mut Vec<u8>, before: Option<BatchId>, done: &Executed) -> usize {
    let BodyLocation { batch, offset_bytes, length_bytes } = done.body;
    let is_other = before != Some(batch);
    group.push(u8::from(is_other));
    if is_other {
        group.extend_from_slice(batch.as_bytes());
    }
    group.extend_from_slice(&offset_bytes.to_be_bytes());
    group.extend_from_slice(&length_bytes.to_be_bytes());
    let length_at = group.len();
    group.extend_from_slice(&[0; 4]);
    let start = group.len();
    done.receipt.serialize(group).expect("writing to memory cannot fail");
    let length = u32::try_from(group.len() - start).expect("a receipt is shorter than 4 GiB");
    group[length_at..start].copy_from_slice(&length.to_be_bytes());
    start
}

/// The receipts of a group, in order, each with where its transaction is.
struct GroupRows<'a> {
    rest: &'a [u8],
    batch: Option<BatchId>,
}

impl<'a> GroupRows<'a> {
    const fn new(group: &'a [u8]) -> Self {
        Self { rest: group, batch: None }
    }

    fn split(&mut self) -> Option<(BodyLocation, &'a [u8])> {
        let (mark, mut rest) = self.rest.split_first()?;
        match mark {
            0 => {}
            1 => {
                let (batch, behind) = rest.split_first_chunk::<32>()?;
                (self.batch, rest) = (Some(BatchId(Digest(*batch))), behind);
            }
            _ => return None,
        }
        let (offset, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_first_chunk::<4>()?;
        let (receipt, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*bytes)).ok()?)?;
        self.rest = rest;
        let (offset_bytes, length_bytes) = (u32::from_be_bytes(*offset), u32::from_be_bytes(*length));
        Some((BodyLocation { batch: self.batch?, offset_bytes, length_bytes }, receipt))
    }
}

impl<'a> Iterator for GroupRows<'a> {
    /// `None` where the bytes are none of a group; nothing follows.
    type Item = Option<(BodyLocation, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.split();
        if row.is_none() {
            self.rest = &[];
        }
        Some(row)
    }
}

fn damaged(column: Column, key: &[u8], expected: &'static str) -> StoreError {
    StoreError::Inconsistent { record: Record::Column(column.name()), key: key.to_vec(), expected }
}

fn read_row(key: &[u8], row: Option<(BodyLocation, &[u8])>) -> Result<(BodyLocation, Receipt), StoreError> {
    let Some((body, bytes)) = row else {
        return Err(damaged(Column::Receipts, key, "a group of places and receipts"));
    };
    Ok((body, decode_record(Column::Receipts, key, bytes)?))
}

/// The key of the group of a receipt, and its number in it.
fn place_in_group(height: Height, position: u32) -> ([u8; POSITION_KEY_BYTES], usize) {
    let at = position % RECEIPT_GROUP;
    (receipt_key(height, position - at), usize::try_from(at).unwrap_or(usize::MAX))
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
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut receipts = Vec::new();
        let mut cursor = self.backend().cursor(Column::Receipts)?;
        let (first, mut skipped) = place_in_group(height, position);
        cursor.seek(&first)?;
        while receipts.len() < limit {
            let Some((key, group)) = cursor.entry().filter(|(key, _)| key.starts_with(&height.0.to_be_bytes())) else {
                break;
            };
            // Of a group that begins later nothing is before the position.
            let passed = if key == first { core::mem::take(&mut skipped) } else { 0 };
            for row in GroupRows::new(group).skip(passed).take(limit - receipts.len()) {
                receipts.push(read_row(key, row)?.1);
            }
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
        let (own, last) = (index / GROUP, (groups.receipts - 1) / GROUP);
        leaves.insert(own, self.group_leaves(height, own)?);
        if last != own {
            leaves.insert(last, self.group_leaves(height, last)?);
        }
        let group_level = RECEIPT_GROUP.trailing_zeros();
        let node = |level: u32, at: u64| {
            let (nodes, first) = if level >= group_level {
                (&groups.hashes, at << (level - group_level))
            } else {
                let group = (at << level) / GROUP;
                (leaves.get(&group)?, (at << level) % GROUP)
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
        let (key, at) = place_in_group(height, position);
        let group = self.backend().get(Column::Receipts, &key)?;
        let row = group.and_then(|group| GroupRows::new(&group).nth(at).map(|row| read_row(&key, row))).transpose();
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
        let Ok(first) = u32::try_from(group * GROUP) else {
            return Err(damaged(Column::ReceiptNodes, &height.0.to_be_bytes(), "fewer than 2^32 receipts"));
        };
        let receipts = self.read_receipts(height, first, RECEIPT_GROUP)?;
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

#[cfg(test)]
mod tests {
    use quancheng_types::{List, Outcome};

    use super::*;

    fn done(batch: u8, position: u32) -> Executed {
        let transaction_id = TransactionId(Digest([9; 32]));
        let body = BodyLocation { batch: BatchId(Digest([batch; 32])), offset_bytes: position * 10, length_bytes: 7 };
        let receipt = Receipt { transaction_id, position, outcome: Outcome::Ok, events: List::empty() };
        Executed { receipt, body, valid_until_ms: 1 }
    }

    #[test]
    fn a_group_has_golden_bytes_and_what_is_none_is_told() {
        let rows = [done(1, 0), done(1, 1), done(2, 2)];
        let (mut group, mut before, mut starts) = (Vec::new(), None, Vec::new());
        for row in &rows {
            starts.push(put_in_group(&mut group, before, row));
            before = Some(row.body.batch);
        }
        let receipt = |row: &Executed| quancheng_types::codec::encode(&row.receipt);
        let length = receipt(&rows[0]).len();
        let framed = [0, 0, 0, u8::try_from(length).unwrap()];
        let expected = [
            [&[1][..], &[1; 32], &[0, 0, 0, 0, 0, 0, 0, 7], &framed, &receipt(&rows[0])].concat(),
            [&[0][..], &[0, 0, 0, 10, 0, 0, 0, 7], &framed, &receipt(&rows[1])].concat(),
            [&[1][..], &[2; 32], &[0, 0, 0, 20, 0, 0, 0, 7], &framed, &receipt(&rows[2])].concat(),
        ];
        assert_eq!(group, expected.concat());
        for (row, start) in rows.iter().zip(starts) {
            assert_eq!(group[start..start + length], receipt(row));
        }
        let read: Vec<_> = GroupRows::new(&group).map(|row| read_row(&[], row).unwrap()).collect();
        assert_eq!(read, rows.map(|row| (row.body, row.receipt)));
        // Whatever is cut off is told, but for whole rows.
        let whole = [0, expected[0].len(), expected[0].len() + expected[1].len(), group.len()];
        for cut in 0..group.len() {
            let last = GroupRows::new(&group[..cut]).last();
            assert_eq!(last == Some(None), !whole.contains(&cut), "{cut}");
        }
        let bad = [[&[0][..], &group[33..]].concat(), [&[2][..], &group[1..]].concat()];
        for group in bad {
            let rows: Vec<_> = GroupRows::new(&group).collect();
            assert_eq!(rows, [None], "a first row without a batch, and a mark that none has");
        }
    }
}
