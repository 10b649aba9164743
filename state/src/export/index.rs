use super::ImportError;
use crate::backend::{Backend, Column};
use crate::error::StoreError;
use crate::flat::{FlatRow, split_record};
use crate::key::StateKey;

/// Greatest length of a row of an index in bytes: it only names a record.
pub const INDEX_ROW_BYTES_MAX: usize = 256;

/// Where a row of an index belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// The key of the head of its list, a row of the state.
    pub head: StateKey,
    /// Its number in the list, from 0.
    pub number: u64,
}

/// What a head holds after one more row with this value: it gets what the head held, `None` before the first row, and answers `None` when that is
/// none of a head.
pub type PushRow = fn(Option<&[u8]>, &[u8]) -> Option<Vec<u8>>;

/// What modules say of their lists: how rows of indexes, which are in no tree, follow from heads, which are.
#[derive(Clone, Copy, Debug)]
pub struct ListRules {
    /// The list of a row with this key; `None` when no list has such rows.
    pub list_of: fn(&StateKey) -> Option<ListRow>,
    /// Whether this is the key of a head of a list of an index.
    pub is_head: fn(&StateKey) -> bool,
    /// How many rows the list of a head has. `None` when these are the bytes of no head.
    pub rows: fn(&[u8]) -> Option<u64>,
    /// How a head commits to the rows of its list.
    pub push: PushRow,
}

/// Lists whose rows come one after the other.
#[derive(Debug)]
pub(super) struct Lists {
    rules: ListRules,
    /// Heads in the state.
    heads: u64,
    /// Heads whose rows are all here.
    finished: u64,
    last_key: Option<StateKey>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    head: StateKey,
    /// What the head holds in the state, and the rows that it counts.
    held: Vec<u8>,
    count: u64,
    rows: u64,
    value: Option<Vec<u8>>,
}

impl Lists {
    pub(super) const fn new(rules: ListRules) -> Self {
        Self { rules, heads: 0, finished: 0, last_key: None, current: None }
    }

    /// Counts a head that the state has.
    pub(super) fn note(&mut self, key: &StateKey) {
        if (self.rules.is_head)(key) {
            self.heads += 1;
        }
    }

    /// Takes the next row. It may be written before its list is whole: there are no more rows than the head counts, and none is long.
    pub(super) fn push(&mut self, backend: &dyn Backend, key: &StateKey, value: &[u8]) -> Result<(), ImportError> {
        let row = (self.rules.list_of)(key).filter(|_| key.is_index());
        let row = row.ok_or(ImportError::Content { expected: "rows of indexes that modules have" })?;
        // Else a list could come twice, and another one not at all.
        if self.last_key.replace(key.clone()).is_some_and(|last| last >= *key) {
            return Err(ImportError::Content { expected: "rows of indexes in the order of their keys" });
        }
        if self.current.as_ref().is_none_or(|current| current.head != row.head) {
            self.finish()?;
            let held = newest_value(backend, &row.head)?;
            let head = held.and_then(|held| (self.rules.rows)(&held).map(|count| (held, count)));
            let (held, count) = head.ok_or(ImportError::Content { expected: "rows of lists that the state has" })?;
            self.current = Some(Current { head: row.head, held, count, rows: 0, value: None });
        }
        let out_of_order = ImportError::Content { expected: "the rows of each list in order, from the first on" };
        let Some(current) = self.current.as_mut().filter(|current| current.rows == row.number) else {
            return Err(out_of_order);
        };
        if current.rows >= current.count || value.len() > INDEX_ROW_BYTES_MAX {
            return Err(ImportError::Content {
                expected: "as many rows as the head of their list counts, none of them long",
            });
        }
        let next = (self.rules.push)(current.value.as_deref(), value);
        current.value = Some(next.ok_or(ImportError::Content { expected: "rows that a list can have" })?);
        current.rows += 1;
        Ok(())
    }

    /// Whether the rows of the list that was filled last are those that its head commits to.
    pub(super) fn finish(&mut self) -> Result<(), ImportError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        if current.value.as_ref() != Some(&current.held) {
            return Err(ImportError::Content { expected: "the rows that the head of their list commits to" });
        }
        self.finished += 1;
        Ok(())
    }

    /// Whether every list of the state is here.
    pub(super) fn is_whole(&self) -> bool {
        self.current.is_none() && self.finished == self.heads
    }
}

/// What a key holds in a store that holds one height.
fn newest_value(backend: &dyn Backend, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
    let place = key.hash();
    let Some(row) = backend.get(Column::Flat, place.as_bytes())? else {
        return Ok(None);
    };
    let row = FlatRow::parse(place.as_bytes(), &row)?;
    let Some(record) = row.record() else {
        return Ok(None);
    };
    let group = backend.get(Column::Records, &record)?;
    let record = group.as_deref().and_then(|group| split_record(group, row.spot.at));
    Ok(record.map(|(_, value)| value.to_vec()))
}
