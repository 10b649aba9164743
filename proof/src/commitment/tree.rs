//! Making a batch, and opening single items of it.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::Digest;
use quancheng_types::merkle::{self, Path};
use serde::{Deserialize, Serialize};

use super::{BatchCommitment, ITEMS_MAX, ManifestEntry, Salt, item_commitment, item_leaf};

/// An item with its salt: what a submitter keeps.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaltedEntry {
    /// Secret of this item alone.
    pub salt: Salt,
    /// The file.
    pub entry: ManifestEntry,
}

/// Shows that an item is in a batch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemOpening {
    /// The file.
    pub entry: ManifestEntry,
    /// Its salt; absent when it is held back (sealed part), and then the commitment cannot be checked.
    pub salt: Option<Salt>,
    /// From the item's leaf to the batch root.
    pub path: Path,
}

impl ItemOpening {
    /// The batch root to which this opening leads: `None` without salt, or when the path does not fit its own size.
    #[must_use]
    pub fn root(&self) -> Option<Digest> {
        let commitment = item_commitment(self.salt.as_ref()?, &self.entry);
        self.path.root(item_leaf(&commitment))
    }
}

/// Why items do not make a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitmentError {
    /// No item.
    Empty,
    /// More than [`ITEMS_MAX`] items.
    TooMany {
        /// How many.
        count: usize,
    },
    /// The sizes of the files do not add up within 64 bits.
    TooManyBytes,
    /// A whole manifest names one path twice.
    RepeatedPath {
        /// Place of the second mention.
        index: usize,
    },
}

impl fmt::Display for CommitmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a batch needs at least one file"),
            Self::TooMany { count } => {
                write!(f, "{count} files exceed the limit of {ITEMS_MAX} per batch; make several batches")
            }
            Self::TooManyBytes => f.write_str("the sizes of the files exceed 2^64 bytes together"),
            Self::RepeatedPath { index } => {
                write!(f, "item {index} repeats the path of an earlier item of the manifest")
            }
        }
    }
}

impl core::error::Error for CommitmentError {}

/// A batch with everything its submitter knows.
#[derive(Clone, Debug)]
pub struct BatchTree {
    items: Vec<SaltedEntry>,
    leaves: Vec<Digest>,
    commitment: BatchCommitment,
}

impl BatchTree {
    /// Commits to items in this order. `complete` declares them a whole manifest.
    ///
    /// # Errors
    /// [`CommitmentError`].
    pub fn new(items: Vec<SaltedEntry>, complete: bool) -> Result<Self, CommitmentError> {
        let count = u32::try_from(items.len()).ok().filter(|count| *count <= ITEMS_MAX);
        let count = count.ok_or(CommitmentError::TooMany { count: items.len() })?;
        if count == 0 {
            return Err(CommitmentError::Empty);
        }
        let mut bytes = 0_u64;
        let mut paths = std::collections::BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            bytes = bytes.checked_add(item.entry.size).ok_or(CommitmentError::TooManyBytes)?;
            if !paths.insert(&item.entry.path) && complete {
                return Err(CommitmentError::RepeatedPath { index });
            }
        }
        let leaves: Vec<Digest> =
            items.iter().map(|item| item_leaf(&item_commitment(&item.salt, &item.entry))).collect();
        let commitment = BatchCommitment { root: merkle::root(&leaves), count, bytes, complete };
        Ok(Self { items, leaves, commitment })
    }

    /// What goes on chain.
    #[must_use]
    pub const fn commitment(&self) -> BatchCommitment {
        self.commitment
    }

    /// The items, in the order of the batch.
    #[must_use]
    pub fn items(&self) -> &[SaltedEntry] {
        &self.items
    }

    /// Opens one item. `None` when there is no such item.
    #[must_use]
    pub fn opening(&self, index: u32) -> Option<ItemOpening> {
        let item = self.items.get(usize::try_from(index).ok()?)?;
        let path = Path::of(&self.leaves, u64::from(index))?;
        Some(ItemOpening { entry: item.entry.clone(), salt: Some(item.salt), path })
    }

    /// Opens every item, in order.
    #[must_use]
    pub fn openings(&self) -> Vec<ItemOpening> {
        let mut tree = merkle::RootBuilder::new();
        let mut nodes = std::collections::BTreeMap::new();
        for leaf in &self.leaves {
            let position = tree.size();
            for (level, hash) in tree.push(*leaf) {
                nodes.insert((level, position >> level), hash);
            }
        }
        let size = tree.size();
        let path = |index| Path::from_nodes(index, size, |level, at| nodes.get(&(level, at)).copied());
        (0..size)
            .zip(&self.items)
            .filter_map(|(index, item)| {
                Some(ItemOpening { entry: item.entry.clone(), salt: Some(item.salt), path: path(index)? })
            })
            .collect()
    }
}
