//! The house rules of the workspace, as tests.
//!
//! Rules that a person must remember are forgotten; these run with every `make test` (`tests/house.rs`) and fail with the
//! place, the fault and what to do. Each checker is a pure function from text to faults, so that its own tests can plant a
//! violation and see it caught.
//!
//! | module | rule |
//! |---|---|
//! | [`arrows`] | which crate may import which, and where the heavy libraries live (the table in the architecture document) |
//! | [`bans`] | every pure crate bans clocks, threads, files, sockets and unordered maps in its `clippy.toml` |
//! | [`sources`] | no leftover marks, no paths of one machine, no overlong files, the README's commands, shared lints |
//!
//! Nothing imports this crate.

pub mod arrows;
pub mod bans;
pub mod sources;
