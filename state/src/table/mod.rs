//! Typed tables: the only place where keys are made.

use core::fmt;
use core::marker::PhantomData;

use borsh::{BorshDeserialize, BorshSerialize};
pub use quancheng_proof::state_proof::{DERIVED_TABLES, INDEX_TABLES};
use quancheng_types::codec::{decode, encode};
use quancheng_types::{DecodeError, ModuleId};

use crate::error::{Record, StoreError};
use crate::key::{StateKey, VALUE_BYTES_MAX};
use crate::overlay::Overlay;
use crate::view::View;

/// Rows of one type under one numbered prefix. Declared as a constant by the module that owns it:
///
/// ```
/// use quancheng_state::{Overlay, Table, view::EmptyView};
/// use quancheng_types::ModuleId;
///
/// const BALANCES: Table<u64, u128> = Table::kept(ModuleId(7), 1, "balances");
///
/// let mut overlay = Overlay::new(&EmptyView);
/// BALANCES.put(&mut overlay, &1, &100);
/// assert_eq!(BALANCES.read(&overlay, &1), Ok(Some(100)));
/// assert_eq!(BALANCES.read(&overlay, &2), Ok(None));
/// ```
pub struct Table<K, V> {
    module: ModuleId,
    table: u16,
    name: &'static str,
    rows: PhantomData<fn(K) -> V>,
}

impl<K, V> Table<K, V> {
    /// Declares a table of records that people rely on. The store keeps every value that a row ever had, with the heights for
    /// which it had it, and proves them under any later state root; also a row that is removed leaves its past there, so nothing
    /// that must be forgotten belongs into it. Each change of a row costs one leaf of the tree more than in a derived table.
    ///
    /// `module` and `number` (below 0x4000) are fixed for ever once released; `name` is for people, in error texts.
    ///
    /// # Panics
    /// When the number is not below 0x4000.
    #[must_use]
    pub const fn kept(module: ModuleId, number: u16, name: &'static str) -> Self {
        Self::of_kind(module, 0, number, name)
    }

    /// Declares a table of counters, lists and queues, or of rows that must be able to leave the state: only its newest rows are in
    /// the tree. Otherwise as [`Self::kept`]; in keys, the number carries [`DERIVED_TABLES`].
    ///
    /// # Panics
    /// When the number is not below 0x4000.
    #[must_use]
    pub const fn derived(module: ModuleId, number: u16, name: &'static str) -> Self {
        Self::of_kind(module, DERIVED_TABLES, number, name)
    }

    /// Declares an index: rows that say where records are, each written once and never changed or removed. They are not in the tree, so
    /// they cost no leaf and prove nothing, and no call may depend on one; what they name proves itself, and that it is all is proven by
    /// a head in a derived table, which counts the rows and commits to them. Otherwise as [`Self::kept`]; in keys, the number carries [`INDEX_TABLES`].
    ///
    /// # Panics
    /// When the number is not below 0x4000.
    #[must_use]
    pub const fn index(module: ModuleId, number: u16, name: &'static str) -> Self {
        Self::of_kind(module, INDEX_TABLES, number, name)
    }

    const fn of_kind(module: ModuleId, kind: u16, number: u16, name: &'static str) -> Self {
        assert!(number & INDEX_TABLES == 0, "the two highest bits of a table's number say of which kind it is");
        Self { module, table: kind | number, name, rows: PhantomData }
    }

    /// The name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The module that owns it.
    #[must_use]
    pub const fn module(&self) -> ModuleId {
        self.module
    }

    /// Its number within the module, with [`DERIVED_TABLES`] when it is derived and [`INDEX_TABLES`] when it is an index.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.table
    }
}

impl<K: BorshSerialize, V: BorshSerialize + BorshDeserialize> Table<K, V> {
    /// The key of a row.
    ///
    /// # Panics
    /// When the canonical bytes of `key` do not fit [`crate::key::KEY_BYTES_MAX`]: a mistake of the declaring module, whose key
    /// types must be bounded.
    #[must_use]
    pub fn key(&self, key: &K) -> StateKey {
        StateKey::of_row(self.module, self.table, self.name, key)
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] of the view; [`StoreError::Undecodable`] naming table and key when the stored bytes are not a `V`.
    pub fn read<W: View + ?Sized>(&self, view: &W, key: &K) -> Result<Option<V>, StoreError> {
        let key = self.key(key);
        match view.read(&key)? {
            None => Ok(None),
            Some(bytes) => self.decode(&key, &bytes).map(Some),
        }
    }

    /// Whether there is such a row.
    ///
    /// # Errors
    /// [`StoreError`] of the view.
    pub fn has<W: View + ?Sized>(&self, view: &W, key: &K) -> Result<bool, StoreError> {
        Ok(view.read(&self.key(key))?.is_some())
    }

    /// Writes a row, over the earlier one if there is one.
    ///
    /// # Panics
    /// When the canonical bytes of `value` exceed [`VALUE_BYTES_MAX`], or those of `key` their limit: a mistake of the calling
    /// module, which must bound what it stores. The executor turns it into the refusal INTERNAL.
    pub fn put(&self, overlay: &mut Overlay<'_>, key: &K, value: &V) {
        let bytes = encode(value);
        assert!(bytes.len() <= VALUE_BYTES_MAX as usize, "a value of table {} takes {} bytes", self.name, bytes.len());
        overlay.put(self.key(key), bytes);
    }

    /// Removes a row. Removing an absent row changes nothing.
    pub fn remove(&self, overlay: &mut Overlay<'_>, key: &K) {
        overlay.remove(self.key(key));
    }

    /// Reads the bytes of a value, as a proof or a store gives them.
    ///
    /// # Errors
    /// [`StoreError::Undecodable`] naming table and key.
    pub fn decode(&self, key: &StateKey, bytes: &[u8]) -> Result<V, StoreError> {
        decode(bytes, VALUE_BYTES_MAX).map_err(|error: DecodeError| StoreError::Undecodable {
            record: Record::Row(self.name),
            key: key.as_bytes().to_vec(),
            error,
        })
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}/{} {})", self.module, self.table, self.name)
    }
}

#[cfg(test)]
mod tests;
