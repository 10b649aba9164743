use super::prefix::Prefix;

/// What one walk down the tree met, for a second walk that meets it again: looking for a page or a bucket among tens of thousands costs more than
/// what is done with it. Both walks go in the order of [`Prefix::cmp_in_walk`]; the second may pass by what the first met, and meet more.
#[derive(Debug)]
pub(super) struct Walked<T> {
    met: Vec<(Prefix, T)>,
    /// The first that the second walk has not passed.
    next: usize,
}

impl<T> Default for Walked<T> {
    fn default() -> Self {
        Self { met: Vec::new(), next: 0 }
    }
}

impl<T: Clone> Walked<T> {
    /// The first walk meets this.
    pub(super) fn meet(&mut self, prefix: Prefix, value: T) {
        debug_assert!(self.met.last().is_none_or(|(last, _)| last.cmp_in_walk(&prefix).is_lt()), "one walk, in order");
        self.met.push((prefix, value));
    }

    /// What the first walk met here.
    pub(super) fn again(&mut self, prefix: &Prefix) -> Option<T> {
        let ahead = self.met.get(self.next..).unwrap_or_default();
        self.next += ahead.iter().take_while(|(met, _)| met.cmp_in_walk(prefix).is_lt()).count();
        self.met.get(self.next).filter(|(met, _)| met == prefix).map(|(_, value)| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use quancheng_types::Digest;

    use super::*;

    fn prefix() -> impl Strategy<Value = Prefix> {
        (any::<[u8; 2]>(), 0_u8..5).prop_map(|(start, nibbles)| {
            let mut path = [0; 32];
            path[..2].copy_from_slice(&start.map(|byte| byte & 0x11));
            Prefix::above(&Digest(path), nibbles).unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_second_walk_meets_what_the_first_met(
            first in vec((prefix(), any::<u8>()), 0..40),
            second in vec(prefix(), 0..40),
        ) {
            let mut order = first.clone();
            order.sort_by(|(a, _), (b, _)| a.cmp_in_walk(b));
            order.dedup_by_key(|(prefix, _)| *prefix);
            let (mut walked, mut model) = (Walked::default(), BTreeMap::new());
            for (prefix, value) in order {
                walked.meet(prefix, value);
                model.insert(prefix, value);
            }
            let mut again = second;
            again.sort_by(Prefix::cmp_in_walk);
            for prefix in again {
                prop_assert_eq!(walked.again(&prefix), model.get(&prefix).copied());
            }
        }

        /// A walk goes to a subtree before what is in it, and through one subtree before the next.
        #[test]
        fn the_order_is_that_of_a_walk(a in prefix(), b in prefix()) {
            let (place_a, place_b) = (a.first_key(), b.first_key());
            let expected = place_a.cmp(place_b).then(a.nibbles().cmp(&b.nibbles()));
            prop_assert_eq!(a.cmp_in_walk(&b), expected);
        }
    }
}
