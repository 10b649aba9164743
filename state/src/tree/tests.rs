use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use quancheng_proof::state_proof::{DERIVED_TABLES, Holding, StateProof, Terminal, bit};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height, List};

use super::cache::{BucketCache, PageCache};
use super::{
    Branch, ChainHasher, Change, LeafHash, Page, Prefix, Recent, Slot, TreeCache, TreeHasher, TreeReader, root_slot,
    update,
};
use crate::backend::{Backend, Column, Durability, Memory, Writes};
use crate::error::{Record, StoreError};
use crate::key::StateKey;

mod golden;
mod model;
mod oracle;
mod recent;

use model::{Block, Harness, key, leaves_of, naive_root};

/// Blocks of writes over 240 keys: enough for pages three deep, removals in bulk so that derived keys merge again.
fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let inserts = proptest::collection::btree_map(0_u16..240, (1_u8..4).prop_map(Some), 0..90);
    let removals = proptest::collection::btree_map(0_u16..240, Just(None), 0..200);
    let mixed = proptest::collection::btree_map(0_u16..240, proptest::option::of(1_u8..4), 0..40);
    vec(prop_oneof![2 => inserts, 2 => removals, 3 => mixed], 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Root, count and proofs of all places, there or not, as of every recent height, with a cache of two pages.
    #[test]
    fn every_recent_height_is_the_definition(blocks in blocks()) {
        let mut tree = Harness::new::<ChainHasher>(0);
        for block in &blocks {
            tree.apply::<ChainHasher>(block).unwrap();
            prop_assert_eq!(tree.root.hash, naive_root::<ChainHasher>(&leaves_of(tree.models.last().unwrap()), 0));
            prop_assert!(tree.cache.pages.len() <= 2);
        }
        let mut probes: BTreeSet<Digest> = (0..240).step_by(7).chain(1000..1010).map(key).collect();
        // Superseded versions, too.
        probes.extend(tree.models.last().unwrap().keys().step_by(5));
        for height in 0..tree.models.len() {
            tree.check_height::<ChainHasher>(height, &probes);
        }
    }

    /// The root depends on what the tree holds, not on how it came about, nor on pages and cache.
    #[test]
    fn the_root_is_a_function_of_the_content(blocks in blocks()) {
        let mut by_blocks = Harness::new::<ChainHasher>(1 << 20);
        for block in &blocks {
            by_blocks.apply::<ChainHasher>(block).unwrap();
        }
        let expected = naive_root::<ChainHasher>(&leaves_of(by_blocks.models.last().unwrap()), 0);
        prop_assert_eq!(by_blocks.root.hash, expected);
        prop_assert_eq!(root_slot::<ChainHasher>(&by_blocks.memory).unwrap(), by_blocks.root);
    }
}

#[test]
fn pages_come_and_go_and_leave_nothing_behind() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: Block = (0..1000).filter(|n| model::is_derived(*n)).map(|n| (n, Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    assert!(tree.memory.records(Column::Tree) > 20);
    tree.apply::<ChainHasher>(&all.keys().map(|key| (*key, None)).collect()).unwrap();
    assert_eq!((tree.root.hash, tree.root.keys), (Digest::ZERO, 0));
    assert_eq!(tree.memory.records(Column::Tree), 1, "only the root slot is left");
    assert_eq!(tree.memory.records(Column::Flat), 0);
    tree.check_height::<ChainHasher>(0, &(0..1000).step_by(50).map(key).collect());
}

#[test]
fn writing_an_equal_value_writes_nothing() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: Block = (0..100).map(|n| (n, Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    let (root, records) = (tree.root, tree.memory.records(Column::Flat));
    tree.apply::<ChainHasher>(&all).unwrap();
    tree.apply::<ChainHasher>(&BTreeMap::from([(5000, None)])).unwrap();
    assert_eq!(tree.memory.records(Column::FlatHistory), 0);
    assert_eq!((tree.root, tree.memory.records(Column::Flat)), (root, records), "no version, no later height");
    // A row that was removed is removed again.
    let gone = BTreeMap::from([(0, None)]);
    tree.apply::<ChainHasher>(&gone).unwrap();
    let root = tree.root;
    tree.apply::<ChainHasher>(&gone).unwrap();
    assert_eq!(tree.root, root);
}

#[test]
fn a_change_of_a_kept_key_costs_one_leaf_and_of_a_derived_one_none() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: Block = (0..90).map(|n| (n, Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    tree.apply::<ChainHasher>(&all.keys().map(|n| (*n, Some(2))).collect()).unwrap();
    let derived = u64::try_from((0..90).filter(|n| model::is_derived(*n)).count()).unwrap();
    assert_eq!(tree.root.keys, 90 + (90 - derived));
    assert_eq!(tree.memory.records(Column::FlatHistory), usize::try_from(derived).unwrap());
}

#[test]
fn a_lost_record_is_noticed_not_hashed_over() {
    let mut tree = Harness::new::<ChainHasher>(0);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (n, Some(1))).collect()).unwrap();
    let mut damage = Writes::new();
    damage.delete(Column::Flat, key(3).0.to_vec());
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let error = tree.apply::<ChainHasher>(&BTreeMap::from([(3, Some(2))])).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { record: Record::Column("flat"), .. }), "{error}");
    let reader = TreeReader::<ChainHasher>::new(&tree.memory, &tree.recent, Height(0));
    assert!(matches!(reader.prove(&key(3)), Err(StoreError::Inconsistent { .. })));
}

/// What is superseded stays for ever, so nothing that the tree does not hold becomes a version.
#[test]
fn a_changed_record_is_noticed_not_kept_for_ever() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (n, Some(1))).collect()).unwrap();
    let mut record = tree.memory.get(Column::Flat, &key(3).0).unwrap().unwrap();
    // The height that wrote it.
    record[8] ^= 1;
    let mut damage = Writes::new();
    damage.put(Column::Flat, key(3).0.to_vec(), record);
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let error = tree.apply::<ChainHasher>(&BTreeMap::from([(3, Some(2))])).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { record: Record::Column("flat"), .. }), "{error}");
}

#[test]
fn a_damaged_page_is_named() {
    let mut tree = Harness::new::<ChainHasher>(0);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (n, Some(1))).collect()).unwrap();
    let mut damage = Writes::new();
    damage.put(Column::Tree, Prefix::ROOT.to_bytes(), vec![1, 2, 3]);
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let reader = TreeReader::<ChainHasher>::new(&tree.memory, &tree.recent, Height(0));
    assert!(matches!(reader.prove(&key(3)), Err(StoreError::Inconsistent { record: Record::Column("tree"), .. })));
}

#[test]
fn prefixes_cover_what_lies_below_them() {
    let key = Digest([0x12; 32]);
    let mut prefix = Prefix::ROOT;
    for depth in 0..64 {
        assert!(prefix.covers(&key.0));
        assert_eq!(prefix.depth(), depth * 4);
        let nibble = prefix.nibble_of(&key);
        assert!(!prefix.child(nibble ^ 1).unwrap().covers(&key.0));
        prefix = prefix.child(nibble).unwrap();
    }
    assert_eq!(prefix.first_key(), &key.0);
    assert_eq!(prefix.child(0), None);
    assert_eq!(Prefix::ROOT.child(10).unwrap().child(11).unwrap().child(12).unwrap().to_bytes(), [3, 0xab, 0xc0]);
}

#[test]
fn the_cache_keeps_what_is_used_and_forgets_the_rest() {
    let page = Arc::new(Branch::new::<ChainHasher>(Page::empty::<ChainHasher>()));
    let mut cache = PageCache::new(0);
    let prefixes: Vec<Prefix> = (0..3).map(|n| Prefix::ROOT.child(n).unwrap()).collect();
    cache.insert(prefixes[0], page.clone());
    cache.insert(prefixes[1], page.clone());
    assert!(cache.find(&prefixes[0]).is_some());
    cache.insert(prefixes[2], page.clone());
    assert!(cache.find(&prefixes[1]).is_none());
    assert!(cache.find(&prefixes[0]).is_some());
    cache.remove(&prefixes[0]);
    assert!(cache.find(&prefixes[0]).is_none());
}

#[test]
fn buckets_in_memory_have_a_bound_and_a_second_chance() {
    let bucket = |keys: u8| -> Arc<[LeafHash]> {
        let leaf = |n: u8| LeafHash { place: Digest([n; 32]), hash: Digest([n; 32]) };
        (0..keys).map(leaf).collect()
    };
    let prefixes: Vec<Prefix> = (0..4).map(|n| Prefix::ROOT.child(n).unwrap()).collect();
    let mut measure = BucketCache::new(1 << 20);
    measure.insert(prefixes[0], bucket(5));
    let each = measure.bytes();
    assert!(each >= 5 * 64);

    let mut cache = BucketCache::new(3 * each);
    for prefix in &prefixes[..3] {
        cache.insert(*prefix, bucket(5));
    }
    assert!(cache.find(&prefixes[0]).is_some());
    cache.insert(prefixes[3], bucket(5));
    assert!(cache.find(&prefixes[1]).is_none(), "not used since");
    assert!(cache.find(&prefixes[0]).is_some(), "used since");
    assert_eq!(cache.bytes(), 3 * each);
    // One that grows pushes out others; one that fits nowhere is not kept.
    cache.insert(prefixes[3], bucket(12));
    assert!(cache.bytes() <= 3 * each);
    cache.insert(prefixes[1], bucket(200));
    assert!(cache.find(&prefixes[1]).is_none() && cache.bytes() <= 3 * each);
    cache.insert(Prefix::ROOT, bucket(200));
    assert!(cache.find(&Prefix::ROOT).is_none());
    for prefix in prefixes.iter().chain(&prefixes) {
        cache.remove(prefix);
    }
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn a_branch_keeps_up_with_its_page() {
    let mut page = Page::empty::<ChainHasher>();
    let mut branch = Branch::new::<ChainHasher>(page.clone());
    for turn in 0_u16..200 {
        // Some slots at a time: filled, down to one key, and emptied.
        for place in 0..usize::from(turn % 5) {
            let slot = &mut page.slots[(usize::from(turn) * 7 + place * 3) % 16];
            slot.keys = u64::from(turn + 1) % 3;
            slot.hash = if slot.keys == 0 { ChainHasher::EMPTY } else { key(turn) };
        }
        branch = branch.with::<ChainHasher>(page.clone());
        let levels = page.levels::<ChainHasher>();
        assert_eq!(*branch.top(), levels[4][0], "turn {turn}");
        assert_eq!(branch, Branch::new::<ChainHasher>(page.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Every record on disk is the same, whether buckets are read, come from memory, or are forgotten all the time.
    #[test]
    fn nothing_on_disk_depends_on_the_cache(blocks in blocks()) {
        let mut trees: Vec<Harness> = [0, 1 << 13, 1 << 15, 1 << 22].map(Harness::new::<ChainHasher>).into();
        for block in &blocks {
            for tree in &mut trees {
                tree.apply::<ChainHasher>(block).unwrap();
                prop_assert!(tree.cache.buckets.bytes() <= 1 << 22);
            }
        }
        let disk = |tree: &Harness| -> Vec<(Column, Vec<u8>, Vec<u8>)> {
            let columns = [Column::Flat, Column::FlatHistory, Column::Tree];
            columns.into_iter().flat_map(|column| records(&tree.memory, column)).collect()
        };
        let expected = disk(&trees[0]);
        for tree in &trees[1..] {
            prop_assert_eq!(disk(tree), expected.clone());
        }
    }
}

fn records(memory: &Memory, column: Column) -> Vec<(Column, Vec<u8>, Vec<u8>)> {
    let mut cursor = memory.cursor(column).unwrap();
    cursor.seek(&[]).unwrap();
    let mut found = Vec::new();
    while let Some((key, value)) = cursor.entry() {
        found.push((column, key.to_vec(), value.to_vec()));
        cursor.step().unwrap();
    }
    found
}

#[test]
fn a_cached_bucket_is_not_read_again() {
    let mut tree = Harness::new::<ChainHasher>(1 << 22);
    tree.apply::<ChainHasher>(&(0..500).map(|n| (n, Some(1))).collect()).unwrap();
    // With the disk's own leaves and pages gone, keys that are new can still be placed.
    let mut damage = Writes::new();
    for number in 0..500 {
        damage.delete(Column::Flat, key(number).0.to_vec());
    }
    tree.memory.write(damage, Durability::Buffered).unwrap();
    tree.apply::<ChainHasher>(&(500..600).map(|n| (n, Some(1))).collect()).unwrap();
    assert_eq!(tree.root.hash, naive_root::<ChainHasher>(&leaves_of(tree.models.last().unwrap()), 0));
    // The record before one that changes is needed, and its loss noticed.
    let error = tree.apply::<ChainHasher>(&BTreeMap::from([(7, Some(2))])).unwrap_err();
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
}
