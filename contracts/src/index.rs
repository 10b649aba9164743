//! Lists in the state: a head and rows numbered from 0, so that every page of a list is readable as of a height.
//!
//! The head, a row of a derived table, counts the rows and commits to each of them and to their order ([`ListHead`]). Where the rows are
//! records, each is an entry of the tree besides. Where they only name records ([`Table::index`]), they are in no tree: whoever has a page of
//! them proves the list by the records (so many different ones as are counted, each of which says that it belongs to the list, are the whole
//! list), and whoever has all of them, as a node that begins with the state of another, by the head.
//!
//! The key of a row ends with its number, most significant byte first ([`Place`]). So rows in order of their keys are list after list, each
//! from its first row to its last, and one walk over them makes every head, whatever the lists are about ([`index_lists`]).

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::key::KEY_PREFIX_BYTES;
use quancheng_state::table::INDEX_TABLES;
use quancheng_state::{Overlay, StateKey, StoreError, Table, View};
use quancheng_types::codec::encode;
use quancheng_types::{Digest, Domain, ModuleId};
use serde::{Deserialize, Serialize};

use crate::modules::MODULES;

#[cfg(test)]
pub(crate) mod tests;

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

/// Number of a row in its list. Its canonical bytes are big-endian, unlike those of other numbers: the order of keys is that of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub u64);

/// Bytes of a [`Place`] at the end of a key.
const PLACE_BYTES: usize = 8;

impl BorshSerialize for Place {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        writer.write_all(&self.0.to_be_bytes())
    }
}

impl BorshDeserialize for Place {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        <[u8; PLACE_BYTES]>::deserialize_reader(reader).map(u64::from_be_bytes).map(Self)
    }
}

/// What a list is: how many rows, and a hash over all of them in their order. 40 bytes. A list without rows has no head in the state, which
/// stands for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListHead {
    /// Rows of the list.
    pub count: u64,
    /// [`Domain::List`]-hash of the digest without the last row (zero where that leaves none) and the last row.
    pub digest: Digest,
}

impl ListHead {
    /// Takes in the next row: the canonical bytes of its value, as the store holds them.
    pub fn push(&mut self, row: &[u8]) {
        self.digest = Domain::List.hash(&[self.digest.as_bytes(), row].concat());
        self.count = self.count.saturating_add(1);
    }
}

/// An index: lists whose rows are in no tree, and where their heads are, which are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexList {
    /// The module that owns both tables.
    pub module: ModuleId,
    /// Number of the table of rows, as keys have it.
    pub rows: u16,
    /// Name of the table of rows.
    pub name: &'static str,
    /// Number of the table of heads, as keys have it.
    pub heads: u16,
}

impl IndexList {
    /// The key of the head of a list, by the canonical bytes of the list's own key. `None` when they are longer than a key can be.
    #[must_use]
    pub fn head_key(&self, list: &[u8]) -> Option<StateKey> {
        StateKey::from_bytes([&self.module.0.to_be_bytes()[..], &self.heads.to_be_bytes(), list].concat())
    }

    /// Whether this is the key of a head of a list of this index.
    #[must_use]
    pub fn is_head(&self, key: &StateKey) -> bool {
        (key.module(), key.table()) == (self.module, self.heads)
    }

    /// Of the key of a row, the canonical bytes of the list's own key, and the number of the row. `None` for a key that is not of this index
    /// or too short for it.
    #[must_use]
    pub fn place<'k>(&self, row: &'k StateKey) -> Option<(&'k [u8], u64)> {
        if (row.module(), row.table()) != (self.module, self.rows) {
            return None;
        }
        let (list, place) = row.as_bytes().get(KEY_PREFIX_BYTES..)?.split_last_chunk::<PLACE_BYTES>()?;
        Some((list, u64::from_be_bytes(*place)))
    }
}

/// All indexes of this version, ascending by module and number.
///
/// A reader of all rows in order of their keys makes the head of each list with [`IndexList::place`], [`IndexList::head_key`] and
/// [`ListHead::push`]. The rows are right when the numbers of each list are 0, 1, 2 and so on, and the heads are those that the state holds in
/// the tables [`IndexList::heads`]: no other, and none missing.
pub fn index_lists() -> impl Iterator<Item = &'static IndexList> {
    MODULES.iter().flat_map(|module| module.lists())
}

/// One append-only list per key.
#[derive(Debug)]
pub(crate) struct Index<K, V> {
    pub(crate) heads: Table<K, ListHead>,
    pub(crate) rows: Table<(K, Place), V>,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<V> {
    /// Number of the first row and the rows, in order of their numbers.
    pub(crate) rows: Vec<(u64, V)>,
    /// Rows of the whole list.
    pub(crate) count: u64,
    /// The entries it rests on: the head, then each row that is a record.
    pub(crate) keys: Vec<StateKey>,
}

impl<K, V> Index<K, V> {
    /// A list over two tables that nothing else uses.
    pub(crate) const fn new(heads: Table<K, ListHead>, rows: Table<(K, Place), V>) -> Self {
        Self { heads, rows }
    }

    /// Where rows and heads are.
    ///
    /// # Panics
    /// When the rows are entries of the tree: they need no head to be checked.
    pub(crate) const fn list(&self) -> IndexList {
        assert!(self.rows.number() & INDEX_TABLES == INDEX_TABLES, "rows in the tree are no index");
        IndexList {
            module: self.rows.module(),
            rows: self.rows.number(),
            name: self.rows.name(),
            heads: self.heads.number(),
        }
    }
}

impl<K, V> Index<K, V>
where
    K: BorshSerialize + BorshDeserialize + Clone,
    V: BorshSerialize + BorshDeserialize,
{
    /// A page of a list that only names records: rests on the head and on the records.
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
        let mut head = self.head(overlay, key)?;
        let number = head.count;
        self.rows.put(overlay, &(key.clone(), Place(number)), value);
        head.push(&encode(value));
        self.heads.put(overlay, key, &head);
        Ok(number)
    }

    fn head<W: View + ?Sized>(&self, view: &W, key: &K) -> Result<ListHead, StoreError> {
        Ok(self.heads.read(view, key)?.unwrap_or_default())
    }

    /// At most `limit` rows (and at most [`PAGE_MAX`]) from number `from` on.
    pub(crate) fn page<W: View + ?Sized>(
        &self,
        view: &W,
        key: &K,
        from: u64,
        limit: u32,
    ) -> Result<Page<V>, StoreError> {
        let count = self.head(view, key)?.count;
        let mut page = Page { rows: Vec::new(), count, keys: vec![self.heads.key(key)] };
        let end = count.min(from.saturating_add(limit.min(PAGE_MAX).into()));
        for number in from..end {
            let row = (key.clone(), Place(number));
            page.keys.extend(Some(self.rows.key(&row)).filter(|key| !key.is_index()));
            if let Some(value) = self.rows.read(view, &row)? {
                page.rows.push((number, value));
            }
        }
        Ok(page)
    }
}
