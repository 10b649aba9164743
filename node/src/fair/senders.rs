//! Who sends of late, of all that was executed.

use std::collections::BTreeMap;

use quancheng_contracts::identity::OrgId;
use quancheng_types::AccountId;
use tokio::time::Instant;

use super::{Class, Company, Mix};

/// The senders of what was executed, by account and by class. Accounts are free to make, so a flood over many of them is a crowd of accounts; as
/// strangers, or as one organization, it is one sender beside the others.
#[derive(Debug, Default)]
pub struct Senders {
    accounts: Mix<AccountId>,
    classes: Mix<Class>,
}

impl Senders {
    /// Notes what was executed: the weight of each account, and the active organization for which it acted.
    pub(crate) fn note(&self, now: Instant, sent: BTreeMap<AccountId, (u64, Option<OrgId>)>) {
        self.accounts.note(now, sent.iter().map(|(account, (weight, _))| (*account, *weight)));
        let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
        for (weight, organization) in sent.into_values() {
            let class = organization.map_or(Class::Strangers, Class::Organization);
            let all = classes.entry(class).or_default();
            *all = all.saturating_add(weight);
        }
        self.classes.note(now, classes);
    }

    /// What they are like. Where nobody is light but a class beside others, as a member beside a crowd of strangers, they are few: the line is short for him, and
    /// nobody rests. A crowd may be many people, and one member who sends a little now and then held sixty-four of them down to a third of what they sent. Few classes mean
    /// nothing: strangers are one, however many people they are.
    pub(crate) fn company(&self, now: Instant) -> Company {
        match (self.accounts.company(now), self.classes.company(now)) {
            (Company::Uneven, _) => Company::Uneven,
            (Company::Even | Company::Few, Company::Uneven) => Company::Few,
            (accounts @ (Company::Even | Company::Few), Company::Even | Company::Few) => accounts,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quancheng_types::Digest;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn account(number: u8) -> AccountId {
        AccountId(Digest([number; 32]))
    }

    /// What senders of these numbers are like after some seconds of them; those from 200 on act for organizations.
    fn company(sent: impl IntoIterator<Item = (u8, u64)>) -> Company {
        let organization = |number: u8| (number >= 200).then(|| OrgId::new(&format!("ORG-{number}")).unwrap());
        let sent = sent.into_iter().map(|(number, weight)| (account(number), (weight, organization(number))));
        let sent: BTreeMap<_, _> = sent.collect();
        let (senders, mut now) = (Senders::default(), Instant::now());
        for _ in 0..6 {
            senders.note(now, sent.clone());
            now += SECOND;
        }
        senders.company(now)
    }

    #[test]
    fn a_crowd_keeps_a_short_line_beside_an_organization_and_never_rests() {
        let crowd = || (0..100).map(|number| (number, 500));
        assert_eq!(company(crowd()), Company::Even, "strangers alone are a crowd");
        assert_eq!(company(crowd().chain([(200, 50)])), Company::Few);
        assert_eq!(company(crowd().chain([(200, 6_500)])), Company::Even, "it sends an eighth of what they do");
        // One account of an organization beside one of another.
        assert_eq!(company([(201, 40_000), (202, 50)]), Company::Uneven);
        // Many organizations are a crowd.
        let organizations = || (200..=255).map(|number| (number, 500));
        assert_eq!(company(organizations().chain([(1, 1)])), Company::Even);
        assert_eq!(company([(1, 500)]), Company::Few, "of accounts, for one class says nothing");
    }
}
