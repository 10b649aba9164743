//! Fair shares at the door: who a transaction counts for, and lines in which nobody's flood delays the others.
//!
//! A sender is told apart on three levels: its organization, its client address, its account. Accounts are free to make, so all that act
//! for no organization are one class together. On each level everybody with work takes turns by weight (`Rounds`), so one key, one
//! address or a thousand new keys are served no more than their level's share.

mod budget;
mod mix;
mod rounds;
mod senders;

use std::net::{IpAddr, Ipv6Addr};

use quancheng_contracts::ResolvedSigner;
use quancheng_contracts::identity::OrgId;
use quancheng_types::AccountId;

pub(crate) use budget::BudgetFull;
pub use budget::{FairBudget, FairShare};
pub(crate) use mix::Company;
pub use mix::Mix;
pub(crate) use rounds::{Fifo, Line, Rounds, TURN_WEIGHT};
pub use senders::Senders;

/// The class of a sender.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Accounts that act for no active organization, all together.
    Strangers,
    /// Accounts of an organization.
    Organization(OrgId),
}

impl Class {
    /// The class of the first signer.
    #[must_use]
    pub fn of(signers: &[ResolvedSigner]) -> Self {
        let member = signers.first().filter(|signer| signer.is_active());
        member.and_then(ResolvedSigner::org_id).map_or(Self::Strangers, |org_id| Self::Organization(org_id.clone()))
    }
}

/// A client address, as far as one customer of a network has it to himself: an IPv4 address, or a /64 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Of a connection.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

/// Who a transaction counts for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender {
    /// Organization, or none.
    pub class: Class,
    /// Client address.
    pub address: ClientAddress,
    /// Account.
    pub account: AccountId,
}

impl Sender {
    /// Place in a [`FairLine`].
    pub(crate) fn place(&self) -> Place {
        (self.class.clone(), (self.address, (self.account, ())))
    }
}

/// Place of a sender on the three levels.
pub(crate) type Place = (Class, (ClientAddress, (AccountId, ())));

/// Work of all senders, in turns on three levels.
pub(crate) type FairLine<T> = Rounds<Class, Rounds<ClientAddress, Rounds<AccountId, Fifo<T>>>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_client_count_as_one() {
        let address = |text: &str| ClientAddress::of(text.parse().unwrap());
        let pairs = [
            ("2001:db8::1", "2001:db8::ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ];
        for (one, other, is_same) in pairs {
            assert_eq!(address(one) == address(other), is_same, "{one} {other}");
        }
    }
}
