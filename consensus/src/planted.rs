//! Deliberate mistakes, one per class that has broken chains elsewhere. The simulator must find every one of them; a
//! harness that misses one is not believed. Compiled only with the feature `planted-bugs`; without it every question is
//! answered with a constant `false`.

/// A deliberate mistake.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlantedBug {
    /// The sign record and the log are ignored at a restart: votes are forgotten.
    ForgottenVote,
    /// A batch certificate needs one validator less than a quorum.
    BatchQuorum,
    /// A commit certificate that comes by sync needs one validator less than a quorum.
    CommitQuorum,
    /// Messages leave before the flush.
    EarlySend,
    /// A proposal with another parent is voted for.
    WrongParent,
    /// The history root of a proposal and of a decided block is not compared with the own one.
    RootNotCompared,
    /// A batch is acknowledged before it was checked and stored.
    EarlyAck,
    /// A batch is ordered again.
    RepeatedBatch,
    /// A proposal of a validator whose turn it is not is voted for.
    WrongProposer,
    /// A set comes into force one height early.
    EarlySet,
}

#[cfg(feature = "planted-bugs")]
impl PlantedBug {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ForgottenVote,
        Self::BatchQuorum,
        Self::CommitQuorum,
        Self::EarlySend,
        Self::WrongParent,
        Self::RootNotCompared,
        Self::EarlyAck,
        Self::RepeatedBatch,
        Self::WrongProposer,
        Self::EarlySet,
    ];
}

/// Which mistakes this engine makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<PlantedBug>,
}

macro_rules! question {
    ($(#[$doc:meta])* $name:ident, $bug:ident) => {
        $(#[$doc])*
        #[cfg(feature = "planted-bugs")]
        pub(crate) fn $name(self) -> bool {
            self.bug == Some(PlantedBug::$bug)
        }

        $(#[$doc])*
        #[cfg(not(feature = "planted-bugs"))]
        pub(crate) const fn $name(self) -> bool {
            false
        }
    };
}

impl Planted {
    /// As configured.
    #[cfg(feature = "planted-bugs")]
    pub(crate) const fn new(bug: Option<PlantedBug>) -> Self {
        Self { bug }
    }

    question!(
        /// See the variant of the same name.
        forgotten_vote, ForgottenVote
    );
    question!(
        /// See the variant of the same name.
        batch_quorum, BatchQuorum
    );
    question!(
        /// See the variant of the same name.
        commit_quorum, CommitQuorum
    );
    question!(
        /// See the variant of the same name.
        early_send, EarlySend
    );
    question!(
        /// See the variant of the same name.
        wrong_parent, WrongParent
    );
    question!(
        /// See the variant of the same name.
        root_not_compared, RootNotCompared
    );
    question!(
        /// See the variant of the same name.
        early_ack, EarlyAck
    );
    question!(
        /// See the variant of the same name.
        repeated_batch, RepeatedBatch
    );
    question!(
        /// See the variant of the same name.
        wrong_proposer, WrongProposer
    );
    question!(
        /// See the variant of the same name.
        early_set, EarlySet
    );
}
