use std::sync::Arc;

use borsh::BorshDeserialize;
use quancheng_proof::state_proof::value_hash;
use quancheng_types::codec::decode;
use quancheng_types::merkle::RootBuilder;
use quancheng_types::{Digest, Height, HistoryLeaf, TransactionId, limits, merkle};

use super::index::Lists;
use super::list::{Part, check_bytes};
use super::rows::{IndexRow, LeafRow, ReceiptRow};
use super::{CHUNK_BYTES, CHUNK_BYTES_MAX, ChunkKind, ExportList, HISTORY_SPAN, ImportError, ListRules};
use crate::backend::{Backend, Column, Durability, Writes};
use crate::flat::{FlatRow, Spot, put_record};
use crate::key::StateKey;
use crate::store::{put_imported, put_leaf, put_location};
use crate::tree::{ChainHasher, LeafHash, TreeHasher as _, subtree_hash};

/// Bytes that may be written before they are on the disk: a backend holds them in memory until then.
const UNSYNCED_MAX: usize = 24 * 1024 * 1024;
/// Receipts that a height can have.
const RECEIPTS_MAX: usize = limits::BLOCK_BATCHES_MAX as usize * limits::BATCH_TRANSACTIONS_MAX as usize;

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportScope {
    /// Leaves of the history log, as a header says that the caller has verified.
    pub history_size: u64,
    /// Its root, from the same header.
    pub history_root: Digest,
    /// Bytes at which an export ends a chunk: [`CHUNK_BYTES`], or fewer.
    pub chunk_bytes: usize,
}

/// Receipts of a height that are not proven yet.
#[derive(Debug)]
struct Unproven {
    height: Height,
    log: RootBuilder,
    ids: Vec<TransactionId>,
}

/// Makes the results of one height of the chunks of an export, in an empty store. Every chunk is checked before anything of it is written.
///
/// What is written is of no use before [`Self::finish`]: a store that was left off half-way is thrown away.
#[derive(Debug)]
pub struct Import {
    backend: Arc<dyn Backend>,
    list: ExportList,
    scope: ImportScope,
    next: usize,
    unsynced: usize,
    log: RootBuilder,
    leaf: Option<HistoryLeaf>,
    parts: Vec<Part>,
    parts_done: usize,
    /// Leaves of the tree that were written: the next one's value is the group with this number among those of its height.
    leaves: u64,
    lists: Lists,
    receipts: Option<Unproven>,
}

impl Import {
    /// Begins to import a state into an empty backend.
    ///
    /// # Errors
    /// [`ImportError::List`].
    pub fn begin(
        backend: Arc<dyn Backend>,
        list: ExportList,
        scope: ImportScope,
        lists: ListRules,
    ) -> Result<Self, ImportError> {
        let scope = ImportScope { chunk_bytes: scope.chunk_bytes.min(CHUNK_BYTES), ..scope };
        list.check_history(scope.history_size, scope.history_root)?;
        list.check_cut(scope.chunk_bytes)?;
        Ok(Self {
            backend,
            list,
            scope,
            next: 0,
            unsynced: 0,
            log: RootBuilder::new(),
            leaf: None,
            parts: Vec::new(),
            parts_done: 0,
            leaves: 0,
            lists: Lists::new(lists),
            receipts: None,
        })
    }

    /// The list.
    #[must_use]
    pub const fn list(&self) -> &ExportList {
        &self.list
    }

    /// The leaf of the height of the state, once the history is here.
    #[must_use]
    pub const fn leaf(&self) -> Option<&HistoryLeaf> {
        self.leaf.as_ref()
    }

    /// Takes the next chunk of the list.
    ///
    /// # Errors
    /// [`ImportError::Sender`] when these are not the bytes that the list names: another copy of the same chunk may be taken afterwards. After
    /// any other one the store is of no use.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        let entry = self.list.chunks.get(self.next);
        let entry = entry.ok_or(ImportError::List { expected: "as many chunks as are put" })?.clone();
        check_bytes(&entry, bytes)?;
        let mut writes = Writes::new();
        match entry.kind {
            ChunkKind::History { root } => self.history(root, bytes, &mut writes)?,
            ChunkKind::State { .. } => self.state(bytes, &mut writes)?,
            ChunkKind::Index => self.index(bytes, &mut writes)?,
            ChunkKind::Receipts => self.receipts(bytes, &mut writes)?,
        }
        self.unsynced = self.unsynced.saturating_add(writes.bytes());
        self.backend.write(writes, Durability::Buffered)?;
        if self.unsynced >= UNSYNCED_MAX {
            self.backend.sync()?;
            self.unsynced = 0;
        }
        self.next += 1;
        Ok(())
    }

    fn history(&mut self, root: Digest, bytes: &[u8], writes: &mut Writes) -> Result<(), ImportError> {
        let expected =
            ImportError::Content { expected: "the leaves of the history log that the certified header names" };
        let leaves: Vec<HistoryLeaf> = read(bytes)?;
        let first = u64::try_from(self.next).unwrap_or(u64::MAX).saturating_mul(HISTORY_SPAN);
        let count = HISTORY_SPAN.min(self.scope.history_size.saturating_sub(first));
        let hashes: Vec<Digest> = leaves.iter().map(HistoryLeaf::leaf_hash).collect();
        let is_numbered = (first..).zip(&leaves).all(|(height, leaf)| leaf.height.0 == height);
        if u64::try_from(leaves.len()) != Ok(count) || !is_numbered || merkle::root(&hashes) != root {
            return Err(expected);
        }
        for leaf in leaves.into_iter().filter(|leaf| leaf.height <= self.list.height) {
            put_leaf(&leaf, &mut self.log, writes);
            if leaf.height == self.list.height {
                self.parts = self.list.parts(leaf.state_root, self.scope.chunk_bytes)?;
                self.leaf = Some(leaf);
            }
        }
        Ok(())
    }

    fn state(&mut self, bytes: &[u8], writes: &mut Writes) -> Result<(), ImportError> {
        let expected = ImportError::Content { expected: "the leaves of its subtree, each with its key and value" };
        let part = *self.parts.get(self.parts_done).ok_or(ImportError::List { expected: "history before state" })?;
        let rows: Vec<LeafRow> = read(bytes)?;
        let mut leaves = Vec::with_capacity(rows.len());
        for row in &rows {
            let place = self.place(row).filter(|place| part.prefix.covers(place.as_bytes())).ok_or(expected.clone())?;
            leaves.push(LeafHash { place, hash: ChainHasher::leaf(&place, row.holding()) });
        }
        let is_ascending = leaves.windows(2).all(|pair| pair[0].place < pair[1].place);
        let is_counted = u64::try_from(leaves.len()) == Ok(part.keys);
        if !is_ascending || !is_counted || subtree_hash::<ChainHasher>(&leaves, part.prefix.depth()) != part.hash {
            return Err(expected);
        }
        for (leaf, row) in leaves.iter().zip(&rows) {
            self.put_row(leaf.place, row, writes);
        }
        self.parts_done += 1;
        Ok(())
    }

    /// The place of a row that can stand in the state of this height.
    fn place(&self, row: &LeafRow) -> Option<Digest> {
        match row {
            LeafRow::Gone { holding, place } => holding.value_hash.is_none().then_some(*place),
            LeafRow::Value { holding, key, value } => {
                let is_value = !key.is_index() && holding.value_hash == Some(value_hash(value));
                let place = if holding.until.is_some() { key.version_hash(holding.version) } else { key.hash() };
                is_value.then_some(place)
            }
        }
    }

    fn put_row(&mut self, place: Digest, row: &LeafRow, writes: &mut Writes) {
        // The exporting node has other groups: they only tell the values of one height apart, as places among all leaves do.
        let group = u32::try_from(self.leaves % (1 << 32)).expect("below 2^32");
        self.leaves += 1;
        let flat = match row {
            LeafRow::Gone { holding, .. } => FlatRow { holding: *holding, spot: Spot::default() },
            LeafRow::Value { holding, key, value } => {
                let flat = FlatRow { holding: *holding, spot: Spot { group, at: 0 } };
                let record = flat.record().expect("a row with a value has a record");
                writes.put_with(Column::Records, record, |bytes| put_record(bytes, key.as_bytes(), value));
                if holding.until.is_none() {
                    self.lists.note(key);
                }
                flat
            }
        };
        writes.put_with(Column::Flat, place.as_bytes(), |bytes| flat.put(bytes));
    }

    fn index(&mut self, bytes: &[u8], writes: &mut Writes) -> Result<(), ImportError> {
        self.check_state()?;
        for IndexRow { key, value } in read::<Vec<IndexRow>>(bytes)? {
            let key = StateKey::from_bytes(key.into_vec()).ok_or(ImportError::Content { expected: "keys of rows" })?;
            self.lists.push(self.backend.as_ref(), &key, &value)?;
            writes.put(Column::Index, key.as_bytes(), value.into_vec());
        }
        Ok(())
    }

    /// Whether the whole tree is here.
    fn check_state(&self) -> Result<(), ImportError> {
        let is_whole = self.leaf.is_some() && self.parts_done == self.parts.len();
        if is_whole {
            Ok(())
        } else {
            Err(ImportError::List { expected: "the whole state before indexes and receipts" })
        }
    }

    fn receipts(&mut self, bytes: &[u8], writes: &mut Writes) -> Result<(), ImportError> {
        self.check_state()?;
        for ReceiptRow { height, receipt } in read::<Vec<ReceiptRow>>(bytes)? {
            if self.receipts.as_ref().is_none_or(|unproven| unproven.height != height) {
                self.end_receipts(height, writes)?;
            }
            let none = || Unproven { height, log: RootBuilder::new(), ids: Vec::new() };
            let unproven = self.receipts.get_or_insert_with(none);
            if u64::from(receipt.position) != unproven.log.size() || unproven.ids.len() >= RECEIPTS_MAX {
                return Err(ImportError::Content { expected: "receipts in the order of their positions" });
            }
            unproven.log.push(receipt.leaf_hash());
            unproven.ids.push(receipt.transaction_id);
        }
        Ok(())
    }

    /// Whether the receipts of the height that was filled last are all of it, and those between it and `next` have none. Only then they are written:
    /// how many there are is known from their root alone.
    fn end_receipts(&mut self, next: Height, writes: &mut Writes) -> Result<(), ImportError> {
        let expected = || ImportError::Content { expected: "all receipts of each height, which lead to its leaf" };
        if next > self.list.height.next() {
            return Err(expected());
        }
        let mut height = match self.receipts.take() {
            Some(Unproven { height, log, ids }) => {
                if self.history_leaf(height)?.receipts_root != log.root() {
                    return Err(expected());
                }
                for (position, id) in (0_u32..).zip(&ids) {
                    put_location(id, height, position, writes);
                }
                height.next()
            }
            None => self.list.receipts_from,
        };
        if next < height {
            return Err(expected());
        }
        while height < next {
            if self.history_leaf(height)?.receipts_root != merkle::empty_root() {
                return Err(expected());
            }
            height = height.next();
        }
        Ok(())
    }

    /// Checks that all chunks are here, and makes the store one that has executed the height: it can be opened. What only the state itself
    /// says, its reader adds with [`crate::Store::complete_import`].
    ///
    /// # Errors
    /// [`ImportError`]; the store is then of no use.
    pub fn finish(mut self) -> Result<HistoryLeaf, ImportError> {
        self.check_state()?;
        if self.next != self.list.chunks.len() {
            return Err(ImportError::List { expected: "no chunk that was not put" });
        }
        self.lists.finish()?;
        if !self.lists.is_whole() {
            return Err(ImportError::List { expected: "the rows of every list of the state" });
        }
        let mut writes = Writes::new();
        self.end_receipts(self.list.height.next(), &mut writes)?;
        let leaf = self.leaf.ok_or(ImportError::List { expected: "the leaf of its height" })?;
        put_imported(leaf, self.log, &mut writes);
        self.backend.write(writes, Durability::Buffered)?;
        self.backend.sync()?;
        Ok(leaf)
    }

    /// A leaf of the history, once it is here.
    ///
    /// # Errors
    /// [`ImportError::List`] when it is not, [`ImportError::Store`].
    pub fn history_leaf(&self, height: Height) -> Result<HistoryLeaf, ImportError> {
        let bytes = self.backend.get(Column::HistoryLeaves, &height.0.to_be_bytes())?;
        let bytes = bytes.ok_or(ImportError::List { expected: "the history before what rests on it" })?;
        read(&bytes)
    }
}

/// Decodes the content of a chunk.
fn read<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, ImportError> {
    decode(bytes, CHUNK_BYTES_MAX).map_err(|_| ImportError::Content { expected: "canonical rows of its kind" })
}
