//! Outages of the city: power cuts, two of four that stand still, one that never returns. Nothing certified is lost and the chain goes on.
//!
//! `QUANCHENG_OUTAGES=long` runs them at full length, with as many power cuts and as long a pause as an operator should try once
//! before a release; continuous integration runs the same turns shorter.

use std::time::Duration;

use crate::support::Net;
use crate::support::checks::{certified_everywhere, quiet_logs, same_history};
use crate::support::http::wait_until;
use crate::support::load::Load;

/// Transactions a second meanwhile.
const RATE: u32 = 160;
/// Longest time until the chain moves again after an outage ends, on a busy machine.
const RESUMES: Duration = Duration::from_secs(60);

/// The short or the long form of a turn.
fn turns<T>(short: T, long: T) -> T {
    if std::env::var_os("QUANCHENG_OUTAGES").is_some_and(|value| value == "long") { long } else { short }
}

#[test]
fn power_cuts_of_all_four_at_once_lose_nothing() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &all, RATE, 31);
    for cut in 0..turns(3, 10) {
        let before = load.certified();
        wait_until("the load moves before the next cut", RESUMES, || load.certified() > before);
        for index in all {
            net.kill(index);
        }
        net.start_nodes(&all);
        let after = load.certified();
        wait_until(&format!("the load moves after cut {cut}"), RESUMES, || load.certified() > after);
    }
    let certified = load.finish();
    certified_everywhere(&net, &all, &certified);
    same_history(&net, &all);
    quiet_logs(&net);
}

#[test]
fn two_of_four_that_stand_still_stop_the_chain_only_as_long_as_they_do() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &all, RATE, 32);
    wait_until("the load moves", RESUMES, || load.certified() > 0);
    for index in [2, 3] {
        net.network().pause_node(index).unwrap_or_else(|error| panic!("pause {index}: {error}"));
    }
    std::thread::sleep(Duration::from_secs(turns(4, 60)));
    for index in [2, 3] {
        net.network().resume_node(index).unwrap_or_else(|error| panic!("resume {index}: {error}"));
    }
    let after = load.certified();
    wait_until("the load moves again", RESUMES, || load.certified() > after);
    let certified = load.finish();
    certified_everywhere(&net, &all, &certified);
    same_history(&net, &all);
    quiet_logs(&net);
}

#[test]
fn one_of_four_that_never_returns_takes_nothing_with_it() {
    let net = Net::start(4, 0, &[]);
    let load = Load::start(&net, &[0, 1, 2, 3], RATE, 33);
    wait_until("the load moves", RESUMES, || load.certified() > 0);
    net.kill(3);
    let after = load.certified();
    wait_until("the load moves without it", RESUMES, || load.certified() > after + turns(400, 4_000));
    let certified = load.finish();
    let rest = [0, 1, 2];
    certified_everywhere(&net, &rest, &certified);
    same_history(&net, &rest);
    quiet_logs(&net);
}
