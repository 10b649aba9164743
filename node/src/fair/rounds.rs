//! Deficit round robin (Shreedhar and Varghese, 1995), in levels: members of a level take turns, and whoever brings heavy work is served
//! less of it in a turn.
//!
//! A member that has nothing left is forgotten at once, and one that comes anew goes to the end of the line with what everybody gets in a
//! turn. So nothing is kept of those who wait for nothing, and leaving and coming again gains nothing.

use std::collections::{BTreeMap, VecDeque};

/// What a member of a level is given each turn, in units of weight: about twenty notarizations. Work that is heavier waits for several
/// turns.
pub(crate) const TURN_WEIGHT: u64 = 1_000;

/// Work in an order of its own.
pub(crate) trait Line: Default {
    /// A piece of work.
    type Item;
    /// Where a piece belongs on this level and below.
    type Place;

    /// Adds a piece.
    fn push(&mut self, place: Self::Place, item: Self::Item, weight: u64);
    /// The piece that [`Self::pop`] gives next, and its weight.
    fn peek(&mut self) -> Option<(&Self::Item, u64)>;
    /// Takes the next piece.
    fn pop(&mut self) -> Option<Self::Item>;
    /// Whether nothing waits.
    fn is_empty(&self) -> bool;
    /// Drops the pieces that are not to be kept.
    fn retain(&mut self, keep: &mut dyn FnMut(&Self::Item) -> bool);
}

/// The lowest level: first come, first served.
#[derive(Debug)]
pub(crate) struct Fifo<T>(VecDeque<(T, u64)>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Line for Fifo<T> {
    type Item = T;
    type Place = ();

    fn push(&mut self, (): (), item: T, weight: u64) {
        self.0.push_back((item, weight));
    }

    fn peek(&mut self) -> Option<(&T, u64)> {
        self.0.front().map(|(item, weight)| (item, *weight))
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop_front().map(|(item, _)| item)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn retain(&mut self, keep: &mut dyn FnMut(&T) -> bool) {
        self.0.retain(|(item, _)| keep(item));
    }
}

#[derive(Debug)]
struct Member<L> {
    line: L,
    credit: u64,
}

/// One level: members named by `K`, each with a line of its own.
#[derive(Debug)]
pub(crate) struct Rounds<K, L> {
    /// Members with work, next first.
    order: VecDeque<K>,
    /// Never empty ones.
    members: BTreeMap<K, Member<L>>,
}

impl<K, L> Default for Rounds<K, L> {
    fn default() -> Self {
        Self { order: VecDeque::new(), members: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, L: Line> Rounds<K, L> {
    /// Turns the order until the first member can pay for its next piece; its name and the price.
    fn settle(&mut self) -> Option<(K, u64)> {
        loop {
            let first = self.order.front()?.clone();
            let member = self.members.get_mut(&first)?;
            let (_, weight) = member.line.peek()?;
            if member.credit >= weight {
                return Some((first, weight));
            }
            member.credit = member.credit.saturating_add(TURN_WEIGHT);
            self.order.rotate_left(1);
        }
    }
}

impl<K: Ord + Clone, L: Line> Line for Rounds<K, L> {
    type Item = L::Item;
    type Place = (K, L::Place);

    fn push(&mut self, (name, below): Self::Place, item: L::Item, weight: u64) {
        let member = self.members.entry(name).or_insert_with_key(|name| {
            self.order.push_back(name.clone());
            Member { line: L::default(), credit: TURN_WEIGHT }
        });
        member.line.push(below, item, weight);
    }

    fn peek(&mut self) -> Option<(&L::Item, u64)> {
        let (first, _) = self.settle()?;
        self.members.get_mut(&first)?.line.peek()
    }

    fn pop(&mut self) -> Option<L::Item> {
        let (first, weight) = self.settle()?;
        let member = self.members.get_mut(&first)?;
        member.credit = member.credit.saturating_sub(weight);
        let item = member.line.pop();
        if member.line.is_empty() {
            self.members.remove(&first);
            self.order.pop_front();
        }
        item
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn retain(&mut self, keep: &mut dyn FnMut(&L::Item) -> bool) {
        self.members.retain(|_, member| {
            member.line.retain(keep);
            !member.line.is_empty()
        });
        let members = &self.members;
        self.order.retain(|name| members.contains_key(name));
    }
}

#[cfg(test)]
mod tests;
