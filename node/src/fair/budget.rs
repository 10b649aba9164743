//! What clients share, in shares: of no budget of a door does one client address take more than its part, so that one that takes all it can
//! leaves something for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ClientAddress;
use crate::budget::{ByteBudget, ByteShare};

/// So much of something (bytes, or places of one each) for all client addresses together, and so much for each. Clones share it.
#[derive(Clone, Debug)]
pub struct FairBudget {
    all: ByteBudget,
    all_max: usize,
    each_max: usize,
    rows: Rows,
}

/// What each address has left. A row lives as long as something is held or waited for.
type Rows = Arc<Mutex<HashMap<ClientAddress, Row>>>;

#[derive(Debug)]
struct Row {
    budget: ByteBudget,
    users: usize,
}

/// Why there is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetFull {
    /// All of it is in use.
    All,
    /// The address has its part.
    Address,
}

impl FairBudget {
    /// So much, of which each address may take half (one at least).
    #[must_use]
    pub fn halves(all_max: usize) -> Self {
        Self::new(all_max, all_max / 2)
    }

    /// So much, and so much for each address (one at least).
    #[must_use]
    pub fn new(all_max: usize, each_max: usize) -> Self {
        Self { all: ByteBudget::new(all_max), all_max, each_max: each_max.max(1), rows: Rows::default() }
    }

    /// A share for an address, if so much is free.
    pub(crate) fn try_take(&self, from: ClientAddress, amount: usize) -> Result<FairShare, BudgetFull> {
        let (user, own) = self.user(from);
        let own = own.try_take(amount).ok_or(BudgetFull::Address)?;
        let all = self.all.try_take(amount).ok_or(BudgetFull::All)?;
        Ok(FairShare { own, all, _user: user })
    }

    /// A share, after waiting for it: first behind what the same address waits for, then in turn with the other addresses. More than an
    /// address may have counts as that much, so that nobody waits for ever.
    pub(crate) async fn take(&self, from: ClientAddress, amount: usize) -> FairShare {
        let amount = amount.min(self.each_max);
        let (user, own) = self.user(from);
        let own = own.take(amount).await;
        let all = self.all.take(amount).await;
        FairShare { own, all, _user: user }
    }

    /// Whether half of it is gone: of all, or of what the address may have.
    pub(crate) fn is_scarce(&self, from: ClientAddress) -> bool {
        let (_user, own) = self.user(from);
        self.all.free_bytes() < self.all_max / 2 || own.free_bytes() < self.each_max / 2
    }

    /// How much nobody has taken.
    #[must_use]
    pub fn free(&self) -> usize {
        self.all.free_bytes()
    }

    /// How much all addresses together may take, and each.
    #[cfg(test)]
    pub(crate) const fn bounds(&self) -> (usize, usize) {
        (self.all_max, self.each_max)
    }

    fn user(&self, from: ClientAddress) -> (User, ByteBudget) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(from).or_insert_with(|| Row { budget: ByteBudget::new(self.each_max), users: 0 });
        row.users += 1;
        (User { from, rows: Arc::clone(&self.rows) }, row.budget.clone())
    }
}

/// Somebody who needs the row of an address.
#[derive(Debug)]
struct User {
    from: ClientAddress,
    rows: Rows,
}

impl Drop for User {
    fn drop(&mut self) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.get_mut(&self.from) {
            row.users -= 1;
            if row.users == 0 {
                rows.remove(&self.from);
            }
        }
    }
}

/// A share of one address, given back when dropped.
#[derive(Debug)]
pub struct FairShare {
    own: ByteShare,
    all: ByteShare,
    /// Dropped last: the row is needed until then.
    _user: User,
}

impl FairShare {
    /// How much.
    pub(crate) fn amount(&self) -> usize {
        self.all.bytes()
    }

    /// Adds another share of the same budget and address.
    ///
    /// # Panics
    /// If it is of another budget or address.
    pub(crate) fn merge(&mut self, other: Self) {
        self.own.merge(other.own);
        self.all.merge(other.all);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn address(last: u8) -> ClientAddress {
        ClientAddress::of([10, 0, 0, last].into())
    }

    #[test]
    fn an_address_takes_its_part_and_no_more_and_gives_it_back() {
        let budget = FairBudget::halves(100);
        let mut share = budget.try_take(address(1), 30).unwrap();
        share.merge(budget.try_take(address(1), 20).unwrap());
        assert_eq!(budget.try_take(address(1), 1).err(), Some(BudgetFull::Address));
        let other = budget.try_take(address(2), 40).unwrap();
        assert_eq!(budget.try_take(address(3), 11).err(), Some(BudgetFull::All));
        assert_eq!((share.amount(), other.amount(), budget.free()), (50, 40, 10));
        drop((share, other));
        assert_eq!(budget.free(), 100);
        assert!(budget.rows.lock().unwrap().is_empty());
    }

    #[test]
    fn who_waits_for_much_does_not_stand_before_the_others() {
        let budget = FairBudget::halves(4);
        let mut greedy: Vec<_> = (0..10).map(|_| Box::pin(budget.take(address(1), 1))).collect();
        let mut held: Vec<_> = greedy.iter_mut().filter_map(|wait| wait.as_mut().now_or_never()).collect();
        assert_eq!(held.len(), 2);
        assert!(budget.take(address(2), 1).now_or_never().is_some(), "another address does not wait behind them");
        held.pop();
        assert_eq!(greedy[2].as_mut().now_or_never().map(|share| share.amount()), Some(1), "its own go on in turn");
        assert_eq!(budget.take(address(3), 1_000).now_or_never().map(|share| share.amount()), Some(2), "not for ever");
        drop((greedy, held));
        assert!(budget.rows.lock().unwrap().is_empty());
    }

    #[test]
    fn it_is_scarce_when_half_is_gone_of_all_or_of_what_one_may_have() {
        let budget = FairBudget::halves(100);
        assert!(!budget.is_scarce(address(1)));
        let _first = budget.try_take(address(1), 30).unwrap();
        assert!(budget.is_scarce(address(1)) && !budget.is_scarce(address(2)));
        let _second = budget.try_take(address(2), 25).unwrap();
        assert!(budget.is_scarce(address(3)));
    }
}
