use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use quancheng_proof::state_proof::{DERIVED_TABLES, Holding, StateProof, Terminal, bit};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height, List};

use super::bucket::{LeafHash, StemLeaf, stem_of, stemmed, subtree_hash};
use super::cache::{BucketCache, PageCache};
use super::page::read_page;
use super::{
    Branch, ChainHasher, Change, Page, Pages, Prefix, Recent, Slot, TreeCache, TreeHasher, TreeReader, Unwritten,
    rebuild, update, written_root,
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
    fn every_recent_height_is_the_definition(blocks in blocks(), checkpoint_heights in 1_usize..5) {
        let mut tree = Harness { checkpoint_heights, ..Harness::new::<ChainHasher>(0) };
        for block in &blocks {
            tree.apply::<ChainHasher>(block).unwrap();
            prop_assert_eq!(tree.root().hash, naive_root::<ChainHasher>(&leaves_of(tree.models.last().unwrap()), 0));
            prop_assert!(tree.cache.pages.len() <= 2);
        }
        let mut probes: BTreeSet<Digest> = (0..240).step_by(7).chain(1000..1010).map(key).collect();
        // Superseded versions, too.
        probes.extend(tree.models.last().unwrap().keys().step_by(5));
        for height in 0..tree.models.len() {
            tree.check_height::<ChainHasher>(height, &probes);
        }
    }

    /// What memory says is not there is not there; and it says so of every place whose bucket it has.
    #[test]
    fn memory_tells_what_is_not_there(blocks in blocks()) {
        for cache_bytes in [0, 1 << 20] {
            let mut tree = Harness::new::<ChainHasher>(cache_bytes);
            for block in &blocks {
                tree.apply::<ChainHasher>(block).unwrap();
                let leaves = leaves_of(tree.models.last().unwrap());
                let there: BTreeSet<Digest> = leaves.iter().map(|leaf| leaf.0).collect();
                let stems: BTreeSet<u64> = there.iter().map(stem_of).collect();
                // One bucket holds everything here, unless two leaves have one stem.
                let is_whole = cache_bytes > 0 && (1..=16).contains(&there.len()) && stems.len() == there.len();
                for place in (0..400).map(key) {
                    let is_told = tree.cache.buckets.lacks(&place);
                    prop_assert!(!is_told || !there.contains(&place));
                    let is_known = is_whole && !stems.contains(&stem_of(&place));
                    prop_assert!(is_told || !is_known);
                }
            }
        }
    }

    /// A tree made again from its leaves has the same root and the same proofs, whatever pages were on the disk, and goes on as the one that
    /// was never lost.
    #[test]
    fn a_tree_is_made_again_from_its_leaves(blocks in blocks(), more in blocks(), checkpoint_heights in 1_usize..9) {
        let mut tree = Harness { checkpoint_heights, ..Harness::new::<ChainHasher>(1 << 20) };
        for block in &blocks {
            tree.apply::<ChainHasher>(block).unwrap();
        }
        let before = tree.root();
        let mut cache = TreeCache::new(1 << 14);
        let (root, pages) = rebuild::<ChainHasher>(&tree.memory, &mut cache).unwrap();
        prop_assert_eq!((root.hash, root.keys), (before.hash, before.keys));
        tree.unwritten = Unwritten::new(root, pages);
        tree.cache = cache;
        let newest = blocks.len() - 1;
        tree.recent = Recent::new(Height(u64::try_from(newest).unwrap()), 1 << 20);
        for block in &more {
            tree.apply::<ChainHasher>(block).unwrap();
        }
        let probes: BTreeSet<Digest> = (0..240).step_by(7).chain(1000..1010).map(key).collect();
        for height in newest..tree.models.len() {
            tree.check_height::<ChainHasher>(height, &probes);
        }
        // What the last checkpoint leaves is a whole tree, with nothing of an older one.
        tree.write_pages();
        let written = tree.memory.records(Column::Tree);
        let live = tree.rows(Prefix::ROOT, &tree.root());
        prop_assert_eq!(written, live + 1, "slots, and the root");
    }

    /// The root depends on what the tree holds, not on how it came about, nor on pages and cache.
    #[test]
    fn the_root_is_a_function_of_the_content(blocks in blocks()) {
        let mut by_blocks = Harness::new::<ChainHasher>(1 << 20);
        for block in &blocks {
            by_blocks.apply::<ChainHasher>(block).unwrap();
        }
        let expected = naive_root::<ChainHasher>(&leaves_of(by_blocks.models.last().unwrap()), 0);
        prop_assert_eq!(by_blocks.root().hash, expected);
        let newest = Height(u64::try_from(blocks.len() - 1).unwrap());
        prop_assert_eq!(written_root(&by_blocks.memory).unwrap(), Some((by_blocks.root(), newest)));
    }
}

#[test]
fn pages_come_and_go_and_leave_nothing_behind() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: Block = (0..1000).filter(|n| model::is_derived(*n)).map(|n| (n, Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    assert!(tree.memory.records(Column::Tree) > 20);
    tree.apply::<ChainHasher>(&all.keys().map(|key| (*key, None)).collect()).unwrap();
    assert_eq!((tree.root().hash, tree.root().keys), (Digest::ZERO, 0));
    assert_eq!(tree.memory.records(Column::Tree), 1, "only the root slot is left");
    assert_eq!(tree.memory.records(Column::Flat), 0);
    tree.check_height::<ChainHasher>(0, &(0..1000).step_by(50).map(key).collect());
}

#[test]
fn writing_an_equal_value_writes_nothing() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: Block = (0..100).map(|n| (n, Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    let (root, records) = (tree.root(), tree.memory.records(Column::Flat));
    tree.apply::<ChainHasher>(&all).unwrap();
    tree.apply::<ChainHasher>(&BTreeMap::from([(5000, None)])).unwrap();
    assert_eq!(tree.memory.records(Column::FlatHistory), 0);
    assert_eq!((tree.root(), tree.memory.records(Column::Flat)), (root, records), "no version, no later height");
    // A row that was removed is removed again.
    let gone = BTreeMap::from([(0, None)]);
    tree.apply::<ChainHasher>(&gone).unwrap();
    let root = tree.root();
    tree.apply::<ChainHasher>(&gone).unwrap();
    assert_eq!(tree.root(), root);
}

#[test]
fn a_change_of_a_kept_key_costs_one_leaf_and_of_a_derived_one_none() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    let all: Block = (0..90).map(|n| (n, Some(1))).collect();
    tree.apply::<ChainHasher>(&all).unwrap();
    tree.apply::<ChainHasher>(&all.keys().map(|n| (*n, Some(2))).collect()).unwrap();
    let derived = u64::try_from((0..90).filter(|n| model::is_derived(*n)).count()).unwrap();
    assert_eq!(tree.root().keys, 90 + (90 - derived));
    assert_eq!(tree.memory.records(Column::FlatHistory), usize::try_from(derived).unwrap());
}

#[test]
fn a_lost_record_is_noticed_not_hashed_over() {
    let mut tree = Harness::new::<ChainHasher>(0);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (n, Some(1))).collect()).unwrap();
    let mut damage = Writes::new();
    damage.delete(Column::Flat, key(3).0);
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let error = tree.apply::<ChainHasher>(&BTreeMap::from([(3, Some(2))])).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { record: Record::Column("flat"), .. }), "{error}");
    let reader = tree.reader::<ChainHasher>(0);
    assert!(matches!(reader.prove(&key(3)), Err(StoreError::Inconsistent { .. })));
}

/// What is superseded stays for ever, so nothing that the tree does not hold becomes a version.
#[test]
fn a_changed_record_is_noticed_not_kept_for_ever() {
    let mut tree = Harness::new::<ChainHasher>(1 << 20);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (n, Some(1))).collect()).unwrap();
    let mut row = tree.memory.get(Column::Flat, &key(3).0).unwrap().unwrap();
    // The height that wrote it.
    row[8] ^= 1;
    let mut damage = Writes::new();
    damage.put(Column::Flat, key(3).0, row);
    tree.memory.write(damage, Durability::Buffered).unwrap();
    let error = tree.apply::<ChainHasher>(&BTreeMap::from([(3, Some(2))])).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { record: Record::Column("flat"), .. }), "{error}");
}

fn tree_nibble(place: &Digest) -> u8 {
    Prefix::ROOT.nibble_of(place)
}

#[test]
fn a_damaged_page_is_named() {
    let mut tree = Harness::new::<ChainHasher>(0);
    tree.apply::<ChainHasher>(&(0..100).map(|n| (n, Some(1))).collect()).unwrap();
    let slot = Prefix::ROOT.child(tree_nibble(&key(3))).unwrap().to_bytes();
    let mut other = tree.memory.get(Column::Tree, &slot).unwrap().unwrap();
    other[20] ^= 1;
    // Cut short, another hash, gone: of a page nothing is taken that the slot above it does not commit to.
    for row in [Some(vec![1, 2, 3]), Some(other), None] {
        let mut damage = Writes::new();
        match row {
            Some(row) => damage.put(Column::Tree, slot.clone(), row),
            None => damage.delete(Column::Tree, slot.clone()),
        }
        tree.memory.write(damage, Durability::Buffered).unwrap();
        let found = tree.reader::<ChainHasher>(0).prove(&key(3));
        assert!(matches!(found, Err(StoreError::Inconsistent { record: Record::Column("tree"), .. })));
        tree.cache = TreeCache::new(0);
        let changed = tree.apply::<ChainHasher>(&BTreeMap::from([(3, Some(2))]));
        assert!(matches!(changed, Err(StoreError::Inconsistent { record: Record::Column("tree"), .. })));
    }
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
        let child = prefix.child(nibble).unwrap();
        assert_eq!((child.parent(), Prefix::from_bytes(&child.to_bytes())), (Some(prefix), Some(child)));
        prefix = child;
    }
    assert_eq!(Prefix::ROOT.parent(), None);
    for bytes in [&[][..], &[0xff], &[1], &[1, 0x12], &[2, 0x12, 0], &[65; 34], &[3, 0xab, 0xcd]] {
        assert_eq!(Prefix::from_bytes(bytes), None, "{bytes:?}");
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
    let bucket = |keys: u8| -> Arc<[StemLeaf]> {
        (0..keys).map(|n| StemLeaf { stem: n.into(), hash: Digest([n; 32]) }).collect()
    };
    let prefixes: Vec<Prefix> = (0..4).map(|n| Prefix::ROOT.child(n).unwrap()).collect();
    let mut measure = BucketCache::new(1 << 20);
    measure.insert(prefixes[0], bucket(5));
    let each = measure.bytes();
    assert!(each >= 5 * 40);

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

/// In memory a leaf is named by the first 64 bits of its place. Keys that share them are found with some work, so buckets with such keys are
/// read instead: whatever is cached, roots are those of the definition, for keys that come, change, go and come again.
#[test]
fn leaves_that_share_a_stem_are_told_apart() {
    let twins: Vec<u16> = (0..400).filter(|n| n % 4 == 2).collect();
    let others: Vec<u16> = (0..400).filter(|n| n % 4 != 2).collect();
    let leaf = |n: u16| LeafHash { place: key(n), hash: key(n) };
    let mut same = [leaf(twins[0]), leaf(twins[1])];
    same.sort();
    assert!(stemmed(&same).is_none());
    assert_ne!(subtree_hash::<ChainHasher>(&same, 0), subtree_hash::<ChainHasher>(&same[..1], 0));
    for cache_bytes in [0, 1 << 20] {
        let mut tree = Harness::new::<ChainHasher>(cache_bytes);
        let blocks: [Block; 6] = [
            others.iter().chain(&twins[..1]).map(|n| (*n, Some(1))).collect(),
            // The second with a stem that is cached; then both change, one goes, one comes back.
            BTreeMap::from([(twins[1], Some(2))]),
            BTreeMap::from([(twins[0], Some(3)), (twins[1], Some(3))]),
            BTreeMap::from([(twins[0], None), (twins[2], Some(1))]),
            BTreeMap::from([(twins[1], None), (twins[0], Some(4)), (others[0], Some(4))]),
            twins.iter().map(|n| (*n, Some(5))).collect(),
        ];
        for block in &blocks {
            tree.apply::<ChainHasher>(block).unwrap();
            let leaves = leaves_of(tree.models.last().unwrap());
            assert_eq!(tree.root().hash, naive_root::<ChainHasher>(&leaves, 0));
        }
    }
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
            let columns = [Column::Flat, Column::FlatHistory, Column::Records, Column::Tree];
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
        damage.delete(Column::Flat, key(number).0);
    }
    tree.memory.write(damage, Durability::Buffered).unwrap();
    // But for those that share a stem.
    let new = (500..600).filter(|n| n % 4 != 2);
    tree.apply::<ChainHasher>(&new.map(|n| (n, Some(1))).collect()).unwrap();
    assert_eq!(tree.root().hash, naive_root::<ChainHasher>(&leaves_of(tree.models.last().unwrap()), 0));
    // The record before one that changes is needed, and its loss noticed.
    let error = tree.apply::<ChainHasher>(&BTreeMap::from([(7, Some(2))])).unwrap_err();
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
}
