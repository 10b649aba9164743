//! How much of what is admitted here and not yet executed is whose.
//!
//! A row lives as long as something of its holder waits, so the table holds at most three rows per waiting transaction, and nothing
//! resets a quota but the results of what waits.

use std::collections::HashMap;

use quancheng_types::AccountId;

use crate::fair::{Class, ClientAddress};

/// Weight of one account's transactions that may wait: about a second of execution.
const ACCOUNT_WEIGHT_MAX: u64 = 1_000_000;
/// Weight that may wait of one organization, of all accounts that belong to none together, or from one client address.
const SHARE_WEIGHT_MAX: u64 = 2_000_000;
/// The part of the places of a node that one organization, the strangers, or one client address may take: a half.
const SHARE_DIVISOR: usize = 2;

/// Bounds of what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimLimits {
    /// Transactions waiting here, all senders. An organization, the strangers, or a client address may take half of them.
    pub total: usize,
    /// Transactions of one account waiting here.
    pub per_account: u32,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaFull {
    /// Of the node.
    Node,
    /// Of the account.
    Account,
    /// Of the organization, or of all that belong to none.
    Class,
    /// Of the client address.
    Address,
    /// Of one of these in the line into batches, in bytes.
    Line,
}

/// Who holds places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Account(AccountId),
    Class(Class),
    Address(ClientAddress),
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    count: usize,
    weight: u64,
}

/// What everyone holds.
#[derive(Debug, Default)]
pub(super) struct Quotas(HashMap<Holder, Held>);

impl Quotas {
    /// Counts one more transaction. The first one of a holder always goes, whatever it weighs.
    pub(super) fn add(&mut self, holder: &Holder, weight: u64, limits: &ClaimLimits) -> Result<(), QuotaFull> {
        let held = self.0.get(holder).copied().unwrap_or_default();
        let share = (limits.total / SHARE_DIVISOR).max(1);
        let (count_max, weight_max, full) = match holder {
            Holder::Account(_) => {
                (usize::try_from(limits.per_account).unwrap_or(usize::MAX), ACCOUNT_WEIGHT_MAX, QuotaFull::Account)
            }
            Holder::Class(_) => (share, SHARE_WEIGHT_MAX, QuotaFull::Class),
            Holder::Address(_) => (share, SHARE_WEIGHT_MAX, QuotaFull::Address),
        };
        let is_heavier = held.count > 0 && held.weight.saturating_add(weight) > weight_max;
        if held.count >= count_max || is_heavier {
            return Err(full);
        }
        self.note(holder, weight);
        Ok(())
    }

    /// Counts one more transaction that is here already, whatever the bounds.
    pub(super) fn note(&mut self, holder: &Holder, weight: u64) {
        let held = self.0.entry(holder.clone()).or_default();
        held.count += 1;
        held.weight = held.weight.saturating_add(weight);
    }

    /// Gives a place back.
    pub(super) fn remove(&mut self, holder: &Holder, weight: u64) {
        if let Some(held) = self.0.get_mut(holder) {
            held.count = held.count.saturating_sub(1);
            held.weight = held.weight.saturating_sub(weight);
            if held.count == 0 {
                self.0.remove(holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use quancheng_types::Digest;

    use super::*;

    const LIMITS: ClaimLimits = ClaimLimits { total: 100, per_account: 10 };

    fn account(n: u8) -> Holder {
        Holder::Account(AccountId(Digest([n; 32])))
    }

    #[test]
    fn each_level_has_its_bound_and_only_results_free_it() {
        let mut quotas = Quotas::default();
        for _ in 0..10 {
            quotas.add(&account(1), 50, &LIMITS).unwrap();
        }
        assert_eq!(quotas.add(&account(1), 50, &LIMITS), Err(QuotaFull::Account));
        quotas.add(&account(2), 50, &LIMITS).unwrap();
        let strangers = Holder::Class(Class::Strangers);
        for _ in 0..50 {
            quotas.add(&strangers, 50, &LIMITS).unwrap();
        }
        assert_eq!(quotas.add(&strangers, 50, &LIMITS), Err(QuotaFull::Class));
        let address = Holder::Address(ClientAddress::of(IpAddr::from([10, 0, 0, 1])));
        quotas.add(&address, 3 * SHARE_WEIGHT_MAX, &LIMITS).unwrap();
        assert_eq!(quotas.add(&address, 1, &LIMITS), Err(QuotaFull::Address), "by weight");
        quotas.remove(&address, 3 * SHARE_WEIGHT_MAX);
        quotas.add(&address, 1, &LIMITS).unwrap();
        quotas.remove(&account(1), 50);
        quotas.add(&account(1), 50, &LIMITS).unwrap();
        assert_eq!(quotas.add(&account(1), 50, &LIMITS), Err(QuotaFull::Account));
    }

    #[test]
    fn addresses_of_one_customer_count_as_one() {
        let of = |text: &str| ClientAddress::of(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.2"), of("10.0.0.1"));
    }
}
