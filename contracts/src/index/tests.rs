//! Heads and rows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quancheng_state::Patch;
use quancheng_types::Text;
use quancheng_types::codec::decode;

use super::*;
use crate::describe::Describe;
use crate::testing::State;

/// Lists of a test, numbered beyond the modules.
const LISTS: Index<Text<8>, u16> =
    Index::new(Table::derived(ModuleId(60_001), 1, "heads"), Table::index(ModuleId(60_001), 2, "rows"));

fn name(text: &str) -> Text<8> {
    Text::new(text).unwrap()
}

/// What a node that has nothing but the rows makes of them; `None` where a number is not the next one.
fn heads_of<'a>(
    list: &IndexList,
    rows: impl IntoIterator<Item = (&'a StateKey, &'a Vec<u8>)>,
) -> Option<BTreeMap<StateKey, ListHead>> {
    let mut heads: BTreeMap<StateKey, ListHead> = BTreeMap::new();
    for (key, row) in rows {
        let (own, number) = list.place(key)?;
        let head = heads.entry(list.head_key(own)?).or_default();
        if head.count != number {
            return None;
        }
        head.push(row);
    }
    Some(heads)
}

fn head(bytes: &[u8]) -> ListHead {
    decode(bytes, 40).unwrap()
}

/// The rows of the lists, in order of their keys, and the heads in the state.
fn parts(state: &State) -> (BTreeMap<StateKey, Vec<u8>>, BTreeMap<StateKey, ListHead>) {
    let (rows, heads): (BTreeMap<_, _>, BTreeMap<_, _>) =
        state.0.clone().into_iter().partition(|(key, _)| key.is_index());
    (rows, heads.into_iter().map(|(key, bytes)| (key, head(&bytes))).collect())
}

fn state_of(pushes: &[(&str, u16)]) -> State {
    let mut state = State::default();
    for (list, value) in pushes {
        let base = state.clone();
        let mut overlay = Overlay::new(&base);
        LISTS.push(&mut overlay, &name(list), value).unwrap();
        state.apply(&overlay.into_patch());
    }
    state
}

/// Whatever a block writes to the indexes of the modules, it writes to their heads: every block of every test of the contracts passes
/// through here.
pub(crate) fn assert_heads(before: &State, patch: &Patch) {
    let mut heads: BTreeMap<StateKey, ListHead> = BTreeMap::new();
    let indexes = || index_lists().filter(|list| list.module.0 < 60_000);
    for (key, row) in patch.writes().filter(|(key, _)| key.is_index() && key.module().0 < 60_000) {
        let found = indexes().find_map(|list| list.place(key).map(|(own, number)| (list.head_key(own), number)));
        let (Some(head_key), number) = found.expect("an index is among `index_lists`") else { panic!("{key:?}") };
        let earlier = || before.0.get(&head_key).map_or_else(ListHead::default, |bytes| head(bytes));
        let head = heads.entry(head_key.clone()).or_insert_with(earlier);
        assert_eq!(head.count, number, "{key:?}");
        head.push(row.expect("a row of an index is not removed"));
    }
    let written = patch.writes().filter(|(key, _)| indexes().any(|list| list.is_head(key)));
    let written: BTreeMap<StateKey, ListHead> =
        written.map(|(key, bytes)| (key.clone(), head(bytes.expect("a head is not removed")))).collect();
    assert_eq!(written, heads);
}

/// Bytes of the state. A change here is a change of the protocol.
#[test]
fn golden_bytes() {
    let mut head = ListHead::default();
    assert_eq!(encode(&head), [0; 40]);
    head.push(&[7, 0]);
    assert_eq!(head.digest.to_string(), "99935475cfc48e59eebb9002a4e9285cb058834666c7991ce73de1cda35c5bc3");
    head.push(&[8, 0]);
    assert_eq!(head.digest.to_string(), "2d5aea3d9fc09755cba8cd29c724121b910210e59407bfee74dc0505cf26e55b");
    assert_eq!(encode(&head), [&[2, 0, 0, 0, 0, 0, 0, 0], &head.digest.as_bytes()[..]].concat());
    let key = LISTS.rows.key(&(name("ab"), Place(258)));
    assert_eq!(key.as_bytes(), [0xEA, 0x61, 0xC0, 2, 2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(decode(&[0, 0, 0, 0, 0, 0, 1, 2], 8), Ok(Place(258)));
    assert_eq!(LISTS.list().place(&key), Some((&[2, 0, 0, 0, b'a', b'b'][..], 258)));
    assert_eq!(LISTS.list().head_key(&[2, 0, 0, 0, b'a', b'b']), Some(LISTS.heads.key(&name("ab"))));
}

#[test]
fn what_is_no_row_of_an_index_has_no_place() {
    let list = LISTS.list();
    let row = LISTS.rows.key(&(name(""), Place(0)));
    assert!(list.place(&row).is_some());
    let short = StateKey::from_bytes(row.as_bytes()[..11].to_vec()).unwrap();
    assert_eq!(list.place(&short), None);
    assert_eq!(list.place(&LISTS.heads.key(&name("a long o"))), None);
    assert_eq!(IndexList { module: ModuleId(1), ..list }.place(&row), None);
    assert_eq!(list.head_key(&[0; 253]), None);
    assert!(list.is_head(&LISTS.heads.key(&name("a"))) && !list.is_head(&row));
}

/// Each index is listed with the tables that the modules declare.
#[test]
fn indexes_are_those_of_the_modules() {
    let listed: Vec<(u16, u16, &str)> = index_lists().map(|list| (list.module.0, list.rows, list.name)).collect();
    let tables = || MODULES.iter().flat_map(|module| module.tables().iter().map(|table| (module.id().0, *table)));
    let is_index = |table: &dyn Describe| table.number() & INDEX_TABLES == INDEX_TABLES;
    let declared: Vec<_> = tables()
        .filter(|(_, table)| is_index(*table))
        .map(|(module, table)| (module, table.number(), table.name()))
        .collect();
    assert_eq!(listed, declared);
    assert_eq!(listed.len(), 6);
    let has = |module: u16, number: u16| tables().any(|(owner, table)| (owner, table.number()) == (module, number));
    assert!(index_lists().all(|list| has(list.module.0, list.heads)));
}

/// A node that is given rows finds every fault in them.
#[test]
fn a_dropped_swapped_changed_added_or_moved_row_shows() {
    let state = state_of(&[("a", 1), ("b", 1), ("a", 2), ("ab", 5), ("a", 3), ("b", 2)]);
    let (rows, heads) = parts(&state);
    let list = LISTS.list();
    assert_eq!(heads_of(&list, &rows), Some(heads.clone()));
    let holds = |rows: &BTreeMap<StateKey, Vec<u8>>| heads_of(&list, rows) == Some(heads.clone());
    let keys: Vec<&StateKey> = rows.keys().collect();
    for key in &keys {
        let mut dropped = rows.clone();
        let row = dropped.remove(*key).unwrap();
        assert!(!holds(&dropped), "without {key}");
        let mut changed = rows.clone();
        changed.get_mut(*key).unwrap()[1] ^= 1;
        assert!(!holds(&changed), "changed {key}");
        for other in keys.iter().filter(|other| rows[**other] != row) {
            let mut swapped = rows.clone();
            swapped.insert((*key).clone(), rows[*other].clone());
            swapped.insert((*other).clone(), row.clone());
            assert!(!holds(&swapped), "{key} for {other}");
        }
    }
    for (name_of, place) in [("a", 3), ("a", 4), ("c", 0), ("ab", u64::MAX)] {
        let mut added = rows.clone();
        added.insert(LISTS.rows.key(&(name(name_of), Place(place))), vec![1, 0]);
        assert!(!holds(&added), "{name_of} {place}");
    }
    let mut moved = rows.clone();
    let row = moved.remove(&LISTS.rows.key(&(name("b"), Place(1)))).unwrap();
    moved.insert(LISTS.rows.key(&(name("ab"), Place(1))), row);
    assert!(!holds(&moved));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Rows in order of their keys are in order of their lists, beyond 256 of them too, and make the heads of the state.
    #[test]
    fn one_walk_over_the_rows_makes_the_heads(
        pushes in prop::collection::vec((prop::sample::select(vec!["", "a", "ab", "b"]), any::<u16>()), 1..1_200),
    ) {
        let base = State::default();
        let mut overlay = Overlay::new(&base);
        let mut model: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for (list, value) in &pushes {
            let rows = model.entry(list).or_default();
            prop_assert_eq!(LISTS.push(&mut overlay, &name(list), value), Ok(rows.len() as u64));
            rows.push(*value);
        }
        let mut state = base.clone();
        state.apply(&overlay.into_patch());
        let (rows, heads) = parts(&state);
        prop_assert_eq!(heads_of(&LISTS.list(), &rows), Some(heads.clone()));
        prop_assert_eq!(heads.len(), model.len());
        for (list, values) in &model {
            let page = LISTS.page(&state, &name(list), 0, u32::MAX).unwrap();
            let first: Vec<(u64, u16)> = (0..).zip(values.iter().copied()).take(PAGE_MAX as usize).collect();
            prop_assert_eq!((page.rows, page.count), (first, values.len() as u64));
            prop_assert_eq!(page.keys, vec![LISTS.heads.key(&name(list))]);
        }
    }
}
