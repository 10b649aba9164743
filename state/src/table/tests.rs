use quancheng_types::{DecodeError, ModuleId, Text};

use super::Table;
use crate::error::{Record, StoreError};
use crate::overlay::Overlay;
use crate::view::EmptyView;

const NAMES: Table<(u32, Text<16>), u64> = Table::kept(ModuleId(0x0102), 0x0304, "names");
const BYTES: Table<Vec<u8>, Vec<u8>> = Table::kept(ModuleId(1), 2, "bytes");

#[test]
fn keys_have_golden_bytes() {
    let key = NAMES.key(&(5, Text::new("泉").unwrap()));
    assert_eq!(key.as_bytes(), [1, 2, 3, 4, 5, 0, 0, 0, 3, 0, 0, 0, 0xe6, 0xb3, 0x89]);
    assert_eq!((key.module(), key.table()), (ModuleId(0x0102), 0x0304));
    assert_eq!(key.to_string(), "258/772/0500000003000000e6b389");
}

#[test]
fn rows_come_back_and_go() {
    let mut overlay = Overlay::new(&EmptyView);
    let key = (1, Text::default());
    assert_eq!(NAMES.read(&overlay, &key), Ok(None));
    NAMES.put(&mut overlay, &key, &9);
    assert_eq!(NAMES.read(&overlay, &key), Ok(Some(9)));
    assert_eq!(NAMES.has(&overlay, &key), Ok(true));
    NAMES.remove(&mut overlay, &key);
    assert_eq!(NAMES.has(&overlay, &key), Ok(false));
}

#[test]
fn a_damaged_value_names_table_and_key() {
    let mut overlay = Overlay::new(&EmptyView);
    let other: Table<(u32, Text<16>), u8> = Table::kept(ModuleId(0x0102), 0x0304, "other");
    let key = (1, Text::default());
    other.put(&mut overlay, &key, &9);
    let error = NAMES.read(&overlay, &key).unwrap_err();
    let StoreError::Undecodable { record, key: found, error: DecodeError::Malformed { .. } } = &error else {
        panic!("{error}")
    };
    assert_eq!((*record, found.as_slice()), (Record::Row("names"), NAMES.key(&key).as_bytes()));
    assert!(error.to_string().contains("names"), "{error}");
}

#[test]
#[should_panic(expected = "a value of table bytes takes 65540 bytes")]
fn values_have_a_ceiling() {
    BYTES.put(&mut Overlay::new(&EmptyView), &vec![], &vec![0; 65_536]);
}

#[test]
fn the_longest_key_fits() {
    assert_eq!(BYTES.key(&vec![0; 248]).as_bytes().len(), 256);
}

#[test]
#[should_panic(expected = "a key of table bytes takes 257 bytes")]
fn keys_have_a_ceiling() {
    let _ = BYTES.key(&vec![0; 249]);
}
