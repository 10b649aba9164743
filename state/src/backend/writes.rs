//! Changes on their way to a disk.

use core::mem::take;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Column, Part};

/// Bytes of memory that a backend needs for a change beside its key and value, about.
const OPERATION_BYTES: usize = 64;
/// Greatest memory of one column that is kept for later changes, in bytes: more than most heights need, so that what an
/// extraordinary one took is given back.
const SPARE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One change of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// Where.
    pub column: Column,
    /// Its key.
    pub key: &'a [u8],
    /// The new content, or `None` to remove it.
    pub value: Option<&'a [u8]>,
}

/// Changes that happen together or not at all, in each part. Later ones win over earlier ones of the same record.
///
/// Keys and values of a column lie one behind the other in one piece of memory: a block of ten thousand transactions makes sixty thousand changes,
/// and a piece of memory for each key and each value cost as much as sorting them.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    columns: BTreeMap<Column, Changes>,
    spare: Option<Spare>,
}

/// Memory of changes that were written, for those that come after them. Memory that is asked for anew with each height costs a tenth of a commit:
/// the system clears it, and what grows in it is copied. It holds at most 2 MiB for each column.
#[derive(Clone, Debug, Default)]
pub struct Spare {
    columns: Arc<Mutex<BTreeMap<Column, Changes>>>,
}

/// The changes of a column, in the order in which they were made until they are sorted.
#[derive(Clone, Debug, Default)]
struct Changes {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a change is in the bytes of its column: the key, and behind it the value.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The first bytes of the key, as a number that is ordered as they are.
    stem: u64,
    start: usize,
    key_bytes: usize,
    value_bytes: Option<usize>,
}

impl Writes {
    /// No changes.
    #[must_use]
    pub const fn new() -> Self {
        Self { columns: BTreeMap::new(), spare: None }
    }

    /// No changes, in memory that is given back when they are dropped.
    #[must_use]
    pub fn within(spare: &Spare) -> Self {
        Self { columns: BTreeMap::new(), spare: Some(spare.clone()) }
    }

    /// Writes a record.
    pub fn put(&mut self, column: Column, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.put_with(column, key, |bytes| bytes.extend_from_slice(value.as_ref()));
    }

    /// Writes a record whose content is appended to the bytes that the function is given, and to nothing else of them.
    pub fn put_with(&mut self, column: Column, key: impl AsRef<[u8]>, append: impl FnOnce(&mut Vec<u8>)) {
        let changes = self.changes(column);
        let mut row = changes.begin(key.as_ref());
        let before = changes.bytes.len();
        append(&mut changes.bytes);
        row.value_bytes = Some(changes.bytes.len() - before);
        changes.rows.push(row);
    }

    /// Removes a record, if it is there.
    pub fn delete(&mut self, column: Column, key: impl AsRef<[u8]>) {
        let changes = self.changes(column);
        let row = changes.begin(key.as_ref());
        changes.rows.push(row);
    }

    fn changes(&mut self, column: Column) -> &mut Changes {
        let spare = &self.spare;
        self.columns
            .entry(column)
            .or_insert_with(|| spare.as_ref().and_then(|spare| spare.take(column)).unwrap_or_default())
    }

    /// About how many bytes of memory a backend needs for the changes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.columns.values().map(|changes| changes.bytes.len() + changes.rows.len() * OPERATION_BYTES).sum()
    }

    /// The changes of the chain, and those of the results.
    #[must_use]
    pub fn into_parts(mut self) -> (Self, Self) {
        let results = self.columns.extract_if(.., |column, _| column.part() == Part::Results).collect();
        let spare = self.spare.clone();
        (self, Self { columns: results, spare })
    }

    /// The changes in order of column and key (sorted inserts cost half), one per record.
    pub fn sorted(&mut self) -> impl Iterator<Item = Operation<'_>> {
        self.columns.iter_mut().flat_map(|(column, changes)| {
            changes.sort();
            changes.operations(*column)
        })
    }

    /// Number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.values().map(|changes| changes.rows.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        if let Some(spare) = &self.spare {
            spare.give_back(take(&mut self.columns));
        }
    }
}

impl Spare {
    fn take(&self, column: Column) -> Option<Changes> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner).remove(&column)
    }

    fn give_back(&self, columns: BTreeMap<Column, Changes>) {
        let mut spare = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        for (column, mut changes) in columns {
            changes.bytes.clear();
            changes.rows.clear();
            if changes.memory_bytes() <= SPARE_BYTES_MAX {
                spare.insert(column, changes);
            }
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let spare = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        spare.values().map(Changes::memory_bytes).sum()
    }
}

impl Changes {
    fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.rows.capacity() * size_of::<Row>()
    }

    /// A change that removes the record with this key.
    fn begin(&mut self, key: &[u8]) -> Row {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        Row { stem: stem(key), start, key_bytes: key.len(), value_bytes: None }
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        // Most columns are written in order, which this sort finds in one pass; it keeps the order of equal keys.
        self.rows.sort_by(|a, b| a.stem.cmp(&b.stem).then_with(|| a.key(bytes).cmp(b.key(bytes))));
        // Of changes to one record the last wins: it takes the place of the first.
        self.rows.dedup_by(|later, kept| {
            let same = later.stem == kept.stem && later.key(bytes) == kept.key(bytes);
            if same {
                *kept = *later;
            }
            same
        });
    }

    fn operations(&self, column: Column) -> impl Iterator<Item = Operation<'_>> {
        self.rows.iter().map(move |row| {
            let value = &self.bytes[row.start + row.key_bytes..];
            Operation { column, key: row.key(&self.bytes), value: row.value_bytes.map(|length| &value[..length]) }
        })
    }
}

impl Row {
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.start + self.key_bytes]
    }
}

/// The first eight bytes of a key as a number; what a shorter one lacks counts as zeros, so equal stems say nothing of the order.
fn stem(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_change_of_a_record_wins() {
        let mut writes = Writes::new();
        writes.put(Column::Meta, [2], [1]);
        writes.put(Column::Flat, [2], [9]);
        writes.delete(Column::Meta, [2]);
        writes.put(Column::Meta, [1], [1]);
        writes.put(Column::Meta, [2], [3]);
        let seen: Vec<_> = writes.sorted().map(|o| (o.column, o.key[0], o.value.map(|value| value[0]))).collect();
        assert_eq!(seen, [(Column::Flat, 2, Some(9)), (Column::Meta, 1, Some(1)), (Column::Meta, 2, Some(3))]);
        assert!(!writes.is_empty() && Writes::new().is_empty());
    }

    #[test]
    fn memory_is_given_back_up_to_a_bound() {
        let spare = Spare::default();
        let mut writes = Writes::within(&spare);
        writes.put(Column::Flat, [1], vec![7; 1000]);
        writes.put(Column::Blocks, [1], vec![7; 1000]);
        writes.put(Column::Meta, [1], vec![7; SPARE_BYTES_MAX]);
        assert_eq!(spare.bytes(), 0, "it is in use");
        let (chain, results) = writes.into_parts();
        drop((chain, results));
        let kept = spare.bytes();
        assert!((2000..SPARE_BYTES_MAX).contains(&kept), "{kept}");
        // What is taken again is empty, and no longer spare.
        let mut writes = Writes::within(&spare);
        writes.put(Column::Flat, [2], [1]);
        assert!(spare.bytes() < kept);
        let seen: Vec<_> = writes.sorted().map(|o| (o.column, o.key.to_vec(), o.value.map(<[u8]>::to_vec))).collect();
        assert_eq!(seen, [(Column::Flat, vec![2], Some(vec![1]))]);
        drop(writes);
        assert_eq!(spare.bytes(), kept);
    }

    proptest! {
        /// Keys that begin alike, end in zeros, or are shorter than a stem: as a map orders them, with the last change of each.
        #[test]
        fn changes_are_sorted_as_a_map_has_them(
            changes in vec((vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..12), proptest::option::of(vec(any::<u8>(), 0..4))), 0..60),
            chain in any::<bool>(),
        ) {
            let (mut writes, mut model) = (Writes::new(), BTreeMap::new());
            let column = if chain { Column::Blocks } else { Column::Flat };
            for (key, value) in &changes {
                match value {
                    Some(value) => writes.put(column, key, value),
                    None => writes.delete(column, key),
                }
                model.insert(key.as_slice(), value.as_deref());
            }
            let sizes: usize = changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
            prop_assert_eq!(writes.len(), changes.len());
            prop_assert_eq!(writes.bytes(), sizes + changes.len() * OPERATION_BYTES);
            let (mut of_chain, mut of_results) = writes.into_parts();
            let (other, own) = if chain { (&mut of_results, &mut of_chain) } else { (&mut of_chain, &mut of_results) };
            prop_assert!(other.is_empty());
            let sorted: Vec<_> = own.sorted().map(|operation| (operation.key, operation.value)).collect();
            prop_assert_eq!(sorted, model.into_iter().collect::<Vec<_>>());
        }
    }
}
