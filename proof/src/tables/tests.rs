use super::*;
use crate::state_proof::DERIVED_TABLES;

fn registration(serial: u32) -> Vec<u8> {
    key(3, 2, &serial.to_le_bytes())
}

fn number(region: u32, kind: &[u8; 2], year: u16, serial: u32) -> Vec<u8> {
    let row = [&region.to_le_bytes()[..], kind, &year.to_le_bytes(), &serial.to_le_bytes()].concat();
    key(3, 7, &row)
}

fn text(words: &[u8]) -> Vec<u8> {
    [&u32::try_from(words.len()).unwrap().to_le_bytes()[..], words].concat()
}

#[test]
fn tables_ascend_and_no_name_repeats() {
    assert!(TABLES.is_sorted_by(|a, b| (a.module, a.table & !DERIVED_TABLES) < (b.module, b.table & !DERIVED_TABLES)));
    for names in [TABLES.iter().map(|t| t.name).collect::<Vec<_>>(), TABLES.iter().map(|t| t.zh).collect()] {
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}

#[test]
fn a_key_is_told_in_words() {
    for (key, zh, en) in [
        (registration(7), "登记：流水号 7", "registrations: serial 7"),
        (
            number(370_100, b"PR", 2026, 1001),
            "登记凭证编号索引：编号 QC-370100-PR-2026-00001001-P",
            "certificates by number: number QC-370100-PR-2026-00001001-P",
        ),
        (
            key(3, 10, &[7_u32.to_le_bytes().as_slice(), &258_u64.to_be_bytes()].concat()),
            "凭证使用：流水号 7，序号 258",
            "reliance on certificates: serial 7, number 258",
        ),
        (key(10, DERIVED_TABLES | 2, &[]), "存证数：唯一条目", "count of records of evidence: its only row"),
        (
            key(3, 8, &[text(b"a\"\\"), text(b"1")].concat()),
            "外部编码索引：体系 “a\\u{22}\\u{5c}”，编码 “1”",
            "certificates by official code: scheme “a\\u{22}\\u{5c}”, code “1”",
        ),
        (
            key(3, DERIVED_TABLES | 15, &[1]),
            "类别登记数：类别 公共数据资源",
            "registrations of a kind, counted: kind PUBLIC_RESOURCE",
        ),
        (key(1, 4, b"91370100MA3DFTWQ6E"), "", ""),
    ] {
        let Ok(row) = row(&key) else {
            assert!(zh.is_empty(), "{zh}");
            continue;
        };
        assert_eq!((row.zh.as_str(), row.en.as_str()), (zh, en));
    }
}

/// A key that can never exist proves nothing by its absence.
#[test]
fn what_no_table_can_hold_is_named() {
    let form = |table| Err(KeyFault::Form { table });
    let cases: [(Vec<u8>, Result<(), KeyFault>); 23] = [
        (Vec::new(), Err(KeyFault::Short)),
        (vec![0, 3, 0], Err(KeyFault::Short)),
        (vec![0, 0, 0, 1], Err(KeyFault::UnknownModule { module: 0 })),
        (vec![3, 0, 2, 0, 1, 0, 0, 0], Err(KeyFault::UnknownModule { module: 768 })),
        (vec![0, 3, 0, 99], Err(KeyFault::UnknownTable { module: 3, table: 99 })),
        // A table has one kind.
        (vec![0, 3, 0x80, 2], Err(KeyFault::UnknownTable { module: 3, table: 0x8002 })),
        (vec![0, 3, 0, 0], Err(KeyFault::UnknownTable { module: 3, table: 0 })),
        (registration(1), Ok(())),
        ([registration(1), vec![0]].concat(), form("registry.registrations")),
        (registration(1)[..7].to_vec(), form("registry.registrations")),
        (registration(0), form("registry.registrations")),
        (registration(100_000_000), form("registry.registrations")),
        ([number(370_100, b"PR", 2026, 1001), vec![0]].concat(), form("registry.by_number")),
        (number(370_100, b"XX", 2026, 1001), form("registry.by_number")),
        (number(370_100, b"pr", 2026, 1001), form("registry.by_number")),
        (number(990_100, b"PR", 2026, 1001), form("registry.by_number")),
        (number(370_100, b"PR", 1969, 1001), form("registry.by_number")),
        (number(370_100, b"PR", 2026, 0), form("registry.by_number")),
        (key(1, 1, &text(b"org-1")), form("identity.organizations")),
        (key(1, 1, &text(b"")), form("identity.organizations")),
        (key(1, 2, &[1; 31]), form("identity.accounts")),
        (key(3, DERIVED_TABLES | 17, &[[3].as_slice(), &[1; 32]].concat()), form("registry.manifest_counts")),
        (key(10, DERIVED_TABLES | 5, &[vec![7], text(b"1")].concat()), form("evidence.relation_counts")),
    ];
    for (key, expected) in cases {
        assert_eq!(row(&key).map(drop), expected, "{}", hex::encode(&key));
    }
    assert!(row(&key(1, 1, &text(b"ORG-1"))).is_ok());
}
