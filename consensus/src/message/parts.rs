//! The contents of messages.

use std::sync::Arc;

use borsh::io::{Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::certificate::CertificateSignatures;
use quancheng_types::limits::VALIDATORS_MAX;
use quancheng_types::{
    BatchId, Block, BlockId, CommitCertificate, Height, List, Round, Signature, SignedProposal, SignedVote,
    ValidatorId, VoteType,
};

pub use crate::engine::{Alive, SignQuery};

/// Votes of one round: a prevote and a precommit of every validator.
pub(super) const HELP_VOTES_MAX: u32 = 2 * VALIDATORS_MAX;
/// Batches in one request.
pub(super) const FETCH_MAX: u32 = crate::limits::FETCH_BATCHES_MAX;
/// Bytes of a bit map over a validator set.
const VOTE_BITS_BYTES: usize = VALIDATORS_MAX as usize / 8;

pub(super) fn write_shared<T: BorshSerialize, W: Write>(value: &Arc<T>, writer: &mut W) -> Result<()> {
    value.as_ref().serialize(writer)
}

pub(super) fn read_shared<T: BorshDeserialize, R: Read>(reader: &mut R) -> Result<Arc<T>> {
    T::deserialize_reader(reader).map(Arc::new)
}

/// A proposal with the block it is for. The signature covers the block through its id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProposalMessage {
    /// Who proposes which block in which round.
    pub signed: SignedProposal,
    /// The block. For a repeated block (`pol_round`), the same bytes as when it was first proposed.
    pub block: Block,
}

/// 2f+1 prevotes for one block in one round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PolkaCertificate {
    /// Height.
    pub height: Height,
    /// Round.
    pub round: Round,
    /// The block.
    pub block_id: BlockId,
    /// Over the prevote for these three.
    pub signatures: CertificateSignatures,
}

/// Why a round may be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RoundCertificateKind {
    /// f+1 votes of that round: an honest validator is there.
    Skip = 1,
    /// 2f+1 precommits of that round: it is over.
    Precommit = 2,
}

/// One vote inside a round certificate; height and round are those of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RoundVote {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// The block, or nil.
    pub block_id: Option<BlockId>,
    /// The voter.
    pub validator: ValidatorId,
    /// Over the vote.
    pub signature: Signature,
}

/// Votes that justify entering a round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RoundCertificate {
    /// Height.
    pub height: Height,
    /// Round of the votes.
    pub round: Round,
    /// What they justify.
    pub kind: RoundCertificateKind,
    /// The votes.
    pub votes: List<RoundVote, HELP_VOTES_MAX>,
}

/// A bit per validator, in the order of the set: whose vote is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VoteBits([u8; VOTE_BITS_BYTES]);

impl VoteBits {
    /// Marks the validator at this place of the set. Places beyond the greatest set are ignored.
    pub fn set(&mut self, index: usize) {
        if let Some(byte) = self.0.get_mut(index / 8) {
            *byte |= 1 << (index % 8);
        }
    }

    /// Whether the validator at this place is marked.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 8).is_some_and(|byte| byte & (1 << (index % 8)) != 0)
    }
}

/// What a node holds of the height in progress. Unsigned: it only asks for help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RoundStatus {
    /// Height in progress.
    pub height: Height,
    /// Round in progress.
    pub round: Round,
    /// Whether the proposal of this round, with its block, is held.
    pub has_proposal: bool,
    /// Whose prevotes of this round are held.
    pub prevotes: VoteBits,
    /// Whose precommits of this round are held.
    pub precommits: VoteBits,
    /// Newest round in which the sender saw a polka for a block it holds.
    pub valid_round: Option<Round>,
}

/// A statement of a validator that it can be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SignedStatement {
    /// A vote.
    Vote(SignedVote),
    /// A proposal.
    Proposal(SignedProposal),
}

/// What a peer last saw of a validator that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignAnswer {
    /// The one that asked.
    pub validator: ValidatorId,
    /// As in the question.
    pub nonce: u64,
    /// How far the answering node has committed.
    pub committed: Height,
    /// The latest statement of that validator that it holds.
    pub latest: Option<SignedStatement>,
    /// From another process with the same key, which lives.
    pub alive: Option<Alive>,
}

/// An acknowledgement of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BatchAck {
    /// The batch.
    pub batch: BatchId,
    /// Who holds it.
    pub validator: ValidatorId,
    /// Over `BatchHeader::ack_message`.
    pub signature: Signature,
}

/// How far a node has committed. Unsigned: it only says where blocks can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Status {
    /// Newest committed height.
    pub committed: Height,
}

/// Asks for decided blocks `from ..= from + count - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlocksRequest {
    /// First height wanted.
    pub from: Height,
    /// How many at most.
    pub count: u32,
}

/// A block and the quorum that decided it: convinces anyone who knows the validator set of its height.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommittedBlock {
    /// The block.
    pub block: Block,
    /// 2f+1 precommits.
    pub certificate: CommitCertificate,
}

impl CommittedBlock {
    /// Whether the certificate names this block, and the block is byte for byte what its id names. Says nothing about signatures.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.certificate.height == self.block.header.height
            && self.certificate.block_id == self.block.id()
            && self.block.is_consistent()
    }
}
