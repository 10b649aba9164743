//! Two networks on one machine.

use std::time::Duration;

use crate::support::checks::{certified_everywhere, quiet_logs, same_history};
use crate::support::http::{self, BYTES, wait_until};
use crate::support::load::Load;
use crate::support::transactions::Maker;
use crate::support::{Net, quancheng, text};

#[test]
fn a_second_network_runs_beside_the_first_and_neither_takes_the_others_transactions() {
    let one = Net::start(4, 0, &["--candidates", "0"]);
    let two = Net::start(1, 0, &["--candidates", "0"]);
    let (first, second) = (one.network().record().chain_id, two.network().record().chain_id);
    assert_ne!(first, second);

    let (load_one, load_two) = (Load::start(&one, &[0, 1, 2, 3], 80, 71), Load::start(&two, &[0], 40, 72));
    wait_until("both work", Duration::from_secs(60), || load_one.certified() >= 200 && load_two.certified() >= 100);
    let (certified_one, certified_two) = (load_one.finish(), load_two.finish());
    certified_everywhere(&one, &[0, 1, 2, 3], &certified_one);
    certified_everywhere(&two, &[0], &certified_two);

    let foreign = Maker::new(second, 73).signed().encode();
    let agent = http::agent(Duration::from_secs(10));
    let (status, problem) = http::post(&agent, &format!("{}/v1/transactions", one.api(0)), BYTES, &foreign).unwrap();
    assert_eq!((status, problem["code"].as_str()), (400, Some("WRONG_CHAIN")), "{problem}");

    let dir = two.dir();
    let again = quancheng(&["testnet", "start", "--dir", text(&dir), "--validators", "1"]);
    assert_eq!(again.envelope["error"]["code"], "NETWORK_EXISTS", "{:#}", again.envelope);
    quancheng(&["testnet", "stop", "--dir", text(&dir)]).data();
    let height = one.height(0);
    wait_until("the first goes on", Duration::from_secs(30), || one.height(0) > height);
    same_history(&one, &[0, 1, 2, 3]);
    quiet_logs(&one);
    quiet_logs(&two);
}
