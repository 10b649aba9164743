use std::sync::{Arc, PoisonError, RwLock};

use quancheng_types::Height;

use super::cache::PAGE_BYTES;
use super::map::PrefixMap;
use super::page::{Branch, SLOTS, Slot};
use super::prefix::Prefix;
use super::read::{ROOT_SLOT_KEY, encode_root};
use crate::backend::{Column, Writes};

/// Pages that changed. Of several entries for one prefix the last holds.
pub(crate) type Pages = Vec<(Prefix, ChangedPage)>;

/// A page that is not on the disk as it is now.
#[derive(Clone, Debug)]
pub(crate) struct ChangedPage {
    /// The page; `None` when it is none any more.
    pub(crate) page: Option<Arc<Branch>>,
    /// The slots that the disk may have otherwise: bit `n` stands for slot `n`.
    pub(crate) slots: u16,
}

impl ChangedPage {
    /// A page of which the disk may have anything, or nothing.
    pub(crate) const fn whole(page: Option<Arc<Branch>>) -> Self {
        Self { page, slots: u16::MAX }
    }

    /// A page that has these slots in place of those before.
    pub(crate) fn changed(page: Arc<Branch>, before: &Branch) -> Self {
        let slots = before.page().slots.iter().zip(&page.page().slots).enumerate();
        let slots = slots.filter(|(_, (old, new))| old != new).fold(0, |slots, (at, _)| slots | 1 << at);
        Self { page: Some(page), slots }
    }

    fn put(&self, prefix: &Prefix, writes: &mut Writes) {
        for nibble in (0_u8..16).filter(|nibble| self.slots >> nibble & 1 == 1) {
            let Some(place) = prefix.child(nibble) else {
                continue;
            };
            let slot = self.page.as_ref().map(|branch| branch.page().slots[usize::from(nibble)]);
            match slot.filter(|slot| slot.keys > 0) {
                Some(slot) => writes.put(Column::Tree, place.to_bytes(), slot.encode()),
                None => writes.delete(Column::Tree, place.to_bytes()),
            }
        }
    }
}

const _: () = assert!(SLOTS == 16, "a set of slots has a bit for each");

/// The newest root, and the pages that changed since they were last written. A height changes nearly every page, and each change replaces
/// the one before, so slots are written once for each checkpoint and not for each height.
///
/// Who reads the tree looks here before the disk; pages leave only when they are on the disk.
#[derive(Debug)]
pub(crate) struct Unwritten {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    root: Slot,
    pages: PrefixMap<ChangedPage>,
}

impl State {
    fn take_over(&mut self, pages: Pages) {
        for (prefix, changed) in pages {
            let slots = self.pages.get(&prefix).map_or(0, |before| before.slots);
            self.pages.insert(prefix, ChangedPage { slots: changed.slots | slots, ..changed });
        }
    }
}

impl Unwritten {
    pub(crate) fn new(root: Slot, pages: Pages) -> Self {
        let mut state = State { root, pages: PrefixMap::default() };
        state.take_over(pages);
        Self { state: RwLock::new(state) }
    }

    /// The newest root.
    pub(crate) fn root(&self) -> Slot {
        self.read(|state| state.root)
    }

    /// What is here of a page: itself, or that it is gone. `None` when the disk has the newest.
    pub(crate) fn find(&self, prefix: &Prefix) -> Option<Option<Arc<Branch>>> {
        self.read(|state| state.pages.get(prefix).map(|changed| changed.page.clone()))
    }

    /// Takes over what a height changed.
    pub(crate) fn take_over(&self, root: Slot, pages: Pages) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.root = root;
        state.take_over(pages);
    }

    /// Bytes of memory held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.read(|state| state.pages.len() * PAGE_BYTES)
    }

    /// Adds everything that is here, as it is at a height, to what is written.
    pub(crate) fn put_all(&self, height: Height, writes: &mut Writes) {
        self.read(|state| {
            for (prefix, changed) in state.pages.iter() {
                changed.put(prefix, writes);
            }
            writes.put(Column::Tree, ROOT_SLOT_KEY, encode_root(&state.root, height));
        });
    }

    /// Forgets the pages, which are on the disk now, and returns them.
    pub(crate) fn take_pages(&self) -> Pages {
        let pages = core::mem::take(&mut self.state.write().unwrap_or_else(PoisonError::into_inner).pages);
        pages.into_iter().collect()
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}
