//! A state that is exported and imported is the same state, and nothing else is taken for it.

use std::sync::Arc;

use quancheng_state::backend::{Backend, Column};
use quancheng_state::export::{
    CHUNK_BYTES, ChunkEntry, ChunkKind, Export, ExportList, ExportScope, Import, ImportError, ImportScope, ListRow,
    ListRules,
};
use quancheng_state::{Memory, Overlay, Patch, StateKey, Store, StoreError, StoreOptions, Table};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height, HistoryLeaf, ModuleId};

use crate::suite::{Block, Model, apply, batch, check_snapshot, commit_of, patch, validators};

const LIST: ModuleId = ModuleId(7);
const HEADS: Table<u8, (u64, Digest)> = Table::derived(LIST, 1, "heads");
const ROWS: Table<(u8, Number), u64> = Table::index(LIST, 2, "rows");

/// A number that sorts as it counts.
struct Number(u64);

impl borsh::BorshSerialize for Number {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&self.0.to_be_bytes())
    }
}

fn rules() -> ListRules {
    fn list_of(key: &StateKey) -> Option<ListRow> {
        let bytes = key.as_bytes();
        let is_row = key.module() == LIST && key.table() == ROWS.number() && bytes.len() == 4 + 1 + 8;
        let number = u64::from_be_bytes(bytes.get(5..)?.try_into().ok()?);
        is_row.then(|| ListRow { head: HEADS.key(&bytes[4]), number })
    }
    fn is_head(key: &StateKey) -> bool {
        key.module() == LIST && key.table() == HEADS.number()
    }
    fn push(head: Option<&[u8]>, row: &[u8]) -> Option<Vec<u8>> {
        let (count, digest) = match head {
            Some(bytes) => borsh::from_slice::<(u64, Digest)>(bytes).ok()?,
            None => (0, Digest::ZERO),
        };
        borsh::to_vec(&(count + 1, sha256(&[digest.as_bytes(), row]))).ok()
    }
    fn rows(head: &[u8]) -> Option<u64> {
        Some(borsh::from_slice::<(u64, Digest)>(head).ok()?.0)
    }
    ListRules { list_of, is_head, rows, push }
}

/// The writes of a block, with one row more in each of some lists.
fn with_rows(store: &Store, block: &Block, height: u64) -> Patch {
    let view = store.snapshot().unwrap();
    let mut overlay = Overlay::new(&view);
    for list in (0..5_u8).filter(|list| !(height + u64::from(*list)).is_multiple_of(3)) {
        for row in 0..height % 4 {
            let (count, digest) = HEADS.read(&overlay, &list).unwrap().unwrap_or_default();
            let value = height * 10 + row;
            ROWS.put(&mut overlay, &(list, Number(count)), &value);
            HEADS.put(&mut overlay, &list, &(count + 1, sha256(&[digest.as_bytes(), &borsh::to_vec(&value).unwrap()])));
        }
    }
    let mut all = patch(&view, block);
    all.merge(overlay.into_patch());
    all
}

/// A store that executed blocks, and the models of its heights.
struct Source {
    store: Store,
    models: Vec<Model>,
    later: Vec<HistoryLeaf>,
    root: Digest,
}

/// The state of the height before the last block; its leaf is what a header certifies beside it.
fn source(blocks: &[Block]) -> Source {
    let (whole, store) = (open(), open());
    let (mut models, mut model) = (Vec::new(), Model::new());
    for (height, block) in (0_u64..).zip(blocks) {
        apply(&mut model, block);
        for (store, is_whole) in [(&whole, true), (&store, false)] {
            if height == 0 {
                let patch = patch(&quancheng_state::view::EmptyView, block);
                store.init_genesis(1, patch, &validators(&[1])).unwrap();
            } else if is_whole || usize::try_from(height).unwrap() + 1 < blocks.len() {
                let patch = with_rows(store, block, height);
                store.commit(commit_of(height, patch, &batch(height, height * 7 % 5))).unwrap();
            }
        }
        models.push(model.clone());
    }
    models.pop();
    let tip = whole.tip().unwrap();
    Source { store, models, later: vec![tip.leaf], root: tip.root }
}

fn open() -> Store {
    Store::open(Arc::new(Memory::new()), StoreOptions::default()).unwrap()
}

/// A list, its chunks, and the bytes at which one of them ends.
type Chunks = (ExportList, Vec<Vec<u8>>, usize);

fn export(source: &Source, chunk_bytes: usize, receipts_from: u64) -> Chunks {
    let history_size = source.later[0].height.0 + 1;
    let scope = ExportScope { history_size, receipts_from: Height(receipts_from), chunk_bytes };
    let mut chunks = Vec::new();
    let list = Export::of(&source.store, scope).unwrap().run::<StoreError>(&source.later, &mut |entry, bytes| {
        assert_eq!((entry.bytes as usize, entry.sha256), (bytes.len(), sha256(&[&bytes])));
        chunks.push(bytes);
        Ok(())
    });
    (list.unwrap(), chunks, chunk_bytes)
}

fn import(source: &Source, (list, chunks, chunk_bytes): &Chunks) -> Result<Store, ImportError> {
    let backend: Arc<dyn Backend> = Arc::new(Memory::new());
    // The list is read as it was written.
    let list = ExportList::decode(&list.encode()).unwrap();
    let history_size = source.later[0].height.0 + 1;
    let scope = ImportScope { history_size, history_root: source.root, chunk_bytes: *chunk_bytes };
    let mut import = Import::begin(Arc::clone(&backend), list, scope, rules())?;
    chunks.iter().try_for_each(|chunk| import.put(chunk))?;
    let leaf = import.finish()?;
    let store = Store::open(backend, StoreOptions::default())?;
    assert_eq!(store.tip().unwrap().leaf, leaf);
    store.complete_import(&[(Height(1), validators(&[1]))], 1 << 40)?;
    Ok(store)
}

/// Whatever the state was, and however it is cut: the same root, every past of kept rows with its proof, the same next heights.
pub(crate) fn an_imported_state_is_the_exported_one(blocks: &[Block], chunk_bytes: usize) {
    let source = source(blocks);
    let exported = export(&source, chunk_bytes, 0);
    assert_eq!(exported, export(&source, chunk_bytes, 0), "a function of the state");
    let store = import(&source, &exported).unwrap();
    assert_eq!(export(&Source { store: store.clone(), ..source_of(&source) }, chunk_bytes, u64::MAX).0.chunks, {
        let is_receipt = |kind: &ChunkKind| matches!(kind, ChunkKind::Receipts);
        exported.0.chunks.iter().filter(|chunk| !is_receipt(&chunk.kind)).cloned().collect::<Vec<_>>()
    });
    let tip = source.store.tip().unwrap();
    assert_eq!((store.tip().unwrap(), store.oldest()), (tip, tip.height()));
    let newest = store.snapshot().unwrap();
    for (height, model) in (0_u64..).zip(&source.models) {
        check_snapshot(&store.snapshot_at(Height(height)).unwrap(), model, &newest, tip.height().0);
        assert_eq!(store.history_path(Height(height), tip.size), source.store.history_path(Height(height), tip.size));
        for receipt in source.store.receipts(Height(height)).unwrap() {
            assert!(store.is_executed(&receipt.transaction_id, 5).unwrap(), "what was executed is known");
        }
    }
    let next = tip.height().0 + 1;
    for store in [&source.store, &store] {
        for height in next..next + 3 {
            let patch = with_rows(store, &blocks[0], height);
            store.commit(commit_of(height, patch, &batch(height, 2))).unwrap();
        }
    }
    assert_eq!(store.tip(), source.store.tip());
}

fn source_of(source: &Source) -> Source {
    Source { store: source.store.clone(), models: Vec::new(), later: source.later.clone(), root: source.root }
}

/// Names a changed chunk in the list, as one who made the list would.
fn named(list: &mut ExportList, chunks: &[Vec<u8>]) {
    for (entry, bytes) in list.chunks.iter_mut().zip(chunks) {
        (entry.bytes, entry.sha256) = (u32::try_from(bytes.len()).unwrap(), sha256(&[bytes]));
    }
}

/// A changed byte is the sender's fault; with the digest changed too it is that of the list. Nothing of either is taken for the state.
pub(crate) fn whatever_is_changed_is_refused_and_told_whose_it_is(blocks: &[Block], at: usize, by: u8) {
    let source = source(blocks);
    let (list, chunks, cut) = export(&source, 600, 1);
    for index in 0..chunks.len() {
        let mut changed = chunks.clone();
        let place = at % changed[index].len();
        changed[index][place] ^= by;
        let refused = import(&source, &(list.clone(), changed.clone(), cut));
        assert!(matches!(refused, Err(ImportError::Sender { .. })), "chunk {index} byte {place}: {refused:?}");
        let mut list = list.clone();
        named(&mut list, &changed);
        let refused = import(&source, &(list, changed, cut));
        assert!(
            matches!(refused, Err(ImportError::Content { .. } | ImportError::List { .. })),
            "chunk {index} byte {place}: {refused:?}"
        );
    }
    for index in 0..chunks.len() {
        let (mut list, mut fewer) = (list.clone(), chunks.clone());
        list.chunks.remove(index);
        fewer.remove(index);
        let refused = import(&source, &(list, fewer, cut));
        assert!(
            matches!(refused, Err(ImportError::Content { .. } | ImportError::List { .. })),
            "without {index}: {refused:?}"
        );
    }
    for index in 1..chunks.len() {
        let (mut list, mut swapped) = (list.clone(), chunks.clone());
        list.chunks.swap(index - 1, index);
        swapped.swap(index - 1, index);
        assert!(import(&source, &(list, swapped, cut)).is_err(), "swapped {index}");
    }
}

/// Nobody certifies how many chunks there are, so a list that is cut another way than an export cuts it is refused before anything is fetched.
pub(crate) fn a_list_is_cut_as_an_export_cuts_it(blocks: &[Block]) {
    let source = source(blocks);
    let (list, chunks, cut) = export(&source, 200, 0);
    let is_list = |refused: &Result<Store, ImportError>| matches!(refused, Err(ImportError::List { .. }));
    let mut tried = 0;
    for (at, kind) in list.chunks.iter().map(|chunk| chunk.kind.clone()).enumerate() {
        if !matches!(kind, ChunkKind::Index | ChunkKind::Receipts) {
            continue;
        }
        for place in [at, at + 1] {
            let (mut list, mut chunks) = (list.clone(), chunks.clone());
            chunks.insert(place, vec![0; 4]);
            list.chunks.insert(place, ChunkEntry { kind: kind.clone(), bytes: 0, sha256: Digest::ZERO });
            named(&mut list, &chunks);
            let refused = import(&source, &(list, chunks, cut));
            assert!(is_list(&refused), "a chunk of nothing at {place}: {refused:?}");
        }
        // A list that says more of a chunk than it is long.
        let mut longer = list.clone();
        longer.chunks[at].bytes += 1;
        let refused = import(&source, &(longer, chunks.clone(), cut));
        assert!(is_list(&refused), "chunk {at} is said to be longer: {refused:?}");
        tried += 1;
    }
    assert!(tried > 2, "some chunks of both kinds");
}

/// What is certified of a height, or of a list, bounds what is written of it: whoever makes up rows fills no disk.
pub(crate) fn rows_without_end_are_not_written(blocks: &[Block]) {
    let source = source(blocks);
    let (list, chunks, cut) = export(&source, CHUNK_BYTES, 0);
    let tip = source.store.tip().unwrap().height();
    for kind in [ChunkKind::Index, ChunkKind::Receipts] {
        let at = list.chunks.iter().position(|chunk| chunk.kind == kind).unwrap();
        let (mut list, mut chunks) = (list.clone(), chunks.clone());
        let rows = u32::from_le_bytes(chunks[at][..4].try_into().unwrap());
        let (column, key) = if kind == ChunkKind::Index {
            let last =
                (0..5_u8).rev().find(|list| HEADS.has(&source.store.snapshot().unwrap(), list).unwrap()).unwrap();
            let (count, _) = HEADS.read(&source.store.snapshot().unwrap(), &last).unwrap().unwrap();
            let key = ROWS.key(&(last, Number(count)));
            borsh::to_writer(&mut chunks[at], &(key.as_bytes(), &[7_u8; 8][..])).unwrap();
            (Column::Index, key.as_bytes().to_vec())
        } else {
            let made_up = quancheng_types::TransactionId(Digest([7; 32]));
            let mut receipts = source.store.receipts(tip).unwrap();
            let position = u32::try_from(receipts.len()).unwrap();
            let Some(mut receipt) = receipts.pop() else { return };
            (receipt.transaction_id, receipt.position) = (made_up, position);
            borsh::to_writer(&mut chunks[at], &(tip, &receipt)).unwrap();
            (Column::TransactionIndex, made_up.as_bytes().to_vec())
        };
        chunks[at][..4].copy_from_slice(&(rows + 1).to_le_bytes());
        named(&mut list, &chunks);
        let memory = Arc::new(Memory::new());
        let scope = ImportScope { history_size: tip.0 + 2, history_root: source.root, chunk_bytes: cut };
        let mut import = Import::begin(Arc::clone(&memory) as Arc<dyn Backend>, list, scope, rules()).unwrap();
        let put = chunks.iter().try_for_each(|chunk| import.put(chunk));
        assert_eq!(
            put.is_err(),
            kind == ChunkKind::Index,
            "rows are counted by their head, receipts known by their root"
        );
        assert!(put.is_err() || import.finish().is_err());
        assert_eq!(memory.get(column, &key).unwrap(), None, "{kind:?}");
    }
}

/// A backend holds in memory what is not synced, so an import syncs.
pub(crate) fn an_import_leaves_little_in_memory() {
    const BIG: Table<u32, Vec<u8>> = Table::kept(ModuleId(9), 1, "big");
    let store = open();
    store.init_genesis(1, Patch::empty(), &validators(&[1])).unwrap();
    let mut overlay = Overlay::new(&quancheng_state::view::EmptyView);
    for number in 0..800 {
        BIG.put(&mut overlay, &number, &vec![u8::try_from(number % 256).unwrap(); 60_000]);
    }
    let tip = store.commit(commit_of(1, overlay.into_patch(), &batch(1, 1))).unwrap();
    let scope = ExportScope { history_size: 2, receipts_from: Height(1), chunk_bytes: CHUNK_BYTES };
    let mut chunks = Vec::new();
    let list = Export::of(&store, scope).unwrap().run::<StoreError>(&[], &mut |_, bytes| {
        chunks.push(bytes);
        Ok(())
    });
    let memory = Arc::new(Memory::new());
    let scope = ImportScope { history_size: 2, history_root: tip.root, chunk_bytes: CHUNK_BYTES };
    let mut import = Import::begin(Arc::clone(&memory) as Arc<dyn Backend>, list.unwrap(), scope, rules()).unwrap();
    let mut unsynced = Vec::new();
    for chunk in &chunks {
        import.put(chunk).unwrap();
        unsynced.push(memory.unsynced().results);
    }
    let most = unsynced.iter().max().unwrap();
    assert!(chunks.len() > 12 && *most < 10, "{most} chunks of {} at once", chunks.len());
    import.finish().unwrap();
}

/// Of an export that begins with later receipts, only the ids of these are known: whoever imports it must ask for enough of them.
pub(crate) fn receipts_are_taken_along_from_the_height_that_is_named(blocks: &[Block]) {
    let source = source(blocks);
    let tip = source.store.tip().unwrap().height().0;
    for from in 0..=tip + 1 {
        let exported = export(&source, CHUNK_BYTES, from);
        assert_eq!(exported.0.receipts_from, Height(from));
        let store = import(&source, &exported).unwrap();
        for height in 0..=tip {
            for receipt in source.store.receipts(Height(height)).unwrap() {
                assert_eq!(store.is_executed(&receipt.transaction_id, 5).unwrap(), height >= from);
            }
        }
        if from > 0 {
            let (mut list, chunks, cut) = exported;
            list.receipts_from = Height(from - 1);
            let has_some = !source.store.receipts(Height(from - 1)).unwrap().is_empty();
            assert_eq!(import(&source, &(list, chunks, cut)).is_err(), has_some);
        }
    }
}
