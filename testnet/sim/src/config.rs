//! What a run is made of: everything follows from the seed, and every part can be set by hand.

use crate::random::Random;

/// Validators of a network unless a test says otherwise: the least number that bears one fault.
pub const VALIDATORS_DEFAULT: usize = 4;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimConfig {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// Blocks to commit under faults before the network is left to heal.
    pub blocks: u64,
    /// Validators at genesis.
    pub validators: usize,
    /// Nodes without a vote at genesis. With [`Self::set_change`] the first becomes a validator.
    pub followers: usize,
    /// What one of the validators does wrong on purpose; never more than one, so at most f of 3f+1.
    pub byzantine: Option<Byzantine>,
    /// What the environment does.
    pub faults: Faults,
    /// What clients do.
    pub load: Load,
    /// Whether the organizations vote validators in and out while the chain runs.
    pub set_change: bool,
    /// A deliberate mistake in the crates under test.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<Planted>,
}

/// A validator that does not follow the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Byzantine {
    /// Two machines run with its key and disks of their own, each talking to some of the others.
    Twin,
    /// It receives and never sends.
    Silent,
    /// It answers requests for blocks and batches with changed ones, and claims heights that do not exist.
    Liar,
    /// It proposes, signed with its true key, blocks that break the rules of headers, and proposes out of turn.
    Proposer,
    /// It packs transactions with invalid signatures into its batches, and offers two batches under one number.
    Batcher,
}

/// What the environment does to the nodes. Shares are in thousandths, intervals are means in simulated time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Messages lost.
    pub loss_permille: u64,
    /// Messages delivered twice.
    pub duplicate_permille: u64,
    /// Least delay of a link, µs; each link draws its own up to four times this.
    pub delay_us: u64,
    /// Greatest random addition to the delay of one message, µs: this is what reorders.
    pub jitter_us: u64,
    /// Between two crashes anywhere, ms; 0 for none.
    pub crash_interval_ms: u64,
    /// Between two cuts of links (partition, one direction, isolation), ms; 0 for none.
    pub cut_interval_ms: u64,
    /// Between two other troubles (slow node, clock jump, burst of loss), ms; 0 for none.
    pub trouble_interval_ms: u64,
    /// Greatest distance of a node's wall clock from true time, ms.
    pub skew_ms_max: u64,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Between two submissions to the network, µs.
    pub interval_us: u64,
    /// Submissions that reach two nodes.
    pub twice_permille: u64,
    /// Submissions that a contract will refuse after writing.
    pub refused_permille: u64,
    /// Submissions that are about to expire.
    pub expiring_permille: u64,
}

/// A deliberate mistake, in all honest nodes alike.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// In the consensus crate.
    Consensus(quancheng_consensus::PlantedBug),
    /// In the executor: its node-dependent figures are filled in by the simulator.
    Executor(quancheng_contracts::executor::PlantedBug),
}

#[cfg(feature = "planted-bugs")]
impl Planted {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        use quancheng_contracts::executor::PlantedBug;
        let executor = [
            PlantedBug::UnorderedIteration { node_seed: 0 },
            PlantedBug::RefusalLeavesWrites,
            PlantedBug::DuplicateExecutedTwice,
            PlantedBug::LocalClock { ahead_ms: 0 },
        ];
        let consensus = quancheng_consensus::PlantedBug::ALL.into_iter().map(Self::Consensus);
        consensus.chain(executor.into_iter().map(Self::Executor)).collect()
    }

    /// Name of the mistake.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::Consensus(bug) => format!("{bug:?}"),
            Self::Executor(bug) => format!("{bug:?}"),
        };
        name.split(' ').next().unwrap_or_default().to_owned()
    }
}

impl Faults {
    /// A calm network: delays only.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            loss_permille: 0,
            duplicate_permille: 0,
            delay_us: 500,
            jitter_us: 500,
            crash_interval_ms: 0,
            cut_interval_ms: 0,
            trouble_interval_ms: 0,
            skew_ms_max: 0,
        }
    }

    fn of(random: &mut Random) -> Self {
        Self {
            // Many small shares and some large ones: a light rain most of the time, a storm now and then.
            loss_permille: if random.permille(150) { random.between(30, 100) } else { random.between(0, 15) },
            duplicate_permille: random.between(0, 50),
            delay_us: random.between(100, 2_000),
            jitter_us: random.between(100, 8_000),
            crash_interval_ms: random.between(1_500, 8_000),
            cut_interval_ms: random.between(1_500, 8_000),
            trouble_interval_ms: random.between(2_000, 10_000),
            skew_ms_max: random.between(0, 150),
        }
    }
}

impl SimConfig {
    /// The run of this seed: faults on, one validator at fault in about half of the seeds, a change of the set in a third.
    #[must_use]
    pub fn of_seed(seed: u64, blocks: u64) -> Self {
        let mut random = Random::new(seed ^ 0x7163_7369_6d00_0001);
        let byzantine = match random.below(10) {
            0 | 1 => Some(Byzantine::Twin),
            2 => Some(Byzantine::Silent),
            3 => Some(Byzantine::Liar),
            4 => Some(Byzantine::Proposer),
            5 => Some(Byzantine::Batcher),
            _ => None,
        };
        let set_change = random.permille(330);
        Self {
            seed,
            blocks,
            validators: VALIDATORS_DEFAULT,
            followers: usize::from(set_change || random.permille(150)),
            byzantine,
            faults: Faults::of(&mut random),
            load: Load {
                interval_us: random.between(10_000, 40_000),
                twice_permille: 100,
                refused_permille: 150,
                expiring_permille: 50,
            },
            set_change,
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }

    /// The same run on a calm network with honest nodes only.
    #[must_use]
    pub fn without_faults(mut self) -> Self {
        self.faults = Faults::none();
        self.byzantine = None;
        self
    }
}
