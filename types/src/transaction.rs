//! What a client asks for: calls, signers, and the signatures over them.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::{Bytes, List};
use crate::codec::{DecodeError, decode, encode};
use crate::hash::Domain;
use crate::ids::{AccountId, ChainId, KeyId, ModuleId, TransactionId};
use crate::keys::{PublicKey, Signature, SignatureError, SigningKey};
use crate::limits;

/// One request to a contract module. `payload` is the borsh encoding of the module's own `Call` type.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Call {
    /// The module that executes it.
    pub module: ModuleId,
    /// Its arguments.
    pub payload: Bytes<{ limits::CALL_BYTES_MAX }>,
}

/// Who signs: an account, by one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Signer {
    /// The account that acts.
    pub account: AccountId,
    /// Hash of the public key that signs for it.
    pub key_id: KeyId,
}

/// The body of a transaction: everything that is signed.
///
/// Calls run in order, all or nothing. There is no account sequence: a client that needs order puts calls in one transaction or
/// waits for a receipt (protocol §2).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Transaction {
    /// The chain it is meant for.
    pub chain_id: ChainId,
    /// One to eight signers; the first is the sender.
    pub signers: List<Signer, { limits::SIGNERS_MAX }>,
    /// Chosen by the client, so that two equal requests are two transactions.
    pub nonce: u64,
    /// Last block time (ms since 1970 UTC) at which it may execute.
    pub valid_until_ms: u64,
    /// One to sixty-four calls.
    pub calls: List<Call, { limits::CALLS_MAX }>,
}

impl Transaction {
    /// The id: what the signers sign.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        TransactionId(Domain::Transaction.hash_of(self))
    }

    /// The account that acts and pays, if there is one.
    #[must_use]
    pub fn sender(&self) -> Option<AccountId> {
        self.signers.first().map(|s| s.account)
    }

    /// Signs with the keys of all signers, in the order of `signers`.
    ///
    /// # Errors
    /// [`TransactionError::SignatureCount`] when the number of keys differs from the number of signers.
    pub fn sign(self, keys: &[&SigningKey]) -> Result<SignedTransaction, TransactionError> {
        if keys.len() != self.signers.len() {
            return Err(TransactionError::SignatureCount { signers: self.signers.len(), signatures: keys.len() });
        }
        let id = self.id();
        let signatures = keys
            .iter()
            .map(|key| TransactionSignature { public_key: key.public_key(), signature: key.sign(id.as_bytes()) })
            .collect();
        let signatures = List::new(signatures).expect("as many as signers, which are bounded alike");
        Ok(SignedTransaction { body: self, signatures })
    }
}

/// A signature with the key that made it. The key travels along, so that checking a signature needs no state and a batch with a
/// bad one is provable misbehavior to anyone; whether the key may act for the account is judged at execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TransactionSignature {
    /// Hashes to the signer's `key_id`.
    pub public_key: PublicKey,
    /// Over the 32 bytes of the transaction id.
    pub signature: Signature,
}

/// A transaction with one signature per signer: what clients submit and batches carry.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// What is asked.
    pub body: Transaction,
    /// In the order of `body.signers`.
    pub signatures: List<TransactionSignature, { limits::SIGNERS_MAX }>,
}

impl SignedTransaction {
    /// Decodes with all limits.
    ///
    /// # Errors
    /// See [`decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, limits::TRANSACTION_BYTES_MAX)
    }

    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The id of the body.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.body.id()
    }

    /// Everything about the form that needs no cryptography beyond hashing keys, and no state.
    ///
    /// # Errors
    /// [`TransactionError`], never [`TransactionError::Signature`].
    pub fn check_form(&self, chain_id: &ChainId) -> Result<(), TransactionError> {
        let body = &self.body;
        if body.chain_id != *chain_id {
            return Err(TransactionError::WrongChain { expected: *chain_id, found: body.chain_id });
        }
        if body.signers.is_empty() {
            return Err(TransactionError::NoSigner);
        }
        if body.calls.is_empty() {
            return Err(TransactionError::NoCall);
        }
        if self.signatures.len() != body.signers.len() {
            return Err(TransactionError::SignatureCount {
                signers: body.signers.len(),
                signatures: self.signatures.len(),
            });
        }
        for (index, (signer, signature)) in body.signers.iter().zip(&self.signatures).enumerate() {
            if KeyId::of(&signature.public_key) != signer.key_id {
                return Err(TransactionError::KeyMismatch { index });
            }
            if body.signers[..index].iter().any(|earlier| earlier == signer) {
                return Err(TransactionError::RepeatedSigner { index });
            }
        }
        Ok(())
    }

    /// Form and signatures: what an acknowledgement of a batch vouches for.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check(&self, chain_id: &ChainId) -> Result<(), TransactionError> {
        self.check_form(chain_id)?;
        let id = self.id();
        for (index, signature) in self.signatures.iter().enumerate() {
            signature
                .public_key
                .verify(id.as_bytes(), &signature.signature)
                .map_err(|error| TransactionError::Signature { index, error })?;
        }
        Ok(())
    }
}

/// Why a transaction is not well formed or not correctly signed. Such a transaction never enters a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// Meant for another chain.
    WrongChain {
        /// This chain.
        expected: ChainId,
        /// The chain it names.
        found: ChainId,
    },
    /// No signer.
    NoSigner,
    /// No call.
    NoCall,
    /// Not one signature per signer.
    SignatureCount {
        /// Signers named.
        signers: usize,
        /// Signatures given.
        signatures: usize,
    },
    /// The public key beside a signature is not the one the signer names.
    KeyMismatch {
        /// Place of the signer.
        index: usize,
    },
    /// The same account and key twice.
    RepeatedSigner {
        /// Place of the second mention.
        index: usize,
    },
    /// A signature does not verify.
    Signature {
        /// Place of the signer.
        index: usize,
        /// Why.
        error: SignatureError,
    },
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongChain { expected, found } => {
                write!(f, "transaction is for chain {found}; this chain is {expected}")
            }
            Self::NoSigner => f.write_str("transaction names no signer"),
            Self::NoCall => f.write_str("transaction holds no call"),
            Self::SignatureCount { signers, signatures } => {
                write!(f, "{signers} signers need {signers} signatures, found {signatures}")
            }
            Self::KeyMismatch { index } => {
                write!(f, "public key of signature {index} is not the key that signer {index} names")
            }
            Self::RepeatedSigner { index } => {
                write!(f, "signer {index} repeats an earlier account and key")
            }
            Self::Signature { index, error } => write!(f, "signature {index} is invalid: {error}"),
        }
    }
}

impl core::error::Error for TransactionError {}
