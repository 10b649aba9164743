//! The published list of tables, and the keys that the fixture makes of it.

use quancheng_proof::state_proof::DERIVED_TABLES;
use quancheng_proof::tables::{TABLES, row};

use crate::fixtures::tables::{key_of, near_keys, strange_keys};

const STORED: &str = include_str!("../../vectors/tables.json");
const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

#[test]
fn the_published_list_is_current() {
    let stored: serde_json::Value = serde_json::from_str(STORED).unwrap();
    let current = serde_json::to_value(TABLES).unwrap();
    assert!(
        stored == current,
        "vectors/tables.json differs; if that is meant: cargo run -p quancheng-proof --example vectors"
    );
    for table in TABLES {
        let (kind, number) = match table.table.checked_sub(DERIVED_TABLES) {
            Some(number) => ("derived", number),
            None => ("kept", table.table),
        };
        let cells = format!("| {} | {number} | {kind} | `{}` |", table.module, table.name);
        assert!(DOCUMENT.contains(&cells), "docs/protocol.md has no row `{cells}`");
    }
}

#[test]
fn every_table_has_keys_and_no_key_is_nearly_one() {
    for table in TABLES {
        let key = key_of(table);
        assert_eq!(row(&key).unwrap().table, table);
        assert!(row(&[key, vec![0]].concat()).is_err(), "{}", table.name);
        for near in near_keys(table) {
            assert!(row(&near).is_err(), "{} {}", table.name, hex::encode(&near));
        }
    }
    for strange in strange_keys() {
        assert!(row(&strange).is_err(), "{}", hex::encode(&strange));
    }
}
