//! Votes and proposals of the agreement (Tendermint), as signed bytes.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::hash::{Digest, Domain};
use crate::ids::{BlockId, ChainId, Height, Round, ValidatorId};
use crate::keys::Signature;
use crate::planted;

/// Which of the two votes of a round.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum VoteType {
    /// First vote.
    Prevote = 1,
    /// Second vote; a quorum of them commits.
    Precommit = 2,
}

/// What a validator says about one round. The voter is not part of it: who signed is known from the key that verifies, and all
/// signers of a certificate sign the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// The chain.
    pub chain_id: ChainId,
    /// Height voted on.
    pub height: Height,
    /// Round voted in.
    pub round: Round,
    /// The block, or nil.
    pub block_id: Option<BlockId>,
}

impl Vote {
    /// What is signed.
    #[must_use]
    pub fn sign_message(&self) -> Digest {
        Domain::Vote.hash_of(&planted::signed_part(*self))
    }
}

/// A vote with its voter and signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedVote {
    /// What is said.
    pub vote: Vote,
    /// Who says it.
    pub validator: ValidatorId,
    /// Over [`Vote::sign_message`].
    pub signature: Signature,
}

/// What a proposer says about one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Proposal {
    /// The chain.
    pub chain_id: ChainId,
    /// Height proposed for.
    pub height: Height,
    /// Round proposed in.
    pub round: Round,
    /// The block.
    pub block_id: BlockId,
    /// Round of the polka that allows to repeat an earlier block, if it repeats one.
    pub pol_round: Option<Round>,
}

impl Proposal {
    /// What is signed.
    #[must_use]
    pub fn sign_message(&self) -> Digest {
        Domain::Proposal.hash_of(self)
    }
}

/// A proposal with its proposer and signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedProposal {
    /// What is proposed.
    pub proposal: Proposal,
    /// Who proposes.
    pub validator: ValidatorId,
    /// Over [`Proposal::sign_message`].
    pub signature: Signature,
}
