//! Two bundles that contradict each other: proof that validators with more than a third of the power broke the protocol.

mod vouched;

use core::fmt;

use quancheng_types::{BlockId, Digest, Height, HistoryLeaf, Round, ValidatorId};
use serde::Serialize;

use crate::bundle::Bundle;
use crate::checkpoint::Checkpoint;
use crate::report::{Assessment, Detail};
use crate::verify::{finality, trust_path};
use vouched::Vouched;

/// What comparing two bundles showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Contradictions: those first that show best who broke the protocol, then by height.
    pub forks: Vec<Fork>,
    /// Heights of which both bundles name the block or the results.
    pub heights: Vec<Height>,
    /// Lengths of the history whose root both bundles show.
    pub histories: Vec<u64>,
}

impl Comparison {
    /// Whether the bundles have nothing in common that could differ: then nothing is said about them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heights.is_empty() && self.histories.is_empty()
    }
}

/// A contradiction between two certified histories of one chain, and who signed both.
///
/// Each side is certified by a quorum. Two quorums of one set share more than a third of its power; of two sets they need not share
/// anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fork {
    /// The height of the contradiction: of the block, the result, or the newest that the two history roots cover.
    pub height: Height,
    /// What contradicts.
    #[serde(flatten)]
    pub kind: ForkKind,
    /// What vouches for the first side.
    pub first: Vouching,
    /// What vouches for the second.
    pub second: Vouching,
    /// What the signatures show of those who gave them.
    pub guilt: Guilt,
    /// Whether both sides were signed out of one set of validators.
    pub is_one_set: bool,
    /// Validators whose signature stands under both headers, in ascending order of id.
    pub signers_of_both: Vec<ForkSigner>,
}

/// What contradicts in a [`Fork`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ForkKind {
    /// Two blocks at one height.
    Blocks {
        /// In the first bundle.
        first_block: BlockId,
        /// In the second.
        second_block: BlockId,
    },
    /// Two results of one block, or two times.
    Results {
        /// In the first bundle; a header alone shows no roots, only the time.
        first_result: BlockResult,
        /// In the second.
        second_result: BlockResult,
        /// Keys, in hex, of which the bundles prove different values (or a value and none) after this block.
        keys: Vec<String>,
    },
    /// Two histories of one length.
    Histories {
        /// Heights that they cover, the genesis included.
        size: u64,
        /// In the first bundle.
        first_root: Digest,
        /// In the second.
        second_root: Digest,
    },
}

/// The result of a block, as far as one side shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BlockResult {
    /// Time of the block, ms since 1970 UTC.
    pub time_ms: u64,
    /// Root of its receipts.
    pub receipts_root: Option<Digest>,
    /// Root of the state after it.
    pub state_root: Option<Digest>,
}

impl BlockResult {
    const fn of(leaf: &HistoryLeaf) -> Self {
        let HistoryLeaf { time_ms, receipts_root, state_root, .. } = *leaf;
        Self { time_ms, receipts_root: Some(receipts_root), state_root: Some(state_root) }
    }
}

/// The signed header from which one side of a contradiction follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Vouching {
    /// How it follows.
    pub basis: Basis,
    /// Height of the header that was signed.
    pub signed_height: Height,
    /// The round in which it was signed.
    pub round: Round,
    /// The block that was signed.
    pub block_id: BlockId,
}

/// How a statement follows from a signed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The signatures are over the block itself.
    Block,
    /// The signed header names it as its parent: who signs holds the parent to be final.
    Parent,
    /// The signed header certifies a history that holds it: who signs has executed it.
    History,
}

/// What a contradiction shows of those who signed both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guilt {
    /// Each signed two blocks in one round: equivocation.
    SameRound,
    /// Each signed, as already final or executed, two that exclude each other.
    BothFinal,
    /// They signed two blocks of one height in different rounds. One who was shown enough votes of others may do so: who of them broke the
    /// protocol these signatures do not show.
    OtherRounds,
    /// They signed one block, and a later header that rests on the other; over the other itself the bundles hold no signature. Who of
    /// them broke the protocol is not shown.
    Indirect,
}

impl Guilt {
    fn of(first: &Vouching, second: &Vouching) -> Self {
        match (first.basis, second.basis) {
            (Basis::Block, Basis::Block) if first.round == second.round => Self::SameRound,
            (Basis::Block, Basis::Block) => Self::OtherRounds,
            (Basis::Block, _) | (_, Basis::Block) => Self::Indirect,
            (Basis::Parent | Basis::History, Basis::Parent | Basis::History) => Self::BothFinal,
        }
    }
}

/// A validator that signed both headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForkSigner {
    /// Hash of its key.
    pub validator: ValidatorId,
    /// The organization that runs it.
    pub organization: String,
}

/// Why two bundles could not be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictError {
    /// The first bundle's header does not follow from the checkpoint: it proves nothing, so it contradicts nothing.
    First {
        /// What was found.
        detail: Detail,
    },
    /// The same of the second bundle.
    Second {
        /// What was found.
        detail: Detail,
    },
}

impl fmt::Display for ConflictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (which, detail) = match self {
            Self::First { detail } => ("first", detail),
            Self::Second { detail } => ("second", detail),
        };
        let detail = &detail.en;
        write!(f, "the {which} bundle does not follow from the checkpoint ({detail}); verify it on its own first")
    }
}

impl core::error::Error for ConflictError {}

/// Looks for contradictions between two bundles of one chain.
///
/// Compared is all that the certified headers of the bundles (their own and those of the set changes) vouch for: the header itself, its
/// parent, its history root, the proven leaves whole, and the earlier history roots through which their paths lead. A bundle that
/// contradicts itself or the checkpoint does not verify. No contradiction says nothing about heights that only one bundle names.
///
/// # Errors
/// [`ConflictError`] when a bundle does not verify under the checkpoint.
pub fn conflict(first: &Bundle, second: &Bundle, checkpoint: &Checkpoint) -> Result<Comparison, ConflictError> {
    standing(first, checkpoint).map_err(|detail| ConflictError::First { detail })?;
    standing(second, checkpoint).map_err(|detail| ConflictError::Second { detail })?;
    Ok(Vouched::of(first, checkpoint).against(&Vouched::of(second, checkpoint)))
}

fn standing(bundle: &Bundle, checkpoint: &Checkpoint) -> Result<(), Detail> {
    bundle.check_shape().map_err(|error| Detail::new("证据包的形式不符", error.to_string()))?;
    for finding in [finality(bundle), trust_path(bundle, checkpoint)] {
        if finding.result != Assessment::Match {
            let said = |statement: &str, detail: &str, separator: &str| match detail {
                "" => statement.to_owned(),
                detail => format!("{statement}{separator}{detail}"),
            };
            return Err(Detail::new(
                said(&finding.statement_zh, &finding.detail_zh, "："),
                said(&finding.statement_en, &finding.detail, ": "),
            ));
        }
    }
    Ok(())
}
