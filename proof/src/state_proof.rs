//! Inclusion and absence in the authenticated state: the compact sparse binary Merkle tree over `H(key)` (protocol §6).
//!
//! | node | hash |
//! |---|---|
//! | empty subtree | 32 zero bytes |
//! | leaf | SHA-256(0x02 ‖ H(key) ‖ H(value)) |
//! | inner | SHA-256(0x03 ‖ left ‖ right) |
//!
//! The path of a key is the bits of its hash, most significant first. A leaf that is alone in its subtree stands for the whole
//! subtree, however high, so a tree of n keys is about log2 n deep. The prefixes differ from those of the lists of RFC 9162
//! (0x00, 0x01), so no node of one kind passes as another.
//!
//! There is one shape of proof and one proof for each key and root: siblings from the top down, and what stands at the end of
//! the path — the key's own leaf (inclusion), nothing, or the leaf of another key alone in that subtree (absence).

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Domain, List};
use serde::{Deserialize, Serialize};

/// Greatest depth of a path: the bits of a key hash.
pub const DEPTH_MAX: u32 = 256;
/// Hash of a subtree without keys.
pub const EMPTY: Digest = Digest::ZERO;
/// First byte under the hash of a leaf.
pub const LEAF_PREFIX: u8 = 2;
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

/// Hash of a leaf.
#[must_use]
pub fn leaf_hash(key_hash: &Digest, value_hash: &Digest) -> Digest {
    sha256(&[&[LEAF_PREFIX], key_hash.as_bytes(), value_hash.as_bytes()])
}

/// Hash of an inner node: a subtree of two keys or more.
#[must_use]
pub fn inner_hash(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[INNER_PREFIX], left.as_bytes(), right.as_bytes()])
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
        /// Its key hash.
        key_hash: Digest,
        /// Hash of its value.
        value_hash: Digest,
    },
    /// No key at all.
    Empty,
}

/// A path from the root to where a key is, or would be.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct StateProof {
    /// Place of the key that the proof is about.
    pub key_hash: Digest,
    /// Hashes of the subtrees beside the path, from the top down.
    pub siblings: List<Digest, DEPTH_MAX>,
    /// What stands at the end of the path.
    pub terminal: Terminal,
}

impl StateProof {
    /// Whether the proof claims that the key is there. Says nothing about whether the claim is true.
    #[must_use]
    pub fn claims_inclusion(&self) -> bool {
        matches!(self.terminal, Terminal::Leaf { key_hash, .. } if key_hash == self.key_hash)
    }

    /// Checks that under `root` the key has exactly this value.
    ///
    /// # Errors
    /// [`StateProofError`], the first that applies.
    pub fn verify_inclusion(&self, root: &Digest, key: &[u8], value: &[u8]) -> Result<(), StateProofError> {
        self.check_key(key)?;
        match self.terminal {
            Terminal::Leaf { key_hash, .. } if key_hash != self.key_hash => {
                return Err(StateProofError::ProvesAbsence);
            }
            Terminal::Empty => return Err(StateProofError::ProvesAbsence),
            Terminal::Leaf { value_hash: found, .. } if found != value_hash(value) => {
                return Err(StateProofError::OtherValue);
            }
            Terminal::Leaf { .. } => {}
        }
        self.check_root(root)
    }

    /// Checks that under `root` the key has no value.
    ///
    /// # Errors
    /// [`StateProofError`], the first that applies.
    pub fn verify_absence(&self, root: &Digest, key: &[u8]) -> Result<(), StateProofError> {
        self.check_key(key)?;
        if let Terminal::Leaf { key_hash, .. } = self.terminal {
            if key_hash == self.key_hash {
                return Err(StateProofError::ProvesInclusion);
            }
            let depth = self.siblings.len();
            if (0..depth).any(|at| bit(&key_hash, at) != bit(&self.key_hash, at)) {
                return Err(StateProofError::LeafElsewhere);
            }
        }
        self.check_root(root)
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
            Terminal::Leaf { key_hash, value_hash } => leaf_hash(key_hash, value_hash),
            Terminal::Empty => EMPTY,
        };
        for (depth, sibling) in self.siblings.iter().enumerate().rev() {
            hash = if bit(&self.key_hash, depth) { inner_hash(sibling, &hash) } else { inner_hash(&hash, sibling) };
        }
        Ok(hash)
    }

    fn check_key(&self, key: &[u8]) -> Result<(), StateProofError> {
        if key_hash(key) == self.key_hash { Ok(()) } else { Err(StateProofError::OtherKey) }
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
    /// The proof is one of absence, where inclusion was asked.
    ProvesAbsence,
    /// The proof is one of inclusion, where absence was asked.
    ProvesInclusion,
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
