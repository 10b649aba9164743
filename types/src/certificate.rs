//! Quorums of signatures: availability of a batch, commitment of a block.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::batch::BatchHeader;
use crate::bounded::List;
use crate::ids::{BlockId, ChainId, Height, Round, ValidatorId};
use crate::keys::{Signature, SignatureError};
use crate::limits;
use crate::validator::ValidatorSet;
use crate::vote::{Vote, VoteType};

/// One validator's signature inside a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct CertificateSignature {
    /// Who.
    pub validator: ValidatorId,
    /// Over the message that the certificate fixes.
    pub signature: Signature,
}

/// Signatures in strictly ascending order of validator id, so that one certificate has one encoding and no signer counts twice.
pub type CertificateSignatures = List<CertificateSignature, { limits::VALIDATORS_MAX }>;

/// 2f+1 acknowledgements of a batch: it is available and every transaction in it is well formed and correctly signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BatchCertificate {
    /// Over [`BatchHeader::ack_message`].
    pub signatures: CertificateSignatures,
}

impl BatchCertificate {
    /// Verifies quorum and signatures for `header` under `validators`.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(&self, header: &BatchHeader, validators: &ValidatorSet) -> Result<(), CertificateError> {
        verify_signatures(&self.signatures, header.ack_message().as_bytes(), validators)
    }
}

/// 2f+1 precommits for one block at one height and round: the block is final.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct CommitCertificate {
    /// Height of the block.
    pub height: Height,
    /// Round in which it was decided.
    pub round: Round,
    /// The block.
    pub block_id: BlockId,
    /// Over the precommit for these three ([`Vote::sign_message`]).
    pub signatures: CertificateSignatures,
}

impl CommitCertificate {
    /// What every signer of this certificate signed.
    #[must_use]
    pub fn sign_message(&self, chain_id: ChainId) -> crate::hash::Digest {
        Vote {
            kind: VoteType::Precommit,
            chain_id,
            height: self.height,
            round: self.round,
            block_id: Some(self.block_id),
        }
        .sign_message()
    }

    /// Verifies quorum and signatures under the validator set of `height`.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(&self, chain_id: ChainId, validators: &ValidatorSet) -> Result<(), CertificateError> {
        verify_signatures(&self.signatures, self.sign_message(chain_id).as_bytes(), validators)
    }
}

/// Checks order, membership and quorum without touching a signature. Returns the signing power.
///
/// # Errors
/// [`CertificateError`], never [`CertificateError::Signature`].
pub fn check_quorum(signatures: &[CertificateSignature], validators: &ValidatorSet) -> Result<u64, CertificateError> {
    let mut power = 0_u64;
    for (index, entry) in signatures.iter().enumerate() {
        if index > 0 && signatures[index - 1].validator >= entry.validator {
            return Err(CertificateError::NotAscending { validator: entry.validator });
        }
        let validator =
            validators.by_id(&entry.validator).ok_or(CertificateError::NotAValidator { validator: entry.validator })?;
        // The total power of a set is bounded, so the sum over distinct members cannot overflow.
        power = power.saturating_add(validator.power);
    }
    let needed = validators.quorum();
    if power < needed { Err(CertificateError::NoQuorum { power, needed }) } else { Ok(power) }
}

fn verify_signatures(
    signatures: &[CertificateSignature],
    message: &[u8],
    validators: &ValidatorSet,
) -> Result<(), CertificateError> {
    check_quorum(signatures, validators)?;
    for entry in signatures {
        let validator =
            validators.by_id(&entry.validator).ok_or(CertificateError::NotAValidator { validator: entry.validator })?;
        validator
            .public_key
            .verify(message, &entry.signature)
            .map_err(|error| CertificateError::Signature { validator: entry.validator, error })?;
    }
    Ok(())
}

/// Why a certificate convinces nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// Signers are not in strictly ascending order (or one signs twice).
    NotAscending {
        /// The one out of order.
        validator: ValidatorId,
    },
    /// A signer is not in the validator set of that height.
    NotAValidator {
        /// The stranger.
        validator: ValidatorId,
    },
    /// Less than a quorum signed.
    NoQuorum {
        /// Power that signed.
        power: u64,
        /// Power needed.
        needed: u64,
    },
    /// A signature does not verify.
    Signature {
        /// Whose.
        validator: ValidatorId,
        /// Why.
        error: SignatureError,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAscending { validator } => {
                write!(f, "signers are not strictly ascending at validator {validator}")
            }
            Self::NotAValidator { validator } => {
                write!(f, "signer {validator} is not in the validator set of that height")
            }
            Self::NoQuorum { power, needed } => {
                write!(f, "signing power {power} is below the quorum of {needed}")
            }
            Self::Signature { validator, error } => {
                write!(f, "signature of validator {validator} is invalid: {error}")
            }
        }
    }
}

impl core::error::Error for CertificateError {}
