//! Every field of every type that travels, by exhaustive patterns: a new field or message does not compile until the liar can
//! change it.

use std::sync::Arc;

use quancheng_consensus::message::{
    Alive, BatchAck, BlocksRequest, CommittedBlock, Message, PolkaCertificate, ProposalMessage, RoundCertificate,
    RoundStatus, RoundVote, SignAnswer, SignQuery, SignedStatement, Status,
};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::merkle::Path;
use quancheng_types::transaction::TransactionSignature;
use quancheng_types::{
    Absence, Attendance, Batch, BatchCertificate, BatchHeader, BatchRef, Block, Call, CommitCertificate, Header,
    MisbehaviorProof, Presence, Proposal, SealedTransaction, SignedBatch, SignedProposal, SignedTransaction,
    SignedVote, Signer, Transaction, Vote,
};

use super::stock::Stock;
use super::surgeon::Surgeon;
use crate::random::Random;

/// Something that a liar may change in one place.
pub(super) trait Parts {
    /// Offers every place to the surgeon, in a fixed order.
    fn visit(&mut self, surgeon: &mut Surgeon<'_>);

    /// Another value of this type that the liar has heard, to put in the place of this one or beside it.
    fn heard(_stock: &Stock, _random: &mut Random) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

impl<T: Parts> Parts for Box<T> {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        self.as_mut().visit(surgeon);
    }
}

impl<T: Parts + Clone> Parts for Arc<T> {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        Arc::make_mut(self).visit(surgeon);
    }
}

/// `Type { every field } [= what was heard];`
macro_rules! parts {
    ($($type:ident { $($field:ident),+ $(,)? } $(= $heard:ident)?;)+) => {
        $(
            impl Parts for $type {
                fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
                    let Self { $($field),+ } = self;
                    $(surgeon.inside(stringify!($field), |surgeon| $field.visit(surgeon));)+
                }

                $(
                    fn heard(stock: &Stock, random: &mut Random) -> Option<Self> {
                        stock.$heard(random)
                    }
                )?
            }
        )+
    };
}

parts! {
    ProposalMessage { signed, block };
    PolkaCertificate { height, round, block_id, signatures };
    RoundVote { kind, block_id, validator, signature } = round_vote;
    RoundCertificate { height, round, kind, votes };
    RoundStatus { height, round, has_proposal, prevotes, precommits, valid_round };
    SignQuery { key, instance, signature };
    SignAnswer { validator, nonce, committed, latest, alive };
    Alive { instance, signature };
    BatchAck { batch, validator, signature };
    Status { committed };
    BlocksRequest { from, count };
    CommittedBlock { block, certificate } = committed_block;
    Header {
        version, chain_id, height, time_ms, parent, proposer, round, batches_root, validators_hash, next_validators_hash, params_hash,
        executed_height, history_size, history_root, misbehavior_root, attendance_hash,
    };
    Block { header, batches, misbehavior, attendance };
    Absence { validator, misses, away, since_ms } = absence;
    Presence { validator, since_ms, signature } = presence;
    Attendance { absences, presences };
    BatchHeader { chain_id, author, sequence, transactions_root, count, bytes, weight };
    BatchCertificate { signatures };
    BatchRef { header, certificate } = batch_ref;
    Batch { transactions };
    SignedBatch { header, signature, batch };
    CertificateSignature { validator, signature } = certificate_signature;
    CommitCertificate { height, round, block_id, signatures };
    Vote { kind, chain_id, height, round, block_id };
    SignedVote { vote, validator, signature } = signed_vote;
    Proposal { chain_id, height, round, block_id, pol_round };
    SignedProposal { proposal, validator, signature };
    Call { module, payload } = call;
    Signer { account, key_id } = signer;
    Transaction { chain_id, signers, nonce, valid_until_ms, calls };
    TransactionSignature { public_key, signature } = transaction_signature;
    SignedTransaction { body, signatures } = transaction;
    Path { index, size, siblings };
}

/// Changed is another one, with a seal of its own: a liar that sends bytes has no other.
impl Parts for SealedTransaction {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        let mut signed = self.signed().clone();
        signed.visit(surgeon);
        if signed != *self.signed() {
            *self = signed.seal();
        }
    }

    fn heard(stock: &Stock, random: &mut Random) -> Option<Self> {
        SignedTransaction::heard(stock, random).map(SignedTransaction::seal)
    }
}

impl Parts for SignedStatement {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        match self {
            Self::Vote(vote) => surgeon.inside("vote", |surgeon| vote.visit(surgeon)),
            Self::Proposal(proposal) => surgeon.inside("proposal", |surgeon| proposal.visit(surgeon)),
        }
    }

    fn heard(stock: &Stock, random: &mut Random) -> Option<Self> {
        stock.signed_vote(random).map(Self::Vote)
    }
}

impl Parts for MisbehaviorProof {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        match self {
            Self::ConflictingVotes { first, second } => surgeon.inside("conflicting_votes", |surgeon| {
                surgeon.inside("first", |surgeon| first.visit(surgeon));
                surgeon.inside("second", |surgeon| second.visit(surgeon));
            }),
            Self::ConflictingProposals { first, second } => surgeon.inside("conflicting_proposals", |surgeon| {
                surgeon.inside("first", |surgeon| first.visit(surgeon));
                surgeon.inside("second", |surgeon| second.visit(surgeon));
            }),
            Self::InvalidBatch { header, signature, transaction, path } => {
                surgeon.inside("invalid_batch", |surgeon| {
                    surgeon.inside("header", |surgeon| header.visit(surgeon));
                    surgeon.inside("signature", |surgeon| signature.visit(surgeon));
                    surgeon.inside("transaction", |surgeon| transaction.visit(surgeon));
                    surgeon.inside("path", |surgeon| path.visit(surgeon));
                });
            }
        }
    }

    fn heard(stock: &Stock, random: &mut Random) -> Option<Self> {
        stock.accusation(random)
    }
}

impl Parts for Message {
    fn visit(&mut self, surgeon: &mut Surgeon<'_>) {
        let name = self.name();
        surgeon.inside(name, |surgeon| match self {
            Self::Proposal(inner) => inner.visit(surgeon),
            Self::Vote(inner) => inner.visit(surgeon),
            Self::Votes(inner) => inner.visit(surgeon),
            Self::Polka(inner) => inner.visit(surgeon),
            Self::RoundChange(inner) => inner.visit(surgeon),
            Self::RoundStatus(inner) => inner.visit(surgeon),
            Self::SignQuery(inner) => inner.visit(surgeon),
            Self::SignAnswer(inner) => inner.visit(surgeon),
            Self::BatchOffer(inner) => inner.visit(surgeon),
            Self::BatchAck(inner) => inner.visit(surgeon),
            Self::BatchCertified(inner) => inner.visit(surgeon),
            Self::BatchRequest(inner) => inner.visit(surgeon),
            Self::BatchResponse(inner) => inner.visit(surgeon),
            Self::Status(inner) => inner.visit(surgeon),
            Self::BlocksRequest(inner) => inner.visit(surgeon),
            Self::BlocksResponse(inner) => inner.visit(surgeon),
            Self::Presence(inner) => inner.visit(surgeon),
            Self::Misbehavior(inner) => inner.visit(surgeon),
        });
    }
}
