//! The validator key and its record. Signing is pure and deterministic; what makes it safe is that the record is asked
//! first, and that the engine lets nothing leave before the record is flushed.

use quancheng_types::{Digest, Proposal, Signature, SigningKey, ValidatorId, Vote, VoteType};

use crate::checker::SignatureChecker;
use crate::sign_record::{NotSafe, Safe, SignRecord, Slot, SlotValue, Step};

/// What became of a request to sign.
pub(crate) enum Verdict {
    /// Signed; this record must be durable before the signature leaves.
    New(Signature, SignRecord),
    /// Signed again, the same as before.
    Same(Signature),
    /// Must not be signed.
    Refused(NotSafe),
    /// This node has no key.
    NoKey,
}

/// The key of this node, if it has one.
#[derive(Debug)]
pub(crate) struct Signer {
    key: Option<(SigningKey, SignRecord)>,
    id: ValidatorId,
    /// Entries of the log of the height in progress that are flushed.
    pub(crate) log_entries_flushed: u64,
}

impl Signer {
    pub(crate) fn new(key: Option<(SigningKey, SignRecord)>) -> Self {
        let id = key.as_ref().map(|(key, _)| ValidatorId::of(&key.public_key())).unwrap_or_default();
        Self { key, id, log_entries_flushed: 0 }
    }

    /// Our validator id; zero for a follower.
    pub(crate) fn id(&self) -> ValidatorId {
        self.id
    }

    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    pub(crate) fn key(&self) -> Option<&SigningKey> {
        self.key.as_ref().map(|(key, _)| key)
    }

    pub(crate) fn record(&self) -> Option<&SignRecord> {
        self.key.as_ref().map(|(_, record)| record)
    }

    pub(crate) fn record_mut(&mut self) -> Option<&mut SignRecord> {
        self.key.as_mut().map(|(_, record)| record)
    }

    pub(crate) fn vote(&mut self, vote: &Vote, checker: &mut dyn SignatureChecker) -> Verdict {
        let (slot, value) = vote_slot(vote);
        self.sign(slot, value, &vote.sign_message(), checker)
    }

    pub(crate) fn proposal(&mut self, proposal: &Proposal, checker: &mut dyn SignatureChecker) -> Verdict {
        let (slot, value) = proposal_slot(proposal);
        self.sign(slot, value, &proposal.sign_message(), checker)
    }

    fn sign(&mut self, slot: Slot, value: SlotValue, message: &Digest, checker: &mut dyn SignatureChecker) -> Verdict {
        let Some((key, record)) = &mut self.key else {
            return Verdict::NoKey;
        };
        let safe = match record.admit(slot, value, self.log_entries_flushed) {
            Ok(safe) => safe,
            Err(reason) => return Verdict::Refused(reason),
        };
        let signature = key.sign(message.as_bytes());
        checker.remember(&key.public_key(), message, &signature);
        match safe {
            Safe::New => Verdict::New(signature, record.clone()),
            Safe::Same => Verdict::Same(signature),
        }
    }
}

/// The slot of a vote and what is signed in it.
pub(crate) fn vote_slot(vote: &Vote) -> (Slot, SlotValue) {
    let step = match vote.kind {
        VoteType::Prevote => Step::Prevote,
        VoteType::Precommit => Step::Precommit,
    };
    (Slot { height: vote.height, round: vote.round, step }, SlotValue { block_id: vote.block_id, pol_round: None })
}

/// The slot of a proposal and what is signed in it.
pub(crate) fn proposal_slot(proposal: &Proposal) -> (Slot, SlotValue) {
    (
        Slot { height: proposal.height, round: proposal.round, step: Step::Propose },
        SlotValue { block_id: Some(proposal.block_id), pol_round: proposal.pol_round },
    )
}
