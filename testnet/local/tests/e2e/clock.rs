//! Clocks that are off by a minute: a validator's, then a client's.

use std::time::Duration;

use serde_json::Value;

use crate::support::checks::{certified_everywhere, quiet_logs, same_history};
use crate::support::clock::WrongClock;
use crate::support::http::{self, BYTES, wait_until};
use crate::support::load::{Certified, Load};
use crate::support::transactions::{Maker, now_ms};
use crate::support::{Net, READY_MS, quancheng_with, text};

const ALL: [u32; 4] = [0, 1, 2, 3];
/// The node whose clock is wrong.
const WRONG: u32 = 3;
const MINUTE_MS: i64 = 60_000;
/// `clock_drift_max_ms` of a local network.
const DRIFT_MS: u64 = 500;
/// How exactly a node must know how wrong its clock is, ms: proposals take a while on a busy machine.
const TOLERANCE_MS: u64 = 2_000;
/// What a node says in its log about its own clock, and about another's.
const OWN_CLOCK: &str = "the clock of this node differs from the network's";
const OTHER_CLOCK: &str = "its time is too far from this node's clock";
const RIGHT_AGAIN: &str = "the clock of this node agrees with the network again";

#[test]
fn a_validator_whose_clock_is_off_by_a_minute_follows_says_so_and_loses_nothing() {
    let net = Net::start(4, 0, &["--parameter", "heartbeat_ms=500"]);
    let clock = WrongClock::new(&net);
    let wrong_id = net.validator_id(WRONG);
    let mut certified = Vec::new();

    net.kill(WRONG);
    clock.set_ahead_ms(MINUTE_MS);
    net.network().start_node_with(WRONG, &clock.variables(), READY_MS).unwrap_or_else(|error| panic!("{error}"));
    let from = net.height(0);
    certified.extend(work_while_off(&net, MINUTE_MS, 71));
    let to = net.height(0);
    for height in from + 1..=to {
        let header = header(&net, height);
        assert!(
            header["proposer"].is_string() && header["proposer"] != wrong_id,
            "a block of a minute ahead: {header}"
        );
    }
    // Whoever submits has the right clock and must not pay for the node's.
    certified.push(submit(&net, now_ms() + 20_000, 72).unwrap_or_else(|problem| panic!("{problem}")));

    // A clock that jumps while the node runs, as when an operator sets it by hand.
    clock.set_ahead_ms(-MINUTE_MS);
    certified.extend(work_while_off(&net, -MINUTE_MS, 73));
    let problem = submit(&net, now_ms() - 10_000, 74)
        .expect_err("it has expired ten seconds ago, whatever the node's clock says");
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(400), Some("EXPIRED")), "{problem}");

    clock.set_ahead_ms(0);
    let load = Load::start(&net, &ALL, 80, 75);
    let since = net.height(0);
    wait_until("it knows that its clock is right", Duration::from_secs(60), || {
        ahead_ms(&net).is_some_and(|ahead_ms| ahead_ms.unsigned_abs() < DRIFT_MS) && warnings(&net).is_empty()
    });
    wait_until("its proposals are agreed on", Duration::from_secs(60), || {
        (since + 1..=net.height(0)).any(|height| header(&net, height)["proposer"] == wrong_id)
    });
    certified.extend(load.finish());

    let log = net.log(WRONG);
    assert!(log.contains(RIGHT_AGAIN), "it does not say that its clock is right again");
    let told = log.matches(OWN_CLOCK).count();
    assert!((1..=4).contains(&told), "it told its operator {told} times of its clock");
    let others: usize = [0, 1, 2].iter().map(|index| net.log(*index).matches(OTHER_CLOCK).count()).sum();
    assert!((1..=9).contains(&others), "the others told their operators {others} times of that clock");
    for index in [0, 1, 2] {
        assert!(!net.log(index).contains(OWN_CLOCK), "node {index} blames its own clock");
    }
    certified_everywhere(&net, &ALL, &certified);
    same_history(&net, &ALL);
    quiet_logs(&net);
}

#[test]
fn a_client_whose_clock_is_off_by_a_minute_works_or_is_told_to_check_it() {
    let net = Net::start(4, 0, &[]);
    let clock = WrongClock::new(&net);
    let file = net.file("report.txt", b"a report");
    let (sign, api, checkpoint) = (net.sign_as("ORG-REG"), net.api(1), net.network().checkpoint());
    let notarize = |valid_for: &str, bundle: &str| {
        let bundle = net.beside(bundle);
        let mut words = vec!["evidence", "notarize", text(&file), "--bundle", text(&bundle), "--api", &api];
        words.extend(["--valid-for", valid_for, "--lang", "en"]);
        words.extend(sign.iter().map(String::as_str));
        quancheng_with(&clock.variables(), &words)
    };
    let cases = [
        // Clock, how long the transaction shall be valid by it, and what the chain says: it allows ten minutes.
        (MINUTE_MS, "5m", None),
        (MINUTE_MS, "10m", Some((2, "CLOCK_OFF"))),
        (-MINUTE_MS, "5m", None),
        (-MINUTE_MS, "30s", Some((1, "EXPIRED"))),
    ];
    for (number, (ahead_ms, valid_for, refusal)) in cases.into_iter().enumerate() {
        clock.set_ahead_ms(ahead_ms);
        let name = format!("{number}.bundle");
        let answer = notarize(valid_for, &name);
        let Some((exit, code)) = refusal else {
            answer.data();
            let bundle = net.beside(&name);
            // The verifier's clock plays no part.
            let words = ["verify", text(&bundle), "--file", text(&file), "--checkpoint", text(&checkpoint)];
            assert_eq!(quancheng_with(&clock.variables(), &words).data()["overall"], "MATCH", "{name}");
            continue;
        };
        let error = &answer.envelope["error"];
        // One that is off by more than a minute is told before anything is signed; here the second is off by no more.
        assert_eq!((answer.exit, error["code"].as_str()), (exit, Some(code)), "{:#}", answer.envelope);
        let words = ["message", "hint"].map(|name| error[name].as_str().unwrap_or_default()).concat();
        assert!(words.contains("clock of this machine"), "it does not name the clock: {error:#}");
    }
    same_history(&net, &ALL);
    quiet_logs(&net);
}

/// Load over every node until the node with the wrong clock has said how wrong it is and has followed; then what must hold of the
/// blocks of that time.
fn work_while_off(net: &Net, off_ms: i64, seed: u64) -> Vec<Certified> {
    let (begin_ms, from) = (now_ms(), net.height(0));
    let load = Load::start(net, &ALL, 80, seed);
    wait_until("the node knows how wrong its clock is", Duration::from_secs(60), || {
        ahead_ms(net).is_some_and(|ahead_ms| ahead_ms.abs_diff(off_ms) < TOLERANCE_MS)
    });
    assert_eq!(warnings(net), ["clock_off"]);
    let metric = http::get_bytes(&format!("{}/metrics", net.admin(WRONG)));
    let metric = String::from_utf8_lossy(&metric).into_owned();
    let value = metric.lines().find_map(|line| line.strip_prefix("quancheng_clock_ahead_ms "));
    let value: i64 = value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no such metric: {metric}"));
    assert!(value.abs_diff(off_ms) < TOLERANCE_MS, "{value}");
    wait_until("the network has worked for a while", Duration::from_secs(60), || load.certified() >= 200);
    let certified = load.finish();
    let to = net.height(0);
    wait_until("the node has followed", Duration::from_secs(30), || net.height(WRONG) >= to);

    let end_ms = now_ms();
    assert!(
        end_ms - begin_ms < MINUTE_MS.unsigned_abs(),
        "too slow a machine for this test: a right time looks like a wrong one"
    );
    let mut before = time_ms(net, from);
    for height in from + 1..=to {
        let time_ms = time_ms(net, height);
        assert!(time_ms > before, "block {height}: {time_ms} is not after {before}");
        assert!(
            (begin_ms - DRIFT_MS..=end_ms + DRIFT_MS).contains(&time_ms),
            "block {height}: {time_ms} is outside of {begin_ms} to {end_ms}"
        );
        before = time_ms;
    }
    certified
}

/// Submits one transaction through the node with the wrong clock; where it is certified, or the problem.
fn submit(net: &Net, valid_until_ms: u64, seed: u64) -> Result<Certified, Value> {
    let mut maker = Maker::new(net.network().record().chain_id, seed);
    let mut body = maker.body();
    body.valid_until_ms = valid_until_ms;
    let signed = maker.sign(body);
    let url = format!("{}/v1/transactions?wait=certified&timeout_ms=15000", net.api(WRONG));
    let agent = http::agent(Duration::from_secs(30));
    let (status, answer) = http::post(&agent, &url, BYTES, &signed.encode()).unwrap_or_else(|error| panic!("{error}"));
    if status != 202 || answer["stage"] != "certified" {
        return Err(answer);
    }
    let place =
        answer["height"].as_u64().zip(answer["position"].as_u64()).expect("a certified transaction has a place");
    Ok(Certified { encoded: signed.encode(), id: signed.id().to_string(), place })
}

/// The header of a block.
fn header(net: &Net, height: u64) -> Value {
    http::get_ok(&format!("{}/v1/blocks/{height}", net.api(0)))["header"].clone()
}

/// The time of a block, ms.
fn time_ms(net: &Net, height: u64) -> u64 {
    header(net, height)["time_ms"].as_u64().expect("a block has a time")
}

/// How far the node says that its clock is ahead.
fn ahead_ms(net: &Net) -> Option<i64> {
    net.status(WRONG)["clock_ahead_ms"].as_i64()
}

/// What `/readyz` of the node warns of; it is ready all the same.
fn warnings(net: &Net) -> Vec<String> {
    let ready = http::get_ok(&format!("{}/readyz", net.admin(WRONG)));
    let names = ready["warnings"].as_array().expect("a list").iter();
    names.map(|name| name.as_str().expect("a name").to_owned()).collect()
}
