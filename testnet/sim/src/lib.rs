//! Deterministic simulator of a Quancheng network (faults F1–F4, F11, F14, F16 of the assurance plan).
//!
//! The production crates `consensus`, `contracts`, `state` and `proof` run on simulated machines; the simulator supplies what is
//! outside of them: a network that loses, delays, doubles and cuts, disks that tear writes, clocks that differ, crashes
//! between any two actions, clients, one validator that lies, and validator sets that change under load.
//!
//! ```text
//! config      a run is data: everything follows from a seed
//! world       the queue of events, machines, faults, clients            one event after the other
//! properties  the invariants of the protocol §9, judged at every step    judge what honest machines do
//! audit       the invariants that need a whole run: replay, bundles
//! outcome     a trace hash and counts, or the violation with its step
//! ```
//!
//! The same configuration gives the same run, down to the trace hash: a violation is repeated by its seed. With the feature
//! `planted-bugs` the crates under test make one deliberate mistake, and the run must end in a violation.

mod audit;
mod byzantine;
mod chain;
mod checker;
mod clients;
pub mod config;
mod disk;
mod executor;
mod known;
mod network;
mod outcome;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod properties;
mod queue;
pub mod random;
mod trace;
mod world;

pub use config::{Byzantine, Faults, Habit, Load, SimConfig};
pub use outcome::{Outcome, Stats, Violation};
pub use trace::TraceHash;
pub use world::run;

#[cfg(feature = "planted-bugs")]
pub use planted::{Caught, Planted};
