use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use quancheng_proof::state_proof::{StateProof, Terminal, bit};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height, List};

use super::cache::{BucketCache, PageCache};
use super::{
    Branch, ChainHasher, Change, LeafHash, Page, Prefix, Slot, TreeCache, TreeHasher, TreeReader, root_slot, update,
};
use crate::backend::{Backend, Column, Durability, Memory, Writes};
use crate::error::{Record, StoreError};
use crate::flat::FlatRecord;

mod golden;
mod oracle;

/// Key hash → value, the model of a tree at one height.
type Model = BTreeMap<Digest, u8>;

/// Keys in a few dense clusters, so that paths part late, and some far apart.
fn key(number: u16) -> Digest {
    let mut bytes = sha256(&[&number.to_be_bytes()]).0;
    match number % 4 {
        0 => bytes[0] = 0xaa,
        1 => bytes[..3].copy_from_slice(&[0xaa, 0xbb, 0xc0]),
        2 => bytes[..9].copy_from_slice(&[0x0f; 9]),
        _ => {}
    }
    Digest(bytes)
}

fn value_hash(value: u8) -> Digest {
    sha256(&[&[value]])
}

fn leaves(model: &Model) -> Vec<(Digest, Digest)> {
    model.iter().map(|(key, value)| (*key, value_hash(*value))).collect()
}

/// The definition of the root.
fn naive_root<H: TreeHasher>(leaves: &[(Digest, Digest)], depth: usize) -> Digest {
    match leaves {
        [] => H::EMPTY,
        [(key, value)] => H::leaf(key, value),
        _ => {
            let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, depth)));
            H::inner(&naive_root::<H>(left, depth + 1), &naive_root::<H>(right, depth + 1))
        }
    }
}

/// The definition of a proof.
fn naive_proof<H: TreeHasher>(leaves: &[(Digest, Digest)], key: Digest) -> StateProof {
    let mut siblings = Vec::new();
    let mut rest = leaves;
    while rest.len() > 1 {
        let depth = siblings.len();
        let (left, right) = rest.split_at(rest.partition_point(|(key, _)| !bit(key, depth)));
        let (same, other) = if bit(&key, depth) { (right, left) } else { (left, right) };
        siblings.push(naive_root::<H>(other, depth + 1));
        rest = same;
    }
    let terminal = rest.first().map_or(Terminal::Empty, |(key_hash, value_hash)| Terminal::Leaf {
        key_hash: *key_hash,
        value_hash: *value_hash,
    });
    StateProof { key_hash: key, siblings: List::new(siblings).unwrap(), terminal }
}

/// A tree on a backend in memory, with the model of each height.
struct Harness {
    memory: Memory,
    cache: TreeCache,
    root: Slot,
    models: Vec<Model>,
}

impl Harness {
    fn new<H: TreeHasher>(cache_bytes: usize) -> Self {
        Self { memory: Memory::new(), cache: TreeCache::new(cache_bytes), root: Slot::empty::<H>(), models: Vec::new() }
    }

    fn apply<H: TreeHasher>(&mut self, writes: &BTreeMap<Digest, Option<u8>>) -> Result<(), StoreError> {
        let height = Height(u64::try_from(self.models.len()).unwrap());
        let mut model = self.models.last().cloned().unwrap_or_default();
        for (key, value) in writes {
            match value {
                Some(value) => model.insert(*key, *value),
                None => model.remove(key),
            };
        }
        let changes = writes
            .iter()
            .map(|(key, value)| {
                let record = value.map(|value| {
                    let value_hash = value_hash(value);
                    let record = FlatRecord { written: height, value_hash, key: &key.0[..5], value: &[value] };
                    (value_hash, record.encode())
                });
                Change { key_hash: *key, record }
            })
            .collect();
        let mut out = Writes::new();
        let done = update::<H>(&self.memory, &mut self.cache, height, self.root, changes, &mut out)?;
        self.memory.write(out, Durability::Buffered)?;
        self.cache.take_over(done.cache);
        self.root = done.root;
        self.models.push(model);
        Ok(())
    }

    fn check_height<H: TreeHasher>(&self, height: usize, probes: &BTreeSet<Digest>) {
        let leaves = leaves(&self.models[height]);
        let reader = TreeReader::<H>::new(&self.memory, Height(u64::try_from(height).unwrap()));
        let root = reader.root().unwrap();
        assert_eq!(root.hash, naive_root::<H>(&leaves, 0), "root at {height}");
        assert_eq!(root.keys, u64::try_from(leaves.len()).unwrap(), "keys at {height}");
        for probe in probes {
            assert_eq!(reader.prove(probe).unwrap(), naive_proof::<H>(&leaves, *probe), "proof of {probe} at {height}");
        }
    }
}

/// Blocks of writes over 240 keys: enough for pages three deep, removals in bulk so that they merge again.
fn blocks() -> impl Strategy<Value = Vec<BTreeMap<Digest, Option<u8>>>> {
    let inserts = proptest::collection::btree_map((0_u16..240).prop_map(key), (1_u8..4).prop_map(Some), 0..90);
    let removals = proptest::collection::btree_map((0_u16..240).prop_map(key), Just(None), 0..200);
    let mixed = proptest::collection::btree_map((0_u16..240).prop_map(key), proptest::option::of(1_u8..4), 0..40);
    vec(prop_oneof![2 => inserts, 2 => removals, 3 => mixed], 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Root, count and proofs of all keys, there or not, as of every height, with a cache of two pages.
    #[test]
    fn every_height_is_the_definition(blocks in blocks()) {
        let mut tree = Harness::new::<ChainHasher>(0);
        for block in &blocks {
            tree.apply::<ChainHasher>(block).unwrap();
            prop_assert_eq!(tree.root.hash, naive_root::<ChainHasher>(&leaves(tree.models.last().unwrap()), 0));
            prop_assert!(tree.cache.pages.len() <= 2);
        }
        let probes: BTreeSet<Digest> = (0..240).step_by(7).chain(1000..1010).map(key).collect();
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
        let content: BTreeMap<Digest, Option<u8>> =
            by_blocks.models.last().unwrap().iter().map(|(key, value)| (*key, Some(*value))).collect();
        let mut at_once = Harness::new::<ChainHasher>(0);
        at_once.apply::<ChainHasher>(&content).unwrap();
        prop_assert_eq!((at_once.root.hash, at_once.root.keys), (by_blocks.root.hash, by_blocks.root.keys));
        prop_assert_eq!(root_slot::<ChainHasher>(&by_blocks.memory).unwrap(), by_blocks.root);
    }
}

#[test]
fn pages_come_and_go_and_leave_nothing_behind() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: BTreeMap<Digest, Option<u8>> = (0..1000).map(|n| (key(n), Some(1))).collect();
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
    let all: BTreeMap<Digest, Option<u8>> = (0..100).map(|n| (key(n), Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    tree.apply::<ChainHasher>(&all).unwrap();
    tree.apply::<ChainHasher>(&BTreeMap::from([(key(5000), None)])).unwrap();
    assert_eq!(tree.memory.records(Column::FlatHistory), 0);
    assert_eq!(tree.memory.records(Column::TreeHistory), 0);
    assert_eq!(tree.root.changed, Height(0));
}

#[test]
fn a_lost_record_is_noticed_not_hashed_over() {
    let mut tree = Harness::new::<ChainHasher>(0);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (key(n), Some(1))).collect()).unwrap();
    let mut damage = Writes::new();
    damage.delete(Column::Flat, key(3).0.to_vec());
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let neighbour = BTreeMap::from([(key(3), Some(2))]);
    let error = tree.apply::<ChainHasher>(&neighbour).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { record: Record::Column("flat"), .. }), "{error}");
    let reader = TreeReader::<ChainHasher>::new(&tree.memory, Height(0));
    assert!(matches!(reader.prove(&key(3)), Err(StoreError::Inconsistent { .. })));
}

#[test]
fn a_damaged_page_is_named() {
    let mut tree = Harness::new::<ChainHasher>(0);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (key(n), Some(1))).collect()).unwrap();
    let mut damage = Writes::new();
    damage.put(Column::Tree, Prefix::ROOT.to_bytes(), vec![1, 2, 3]);
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let reader = TreeReader::<ChainHasher>::new(&tree.memory, Height(0));
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
        let leaf = |n: u8| LeafHash { key_hash: Digest([n; 32]), hash: Digest([n; 32]) };
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
            let columns = [Column::Flat, Column::FlatHistory, Column::Tree, Column::TreeHistory, Column::Members];
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
    let all: BTreeMap<Digest, Option<u8>> = (0..500).map(|n| (key(n), Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    // With the disk's own leaves and pages gone, keys that are new can still be placed.
    let mut damage = Writes::new();
    for number in 0..500 {
        damage.delete(Column::Flat, key(number).0.to_vec());
    }
    tree.memory.write(damage, Durability::Buffered).unwrap();
    tree.apply::<ChainHasher>(&(500..600).map(|n| (key(n), Some(1))).collect()).unwrap();
    assert_eq!(tree.root.hash, naive_root::<ChainHasher>(&leaves(tree.models.last().unwrap()), 0));
    // The version before one that changes is needed, and its loss noticed.
    assert!(tree.apply::<ChainHasher>(&BTreeMap::from([(key(3), Some(2))])).is_err());
}
