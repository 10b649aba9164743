//! Proofs that a validator broke the protocol. Anyone can check one with the validator set alone.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::batch::BatchHeader;
use crate::codec::encode;
use crate::hash::{Digest, Domain};
use crate::ids::{ChainId, Height, ValidatorId};
use crate::keys::Signature;
use crate::merkle::{self, Path};
use crate::transaction::SignedTransaction;
use crate::validator::ValidatorSet;
use crate::vote::{SignedProposal, SignedVote};

/// A validator's own signatures, convicting it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum MisbehaviorProof {
    /// Two different votes of one kind for one height and round.
    ConflictingVotes {
        /// One vote; the lesser by canonical bytes of the two.
        first: SignedVote,
        /// The other.
        second: SignedVote,
    },
    /// Two different proposals for one height and round.
    ConflictingProposals {
        /// One proposal; the lesser by canonical bytes of the two.
        first: SignedProposal,
        /// The other.
        second: SignedProposal,
    },
    /// A batch signed by its author that holds a transaction which is not well formed or not correctly signed.
    InvalidBatch {
        /// The batch.
        header: BatchHeader,
        /// The author's signature over it.
        signature: Signature,
        /// The transaction.
        transaction: Box<SignedTransaction>,
        /// Where in the batch it is.
        path: Path,
    },
}

impl MisbehaviorProof {
    /// Whom it convicts.
    #[must_use]
    pub fn validator(&self) -> ValidatorId {
        match self {
            Self::ConflictingVotes { first, .. } => first.validator,
            Self::ConflictingProposals { first, .. } => first.validator,
            Self::InvalidBatch { header, .. } => header.author,
        }
    }

    /// The height of the offence; an invalid batch has none.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        match self {
            Self::ConflictingVotes { first, .. } => Some(first.vote.height),
            Self::ConflictingProposals { first, .. } => Some(first.proposal.height),
            Self::InvalidBatch { .. } => None,
        }
    }

    /// What was done, whichever messages prove it: a third message for one slot, or a second bad transaction in one batch, is no
    /// other offence.
    #[must_use]
    pub fn offence_id(&self) -> Digest {
        match self {
            Self::ConflictingVotes { first, .. } => {
                Domain::Offence.hash_of(&(0_u8, first.validator, first.vote.kind, first.vote.height, first.vote.round))
            }
            Self::ConflictingProposals { first, .. } => {
                Domain::Offence.hash_of(&(1_u8, first.validator, first.proposal.height, first.proposal.round))
            }
            Self::InvalidBatch { header, .. } => Domain::Offence.hash_of(&(2_u8, header.author, header.id())),
        }
    }

    /// Verifies it against a set that contains the validator.
    ///
    /// # Errors
    /// [`MisbehaviorError`].
    pub fn verify(&self, chain_id: &ChainId, validators: &ValidatorSet) -> Result<(), MisbehaviorError> {
        let key = validators.by_id(&self.validator()).ok_or(MisbehaviorError::NotAValidator)?.public_key;
        match self {
            Self::ConflictingVotes { first, second } => {
                let (a, b) = (&first.vote, &second.vote);
                let same_slot = (a.kind, a.height, a.round) == (b.kind, b.height, b.round);
                let same_origin =
                    first.validator == second.validator && a.chain_id == *chain_id && b.chain_id == *chain_id;
                if !same_slot || !same_origin || a.block_id == b.block_id || encode(first) >= encode(second) {
                    return Err(MisbehaviorError::NoConflict);
                }
                key.verify(a.sign_message().as_bytes(), &first.signature).map_err(|_| MisbehaviorError::Signature)?;
                key.verify(b.sign_message().as_bytes(), &second.signature).map_err(|_| MisbehaviorError::Signature)
            }
            Self::ConflictingProposals { first, second } => {
                let (a, b) = (&first.proposal, &second.proposal);
                let same_slot = (a.height, a.round) == (b.height, b.round);
                let same_origin =
                    first.validator == second.validator && a.chain_id == *chain_id && b.chain_id == *chain_id;
                if !same_slot || !same_origin || a == b || encode(first) >= encode(second) {
                    return Err(MisbehaviorError::NoConflict);
                }
                key.verify(a.sign_message().as_bytes(), &first.signature).map_err(|_| MisbehaviorError::Signature)?;
                key.verify(b.sign_message().as_bytes(), &second.signature).map_err(|_| MisbehaviorError::Signature)
            }
            Self::InvalidBatch { header, signature, transaction, path } => {
                if header.chain_id != *chain_id {
                    return Err(MisbehaviorError::NoConflict);
                }
                key.verify(header.ack_message().as_bytes(), signature).map_err(|_| MisbehaviorError::Signature)?;
                let leaf = merkle::leaf_hash(&encode(transaction.as_ref()));
                if path.size != u64::from(header.count) || path.root(leaf) != Some(header.transactions_root) {
                    return Err(MisbehaviorError::NotInBatch);
                }
                match transaction.check(chain_id) {
                    Ok(()) => Err(MisbehaviorError::TransactionIsValid),
                    Err(_) => Ok(()),
                }
            }
        }
    }
}

/// Why a proof convicts nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviorError {
    /// The accused is not in the set.
    NotAValidator,
    /// The two messages do not conflict, are not in canonical order, or are of another chain.
    NoConflict,
    /// A signature does not verify.
    Signature,
    /// The transaction is not in the batch.
    NotInBatch,
    /// The transaction is well formed and correctly signed.
    TransactionIsValid,
}

impl fmt::Display for MisbehaviorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAValidator => "the accused is not in the validator set",
            Self::NoConflict => "the two messages do not conflict, are not in canonical order, or are of another chain",
            Self::Signature => "a signature of the accused does not verify",
            Self::NotInBatch => "the transaction is not in the batch",
            Self::TransactionIsValid => "the transaction is well formed and correctly signed",
        })
    }
}

impl core::error::Error for MisbehaviorError {}
