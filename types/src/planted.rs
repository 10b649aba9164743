//! Deliberate mistakes in what the bytes mean, for the simulator to find. Compiled only with the feature `planted-bugs`; without it
//! every question is answered with a constant `false`.
//!
//! A rule of bytes holds everywhere at once, so one switch per thread plants the mistake: a simulated network runs in one thread.

#[cfg(feature = "planted-bugs")]
use core::cell::Cell;

/// A deliberate mistake.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// The root of the batches of a block names them by id only: certificates beside them can be changed under the same block id.
    /// This was the rule before release 1; one faulty validator could stop the chain for good.
    IdsOnlyRoot,
    /// The signature of a vote does not say whether it is a prevote or a precommit.
    VoteKindUnsigned,
    /// The signature of a vote does not say for which round it is.
    VoteRoundUnsigned,
    /// The signature of a vote does not say for which height it is.
    VoteHeightUnsigned,
    /// The signature of a vote does not say for which chain it is.
    VoteChainUnsigned,
}

#[cfg(feature = "planted-bugs")]
impl PlantedBug {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::IdsOnlyRoot,
        Self::VoteKindUnsigned,
        Self::VoteRoundUnsigned,
        Self::VoteHeightUnsigned,
        Self::VoteChainUnsigned,
    ];
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static BUG: Cell<Option<PlantedBug>> = const { Cell::new(None) };
}

/// Plants a mistake in this thread, or takes it out.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<PlantedBug>) {
    BUG.set(bug);
}

/// Whether batches are named by id only.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is_ids_only_root() -> bool {
    BUG.get() == Some(PlantedBug::IdsOnlyRoot)
}

/// Without the feature nothing is planted.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is_ids_only_root() -> bool {
    false
}

/// What of a vote is signed.
#[cfg(feature = "planted-bugs")]
pub(crate) fn signed_part(vote: crate::Vote) -> crate::Vote {
    use crate::{ChainId, Height, Round, Vote, VoteType};
    match BUG.get() {
        Some(PlantedBug::VoteKindUnsigned) => Vote { kind: VoteType::Prevote, ..vote },
        Some(PlantedBug::VoteRoundUnsigned) => Vote { round: Round(0), ..vote },
        Some(PlantedBug::VoteHeightUnsigned) => Vote { height: Height(0), ..vote },
        Some(PlantedBug::VoteChainUnsigned) => Vote { chain_id: ChainId::default(), ..vote },
        Some(PlantedBug::IdsOnlyRoot) | None => vote,
    }
}

/// What of a vote is signed: all of it.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn signed_part(vote: crate::Vote) -> crate::Vote {
    vote
}
