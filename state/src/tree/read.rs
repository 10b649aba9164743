use core::marker::PhantomData;
use std::collections::BTreeSet;

use quancheng_proof::state_proof::{StateProof, Terminal, bit};
use quancheng_types::{Digest, Height, List};

use super::bucket::{Leaf, LeafHash, parting, subtree_hash};
use super::hasher::TreeHasher;
use super::page::{Node, Page, Slot};
use super::prefix::{NIBBLE_BITS, Prefix};
use super::update::{MEMBER_BYTES, miscounted, scan_flat};
use crate::backend::{Backend, Column};
use crate::error::{Record, StoreError};
use crate::flat::{FlatRecord, record_at, superseded_after};

/// Where the newest root slot is: no prefix has such a number of nibbles.
pub(super) const ROOT_SLOT_KEY: [u8; 1] = [0xff];

/// The newest root slot; an empty one before genesis.
pub(crate) fn root_slot<H: TreeHasher>(backend: &dyn Backend) -> Result<Slot, StoreError> {
    match backend.get(Column::Tree, &ROOT_SLOT_KEY)? {
        Some(bytes) => Slot::decode(Column::Tree, &ROOT_SLOT_KEY, &bytes),
        None => Ok(Slot::empty::<H>()),
    }
}

/// The tree as of one height.
pub(crate) struct TreeReader<'a, H> {
    backend: &'a dyn Backend,
    height: Height,
    hasher: PhantomData<H>,
}

impl<'a, H: TreeHasher> TreeReader<'a, H> {
    pub(crate) fn new(backend: &'a dyn Backend, height: Height) -> Self {
        Self { backend, height, hasher: PhantomData }
    }

    /// The root.
    pub(crate) fn root(&self) -> Result<Slot, StoreError> {
        let newest = root_slot::<H>(self.backend)?;
        self.slot_at(&Prefix::ROOT, Some(newest))
    }

    /// Path and end for a key.
    pub(crate) fn prove(&self, key_hash: &Digest) -> Result<StateProof, StoreError> {
        let mut siblings = Vec::new();
        let terminal = self.descend(key_hash, &mut siblings)?;
        let terminal = terminal
            .map_or(Terminal::Empty, |leaf| Terminal::Leaf { key_hash: leaf.key_hash, value_hash: leaf.value_hash });
        let siblings = List::new(siblings).expect("a path is no deeper than the bits of a key hash");
        Ok(StateProof { key_hash: *key_hash, siblings, terminal })
    }

    /// Collects the siblings above the end of a key's path, and returns the leaf that stands there.
    fn descend(&self, key_hash: &Digest, siblings: &mut Vec<Digest>) -> Result<Option<Leaf>, StoreError> {
        let mut prefix = Prefix::ROOT;
        let mut slot = self.root()?;
        while slot.paged {
            let page = self.page_at(&prefix)?;
            let levels = page.levels::<H>();
            let nibble = prefix.nibble_of(key_hash);
            for (step, level) in levels.iter().rev().enumerate() {
                // At each level of the page, the node on the path; below it the path ends when it has at most one key.
                let on_path = usize::from(nibble) >> (NIBBLE_BITS - step);
                let node = &level[on_path];
                if step > 0 {
                    siblings.push(level[on_path ^ 1].hash);
                }
                if node.keys <= 1 {
                    return self.lone_leaf(&prefix, &page, on_path, step, node);
                }
            }
            slot = page.slots[usize::from(nibble)];
            prefix = prefix.child(nibble).ok_or_else(|| miscounted(&prefix))?;
        }
        let leaves = self.leaves_at(&prefix, slot.keys)?;
        let hashed: Vec<LeafHash> = leaves.iter().map(Leaf::hashed::<H>).collect();
        let mut rest = hashed.as_slice();
        let mut depth = prefix.depth();
        while rest.len() > 1 {
            let (left, right) = rest.split_at(parting(rest, depth));
            let (same, other) = if bit(key_hash, depth) { (right, left) } else { (left, right) };
            depth += 1;
            siblings.push(subtree_hash::<H>(other, depth));
            rest = same;
        }
        let end = rest.first().map(|leaf| leaf.key_hash);
        Ok(leaves.into_iter().find(|leaf| Some(leaf.key_hash) == end))
    }

    /// The only leaf below a node of a page, if it has one: `step` levels from the top, the `index`-th there.
    fn lone_leaf(
        &self,
        prefix: &Prefix,
        page: &Page,
        index: usize,
        step: usize,
        node: &Node,
    ) -> Result<Option<Leaf>, StoreError> {
        if node.keys == 0 {
            return Ok(None);
        }
        let width = 1_usize << (NIBBLE_BITS - step);
        let slots = (0_u8..).zip(&page.slots).skip(index * width).take(width);
        for (nibble, slot) in slots {
            if slot.keys == 1 {
                let below = prefix.child(nibble).ok_or_else(|| miscounted(prefix))?;
                return Ok(self.leaves_at(&below, 1)?.first().copied());
            }
        }
        Err(miscounted(prefix))
    }

    /// A page as of the height. Only called where the slot above says that there was one.
    fn page_at(&self, prefix: &Prefix) -> Result<Page, StoreError> {
        let newest = match self.backend.get(Column::Tree, &prefix.to_bytes())? {
            Some(bytes) => Some(Page::decode::<H>(prefix, &bytes)?),
            None => None,
        };
        let mut page = Page::empty::<H>();
        for (nibble, slot) in (0_u8..).zip(&mut page.slots) {
            let below = prefix.child(nibble).ok_or_else(|| miscounted(prefix))?;
            *slot = self.slot_at(&below, newest.as_ref().map(|newest| newest.slots[usize::from(nibble)]))?;
        }
        Ok(page)
    }

    /// A slot as of the height, given its newest content. As with records of keys, the newest is read before the versions.
    fn slot_at(&self, prefix: &Prefix, newest: Option<Slot>) -> Result<Slot, StoreError> {
        if let Some(slot) = newest.filter(|slot| slot.changed <= self.height) {
            return Ok(slot);
        }
        let base = prefix.to_bytes();
        match superseded_after(self.backend, Column::TreeHistory, &base, self.height)? {
            Some(bytes) => Slot::decode(Column::TreeHistory, &base, &bytes),
            None => Err(StoreError::Missing { record: Record::Column(Column::TreeHistory.name()), key: base }),
        }
    }

    /// The leaves of a bucket as of the height: as many as its slot counts.
    fn leaves_at(&self, prefix: &Prefix, expected: u64) -> Result<Vec<Leaf>, StoreError> {
        if expected == 0 {
            return Ok(Vec::new());
        }
        let leaves = match self.noted_members(prefix)? {
            Some(members) => self.keep_valid(members)?,
            None => {
                // No removal, split or merge since: what was there then is still there, among at most SPLIT_KEYS. When one
                // happens just now, it is noted by the time the range has been read.
                let mut cursor = self.backend.cursor(Column::Flat)?;
                let mut records = Vec::new();
                let limit = u64::try_from(super::SPLIT_KEYS).expect("a small constant");
                let found = scan_flat(cursor.as_mut(), prefix, limit, |leaf, written| records.push((leaf, written)))?;
                drop(cursor);
                match self.noted_members(prefix)? {
                    Some(members) => self.keep_valid(members)?,
                    None if found <= limit => self.valid_among(records)?,
                    None => return Err(miscounted(prefix)),
                }
            }
        };
        let count = u64::try_from(leaves.len()).expect("a bucket holds few keys");
        if count == expected { Ok(leaves) } else { Err(miscounted(prefix)) }
    }

    /// The keys of a bucket before the first removal, split or merge after the height, if there was one.
    fn noted_members(&self, prefix: &Prefix) -> Result<Option<BTreeSet<Digest>>, StoreError> {
        let Some(noted) = superseded_after(self.backend, Column::Members, &prefix.to_bytes(), self.height)? else {
            return Ok(None);
        };
        let mut members = BTreeSet::new();
        for fragment in noted.chunks_exact(MEMBER_BYTES) {
            self.keys_beginning(fragment, Column::Flat, &mut members)?;
            self.keys_beginning(fragment, Column::FlatHistory, &mut members)?;
        }
        members.retain(|key_hash| prefix.covers(key_hash.as_bytes()));
        Ok(Some(members))
    }

    /// All key hashes of a column that begin with a fragment.
    fn keys_beginning(&self, fragment: &[u8], column: Column, keys: &mut BTreeSet<Digest>) -> Result<(), StoreError> {
        let mut cursor = self.backend.cursor(column)?;
        cursor.seek(fragment)?;
        while let Some((key, _)) = cursor.entry().filter(|(key, _)| key.starts_with(fragment)) {
            let Some(key_hash) = key.first_chunk::<32>() else {
                break;
            };
            let key_hash = Digest(*key_hash);
            keys.insert(key_hash);
            // Over all versions of this key.
            let mut last = key_hash.as_bytes().to_vec();
            last.extend_from_slice(&[0xff; 9]);
            cursor.seek(&last)?;
        }
        Ok(())
    }

    /// Of records just read, those valid at the height; for one that is too new, the version before it.
    fn valid_among(&self, records: Vec<(Leaf, Height)>) -> Result<Vec<Leaf>, StoreError> {
        let mut leaves = Vec::with_capacity(records.len());
        for (leaf, written) in records {
            if written <= self.height {
                leaves.push(leaf);
            } else {
                leaves.extend(self.leaf_at(&leaf.key_hash)?);
            }
        }
        Ok(leaves)
    }

    fn leaf_at(&self, key_hash: &Digest) -> Result<Option<Leaf>, StoreError> {
        let Some(record) = record_at(self.backend, key_hash, self.height, || false)? else {
            return Ok(None);
        };
        let value_hash = FlatRecord::parse(key_hash.as_bytes(), &record)?.value_hash;
        Ok(Some(Leaf { key_hash: *key_hash, value_hash }))
    }

    fn keep_valid(&self, members: BTreeSet<Digest>) -> Result<Vec<Leaf>, StoreError> {
        let mut leaves = Vec::with_capacity(members.len());
        for key_hash in members {
            leaves.extend(self.leaf_at(&key_hash)?);
        }
        Ok(leaves)
    }
}
