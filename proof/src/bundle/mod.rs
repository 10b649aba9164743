//! The bundle: everything a verifier needs beside its checkpoint, in one fixed shape (protocol §7).
//!
//! ```text
//! file ─V1─ entry ─V3─ commitment ─ transaction or state entry ─V4─ receipts_root / state_root ─ leaf of its height
//!                                                                                                │ V4, V7, V11
//! checkpoint ─V6─ set changes ─ validators ─V5─ certificate ─ header ──────────────────────── history_root
//! ```
//!
//! Two forms carry the same content without loss: borsh (compact; golden bytes in `proof/vectors`) and JSON (readable).
//! Neither form has a second spelling: what is decoded encodes to the same bytes or the same JSON value.

mod build;
mod error;
mod form;
mod json;
mod receipt_path;
mod reencoded;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::merkle::Path;
use quancheng_types::{
    Bytes, CommitCertificate, Header, Height, HistoryLeaf, List, Receipt, SignedTransaction, ValidatorSet,
};
use serde::{Deserialize, Serialize};

pub use build::BundleBuilder;
pub use error::BundleError;
pub use receipt_path::{RECEIPT_PATH_MAX, ReceiptPath};
pub use reencoded::{Encoding, Reencoded};

use crate::commitment::{ITEMS_MAX, ItemOpening};
use crate::state_proof::StateProof;

/// Bytes of the compact form (8 MiB): a manifest of 4096 files with a thousand changes of validators fits.
pub const BUNDLE_BYTES_MAX: u32 = 8 * 1024 * 1024;
/// Bytes of the JSON form (64 MiB): what [`Bundle::to_json`] writes of the largest compact form stays below, whatever it is made
/// of (short entries of manifests take most, about five times their compact bytes).
pub const BUNDLE_JSON_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Values that a text in the JSON form may separate (commas and opening brackets): bounds the memory of a hostile text. The largest
/// compact form needs fewer.
pub const BUNDLE_JSON_SEPARATORS_MAX: u32 = 2 * 1024 * 1024;
/// First bytes of the compact form.
pub const BUNDLE_MAGIC: [u8; 8] = *b"QCBUNDLE";
/// Version that follows the magic, `u16` little-endian.
pub const BUNDLE_VERSION: u16 = 1;
/// Name of the format in the JSON form.
pub const BUNDLE_FORMAT: &str = "quancheng-bundle";
/// Claims of one bundle, and heights they may speak of.
pub const CLAIMS_MAX: u32 = 64;
/// Batches that one bundle opens.
pub const OPENINGS_MAX: u32 = 64;
/// Changes of validators between checkpoint and header.
pub const TRUST_STEPS_MAX: u32 = 4096;
/// Bytes of a state key.
pub const KEY_BYTES_MAX: u32 = 256;
/// Bytes of a state value.
pub const VALUE_BYTES_MAX: u32 = 64 * 1024;

/// An evidence bundle (证据包). Decoding checks its shape; only [`verify`](crate::verify()) says what it proves.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// What is claimed: at least one.
    pub claims: List<Claim, CLAIMS_MAX>,
    /// Files behind the commitments of claims, in ascending order of `(claim, call)`.
    pub openings: List<ItemsOpening, OPENINGS_MAX>,
    /// The heights that claims speak of or are proven by, and those at which their spans begin and end, as far as they are carried:
    /// in strictly ascending order, each used by at least one claim.
    pub leaves: List<LeafProof, CLAIMS_MAX>,
    /// The certified header from which everything else follows.
    pub header: Header,
    /// A quorum of signatures over it.
    pub certificate: CommitCertificate,
    /// The validators of its height.
    pub validators: ValidatorSet,
    /// How the validators came to be those, in ascending order of height.
    pub trust_path: List<SetChange, TRUST_STEPS_MAX>,
}

/// One thing that the bundle proves.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Claim {
    /// A transaction was executed, with this result.
    Transaction {
        /// Which of `leaves`.
        leaf: u16,
        /// The transaction with its signatures.
        transaction: Box<SignedTransaction>,
        /// What came of it.
        receipt: Receipt,
        /// From the receipt to the leaf's `receipts_root`.
        path: ReceiptPath,
    },
    /// The state held this value under this key, or nothing.
    State {
        /// Which of `leaves`: the height as of which this is claimed.
        leaf: u16,
        /// Which of `leaves` has the `state_root` that proves it: the same, or a later one.
        root: u16,
        /// The full key.
        key: Bytes<KEY_BYTES_MAX>,
        /// The value, or `None` for absence.
        value: Option<Bytes<VALUE_BYTES_MAX>>,
        /// From the key, or a superseded version of it, to that `state_root`.
        proof: StateProof,
    },
}

impl Claim {
    /// Which of the bundle's `leaves` it speaks of.
    #[must_use]
    pub const fn leaf(&self) -> u16 {
        match self {
            Self::Transaction { leaf, .. } | Self::State { leaf, .. } => *leaf,
        }
    }

    /// Which of the bundle's `leaves` proves it.
    #[must_use]
    pub const fn root(&self) -> u16 {
        match self {
            Self::Transaction { leaf, .. } => *leaf,
            Self::State { root, .. } => *root,
        }
    }

    /// Whether the span of a state claim begins or ends at a height: its leaf says when that was.
    pub(crate) fn spans_from_or_to(&self, height: Height) -> bool {
        match self {
            Self::Transaction { .. } => false,
            Self::State { proof, .. } => {
                proof.holding().is_some_and(|holding| holding.since == height || holding.until == Some(height))
            }
        }
    }
}

/// The results of one height, as the certified history log holds them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafProof {
    /// The leaf; it is rebuilt from these values, never taken as a hash.
    pub leaf: HistoryLeaf,
    /// To the header's `history_root`: `index` is the height, `size` the header's `history_size`.
    pub path: Path,
}

/// Files that a claim's commitment covers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemsOpening {
    /// Which of `claims`.
    pub claim: u16,
    /// Which call of a transaction; 0 for a state entry.
    pub call: u8,
    /// At least one, in strictly ascending order of place in the batch.
    pub items: List<ItemOpening, ITEMS_MAX>,
}

/// A change of validators, vouched for by those who leave office.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetChange {
    /// The last header of the old set; its `next_validators_hash` names the new one.
    pub header: Header,
    /// Signed by the old set.
    pub certificate: CommitCertificate,
    /// The new set, in office from the next height.
    pub next_validators: ValidatorSet,
}
