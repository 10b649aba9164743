//! The state of one height in chunks that are checked one by one against what a certified header says: what a node joins with that does not
//! execute the whole chain.
//!
//! ```text
//! certified header ── history root ── history leaves ── state root of the height ── leaves of the tree with their values
//!                                            │                                             └── heads of lists ── rows of indexes
//!                                            └── receipts roots ── receipts ── ids of what was executed last
//! ```
//!
//! - An [`ExportList`] names the chunks with their digests, so whoever sends another one is told apart from whoever made the list. What the list
//!   itself says is checked against the header too, part by part.
//! - The chunks are a function of the state: two nodes that export one height give the same. What a node keeps of it for itself, the places of
//!   values and the pages of the tree, is made anew ([`Import`]).
//! - Not in it: what derived tables held at earlier heights, blocks, batches, and receipts but those of the last
//!   `transaction_lifetime_max_ms`, of which the ids are needed so that nothing is executed twice.
//!
//! The bytes are described in `docs/snapshots.md`.

mod import;
mod index;
mod list;
mod read;
mod rows;

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height};

use crate::error::StoreError;

pub use import::{Import, ImportScope};
pub use index::{INDEX_ROW_BYTES_MAX, ListRow, ListRules, PushRow};
pub use list::ExportList;
pub use read::{Export, Sink};

/// Bytes at which a chunk ends, about; one entry more may fit in.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Greatest length of a chunk in bytes: no entry is larger than a quarter of one.
pub const CHUNK_BYTES_MAX: u32 = 8 * 1024 * 1024;
/// Greatest length of a list in bytes: more than [`CHUNKS_MAX`] chunks take.
pub const LIST_BYTES_MAX: u32 = 128 * 1024 * 1024;
/// Greatest number of chunks in a list: that of most of a terabyte of state.
pub const CHUNKS_MAX: u32 = 1 << 19;
/// Bytes before the rows of a chunk: their number.
const COUNT_BYTES: usize = 4;
/// Leaves of the history log in one chunk: a perfect subtree of it, but for the last.
pub const HISTORY_SPAN: u64 = 1 << 13;

/// What a chunk holds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ChunkKind {
    /// The next [`HISTORY_SPAN`] leaves of the history log, or the last ones.
    History {
        /// RFC 9162 root over them.
        root: Digest,
    } = 1,
    /// All leaves of the tree below a prefix, with their keys and values.
    State {
        /// The prefix: number of nibbles, then the nibbles in whole bytes.
        prefix: Vec<u8>,
        /// Leaves.
        keys: u64,
        /// Hash of the subtree.
        hash: Digest,
    } = 2,
    /// The next rows of indexes, by key.
    Index = 3,
    /// The next receipts, by height and position.
    Receipts = 4,
}

/// A chunk as the list names it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkEntry {
    /// What it holds.
    pub kind: ChunkKind,
    /// Its bytes.
    pub bytes: u32,
    /// SHA-256 of them.
    pub sha256: Digest,
}

impl ChunkEntry {
    /// Whether it names these bytes.
    #[must_use]
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        u32::try_from(bytes.len()).is_ok_and(|length| length == self.bytes) && sha256(&[bytes]) == self.sha256
    }
}

/// Why a chunk, or a list of chunks, is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// The list contradicts what the certified header says, or itself.
    List {
        /// What should have been.
        expected: &'static str,
    },
    /// The chunk is not the one that the list names.
    Sender {
        /// The SHA-256 in the list.
        expected: Digest,
        /// That of what was sent.
        found: Digest,
    },
    /// The chunk is the one that the list names, and contradicts what the certified header says.
    Content {
        /// What should have been.
        expected: &'static str,
    },
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List { expected } => write!(f, "the list of chunks is false: it should have {expected}"),
            Self::Sender { expected, found } => {
                write!(f, "the chunk has SHA-256 {found}, the list names {expected}: it was changed by who sent it")
            }
            Self::Content { expected } => {
                write!(f, "the chunk is the one that the list names, and false: it should hold {expected}")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ImportError {}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportScope {
    /// Leaves of the history log that the certified header counts; more than the height of the state.
    pub history_size: u64,
    /// First height whose receipts are taken along.
    pub receipts_from: Height,
    /// Bytes at which a chunk ends: [`CHUNK_BYTES`], or fewer.
    pub chunk_bytes: usize,
}
