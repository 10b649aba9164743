//! Salted commitments to files: what the chain stores instead of them (domain rules G1; protocol §7 item 1).
//!
//! ```text
//! entry       = path ‖ size ‖ SHA-256 ‖ SM3 ‖ media type                     (borsh)
//! commitment  = H(tag ‖ salt ‖ entry)      tag = quancheng/evidence/1, salt = 32 random bytes per item
//! leaf        = H(0x00 ‖ commitment)                                           (RFC 9162)
//! root        = RFC 9162 root over the leaves, in the order of the batch
//! ```
//!
//! The chain holds [`BatchCommitment`]: root, count, bytes, and whether the batch is a whole manifest. A single file is a
//! batch of one. Without its salt a commitment says nothing about a file, not even to someone who guesses it; so a missing
//! salt is "cannot check", never a mismatch.

mod entry;
mod tree;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Call, Digest, Domain, ModuleId, merkle};
use serde::{Deserialize, Serialize};

pub use entry::{
    MEDIA_TYPE_BYTES_MAX, ManifestEntry, MediaType, MediaTypeError, PATH_BYTES_MAX, PathError, RelativePath,
};
pub use tree::{BatchTree, CommitmentError, ItemOpening, SaltedEntry};

/// Items of one batch that the verifier accepts; genesis parameters are stricter.
pub const ITEMS_MAX: u32 = 4096;

/// Number of the contract module that notarizes.
pub const EVIDENCE_MODULE: ModuleId = ModuleId(10);

/// First byte of the payload of its notarize call: the borsh discriminant.
pub const NOTARIZE_CALL: u8 = 0;

/// Number of its table of records.
pub const EVIDENCE_RECORD_TABLE: u16 = 1;

/// 32 secret random bytes that keep a commitment from being guessed. Made by the submitter, one per item, and kept by it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Salt(pub Digest);

/// What the chain stores of a batch of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCommitment {
    /// RFC 9162 root over the items.
    pub root: Digest,
    /// Number of items, 1 to [`ITEMS_MAX`].
    pub count: u32,
    /// Sum of the sizes of the files, bytes.
    pub bytes: u64,
    /// Whether the submitter declares the batch to be a whole manifest (清单).
    pub complete: bool,
}

/// The salted commitment to one item.
#[must_use]
pub fn item_commitment(salt: &Salt, entry: &ManifestEntry) -> Digest {
    Domain::EvidenceCommitment.hash_of(&(salt, entry))
}

/// The RFC 9162 leaf hash of an item's commitment.
#[must_use]
pub fn item_leaf(commitment: &Digest) -> Digest {
    merkle::leaf_hash(commitment.as_bytes())
}

/// The batch that a call notarizes: its payload is [`NOTARIZE_CALL`], then a [`BatchCommitment`], then fields that do not
/// matter here. `None` for any other call.
#[must_use]
pub fn notarized(call: &Call) -> Option<BatchCommitment> {
    if call.module != EVIDENCE_MODULE {
        return None;
    }
    let (discriminant, mut rest) = call.payload.split_first()?;
    if *discriminant != NOTARIZE_CALL {
        return None;
    }
    plausible(<BatchCommitment as BorshDeserialize>::deserialize(&mut rest).ok()?)
}

/// The batch that a state entry records: a value of the evidence module's table of records begins with its
/// [`BatchCommitment`], and is filed under its root. `None` for any other entry.
#[must_use]
pub fn recorded(key: &[u8], value: &[u8]) -> Option<BatchCommitment> {
    let (module, rest) = key.split_first_chunk::<2>()?;
    let (table, root) = rest.split_first_chunk::<2>()?;
    if u16::from_be_bytes(*module) != EVIDENCE_MODULE.0 || u16::from_be_bytes(*table) != EVIDENCE_RECORD_TABLE {
        return None;
    }
    let mut value = value;
    let found = <BatchCommitment as BorshDeserialize>::deserialize(&mut value).ok()?;
    plausible(found).filter(|found| found.root.as_bytes() == root)
}

fn plausible(commitment: BatchCommitment) -> Option<BatchCommitment> {
    (1..=ITEMS_MAX).contains(&commitment.count).then_some(commitment)
}

#[cfg(test)]
mod tests;
