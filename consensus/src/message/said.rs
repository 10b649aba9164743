//! What a message holds its speakers to. This is the one list of the messages that carry statements about the agreement: whoever reads
//! votes and proposals out of messages reads them here, so that a new message is sorted once.

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{ChainId, Height, SignedVote, Vote, VoteType};

use super::{Message, PolkaCertificate, ProposalMessage, RoundCertificate, RoundVote, SignedStatement};

/// What validators say about the agreement in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A proposal with its block.
    Proposal(&'a ProposalMessage),
    /// Votes, one or several.
    Votes(&'a [SignedVote]),
    /// Prevotes of one round, in a certificate.
    Polka(&'a PolkaCertificate),
    /// Votes of one round, in a certificate.
    RoundChange(&'a RoundCertificate),
    /// What was last seen of a validator that starts: a reminder, which takes part in no height.
    Latest(&'a SignedStatement),
    /// Nothing.
    Nothing,
}

impl Message {
    /// What it says about the agreement.
    #[must_use]
    pub fn said(&self) -> Said<'_> {
        match self {
            Self::Proposal(proposal) => Said::Proposal(proposal),
            Self::Vote(vote) => Said::Votes(core::slice::from_ref(vote)),
            Self::Votes(votes) => Said::Votes(votes),
            Self::Polka(polka) => Said::Polka(polka),
            Self::RoundChange(certificate) => Said::RoundChange(certificate),
            Self::SignAnswer(answer) => match &answer.latest {
                Some(latest) => Said::Latest(latest),
                None => Said::Nothing,
            },
            Self::RoundStatus(_)
            | Self::SignQuery(_)
            | Self::BatchOffer(_)
            | Self::BatchAck(_)
            | Self::BatchCertified(_)
            | Self::BatchRequest(_)
            | Self::BatchResponse(_)
            | Self::Status(_)
            | Self::BlocksRequest(_)
            | Self::BlocksResponse(_)
            | Self::Presence(_)
            | Self::Misbehavior(_) => Said::Nothing,
        }
    }
}

impl Said<'_> {
    /// The height whose agreement it is part of.
    #[must_use]
    pub fn height(self) -> Option<Height> {
        match self {
            Self::Proposal(message) => Some(message.signed.proposal.height),
            Self::Votes(votes) => votes.first().map(|vote| vote.vote.height),
            Self::Polka(polka) => Some(polka.height),
            Self::RoundChange(certificate) => Some(certificate.height),
            Self::Latest(_) | Self::Nothing => None,
        }
    }

    /// Votes and proposals that travel whole. Those in certificates are not among them: see [`Self::votes`].
    #[must_use]
    pub fn statements(self) -> Vec<SignedStatement> {
        match self {
            Self::Proposal(message) => vec![SignedStatement::Proposal(message.signed)],
            Self::Votes(votes) => votes.iter().copied().map(SignedStatement::Vote).collect(),
            Self::Latest(latest) => vec![*latest],
            Self::Polka(_) | Self::RoundChange(_) | Self::Nothing => Vec::new(),
        }
    }

    /// Every vote that may count in a height, those in certificates included: what they say and on which chain follows from the
    /// certificate.
    #[must_use]
    pub fn votes(self, chain_id: ChainId) -> Vec<SignedVote> {
        match self {
            Self::Votes(votes) => votes.to_vec(),
            Self::Polka(polka) => {
                let PolkaCertificate { height, round, block_id, ref signatures } = *polka;
                let vote = Vote { kind: VoteType::Prevote, chain_id, height, round, block_id: Some(block_id) };
                let cast = |entry: &CertificateSignature| SignedVote {
                    vote,
                    validator: entry.validator,
                    signature: entry.signature,
                };
                signatures.iter().map(cast).collect()
            }
            Self::RoundChange(certificate) => {
                let RoundCertificate { height, round, kind: _, ref votes } = *certificate;
                let cast = |entry: &RoundVote| SignedVote {
                    vote: Vote { kind: entry.kind, chain_id, height, round, block_id: entry.block_id },
                    validator: entry.validator,
                    signature: entry.signature,
                };
                votes.iter().map(cast).collect()
            }
            Self::Proposal(_) | Self::Latest(_) | Self::Nothing => Vec::new(),
        }
    }
}
