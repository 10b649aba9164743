//! Ordering, data availability and sync of the Quancheng chain: a pure state machine.
//!
//! ```text
//!            Input                                   Action (in order: durable, Flush, messages)
//!   shell ──────────▶ Engine::step(now, input) ─────────────────────────────────────────────▶ shell
//! ```
//!
//! No socket, no clock, no disk, no thread, no randomness: the same inputs give the same actions, so the whole network can
//! be simulated and every run repeated. The shell (`quancheng-node`, or the simulator) carries actions out and feeds back what
//! happened.
//!
//! - [`engine`]: the state machine; when heights start, who signs what, how lost messages are repaired.
//! - [`availability`]: batches are held by a quorum before they are ordered (protocol §3).
//! - [`ordering`]: agreement on one block per height (protocol §4), on the Malachite cores.
//! - [`sync`]: catching up with decided blocks.
//! - [`sign_record`], [`log`]: what survives a crash, as bytes.
//! - [`message`]: what nodes say to each other.
//! - [`checker`]: who verifies signatures.
//! - [`limits`]: every bound, with its reason.
//!
//! # Rules that hold at every step
//!
//! 1. *Durable before visible*: a signature of this node leaves only behind the flush that made its record, its log and
//!    the block it is for durable.
//! 2. *One value per slot*: the sign record admits every signature; what it does not admit is not made, and an alarm says so.
//! 3. *Nothing is believed*: every signature and certificate is verified under the set of its height; what peers claim
//!    without a signature only decides whom to ask.
//! 4. *Bounded*: no peer can make a map grow beyond its line in [`limits`].
//! 5. *Stop rather than spread*: a certified history other than the own one, or a certified block that breaks the rules,
//!    halts the node.

pub mod availability;
pub mod checker;
pub mod engine;
pub mod limits;
pub mod log;
pub mod message;
mod misbehavior;
pub mod ordering;
mod planted;
pub mod sign_record;
mod signer;
pub mod sync;

pub use availability::{AuthorWindow, WINDOW_SEQUENCES};
pub use checker::{CachedChecker, SignatureChecker};
pub use engine::{
    Action, Alarm, Alive, BatchVerdict, Commit, Engine, EngineConfig, EngineStatus, Executed, HaltReason, Input, Now,
    Offence, RecoverError, RecoveredState, ServeRequest, SignQuery, SignatureItem, Tip,
};
pub use log::{LogContents, LogEntry, LogError, LogName, LogWriter, read_log};
pub use message::{CommittedBlock, Lane, Message, MessageError};
#[cfg(feature = "planted-bugs")]
pub use planted::PlantedBug;
pub use sign_record::{NotSafe, SignRecord, SignRecordError};
