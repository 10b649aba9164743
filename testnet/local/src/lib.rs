//! Local networks of real processes: N validators and M followers of `quanchengd` on one machine, for trials, demonstrations
//! and tests.
//!
//! ```text
//! D/network.json      what runs where (the record of this crate)
//! D/genesis.json      the genesis          D/checkpoint.json   what a verifier trusts
//! D/password          opens every key file of this network
//! D/keys/ORG-….key    one key for each founding organization
//! D/node-0/           node.toml, validator.key, peer.key, data/, node.log, pid
//! ```
//!
//! Nodes stay up when the caller ends. A signal is sent only to a process that still is this network's `quanchengd`.

mod elsewhere;
mod error;
mod founding;
mod http;
mod interrupt;
mod inventory;
mod keys;
mod layout;
mod network;
mod node_file;
mod ports;
mod process;
mod removal;
mod settings;
mod sockets;
mod start;
mod status;
mod stop;
mod threads;
mod unfinished;
mod waiting;

pub use elsewhere::Elsewhere;
pub use error::{Left, LocalError};
pub use founding::{CANDIDATE_ORGANIZATION, DEMO_RULE_SET, SAMPLES, demo_rule_set};
pub use interrupt::interrupt;
pub use layout::{NodeEntry, NodeRole, Record};
pub use network::{Candidate, Network};
pub use process::find_quanchengd;
pub use removal::Removal;
pub use settings::Settings;
pub use status::{NodeState, NodeStatus};
pub use stop::{StopReport, Stray, stop};
pub use threads::{agent, thread_builder};
pub use waiting::Waiting;
