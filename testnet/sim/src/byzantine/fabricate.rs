//! Messages that nobody said: votes in the mouths of others, certificates with too few votes or too many, help that misleads.

use quancheng_consensus::message::{
    Message, PolkaCertificate, RoundCertificate, RoundCertificateKind, RoundStatus, RoundVote,
};
use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{BatchRef, Digest, List, NodeId, Round, SignedProposal, SignedVote, ValidatorId, Vote, VoteType};

use super::Spoken;
use super::forger::Forger;

impl Forger {
    /// A certificate with the signature of somebody who is no validator among the others.
    pub(super) fn befriend(&mut self, batch: &BatchRef) -> Message {
        let mut batch = batch.clone();
        let stranger = ValidatorId(Digest(self.random.bytes32()));
        let mut signatures = batch.certificate.signatures.into_vec();
        if let Some(first) = signatures.first().copied() {
            signatures.push(CertificateSignature { validator: stranger, ..first });
        }
        signatures.sort_by_key(|entry| entry.validator);
        batch.certificate.signatures = List::new(signatures).unwrap_or_default();
        Message::BatchCertified(Box::new(batch))
    }

    /// Speaks for others: votes that they never cast, or certificates with fewer votes than it takes, upon the vote of one of them.
    pub(super) fn ventriloquize(&mut self, heard: &SignedVote) -> Option<Message> {
        let me = self.pen.me;
        let vote = heard.vote;
        let own = |vote: Vote| {
            let mut signed = SignedVote { vote, validator: me, signature: heard.signature };
            self.pen.sign_vote(&mut signed);
            signed
        };
        let lie = match self.random.below(5) {
            0 => {
                // A polka of one honest vote and its own.
                let mine = own(vote);
                let mut pair = [(heard.validator, heard.signature), (me, mine.signature)];
                pair.sort_by_key(|(validator, _)| *validator);
                let signatures =
                    pair.map(|(validator, signature)| CertificateSignature { validator, signature }).to_vec();
                let signatures = List::new(signatures).ok()?;
                let Vote { height, round, block_id, .. } = vote;
                Message::Polka(PolkaCertificate { height, round, block_id: block_id?, signatures })
            }
            1 => {
                // A later round, in which it is alone.
                let later = Vote { round: Round(vote.round.0.saturating_add(1)), ..vote };
                let votes = vec![round_vote(&own(later))];
                let (height, round, kind) = (later.height, later.round, RoundCertificateKind::Skip);
                Message::RoundChange(RoundCertificate { height, round, kind, votes: List::new(votes).ok()? })
            }
            2 => {
                // The end of this round, by one honest vote and its own.
                let votes = vec![round_vote(heard), round_vote(&own(vote))];
                let (height, round, kind) = (vote.height, vote.round, RoundCertificateKind::Precommit);
                Message::RoundChange(RoundCertificate { height, round, kind, votes: List::new(votes).ok()? })
            }
            3 => {
                // What others said, of the other kind.
                let kind = match vote.kind {
                    VoteType::Prevote => VoteType::Precommit,
                    VoteType::Precommit => VoteType::Prevote,
                };
                let mut votes = self.stock.votes_for(vote.kind, vote.height, vote.round);
                votes.iter_mut().for_each(|signed| signed.vote.kind = kind);
                Message::Votes(List::new(votes).ok()?)
            }
            _ => Message::Votes(List::new(self.stock.dubbed(heard, &mut self.random)).ok()?),
        };
        self.allows(&lie).then_some(lie)
    }

    /// Help that is none: the proposal of the height with one field changed, a polka that never was, changed votes.
    pub(super) fn mislead(&mut self, to: NodeId, status: &RoundStatus) -> Vec<Spoken> {
        let mut lies = Vec::new();
        if let Some(proposal) = self.stock.proposal_of(status.height).cloned() {
            let votes = self.stock.votes_for(VoteType::Prevote, status.height, status.round);
            let signatures: Vec<CertificateSignature> = votes
                .iter()
                .map(|SignedVote { validator, signature, .. }| CertificateSignature {
                    validator: *validator,
                    signature: *signature,
                })
                .collect();
            let SignedProposal { proposal: about, .. } = proposal.signed;
            lies.push(Message::Polka(PolkaCertificate {
                height: status.height,
                round: status.round,
                block_id: about.block_id,
                signatures: List::new(signatures).unwrap_or_default(),
            }));
            lies.push(Message::Votes(List::new(votes).unwrap_or_default()));
            lies.push(Message::Proposal(Box::new(proposal)));
        }
        lies.into_iter().filter_map(|lie| self.change(lie)).map(|lie| Spoken::forged(Some(to), lie)).collect()
    }
}

fn round_vote(signed: &SignedVote) -> RoundVote {
    let SignedVote { vote, validator, signature } = *signed;
    RoundVote { kind: vote.kind, block_id: vote.block_id, validator, signature }
}
