//! Which signatures a message carries, so that the shell can verify them ahead, in parallel and in batches.

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{
    BatchRef, ChainId, Digest, Presence, Signature, SignedProposal, SignedVote, ValidatorId, ValidatorSet,
};

use super::{Engine, SignatureItem};
use crate::message::{CommittedBlock, Message};

/// Collects signatures of members of one set.
struct Items<'a> {
    validators: &'a ValidatorSet,
    items: Vec<SignatureItem>,
}

impl Items<'_> {
    fn add(&mut self, validator: &ValidatorId, message: Digest, signature: Signature) {
        if let Some(member) = self.validators.by_id(validator) {
            self.items.push(SignatureItem { key: member.public_key, message, signature });
        }
    }

    fn add_all(&mut self, signatures: &[CertificateSignature], message: Digest) {
        for entry in signatures {
            self.add(&entry.validator, message, entry.signature);
        }
    }

    fn vote(&mut self, signed: &SignedVote) {
        self.add(&signed.validator, signed.vote.sign_message(), signed.signature);
    }

    fn proposal(&mut self, signed: &SignedProposal) {
        self.add(&signed.validator, signed.proposal.sign_message(), signed.signature);
    }

    fn presence(&mut self, chain_id: ChainId, presence: &Presence) {
        let message = Presence::sign_message(chain_id, presence.validator, presence.since_ms);
        self.add(&presence.validator, message, presence.signature);
    }

    fn batch(&mut self, batch: &BatchRef) {
        self.add_all(&batch.certificate.signatures, batch.header.ack_message());
    }
}

impl Engine {
    /// The signatures that the engine will check when it takes in this message, under the sets it knows. When all of them were
    /// verified, pass `verified: true` with the message; one that fails makes the message worthless and its sender a liar.
    #[must_use]
    pub fn signatures_in(&self, message: &Message) -> Vec<SignatureItem> {
        let height = message.agreement_height().unwrap_or(self.height.height);
        let mut items = Items { validators: &self.schedule.at(height).validators, items: Vec::new() };
        match message {
            Message::Proposal(proposal) => {
                items.proposal(&proposal.signed);
                for batch in &proposal.block.batches {
                    items.batch(batch);
                }
                for presence in &proposal.block.attendance.presences {
                    items.presence(self.chain_id, presence);
                }
            }
            Message::Vote(_) | Message::Votes(_) | Message::Polka(_) | Message::RoundChange(_) => {
                message.said().votes(self.chain_id).iter().for_each(|vote| items.vote(vote));
            }
            Message::BatchOffer(batch) => {
                items.add(&batch.header.author, batch.header.ack_message(), batch.signature);
            }
            Message::BatchCertified(batch) => items.batch(batch),
            Message::BlocksResponse(blocks) => return self.block_items(blocks),
            Message::Presence(presence) => items.presence(self.chain_id, presence),
            Message::RoundStatus(_)
            | Message::SignQuery(_)
            | Message::SignAnswer(_)
            | Message::BatchAck(_)
            | Message::Misbehavior(_)
            | Message::BatchRequest(_)
            | Message::BatchResponse(_)
            | Message::Status(_)
            | Message::BlocksRequest(_) => {}
        }
        items.items
    }

    fn block_items(&self, blocks: &[CommittedBlock]) -> Vec<SignatureItem> {
        let mut all = Vec::new();
        for CommittedBlock { certificate, .. } in blocks {
            let mut items = Items { validators: &self.schedule.at(certificate.height).validators, items: Vec::new() };
            items.add_all(&certificate.signatures, certificate.sign_message(self.chain_id));
            all.append(&mut items.items);
        }
        all
    }
}
