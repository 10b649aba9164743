//! What a key held, when, in the authenticated state: the compact sparse binary Merkle tree over `H(key)` (protocol §8).
//!
//! | node | hash |
//! |---|---|
//! | empty subtree | 32 zero bytes |
//! | leaf | SHA-256(0x02 ‖ place ‖ borsh([`Holding`])) |
//! | inner | SHA-256(0x03 ‖ left ‖ right) |
//!
//! A place is 32 bytes, its path their bits, most significant first. A leaf that is alone in its subtree stands for the whole
//! subtree, however high, so a tree of n leaves is about log2 n deep. The prefixes differ from those of the lists of RFC 9162
//! (0x00, 0x01), so no node of one kind passes as another.
//!
//! Time is in the leaf. The newest holding of a key stands at H(key); of a *kept* key every superseded one stands at
//! H(key, version), for ever. Versions count from 0 without gaps, each ends where the next begins, and a kept key never leaves
//! the tree: when its row is removed, it holds nothing from then on. So one root proves what a key held at every height up to its
//! own, and that it held nothing. A *derived* key has one leaf at most, and its absence says something of the root's height alone.
//! Which kind a key is of can be seen from its bytes ([`is_kept`]).

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::hash::content_hash;
use quancheng_types::{Digest, Domain, Height, List};
use serde::{Deserialize, Serialize};

/// Greatest depth of a path: the bits of a key hash.
pub const DEPTH_MAX: u32 = 256;
/// Hash of a subtree without keys.
pub const EMPTY: Digest = Digest::ZERO;
/// First byte under the hash of a leaf.
pub const LEAF_PREFIX: u8 = 2;
/// Numbers of derived tables have this bit.
pub const DERIVED_TABLES: u16 = 0x8000;
/// Numbers of index tables have these bits. Their rows are not in the tree: what they name is, and how many they are.
pub const INDEX_TABLES: u16 = 0xC000;
/// First byte under the hash of an inner node.
pub const INNER_PREFIX: u8 = 3;

/// Place of a key in the tree.
#[must_use]
pub fn key_hash(key: &[u8]) -> Digest {
    Domain::StateKey.hash(key)
}

/// What a leaf holds of a value.
#[must_use]
pub fn value_hash(value: &[u8]) -> Digest {
    Domain::StateValue.hash(value)
}

/// Place of a superseded version of a kept key in the tree.
#[must_use]
pub fn version_hash(key: &[u8], version: u64) -> Digest {
    let mut hasher = Domain::StateVersion.hasher();
    hasher.update(key);
    hasher.update(&version.to_le_bytes());
    hasher.finish()
}

/// Whether a full key is of a kept table: one whose number, the second two bytes, lies below [`DERIVED_TABLES`].
#[must_use]
pub fn is_kept(key: &[u8]) -> bool {
    key.get(2).is_some_and(|byte| u16::from(*byte) << 8 < DERIVED_TABLES)
}

/// Whether a full key is of an index table: nothing under a root says anything about it.
#[must_use]
pub fn is_index(key: &[u8]) -> bool {
    key.get(2).is_some_and(|byte| u16::from(*byte) << 8 >= INDEX_TABLES)
}

/// What a key holds over a span of heights: all that a leaf commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Hash of the value; `None` for a kept key whose row was removed.
    pub value_hash: Option<Digest>,
    /// The first height after which the key held it.
    pub since: Height,
    /// How many holdings of a kept key came before; 0 for a derived key.
    pub version: u64,
    /// The height that superseded it; `None` for the newest.
    pub until: Option<Height>,
}

impl Holding {
    /// Whether it is what the key held after a height.
    #[must_use]
    pub fn holds_at(&self, height: Height) -> bool {
        self.since <= height && self.until.is_none_or(|until| height < until)
    }

    /// Whether a state of that height can hold it: it begins and ends by then, not before version 0 could, and removes something.
    #[must_use]
    pub fn is_possible(&self, key: &[u8], root_height: Height) -> bool {
        let ends = self.until.is_none_or(|until| self.since < until && until <= root_height);
        let kind = is_kept(key) || (self.version == 0 && self.until.is_none());
        // Each version took a height of its own, and the first had a value.
        let counted = self.version <= self.since.0 && (self.version > 0 || self.value_hash.is_some());
        self.since <= root_height && ends && kind && counted
    }

    /// Whether two holdings of one kept key can both be true: each version ends where the next begins, or before.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let (first, second) = if self.version <= other.version { (self, other) } else { (other, self) };
        if first.version == second.version {
            // Under a later root the same holding may have ended.
            let ends = first.until.is_none() || second.until.is_none() || first.until == second.until;
            return ends && (first.value_hash, first.since) == (second.value_hash, second.since);
        }
        // As many heights lie between as versions, at least.
        let between = second.version - first.version - 1;
        let end = first.until.unwrap_or(first.since.next());
        let is_next = between == 0 && first.until.is_some();
        if is_next { end == second.since } else { end.0.saturating_add(between) <= second.since.0 }
    }
}

/// Heights over which a proof shows what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub since: Height,
    /// The height that ended it; `None` when it lasted up to the height of the root at least.
    pub until: Option<Height>,
}

/// A state root and the height whose state it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRoot {
    /// The height.
    pub height: Height,
    /// The root.
    pub hash: Digest,
}

/// Hash of a leaf.
#[must_use]
pub fn leaf_hash(place: &Digest, holding: &Holding) -> Digest {
    let (since, version) = (holding.since.0.to_le_bytes(), holding.version.to_le_bytes());
    let until = holding.until.map(|until| until.0.to_le_bytes());
    // Borsh, without a buffer: leaves are what a commit hashes most.
    content_hash(&[
        &[LEAF_PREFIX],
        place.as_bytes(),
        &[u8::from(holding.value_hash.is_some())],
        holding.value_hash.as_ref().map_or(&[], |hash| hash.as_bytes().as_slice()),
        &since,
        &version,
        &[u8::from(until.is_some())],
        until.as_ref().map_or(&[], |until| until.as_slice()),
    ])
}

/// Hash of an inner node: a subtree of two keys or more.
#[must_use]
pub fn inner_hash(left: &Digest, right: &Digest) -> Digest {
    content_hash(&[&[INNER_PREFIX], left.as_bytes(), right.as_bytes()])
}

/// Bit `depth` of a key hash, from 0 for the most significant one; `true` leads right. Bits past the last are `false`.
#[must_use]
pub fn bit(key_hash: &Digest, depth: usize) -> bool {
    key_hash.as_bytes().get(depth / 8).is_some_and(|byte| byte & (0x80 >> (depth % 8)) != 0)
}

/// What stands at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Terminal {
    /// One leaf, alone in its subtree.
    Leaf {
        /// Its place.
        key_hash: Digest,
        /// What it commits to.
        holding: Holding,
    },
    /// No leaf at all.
    Empty,
}

/// A path from the root to where a leaf is, or would be.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct StateProof {
    /// The place that the path is about: that of the key, or of a superseded version of it.
    pub key_hash: Digest,
    /// Hashes of the subtrees beside the path, from the top down.
    pub siblings: List<Digest, DEPTH_MAX>,
    /// What stands at the end of the path.
    pub terminal: Terminal,
}

impl StateProof {
    /// The holding at the place that the proof is about; `None` when it says that there is none. Says nothing about whether
    /// that is true.
    #[must_use]
    pub fn holding(&self) -> Option<&Holding> {
        match &self.terminal {
            Terminal::Leaf { key_hash, holding } if *key_hash == self.key_hash => Some(holding),
            Terminal::Leaf { .. } | Terminal::Empty => None,
        }
    }

    /// Checks that after height `at` the key held exactly this value, or with `None` nothing, and says for how long.
    ///
    /// # Errors
    /// [`StateProofError`], the first that applies.
    pub fn verify(
        &self,
        root: &StateRoot,
        key: &[u8],
        value: Option<&[u8]>,
        at: Height,
    ) -> Result<Span, StateProofError> {
        if at > root.height {
            return Err(StateProofError::AfterRoot);
        }
        let span = match self.holding() {
            Some(holding) => self.span_of(holding, root, key, value, at)?,
            None => self.span_of_nothing(root, key, value, at)?,
        };
        self.check_root(&root.hash)?;
        Ok(span)
    }

    fn span_of(
        &self,
        holding: &Holding,
        root: &StateRoot,
        key: &[u8],
        value: Option<&[u8]>,
        at: Height,
    ) -> Result<Span, StateProofError> {
        let place = if holding.until.is_some() { version_hash(key, holding.version) } else { key_hash(key) };
        if place != self.key_hash {
            return Err(StateProofError::OtherKey);
        }
        if !holding.is_possible(key, root.height) {
            return Err(StateProofError::Impossible);
        }
        let span = Span { since: holding.since, until: holding.until };
        if holding.holds_at(at) {
            return match (value, holding.value_hash) {
                (None, None) => Ok(span),
                (Some(value), Some(found)) if found == value_hash(value) => Ok(span),
                (Some(_), Some(_)) => Err(StateProofError::OtherValue),
                (Some(_), None) => Err(StateProofError::ProvesAbsence),
                (None, Some(_)) => Err(StateProofError::ProvesInclusion),
            };
        }
        // Before version 0 of a kept key there was nothing. A derived key may have been there before and gone.
        if value.is_none() && is_kept(key) && holding.version == 0 && at < holding.since {
            return Ok(Span { since: Height::GENESIS, until: Some(holding.since) });
        }
        Err(StateProofError::OtherTime)
    }

    fn span_of_nothing(
        &self,
        root: &StateRoot,
        key: &[u8],
        value: Option<&[u8]>,
        at: Height,
    ) -> Result<Span, StateProofError> {
        if key_hash(key) != self.key_hash {
            return Err(StateProofError::OtherKey);
        }
        if value.is_some() {
            return Err(StateProofError::ProvesAbsence);
        }
        if let Terminal::Leaf { key_hash, .. } = self.terminal
            && (0..self.siblings.len()).any(|depth| bit(&key_hash, depth) != bit(&self.key_hash, depth))
        {
            return Err(StateProofError::LeafElsewhere);
        }
        if is_kept(key) {
            Ok(Span { since: Height::GENESIS, until: None })
        } else if at == root.height {
            Ok(Span { since: at, until: None })
        } else {
            Err(StateProofError::NotKept)
        }
    }

    /// The root to which the path leads.
    ///
    /// # Errors
    /// [`StateProofError::NotCompact`] when no tree of this kind has such a path.
    pub fn root(&self) -> Result<Digest, StateProofError> {
        // The subtree beside the end of a path holds two keys or more under an empty end, and one or more beside a leaf:
        // otherwise the subtree above would have been one leaf, or empty.
        if self.siblings.last().is_some_and(|sibling| *sibling == EMPTY) {
            return Err(StateProofError::NotCompact);
        }
        let mut hash = match &self.terminal {
            Terminal::Leaf { key_hash, holding } => leaf_hash(key_hash, holding),
            Terminal::Empty => EMPTY,
        };
        for (depth, sibling) in self.siblings.iter().enumerate().rev() {
            hash = if bit(&self.key_hash, depth) { inner_hash(sibling, &hash) } else { inner_hash(&hash, sibling) };
        }
        Ok(hash)
    }

    fn check_root(&self, root: &Digest) -> Result<(), StateProofError> {
        let found = self.root()?;
        if found == *root { Ok(()) } else { Err(StateProofError::OtherRoot { expected: *root, found }) }
    }
}

/// Why a proof does not show what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateProofError {
    /// The proof is about another key.
    OtherKey,
    /// The proof shows another value of the key.
    OtherValue,
    /// The proof shows that the key held nothing, where a value was asked for.
    ProvesAbsence,
    /// The proof shows that the key held a value, where nothing was asked for.
    ProvesInclusion,
    /// The height asked about is above that of the root.
    AfterRoot,
    /// The proof shows what the key held at other heights than the one asked about.
    OtherTime,
    /// No state of the root's height can hold this leaf: it begins or ends later, or its version cannot be.
    Impossible,
    /// The key is of a derived table: that it is absent says nothing about an earlier height.
    NotKept,
    /// The leaf at the end of the path does not belong on that path.
    LeafElsewhere,
    /// No compact tree has such a path: its last sibling is empty.
    NotCompact,
    /// The path leads to another root.
    OtherRoot {
        /// The root given.
        expected: Digest,
        /// The root to which the path leads.
        found: Digest,
    },
}

impl fmt::Display for StateProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherKey => f.write_str("the proof is about another key"),
            Self::OtherValue => f.write_str("the proof shows another value of this key"),
            Self::ProvesAbsence => f.write_str("the proof claims that the key is absent"),
            Self::ProvesInclusion => f.write_str("the proof claims that the key is present"),
            Self::AfterRoot => f.write_str("the height asked about is above that of the state root"),
            Self::OtherTime => f.write_str("the proof shows what the key held at other heights"),
            Self::Impossible => {
                f.write_str("no state of that height can hold such a leaf: its heights or its version cannot be")
            }
            Self::NotKept => {
                f.write_str("the key is of a derived table: its absence says nothing about an earlier height")
            }
            Self::LeafElsewhere => f.write_str("the leaf at the end of the path does not belong on that path"),
            Self::NotCompact => f.write_str("no state tree has such a path: its last sibling is an empty subtree"),
            Self::OtherRoot { expected, found } => {
                write!(f, "the path leads to the state root {found}, not to {expected}")
            }
        }
    }
}

impl core::error::Error for StateProofError {}

#[cfg(test)]
mod tests;
