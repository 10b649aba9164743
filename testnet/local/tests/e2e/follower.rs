//! A node without a validator key.

use std::time::Duration;

use crate::support::checks::{quiet_logs, same_history};
use crate::support::http::{self, wait_until};
use crate::support::load::Load;
use crate::support::transactions::{Bulk, Maker};
use crate::support::{Net, quancheng, text};

#[test]
fn a_follower_catches_up_serves_proofs_and_takes_no_transactions() {
    let net = Net::start(4, 1, &[]);
    let follower = 4;
    net.kill(follower);
    let load = Load::start(&net, &[0, 1, 2, 3], 160, 41);
    wait_until("there is something to catch up with", Duration::from_secs(60), || load.certified() >= 400);
    net.start_node(follower);
    let certified = load.finish();
    assert_eq!(net.status(follower)["role"], "follower");
    let last = certified.last().expect("something was certified");
    wait_until("it has caught up", Duration::from_secs(60), || {
        let state = http::get(&format!("{}/v1/transactions/{}", net.api(follower), last.id));
        state.is_ok_and(|(status, state)| status == 200 && state["stage"] == "certified")
    });
    same_history(&net, &[0, 1, 2, 3, follower]);

    let bundle = http::get_bytes(&format!("{}/v1/bundles/transactions/{}", net.api(follower), last.id));
    let path = net.file("receipt.bundle", &bundle);
    let checkpoint = net.network().checkpoint();
    let report = quancheng(&["verify", text(&path), "--checkpoint", text(&checkpoint)]).data();
    assert_eq!(report["overall"], "MATCH", "{report:#}");

    let mut maker = Maker::new(net.network().record().chain_id, 42);
    let bulk = Bulk::make(&mut maker, 1);
    let agent = http::agent(Duration::from_secs(10));
    let url = format!("{}/v1/transactions", net.api(follower));
    let (status, problem) = http::post(&agent, &url, http::BYTES, &bulk.encoded[0]).unwrap();
    assert_eq!((status, problem["code"].as_str()), (503, Some("NOT_A_VALIDATOR")), "{problem}");
    assert_eq!(problem["retryable"], true, "another node may take it: {problem}");
    quiet_logs(&net);
}
