use core::mem::{replace, size_of, take};

use super::prefix::Prefix;

/// Places: one for each beginning of three nibbles. Prefixes are beginnings of hashes, so longer ones fall into all of them alike.
const PLACES: usize = 1 << 12;

/// A map of prefixes that is found at once: a place by the first nibbles, in it a few entries in order. With tens of thousands of pages and
/// buckets, going down an ordered tree of them cost the executor a fifth of its time. The same calls leave the same content in the same order.
#[derive(Clone, Debug)]
pub(crate) struct PrefixMap<T> {
    places: Vec<Vec<(Prefix, T)>>,
    count: usize,
}

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self { places: Vec::new(), count: 0 }
    }
}

impl<T> PrefixMap<T> {
    /// Bytes of one entry without what it points to, and without spare room.
    pub(crate) const ENTRY_BYTES: usize = size_of::<(Prefix, T)>();

    pub(crate) fn get(&self, prefix: &Prefix) -> Option<&T> {
        let place = self.places.get(place_of(prefix))?;
        let at = place.binary_search_by(|(other, _)| other.cmp(prefix)).ok()?;
        place.get(at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, prefix: &Prefix) -> Option<&mut T> {
        let place = self.places.get_mut(place_of(prefix))?;
        let at = place.binary_search_by(|(other, _)| other.cmp(prefix)).ok()?;
        place.get_mut(at).map(|(_, value)| value)
    }

    /// What was there before.
    pub(crate) fn insert(&mut self, prefix: Prefix, value: T) -> Option<T> {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Vec::new);
        }
        let place = &mut self.places[place_of(&prefix)];
        match place.binary_search_by(|(other, _)| other.cmp(&prefix)) {
            Ok(at) => Some(replace(&mut place[at].1, value)),
            Err(at) => {
                place.insert(at, (prefix, value));
                self.count += 1;
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, prefix: &Prefix) -> Option<T> {
        let place = self.places.get_mut(place_of(prefix))?;
        let at = place.binary_search_by(|(other, _)| other.cmp(prefix)).ok()?;
        self.count -= 1;
        let (_, value) = place.remove(at);
        if place.is_empty() {
            // Nothing stays reserved where nothing is.
            *place = Vec::new();
        }
        Some(value)
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// All entries; prefixes that begin differently in their order, those of one place too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Prefix, &T)> {
        self.places.iter().flatten().map(|(prefix, value)| (prefix, value))
    }

    /// The entries after a prefix, in the order of [`Self::iter`].
    pub(crate) fn after_mut(&mut self, prefix: &Prefix) -> impl Iterator<Item = (&Prefix, &mut T)> {
        let first = place_of(prefix);
        let skipped = self.places.get(first).map_or(0, |place| place.partition_point(|(other, _)| other <= prefix));
        let places = self.places.get_mut(first..).unwrap_or_default();
        places.iter_mut().flatten().skip(skipped).map(|(prefix, value)| (&*prefix, value))
    }
}

impl<T> IntoIterator for PrefixMap<T> {
    type Item = (Prefix, T);
    type IntoIter = core::iter::Flatten<std::vec::IntoIter<Vec<(Prefix, T)>>>;

    fn into_iter(mut self) -> Self::IntoIter {
        take(&mut self.places).into_iter().flatten()
    }
}

fn place_of(prefix: &Prefix) -> usize {
    let path = prefix.first_key();
    usize::from(path[0]) << 4 | usize::from(path[1] >> 4)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use quancheng_types::Digest;

    use super::*;

    /// Few places, and prefixes of different lengths in each.
    fn prefixes() -> impl Strategy<Value = Prefix> {
        (0_u8..3, 0_u8..2, any::<u8>(), 0_u8..8).prop_map(|(first, second, rest, nibbles)| {
            let mut path = [0; 32];
            path[..3].copy_from_slice(&[first << 6, second << 4, rest]);
            Prefix::above(&Digest(path), nibbles).unwrap()
        })
    }

    proptest! {
        #[test]
        fn it_holds_what_an_ordered_map_holds(
            steps in proptest::collection::vec((prefixes(), proptest::option::weighted(0.7, any::<u8>())), 0..200),
            hand in prefixes(),
        ) {
            let (mut map, mut model) = (PrefixMap::default(), BTreeMap::new());
            for (prefix, value) in steps {
                match value {
                    Some(value) => prop_assert_eq!(map.insert(prefix, value), model.insert(prefix, value)),
                    None => prop_assert_eq!(map.remove(&prefix), model.remove(&prefix)),
                }
                prop_assert_eq!(map.get(&prefix), model.get(&prefix));
                prop_assert_eq!(map.get_mut(&prefix).copied(), model.get(&prefix).copied());
                prop_assert_eq!(map.len(), model.len());
            }
            let mut all: Vec<(Prefix, u8)> = map.iter().map(|(prefix, value)| (*prefix, *value)).collect();
            let after: Vec<Prefix> = map.after_mut(&hand).map(|(prefix, _)| *prefix).collect();
            let expected: Vec<Prefix> = all
                .iter()
                .map(|(prefix, _)| *prefix)
                .filter(|prefix| (place_of(prefix), prefix) > (place_of(&hand), &hand))
                .collect();
            prop_assert_eq!(after, expected);
            prop_assert_eq!(map.into_iter().collect::<Vec<_>>(), all.clone());
            all.sort_unstable();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }
    }
}
