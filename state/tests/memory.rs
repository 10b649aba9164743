//! The suite on columns in memory, and crashes at every write.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use quancheng_state::backend::{Backend, Column, Cursor, Durability, Memory, Writes};
use quancheng_state::{IoCause, Store, StoreError, StoreOptions};
use quancheng_types::Height;

mod suite;

use suite::{Block, Disk, KEYS, Model, apply, check_snapshot, patch, validators};

struct InMemory(Arc<Memory>);

impl InMemory {
    fn new() -> Self {
        Self(Arc::new(Memory::new()))
    }
}

impl Disk for InMemory {
    fn open(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.0) as Arc<dyn Backend>
    }
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let inserts = proptest::collection::btree_map(0..KEYS, (1_u8..20).prop_map(Some), 0..60);
    let removals = proptest::collection::btree_map(0..KEYS, Just(None), 0..100);
    let mixed = proptest::collection::btree_map(0..KEYS, proptest::option::of(1_u8..20), 0..20);
    vec(prop_oneof![2 => inserts, 1 => removals, 2 => mixed], 2..7)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_height_stays_readable(blocks in blocks()) {
        suite::every_height_stays_readable(&InMemory::new(), &blocks);
    }

    #[test]
    fn pruning_keeps_what_it_must(blocks in blocks(), oldest in 0_u64..7) {
        let oldest = oldest.min(u64::try_from(blocks.len()).unwrap() - 1);
        suite::pruning_keeps_what_it_must(&InMemory::new(), &blocks, oldest);
    }

    /// Whatever suffix of the writes since the last sync a crash takes back, the store opens at exactly one height, and
    /// executing the rest again leads to the same roots.
    #[test]
    fn a_crash_leaves_exactly_one_height(blocks in blocks(), synced in 0_usize..7) {
        let memory = Arc::new(Memory::new());
        let store = Store::open(Arc::clone(&memory) as Arc<dyn Backend>, StoreOptions::default()).unwrap();
        let (roots, models) = run(&store, &blocks, 0, |height| if height == synced { store.sync().unwrap() });
        for keep in 0..=memory.unsynced() {
            let copy = Arc::new(memory.crash_copy(keep));
            let store = Store::open(copy as Arc<dyn Backend>, StoreOptions::default()).unwrap();
            let next = match store.tip() {
                None => 0,
                Some(tip) => {
                    let height = usize::try_from(tip.height().0).unwrap();
                    prop_assert_eq!(tip.root, roots[height]);
                    check_snapshot(&store.snapshot().unwrap(), &models[height]);
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

#[test]
fn readers_are_right_while_commits_go_on() {
    suite::readers_are_right_while_commits_go_on(&InMemory::new());
}

#[test]
fn heights_come_in_order() {
    suite::heights_come_in_order(&InMemory::new());
}

#[test]
fn a_height_has_one_final_block() {
    suite::chain::a_height_has_one_final_block(&InMemory::new());
}

#[test]
fn batches_stay_once_executed() {
    suite::chain::batches_stay_once_executed(&InMemory::new());
}

#[test]
fn a_missing_body_is_named() {
    suite::chain::a_missing_body_is_named(&InMemory::new());
}

#[test]
fn sets_and_named_records() {
    suite::chain::sets_and_named_records(&InMemory::new());
}

#[test]
fn a_pruned_store_keeps_no_superseded_version() {
    let disk = InMemory::new();
    let blocks: Vec<Block> = (1..30_u8).map(|n| (0..KEYS).map(|key| (key, Some(n))).collect()).collect();
    suite::pruning_keeps_what_it_must(&disk, &blocks, 28);
    for column in [Column::FlatHistory, Column::TreeHistory, Column::Members, Column::Changes] {
        assert_eq!(disk.0.records(column), 0, "{column:?}");
    }
    assert_eq!(disk.0.records(Column::Flat), usize::from(KEYS));
}

#[test]
fn a_store_of_another_format_is_refused() {
    let memory = Arc::new(Memory::new());
    let mut writes = Writes::new();
    writes.put(Column::Meta, b"format".to_vec(), 2_u32.to_le_bytes().to_vec());
    memory.write(writes, Durability::Synced).unwrap();
    let error = Store::open(memory, StoreOptions::default()).unwrap_err();
    assert_eq!(error, StoreError::Format { found: 2, supported: 1 });
    assert!(error.to_string().contains("install the program that wrote it"), "{error}");
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

    fn sync(&self) -> Result<(), StoreError> {
        self.memory.sync()
    }
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
    check_snapshot(&store.snapshot().unwrap(), &model);
    let (twin, _) = {
        let store = Store::open(Arc::new(Memory::new()), StoreOptions::default()).unwrap();
        run(&store, &[block(1), block(2)], 0, |_| {})
    };
    assert_eq!(store.commit(commit()).unwrap().root, twin[1]);
    assert_eq!(store.snapshot_at(Height(0)).unwrap().root(), tip.leaf.state_root);
}
