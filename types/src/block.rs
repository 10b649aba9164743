//! Headers and blocks (protocol §4).

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::attendance::Attendance;
use crate::batch::BatchRef;
use crate::bounded::List;
use crate::codec::{DecodeError, decode, encode};
use crate::hash::{Digest, Domain};
use crate::ids::{BlockId, ChainId, Height, Round, ValidatorId};
use crate::limits;
use crate::merkle;
use crate::misbehavior::MisbehaviorProof;
use crate::planted;

/// What a quorum signs: names the chain, its order, its validators, and the results of every height executed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Header {
    /// Version of the rules.
    pub version: u16,
    /// The chain.
    pub chain_id: ChainId,
    /// Place in the chain, from 1.
    pub height: Height,
    /// Proposer's time, ms since 1970 UTC; greater than the parent's.
    pub time_ms: u64,
    /// Id of the block before; zero at height 1.
    pub parent: BlockId,
    /// Who proposed it first.
    pub proposer: ValidatorId,
    /// The round in which that was: the proposers of earlier rounds let their turns pass.
    pub round: Round,
    /// RFC 9162 root over the canonical bytes of the batch references, certificates included, in order.
    pub batches_root: Digest,
    /// The validators of this height.
    pub validators_hash: Digest,
    /// The validators of the next height.
    pub next_validators_hash: Digest,
    /// The consensus parameters of this height.
    pub params_hash: Digest,
    /// Newest height whose results this header certifies; 0 is the genesis state.
    pub executed_height: Height,
    /// Leaves of the history log up to and including `executed_height`: `executed_height + 1`.
    pub history_size: u64,
    /// RFC 9162 root of the history log of that size.
    pub history_root: Digest,
    /// RFC 9162 root over the canonical bytes of the misbehavior proofs.
    pub misbehavior_root: Digest,
    /// Hash of [`Block::attendance`].
    pub attendance_hash: Digest,
}

impl Header {
    /// The block id.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(Domain::Header.hash_of(self))
    }
}

/// A block: its header and what the header commits to. The block id names every byte of it: two bodies of one id do not exist,
/// so a judgement of a block that is kept by its id cannot meet another body.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Block {
    /// Commits to the rest.
    pub header: Header,
    /// Certified batches, in order of execution.
    pub batches: List<BatchRef, { limits::BLOCK_BATCHES_MAX }>,
    /// Proofs against validators, executed by governance.
    pub misbehavior: List<MisbehaviorProof, { limits::BLOCK_MISBEHAVIOR_MAX }>,
    /// Which validators are passed over from the next height on.
    pub attendance: Attendance,
}

impl Block {
    /// Decodes with all limits.
    ///
    /// # Errors
    /// See [`decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, limits::BLOCK_BYTES_MAX)
    }

    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The block id.
    #[must_use]
    pub fn id(&self) -> BlockId {
        self.header.id()
    }

    /// Author and number of each batch, in the order of the block: what enters the windows of ordered batches ([`crate::AuthorWindow`]).
    #[must_use]
    pub fn ordered(&self) -> Vec<(ValidatorId, u64)> {
        self.batches.iter().map(|batch| (batch.header.author, batch.header.sequence)).collect()
    }

    /// RFC 9162 root over whole batch references: header and certificate.
    #[must_use]
    pub fn batches_root(batches: &[BatchRef]) -> Digest {
        let mut tree = merkle::RootBuilder::new();
        for batch in batches {
            let leaf = if planted::is_ids_only_root() { encode(&batch.header.id()) } else { encode(batch) };
            tree.push(merkle::leaf_hash(&leaf));
        }
        tree.root()
    }

    /// RFC 9162 root over misbehavior proofs.
    #[must_use]
    pub fn misbehavior_root(proofs: &[MisbehaviorProof]) -> Digest {
        let mut tree = merkle::RootBuilder::new();
        for proof in proofs {
            tree.push(merkle::leaf_hash(&encode(proof)));
        }
        tree.root()
    }

    /// Whether the header commits to exactly these batches, certificates, proofs and absences. When not, it is no block of that id but a mangled
    /// copy: the fault is of whoever delivered it, never of whoever proposed the block.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.header.batches_root == Self::batches_root(&self.batches)
            && self.header.misbehavior_root == Self::misbehavior_root(&self.misbehavior)
            && self.header.attendance_hash == self.attendance.hash()
    }
}
