use std::collections::VecDeque;

use borsh::BorshSerialize;
use quancheng_types::codec::encode;
use quancheng_types::hash::sha256;
use quancheng_types::{Bytes, Height, merkle};

use super::rows::{IndexRow, LeafRow, ReceiptRow};
use super::{CHUNK_BYTES, CHUNKS_MAX, ChunkEntry, ChunkKind, ExportList, ExportScope, HISTORY_SPAN};
use crate::backend::{Backend, Column, Cursor};
use crate::error::{Record, StoreError};
use crate::flat::{FlatRow, split_record};
use crate::key::StateKey;
use crate::store::Store;
use crate::tree::{ChainHasher, LeafHash, Prefix, TreeHasher as _, subtree_hash};

/// Takes the chunks one after the other; what it answers ends the export.
pub type Sink<'a, E> = &'a mut dyn FnMut(&ChunkEntry, Vec<u8>) -> Result<(), E>;

/// Reads the state of the newest height of a store to which nothing is committed meanwhile: a copy that was opened to be read.
#[derive(Debug)]
pub struct Export<'a> {
    store: &'a Store,
    scope: ExportScope,
    height: Height,
}

impl<'a> Export<'a> {
    /// Of a store. The history goes beyond its newest height only as far as `history` gives leaves.
    ///
    /// # Errors
    /// [`StoreError::NotExecuted`] of an empty store.
    pub fn of(store: &'a Store, scope: ExportScope) -> Result<Self, StoreError> {
        let height = store.tip().map(|tip| tip.height());
        let height = height.ok_or(StoreError::NotExecuted { height: Height::GENESIS, tip: None })?;
        Ok(Self { store, scope, height })
    }

    /// Gives all chunks to `sink` and returns their list. `later` gives the leaves of the history log above the height of the state, which
    /// the header certifies beside it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read; what the sink answers.
    pub fn run<E: From<StoreError>>(
        &self,
        later: &[quancheng_types::HistoryLeaf],
        sink: Sink<'_, E>,
    ) -> Result<ExportList, E> {
        let mut writer = Writer { chunks: Vec::new(), sink };
        self.history(later, &mut writer)?;
        self.state(&mut writer)?;
        self.index(&mut writer)?;
        self.receipts(&mut writer)?;
        Ok(ExportList { height: self.height, receipts_from: self.scope.receipts_from, chunks: writer.chunks })
    }

    fn history<E: From<StoreError>>(
        &self,
        later: &[quancheng_types::HistoryLeaf],
        writer: &mut Writer<'_, E>,
    ) -> Result<(), E> {
        let leaf = |height: Height| match later.iter().find(|leaf| leaf.height == height) {
            Some(leaf) => Ok(*leaf),
            None => self.store.history_leaf(height),
        };
        let mut height = 0;
        while height < self.scope.history_size {
            let end = height.saturating_add(HISTORY_SPAN).min(self.scope.history_size);
            let leaves = (height..end).map(|height| leaf(Height(height))).collect::<Result<Vec<_>, _>>()?;
            let hashes: Vec<_> = leaves.iter().map(|leaf| leaf.leaf_hash()).collect();
            writer.put(ChunkKind::History { root: merkle::root(&hashes) }, encode(&leaves))?;
            height = end;
        }
        Ok(())
    }

    fn state<E: From<StoreError>>(&self, writer: &mut Writer<'_, E>) -> Result<(), E> {
        let backend = self.store.reading();
        let mut flat = backend.cursor(Column::Flat)?;
        flat.seek(&[])?;
        let chunk_bytes = self.scope.chunk_bytes.min(CHUNK_BYTES);
        let mut walk = Walk { backend, flat, chunk_bytes, ahead: VecDeque::new(), bytes: 0 };
        walk.subtree(Prefix::ROOT, writer)
    }

    fn index<E: From<StoreError>>(&self, writer: &mut Writer<'_, E>) -> Result<(), E> {
        let mut cursor = self.store.reading().cursor(Column::Index)?;
        cursor.seek(&[])?;
        let mut rows = Rows::new(&self.scope);
        while let Some((key, value)) = cursor.entry() {
            let too_long = |_| damaged(Column::Index, key, "a row within its limits");
            let row = IndexRow {
                key: Bytes::new(key.to_vec()).map_err(too_long)?,
                value: Bytes::new(value.to_vec()).map_err(too_long)?,
            };
            rows.push(&row);
            if rows.is_full() {
                writer.put(ChunkKind::Index, rows.take())?;
            }
            cursor.step()?;
        }
        writer.put_rest(ChunkKind::Index, &mut rows)
    }

    fn receipts<E: From<StoreError>>(&self, writer: &mut Writer<'_, E>) -> Result<(), E> {
        let mut rows = Rows::new(&self.scope);
        let mut height = self.scope.receipts_from;
        while height <= self.height {
            for receipt in self.store.receipts(height)? {
                rows.push(&ReceiptRow { height, receipt });
                if rows.is_full() {
                    writer.put(ChunkKind::Receipts, rows.take())?;
                }
            }
            height = height.next();
        }
        writer.put_rest(ChunkKind::Receipts, &mut rows)
    }
}

/// Rows of a chunk that is being filled: their number (u32), then each.
#[derive(Debug)]
struct Rows {
    chunk_bytes: usize,
    count: u32,
    bytes: Vec<u8>,
}

impl Rows {
    fn push<T: BorshSerialize>(&mut self, row: &T) {
        self.bytes.extend_from_slice(&encode(row));
        self.count += 1;
    }

    fn new(scope: &ExportScope) -> Self {
        Self { chunk_bytes: scope.chunk_bytes.min(CHUNK_BYTES), count: 0, bytes: Vec::new() }
    }

    const fn is_full(&self) -> bool {
        self.bytes.len() >= self.chunk_bytes
    }

    fn take(&mut self) -> Vec<u8> {
        let (count, bytes) = (core::mem::take(&mut self.count), core::mem::take(&mut self.bytes));
        let mut chunk = Vec::with_capacity(4 + bytes.len());
        chunk.extend_from_slice(&count.to_le_bytes());
        chunk.extend_from_slice(&bytes);
        chunk
    }
}

struct Writer<'a, E> {
    chunks: Vec<ChunkEntry>,
    sink: Sink<'a, E>,
}

impl<E: From<StoreError>> Writer<'_, E> {
    fn put(&mut self, kind: ChunkKind, bytes: Vec<u8>) -> Result<(), E> {
        if self.chunks.len() >= CHUNKS_MAX as usize {
            let found = u64::from(CHUNKS_MAX) + 1;
            return Err(StoreError::TooLarge { what: "chunks of an export", found, max: CHUNKS_MAX.into() }.into());
        }
        let length = u32::try_from(bytes.len()).expect("a chunk is a few megabytes long");
        let entry = ChunkEntry { kind, bytes: length, sha256: sha256(&[&bytes]) };
        (self.sink)(&entry, bytes)?;
        self.chunks.push(entry);
        Ok(())
    }

    fn put_rest(&mut self, kind: ChunkKind, rows: &mut Rows) -> Result<(), E> {
        if rows.count == 0 { Ok(()) } else { self.put(kind, rows.take()) }
    }
}

/// Leaves in ascending order, cut into subtrees that fit into a chunk: as high in the tree as they can be.
struct Walk<'a> {
    backend: &'a dyn Backend,
    flat: Box<dyn Cursor + 'a>,
    chunk_bytes: usize,
    /// Leaves that were read and are in no chunk yet, with their bytes: little more than a chunk of them.
    ahead: VecDeque<(LeafHash, Vec<u8>)>,
    bytes: usize,
}

impl Walk<'_> {
    fn subtree<E: From<StoreError>>(&mut self, prefix: Prefix, writer: &mut Writer<'_, E>) -> Result<(), E> {
        if self.fits(&prefix)? {
            return self.part(&prefix, writer);
        }
        for nibble in 0_u8..16 {
            let child = prefix.child(nibble);
            let child = child.ok_or_else(|| damaged(Column::Flat, &prefix.to_bytes(), "one row at a place"))?;
            self.subtree(child, writer)?;
        }
        Ok(())
    }

    /// Whether all leaves below a prefix, the next ones, are in one chunk.
    fn fits(&mut self, prefix: &Prefix) -> Result<bool, StoreError> {
        while self.bytes < self.chunk_bytes {
            let Some((key, row)) = self.flat.entry().filter(|(key, _)| prefix.covers(key)) else {
                return Ok(true);
            };
            let (leaf, row) = self.leaf(key, row)?;
            self.bytes += row.len();
            self.ahead.push_back((leaf, row));
            self.flat.step()?;
        }
        let is_beyond = self.ahead.back().is_some_and(|(leaf, _)| !prefix.covers(leaf.place.as_bytes()));
        Ok(is_beyond || self.flat.entry().is_none_or(|(key, _)| !prefix.covers(key)))
    }

    fn part<E: From<StoreError>>(&mut self, prefix: &Prefix, writer: &mut Writer<'_, E>) -> Result<(), E> {
        let count = self.ahead.iter().take_while(|(leaf, _)| prefix.covers(leaf.place.as_bytes())).count();
        if count == 0 {
            return Ok(());
        }
        let (mut leaves, mut bytes) = (Vec::with_capacity(count), Vec::new());
        bytes.extend_from_slice(&u32::try_from(count).expect("a chunk holds few leaves").to_le_bytes());
        for (leaf, row) in self.ahead.drain(..count) {
            bytes.extend_from_slice(&row);
            self.bytes -= row.len();
            leaves.push(leaf);
        }
        let hash = subtree_hash::<ChainHasher>(&leaves, prefix.depth());
        let keys = u64::try_from(count).expect("a chunk holds few leaves");
        writer.put(ChunkKind::State { prefix: prefix.to_bytes(), keys, hash }, bytes)
    }

    /// The next leaf, and its row with what it holds.
    fn leaf(&self, place: &[u8], row: &[u8]) -> Result<(LeafHash, Vec<u8>), StoreError> {
        let row = FlatRow::parse(place, row)?;
        let bad_place = |_| damaged(Column::Flat, place, "a place of 32 bytes");
        let place = place.try_into().map(quancheng_types::Digest).map_err(bad_place)?;
        let leaf = LeafHash { place, hash: ChainHasher::leaf(&place, &row.holding) };
        let Some(record) = row.record() else {
            return Ok((leaf, encode(&LeafRow::Gone { holding: row.holding, place })));
        };
        let missing = || StoreError::Missing { record: Record::Column(Column::Records.name()), key: record.to_vec() };
        let bytes = self.backend.get(Column::Records, &record)?.ok_or_else(missing)?;
        let found = split_record(&bytes, row.spot.at).and_then(|(key, value)| {
            let key = StateKey::from_bytes(key.to_vec())?;
            Some(LeafRow::Value { holding: row.holding, key, value: Bytes::new(value.to_vec()).ok()? })
        });
        let found = found.ok_or_else(|| damaged(Column::Records, &record, "a key and a value within their limits"))?;
        Ok((leaf, encode(&found)))
    }
}

fn damaged(column: Column, key: &[u8], expected: &'static str) -> StoreError {
    StoreError::Inconsistent { record: Record::Column(column.name()), key: key.to_vec(), expected }
}
