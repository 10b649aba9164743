use super::*;
use crate::backend::{Durability, Memory, Writes};
use crate::table::Table;

#[test]
fn rows_have_golden_bytes_and_come_back() {
    let hash = Digest([7; 32]);
    let value = [&[7; 32][..], &[0, 0, 1, 2, 3]].concat();
    let spot = Spot { group: 258, at: 3 };
    let cases: [(Holding, Spot, Vec<u8>); 4] = [
        (
            Holding { value_hash: Some(hash), since: Height(9), version: 0, until: None },
            spot,
            [&[4, 0, 0, 0, 0, 0, 0, 0, 9][..], &value].concat(),
        ),
        (
            Holding { value_hash: Some(hash), since: Height(9), version: 2, until: Some(Height(11)) },
            spot,
            [&[7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 11][..], &value].concat(),
        ),
        (
            Holding { value_hash: None, since: Height(9), version: 1, until: None },
            Spot::default(),
            vec![1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        (
            Holding { value_hash: Some(hash), since: Height(9), version: 0, until: Some(Height(10)) },
            spot,
            [&[6, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 10][..], &value].concat(),
        ),
    ];
    for (holding, spot, expected) in cases {
        let row = FlatRow { holding, spot };
        let mut bytes = Vec::new();
        row.put(&mut bytes);
        assert_eq!(bytes, expected);
        assert_eq!(FlatRow::parse(&[], &bytes).unwrap(), row);
        for length in 0..bytes.len() {
            assert!(FlatRow::parse(&[1], &bytes[..length]).is_err(), "{length} of {}", bytes.len());
        }
        assert!(FlatRow::parse(&[1], &[&bytes[..], &[0]].concat()).is_err(), "more than a row");
        let place = holding.value_hash.map(|_| [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 1, 2]);
        assert_eq!(row.record(), place);
    }
    assert!(FlatRow::parse(&[], &[8; 60]).is_err(), "a mark that none has");
}

/// A value that is not the one its row commits to, or that of another key, is served to nobody.
#[test]
fn a_record_that_is_not_the_one_of_its_row_is_named() {
    const ROWS: Table<u8, u8> = Table::kept(quancheng_types::ModuleId(9), 1, "rows");
    let (key, memory) = (ROWS.key(&1), Memory::new());
    let hash = value_hash(b"value");
    let row = FlatRow {
        holding: Holding { value_hash: Some(hash), since: Height(3), version: 0, until: None },
        spot: Spot { group: 5, at: 1 },
    };
    let read = |record: Option<Vec<u8>>| {
        let mut writes = Writes::new();
        writes.put_with(Column::Flat, key.hash().as_bytes(), |bytes| row.put(bytes));
        match record {
            Some(record) => writes.put(Column::Records, record_key(Height(3), 5), record),
            None => writes.delete(Column::Records, record_key(Height(3), 5)),
        }
        memory.write(writes, Durability::Buffered).unwrap();
        let found = found_at(&memory, &key, Height(3), || true).unwrap().unwrap();
        assert_eq!(found.holding(), &row.holding);
        found.value(&memory, &key)
    };
    let encode_record = |key: &[u8], value: &[u8]| {
        let mut group = Vec::new();
        put_record(&mut group, b"another key", b"another value");
        put_record(&mut group, key, value);
        put_record(&mut group, b"a third key", b"");
        group
    };
    let good = encode_record(key.as_bytes(), b"value");
    assert_eq!(read(Some(good.clone())), Ok(Some(b"value".to_vec())));
    let other = encode_record(ROWS.key(&2).as_bytes(), b"value");
    let wrong = [
        encode_record(key.as_bytes(), b"valve"),
        other,
        good[..good.len() - 18].to_vec(),
        good[..24 + 6].to_vec(),
        vec![9],
        vec![],
    ];
    for record in wrong {
        let error = read(Some(record)).unwrap_err();
        assert!(matches!(&error, StoreError::Inconsistent { record: Record::Column("records"), .. }), "{error}");
    }
    assert!(matches!(read(None), Err(StoreError::Missing { record: Record::Column("records"), .. })));
}
