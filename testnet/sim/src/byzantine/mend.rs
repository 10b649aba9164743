//! Makes a changed message fit together again, as far as a liar cares and its one key allows.

use quancheng_consensus::message::{
    CommittedBlock, Message, PolkaCertificate, ProposalMessage, RoundCertificate, SignQuery, SignedStatement,
};
use quancheng_types::certificate::CertificateSignatures;
use quancheng_types::{
    Block, BlockId, ChainId, Digest, Height, List, Presence, Proposal, Round, SignedBatch, SignedProposal, SignedVote,
    SigningKey, ValidatorId, Vote, VoteType,
};

use crate::random::Random;

/// How much of the rest is made to fit the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Nothing: signatures and hashes stay as they were carried.
    AsCarried,
    /// What it says in its own name is signed again.
    Signed,
    /// Roots and ids follow the content; what is its own is signed again.
    Whole,
    /// As before, and it says in its own name what another said.
    Claimed,
}

impl Care {
    pub(super) fn any(random: &mut Random) -> Self {
        match random.below(8) {
            0..=2 => Self::AsCarried,
            3 | 4 => Self::Signed,
            5 | 6 => Self::Whole,
            _ => Self::Claimed,
        }
    }
}

/// The one key of a liar.
pub(super) struct Pen {
    key: SigningKey,
    pub(super) me: ValidatorId,
    chain_id: ChainId,
}

impl Pen {
    pub(super) fn new(key: SigningKey, chain_id: ChainId) -> Self {
        Self { me: ValidatorId::of(&key.public_key()), key, chain_id }
    }

    pub(super) fn sign_vote(&self, signed: &mut SignedVote) {
        if signed.validator == self.me {
            signed.signature = self.key.sign(signed.vote.sign_message().as_bytes());
        }
    }

    pub(super) fn sign_proposal(&self, signed: &mut SignedProposal) {
        if signed.validator == self.me {
            signed.signature = self.key.sign(signed.proposal.sign_message().as_bytes());
        }
    }

    /// Makes a changed message fit.
    pub(super) fn mend(&self, message: &mut Message, care: Care) {
        if care == Care::AsCarried {
            return;
        }
        let (is_whole, is_claimed) = (care != Care::Signed, care == Care::Claimed);
        match message {
            Message::Proposal(proposal) => self.mend_proposal(proposal, is_whole, is_claimed),
            Message::Presence(presence) => {
                if is_claimed {
                    presence.validator = self.me;
                }
                if presence.validator == self.me {
                    let message = Presence::sign_message(self.chain_id, self.me, presence.since_ms);
                    presence.signature = self.key.sign(message.as_bytes());
                }
            }
            Message::Vote(vote) => {
                if is_claimed {
                    vote.validator = self.me;
                }
                self.sign_vote(vote);
            }
            Message::Votes(votes) => {
                let mut all = core::mem::take(votes).into_vec();
                all.iter_mut().for_each(|vote| self.sign_vote(vote));
                *votes = List::new(all).unwrap_or_default();
            }
            Message::BatchOffer(batch) | Message::BatchResponse(batch) => {
                self.mend_batch(std::sync::Arc::make_mut(batch), is_whole, is_claimed);
            }
            Message::BlocksResponse(blocks) => {
                let mut all = core::mem::take(blocks).into_vec();
                all.iter_mut().for_each(|block| self.mend_decided(block, is_whole));
                *blocks = List::new(all).unwrap_or_default();
            }
            Message::SignAnswer(answer) => match &mut answer.latest {
                Some(SignedStatement::Vote(vote)) => self.sign_vote(vote),
                Some(SignedStatement::Proposal(proposal)) => self.sign_proposal(proposal),
                None => {}
            },
            Message::Polka(polka) => {
                let PolkaCertificate { height, round, block_id, signatures } = polka;
                self.sign_share(signatures, &self.vote(VoteType::Prevote, *height, *round, Some(*block_id)));
            }
            Message::RoundChange(certificate) => self.mend_round(certificate),
            Message::BatchCertified(batch) => {
                let message = batch.header.ack_message();
                self.sign_share(&mut batch.certificate.signatures, &message);
            }
            Message::BatchAck(ack) => {
                if is_claimed {
                    ack.validator = self.me;
                }
            }
            Message::SignQuery(query) => {
                if is_claimed || query.key == self.key.public_key() {
                    *query = SignQuery::sign(&self.chain_id, &self.key, query.instance);
                }
            }
            Message::RoundStatus(_)
            | Message::BatchRequest(_)
            | Message::Status(_)
            | Message::BlocksRequest(_)
            | Message::Misbehavior(_) => {}
        }
    }

    fn mend_proposal(&self, proposal: &mut ProposalMessage, is_whole: bool, is_claimed: bool) {
        if is_claimed {
            proposal.signed.validator = self.me;
            proposal.block.header.proposer = self.me;
        }
        if is_whole {
            fit(&mut proposal.block);
            proposal.signed.proposal = Proposal { block_id: proposal.block.id(), ..proposal.signed.proposal };
        }
        self.sign_proposal(&mut proposal.signed);
    }

    /// What a vote on this chain signs.
    fn vote(&self, kind: VoteType, height: Height, round: Round, block_id: Option<BlockId>) -> Digest {
        Vote { kind, chain_id: self.chain_id, height, round, block_id }.sign_message()
    }

    /// Its own share of a certificate, signed for what the certificate now says.
    fn sign_share(&self, signatures: &mut CertificateSignatures, message: &Digest) {
        let own = self.key.sign(message.as_bytes());
        let mut all = core::mem::take(signatures).into_vec();
        all.iter_mut().filter(|entry| entry.validator == self.me).for_each(|entry| entry.signature = own);
        *signatures = List::new(all).unwrap_or_default();
    }

    fn mend_round(&self, certificate: &mut RoundCertificate) {
        let (height, round) = (certificate.height, certificate.round);
        let mut all = core::mem::take(&mut certificate.votes).into_vec();
        for entry in all.iter_mut().filter(|entry| entry.validator == self.me) {
            entry.signature = self.key.sign(self.vote(entry.kind, height, round, entry.block_id).as_bytes());
        }
        certificate.votes = List::new(all).unwrap_or_default();
    }

    fn mend_batch(&self, batch: &mut SignedBatch, is_whole: bool, is_claimed: bool) {
        if is_claimed {
            batch.header.author = self.me;
        }
        if is_whole {
            let header = batch.header;
            batch.header = batch.batch.header(header.chain_id, header.author, header.sequence, header.weight);
        }
        if batch.header.author == self.me {
            batch.signature = self.key.sign(batch.header.ack_message().as_bytes());
        }
    }

    fn mend_decided(&self, decided: &mut CommittedBlock, is_whole: bool) {
        if is_whole {
            fit(&mut decided.block);
            decided.certificate.block_id = decided.block.id();
        }
        let message = decided.certificate.sign_message(self.chain_id);
        self.sign_share(&mut decided.certificate.signatures, &message);
    }
}

/// The header names the content again.
fn fit(block: &mut Block) {
    block.header.batches_root = Block::batches_root(&block.batches);
    block.header.misbehavior_root = Block::misbehavior_root(&block.misbehavior);
    block.header.attendance_hash = block.attendance.hash();
}
