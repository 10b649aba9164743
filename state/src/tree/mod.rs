//! The authenticated tree: a compact sparse binary Merkle tree over H(key) (protocol §6, `quancheng_proof::state_proof`).
//!
//! The tree is a function of the set of its leaves. How it is kept is nobody else's business:
//!
//! ```text
//!             root slot                     in memory, and with the pages of a checkpoint
//!            /    |    \
//!         page  page  bucket                a page is four levels: sixteen slots (leaves below, hash), a row for each
//!        / | \                              a bucket is not stored: it is the range of `flat` under its prefix
//!    page  …  bucket
//! ```
//!
//! - A subtree is split into a page when it holds more than [`SPLIT_KEYS`] keys and becomes a bucket again at
//!   [`MERGE_KEYS`]; between the two it stays what it is. The root does not depend on that.
//! - To change a key, take its bucket from memory or read it (one short range), hash it again, and hash the pages above.
//!   Pages and the hashed leaves of buckets are cached within a bound; no root, and no record, depends on what is cached.
//! - A height is made in two steps. *Resolve* finds, of each key, what it held before, and gives the leaves that change: that of the
//!   key, and of a kept key the one of the version that ends. *Update* hashes the tree over those leaves.
//! - Pages that changed are in memory ([`Unwritten`]) until the next checkpoint writes them, all as of one height, with the root. When the leaves
//!   on the disk are of another height, because a crash or a failure came between, the pages are made again from them ([`rebuild`]).
//! - The disk holds the newest tree alone. What the last heights took away is in memory ([`Recent`]), so that proofs are made under
//!   the newest root that is certified; older roots prove nothing that it does not (`quancheng_proof::state_proof`).

mod bucket;
mod cache;
mod hasher;
mod map;
mod page;
mod prefix;
mod read;
mod rebuild;
mod recent;
mod resolve;
mod unwritten;
mod update;
mod walked;

pub(crate) use bucket::{LeafHash, subtree_hash};
pub(crate) use cache::TreeCache;
pub(crate) use hasher::{ChainHasher, TreeHasher};
pub(crate) use page::Slot;
#[cfg(test)]
use page::{Branch, Page};
pub(crate) use prefix::Prefix;
pub(crate) use read::{TreeReader, written_root};
pub(crate) use rebuild::rebuild;
pub(crate) use recent::Recent;
pub(crate) use resolve::Change;
pub(crate) use unwritten::{Pages, Unwritten};
pub(crate) use update::update;

/// Keys above which a bucket becomes a page.
pub(crate) const SPLIT_KEYS: usize = 32;
/// Keys at which a page becomes a bucket. Below [`SPLIT_KEYS`], so that a count that swings does not rebuild pages.
pub(crate) const MERGE_KEYS: u64 = 16;

#[cfg(test)]
mod tests;
