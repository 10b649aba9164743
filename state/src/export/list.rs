use core::ops::ControlFlow;

use borsh::io::{Error, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_proof::state_proof::bit;
use quancheng_types::codec::{decode, encode};
use quancheng_types::hash::sha256;
use quancheng_types::{DecodeError, Digest, Height, List, merkle};

use super::{
    CHUNK_BYTES_MAX, CHUNKS_MAX, COUNT_BYTES, ChunkEntry, ChunkKind, HISTORY_SPAN, ImportError, LIST_BYTES_MAX,
};
use crate::tree::{ChainHasher, Prefix, TreeHasher as _};

/// The chunks of an export, in the order in which they are taken in: history, state, indexes, receipts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct ExportList {
    /// Height of the state.
    pub height: Height,
    /// First height whose receipts are among the chunks.
    pub receipts_from: Height,
    /// The chunks.
    pub chunks: Vec<ChunkEntry>,
}

impl BorshDeserialize for ExportList {
    /// Strict: at most [`CHUNKS_MAX`] chunks.
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self, Error> {
        let (height, receipts_from) = <(Height, Height)>::deserialize_reader(reader)?;
        let chunks = List::<ChunkEntry, CHUNKS_MAX>::deserialize_reader(reader)?.into_vec();
        Ok(Self { height, receipts_from, chunks })
    }
}

/// The subtree that a chunk of the state holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) prefix: Prefix,
    pub(super) keys: u64,
    pub(super) hash: Digest,
    /// Bytes of its leaves.
    bytes: u64,
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

    /// Whether rows of indexes and receipts are cut as an export cuts them: nobody certifies how many chunks there are, so else a list could have any
    /// number of them that hold nothing.
    pub(super) fn check_cut(&self, chunk_bytes: usize) -> Result<(), ImportError> {
        let is_cut = |(at, chunk): (usize, &ChunkEntry)| match chunk.kind {
            ChunkKind::History { .. } | ChunkKind::State { .. } => true,
            ChunkKind::Index | ChunkKind::Receipts => {
                let is_last = self.chunks.get(at + 1).is_none_or(|next| next.kind != chunk.kind);
                usize::try_from(chunk.bytes)
                    .is_ok_and(|bytes| bytes > COUNT_BYTES + if is_last { 0 } else { chunk_bytes - 1 })
            }
        };
        let is_whole = self.chunks.iter().enumerate().all(is_cut);
        let expected = "chunks of rows that are full, but for the last of each kind, which holds some";
        if is_whole { Ok(()) } else { Err(ImportError::List { expected }) }
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

    /// The subtrees of the chunks of the state, which lead to a state root and are as high in the tree as an export leaves them.
    pub(super) fn parts(&self, state_root: Digest, chunk_bytes: usize) -> Result<Vec<Part>, ImportError> {
        let mut parts = Vec::new();
        for chunk in &self.chunks {
            if let ChunkKind::State { prefix, keys, hash } = &chunk.kind {
                let prefix = Prefix::from_bytes(prefix).filter(|_| *keys > 0);
                let prefix = prefix.ok_or(ImportError::List { expected: "prefixes with keys below them" })?;
                let bytes = u64::from(chunk.bytes).saturating_sub(u64::try_from(COUNT_BYTES).unwrap_or(u64::MAX));
                parts.push(Part { prefix, keys: *keys, hash: *hash, bytes });
            }
        }
        let is_ascending = parts.windows(2).all(|pair| {
            let [a, b] = pair else { return true };
            a.prefix.first_key() < b.prefix.first_key() && !a.prefix.covers(b.prefix.first_key())
        });
        if !is_ascending || fold(&parts, 0) != Some(state_root) {
            return Err(ImportError::List { expected: "subtrees that lead to the state root of its height" });
        }
        if !are_cut(&parts, chunk_bytes) {
            return Err(ImportError::List {
                expected: "subtrees that do not fit into the chunk of the one above them",
            });
        }
        Ok(parts)
    }
}

/// Whether of each of these subtrees, ascending, the one above does not fit into a chunk.
fn are_cut(parts: &[Part], chunk_bytes: usize) -> bool {
    let least = u64::try_from(chunk_bytes).unwrap_or(u64::MAX);
    let bytes_below = |above: &Prefix| {
        let first = parts.partition_point(|part| part.prefix.first_key() < above.first_key());
        let below = parts.get(first..).unwrap_or_default();
        below.iter().take_while(|part| above.covers(part.prefix.first_key())).try_fold(0_u64, |sum, part| {
            // Enough is known once there are so many.
            let sum = sum.saturating_add(part.bytes);
            if sum < least { ControlFlow::Continue(sum) } else { ControlFlow::Break(()) }
        })
    };
    parts.iter().filter_map(|part| part.prefix.parent()).all(|above| bytes_below(&above).is_break())
}

/// Whether a chunk is the one that the list names, and as long.
pub(super) fn check_bytes(entry: &ChunkEntry, bytes: &[u8]) -> Result<(), ImportError> {
    let found = sha256(&[bytes]);
    if found != entry.sha256 {
        return Err(ImportError::Sender { expected: entry.sha256, found });
    }
    let is_as_long = u32::try_from(bytes.len()) == Ok(entry.bytes);
    if is_as_long { Ok(()) } else { Err(ImportError::List { expected: "the lengths of the chunks" }) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn part(nibbles: &[u8], bytes: u64) -> Part {
        let prefix = nibbles.iter().fold(Prefix::ROOT, |prefix, nibble| prefix.child(*nibble).unwrap());
        Part { prefix, keys: 2, hash: Digest::ZERO, bytes }
    }

    #[test]
    fn a_subtree_is_cut_only_where_it_does_not_fit() {
        type Case<'a> = (&'a str, &'a [(&'a [u8], u64)], bool);
        let cases: [Case<'_>; 8] = [
            ("nothing", &[], true),
            ("the whole tree in one", &[(&[], 5)], true),
            ("children that fit into one", &[(&[1], 40), (&[7], 59)], false),
            ("children that do not", &[(&[1], 40), (&[7], 60)], true),
            ("one child of two is cut", &[(&[1], 90), (&[7, 0], 50), (&[7, 15], 50)], true),
            ("and was not to be", &[(&[1], 90), (&[7, 0], 50), (&[7, 15], 49)], false),
            ("a lone one, deeper than it should be", &[(&[1], 90), (&[7, 0, 0], 99)], false),
            ("the first child is cut deep", &[(&[0, 3, 1], 99), (&[0, 3, 9], 1), (&[0, 4], 1), (&[2], 1)], true),
        ];
        for (name, parts, expected) in cases {
            let parts: Vec<Part> = parts.iter().map(|(nibbles, bytes)| part(nibbles, *bytes)).collect();
            assert_eq!(are_cut(&parts, 100), expected, "{name}");
        }
    }

    #[test]
    fn more_chunks_than_a_list_may_have_are_refused_before_they_are_read() {
        let list = |count: u32| [&[0; 16][..], &count.to_le_bytes()].concat();
        let refused = ExportList::decode(&list(CHUNKS_MAX + 1)).unwrap_err().to_string();
        assert!(refused.contains(&CHUNKS_MAX.to_string()), "{refused}");
        let short = ExportList::decode(&list(CHUNKS_MAX)).unwrap_err().to_string();
        assert!(!short.contains(&CHUNKS_MAX.to_string()), "{short}");
    }
}
