use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_proof::state_proof::bit;
use quancheng_types::codec::{decode, encode};
use quancheng_types::hash::sha256;
use quancheng_types::{DecodeError, Digest, Height, merkle};

use super::{CHUNK_BYTES_MAX, ChunkEntry, ChunkKind, HISTORY_SPAN, ImportError, LIST_BYTES_MAX};
use crate::tree::{ChainHasher, Prefix, TreeHasher as _};

/// The chunks of an export, in the order in which they are taken in: history, state, indexes, receipts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ExportList {
    /// Height of the state.
    pub height: Height,
    /// First height whose receipts are among the chunks.
    pub receipts_from: Height,
    /// The chunks.
    pub chunks: Vec<ChunkEntry>,
}

/// The subtree that a chunk of the state holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) prefix: Prefix,
    pub(super) keys: u64,
    pub(super) hash: Digest,
}

impl ExportList {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a list of at most [`LIST_BYTES_MAX`].
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, LIST_BYTES_MAX)
    }

    /// Bytes of all chunks.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum()
    }

    /// Whether the chunks are in order, none is too large, and those of the history lead to the root that a header certifies.
    pub(super) fn check_history(&self, size: u64, root: Digest) -> Result<(), ImportError> {
        if self.height.0 >= size {
            return Err(ImportError::List { expected: "a height whose results the certified header counts" });
        }
        if self.chunks.iter().any(|chunk| chunk.bytes > CHUNK_BYTES_MAX) {
            return Err(ImportError::List { expected: "no chunk above the greatest length" });
        }
        if !self.chunks.is_sorted_by_key(|chunk| order(&chunk.kind)) {
            return Err(ImportError::List { expected: "history, state, indexes and receipts in this order" });
        }
        let roots: Vec<Digest> = self.chunks.iter().filter_map(|chunk| history_root(&chunk.kind)).collect();
        let is_whole = u64::try_from(roots.len()).is_ok_and(|count| count == size.div_ceil(HISTORY_SPAN));
        if is_whole && merkle::root(&roots) == root {
            return Ok(());
        }
        Err(ImportError::List { expected: "the history that the certified header names" })
    }

    /// The subtrees of the chunks of the state, which lead to a state root.
    pub(super) fn parts(&self, state_root: Digest) -> Result<Vec<Part>, ImportError> {
        let mut parts = Vec::new();
        for chunk in &self.chunks {
            if let ChunkKind::State { prefix, keys, hash } = &chunk.kind {
                let prefix = Prefix::from_bytes(prefix).filter(|_| *keys > 0);
                let prefix = prefix.ok_or(ImportError::List { expected: "prefixes with keys below them" })?;
                parts.push(Part { prefix, keys: *keys, hash: *hash });
            }
        }
        let is_ascending = parts.windows(2).all(|pair| {
            let [a, b] = pair else { return true };
            a.prefix.first_key() < b.prefix.first_key() && !a.prefix.covers(b.prefix.first_key())
        });
        if is_ascending && fold(&parts, 0) == Some(state_root) {
            return Ok(parts);
        }
        Err(ImportError::List { expected: "subtrees that lead to the state root of its height" })
    }
}

/// Whether a chunk is the one that the list names.
pub(super) fn check_bytes(entry: &ChunkEntry, bytes: &[u8]) -> Result<(), ImportError> {
    let found = sha256(&[bytes]);
    if found == entry.sha256 { Ok(()) } else { Err(ImportError::Sender { expected: entry.sha256, found }) }
}

const fn order(kind: &ChunkKind) -> u8 {
    match kind {
        ChunkKind::History { .. } => 1,
        ChunkKind::State { .. } => 2,
        ChunkKind::Index => 3,
        ChunkKind::Receipts => 4,
    }
}

const fn history_root(kind: &ChunkKind) -> Option<Digest> {
    match kind {
        ChunkKind::History { root } => Some(*root),
        ChunkKind::State { .. } | ChunkKind::Index | ChunkKind::Receipts => None,
    }
}

/// Hash of the tree at a depth over subtrees in ascending order, which share what is above it. `None` when one of them lies above the depth.
fn fold(parts: &[Part], depth: usize) -> Option<Digest> {
    match parts {
        [] => Some(ChainHasher::EMPTY),
        // A subtree of one leaf is that leaf, at whatever depth.
        [part] if part.prefix.depth() == depth || part.keys == 1 => Some(part.hash),
        _ => {
            let bit_of = |part: &Part| bit(&Digest(*part.prefix.first_key()), depth);
            if parts.iter().any(|part| part.prefix.depth() <= depth) {
                return None;
            }
            let (left, right) = parts.split_at(parts.partition_point(|part| !bit_of(part)));
            Some(ChainHasher::inner(&fold(left, depth + 1)?, &fold(right, depth + 1)?))
        }
    }
}
