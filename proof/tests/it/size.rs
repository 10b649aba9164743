//! A bundle of one receipt for four validators stays below 8 KiB, and below 9 KiB with its signer, however long the chain.

use quancheng_proof::{BundleBuilder, LeafProof, StateProof, identity};
use quancheng_types::merkle::Path;
use quancheng_types::{Bytes, Digest, Text, Validator, ValidatorSet};

use crate::fixtures::parts::client;
use crate::fixtures::{LAST, NOTARIZED, PLACE, World, certify, list, office, set, state_proof};

const RECEIPT_BUNDLE_BYTES_MAX: usize = 8 * 1024;
/// The same with the rows that say who signed, proven by a later state: its leaf comes on top.
const SIGNED_BUNDLE_BYTES_MAX: usize = 9 * 1024;

fn path(index: u64, size: u64) -> Path {
    let zero = |_, _| Some(Digest::ZERO);
    Path::from_nodes(index, size, zero).expect("the index is in the tree")
}

#[test]
fn one_receipt_of_a_long_chain_is_small() {
    let world = World::new("泉城链", None);
    let long_named = |validator: &Validator| Validator {
        organization: Text::new("济南市公共资源交易中心数据要素分中心").unwrap(),
        interest: Text::new("与登记主体、交易双方及案件当事人均无投资、任职、代理关系；收取平台运维费用。".repeat(2))
            .unwrap(),
        ..validator.clone()
    };
    let validators = ValidatorSet::new(set(office(LAST)).validators().iter().map(long_named).collect()).unwrap();
    let header = world.headers[&LAST];
    let (transaction, mut receipt) = world.blocks[&NOTARIZED][PLACE].clone();
    // A history of a thousand years at one block a second, a block of 65,536 receipts, events of a kilobyte, all signed.
    let mut events = receipt.events.to_vec();
    events[0].payload = Bytes::new(vec![7; 1024]).unwrap();
    receipt.events = list(events);
    receipt.position = 65_533;
    let builder = BundleBuilder::new(header, certify(&header, office(LAST)), validators);
    let (leaf, _) = world.leaf(NOTARIZED, LAST);
    let leaf_path = path(12_345_678_901, 31_556_952_000);
    let mut builder =
        builder.transaction(leaf, leaf_path.clone(), transaction, receipt, &path(65_533, 65_536)).unwrap();
    let bytes = builder.clone().build().unwrap().encode().len();
    assert!(bytes < RECEIPT_BUNDLE_BYTES_MAX, "{bytes} bytes");
    // Who signed, out of a state of 2^30 entries.
    let account = crate::fixtures::people::account_of(&client());
    for key in [identity::account_key(&account), identity::organization_key("ORG-M1")] {
        let value = world.states[&NOTARIZED].get(&key).cloned();
        let proof = state_proof(&world.trees[&(LAST - 1)], &key, NOTARIZED);
        let proof = StateProof { siblings: list(vec![Digest([9; 32]); 30]), ..proof };
        let root = LeafProof { path: path(31_556_951_999, 31_556_952_000), ..world.leaf_proof(LAST - 1, LAST) };
        let asked = LeafProof { leaf, path: leaf_path.clone() };
        builder = builder.state(asked, root, key, value, proof).unwrap();
    }
    let bytes = builder.build().unwrap().encode().len();
    assert!(bytes < SIGNED_BUNDLE_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn the_fixture_is_small_even_with_two_changes_of_validators() {
    let world = World::new("泉城链", None);
    let bundle = world.claim(world.builder(LAST), LAST, NOTARIZED, PLACE).build().unwrap();
    assert!(bundle.encode().len() < RECEIPT_BUNDLE_BYTES_MAX);
}
