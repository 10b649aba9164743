//! The verifier's list of tables and its reading of identities against the tables themselves.

use quancheng_proof::state_proof::INDEX_TABLES;
use quancheng_proof::{identity, tables};
use quancheng_state::{StateKey, View as _};
use serde_json::{Value, json};

use super::{Sort, describe_entry};
use crate::identity::{account, organization, organization_key};
use crate::modules::MODULES;
use crate::testing::Chain;

#[path = "../../../proof/fixtures/tables.rs"]
mod keys;

/// Numbers above are test modules.
const MODULE_MAX: u16 = 59_999;

/// Whoever adds a table adds the form of its keys to `proof/src/tables`, or nobody can prove that something is absent from it.
#[test]
fn the_verifier_knows_every_table() {
    let own: Vec<(u16, u16, &str)> = MODULES
        .iter()
        .filter(|module| module.id().0 <= MODULE_MAX)
        .flat_map(|module| module.tables().iter().map(|table| (module.id().0, table.number(), table.name())))
        // Of an index nothing can be proven.
        .filter(|(_, number, _)| *number < INDEX_TABLES)
        .collect();
    let known: Vec<(u16, u16, &str)> =
        tables::TABLES.iter().map(|table| (table.module, table.table, table.name)).collect();
    assert_eq!(own, known);
}

/// What the verifier takes for a key is one to the table, and shows the same number.
#[test]
fn every_form_of_key_is_that_of_its_table() {
    for table in tables::TABLES {
        let bytes = keys::key_of(table);
        let entry = describe_entry(&StateKey::from_bytes(bytes.clone()).unwrap(), None);
        assert_eq!(entry.as_ref().map(|entry| entry.table), Ok(table.name), "{entry:?}");
        if table.name == "registry.by_number" {
            let Value::String(number) = &entry.unwrap().key else { panic!("a number is a text") };
            assert!(tables::row(&bytes).unwrap().zh.contains(number.as_str()), "{number}");
        }
        let long = StateKey::from_bytes([bytes, vec![0]].concat()).unwrap();
        assert!(describe_entry(&long, None).is_err(), "{}", table.name);
    }
    for strange in keys::strange_keys() {
        // A key of no form, but long enough to be one: the tables refuse it too, or it is one that no call writes.
        let Some(key) = StateKey::from_bytes(strange) else { continue };
        assert!(describe_entry(&key, None).is_err() || tables::row(key.as_bytes()).is_err());
    }
    for near in tables::TABLES.iter().flat_map(keys::near_keys) {
        assert!(tables::row(&near).is_err());
    }
}

/// The verifier reads of accounts and organizations what the identity module wrote.
#[test]
fn accounts_and_organizations_are_read_alike() {
    let mut chain = Chain::sample();
    let key = Chain::key("second").public_key();
    let add = json!({"add_key": {
        "org_id": "ORG-M1", "public_key": key.to_string(), "use": "SIGN",
        "certificate": {"serial": "01", "authority": "样例"},
    }});
    chain.ok(chain.time_ms + 1000, &["ORG-M1", "second"], "identity", add);
    let mut seen = 0;
    for (key, value) in &chain.state.0 {
        if key.module() != identity::IDENTITY_MODULE {
            continue;
        }
        if key.table() == identity::ORGANIZATION_TABLE {
            let read = identity::organization(value).unwrap();
            let record = organization(&chain.state, &read.org_id.parse().unwrap()).unwrap().unwrap();
            let name = (record.name_zh.to_string(), record.name_en.to_string(), record.uscc.to_string());
            assert_eq!((read.name_zh.clone(), read.name_en.clone(), read.uscc.clone()), name);
            assert_eq!(json!(read.status_words().1), json!(record.status));
            assert_eq!(identity::organization_key(&read.org_id), organization_key(&record.org_id).as_bytes());
            seen += 1;
        }
        if key.table() == identity::KEY_OWNER_TABLE {
            let owner = identity::key_owner(value).unwrap();
            let record = account(&chain.state, &owner).unwrap().unwrap();
            let bound = record.keys.iter().find(|bound| identity::key_owner_key(&bound.key_id) == key.as_bytes());
            assert!(bound.is_some(), "an owner has the key");
            seen += 1;
        }
        if key.table() == identity::ACCOUNT_TABLE {
            let read = identity::account(value).unwrap();
            let record = account(&chain.state, &read.account).unwrap().unwrap();
            assert_eq!(identity::account_key(&read.account), key.as_bytes());
            assert_eq!(read.org_id.as_str(), record.org_id.as_str());
            assert_eq!(read.keys.len(), record.keys.len());
            for (read, record) in read.keys.iter().zip(&record.keys) {
                assert_eq!((read.key_id, read.public_key), (record.key_id, record.public_key));
                assert_eq!((read.from_ms, read.to_ms), (record.from_ms, record.to_ms));
                assert_eq!(read.revoked_at_ms, record.revoked_at_ms);
                assert_eq!(read.compromise_since_ms, record.compromise_since_ms);
                let certificate = record.certificate.as_ref().map(|c| (c.serial.clone(), c.authority.clone()));
                assert_eq!(read.certificate, certificate);
                for time_ms in [0, record.from_ms, u64::MAX] {
                    assert_eq!(read.is_valid_at(time_ms), record.is_valid_at(time_ms));
                }
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 85, "28 organizations, their accounts, and the keys of these with a second of one");
    assert!(chain.state.read(&organization_key(&"ORG-M1".parse().unwrap())).unwrap().is_some());
}

/// Whoever shows a row tells the words of strangers from those of the ledger by the types: the probe must get through all of them.
#[test]
fn the_shape_of_every_table_is_that_of_its_type() {
    let tables = || MODULES.iter().filter(|module| module.id().0 <= MODULE_MAX).flat_map(|module| module.tables());
    for table in tables() {
        assert!(table.shape().places().next().is_some(), "{}: a form of string without a sample", table.name());
    }
    let at = |table: &str, place: &str| super::shape_of(table).at(place).cloned();
    assert_eq!(at("identity.accounts", ".keys[].certificate.authority"), Some(Sort::Text));
    assert_eq!(at("identity.accounts", ".keys[].key_id"), Some(Sort::Own));
    assert_eq!(at("identity.accounts", ".keys[].added_height"), Some(Sort::Own));
    assert_eq!(at("identity.accounts", ".keys[].use"), Some(Sort::Word(vec!["SIGN", "SEAL", "KEM", "CONSENSUS"])));
    assert_eq!(at("identity.organizations", ".roles[].grantor"), Some(Sort::Word(vec!["genesis"])));
    assert_eq!(at("identity.organizations", ".roles[].grantor.organization"), Some(Sort::Own));
    assert_eq!(at("governance.proposals", ".action.replace_validator.successor.interest"), Some(Sort::Text));
    assert_eq!(at("governance.proposals", ".votes[].document.digest"), Some(Sort::Own));
    assert_eq!(at("registry.dossiers", ".fields[].type"), Some(Sort::Text));
    assert_eq!(at("registry.registrations", ".pending.request.transfer.contract.digest"), Some(Sort::Own));
    let Some(Sort::Word(classes)) = at("registry.dossiers", ".data_class") else { panic!("a class is a word") };
    assert_eq!(classes.len(), 8);
    assert_eq!(at("registry.dossiers", ".no_such_field"), None);
}
