//! Work of several owners, one piece of each in turn: whoever brings much waits for his own, not the others for him.

use std::collections::{BTreeMap, VecDeque};

/// The queues of all owners. Bounds are the caller's: see [`Self::waiting_of`].
#[derive(Debug)]
pub(crate) struct Turns<K, T> {
    /// Owners with work, next first.
    order: VecDeque<K>,
    /// Never empty ones.
    queues: BTreeMap<K, VecDeque<T>>,
}

impl<K, T> Default for Turns<K, T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), queues: BTreeMap::new() }
    }
}

impl<K: Ord + Copy, T> Turns<K, T> {
    /// Adds a piece of work behind those of the same owner.
    pub(crate) fn push(&mut self, owner: K, work: T) {
        let queue = self.queues.entry(owner).or_default();
        if queue.is_empty() {
            self.order.push_back(owner);
        }
        queue.push_back(work);
    }

    /// The next piece of the owner whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<(K, T)> {
        let owner = self.order.pop_front()?;
        let queue = self.queues.get_mut(&owner)?;
        let work = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&owner);
        } else {
            self.order.push_back(owner);
        }
        Some((owner, work))
    }

    /// Pieces that wait for one owner.
    #[must_use]
    pub(crate) fn waiting_of(&self, owner: &K) -> usize {
        self.queues.get(owner).map_or(0, VecDeque::len)
    }

    /// Whether nothing waits.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_with_much_work_delays_another_by_one_piece() {
        let mut turns = Turns::default();
        for n in 0..100 {
            turns.push('a', n);
        }
        assert_eq!(turns.pop(), Some(('a', 0)));
        turns.push('b', 1_000);
        turns.push('b', 1_001);
        assert_eq!((turns.waiting_of(&'a'), turns.waiting_of(&'b')), (99, 2));
        let next: Vec<_> = std::iter::from_fn(|| turns.pop()).collect();
        assert_eq!(next[..5], [('a', 1), ('b', 1_000), ('a', 2), ('b', 1_001), ('a', 3)]);
        assert_eq!(next.len(), 101);
        assert!(turns.is_empty() && turns.waiting_of(&'a') == 0);
    }
}
