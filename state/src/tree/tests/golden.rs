//! Roots that no release may change, computed by another program from the definition: `python3 state/src/tree/tests/golden.py`.

use super::*;
use crate::tree::TreeCache;

/// Roots after three heights: `count` keys are written, every third is written again, every fifth removed. Odd keys are derived.
fn roots_of(count: u16) -> Vec<String> {
    let (memory, mut cache) = (Memory::new(), TreeCache::new(0));
    let unwritten = Unwritten::new(Slot::empty::<ChainHasher>(), Pages::new());
    let mut roots = Vec::new();
    let written = |height: u16, n: u16| match height {
        0 => Some(Some(7)),
        1 => n.is_multiple_of(3).then_some(Some(8)),
        _ => n.is_multiple_of(5).then_some(None),
    };
    for height in 0_u16..3 {
        let change = |n: u16| {
            let table = if n.is_multiple_of(2) { 1 } else { DERIVED_TABLES | 1 };
            let bytes = [9_u16.to_be_bytes(), table.to_be_bytes(), n.to_be_bytes()].concat();
            let key = StateKey::from_bytes(bytes).unwrap();
            let value = |value: u8| (quancheng_proof::state_proof::value_hash(&[value]), vec![value]);
            written(height, n).map(|new| Change { key_hash: key.hash(), key, value: new.map(value) })
        };
        let mut changes: Vec<Change> = (0..count).filter_map(change).collect();
        changes.sort_unstable_by_key(|change| change.key_hash);
        let mut writes = Writes::new();
        let done = update::<ChainHasher>(&memory, &unwritten, &mut cache, Height(height.into()), changes, &mut writes)
            .unwrap();
        memory.write(writes, Durability::Buffered).unwrap();
        cache.take_buckets(done.buckets);
        roots.push(done.root.hash.to_string());
        unwritten.take_over(done.root, done.pages);
    }
    roots
}

#[test]
fn small_trees_have_golden_roots() {
    let golden = include_str!("golden.txt");
    let mut lines = golden.lines();
    for count in [0, 1, 2, 3, 16, 33, 1000] {
        for (height, root) in roots_of(count).iter().enumerate() {
            assert_eq!(lines.next(), Some(format!("{count} {height} {root}").as_str()));
        }
    }
    assert_eq!(lines.next(), None);
}
