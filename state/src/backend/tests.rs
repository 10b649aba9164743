use super::{Backend, Column, Durability, Kept, Memory, Writes};

const fn kept(chain: usize, results: usize) -> Kept {
    Kept { chain, results }
}

fn put(memory: &Memory, key: u8, value: u8, durability: Durability) {
    let mut writes = Writes::new();
    writes.put(Column::ChainMeta, vec![key], vec![value]);
    memory.write(writes, durability).unwrap();
}

fn content(memory: &Memory) -> Vec<(u8, u8)> {
    let mut cursor = memory.cursor(Column::ChainMeta).unwrap();
    cursor.seek(&[]).unwrap();
    let mut found = Vec::new();
    while let Some((key, value)) = cursor.entry() {
        found.push((key[0], value[0]));
        cursor.step().unwrap();
    }
    found
}

#[test]
fn a_crash_takes_back_a_suffix_of_the_unsynced_writes() {
    let memory = Memory::new();
    put(&memory, 1, 1, Durability::Buffered);
    put(&memory, 2, 2, Durability::Synced);
    put(&memory, 1, 3, Durability::Buffered);
    put(&memory, 3, 3, Durability::Buffered);
    assert_eq!(memory.unsynced(), kept(2, 0));
    assert_eq!(content(&memory.crash_copy(kept(0, 0))), [(1, 1), (2, 2)]);
    assert_eq!(content(&memory.crash_copy(kept(1, 0))), [(1, 3), (2, 2)]);
    assert_eq!(content(&memory.crash_copy(kept(2, 0))), [(1, 3), (2, 2), (3, 3)]);
    assert_eq!(content(&memory), [(1, 3), (2, 2), (3, 3)]);
    memory.sync().unwrap();
    assert_eq!(content(&memory.crash_copy(kept(0, 0))), content(&memory));
}

/// Results go back to a checkpoint, whatever of the chain is synced, and take nothing of the chain along.
#[test]
fn a_crash_takes_results_back_to_a_checkpoint() {
    let memory = Memory::new();
    let result = |value: u8| {
        let mut writes = Writes::new();
        writes.put(Column::Flat, vec![1], vec![value]);
        writes.put(Column::ChainMeta, vec![1], vec![value]);
        memory.write(writes, Durability::Buffered).unwrap();
    };
    let left = |kept: Kept| {
        let copy = memory.crash_copy(kept);
        let read = |column| copy.get(column, &[1]).unwrap().map(|value| value[0]);
        (read(Column::ChainMeta), read(Column::Flat))
    };
    (1..=2).for_each(result);
    put(&memory, 2, 2, Durability::Synced);
    assert_eq!((memory.unsynced(), left(kept(0, 9))), (kept(0, 0), (Some(2), None)));
    result(3);
    memory.checkpoint().unwrap();
    assert_eq!(memory.unsynced(), kept(0, 3));
    result(4);
    assert_eq!(memory.unsynced(), kept(1, 3));
    let lefts: Vec<_> = (0..=4).map(|results| left(kept(0, results)).1).collect();
    assert_eq!(lefts, [None, Some(1), Some(2), Some(3), Some(3)]);
    assert_eq!((left(kept(0, 3)).0, left(kept(1, 3)).0), (Some(3), Some(4)));
    memory.crash(kept(1, 2));
    assert_eq!((memory.unsynced(), left(kept(0, 0))), (kept(0, 0), (Some(4), Some(2))));
}

#[test]
fn a_crashed_copy_crashes_on() {
    let memory = Memory::new();
    put(&memory, 1, 1, Durability::Synced);
    let copy = memory.crash_copy(kept(0, 0));
    put(&copy, 2, 2, Durability::Buffered);
    assert_eq!(content(&copy.crash_copy(kept(0, 0))), [(1, 1)]);
    assert_eq!(content(&memory), [(1, 1)]);
}

#[test]
fn cursors_do_not_see_later_writes_and_walk_both_ways() {
    let memory = Memory::new();
    for key in [2, 4, 6] {
        put(&memory, key, key, Durability::Buffered);
    }
    let mut cursor = memory.cursor(Column::ChainMeta).unwrap();
    assert_eq!(cursor.entry(), None);
    put(&memory, 3, 3, Durability::Buffered);
    cursor.seek(&[3]).unwrap();
    assert_eq!(cursor.entry(), Some(([4].as_slice(), [4].as_slice())));
    cursor.seek_back(&[3]).unwrap();
    assert_eq!(cursor.entry().unwrap().0, [2]);
    cursor.seek_back(&[1]).unwrap();
    assert_eq!(cursor.entry(), None);
    cursor.seek(&[6]).unwrap();
    cursor.step().unwrap();
    assert_eq!(cursor.entry(), None);
}
