//! Native contract modules of the Quancheng chain and the executor that runs them.
//!
//! ```text
//! executor    a block's transactions over overlays: duplicates skipped, signers resolved, refusals without a trace
//!   │ calls
//! modules     the fixed list: number, name, dispatch, JSON ⇄ borsh, words of refusals
//!   │
//! identity    organizations, roles, keys, officers
//! governance  validators, parameters, versions, rule sets, calendar: changed by vote of the validators' organizations
//! registry    registration certificates and their whole lifecycle
//! evidence    notarized commitments and their custody
//!   │ speak
//! domain      days, working days, credit codes, ledger numbers, regions, sectors: no state
//! ```
//!
//! A module sees only the overlay, the call, the signers, the block's height and time, and the rules in force
//! ([`contract::Context`]). The crate is pure: no clock, no randomness, no I/O, no floats, no unordered maps.

pub mod contract;
pub mod describe;
pub mod domain;
pub mod evidence;
pub mod executor;
pub mod genesis;
pub mod governance;
pub mod identity;
pub mod index;
pub mod modules;
pub mod refusal;
pub mod registry;
pub mod weight;

pub use contract::{Answer, Contract, ResolvedSigner};
pub use describe::{Describe, Entry, Shape, Sort, describe_entry, shape_of};
pub use executor::{BlockInput, BlockOutput, CoreRefusal, check_signers, execute_block, replay_window_ms};
pub use genesis::{GenesisStateError, check_genesis, genesis_patch};
pub use index::{IndexList, ListHead, Place, index_lists};
pub use modules::{
    CodecError, MODULES, Module, QueryError, Refusal, check_call, decode_call, decode_event, encode_call,
    encode_genesis, query, refusal_text,
};
pub use quancheng_state::StateKey;
pub use refusal::{Failure, RefusalCode, RefusalText};

#[cfg(test)]
pub(crate) mod testing;
