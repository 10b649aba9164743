use core::mem::size_of;
use std::collections::BTreeMap;

use super::page::Page;
use super::prefix::Prefix;

/// Bytes of one cached page: content, key, and the map's own overhead, rounded up.
const ENTRY_BYTES: usize = size_of::<Page>() + size_of::<Prefix>() + 64;

/// Newest pages, bounded. Two generations: what is used moves to the young one; when that is full it becomes the old one and
/// the former old one is forgotten. Uses no clock and no links, and the same calls leave the same content.
#[derive(Debug)]
pub(crate) struct PageCache {
    young: BTreeMap<Prefix, Page>,
    old: BTreeMap<Prefix, Page>,
    generation_pages_max: usize,
}

impl PageCache {
    /// Holds at most `bytes_max` bytes, but never less than one page in each generation.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            young: BTreeMap::new(),
            old: BTreeMap::new(),
            generation_pages_max: (bytes_max / (2 * ENTRY_BYTES)).max(1),
        }
    }

    pub(crate) fn find(&mut self, prefix: &Prefix) -> Option<Page> {
        if let Some(page) = self.young.get(prefix) {
            return Some(page.clone());
        }
        let page = self.old.remove(prefix)?;
        self.insert(*prefix, page.clone());
        Some(page)
    }

    pub(crate) fn insert(&mut self, prefix: Prefix, page: Page) {
        if self.young.len() >= self.generation_pages_max {
            self.old = core::mem::take(&mut self.young);
        }
        self.old.remove(&prefix);
        self.young.insert(prefix, page);
    }

    pub(crate) fn remove(&mut self, prefix: &Prefix) {
        self.young.remove(prefix);
        self.old.remove(prefix);
    }

    /// Pages held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
