//! Snapshots: the state of one height in a folder of chunks, with the header that certifies it, from which another node begins without
//! executing the chain.
//!
//! ```text
//! snapshots/1234/
//!   manifest      who certifies it: header, certificate, changes of validators, a few blocks; the list of chunks with their digests
//!   000000 …      the chunks (`quancheng_state::export`)
//! ```
//!
//! A node makes one when it is asked to, or every so many heights, and serves what lies in its folder under `/v1/snapshots`; a folder may as well
//! be copied by hand. Whoever takes one trusts nobody but the genesis file: every chunk is compared with the list, and what it holds with the
//! header, before it is written (`docs/snapshots.md`, decision 0089).

mod command;
mod desk;
mod error;
mod fetch;
mod folder;
mod make;
mod manifest;
mod pace;
mod progress;
mod served;
mod source;
#[cfg(test)]
mod tests;

pub use command::take;
pub use desk::{SnapshotDesk, SnapshotStatus};
pub use error::SnapshotError;
pub use fetch::{Found, GivenUp, Left, Sources};
pub use folder::{SnapshotFolder, SnapshotInfo};
pub use make::{SnapshotSource, make};
pub use manifest::Manifest;
pub use source::Source;
