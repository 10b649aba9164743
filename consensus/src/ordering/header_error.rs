//! The rules about a block, as the ways to break them.

use quancheng_types::{BlockId, ChainId, Height, ValidatorId};

/// Which rule a block breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Another version of the rules than the one in force.
    Version {
        /// Wanted.
        expected: u16,
        /// Named.
        found: u16,
    },
    /// Another chain.
    Chain {
        /// The chain named.
        found: ChainId,
    },
    /// Another height.
    Height {
        /// Wanted.
        expected: Height,
        /// Named.
        found: Height,
    },
    /// Another parent.
    Parent {
        /// Wanted.
        expected: BlockId,
        /// Named.
        found: BlockId,
    },
    /// Not later than the parent.
    Time {
        /// Time of the parent, ms since 1970.
        parent_ms: u64,
        /// Time named, ms since 1970.
        found_ms: u64,
    },
    /// The proposer named in the header is not a validator, or not the one that proposes.
    Proposer {
        /// Who is named.
        found: ValidatorId,
    },
    /// Another validator set.
    Validators,
    /// Another next validator set.
    NextValidators,
    /// Other parameters.
    Parameters,
    /// The executed height is older than the parent's, not below the height, or too far behind.
    ExecutedHeight {
        /// Named.
        found: Height,
        /// Least allowed.
        least: Height,
        /// Greatest allowed.
        greatest: Height,
    },
    /// The size of the history is not that of the executed height.
    HistorySize {
        /// Named.
        found: u64,
        /// Wanted.
        expected: u64,
    },
    /// The voter computed another history. Judged by every voter for itself.
    HistoryRoot {
        /// The executed height.
        height: Height,
    },
    /// The header does not commit to the content.
    Content,
    /// More batches than allowed.
    TooManyBatches {
        /// Found.
        count: usize,
    },
    /// A batch of another chain, of no validator, or out of bounds.
    Batch {
        /// Place in the block.
        index: usize,
    },
    /// The batches weigh more than the parameter `block_weight_max` allows.
    TooHeavy {
        /// Together.
        weight: u64,
        /// Allowed.
        max: u64,
    },
    /// A batch without a quorum of acknowledgements.
    BatchCertificate {
        /// Place in the block.
        index: usize,
    },
    /// A batch that was ordered before.
    RepeatedBatch {
        /// Place in the block.
        index: usize,
    },
    /// A proof that convicts nobody, or the second of one offence.
    Misbehavior {
        /// Place in the block.
        index: usize,
    },
    /// The absences are not those that follow from the parent's and from this block.
    Absences,
    /// A statement of presence that ends no absence, is not signed by its validator, or is out of order.
    Presence {
        /// Place in the block.
        index: usize,
    },
}

impl core::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Version { expected, found } => {
                write!(f, "version {found} of the rules; in force is version {expected}")
            }
            Self::Chain { found } => write!(f, "block of chain {found}"),
            Self::Height { expected, found } => write!(f, "height {found}; expected {expected}"),
            Self::Parent { expected, found } => write!(f, "parent {found}; expected {expected}"),
            Self::Time { parent_ms, found_ms } => {
                write!(f, "time {found_ms} ms is not after the parent's {parent_ms} ms")
            }
            Self::Proposer { found } => {
                write!(f, "proposer {found} is not the one whose turn it is")
            }
            Self::Validators => f.write_str("the header names another validator set"),
            Self::NextValidators => f.write_str("the header names another next validator set"),
            Self::Parameters => f.write_str("the header names other parameters"),
            Self::ExecutedHeight { found, least, greatest } => {
                write!(f, "executed height {found} is outside {least}..={greatest}")
            }
            Self::HistorySize { found, expected } => {
                write!(f, "history size {found}; expected {expected}")
            }
            Self::HistoryRoot { height } => {
                write!(f, "another history root for executed height {height}")
            }
            Self::Content => f.write_str("the header does not commit to the content"),
            Self::TooManyBatches { count } => write!(f, "{count} batches exceed the limit"),
            Self::TooHeavy { weight, max } => write!(f, "the batches weigh {weight}; block_weight_max is {max}"),
            Self::Batch { index } => write!(f, "batch {index} is of another chain, of no validator, or out of bounds"),
            Self::BatchCertificate { index } => {
                write!(f, "batch {index} lacks a quorum of acknowledgements")
            }
            Self::RepeatedBatch { index } => write!(f, "batch {index} was ordered before"),
            Self::Misbehavior { index } => write!(f, "misbehavior proof {index} convicts nobody or repeats another"),
            Self::Absences => f.write_str("the absences are not those that follow from the parent"),
            Self::Presence { index } => {
                write!(f, "statement of presence {index} ends no absence, is not genuine, or is out of order")
            }
        }
    }
}

impl core::error::Error for HeaderError {}
