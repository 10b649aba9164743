use quancheng_types::{Header, List};

use super::*;

pub(crate) fn fixture(name: &str) -> Bundle {
    let path = format!("{}/tests/bundles/{name}.bundle", env!("CARGO_MANIFEST_DIR"));
    Bundle::decode(&std::fs::read(path).unwrap()).unwrap()
}

const ALL: [&str; 6] = ["absent", "application", "certificate", "held", "notarized", "refused"];

fn transaction(bundle: &Bundle) -> Option<TransactionId> {
    bundle.claims.iter().find_map(|claim| match claim {
        Claim::Transaction { transaction, .. } => Some(transaction.id()),
        Claim::State { .. } => None,
    })
}

#[test]
fn what_nodes_give_holds_by_itself_and_what_is_changed_does_not() {
    for name in ALL {
        let bundle = fixture(name);
        assert_eq!(sound(&bundle, None), Ok(()), "{name}");
        let header = Header { time_ms: bundle.header.time_ms + 1, ..bundle.header };
        assert!(sound(&Bundle { header, ..bundle.clone() }, None).is_err(), "{name}");
        let mut leaves = bundle.leaves.to_vec();
        leaves[usize::from(bundle.claims[0].root())].leaf.time_ms += 1;
        assert!(sound(&Bundle { leaves: List::new(leaves).unwrap(), ..bundle }, None).is_err(), "{name}");
    }
}

/// A bundle that holds by itself is one that anybody can make; under the genesis of a chain, that of this chain alone holds.
#[test]
fn under_a_genesis_the_validators_are_those_that_follow_from_it() {
    let path = format!("{}/tests/bundles/checkpoint.json", env!("CARGO_MANIFEST_DIR"));
    let own = Checkpoint::from_json(&std::fs::read(path).unwrap()).unwrap();
    let quancheng_proof::Anchor::Genesis { genesis } = own.anchor().clone() else { panic!("{own:?}") };
    let mut genesis = *genesis;
    genesis.time_ms += 1;
    let other = Checkpoint::from_genesis(genesis).unwrap();
    for name in ALL {
        assert_eq!(sound(&fixture(name), Some(&own)), Ok(()), "{name}");
        assert!(sound(&fixture(name), Some(&other)).is_err(), "{name}");
    }
}

#[test]
fn the_answer_to_another_question_is_refused() {
    let notarized = fixture("notarized");
    let id = transaction(&notarized).unwrap();
    let other = TransactionId(Digest([0xAB; 32]));
    for (name, asked, as_of, is_fit) in [
        ("notarized", Asked::Transaction(id), None, true),
        ("notarized", Asked::Transaction(other), None, false),
        ("refused", Asked::Transaction(id), None, false),
        ("notarized", Asked::Transaction(id), Some(AsOf::TimeMs(1)), false),
        ("notarized", Asked::evidence(&Digest([7; 32])), None, false),
        ("absent", Asked::registration("4294967295"), None, false),
        ("absent", Asked::Entries, Some(AsOf::Height(0)), false),
        ("notarized", Asked::State(vec![0, 3, 0, 2]), None, false),
    ] {
        assert_eq!(check(&fixture(name), &asked, as_of, None).is_ok(), is_fit, "{name} {asked:?} {as_of:?}");
    }
    // Every state entry is the answer to the question for it, as of its height alone.
    for name in ALL {
        let bundle = fixture(name);
        for claim in &bundle.claims {
            let Claim::State { key, leaf, .. } = claim else { continue };
            let height = bundle.leaves[usize::from(*leaf)].leaf.height.0;
            let asked = Asked::State(key.to_vec());
            assert_eq!(check(&bundle, &asked, Some(AsOf::Height(height)), None), Ok(()), "{name}");
            assert!(check(&bundle, &asked, Some(AsOf::Height(height + 1)), None).is_err(), "{name}");
        }
    }
}

/// Names of tables and spellings of keys are those of the modules.
#[test]
fn rows_are_known_by_the_names_of_the_modules() {
    let account = AccountId::default();
    let root = Digest([0xAB; 32]);
    let key = |module: u16, table: u16, row: &[u8]| [&module.to_be_bytes()[..], &table.to_be_bytes(), row].concat();
    let record = [&[0, 10, 0, 1][..], &[0xAB; 32]].concat();
    for (asked, key) in [
        (Asked::registration("7"), vec![0, 3, 0, 2, 7, 0, 0, 0]),
        (Asked::registration("007"), vec![0, 3, 0, 2, 7, 0, 0, 0]),
        (Asked::evidence(&root), record),
        (Asked::account(&account), quancheng_proof::identity::account_key(&account)),
        (Asked::organization("ORG-A"), quancheng_proof::identity::organization_key("ORG-A")),
        (
            Asked::proposal(9),
            key(
                quancheng_contracts::MODULES.iter().find(|m| m.name() == "governance").unwrap().id().0,
                10,
                &[9, 0, 0, 0, 0, 0, 0, 0],
            ),
        ),
    ] {
        let row = describe_entry(&StateKey::from_bytes(key.clone()).unwrap(), None).unwrap();
        let Asked::Row(tables, wanted) = &asked else { panic!("{asked:?}") };
        let text = row.key.as_str().map_or_else(|| row.key.to_string(), str::to_owned);
        assert!(tables.contains(&row.table) && text == *wanted, "{asked:?}: {} {text}", row.table);
    }
}

/// A node may prove what was, and call it the state of a later moment: the next block tells.
#[test]
fn a_block_is_the_last_one_before_a_moment_by_the_time_of_the_next() {
    let missing = || Err(Fault::new(Exit::NotFound, "NOT_REACHED", say!("无。", "None.")));
    let (height, newer) = (Height(24), Height(600));
    for (newest, next_ms, is_last) in [
        (newer, Ok(Some(1_001)), true),
        (newer, Ok(Some(1_000)), false),
        (newer, Ok(Some(999)), false),
        (newer, Ok(None), false),
        (newer, missing(), false),
        (height, missing(), true),
        (height, Ok(None), true),
        (height, Ok(Some(999)), false),
    ] {
        let found = settles(height, newest, 1_000, next_ms.clone());
        assert_eq!(found.is_ok(), is_last, "{newest} {next_ms:?}: {found:?}");
    }
}

/// What a bundle of now is judged by: the block that its claim is of, whatever header proves it.
#[test]
fn a_bundle_is_of_the_block_of_its_claim() {
    let bundle = fixture("absent");
    let claim = bundle.claims.first().unwrap();
    let Claim::State { key, .. } = claim else { panic!("{claim:?}") };
    let leaf = leaf_of(&bundle, claim).unwrap().height;
    assert_eq!(Question::state(key.to_vec()).block_of(&bundle), (leaf, bundle.header.height));
    assert_eq!(Question::state(vec![0, 3, 0, 2]).block_of(&bundle), (Height::GENESIS, bundle.header.height));
}
