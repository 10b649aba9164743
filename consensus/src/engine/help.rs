//! Lost messages do not stop a height: a node without progress tells what it holds, and peers send what it lacks.
//!
//! Tendermint assumes that every message between honest nodes arrives in the end. Here messages may be lost, so a node that
//! sees no progress in its round for a while repeats its own latest votes and its proposal, and broadcasts a
//! [`RoundStatus`]. A peer answers
//!
//! - that is behind in height: with the next decided block;
//! - that is in an earlier round: with the certificate by which the later round was entered;
//! - that is in the same round: with the proposal and the votes it lacks;
//! - that knows no polka as new as ours: with the polka and its block, so that locks dissolve.
//!
//! Only validators of the height answer with messages of its agreement, and never with a block that they did not find valid.

use quancheng_types::{BlockId, Height, List, NodeId, Round, SignedVote, VoteType};

use super::requests::RequestKind;
use super::{Engine, ServeRequest};
use crate::message::{BlocksRequest, Message, RoundStatus, Status, VoteBits};

impl Engine {
    /// No progress in this round for a while.
    pub(super) fn on_stuck(&mut self, round: Round) {
        if !self.height.started || self.core.round() != round {
            return;
        }
        self.repeat_own(round);
        if !self.height.started || self.core.round() != round {
            return;
        }
        if self.core.proposer(round) == self.signer.id()
            && self.signer.has_key()
            && let Some(message) = self.proposal_message(round)
        {
            self.tell_all(message);
        }
        let status = self.round_status(round);
        self.out.broadcast(Message::RoundStatus(status));
        self.tell_reason(round);
    }

    /// While nobody else is at work on this height, the others may lack the reason that this node has: a batch to order.
    fn tell_reason(&mut self, round: Round) {
        let me = self.signer.id();
        if self.core.votes(round).iter().all(|vote| vote.validator == me)
            && let Some(batch) = self.availability.pool.first()
        {
            let message = Message::BatchCertified(Box::new(batch.clone()));
            self.tell_all(message);
        }
    }

    /// A proposer that was not told why a height starts would miss its turn, and be thought absent: so whoever has a reason passes it on,
    /// soon, and whether others are at work or not.
    pub(super) fn tell_proposer_reason(&mut self) {
        let round = Round(0);
        if !self.height.started || !self.is_member() || self.core.round() != round || self.has_proposal(round) {
            return;
        }
        let proposer = self.core.proposer(round);
        let Some(to) = self.validators().by_id(&proposer).map(|validator| validator.node_id) else {
            return;
        };
        if proposer == self.signer.id() {
            return;
        }
        if let Some(batch) = self.availability.pool.first() {
            self.out.send(to, Message::BatchCertified(Box::new(batch.clone())));
        }
        if let Some(presence) = self.presences_at(self.now.unix_ms).first() {
            self.out.send(to, Message::Presence(*presence));
        }
    }

    fn round_status(&self, round: Round) -> RoundStatus {
        let (mut prevotes, mut precommits) = (VoteBits::default(), VoteBits::default());
        for vote in self.core.votes(round) {
            let Ok(index) = self.validators().ids().binary_search(&vote.validator) else {
                continue;
            };
            match vote.vote.kind {
                VoteType::Prevote => prevotes.set(index),
                VoteType::Precommit => precommits.set(index),
            }
        }
        RoundStatus {
            height: self.height.height,
            round,
            has_proposal: self.has_proposal(round),
            prevotes,
            precommits,
            valid_round: self.core.valid_value().map(|(round, _)| round),
        }
    }

    pub(super) fn on_round_status(&mut self, from: NodeId, status: &RoundStatus) {
        let here = self.height.height;
        if status.height > here {
            self.sync.claim(from, status.height.previous().unwrap_or_default());
            return;
        }
        if !self.admit_request(from, RequestKind::Help, 1) {
            return;
        }
        if status.height < here {
            self.help_behind(from, status.height);
            return;
        }
        if !self.height.started {
            // Nothing vouches for a status, and it must not make an idle chain work.
            return;
        }
        if !self.is_member() {
            return;
        }
        let round = self.core.round();
        if status.round < round {
            if let Some(certificate) = self.core.round_certificate() {
                self.out.send(from, Message::RoundChange(certificate));
            }
            self.help_round(from, round, &RoundStatus { round, ..RoundStatus::of(here) });
        } else if status.round == round {
            self.help_round(from, round, status);
        }
        self.help_polka(from, status.valid_round);
    }

    fn help_behind(&mut self, to: NodeId, height: Height) {
        self.out.send(to, Message::Status(Status { committed: self.committed() }));
        self.serve(to, ServeRequest::Blocks(BlocksRequest { from: height, count: 1 }));
    }

    /// Sends the proposal and the votes of a round that the peer lacks.
    fn help_round(&mut self, to: NodeId, round: Round, status: &RoundStatus) {
        if !status.has_proposal
            && let Some(message) = self.proposal_message(round)
        {
            if let Message::Proposal(proposal) = &message
                && let Some(pol_round) = proposal.signed.proposal.pol_round
            {
                self.send_polka(to, pol_round, &proposal.signed.proposal.block_id);
            }
            self.out.send(to, message);
        }
        let ids = self.validators().ids();
        let lacking: Vec<SignedVote> = self
            .core
            .votes(round)
            .into_iter()
            .filter(|vote| {
                let held = match vote.vote.kind {
                    VoteType::Prevote => &status.prevotes,
                    VoteType::Precommit => &status.precommits,
                };
                ids.binary_search(&vote.validator).is_ok_and(|index| !held.contains(index))
            })
            .collect();
        if lacking.is_empty() {
            return;
        }
        let votes = List::new(lacking).expect("two votes per member of a bounded set");
        self.out.send(to, Message::Votes(votes));
    }

    /// Sends our newest polka and its block when the peer knows none as new.
    fn help_polka(&mut self, to: NodeId, known: Option<Round>) {
        let Some((round, id)) = self.core.valid_value() else {
            return;
        };
        if known.is_some_and(|known| known >= round) || round >= self.core.round() {
            return;
        }
        self.send_polka(to, round, &id);
        if let Some(message) = self.proposal_message(round) {
            self.out.send(to, message);
        }
    }

    fn send_polka(&mut self, to: NodeId, round: Round, id: &BlockId) {
        if let Some(polka) = self.core.polka(round, id) {
            self.out.send(to, Message::Polka(polka));
        }
    }
}

impl RoundStatus {
    /// A node that holds nothing of this height.
    fn of(height: Height) -> Self {
        Self {
            height,
            round: Round(0),
            has_proposal: false,
            prevotes: VoteBits::default(),
            precommits: VoteBits::default(),
            valid_round: None,
        }
    }
}
