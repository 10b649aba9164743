//! The suite on columns in memory, and crashes at every write.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use quancheng_state::backend::{Backend, Column, Cursor, Durability, Kept, Memory, Writes};
use quancheng_state::{BlockCommit, IoCause, Overlay, Store, StoreError, StoreOptions, Table};
use quancheng_types::{Height, ModuleId};

mod export;
mod suite;

use suite::{Block, InMemory, KEYS, Model, apply, blocks, check_snapshot, patch, validators};

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_height_stays_readable(blocks in blocks(2..7)) {
        suite::every_height_stays_readable(&InMemory::new(), &blocks);
    }

    #[test]
    fn pruning_keeps_what_it_must(blocks in blocks(2..7), oldest in 0_u64..7) {
        let oldest = oldest.min(u64::try_from(blocks.len()).unwrap() - 1);
        suite::pruning_keeps_what_it_must(&InMemory::new(), &blocks, oldest);
    }

    #[test]
    fn an_imported_state_is_the_exported_one(blocks in blocks(3..8), chunk_bytes in prop_oneof![1_usize..4_000, Just(1 << 22)]) {
        export::an_imported_state_is_the_exported_one(&blocks, chunk_bytes);
    }

    #[test]
    fn whatever_is_changed_is_refused_and_told_whose_it_is(blocks in blocks(3..6), at in any::<usize>(), by in 1_u8..) {
        export::whatever_is_changed_is_refused_and_told_whose_it_is(&blocks, at, by);
    }

    #[test]
    fn a_list_is_cut_as_an_export_cuts_it(blocks in blocks(5..8)) {
        export::a_list_is_cut_as_an_export_cuts_it(&blocks);
    }

    #[test]
    fn rows_without_end_are_not_written(blocks in blocks(5..8)) {
        export::rows_without_end_are_not_written(&blocks);
    }

    #[test]
    fn receipts_are_taken_along_from_the_height_that_is_named(blocks in blocks(3..6)) {
        export::receipts_are_taken_along_from_the_height_that_is_named(&blocks);
    }

    #[test]
    fn a_pruned_chain_keeps_what_it_must(steps in suite::pruned::steps()) {
        suite::pruned::a_pruned_chain_keeps_what_it_must(&InMemory::new(), &steps);
    }

    /// Whatever suffix of the writes since the last sync a crash takes back, the store opens at exactly one height, and
    /// executing the rest again leads to the same roots.
    #[test]
    fn a_crash_leaves_exactly_one_height(blocks in blocks(2..7), synced in 0_usize..7, every in 1_u64..5) {
        let memory = Arc::new(Memory::new());
        let options = StoreOptions { checkpoint_heights: every, ..StoreOptions::default() };
        let store = Store::open(Arc::clone(&memory) as Arc<dyn Backend>, options).unwrap();
        let (roots, models) = run(&store, &blocks, 0, |height| if height == synced { store.sync().unwrap() });
        let Kept { chain, results } = memory.unsynced();
        for (chain, results) in (0..=results).flat_map(|results| [(0, results), (chain, results)]) {
            let copy = Arc::new(memory.crash_copy(Kept { chain, results }));
            let store = Store::open(copy as Arc<dyn Backend>, StoreOptions::default()).unwrap();
            let next = match store.tip() {
                None => 0,
                Some(tip) => {
                    let height = usize::try_from(tip.height().0).unwrap();
                    prop_assert_eq!(tip.root, roots[height]);
                    let newest = store.snapshot().unwrap();
                    for (at, model) in (0_u64..).zip(&models[..=height]) {
                        check_snapshot(&store.snapshot_at(Height(at)).unwrap(), model, &newest, 0);
                    }
                    height + 1
                }
            };
            prop_assert!(next > synced || synced >= blocks.len());
            let (again, _) = run(&store, &blocks, next, |_| {});
            prop_assert_eq!(&again[..], &roots[next..]);
        }
    }
}

/// Executes blocks from a height on; the history roots and models of those heights.
fn run(
    store: &Store,
    blocks: &[Block],
    from: usize,
    after: impl Fn(usize),
) -> (Vec<quancheng_types::Digest>, Vec<Model>) {
    let (mut roots, mut models, mut model) = (Vec::new(), Vec::new(), Model::new());
    for (height, block) in blocks.iter().enumerate() {
        apply(&mut model, block);
        if height < from {
            continue;
        }
        let number = u64::try_from(height).unwrap();
        let tip = if height == 0 {
            store.init_genesis(1, patch(&quancheng_state::view::EmptyView, block), &validators(&[1])).unwrap()
        } else {
            let patch = patch(&store.snapshot().unwrap(), block);
            store.commit(suite::commit_of(number, patch, &suite::batch(number, 3))).unwrap()
        };
        roots.push(tip.root);
        models.push(model.clone());
        after(height);
    }
    (roots, models)
}

suite::suite_on!(InMemory::new());

#[test]
fn an_import_leaves_little_in_memory() {
    export::an_import_leaves_little_in_memory();
}

#[test]
fn a_pruned_store_keeps_the_versions_of_kept_rows_alone() {
    let disk = InMemory::new();
    let blocks: Vec<Block> = (1..30_u8).map(|n| (0..KEYS).map(|key| (key, Some(n))).collect()).collect();
    suite::pruning_keeps_what_it_must(&disk, &blocks, 28);
    for column in [Column::FlatHistory, Column::Superseded] {
        assert_eq!(disk.0.records(column), 0, "{column:?}");
    }
    // Of derived rows the newest; of kept ones all 29.
    let derived = usize::from(KEYS.div_ceil(3));
    let rows = derived + (usize::from(KEYS) - derived) * 29;
    assert_eq!((disk.0.records(Column::Flat), values(disk.0.as_ref())), (rows, rows));
}

/// Values in all groups of them (`state/src/flat.rs`).
fn values(disk: &dyn Backend) -> usize {
    let mut cursor = disk.cursor(Column::Records).unwrap();
    cursor.seek(&[]).unwrap();
    let mut count = 0;
    while let Some((_, mut group)) = cursor.entry() {
        assert!(!group.is_empty(), "a group holds something");
        while let Some((&[a, b, c, d, e, f], rest)) = group.split_first_chunk() {
            let bytes = usize::from(u16::from_be_bytes([a, b])) + u32::from_be_bytes([c, d, e, f]) as usize;
            (group, count) = (&rest[bytes..], count + 1);
        }
        cursor.step().unwrap();
    }
    count
}

/// Whatever writes of pruning a crash takes back, of either part: what is needed to go on is there, nothing that is left is taken for
/// whole, and pruning again removes all that one without a crash does.
#[test]
fn a_crash_while_pruning_leaves_no_half() {
    use suite::pruned;
    let memory = Arc::new(Memory::new());
    let store = pruned::open(Arc::clone(&memory) as Arc<dyn Backend>);
    pruned::genesis(&store);
    pruned::execute(&store, 1..=8);
    store.sync().unwrap();
    pruned::execute(&store, 9..=16);
    assert_eq!(store.prune_chain(Height(3), 100), Ok(Height(3)));
    memory.checkpoint().unwrap();
    assert_eq!(store.prune_chain(Height(16), 100), Ok(Height(8)), "what a crash may take back is executed again");
    pruned::check(&store, 8, 8);
    let left = [Column::Blocks, Column::Certificates, Column::Batches, Column::Receipts, Column::ReceiptNodes];
    let records = left.map(|column| memory.records(column));
    // Between two checkpoints a crash takes back both parts; after one that may not be finished, results alone.
    for (chain, results) in [(5, 8 + 2), (0, 8 + 2 + 5)] {
        assert_eq!(memory.unsynced(), Kept { chain, results });
        for (kept, results) in (0..=chain).flat_map(|kept| (0..=results).map(move |results| (kept, results))) {
            let copy = Arc::new(memory.crash_copy(Kept { chain: kept, results }));
            let store = pruned::open(Arc::clone(&copy) as Arc<dyn Backend>);
            let (tip, blocks) = (store.tip().unwrap().height().0, store.chain().first_block().unwrap().0);
            assert!(tip >= 8 && blocks == 8 - u64::try_from(chain - kept).unwrap(), "{kept} of {chain}, {results}");
            pruned::check(&store, blocks, store.first_receipt().0);
            assert!(store.first_receipt() >= Height(blocks), "no receipt without its batch");
            pruned::execute(&store, tip + 1..=16);
            store.sync().unwrap();
            assert_eq!(store.prune_chain(Height(8), 100), Ok(Height(8)));
            pruned::check(&store, 8, 8);
            assert_eq!(left.map(|column| copy.records(column)), records, "{kept} of {chain}, {results}");
        }
        memory.checkpoint().unwrap();
    }
}

/// What is on the disk for certain is what a crash at the worst moment leaves.
#[test]
fn durable_results_are_those_of_a_finished_checkpoint() {
    let memory = Memory::new();
    let put = |value: u8| {
        let mut writes = Writes::new();
        writes.put(Column::Meta, vec![1], vec![value]);
        memory.write(writes, Durability::Synced).unwrap();
    };
    put(1);
    memory.checkpoint().unwrap();
    assert_eq!(memory.durable(Column::Meta, &[1]), Ok(None), "it may not be finished");
    memory.sync().unwrap();
    put(2);
    put(3);
    assert_eq!(memory.durable(Column::Meta, &[1]), Ok(Some(vec![1])));
}

#[test]
fn a_store_of_another_format_is_refused() {
    let memory = Arc::new(Memory::new());
    let mut writes = Writes::new();
    writes.put(Column::Meta, b"format", 1_u32.to_le_bytes());
    memory.write(writes, Durability::Synced).unwrap();
    let error = Store::open(memory, StoreOptions::default()).unwrap_err();
    assert_eq!(error, StoreError::Format { found: 1, supported: 9 });
    assert!(error.to_string().contains("install the program that wrote it"), "{error}");
}

/// Rows of an index stand at every height that counts them, survive a crash with their height, and are no part of a root.
#[test]
fn rows_of_an_index_are_in_no_tree() {
    const COUNTS: Table<u8, u64> = Table::derived(ModuleId(7), 1, "counts");
    const ROWS: Table<(u8, u64), u16> = Table::index(ModuleId(7), 2, "rows");
    let options = StoreOptions { checkpoint_heights: 1, ..StoreOptions::default() };
    let open = |memory: &Arc<Memory>| Store::open(Arc::clone(memory) as Arc<dyn Backend>, options).unwrap();
    let commit = |store: &Store, height: u64, row: Option<u16>| {
        let view = store.snapshot().unwrap();
        let mut overlay = Overlay::new(&view);
        COUNTS.put(&mut overlay, &1, &height);
        if let Some(row) = row {
            ROWS.put(&mut overlay, &(1, height - 1), &row);
        }
        let block = BlockCommit {
            height: Height(height),
            time_ms: height,
            patch: overlay.into_patch(),
            ..BlockCommit::default()
        };
        store.commit(block).unwrap().leaf.state_root
    };
    let (with, without) = (Arc::new(Memory::new()), Arc::new(Memory::new()));
    let (rows, plain) = (open(&with), open(&without));
    for store in [&rows, &plain] {
        store.init_genesis(1, quancheng_state::Patch::empty(), &validators(&[1])).unwrap();
    }
    for height in 1..=5 {
        let row = Some(u16::try_from(height).unwrap() * 100);
        assert_eq!(commit(&rows, height, row), commit(&plain, height, None), "height {height}");
        assert_eq!(rows.snapshot().unwrap().leaves().unwrap(), 1, "the count alone");
    }
    for height in 1..=5 {
        let snapshot = rows.snapshot_at(Height(height)).unwrap();
        assert_eq!(COUNTS.read(&snapshot, &1).unwrap(), Some(height));
        assert_eq!(ROWS.read(&snapshot, &(1, height - 1)).unwrap(), Some(u16::try_from(height).unwrap() * 100));
    }
    let newest = rows.snapshot().unwrap();
    assert_eq!(ROWS.read(&newest, &(1, 5)).unwrap(), None);
    assert_eq!(newest.prove(&ROWS.key(&(1, 0))), Err(StoreError::NotKept { height: Height(5) }));

    // Rows come and go with the results of their height.
    let Kept { chain, .. } = with.unsynced();
    let crashed = open(&Arc::new(with.crash_copy(Kept { chain, results: 4 })));
    let height = crashed.tip().unwrap().height().0;
    assert_eq!(ROWS.read(&crashed.snapshot().unwrap(), &(1, height)).unwrap(), None);
    assert!(ROWS.read(&crashed.snapshot().unwrap(), &(1, height - 1)).unwrap().is_some());

    // Nobody may take one away.
    let mut overlay = Overlay::new(&newest);
    ROWS.remove(&mut overlay, &(1, 0));
    let block = BlockCommit { height: Height(6), time_ms: 6, patch: overlay.into_patch(), ..BlockCommit::default() };
    let error = rows.commit(block).unwrap_err();
    assert!(error.to_string().contains("never removed"), "{error}");
}

/// A backend whose writes fail once in a while.
#[derive(Debug)]
struct Failing {
    memory: Memory,
    writes_left: AtomicU32,
}

impl Backend for Failing {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(column, key)
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        self.memory.cursor(column)
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        if self.writes_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            let (path, detail) = ("here".to_owned(), "planned".to_owned());
            return Err(StoreError::Io { path, operation: "write to", cause: IoCause::NoSpace, detail });
        }
        self.memory.write(writes, durability)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.memory.checkpoint()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.memory.sync()
    }
}

/// A backend that shows what a write leaves behind while the store still waits for it.
struct Watched {
    memory: Memory,
    after_write: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

impl Backend for Watched {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(column, key)
    }

    fn cursor(&self, column: Column) -> Result<Box<dyn Cursor + '_>, StoreError> {
        self.memory.cursor(column)
    }

    fn write(&self, writes: Writes, durability: Durability) -> Result<(), StoreError> {
        self.memory.write(writes, durability)?;
        if let Some(look) = self.after_write.lock().unwrap().take() {
            look();
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.memory.checkpoint()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.memory.sync()
    }
}

/// Between the write of a height and the moment it is shown, the newest snapshot meets removed and added keys of the height to
/// come: its own are in the history by then.
#[test]
fn the_newest_snapshot_is_right_while_the_next_height_is_written() {
    let backend = Arc::new(Watched { memory: Memory::new(), after_write: Mutex::new(None) });
    let store = Store::open(Arc::clone(&backend) as Arc<dyn Backend>, StoreOptions::default()).unwrap();
    let first: Block = (0..100).map(|key| (key, Some(1))).collect();
    let second: Block = (0..50).map(|key| (key, None)).chain((100..120).map(|key| (key, Some(2)))).collect();
    store.init_genesis(1, patch(&quancheng_state::view::EmptyView, &first), &validators(&[1])).unwrap();
    let mut model = Model::new();
    apply(&mut model, &first);

    let (snapshot, before, looked) = (store.snapshot().unwrap(), model.clone(), Arc::new(AtomicU32::new(0)));
    let counter = Arc::clone(&looked);
    *backend.after_write.lock().unwrap() = Some(Box::new(move || {
        check_snapshot(&snapshot, &before, &snapshot, 0);
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let change = patch(&store.snapshot().unwrap(), &second);
    store.commit(suite::commit_of(1, change, &suite::batch(1, 3))).unwrap();
    assert_eq!(looked.load(Ordering::Relaxed), 1);
    apply(&mut model, &second);
    let newest = store.snapshot().unwrap();
    check_snapshot(&newest, &model, &newest, 0);
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let backend = Arc::new(Failing { memory: Memory::new(), writes_left: AtomicU32::new(2) });
    let store = Store::open(Arc::clone(&backend) as Arc<dyn Backend>, StoreOptions::default()).unwrap();
    let block = |n: u8| -> Block { (0..100).map(|key| (key, Some(n))).collect() };
    let tip = store.init_genesis(1, patch(&quancheng_state::view::EmptyView, &block(1)), &validators(&[1])).unwrap();
    let commit = || suite::commit_of(1, patch(&store.snapshot().unwrap(), &block(2)), &suite::batch(1, 3));
    let error = store.commit(commit()).unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    assert!(error.to_string().contains("free space"), "{error}");
    assert_eq!(store.tip(), Some(tip));
    let model: Model = (0..100).map(|key| (key, 1)).collect();
    let newest = store.snapshot().unwrap();
    check_snapshot(&newest, &model, &newest, 0);
    let (twin, _) = {
        let store = Store::open(Arc::new(Memory::new()), StoreOptions::default()).unwrap();
        run(&store, &[block(1), block(2)], 0, |_| {})
    };
    assert_eq!(store.commit(commit()).unwrap().root, twin[1]);
    assert_eq!(store.snapshot_at(Height(0)).unwrap().root(), tip.leaf.state_root);
}

/// A clean stop and a checkpoint leave the pages of the newest tree; anything else, the leaves alone, from which they are made again.
#[test]
fn a_tree_that_is_on_the_disk_is_not_made_again() {
    let block: Block = (0..KEYS).map(|key| (key, Some(1))).collect();
    let blocks = [block, Block::new(), Block::from([(1, Some(2))])];
    let opened = |is_synced: bool, options: StoreOptions| {
        let memory = Arc::new(Memory::new());
        let store = Store::open(Arc::clone(&memory) as Arc<dyn Backend>, options).unwrap();
        run(&store, &blocks, 0, |_| {});
        if is_synced {
            store.sync().unwrap();
        }
        let mut without_leaves = Writes::new();
        let mut cursor = memory.cursor(Column::Flat).unwrap();
        cursor.seek(&[]).unwrap();
        while let Some((key, _)) = cursor.entry() {
            without_leaves.delete(Column::Flat, key);
            cursor.step().unwrap();
        }
        drop(cursor);
        memory.write(without_leaves, Durability::Buffered).unwrap();
        Store::open(memory, options).map(|store| store.tip().unwrap().height())
    };
    let each = StoreOptions { checkpoint_heights: 1, ..StoreOptions::default() };
    assert_eq!(opened(true, StoreOptions::default()), Ok(Height(2)));
    assert_eq!(opened(false, each), Ok(Height(2)));
    let error = opened(false, StoreOptions::default()).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { .. }), "{error}");
}

/// A store that was opened holds its newest tree alone. An earlier root that is equal proves; one that differs is gone, and what was
/// then is proven by the newest.
#[test]
fn after_a_restart_the_newest_root_proves_and_so_do_equal_ones() {
    let memory = Arc::new(Memory::new());
    let open = || Store::open(Arc::clone(&memory) as Arc<dyn Backend>, StoreOptions::default()).unwrap();
    let block = |n: u8| -> Block { (0..100).map(|key| (key, Some(n))).collect() };
    let blocks = [block(1), block(2), Block::new(), Block::new()];
    let (_, models) = run(&open(), &blocks, 0, |_| {});
    let store = open();
    assert_eq!(store.oldest_root(), Height(3));
    let newest = store.snapshot().unwrap();
    for height in 0..=3 {
        let snapshot = store.snapshot_at(Height(height)).unwrap();
        let model = &models[usize::try_from(height).unwrap()];
        check_snapshot(&snapshot, model, &newest, 0);
        if height >= 1 {
            check_snapshot(&snapshot, model, &snapshot, 0);
        } else {
            let gone = StoreError::RootGone { height: Height(0), oldest: Height(3) };
            assert_eq!(snapshot.prove(&suite::table(1).key(&1)), Err(gone.clone()));
            assert_eq!(snapshot.leaves(), Err(gone));
        }
    }
    let backwards = newest.prove_under(&store.snapshot_at(Height(1)).unwrap(), &suite::table(1).key(&1));
    assert_eq!(backwards, Err(StoreError::NotExecuted { height: Height(3), tip: Some(Height(1)) }));
}
