use super::*;

#[test]
fn records_have_golden_bytes_and_come_back() {
    let hash = Digest([7; 32]);
    let cases: [(Holding, &[u8], Vec<u8>); 4] = [
        (
            Holding { value_hash: Some(hash), since: Height(9), version: 0, until: None },
            b"value",
            [&[4, 0, 0, 0, 0, 0, 0, 0, 9][..], &[7; 32]].concat(),
        ),
        (
            Holding { value_hash: Some(hash), since: Height(9), version: 2, until: Some(Height(11)) },
            b"value",
            [&[7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 11][..], &[7; 32]].concat(),
        ),
        (
            Holding { value_hash: None, since: Height(9), version: 1, until: None },
            b"",
            vec![1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        (
            Holding { value_hash: Some(hash), since: Height(9), version: 0, until: Some(Height(10)) },
            b"",
            [&[6, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 10][..], &[7; 32]].concat(),
        ),
    ];
    for (holding, value, head) in cases {
        let record = FlatRecord { holding, key: b"key", value };
        let bytes = record.encode();
        assert_eq!(bytes, [&head[..], &[0, 3], b"key", value].concat());
        assert_eq!(FlatRecord::parse(&[], &bytes).unwrap(), record);
        for length in 0..bytes.len() - value.len() {
            assert!(FlatRecord::parse(&[1], &bytes[..length]).is_err(), "{length} of {}", bytes.len());
        }
    }
    assert!(FlatRecord::parse(&[], &[8; 60]).is_err(), "a mark that none has");
}
