//! What a node shows of a record, held against what was asked for and what is proven of it. A proof convinces nobody of what stands
//! beside it.

use quancheng_contracts::registry::{Dossier, Registration};
use quancheng_contracts::{StateKey, describe_entry};
use quancheng_proof::{Bundle, Claim};
use quancheng_types::{Digest, Domain};
use serde_json::{Value, json};

use super::Asked;

const REGISTRATIONS: &str = "registry.registrations";
const DOSSIERS: &str = "registry.dossiers";
const RULE_SETS: &str = "governance.rule_sets";
const RULE_SET_VERSIONS: &str = "governance.rule_set_versions";

/// By which member a record of a table says which it is. One of evidence is asked for by its transaction too, which it does not name.
const NAMES: [(&str, &str); 5] = [
    (REGISTRATIONS, "id"),
    ("registry.by_number", "ledger_no"),
    ("identity.accounts", "account"),
    ("identity.organizations", "org_id"),
    ("governance.proposals", "id"),
];

/// An entry that a bundle proves, as of the time of its leaf.
struct Proven {
    table: &'static str,
    key: Value,
    /// The row; null when it is proven that there is none.
    value: Value,
    time_ms: u64,
}

impl Asked {
    /// Whether a record says itself that it is the one that was asked for.
    pub(super) fn is_named_by(&self, data: &Value) -> bool {
        match self {
            Self::Row(tables, wanted) => {
                let mut names = NAMES.iter().filter(|(table, _)| tables.contains(table)).peekable();
                names.peek().is_none()
                    || names.any(|(_, name)| data.get(name).is_some_and(|value| text(value) == *wanted))
            }
            Self::RuleSet(wanted) => data.get("rule_set").is_some_and(|id| text(id) == *wanted),
            Self::Transaction(_) | Self::State(_) | Self::Entries => true,
        }
    }

    /// Whether a bundle proves the record that is shown, as it is shown. `None` for an answer that is not rebuilt from what is proven:
    /// nothing of it was compared, and it is not to be called proven.
    pub(super) fn is_proven_as(&self, bundle: &Bundle, data: &Value) -> Option<bool> {
        match self {
            Self::Row(tables, wanted) => Some(is_row(tables, wanted, &proven_of(bundle), data)),
            Self::RuleSet(wanted) => Some(is_rule_set(wanted, &proven_of(bundle), data)),
            Self::Transaction(_) | Self::State(_) | Self::Entries => None,
        }
    }
}

fn proven_of(bundle: &Bundle) -> Vec<Proven> {
    bundle.claims.iter().filter_map(|claim| read(bundle, claim)).collect()
}

/// Whether an entry is of a rule set: a version of it, or which of them is the newest.
pub(super) fn is_of_rule_set(table: &str, key: &Value, id: &str) -> bool {
    match table {
        RULE_SET_VERSIONS => text(key) == id,
        RULE_SETS => key.get(0).is_some_and(|of| text(of) == id),
        _ => false,
    }
}

/// Whether what is shown is the newest version of a rule set: the entry that names the newest says which that is.
fn is_rule_set(id: &str, proven: &[Proven], data: &Value) -> bool {
    let newest = proven.iter().find(|row| row.table == RULE_SET_VERSIONS && text(&row.key) == id);
    let is_newest = |row: &&Proven| newest.is_some_and(|newest| row.key == json!([id, newest.value]));
    let mut versions = proven.iter().filter(|row| row.table == RULE_SETS);
    versions.find(is_newest).is_some_and(|row| row.value == *data)
}

/// Whether what is shown is the row of one of these tables with this key.
fn is_row(tables: &[&str], wanted: &str, proven: &[Proven], data: &Value) -> bool {
    if tables.contains(&REGISTRATIONS) {
        let serial = data.get("id").map(text).unwrap_or_default();
        let row = proven.iter().find(|row| row.table == REGISTRATIONS && text(&row.key) == serial);
        return row.and_then(|row| registration(row, proven, data)).as_ref() == Some(data);
    }
    proven.iter().any(|row| tables.contains(&row.table) && text(&row.key) == wanted && row.value == *data)
}

/// A registration as nodes show it: its row, with its status at that time and its dossier in force. Nodes leave a dossier out of the proof
/// when they no longer can prove the past of it; the row has its hash all the same.
fn registration(row: &Proven, proven: &[Proven], data: &Value) -> Option<Value> {
    let record: Registration = serde_json::from_value(row.value.clone()).ok()?;
    let key = json!([record.id, record.revision]);
    let claimed = proven.iter().find(|row| row.table == DOSSIERS && row.key == key).map(|row| &row.value);
    let by_hash = data.get("dossier").filter(|dossier| dossier.is_null() || hash(dossier) == Some(record.statement));
    let dossier = claimed.or(by_hash)?;
    let mut shown = row.value.as_object()?.clone();
    shown.insert("status".to_owned(), serde_json::to_value(record.status(row.time_ms)).ok()?);
    shown.insert("dossier".to_owned(), dossier.clone());
    Some(Value::Object(shown))
}

/// The hash under which a registration names a dossier.
fn hash(dossier: &Value) -> Option<Digest> {
    let dossier: Dossier = serde_json::from_value(dossier.clone()).ok()?;
    Some(Domain::Commitment.hash_of(&dossier))
}

fn read(bundle: &Bundle, claim: &Claim) -> Option<Proven> {
    let Claim::State { leaf, key, value, .. } = claim else {
        return None;
    };
    let time_ms = bundle.leaves.get(usize::from(*leaf))?.leaf.time_ms;
    let entry = describe_entry(&StateKey::from_bytes(key.to_vec())?, value.as_ref().map(|bytes| &**bytes)).ok()?;
    Some(Proven { table: entry.table, key: entry.key, value: entry.value.unwrap_or(Value::Null), time_ms })
}

/// A key or the name of a record, as people write it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture;
    use super::*;

    /// Each record that a bundle proves is shown as it is, and with no member changed, added or left out.
    #[test]
    fn what_is_shown_is_what_is_proven() {
        let mut met = Vec::new();
        for name in ["application", "certificate"] {
            let bundle = fixture(name);
            let proven: Vec<Proven> = bundle.claims.iter().filter_map(|claim| read(&bundle, claim)).collect();
            for row in &proven {
                let tables: &'static [&'static str] = match row.table {
                    REGISTRATIONS => &[REGISTRATIONS, "registry.by_number"],
                    "identity.organizations" => &["identity.organizations"],
                    _ => continue,
                };
                let asked = Asked::Row(tables, text(&row.key));
                let shown = if row.table == REGISTRATIONS {
                    let dossier = proven.iter().find(|row| row.table == DOSSIERS).map(|row| row.value.clone());
                    let Some(shown) = registration(row, &proven, &json!({ "dossier": dossier })) else { continue };
                    // Where the proof does not have the dossier, its hash speaks for it.
                    let without: Vec<Proven> = bundle
                        .claims
                        .iter()
                        .filter_map(|claim| read(&bundle, claim))
                        .filter(|row| row.table != DOSSIERS)
                        .collect();
                    assert_eq!(registration(row, &without, &shown).as_ref(), Some(&shown), "{name}");
                    let forged = json!({ "dossier": { "title_zh": "x" } });
                    assert_eq!(registration(row, &without, &forged), None, "{name}");
                    shown
                } else {
                    row.value.clone()
                };
                met.push(row.table);
                assert!(
                    asked.is_named_by(&shown) && asked.is_proven_as(&bundle, &shown) == Some(true),
                    "{name} {asked:?} {shown}"
                );
                for member in shown.as_object().unwrap().keys() {
                    let mut changed = shown.clone();
                    changed[member] = json!("CHANGED");
                    assert_eq!(asked.is_proven_as(&bundle, &changed), Some(false), "{name} {asked:?} {member}");
                    let mut short = shown.clone();
                    short.as_object_mut().unwrap().remove(member);
                    assert_eq!(asked.is_proven_as(&bundle, &short), Some(false), "{name} {asked:?} {member}");
                }
                let mut long = shown.clone();
                long["more"] = json!(1);
                assert_eq!(asked.is_proven_as(&bundle, &long), Some(false), "{name} {asked:?}");
            }
        }
        for table in [REGISTRATIONS, "identity.organizations"] {
            assert!(met.contains(&table), "{table}: {met:?}");
        }
    }

    /// An older version of a rule set is not the one that is asked for, whatever proves that there was one.
    #[test]
    fn a_rule_set_is_its_newest_version() {
        let row = |table, key: Value, value: Value| Proven { table, key, value, time_ms: 0 };
        let of = |version: u32| json!({ "rule_set": "RS-X", "version": version });
        let proven = [
            row(RULE_SETS, json!(["RS-X", 1]), of(1)),
            row(RULE_SETS, json!(["RS-X", 2]), of(2)),
            row(RULE_SETS, json!(["RS-Y", 2]), json!({ "rule_set": "RS-Y", "version": 2 })),
            row(RULE_SET_VERSIONS, json!("RS-X"), json!(2)),
        ];
        assert!(is_rule_set("RS-X", &proven, &of(2)) && !is_rule_set("RS-X", &proven[..3], &of(2)));
        for forged in [of(1), json!({ "rule_set": "RS-X", "version": 2, "more": 1 }), json!([of(2)])] {
            assert!(!is_rule_set("RS-X", &proven, &forged), "{forged}");
        }
        assert!(!is_rule_set("RS-Y", &proven, &json!({ "rule_set": "RS-Y", "version": 2 })));
        let asked = Asked::RuleSet("RS-X".to_owned());
        assert!(asked.is_named_by(&of(1)) && !asked.is_named_by(&json!({ "rule_set": "RS-Y" })));
        assert!(is_of_rule_set(RULE_SET_VERSIONS, &json!("RS-X"), "RS-X"));
        assert!(is_of_rule_set(RULE_SETS, &json!(["RS-X", 1]), "RS-X"));
        assert!(
            !is_of_rule_set(RULE_SETS, &json!(["RS-Y", 1]), "RS-X") && !is_of_rule_set("x", &json!("RS-X"), "RS-X")
        );
    }

    #[test]
    fn a_record_names_itself() {
        let account = quancheng_types::AccountId::default();
        for (asked, data, is_named) in [
            (Asked::organization("ORG-M1"), json!({ "org_id": "ORG-M1" }), true),
            (Asked::organization("ORG-M1"), json!({ "org_id": "ORG-M9" }), false),
            (Asked::organization("ORG-M1"), json!({}), false),
            (Asked::registration("7"), json!({ "id": 7 }), true),
            (Asked::registration("7"), json!({ "id": 8 }), false),
            (Asked::registration("QC-1"), json!({ "id": 8, "ledger_no": "QC-1" }), true),
            (Asked::registration("QC-1"), json!({ "id": 8, "ledger_no": null }), false),
            (Asked::account(&account), json!({ "account": account }), true),
            (Asked::account(&account), json!({ "account": "ab" }), false),
            (Asked::proposal(3), json!({ "id": 4 }), false),
            (Asked::Entries, json!([]), true),
        ] {
            assert_eq!(asked.is_named_by(&data), is_named, "{asked:?} {data}");
        }
    }
}
