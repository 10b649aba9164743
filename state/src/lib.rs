//! The replicated state of the chain: typed tables, tentative writes, the authenticated tree, and the stores that keep them.
//!
//! ```text
//! Table<K, V>   the only way to make a key                       table
//!   reads View, writes Overlay
//! Overlay       tentative writes over a view, dropped on refusal  overlay
//!   over Memo   what a block has read of the snapshot, remembered memo
//!   into Patch
//! Patch         the ordered writes of one height                  patch
//!   commit
//! Store         everything about one executed height, atomically  store
//!   snapshot      ChainStore: blocks, certificates, batches
//! Snapshot      the state as of one height, with proofs           store
//!   Export        all of it in chunks, for another node            export
//!
//! Backend       ordered columns of bytes under a store            backend (memory), quancheng-state-rocks (RocksDB)
//! ```
//!
//! The crate is pure: no clock, no randomness, no I/O, no unordered maps. A disk is reached through [`backend`].

pub mod backend;
pub mod error;
pub mod export;
mod flat;
pub mod key;
pub mod memo;
pub mod overlay;
pub mod patch;
pub mod store;
pub mod table;
mod tree;
pub mod view;

pub use backend::{Backend, Durability, Memory};
pub use error::{IoCause, Record, StoreError};
pub use key::StateKey;
pub use memo::Memo;
pub use overlay::Overlay;
pub use patch::Patch;
pub use store::{
    BLOCKS_KEPT_MIN, BlockCommit, BodyLocation, ChainStore, EXECUTED_IDS_BYTES, Executed, HistoryTip, Newest, Snapshot,
    Store, StoreOptions, WARM_BYTES_MAX, Warm, WarmView, put_beginning,
};
pub use table::Table;
pub use view::View;
