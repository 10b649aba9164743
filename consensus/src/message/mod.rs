//! What nodes say to each other. Three lanes, so that bulk data never delays a vote.
//!
//! | lane | messages |
//! |---|---|
//! | consensus | proposal, votes, certificates of a round, round status, questions about own signatures, returns, proofs of misbehavior |
//! | data | batch offers, acknowledgements, certified batches, requests and answers for batches |
//! | sync | heights, requests and answers for decided blocks |
//!
//! Everything is borsh, decoded strictly and with limits. A node never acts on a message before it has checked the signatures
//! inside; nothing depends on who delivered it, except answers to requests and the bounds per peer.

mod parts;
mod said;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{
    BatchId, BatchRef, DecodeError, Height, List, MisbehaviorProof, Presence, SignedBatch, SignedVote, codec,
};

pub use parts::{
    Alive, BatchAck, BlocksRequest, CommittedBlock, PolkaCertificate, ProposalMessage, RoundCertificate,
    RoundCertificateKind, RoundStatus, RoundVote, SignAnswer, SignQuery, SignedStatement, Status, VoteBits,
};
pub use said::Said;

use crate::limits;

/// Which queue and which limit a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Small and urgent.
    Consensus,
    /// Large and urgent.
    Data,
    /// Large and patient.
    Sync,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 3] = [Self::Consensus, Self::Data, Self::Sync];

    /// Greatest length of a message of this lane, bytes.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Consensus => limits::CONSENSUS_MESSAGE_BYTES_MAX,
            Self::Data => limits::DATA_MESSAGE_BYTES_MAX,
            Self::Sync => limits::SYNC_MESSAGE_BYTES_MAX,
        }
    }
}

/// A message between nodes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// A proposal with its block.
    Proposal(Box<ProposalMessage>),
    /// One vote.
    Vote(SignedVote),
    /// Votes that the receiver said it lacks.
    Votes(List<SignedVote, { parts::HELP_VOTES_MAX }>),
    /// A quorum of prevotes for one block.
    Polka(PolkaCertificate),
    /// Votes that justify entering a round.
    RoundChange(RoundCertificate),
    /// What the sender holds of the height in progress; answered with what it lacks.
    RoundStatus(RoundStatus),
    /// Asks what the receiver last saw signed with this key: sent by its holder at start, and passed on.
    SignQuery(SignQuery),
    /// Answer to [`Self::SignQuery`].
    SignAnswer(SignAnswer),
    /// A batch, offered for acknowledgement.
    BatchOffer(
        #[borsh(serialize_with = "parts::write_shared", deserialize_with = "parts::read_shared")] Arc<SignedBatch>,
    ),
    /// "I hold this batch durably, and every transaction in it is valid."
    BatchAck(BatchAck),
    /// A batch with its certificate, ready to be ordered.
    BatchCertified(Box<BatchRef>),
    /// Asks for batches by id.
    BatchRequest(List<BatchId, { parts::FETCH_MAX }>),
    /// One asked-for batch. A request for several is answered with several messages.
    BatchResponse(
        #[borsh(serialize_with = "parts::write_shared", deserialize_with = "parts::read_shared")] Arc<SignedBatch>,
    ),
    /// How far the sender has committed.
    Status(Status),
    /// Asks for decided blocks.
    BlocksRequest(BlocksRequest),
    /// Decided blocks in ascending order of height, as many as fit; empty when the sender has none of them.
    BlocksResponse(List<CommittedBlock, { limits::SYNC_BLOCKS_MAX }>),
    /// A validator that is passed over says that it is back.
    Presence(Presence),
    /// A proof against a validator, for every block that is proposed from now on.
    Misbehavior(Box<MisbehaviorProof>),
}

impl Message {
    /// The lane it travels in.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Proposal(_)
            | Self::Vote(_)
            | Self::Votes(_)
            | Self::Polka(_)
            | Self::RoundChange(_)
            | Self::RoundStatus(_)
            | Self::SignQuery(_)
            | Self::SignAnswer(_)
            | Self::Presence(_)
            | Self::Misbehavior(_) => Lane::Consensus,
            Self::BatchOffer(_)
            | Self::BatchAck(_)
            | Self::BatchCertified(_)
            | Self::BatchRequest(_)
            | Self::BatchResponse(_) => Lane::Data,
            Self::Status(_) | Self::BlocksRequest(_) | Self::BlocksResponse(_) => Lane::Sync,
        }
    }

    /// A short name for metrics and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposal(_) => "proposal",
            Self::Vote(_) => "vote",
            Self::Votes(_) => "votes",
            Self::Polka(_) => "polka",
            Self::RoundChange(_) => "round-change",
            Self::RoundStatus(_) => "round-status",
            Self::SignQuery(_) => "sign-query",
            Self::SignAnswer(_) => "sign-answer",
            Self::BatchOffer(_) => "batch-offer",
            Self::BatchAck(_) => "batch-ack",
            Self::BatchCertified(_) => "batch-certified",
            Self::BatchRequest(_) => "batch-request",
            Self::BatchResponse(_) => "batch-response",
            Self::Status(_) => "status",
            Self::BlocksRequest(_) => "blocks-request",
            Self::BlocksResponse(_) => "blocks-response",
            Self::Presence(_) => "presence",
            Self::Misbehavior(_) => "misbehavior",
        }
    }

    /// What answers this message asks its receiver for, and how many messages they may be.
    #[must_use]
    pub fn asks_for(&self) -> Option<(AnswerKind, u32)> {
        match self {
            Self::BatchRequest(ids) => Some((AnswerKind::Batch, u32::try_from(ids.len()).unwrap_or(u32::MAX))),
            // A peer that is ahead answers a status with the block of its height.
            Self::BlocksRequest(_) | Self::RoundStatus(_) => Some((AnswerKind::Blocks, 1)),
            Self::Proposal(_)
            | Self::Vote(_)
            | Self::Votes(_)
            | Self::Polka(_)
            | Self::RoundChange(_)
            | Self::SignQuery(_)
            | Self::SignAnswer(_)
            | Self::BatchOffer(_)
            | Self::BatchAck(_)
            | Self::BatchCertified(_)
            | Self::BatchResponse(_)
            | Self::Status(_)
            | Self::BlocksResponse(_)
            | Self::Presence(_)
            | Self::Misbehavior(_) => None,
        }
    }

    /// The height that this message is about, if it is about the agreement of one height.
    #[must_use]
    pub(crate) fn agreement_height(&self) -> Option<Height> {
        self.said().height()
    }

    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes strictly: at most the bytes of the lane it came in, one value, nothing behind it.
    ///
    /// # Errors
    /// [`MessageError`]: every one is the sender's fault.
    pub fn decode(lane: Lane, bytes: &[u8]) -> Result<Self, MessageError> {
        let bytes_max = u32::try_from(lane.bytes_max()).expect("lane limits fit in u32");
        let message: Self = codec::decode(bytes, bytes_max).map_err(MessageError::Decode)?;
        if message.lane() == lane {
            Ok(message)
        } else {
            Err(MessageError::WrongLane { lane, message: message.name() })
        }
    }
}

/// Answers that are large, and so are decoded only when they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerKind {
    /// [`Message::BatchResponse`].
    Batch,
    /// [`Message::BlocksResponse`].
    Blocks,
}

impl AnswerKind {
    /// Which answer these bytes are, if they are one: told by the first of them, nothing is decoded.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.first() {
            Some(&BATCH_RESPONSE_TAG) => Some(Self::Batch),
            Some(&BLOCKS_RESPONSE_TAG) => Some(Self::Blocks),
            Some(_) | None => None,
        }
    }
}

/// Tag of [`Message::BatchResponse`].
const BATCH_RESPONSE_TAG: u8 = 12;
/// Tag of [`Message::BlocksResponse`].
const BLOCKS_RESPONSE_TAG: u8 = 15;

/// Why bytes of a peer are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// Not the canonical bytes of a message within the limit of the lane.
    Decode(DecodeError),
    /// A message that does not belong to the lane it came in, which would evade the limits of its own.
    WrongLane {
        /// Where it came in.
        lane: Lane,
        /// What it is.
        message: &'static str,
    },
}

impl core::fmt::Display for MessageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "peer message does not decode: {error}"),
            Self::WrongLane { lane, message } => {
                write!(f, "a {message} message came in the {lane:?} lane")
            }
        }
    }
}

impl core::error::Error for MessageError {}
