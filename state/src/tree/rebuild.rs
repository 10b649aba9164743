use core::marker::PhantomData;
use std::collections::VecDeque;
use std::sync::Arc;

use super::bucket::{LeafHash, stemmed, subtree_hash};
use super::cache::TreeCache;
use super::hasher::TreeHasher;
use super::page::{Branch, Page, Slot};
use super::prefix::Prefix;
use super::unwritten::{ChangedPage, Pages};
use super::update::{child, leaf_of};
use super::{MERGE_KEYS, SPLIT_KEYS};
use crate::backend::{Backend, Column, Cursor};
use crate::error::StoreError;

/// Makes the tree again from its leaves: its root, and all its pages, in place of whatever pages the disk has. Reads the leaves once, in
/// order; memory is that of the pages and of one bucket.
///
/// # Errors
/// [`StoreError`] when a leaf cannot be read.
pub(crate) fn rebuild<H: TreeHasher>(
    backend: &dyn Backend,
    cache: &mut TreeCache,
) -> Result<(Slot, Pages), StoreError> {
    let mut flat = backend.cursor(Column::Flat)?;
    flat.seek(&[])?;
    let mut builder = Builder::<H> { flat, ahead: VecDeque::new(), pages: stale(backend)?, cache, hasher: PhantomData };
    let root = builder.subtree(Prefix::ROOT)?;
    Ok((root, builder.pages))
}

/// The pages that are on the disk, or were once, as gone.
fn stale(backend: &dyn Backend) -> Result<Pages, StoreError> {
    let mut pages = Pages::new();
    let mut cursor = backend.cursor(Column::Tree)?;
    cursor.seek(&[])?;
    while let Some((key, _)) = cursor.entry() {
        let page = Prefix::from_bytes(key).and_then(|slot| slot.parent());
        // The slots of a page lie behind one another.
        if let Some(page) = page.filter(|page| pages.last().is_none_or(|(last, _)| last != page)) {
            pages.push((page, ChangedPage::whole(None)));
        }
        cursor.step()?;
    }
    Ok(pages)
}

struct Builder<'a, H> {
    flat: Box<dyn Cursor + 'a>,
    /// Leaves that were read and belong to no bucket yet: at most one more than a bucket holds.
    ahead: VecDeque<LeafHash>,
    pages: Pages,
    cache: &'a mut TreeCache,
    hasher: PhantomData<H>,
}

impl<H: TreeHasher> Builder<'_, H> {
    /// The subtree over the next leaves, those below a prefix.
    fn subtree(&mut self, prefix: Prefix) -> Result<Slot, StoreError> {
        let count = self.look_ahead(&prefix)?;
        if count <= SPLIT_KEYS {
            return Ok(self.bucket(prefix, count));
        }
        let mut page = Page::empty::<H>();
        for (nibble, slot) in (0_u8..).zip(&mut page.slots) {
            *slot = self.subtree(child(&prefix, nibble)?)?;
        }
        let branch = Branch::new::<H>(page);
        let top = *branch.top();
        debug_assert!(top.keys > MERGE_KEYS);
        self.pages.push((prefix, ChangedPage::whole(Some(Arc::new(branch)))));
        Ok(Slot { keys: top.keys, hash: top.hash, paged: true })
    }

    fn bucket(&mut self, prefix: Prefix, count: usize) -> Slot {
        let leaves: Vec<LeafHash> = self.ahead.drain(..count).collect();
        let hash = subtree_hash::<H>(&leaves, prefix.depth());
        let keys = u64::try_from(count).expect("a bucket holds few keys");
        if let Some(leaves) = stemmed(&leaves).filter(|leaves| !leaves.is_empty()) {
            self.cache.buckets.insert(prefix, leaves);
        }
        Slot { keys, hash, paged: false }
    }

    /// How many of the next leaves are below a prefix, counted to one more than a bucket holds.
    fn look_ahead(&mut self, prefix: &Prefix) -> Result<usize, StoreError> {
        while self.ahead.len() <= SPLIT_KEYS {
            let Some((key, row)) = self.flat.entry().filter(|(key, _)| prefix.covers(key)) else {
                break;
            };
            self.ahead.push_back(leaf_of(prefix, key, row)?.0.hashed::<H>());
            self.flat.step()?;
        }
        Ok(self.ahead.iter().take_while(|leaf| prefix.covers(leaf.place.as_bytes())).count())
    }
}
