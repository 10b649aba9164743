//! Validators come and go by vote.

use std::time::Duration;

use serde_json::Value;

use crate::support::checks::{certified_everywhere, quiet_logs, same_history, signs_from};
use crate::support::config::{OWN, changed};
use crate::support::http::{self, wait_until};
use crate::support::load::Load;
use crate::support::transactions::{Bulk, Maker};
use crate::support::{Net, quancheng, text};

/// Organizations of validators 0 to 3, and of the candidate.
const ORGANIZATIONS: [&str; 5] = ["ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-AMR", "ORG-REG", "ORG-GOV-HEALTH"];

/// Runs a governance command as an organization, over node 1.
fn governance(net: &Net, organization: &str, arguments: &[&str]) -> Value {
    let (sign, api) = (net.sign_as(organization), net.api(1));
    let mut all = vec!["governance"];
    all.extend(arguments);
    all.extend(sign.iter().map(String::as_str));
    all.extend(["--api", &api]);
    quancheng(&all).data()
}

/// Proposes as the first organization and votes as the others.
fn decide(net: &Net, organizations: &[&str], number: u64, proposal: &[&str]) {
    let mut propose = vec!["propose"];
    propose.extend(proposal);
    governance(net, organizations[0], &propose);
    for organization in &organizations[1..] {
        governance(net, organization, &["vote", &number.to_string(), "--approve"]);
    }
}

/// Ids of the validators in force, as a node sees it, and the height.
fn validators(net: &Net, node: u32) -> (u64, Vec<String>) {
    let view = http::get_ok(&format!("{}/v1/validators", net.api(node)));
    let ids = view["validators"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
    (view["height"].as_u64().unwrap(), ids.collect())
}

/// Starts a node again whose operator no longer lists this peer.
fn unlist(net: &Net, node: u32, peer: &str) {
    net.kill(node);
    changed(net, node, OWN, |table| {
        let network = table["network"].as_table_mut().expect("the section is there");
        let peers = network["peers"].as_array_mut().expect("a node lists its peers");
        let before = peers.len();
        peers.retain(|entry| entry["node_id"].as_str() != Some(peer));
        assert_eq!(peers.len(), before - 1);
    });
    net.start_node(node);
}

#[test]
fn a_fifth_validator_is_voted_in_and_the_first_out_under_load() {
    let mut net = Net::start(4, 0, &[]);
    let first = net.validator_id(0);
    unlist(&net, 3, net.status(0)["node_id"].as_str().unwrap());
    // Two nodes that stay take the load.
    let load = Load::start(&net, &[1, 2], 120, 31);

    let dir = net.dir();
    let candidate = quancheng(&["testnet", "add-validator", "--dir", text(&dir)]).data();
    net.reopen();
    assert_eq!(candidate["index"], 4, "{candidate:#}");
    let (key, node_id) = (candidate["public_key"].as_str().unwrap(), candidate["node_id"].as_str().unwrap());
    let add = ["add-validator", "--public-key", key, "--node-id", node_id, "--organization", ORGANIZATIONS[4]];
    let add = [&add[..], &["--interest", "测试候选节点，无利害关系。"]].concat();
    decide(&net, &ORGANIZATIONS[0..3], 1, &add);
    let fifth = net.validator_id(4);
    wait_until("five validators are in force", Duration::from_secs(60), || validators(&net, 1).1.len() == 5);
    let joined = net.height(1);
    wait_until("the fifth signs", Duration::from_secs(60), || signs_from(&net, 1, &fifth, joined));

    decide(&net, &ORGANIZATIONS[1..5], 2, &["remove-validator", &first]);
    wait_until("four validators are in force", Duration::from_secs(60), || validators(&net, 1).1.len() == 4);
    let (left, ids) = validators(&net, 1);
    assert!(!ids.contains(&first) && ids.contains(&fifth), "{ids:?}");
    // Whom only the set let in is let go with it, at that height; whom the operator lists stays, to follow.
    let dropped = "peer removed from the allow-list";
    wait_until("node 3 lets the first go", Duration::from_secs(10), || net.log(3).contains(dropped));
    assert!(!net.log(2).contains(dropped), "{}", net.log(2));

    // The network goes on without the first even when another is down: three of the new four are a quorum.
    net.kill(3);
    let so_far = load.certified();
    wait_until("work goes on", Duration::from_secs(60), || load.certified() > so_far + 200);
    net.start_node(3);
    let certified = load.finish();

    the_removed_one_follows(&net, &first, left);
    certified_everywhere(&net, &[1, 2, 3, 4], &certified);
    same_history(&net, &[0, 1, 2, 3, 4]);
    a_bundle_of_the_new_set_verifies_from_genesis(&net);
    quiet_logs(&net);
}

fn the_removed_one_follows(net: &Net, first: &str, left: u64) {
    let height = net.height(1);
    wait_until("the removed node has followed", Duration::from_secs(30), || net.height(0) >= height);
    assert!(!signs_from(net, 1, first, left + 1), "the removed validator signed after height {left}");
    let mut maker = Maker::new(net.network().record().chain_id, 32);
    let bulk = Bulk::make(&mut maker, 1);
    let agent = http::agent(Duration::from_secs(10));
    let url = format!("{}/v1/transactions", net.api(0));
    let (status, problem) = http::post(&agent, &url, http::BYTES, &bulk.encoded[0]).unwrap();
    assert_eq!((status, problem["code"].as_str()), (503, Some("NOT_A_VALIDATOR")), "{problem}");
}

fn a_bundle_of_the_new_set_verifies_from_genesis(net: &Net) {
    let (file, bundle) = (net.file("contract.txt", "数据产品合同".as_bytes()), net.beside("contract.bundle"));
    let (sign, api) = (net.sign_as("ORG-REG"), net.api(2));
    let mut notarize = vec!["evidence", "notarize", text(&file), "--bundle", text(&bundle), "--api", &api];
    notarize.extend(sign.iter().map(String::as_str));
    quancheng(&notarize).data();
    let checkpoint = net.network().checkpoint();
    let verify = ["verify", text(&bundle), "--file", text(&file), "--checkpoint", text(&checkpoint)];
    let report = quancheng(&verify).data();
    assert_eq!(report["overall"], "MATCH", "{report:#}");
    std::fs::write(&file, "数据产品合同。").unwrap();
    let answer = quancheng(&verify);
    assert_eq!(answer.exit, 5, "{:#}", answer.envelope);
}
