//! Is the simulator honest? Deliberate mistakes in the crates under test, the circumstances in which each shows, and the hunt for it.

use quancheng_consensus::PlantedBug as ConsensusBug;
use quancheng_contracts::executor::PlantedBug as ExecutorBug;
use quancheng_types::planted::PlantedBug as TypesBug;

use crate::config::{Byzantine, Habit, SimConfig};
use crate::outcome::Violation;
use crate::world::run;

/// Seeds in which a mistake must show.
pub const SEEDS_MAX: u64 = 40;
/// Blocks of one such run.
const BLOCKS: u64 = 120;

/// A deliberate mistake, in all honest nodes alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// In the consensus crate.
    Consensus(ConsensusBug),
    /// In the executor: its node-dependent figures are filled in by the simulator.
    Executor(ExecutorBug),
    /// In what the bytes of blocks and votes mean: at every machine, the faulty one and the yardstick included.
    Types(TypesBug),
}

/// What a mistake needs to show, beside chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circumstance {
    /// Seeds as they are.
    AsDrawn,
    /// A faulty validator of this kind.
    With(Byzantine),
    /// A structured liar with this habit.
    WithHabit(Habit),
    /// A set that changes.
    ChangingSet,
    /// Parameters that change.
    ChangingParameters,
    /// A version that changes.
    ChangingVersion,
    /// A set that changes, and a structured liar.
    ChangingSetWithForger,
    /// A validator that proposes false blocks, and every limit is near.
    TightWithProposer,
    /// Many crashes.
    Crashing,
    /// Many crashes, and a structured liar, so that heights take many rounds.
    CrashingWithForger,
}

/// How a hunt ended.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Seeds that were run, the last of which showed the mistake.
    pub seeds: u64,
    /// What broke.
    pub violation: Violation,
}

impl Planted {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let executor = [
            ExecutorBug::UnorderedIteration { node_seed: 0 },
            ExecutorBug::RefusalLeavesWrites,
            ExecutorBug::DuplicateExecutedTwice,
            ExecutorBug::LocalClock { ahead_ms: 0 },
            ExecutorBug::ExpiryUnchecked,
            ExecutorBug::OrderedById,
            ExecutorBug::ReceiptsReversed,
            ExecutorBug::WindowsForgotten,
        ];
        let types = TypesBug::ALL.iter().copied().map(Self::Types);
        let consensus = ConsensusBug::ALL.iter().copied().map(Self::Consensus);
        consensus.chain(executor.into_iter().map(Self::Executor)).chain(types).collect()
    }

    /// Name of the mistake.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::Consensus(bug) => format!("{bug:?}"),
            Self::Executor(bug) => format!("{bug:?}"),
            Self::Types(bug) => format!("{bug:?}"),
        };
        name.split(' ').next().unwrap_or_default().to_owned()
    }

    fn circumstance(self) -> Circumstance {
        match self {
            Self::Consensus(bug) => of_consensus(bug),
            Self::Executor(_) => Circumstance::AsDrawn,
            Self::Types(_) => Circumstance::With(Byzantine::Forger),
        }
    }

    /// The run of a seed with this mistake, under the circumstances in which it can show.
    #[must_use]
    pub fn config(self, seed: u64) -> SimConfig {
        let mut config = SimConfig { planted: Some(self), ..SimConfig::of_seed(seed, BLOCKS) };
        let circumstance = self.circumstance();
        match circumstance {
            Circumstance::AsDrawn => {}
            Circumstance::With(kind) => config.byzantine = Some(kind),
            Circumstance::WithHabit(habit) => {
                config.byzantine = Some(Byzantine::Forger);
                config.habit = Some(habit);
            }
            Circumstance::ChangingSet | Circumstance::ChangingSetWithForger => config.set_change = true,
            Circumstance::ChangingParameters => config.parameter_change = true,
            Circumstance::ChangingVersion => config.version_change = true,
            Circumstance::Crashing | Circumstance::CrashingWithForger => config.faults.crash_interval_ms = 300,
            Circumstance::TightWithProposer => {
                config.byzantine = Some(Byzantine::Proposer);
                config.is_tight = true;
                config.load.interval_us = 6_000;
            }
        }
        if matches!(circumstance, Circumstance::ChangingSetWithForger | Circumstance::CrashingWithForger) {
            config.byzantine = Some(Byzantine::Forger);
        }
        let is_stranger = config.byzantine == Some(Byzantine::Stranger);
        config.followers = config.followers.max(usize::from(config.set_change) + usize::from(is_stranger));
        config
    }

    /// Runs seeds until one breaks an invariant; `None` when none of [`SEEDS_MAX`] does.
    #[must_use]
    pub fn hunt(self) -> Option<Caught> {
        (0..SEEDS_MAX).find_map(|seed| {
            let violation = run(self.config(seed)).err()?;
            Some(Caught { seeds: seed + 1, violation })
        })
    }
}

fn of_consensus(bug: ConsensusBug) -> Circumstance {
    match bug {
        ConsensusBug::EarlySend
        | ConsensusBug::EarlyStatus
        | ConsensusBug::BatchQuorum
        | ConsensusBug::WrongHeightRoot
        | ConsensusBug::EarlyAck
        | ConsensusBug::AckUnstored
        | ConsensusBug::AcknowledgedDropped
        | ConsensusBug::NoSync
        | ConsensusBug::VoteQuorum => Circumstance::AsDrawn,
        ConsensusBug::ForgottenVote | ConsensusBug::OwnBatchesLost => Circumstance::Crashing,
        ConsensusBug::ForgottenLock => Circumstance::CrashingWithForger,
        ConsensusBug::CommitQuorum | ConsensusBug::ClaimsBelieved => Circumstance::With(Byzantine::Liar),
        ConsensusBug::WrongParent
        | ConsensusBug::RootNotCompared
        | ConsensusBug::WrongProposer
        | ConsensusBug::NextSetIgnored
        | ConsensusBug::RepeatedBatch
        | ConsensusBug::RepeatInBlock
        | ConsensusBug::VersionIgnored
        | ConsensusBug::ClockIgnored
        | ConsensusBug::TimeBackward
        | ConsensusBug::LagIgnored
        | ConsensusBug::ShortWindow => Circumstance::With(Byzantine::Proposer),
        ConsensusBug::AbsencesBelieved | ConsensusBug::HonestPunished => Circumstance::WithHabit(Habit::Frame),
        ConsensusBug::OneSource => Circumstance::WithHabit(Habit::Withhold),
        ConsensusBug::AckInvalid => Circumstance::With(Byzantine::Batcher),
        ConsensusBug::Unpunished => Circumstance::With(Byzantine::Twin),
        ConsensusBug::EarlySet | ConsensusBug::LateSet => Circumstance::ChangingSet,
        ConsensusBug::ManyBatches => Circumstance::TightWithProposer,
        ConsensusBug::EarlyParameters => Circumstance::ChangingParameters,
        ConsensusBug::EarlyVersion => Circumstance::ChangingVersion,
        ConsensusBug::OtherSetBlamed => Circumstance::ChangingSetWithForger,
        ConsensusBug::PolkaQuorum
        | ConsensusBug::RoundQuorum
        | ConsensusBug::VoteUnchecked
        | ConsensusBug::BatchSignatureUnchecked
        | ConsensusBug::StrangerSignature
        | ConsensusBug::SyncUnchecked
        | ConsensusBug::SyncOtherBlock
        | ConsensusBug::BodyUnchecked
        | ConsensusBug::FetchUnchecked
        | ConsensusBug::AuthorUnbounded => Circumstance::With(Byzantine::Forger),
    }
}
