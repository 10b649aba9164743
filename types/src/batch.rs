//! Batches: transactions admitted by one validator, disseminated before they are ordered (protocol §3).

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bounded::{List, TooLong};
use crate::certificate::BatchCertificate;
use crate::codec::{DecodeError, decode, encode};
use crate::hash::{Digest, Domain};
use crate::ids::{BatchId, ChainId, ValidatorId};
use crate::keys::{Signature, SigningKey};
use crate::limits;
use crate::merkle;
use crate::sealed::SealedTransaction;
use crate::transaction::SignedTransaction;

/// What identifies a batch and what acknowledgers sign: small, and commits to every byte of the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BatchHeader {
    /// The chain.
    pub chain_id: ChainId,
    /// The validator that packed it.
    pub author: ValidatorId,
    /// The author's own count of batches. Strictly increasing for one author; gaps are allowed.
    pub sequence: u64,
    /// RFC 9162 root over the canonical bytes of the signed transactions.
    pub transactions_root: Digest,
    /// Number of transactions, at least 1.
    pub count: u32,
    /// Sum of the lengths of the canonical bytes of the transactions.
    pub bytes: u32,
    /// Sum of the weights of the transactions (protocol §5): what executing them costs at most. Acknowledgers recompute it, so a quorum
    /// vouches for it, and whoever bounds a block needs no transactions.
    pub weight: u64,
}

impl BatchHeader {
    /// The batch id.
    #[must_use]
    pub fn id(&self) -> BatchId {
        BatchId(Domain::Batch.hash_of(self))
    }

    /// What an acknowledging validator signs: "I hold this batch durably and every transaction in it is well formed and signed".
    #[must_use]
    pub fn ack_message(&self) -> Digest {
        Domain::BatchAck.hash(self.id().as_bytes())
    }
}

/// The transactions of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Batch {
    /// In the order in which they will run.
    pub transactions: List<SealedTransaction, { limits::BATCH_TRANSACTIONS_MAX }>,
}

/// Framing bytes of a batch message beyond its transactions: header, signature, count.
const BATCH_FRAME_BYTES: u32 = 1024;

/// A batch as its author sends it. The author's signature is its own acknowledgement, and makes an invalid transaction inside
/// provable misbehavior.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedBatch {
    /// Commits to `batch`.
    pub header: BatchHeader,
    /// The author's signature over [`BatchHeader::ack_message`].
    pub signature: Signature,
    /// The transactions.
    pub batch: Batch,
}

impl Batch {
    /// Seals the transactions, in the order in which they will run.
    ///
    /// # Errors
    /// [`TooLong`] with more than [`limits::BATCH_TRANSACTIONS_MAX`] of them.
    pub fn of(transactions: Vec<SignedTransaction>) -> Result<Self, TooLong> {
        let transactions = List::new(transactions.into_iter().map(SignedTransaction::seal).collect())?;
        Ok(Self { transactions })
    }

    /// The header that commits to these transactions: no more than the nodes of the tree are hashed. Their weight is the contracts' to compute.
    #[must_use]
    pub fn header(&self, chain_id: ChainId, author: ValidatorId, sequence: u64, weight: u64) -> BatchHeader {
        let mut tree = merkle::RootBuilder::new();
        let mut bytes = 0_u32;
        for transaction in &self.transactions {
            bytes = bytes.saturating_add(transaction.bytes());
            tree.push(transaction.leaf());
        }
        let count = u32::try_from(self.transactions.len()).expect("bounded by BATCH_TRANSACTIONS_MAX");
        BatchHeader { chain_id, author, sequence, transactions_root: tree.root(), count, bytes, weight }
    }

    /// Packs and signs.
    #[must_use]
    pub fn sign(self, chain_id: ChainId, sequence: u64, weight: u64, key: &SigningKey) -> SignedBatch {
        let header = self.header(chain_id, ValidatorId::of(&key.public_key()), sequence, weight);
        let signature = key.sign(header.ack_message().as_bytes());
        SignedBatch { header, signature, batch: self }
    }
}

impl SignedBatch {
    /// Greatest canonical length.
    pub const BYTES_MAX: u32 = limits::BATCH_BYTES_MAX + BATCH_FRAME_BYTES;

    /// Decodes with all limits. Does not check that the header commits to the transactions: see [`Self::is_consistent`].
    ///
    /// # Errors
    /// See [`decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, Self::BYTES_MAX)
    }

    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Whether the header commits to exactly these transactions, at least one, within the limit of bytes. Whether it states their
    /// weight is for those to judge who know the contracts.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let header = &self.header;
        let header = self.batch.header(header.chain_id, header.author, header.sequence, header.weight);
        header == self.header && header.count > 0 && header.bytes <= limits::BATCH_BYTES_MAX
    }
}

/// How a block refers to a batch: its header, and the quorum that holds it and found it valid.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BatchRef {
    /// Which batch.
    pub header: BatchHeader,
    /// 2f+1 acknowledgements.
    pub certificate: BatchCertificate,
}
