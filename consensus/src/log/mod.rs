//! The log of the height in progress: what the voting core took in, so that a restarted node holds the same locks.
//!
//! The shell writes one file per height (or fewer): [`LogWriter`] gives the bytes to append, [`read_log`] reads a file back at
//! start. Entries up to a committed height are garbage as soon as the commit is flushed. The bytes are described in
//! [`frame`].

pub mod frame;
#[cfg(test)]
mod tests;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{Block, BlockId, Height, Round, SignedProposal, SignedVote, ValidatorId, codec};

pub use frame::{LogError, LogName};

use crate::limits::LOG_ENTRY_BYTES_MAX;
use crate::message::PolkaCertificate;

/// Which wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TimeoutStep {
    /// For the proposal.
    Propose = 1,
    /// For further prevotes.
    Prevote = 2,
    /// For further precommits.
    Precommit = 3,
}

/// Something the voting core took in, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum LogEntry {
    /// A block that was judged: needed to propose it again or to commit it after a crash of all nodes.
    Block(Box<Block>),
    /// The judgement of a block.
    Value {
        /// Height.
        height: Height,
        /// Round in which it came.
        round: Round,
        /// Who proposed it then.
        proposer: ValidatorId,
        /// The block.
        block_id: BlockId,
        /// Whether it follows the rules.
        valid: bool,
    },
    /// A proposal, others' or our own.
    Proposal(SignedProposal),
    /// A vote, others' or our own.
    Vote(SignedVote),
    /// A quorum of prevotes taken in as a whole.
    Polka(PolkaCertificate),
    /// A wait that ended.
    Timeout {
        /// Height.
        height: Height,
        /// Round.
        round: Round,
        /// Which.
        step: TimeoutStep,
    },
}

impl LogEntry {
    /// The height it belongs to.
    #[must_use]
    pub fn height(&self) -> Height {
        match self {
            Self::Block(block) => block.header.height,
            Self::Value { height, .. } | Self::Timeout { height, .. } => *height,
            Self::Proposal(signed) => signed.proposal.height,
            Self::Vote(signed) => signed.vote.height,
            Self::Polka(polka) => polka.height,
        }
    }
}

/// Gives the bytes to append to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogWriter {
    name: LogName,
    next: u64,
}

impl LogWriter {
    /// A new file: the writer and the bytes to write first.
    #[must_use]
    pub fn create(name: LogName) -> (Self, Vec<u8>) {
        (Self { name, next: 0 }, frame::file_header(name))
    }

    /// The bytes of the next record. Append them as they are, in one write.
    #[must_use]
    pub fn append(&mut self, entry: &LogEntry) -> Vec<u8> {
        let bytes = frame::record(self.name, self.next, &codec::encode(entry));
        self.next += 1;
        bytes
    }

    /// Records written so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.next
    }
}

/// What a log file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogContents {
    /// Entries in order.
    pub entries: Vec<LogEntry>,
    /// Continues the file after it was truncated to `valid_bytes`. With `valid_bytes` zero, make a new file instead.
    pub writer: LogWriter,
    /// Bytes that hold.
    pub valid_bytes: usize,
    /// Bytes a crash left behind them.
    pub torn_bytes: usize,
}

/// Reads the file that should be `name`.
///
/// # Errors
/// [`LogError`]: damage that no crash makes, and a file of another log.
pub fn read_log(name: LogName, bytes: &[u8]) -> Result<LogContents, LogError> {
    let frames = frame::read_frames(name, bytes)?;
    let bytes_max = u32::try_from(LOG_ENTRY_BYTES_MAX).expect("the limit fits in u32");
    let mut entries = Vec::with_capacity(frames.payloads.len());
    let mut next = 0_u64;
    for payload in &frames.payloads {
        entries.push(codec::decode(payload, bytes_max).map_err(|_| LogError::UnknownEntry { number: next })?);
        next += 1;
    }
    let writer = LogWriter { name, next };
    Ok(LogContents { entries, writer, valid_bytes: frames.valid_bytes, torn_bytes: frames.torn_bytes })
}
