//! Lists in the state: a counter and rows numbered from 0, so that every page of a list is readable as of a height.
//!
//! A list is proven by its counter and by what its rows are. Where the rows are records, each is an entry of the tree. Where they only name
//! records ([`Table::index`]), the records are: so many different ones as are counted, each of which says that it belongs to the list, are the whole list.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{Overlay, StateKey, StoreError, Table, View};
use serde::{Deserialize, Serialize};

/// Rows that one page of a list may hold.
pub const PAGE_MAX: u32 = 200;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Range {
    /// Number of the first row, from 0.
    pub from: u64,
    /// Rows, at most [`PAGE_MAX`].
    pub limit: u32,
}

impl Default for Range {
    fn default() -> Self {
        Self { from: 0, limit: PAGE_MAX }
    }
}

impl Range {
    /// First number after the part.
    #[must_use]
    pub fn end(self) -> u64 {
        self.from.saturating_add(self.limit.min(PAGE_MAX).into())
    }
}

/// One append-only list per key.
#[derive(Debug)]
pub(crate) struct Index<K, V> {
    pub(crate) counts: Table<K, u64>,
    pub(crate) rows: Table<(K, u64), V>,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<V> {
    /// Number of the first row and the rows, in order of their numbers.
    pub(crate) rows: Vec<(u64, V)>,
    /// Rows of the whole list.
    pub(crate) count: u64,
    /// The entries it rests on: the counter, then each row that is a record.
    pub(crate) keys: Vec<StateKey>,
}

impl<K, V> Index<K, V>
where
    K: BorshSerialize + BorshDeserialize + Clone,
    V: BorshSerialize + BorshDeserialize,
{
    /// A list over two tables that nothing else uses.
    pub(crate) const fn new(counts: Table<K, u64>, rows: Table<(K, u64), V>) -> Self {
        Self { counts, rows }
    }

    /// A page of a list that only names records: rests on the counter and on the records.
    pub(crate) fn named<W: View + ?Sized>(
        &self,
        view: &W,
        key: &K,
        range: Range,
        record: impl Fn(&V) -> StateKey,
    ) -> Result<Page<V>, StoreError> {
        let mut page = self.page(view, key, range.from, range.limit)?;
        page.keys.extend(page.rows.iter().map(|(_, value)| record(value)));
        Ok(page)
    }

    /// Appends a row and returns its number.
    pub(crate) fn push(&self, overlay: &mut Overlay<'_>, key: &K, value: &V) -> Result<u64, StoreError> {
        let number = self.count(overlay, key)?;
        self.rows.put(overlay, &(key.clone(), number), value);
        self.counts.put(overlay, key, &number.saturating_add(1));
        Ok(number)
    }

    /// Rows of a list.
    pub(crate) fn count<W: View + ?Sized>(&self, view: &W, key: &K) -> Result<u64, StoreError> {
        Ok(self.counts.read(view, key)?.unwrap_or(0))
    }

    /// At most `limit` rows (and at most [`PAGE_MAX`]) from number `from` on.
    pub(crate) fn page<W: View + ?Sized>(
        &self,
        view: &W,
        key: &K,
        from: u64,
        limit: u32,
    ) -> Result<Page<V>, StoreError> {
        let count = self.count(view, key)?;
        let mut page = Page { rows: Vec::new(), count, keys: vec![self.counts.key(key)] };
        let end = count.min(from.saturating_add(limit.min(PAGE_MAX).into()));
        for number in from..end {
            let row = (key.clone(), number);
            page.keys.extend(Some(self.rows.key(&row)).filter(|key| !key.is_index()));
            if let Some(value) = self.rows.read(view, &row)? {
                page.rows.push((number, value));
            }
        }
        Ok(page)
    }
}
