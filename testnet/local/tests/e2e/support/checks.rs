//! What must hold after anything happened.

use std::time::{Duration, Instant};

use quancheng_types::SignedTransaction;
use serde_json::Value;

use super::Net;
use super::http::{self, BYTES};
use super::load::{Certified, places};
use super::transactions::Bulk;

/// Transactions asked for at once.
const ASK: usize = 500;
/// Time for nodes to agree on a height that all have executed.
const AGREE: Duration = Duration::from_secs(60);
/// Alarms that mean that a node signed twice, forgot, or met another history.
const ALARMS: [&str; 5] = ["SignedElsewhere", "NotSafe", "RootMismatch", "LogBehindRecord", "Misbehavior"];

/// Every transaction that was reported certified is certified on each of these nodes, at the same place.
pub(crate) fn certified_everywhere(net: &Net, nodes: &[u32], certified: &[Certified]) {
    assert!(!certified.is_empty(), "the load certified nothing");
    let agent = http::agent(Duration::from_secs(90));
    for index in nodes {
        for part in certified.chunks(ASK) {
            let encoded: Vec<Vec<u8>> = part.iter().map(|one| one.encoded.clone()).collect();
            let signed = encoded.iter().map(|bytes| SignedTransaction::decode(bytes).expect("made by the test"));
            let bulk = Bulk { ids: signed.map(|one| one.id()).collect(), encoded };
            // The same bytes again ask for the state of a transaction that is known.
            let url = format!("{}/v1/transactions/bulk?wait=certified&timeout_ms=30000", net.api(*index));
            let (status, answer) =
                http::post(&agent, &url, BYTES, &bulk.body()).unwrap_or_else(|error| panic!("node {index}: {error}"));
            assert_eq!(status, 200, "node {index}: {answer}");
            let found = places(&bulk, &answer)
                .unwrap_or_else(|item| panic!("node {index} lost a certified transaction: {item}"));
            for (one, found) in part.iter().zip(found) {
                assert_eq!(one.place, found.place, "node {index} has transaction {} elsewhere", one.id);
            }
        }
    }
    let mut places: Vec<_> = certified.iter().map(|one| one.place).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), certified.len(), "two transactions have one place");
}

/// These nodes come to one executed height and have the same roots there; and the same blocks on the way, none with a proof of
/// misbehavior. Returns the height.
pub(crate) fn same_history(net: &Net, nodes: &[u32]) -> u64 {
    let height = same_roots(net, nodes);
    for at in 1..=height {
        let block = http::get_ok(&format!("{}/v1/blocks/{at}", net.api(nodes[0])));
        assert_eq!(block["misbehavior"], 0, "block {at} carries a proof of misbehavior: {block:#}");
        // Each block names the one before it: a few compared tell of all.
        if at % 16 == 0 || at == height {
            for index in &nodes[1..] {
                let other = http::get_ok(&format!("{}/v1/blocks/{at}", net.api(*index)));
                assert_eq!(other["id"], block["id"], "node {index} has another block {at}");
                assert_eq!(other["state_root"], block["state_root"], "node {index} has another state at {at}");
            }
        }
    }
    height
}

/// Waits until these nodes have executed one height, and compares what they came to.
pub(crate) fn same_roots(net: &Net, nodes: &[u32]) -> u64 {
    let begin = Instant::now();
    let (height, roots) = loop {
        let seen: Vec<Value> = nodes.iter().map(|index| net.status(*index)).collect();
        let height = &seen[0]["executed_height"];
        if seen.iter().all(|status| status["executed_height"] == *height) {
            let roots: Vec<_> =
                seen.iter().map(|status| (status["state_root"].clone(), status["history_root"].clone())).collect();
            break (height.as_u64().expect("a height"), roots);
        }
        let heights: Vec<_> = seen.iter().map(|status| status["executed_height"].to_string()).collect();
        assert!(begin.elapsed() < AGREE, "nodes {nodes:?} do not come to one executed height: {heights:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(roots.iter().all(|root| *root == roots[0]), "roots differ at height {height}: {roots:?}");
    height
}

/// No node panicked, stopped by itself, or raised an alarm about signatures or roots.
pub(crate) fn quiet_logs(net: &Net) {
    for index in net.indices() {
        for line in net.log(index).lines() {
            let is_alarm = ALARMS.iter().any(|alarm| line.contains(alarm));
            let is_failure = line.contains("panicked") || line.contains(" ERROR ") || line.contains("quanchengd: ");
            assert!(!is_alarm && !is_failure, "log of node {index}: {line}");
        }
    }
}

/// Whether a validator is among the signers of any block from `from` on, so far.
pub(crate) fn signs_from(net: &Net, node: u32, validator: &str, from: u64) -> bool {
    (from..=net.height(node)).any(|height| {
        let block = http::get_ok(&format!("{}/v1/blocks/{height}", net.api(node)));
        let signatures = block["certificate"]["signatures"].as_array().expect("a block has a certificate").clone();
        signatures.iter().any(|signature| signature["validator"] == validator)
    })
}
