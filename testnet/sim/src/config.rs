//! What a run is made of: everything follows from the seed, and every part can be set by hand.

use quancheng_types::{NEWEST_VERSION, PROTOCOL_VERSION};

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
    /// What one of the validators (or, a stranger, the last of the followers) does wrong on purpose; never more than one, so at most
    /// f of 3f+1.
    pub byzantine: Option<Byzantine>,
    /// What a structured liar does at every height.
    pub habit: Option<Habit>,
    /// What the environment does.
    pub faults: Faults,
    /// What clients do.
    pub load: Load,
    /// Whether the organizations vote validators in and out while the chain runs.
    pub set_change: bool,
    /// Whether they change parameters.
    pub parameter_change: bool,
    /// Whether they move the chain to the next version of the rules: only where this build knows one.
    pub version_change: bool,
    /// Whether batches and blocks are small, so that every limit is met all the time.
    pub is_tight: bool,
    /// A deliberate mistake in the crates under test.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<crate::planted::Planted>,
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
    /// It changes any field of any message that it sends or passes on, repeats, keeps back, reorders, says different things to
    /// different peers, and speaks before the honest copy.
    Forger,
    /// As before, by a node that has no vote.
    Stranger,
}

impl Byzantine {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Twin, Self::Silent, Self::Liar, Self::Proposer, Self::Batcher, Self::Forger, Self::Stranger];

    /// Whether it changes any field of anything.
    #[must_use]
    pub const fn is_structured(self) -> bool {
        matches!(self, Self::Forger | Self::Stranger)
    }
}

/// What a structured liar does at every height, beside the fields that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// It says that it has blocks, acknowledges batches, and serves nothing, or all of it at a crawl; it keeps its own batches from one.
    Withhold,
    /// Its proposals come just before the patience of the others ends, as far as their votes tell.
    JustInTime,
    /// Its proposals and votes make an honest validator look guilty or absent.
    Frame,
    /// It repeats what is said with heights, rounds, times and counts at the ends of their range.
    Absurd,
    /// It lets some turns pass, says that it is back, takes some, and so on.
    Absent,
}

impl Habit {
    /// All habits.
    pub const ALL: [Self; 5] = [Self::Withhold, Self::JustInTime, Self::Frame, Self::Absurd, Self::Absent];

    /// Whether it is nothing without a vote.
    #[must_use]
    pub const fn needs_a_vote(self) -> bool {
        match self {
            Self::JustInTime | Self::Frame | Self::Absent => true,
            Self::Withhold | Self::Absurd => false,
        }
    }
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
    /// The run of this seed: faults on, one node at fault in four of five seeds, a structured liar in half of these, a change of the set in a third.
    #[must_use]
    pub fn of_seed(seed: u64, blocks: u64) -> Self {
        let mut random = Random::new(seed ^ 0x7163_7369_6d00_0001);
        let byzantine = match random.below(16) {
            0 | 1 => Some(Byzantine::Twin),
            2 => Some(Byzantine::Silent),
            3 => Some(Byzantine::Liar),
            4 => Some(Byzantine::Proposer),
            5 => Some(Byzantine::Batcher),
            6..=10 => Some(Byzantine::Forger),
            11 | 12 => Some(Byzantine::Stranger),
            _ => None,
        };
        let set_change = random.permille(330);
        let is_stranger = byzantine == Some(Byzantine::Stranger);
        Self {
            seed,
            blocks,
            validators: VALIDATORS_DEFAULT,
            // The first follower may be voted in, so a stranger is the last.
            followers: usize::from(set_change || random.permille(150)) + usize::from(is_stranger),
            byzantine,
            faults: Faults::of(&mut random),
            load: Load {
                interval_us: random.between(10_000, 40_000),
                twice_permille: 100,
                refused_permille: 150,
                expiring_permille: 50,
            },
            set_change,
            is_tight: random.permille(300),
            parameter_change: random.permille(300),
            version_change: random.permille(300) && NEWEST_VERSION > PROTOCOL_VERSION,
            // In half of the seeds, each as often. Drawn last, so that everything else of a seed stays as it was.
            habit: Habit::ALL.get(random.index(2 * Habit::ALL.len())).copied(),
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
