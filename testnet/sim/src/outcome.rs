//! How a run ends.

use core::fmt;
use std::collections::BTreeMap;

use quancheng_types::Height;

use crate::trace::TraceHash;

/// A run in which every invariant held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Fingerprint of everything that happened: equal for equal configurations.
    pub trace_hash: TraceHash,
    /// Newest height that every honest machine committed.
    pub height: Height,
    /// What was counted.
    pub stats: Stats,
    /// How often a structured liar changed each field, by the names that lead to it.
    pub mutations: BTreeMap<String, u64>,
}

/// Counts of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events handled.
    pub steps: u64,
    /// Simulated time, µs.
    pub time_us: u64,
    /// Messages that left a machine.
    pub messages_sent: u64,
    /// Messages that arrived.
    pub messages_delivered: u64,
    /// Crashes, each followed by a restart from disk.
    pub crashes: u64,
    /// Of these, crashes in the middle of a flush.
    pub torn_flushes: u64,
    /// Cuts of links.
    pub cuts: u64,
    /// Slow machines, clock jumps and bursts of loss.
    pub troubles: u64,
    /// Transactions given to a node by clients.
    pub submitted: u64,
    /// Transactions executed, refused ones included.
    pub executed: u64,
    /// Transactions refused by contracts.
    pub refused: u64,
    /// Blocks decided after round 0.
    pub late_rounds: u64,
    /// Changes of the validator set that came into force.
    pub set_changes: u64,
    /// Changes of parameters that came into force.
    pub parameter_changes: u64,
    /// Changes of the version that came into force.
    pub version_changes: u64,
    /// Misbehavior proofs in blocks.
    pub misbehavior: u64,
    /// Signatures verified by computation (the others were answered from the shared memory).
    pub signatures_verified: u64,
    /// Bundles built and verified.
    pub bundles: u64,
    /// What a structured liar did by habit.
    pub habit_acts: u64,
    /// Turns that honest validators let pass, as decided blocks show.
    pub honest_misses: u64,
    /// Turns that the faulty one let pass.
    pub liar_misses: u64,
    /// Alarms raised by honest machines.
    pub alarms: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.stats;
        write!(
            f,
            "seed {} trace {} height {} steps {} simulated {} ms, {} crashes ({} torn), {} cuts, {} troubles, {} executed \
             ({} refused), {} late rounds, {} set changes, {} parameter changes, {} version changes, {} misbehavior, {} bundles, {} mutations, {} acts of habit",
            self.seed,
            self.trace_hash,
            self.height,
            stats.steps,
            stats.time_us / 1000,
            stats.crashes,
            stats.torn_flushes,
            stats.cuts,
            stats.troubles,
            stats.executed,
            stats.refused,
            stats.late_rounds,
            stats.set_changes,
            stats.parameter_changes,
            stats.version_changes,
            stats.misbehavior,
            stats.bundles,
            self.mutations.values().sum::<u64>(),
            stats.habit_acts,
        )
    }
}

/// An invariant that did not hold. The run can be repeated from the seed up to exactly this step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant (protocol §9 has the statements).
    pub property: &'static str,
    /// The seed.
    pub seed: u64,
    /// The step.
    pub step: u64,
    /// Simulated time, µs.
    pub time_us: u64,
    /// What was seen.
    pub details: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, seed, step, time_us, details } = self;
        write!(f, "{property} is violated (seed {seed}, step {step}, {} ms): {details}", time_us / 1000)
    }
}

impl core::error::Error for Violation {}
