use core::mem::size_of;
use std::sync::Arc;

use quancheng_types::Digest;

use super::bucket::{StemLeaf, stem_of};
use super::map::PrefixMap;
use super::page::Branch;
use super::prefix::Prefix;
use super::unwritten::Pages;

/// Share of the memory that pages may take, as a divisor; buckets have what pages leave. A page stands for up to sixteen buckets, and without
/// its page a bucket is of no use.
const PAGES_SHARE: usize = 2;
/// What the allocator adds to an entry and to what it points to, and spare room of the map, rounded up.
const OVERHEAD_BYTES: usize = 96;
/// Bytes of one cached page.
pub(crate) const PAGE_BYTES: usize = size_of::<Branch>() + PrefixMap::<Arc<Branch>>::ENTRY_BYTES + OVERHEAD_BYTES;
/// Bytes of one cached bucket without its leaves.
const BUCKET_BYTES: usize = PrefixMap::<Bucket>::ENTRY_BYTES + OVERHEAD_BYTES;

/// What is kept in memory of the newest tree. It only saves reads: no root depends on what it holds.
#[derive(Debug)]
pub(crate) struct TreeCache {
    pub(crate) pages: PageCache,
    pub(crate) buckets: BucketCache,
    bytes_max: usize,
}

impl TreeCache {
    /// Holds at most `bytes_max` bytes, but never less than two pages.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let pages = PageCache::new(bytes_max / PAGES_SHARE);
        Self { pages, buckets: BucketCache::new(bytes_max), bytes_max }
    }

    /// Takes over pages that were written, or are gone.
    pub(crate) fn take_pages(&mut self, pages: Pages) {
        for (prefix, changed) in pages {
            match changed.page {
                Some(page) => self.pages.insert(prefix, page),
                None => self.pages.remove(&prefix),
            }
        }
    }

    /// Takes over the buckets that a height changed, once it is on disk.
    pub(crate) fn take_buckets(&mut self, buckets: Buckets) {
        self.buckets.shrink_to(self.bytes_max.saturating_sub(self.pages.bytes()));
        for (prefix, leaves) in buckets {
            match leaves {
                Some(leaves) => self.buckets.insert(prefix, leaves),
                None => self.buckets.remove(&prefix),
            }
        }
    }
}

/// Buckets as a height leaves them; `None` for what is no bucket any more. Of several entries for one prefix the last holds.
pub(crate) type Buckets = Vec<(Prefix, Option<Arc<[StemLeaf]>>)>;

/// Newest pages, bounded. Two generations: what is used moves to the young one; when that is full it becomes the old one and
/// the former old one is forgotten. Uses no clock and no links, and the same calls leave the same content.
#[derive(Debug)]
pub(crate) struct PageCache {
    young: PrefixMap<Arc<Branch>>,
    old: PrefixMap<Arc<Branch>>,
    generation_pages_max: usize,
}

impl PageCache {
    /// Holds at most `bytes_max` bytes, but never less than one page in each generation.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            young: PrefixMap::default(),
            old: PrefixMap::default(),
            generation_pages_max: (bytes_max / (2 * PAGE_BYTES)).max(1),
        }
    }

    pub(crate) fn find(&mut self, prefix: &Prefix) -> Option<Arc<Branch>> {
        if let Some(page) = self.young.get(prefix) {
            return Some(Arc::clone(page));
        }
        let page = self.old.remove(prefix)?;
        self.insert(*prefix, Arc::clone(&page));
        Some(page)
    }

    pub(crate) fn insert(&mut self, prefix: Prefix, page: Arc<Branch>) {
        if self.young.len() >= self.generation_pages_max && self.young.get(&prefix).is_none() {
            self.old = core::mem::take(&mut self.young);
        }
        self.old.remove(&prefix);
        self.young.insert(prefix, page);
    }

    pub(crate) fn remove(&mut self, prefix: &Prefix) {
        self.young.remove(prefix);
        self.old.remove(prefix);
    }

    /// Bytes held.
    fn bytes(&self) -> usize {
        (self.young.len() + self.old.len()) * PAGE_BYTES
    }

    /// Pages held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[derive(Debug)]
struct Bucket {
    leaves: Arc<[StemLeaf]>,
    /// Since the hand last came by.
    used: bool,
}

impl Bucket {
    fn bytes(leaves: &[StemLeaf]) -> usize {
        BUCKET_BYTES + size_of_val(leaves)
    }
}

/// The leaves of the newest buckets, bounded: with them a key is changed without reading its bucket. Second chance: a hand
/// goes round in the order of prefixes and forgets what was not used since its last turn. The same calls leave the same
/// content.
#[derive(Debug)]
pub(crate) struct BucketCache {
    buckets: PrefixMap<Bucket>,
    hand: Prefix,
    /// Nibbles of the last bucket that came in: most have as many.
    nibbles: u8,
    bytes: usize,
    bytes_max: usize,
}

impl BucketCache {
    /// Holds at most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { buckets: PrefixMap::default(), hand: Prefix::ROOT, nibbles: 0, bytes: 0, bytes_max }
    }

    pub(crate) fn find(&mut self, prefix: &Prefix) -> Option<Arc<[StemLeaf]>> {
        let bucket = self.buckets.get_mut(prefix)?;
        bucket.used = true;
        Some(Arc::clone(&bucket.leaves))
    }

    /// Whether no leaf is at this place, by a bucket that is here and would have it. A key has one bucket, so whichever is here is that one.
    pub(crate) fn lacks(&mut self, place: &Digest) -> bool {
        let nibbles = [self.nibbles, self.nibbles.saturating_add(1), self.nibbles.saturating_sub(1)];
        let bucket = nibbles.into_iter().find_map(|nibbles| self.find(&Prefix::above(place, nibbles)?));
        bucket.is_some_and(|leaves| leaves.binary_search_by_key(&stem_of(place), |leaf| leaf.stem).is_err())
    }

    pub(crate) fn insert(&mut self, prefix: Prefix, leaves: Arc<[StemLeaf]>) {
        self.nibbles = prefix.nibbles();
        self.bytes += Bucket::bytes(&leaves);
        if let Some(bucket) = self.buckets.get_mut(&prefix) {
            self.bytes -= Bucket::bytes(&bucket.leaves);
            bucket.leaves = leaves;
        } else {
            let used = false;
            self.buckets.insert(prefix, Bucket { leaves, used });
        }
        self.shrink_to(self.bytes_max);
    }

    /// Holds at most so many bytes from now on.
    pub(crate) fn shrink_to(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        while self.bytes > self.bytes_max {
            self.forget_one();
        }
    }

    pub(crate) fn remove(&mut self, prefix: &Prefix) {
        if let Some(bucket) = self.buckets.remove(prefix) {
            self.bytes -= Bucket::bytes(&bucket.leaves);
        }
    }

    /// Turns the hand to the next bucket that was not used, and forgets it.
    fn forget_one(&mut self) {
        let unused = self.buckets.after_mut(&self.hand).find_map(|(prefix, bucket)| {
            let used = core::mem::replace(&mut bucket.used, false);
            (!used).then_some(*prefix)
        });
        match unused {
            Some(prefix) => {
                self.hand = prefix;
                self.remove(&prefix);
            }
            None => self.start_over(),
        }
    }

    /// The hand has come to the end. The root sorts first, and is the only bucket while it is one.
    fn start_over(&mut self) {
        self.hand = Prefix::ROOT;
        self.remove(&Prefix::ROOT);
    }

    /// Bytes held.
    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}
