use std::collections::BTreeSet;

use quancheng_contracts::MODULES;
use serde_json::json;

use super::*;
use crate::messages::{cell_word, is_word_field};
use crate::text::Lang;

const ACCOUNTS: &str = "identity.accounts";

/// Numbers above are test modules.
const MODULE_MAX: u16 = 59_999;

/// Whoever adds a table, a field or a word of an enum adds its Chinese.
#[test]
fn every_field_and_every_word_of_every_table_is_told_in_chinese() {
    let mut missing = Vec::new();
    let tables = MODULES.iter().filter(|module| module.id().0 <= MODULE_MAX).flat_map(|module| module.tables());
    for table in tables {
        let short = table.name().rsplit('.').next().unwrap();
        for (place, sort) in table.shape().places() {
            let mut outer = short;
            for name in place.split(['.', '[', ']']).filter(|name| !name.is_empty()) {
                if label_within(outer, name).is_none_or(str::is_ascii) {
                    missing.push(format!("{}: field {outer}.{name}", table.name()));
                }
                outer = name;
            }
            // What stands in a table is told by the name of its field alone.
            if is_word_field(outer) != matches!(sort, Sort::Word(_)) && *sort != Sort::Own {
                missing.push(format!("{}: field {outer} among those of words, or not", table.name()));
            }
            if let Sort::Word(words) = sort {
                let unknown = words.iter().filter(|word| value_word(outer, word).is_none());
                missing.extend(unknown.map(|word| format!("{}: word {outer}.{word}", table.name())));
            }
        }
    }
    missing.sort_unstable();
    missing.dedup();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What is called and what is reported, `tx decode` and `tx show` tell to people by the names of the fields.
#[test]
fn every_field_and_every_word_of_every_call_and_event_is_told_in_chinese() {
    let mut missing = BTreeSet::new();
    for module in MODULES.iter().filter(|module| module.id().0 <= MODULE_MAX) {
        let (calls, events) = module.shapes();
        for (what, shape) in [("call", calls), ("event", events)] {
            let places: Vec<(&str, &Sort)> = shape.places().collect();
            assert!(places.len() > 10, "{} {what}: {places:?}", module.name());
            for (place, sort) in &places {
                let mut outer = what;
                for name in place.split(['.', '[', ']']).filter(|name| !name.is_empty()) {
                    if label_within(outer, name).is_none_or(str::is_ascii) {
                        missing.insert(format!("{} {what}: field {outer}.{name}", module.name()));
                    }
                    outer = name;
                }
                if let Sort::Word(words) = sort {
                    let within = place.rsplit_once('.').map_or("", |(within, _)| within);
                    let beside = places.iter().filter_map(|(other, _)| other.strip_prefix(within)?.strip_prefix('.'));
                    let beside: serde_json::Map<String, Value> =
                        beside.map(|name| (name.to_owned(), json!(1))).collect();
                    let beside = Value::Object(beside);
                    let unknown = words.iter().filter(|word| cell_word(outer, &beside, word).is_none());
                    missing.extend(unknown.map(|word| format!("{} {what}: word {outer}.{word}", module.name())));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn fields_are_told_in_both_languages() {
    let value =
        json!({ "org_id": "ORG-M2", "keys": [{ "use": "SIGN", "from_ms": 1_768_873_207_000_u64, "to_ms": null }] });
    let told = told(ACCOUNTS, &value);
    assert_eq!(
        told.words(Lang::Zh),
        "密钥[1]·起始时间 2026-01-20T09:40:07.000+08:00；密钥[1]·用途 签名；组织编号 ORG-M2"
    );
    assert!(told.words(Lang::En).contains("\"use\":\"SIGN\""));
    assert_eq!(super::told("registry.by_number", &json!(7)).words(Lang::Zh), "7");
}

/// What an authority wrote cannot end its field and begin another, nor be the ledger's own word.
#[test]
fn what_somebody_wrote_cannot_pass_for_a_field_or_a_word() {
    let forged = "样例”；密钥[1]·吊销时间 2020-01-01T08:00:00.000+08:00；“";
    let told = |certificate: Value| {
        told(ACCOUNTS, &json!({ "keys": [{ "certificate": certificate }] })).words(Lang::Zh).to_owned()
    };
    let shown = told(json!({ "authority": forged, "serial": "SIGN" }));
    assert_eq!(
        shown,
        "密钥[1]·证书·颁发机构 “样例\\u{201d}；密钥[1]·吊销时间 2020-01-01T08:00:00.000+08:00；\\u{201c}”；密钥[1]·证书·序列号 “SIGN”"
    );
    // What the shape does not know is foreign, name and value.
    assert_eq!(told(json!({ "x；组织 甲": "法院" })), "密钥[1]·证书·“x；组织 甲” “法院”");
    assert_eq!(super::told("no.table", &json!("正常")).words(Lang::Zh), "“正常”");
    assert_eq!(super::told(ACCOUNTS, &json!({ "keys": [{ "use": "NEW" }] })).words(Lang::Zh), "密钥[1]·用途 “NEW”");
}
