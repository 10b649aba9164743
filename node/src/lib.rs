//! The shell of a Quancheng node: everything that touches sockets, clocks and disks around the pure crates.
//!
//! ```text
//!  api ─► admission ─► verifier ─► batcher ─► (disk) ─► driver ─► network          the way in
//!  network ─► driver ─► consensus engine ─► log, sign record, blocks ─► network   agreement
//!  driver ─► executor ─► ledger ─► tracker ─► api                                 results
//! ```

pub mod admission;
pub mod api;
pub mod backend;
pub mod backup;
pub mod batcher;
pub mod budget;
pub mod config;
pub mod descriptors;
pub mod desk;
pub mod driver;
pub mod executor;
pub mod fair;
pub mod files;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod marks;
pub mod metrics;
pub mod network;
pub mod replay;
pub mod signals;
pub mod snapshot;
pub mod start;
#[cfg(test)]
mod testing;
pub mod thread_end;
pub mod tracker;
mod turns;
pub mod verifier;
pub mod version;
