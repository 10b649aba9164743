//! What clients share, and what is left for the others when one takes all it can.

use std::sync::Arc;

use tokio::sync::watch;

use super::chain::Fake;
use crate::api::ApiLimits;
use crate::api::limits::{BULK_BYTES_MAX, VERIFY_BODY_BYTES_MAX};
use crate::api::state::Commons;
use crate::fair::ClientAddress;
use crate::limits::DECODED_FACTOR;

#[test]
fn of_nothing_that_clients_share_does_one_address_take_all() {
    let (_stop, stopped) = watch::channel(false);
    let commons = Commons::new(Arc::new(Fake::new()), ApiLimits::default(), stopped);
    let [greedy, modest] = [1, 2].map(|last| ClientAddress::of([10, 0, 0, last].into()));
    for (name, budget) in commons.budgets() {
        let (all_max, each_max) = budget.bounds();
        let mut held = Vec::new();
        while let Ok(share) = budget.try_take(greedy, all_max.div_ceil(1_000)) {
            held.push(share);
        }
        assert!(budget.free() >= all_max / 3, "{name}: one address has left {} of {all_max}", budget.free());
        assert!(each_max >= all_max / 2, "{name}");
        assert!(budget.try_take(modest, all_max.div_ceil(10)).is_ok(), "{name}: nothing is left for another address");
    }
}

#[test]
fn the_part_of_an_address_holds_the_largest_body_of_each_kind_and_what_becomes_of_it() {
    let limits = ApiLimits::default();
    let part = limits.body_bytes_total_max / 3 * 2;
    assert!(BULK_BYTES_MAX * (1 + DECODED_FACTOR) <= part);
    assert!(VERIFY_BODY_BYTES_MAX <= part);
}
