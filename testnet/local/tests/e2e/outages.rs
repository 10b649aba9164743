//! Outages of the city: power cuts, two of four that stand still, one that never returns. Nothing certified is lost and the chain goes on.
//!
//! `QUANCHENG_OUTAGES=long` runs them at full length, with as many power cuts and as long a pause as an operator should try once
//! before a release; continuous integration runs the same turns shorter. Each prints what it saw (`--no-capture`).

use std::time::{Duration, Instant};

use crate::support::Net;
use crate::support::checks::{certified_everywhere, quiet_logs, same_history};
use crate::support::http::wait_until;
use crate::support::load::Load;

/// Longest time until the chain moves again after an outage ends, on a busy machine.
const RESUMES: Duration = Duration::from_secs(60);

/// Transactions a second meanwhile.
fn rate() -> u32 {
    turns(160, 600)
}

/// How long it takes until more is certified than now.
fn moves(load: &Load, what: &str) -> Duration {
    let (begun, before) = (Instant::now(), load.certified());
    wait_until(what, RESUMES, || load.certified() > before);
    begun.elapsed()
}

/// The short or the long form of a turn.
fn turns<T>(short: T, long: T) -> T {
    if std::env::var_os("QUANCHENG_OUTAGES").is_some_and(|value| value == "long") { long } else { short }
}

#[test]
fn power_cuts_of_all_four_at_once_lose_nothing() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &all, rate(), 31);
    let mut resumed = Vec::new();
    for cut in 0..turns(3, 10) {
        moves(&load, "the load moves before the next cut");
        for index in all {
            net.kill(index);
        }
        let begun = Instant::now();
        net.start_nodes(&all);
        moves(&load, &format!("the load moves after cut {cut}"));
        resumed.push(begun.elapsed().as_millis());
    }
    let certified = load.finish();
    certified_everywhere(&net, &all, &certified);
    let height = same_history(&net, &all);
    quiet_logs(&net);
    println!(
        "{} certified, height {height}; from the start of all four to the next certified, ms: {resumed:?}",
        certified.len()
    );
}

#[test]
fn two_of_four_that_stand_still_stop_the_chain_only_as_long_as_they_do() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &all, rate(), 32);
    moves(&load, "the load moves");
    for index in [2, 3] {
        net.network().pause_node(index).unwrap_or_else(|error| panic!("pause {index}: {error}"));
    }
    std::thread::sleep(Duration::from_secs(turns(4, 60)));
    for index in [2, 3] {
        net.network().resume_node(index).unwrap_or_else(|error| panic!("resume {index}: {error}"));
    }
    let resumed = moves(&load, "the load moves again").as_millis();
    let certified = load.finish();
    certified_everywhere(&net, &all, &certified);
    let height = same_history(&net, &all);
    quiet_logs(&net);
    println!(
        "{} certified, height {height}; from the end of the pause to the next certified: {resumed} ms",
        certified.len()
    );
}

#[test]
fn one_of_four_that_never_returns_takes_nothing_with_it() {
    let net = Net::start(4, 0, &[]);
    let load = Load::start(&net, &[0, 1, 2, 3], rate(), 33);
    moves(&load, "the load moves");
    net.kill(3);
    let resumed = moves(&load, "the load moves after the loss").as_millis();
    let after = load.certified();
    wait_until("the load moves without it", RESUMES, || load.certified() > after + turns(400, 4_000));
    let certified = load.finish();
    let rest = [0, 1, 2];
    certified_everywhere(&net, &rest, &certified);
    let height = same_history(&net, &rest);
    quiet_logs(&net);
    println!("{} certified, height {height}; from the loss to the next certified: {resumed} ms", certified.len());
}
