//! Proofs against validators on their way into a block.

use std::collections::BTreeMap;

use quancheng_types::merkle::Path;
use quancheng_types::{Digest, MisbehaviorProof, SealedTransaction, SignedBatch, SignedProposal, SignedVote, codec};

use crate::limits::MISBEHAVIOR_MAX;

/// Proof from two votes; `None` when they do not conflict.
pub(crate) fn conflicting_votes(a: SignedVote, b: SignedVote) -> Option<MisbehaviorProof> {
    if a.vote.block_id == b.vote.block_id {
        return None;
    }
    let (first, second) = if codec::encode(&a) < codec::encode(&b) { (a, b) } else { (b, a) };
    Some(MisbehaviorProof::ConflictingVotes { first, second })
}

/// Proof from two proposals; `None` when they do not conflict.
pub(crate) fn conflicting_proposals(a: SignedProposal, b: SignedProposal) -> Option<MisbehaviorProof> {
    if a.proposal == b.proposal {
        return None;
    }
    let (first, second) = if codec::encode(&a) < codec::encode(&b) { (a, b) } else { (b, a) };
    Some(MisbehaviorProof::ConflictingProposals { first, second })
}

/// Proof from a batch with an invalid transaction; `None` when there is no such place.
pub(crate) fn invalid_batch(batch: &SignedBatch, index: u32) -> Option<MisbehaviorProof> {
    let leaves: Vec<Digest> = batch.batch.transactions.iter().map(SealedTransaction::leaf).collect();
    let transaction = batch.batch.transactions.get(usize::try_from(index).ok()?)?;
    Some(MisbehaviorProof::InvalidBatch {
        header: batch.header,
        signature: batch.signature,
        transaction: Box::new(transaction.signed().clone()),
        path: Path::of(&leaves, u64::from(index))?,
    })
}

/// Proofs that wait to be ordered, and the offences of those that were: two proofs of one offence are one.
#[derive(Debug, Default)]
pub(crate) struct MisbehaviorPool {
    waiting: BTreeMap<Digest, MisbehaviorProof>,
    ordered: BTreeMap<Digest, u64>,
    orders: u64,
}

impl MisbehaviorPool {
    /// Takes a verified proof. Returns whether it is new.
    pub(crate) fn insert(&mut self, proof: MisbehaviorProof) -> bool {
        let is_wanted = self.is_wanted(&proof);
        if is_wanted {
            self.waiting.insert(proof.offence_id(), proof);
        }
        is_wanted
    }

    /// Whether its offence is new, and there is room.
    pub(crate) fn is_wanted(&self, proof: &MisbehaviorProof) -> bool {
        let offence = proof.offence_id();
        !self.ordered.contains_key(&offence)
            && !self.waiting.contains_key(&offence)
            && self.waiting.len() < MISBEHAVIOR_MAX
    }

    /// Notes that a block carries this proof.
    pub(crate) fn remove_ordered(&mut self, proof: &MisbehaviorProof) {
        let offence = proof.offence_id();
        self.waiting.remove(&offence);
        self.orders += 1;
        self.ordered.insert(offence, self.orders);
        if self.ordered.len() > MISBEHAVIOR_MAX
            && let Some(oldest) = self.ordered.iter().min_by_key(|(_, order)| **order).map(|(name, _)| *name)
        {
            self.ordered.remove(&oldest);
        }
    }

    /// Drops proofs that can no longer be included.
    pub(crate) fn retain(&mut self, keep: impl Fn(&MisbehaviorProof) -> bool) {
        self.waiting.retain(|_, proof| keep(proof));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Proofs for the next proposal, always in the same order.
    pub(crate) fn select(&self, count_max: usize) -> Vec<MisbehaviorProof> {
        self.waiting.values().take(count_max).cloned().collect()
    }
}
