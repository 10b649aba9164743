//! How many of something each one holds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by holder, each at most so many. Clones share them; a row lives as long as something is held.
#[derive(Clone, Debug)]
pub(crate) struct Counts<K> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    each_max: usize,
}

impl<K: Eq + Hash + Clone> Counts<K> {
    /// So many for each, and one at least.
    pub(crate) fn new(each_max: usize) -> Self {
        Self { held: Arc::default(), each_max: each_max.max(1) }
    }

    /// One more for a holder, unless he has as many as he may.
    pub(crate) fn take(&self, holder: K) -> Option<Counted<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(holder.clone()).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Counted { holder, counts: self.clone() })
    }
}

/// One that is held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Counted<K: Eq + Hash + Clone> {
    holder: K,
    counts: Counts<K>,
}

impl<K: Eq + Hash + Clone> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut held = self.counts.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holds_so_many_and_gives_them_back() {
        let counts = Counts::new(2);
        let (one, two) = (counts.take("a").unwrap(), counts.take("a").unwrap());
        assert!(counts.take("a").is_none());
        assert!(counts.take("b").is_some(), "another one has his own");
        drop(one);
        let again = counts.take("a").unwrap();
        assert!(counts.take("a").is_none());
        drop((two, again));
        assert!(counts.held.lock().unwrap().is_empty());
    }
}
