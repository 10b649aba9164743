//! Evidence bundles (证据包) and their offline verification.
//!
//! A [`Bundle`] proves to someone who holds only a [`Checkpoint`] what the chain recorded, at which height, and who signed
//! for it (protocol §7). [`verify()`] answers with one [`Finding`] per step, never with one yes or no, and in words that the
//! record supports and no stronger ones.
//!
//! | step | checked by | proves |
//! |---|---|---|
//! | V1, V2 | [`verify()`] over [`FileDigests`] | files ↔ digests, files ↔ manifest |
//! | V3 | [`commitment`] | digests ↔ salted commitment ↔ batch root of a transaction or record |
//! | V4, V7, V11 | leaf of the history log | transaction, state entry or its absence ↔ certified header; block time |
//! | V5, V6 | certificates | header ↔ quorum ↔ checkpoint |
//! | V9 | signatures of the transaction | transaction ↔ keys |
//!
//! The crate is pure: no clock, no I/O, no randomness. Every decoder checks limits before it takes memory; nothing panics on
//! foreign bytes; doubt is never reported as a match. `proof/vectors/` holds bundles with their expected reports, for other
//! implementations to be held to.

pub mod bundle;
pub mod checkpoint;
pub mod commitment;
pub mod conflict;
pub mod files;
pub mod foreign;
pub mod identity;
pub mod report;
mod spelling;
pub mod state_proof;
pub mod tables;
pub mod verify;

pub use bundle::{Bundle, BundleBuilder, BundleError, Claim, ItemsOpening, LeafProof, ReceiptPath, SetChange};
pub use checkpoint::{Anchor, Checkpoint, CheckpointError};
pub use commitment::{BatchCommitment, BatchTree, ItemOpening, ManifestEntry, Salt, SaltedEntry};
pub use conflict::{Comparison, ConflictError, Fork, ForkKind, ForkSigner, conflict};
pub use files::{FileDigests, FileHasher};
pub use report::{Assessment, Facts, Finding, Report, Scope, Standing, Step, Verdict};
pub use state_proof::StateProof;
pub use verify::{own_entries, unreadable, verify, verify_bundle};
