//! The tree word for word as it is defined, and a harness that holds one against the other.

use super::*;

/// Number of a key → new value, or its removal.
pub(super) type Block = BTreeMap<u16, Option<u8>>;
/// Every leaf at one height.
pub(super) type Model = BTreeMap<Digest, Holding>;

/// Places in a few dense clusters, so that paths part late, and some far apart.
pub(super) fn key(number: u16) -> Digest {
    let mut bytes = sha256(&[&number.to_be_bytes()]).0;
    match number % 4 {
        0 => bytes[0] = 0xaa,
        1 => bytes[..3].copy_from_slice(&[0xaa, 0xbb, 0xc0]),
        2 => bytes[..9].copy_from_slice(&[0x0f; 9]),
        _ => {}
    }
    Digest(bytes)
}

pub(super) fn is_derived(number: u16) -> bool {
    number.is_multiple_of(3)
}

pub(super) fn state_key(number: u16) -> StateKey {
    let table = if is_derived(number) { DERIVED_TABLES | 1 } else { 1 };
    StateKey::from_bytes([9_u16.to_be_bytes(), table.to_be_bytes(), number.to_be_bytes()].concat()).unwrap()
}

pub(super) fn value_hash(value: u8) -> Digest {
    sha256(&[&[value]])
}

pub(super) fn leaves_of(model: &Model) -> Vec<(Digest, Holding)> {
    model.iter().map(|(place, holding)| (*place, *holding)).collect()
}

/// What a block makes of a model: the rules of protocol §8.
pub(super) fn grow(model: &mut Model, height: Height, block: &Block) {
    for (number, value) in block {
        let (place, value_hash) = (key(*number), value.map(value_hash));
        let before = model.get(&place).copied();
        if before.and_then(|before| before.value_hash) == value_hash {
            continue;
        }
        let mut version = 0;
        match before {
            Some(before) if !is_derived(*number) => {
                let past = state_key(*number).version_hash(before.version);
                model.insert(past, Holding { until: Some(height), ..before });
                version = before.version + 1;
            }
            Some(_) | None => {}
        }
        if value.is_none() && is_derived(*number) {
            model.remove(&place);
        } else {
            model.insert(place, Holding { value_hash, since: height, version, until: None });
        }
    }
}

/// The definition of the root.
pub(super) fn naive_root<H: TreeHasher>(leaves: &[(Digest, Holding)], depth: usize) -> Digest {
    match leaves {
        [] => H::EMPTY,
        [(place, holding)] => H::leaf(place, holding),
        _ => {
            let (left, right) = leaves.split_at(leaves.partition_point(|(place, _)| !bit(place, depth)));
            H::inner(&naive_root::<H>(left, depth + 1), &naive_root::<H>(right, depth + 1))
        }
    }
}

/// The definition of a proof.
pub(super) fn naive_proof<H: TreeHasher>(leaves: &[(Digest, Holding)], place: Digest) -> StateProof {
    let mut siblings = Vec::new();
    let mut rest = leaves;
    while rest.len() > 1 {
        let depth = siblings.len();
        let (left, right) = rest.split_at(rest.partition_point(|(place, _)| !bit(place, depth)));
        let (same, other) = if bit(&place, depth) { (right, left) } else { (left, right) };
        siblings.push(naive_root::<H>(other, depth + 1));
        rest = same;
    }
    let leaf = |(key_hash, holding): &(Digest, Holding)| Terminal::Leaf { key_hash: *key_hash, holding: *holding };
    let terminal = rest.first().map_or(Terminal::Empty, leaf);
    StateProof { key_hash: place, siblings: List::new(siblings).unwrap(), terminal }
}

/// A tree on a backend in memory, with the model of each height.
pub(super) struct Harness {
    pub(super) memory: Memory,
    pub(super) cache: TreeCache,
    pub(super) unwritten: Unwritten,
    pub(super) recent: Recent,
    /// Pages are written with every so many heights.
    pub(super) checkpoint_heights: usize,
    pub(super) models: Vec<Model>,
}

impl Harness {
    pub(super) fn new<H: TreeHasher>(cache_bytes: usize) -> Self {
        Self {
            memory: Memory::new(),
            cache: TreeCache::new(cache_bytes),
            unwritten: Unwritten::new(Slot::empty::<H>(), Pages::new()),
            recent: Recent::new(Height::GENESIS, 1 << 20),
            checkpoint_heights: 1,
            models: Vec::new(),
        }
    }

    pub(super) fn apply<H: TreeHasher>(&mut self, block: &Block) -> Result<(), StoreError> {
        let height = Height(u64::try_from(self.models.len()).unwrap());
        let mut model = self.models.last().cloned().unwrap_or_default();
        grow(&mut model, height, block);
        let change = |(number, value): (&u16, &Option<u8>)| Change {
            key: state_key(*number),
            key_hash: key(*number),
            value: value.map(|value| (value_hash(value), vec![value])),
        };
        let mut changes: Vec<Change> = block.iter().map(change).collect();
        changes.sort_unstable_by_key(|change| change.key_hash);
        let mut out = Writes::new();
        let done = update::<H>(&self.memory, &self.unwritten, &mut self.cache, height, changes, &mut out)?;
        self.recent.begin(done.undo);
        self.memory.write(out, Durability::Buffered)?;
        self.unwritten.take_over(done.root, done.pages);
        self.cache.take_buckets(done.buckets);
        self.models.push(model);
        if self.models.len().is_multiple_of(self.checkpoint_heights) {
            self.write_pages();
        }
        Ok(())
    }

    pub(super) fn write_pages(&mut self) {
        let mut out = Writes::new();
        let height = Height(u64::try_from(self.models.len() - 1).unwrap());
        self.unwritten.put_all(height, &mut out);
        self.memory.write(out, Durability::Buffered).unwrap();
        self.cache.take_pages(self.unwritten.take_pages());
    }

    pub(super) fn root(&self) -> Slot {
        self.unwritten.root()
    }

    pub(super) fn reader<H: TreeHasher>(&self, height: u64) -> TreeReader<'_, H> {
        TreeReader::new(&self.memory, &self.unwritten, &self.recent, Height(height))
    }

    pub(super) fn check_height<H: TreeHasher>(&self, height: usize, probes: &BTreeSet<Digest>) {
        let leaves = leaves_of(&self.models[height]);
        let reader = self.reader::<H>(u64::try_from(height).unwrap());
        let root = reader.root().unwrap();
        assert_eq!(root.hash, naive_root::<H>(&leaves, 0), "root at {height}");
        assert_eq!(root.keys, u64::try_from(leaves.len()).unwrap(), "leaves at {height}");
        for probe in probes {
            assert_eq!(reader.prove(probe).unwrap(), naive_proof::<H>(&leaves, *probe), "proof of {probe} at {height}");
        }
    }

    /// Rows on the disk that the tree reaches.
    pub(super) fn rows(&self, prefix: Prefix, slot: &Slot) -> usize {
        if !slot.paged {
            return 0;
        }
        let mut cursor = self.memory.cursor(Column::Tree).unwrap();
        let page = read_page::<ChainHasher>(cursor.as_mut(), &prefix).unwrap().unwrap();
        let below = (0_u8..).zip(&page.slots).filter(|(_, slot)| slot.keys > 0);
        below.map(|(nibble, slot)| 1 + self.rows(prefix.child(nibble).unwrap(), slot)).sum()
    }
}
