//! Faulty validators of five narrow kinds.

use std::sync::Arc;

use quancheng_consensus::message::{CommittedBlock, Message, ProposalMessage, Status};
use quancheng_types::{
    BatchRef, Block, BlockId, CommitCertificate, Digest, Height, List, Proposal, SignedProposal, SigningKey,
    ValidatorId, VoteType,
};

use crate::config::Byzantine;
use crate::known::Known;
use crate::random::Random;

/// One message in this many is changed, so that the faulty validator keeps up and has something to lie about.
const LIE_ONE_IN: u64 = 3;

/// Certified batches that it remembers.
const CERTIFIED_KEPT: usize = 24;

/// The mind of a faulty validator of a narrow kind.
pub(crate) struct Classic {
    kind: Byzantine,
    key: SigningKey,
    random: Random,
    /// The newest honest proposal it saw: what it copies when it proposes out of turn.
    seen: Option<ProposalMessage>,
    /// Certified batches that it heard of, the newest last.
    certified: Vec<BatchRef>,
}

impl Classic {
    pub(crate) fn new(kind: Byzantine, key: SigningKey, random: Random) -> Self {
        Self { kind, key, random, seen: None, certified: Vec::new() }
    }

    /// Looks at what arrives.
    pub(crate) fn hear(&mut self, message: &Message) {
        if let Message::BatchCertified(batch) = message {
            if self.certified.len() >= CERTIFIED_KEPT {
                self.certified.remove(0);
            }
            self.certified.push(batch.as_ref().clone());
        }
        if self.kind == Byzantine::Proposer
            && let Message::Proposal(proposal) = message
        {
            self.seen = Some((**proposal).clone());
        }
    }

    /// What it sends instead.
    pub(crate) fn speak(&mut self, message: Message, known: &Known) -> Vec<Message> {
        match self.kind {
            Byzantine::Silent => Vec::new(),
            Byzantine::Twin | Byzantine::Batcher | Byzantine::Forger | Byzantine::Stranger => vec![message],
            Byzantine::Liar => vec![self.lie(message, known)],
            Byzantine::Proposer => self.propose(message, known),
        }
    }

    fn is_lying(&mut self) -> bool {
        self.random.below(LIE_ONE_IN) == 0
    }

    fn lie(&mut self, message: Message, known: &Known) -> Message {
        if !self.is_lying() {
            return message;
        }
        if let Message::Status(status) = message {
            let committed = status.committed.plus(self.random.below(2_000));
            return Message::Status(Status { committed });
        }
        if let Message::BlocksResponse(blocks) = message {
            let blocks = blocks.into_vec().into_iter().map(|block| self.falsify(block, known)).collect();
            return Message::BlocksResponse(List::new(blocks).expect("as many as before"));
        }
        if let Message::BatchResponse(batch) = &message {
            let mut other = (**batch).clone();
            let rest = other.batch.transactions.iter().skip(1).cloned().collect();
            other.batch.transactions = List::new(rest).expect("fewer than before");
            return Message::BatchResponse(Arc::new(other));
        }
        message
    }

    /// One way to falsify a decided block.
    fn falsify(&mut self, mut decided: CommittedBlock, known: &Known) -> CommittedBlock {
        match self.random.below(5) {
            0 => decided.certificate = self.weaken(decided.certificate, known),
            1 => {
                decided.block.header.time_ms += 1;
                decided.certificate.block_id = decided.block.id();
            }
            2 => decided.block.batches = List::empty(),
            3 => decided.block.header.height = decided.block.header.height.next(),
            _ => decided.certificate.round.0 += 1,
        }
        decided
    }

    /// Takes signatures out until one is missing to a quorum.
    fn weaken(&self, certificate: CommitCertificate, known: &Known) -> CommitCertificate {
        let quorum = known.validators(certificate.height).quorum();
        let keep = usize::try_from(quorum.saturating_sub(1)).unwrap_or(usize::MAX);
        let signatures = certificate.signatures.into_vec().into_iter().take(keep).collect();
        CommitCertificate { signatures: List::new(signatures).expect("fewer than before"), ..certificate }
    }

    fn propose(&mut self, message: Message, known: &Known) -> Vec<Message> {
        if !self.is_lying() {
            return vec![message];
        }
        if let Message::Proposal(own) = message {
            let mut other = *own;
            self.spoil(&mut other.block, known);
            return vec![self.sign(other.block, &other.signed.proposal)];
        }
        if let Message::Vote(vote) = &message
            && vote.vote.kind == VoteType::Prevote
        {
            let out_of_turn = self.out_of_turn(vote.vote.height);
            return out_of_turn.into_iter().chain([message]).collect();
        }
        vec![message]
    }

    /// The proposal of the validator whose turn it is, as if it were its own.
    fn out_of_turn(&mut self, height: Height) -> Option<Message> {
        let mut seen = self.seen.clone().filter(|seen| seen.block.header.height == height)?;
        seen.block.header.proposer = ValidatorId::of(&self.key.public_key());
        let mut proposal = seen.signed.proposal;
        // Sometimes for a round that the others have not reached, so that theirs is not there first.
        proposal.round.0 += u32::try_from(self.random.below(3)).expect("below 3");
        proposal.pol_round = None;
        Some(self.sign(seen.block, &proposal))
    }

    fn sign(&self, block: Block, proposal: &Proposal) -> Message {
        let proposal = Proposal { block_id: block.id(), ..*proposal };
        let signature = self.key.sign(proposal.sign_message().as_bytes());
        let signed = SignedProposal { proposal, validator: ValidatorId::of(&self.key.public_key()), signature };
        Message::Proposal(Box::new(ProposalMessage { signed, block }))
    }

    /// Breaks one rule of headers and leaves the others whole.
    fn spoil(&mut self, block: &mut Block, known: &Known) {
        let header = &mut block.header;
        match self.random.below(17) {
            11 | 15 => self.twice(block),
            12 | 14 => self.crowd(block, known),
            8 => header.version = header.version.wrapping_add(1),
            9 => {
                // As late as the parent, to the millisecond.
                let parent = header.height.previous().and_then(|before| known.block(before));
                header.time_ms = parent.map_or(0, |parent| parent.block.header.time_ms);
            }
            10 => {
                // True results of long ago.
                header.executed_height = Height::GENESIS;
                (header.history_size, header.history_root) = known.history(Height::GENESIS).unwrap_or_default();
            }
            0 => header.parent = BlockId(Digest([7; 32])),
            1 => header.history_root = Digest([7; 32]),
            2 => header.time_ms += 3_600_000,
            3 => header.time_ms = known.genesis.time_ms,
            4 => header.next_validators_hash = Digest([7; 32]),
            5 => {
                // A root that was true once, for a height that is not that one.
                header.history_root = known.history(Height::GENESIS).map_or(Digest::ZERO, |(_, root)| root);
            }
            6 => header.executed_height = header.height,
            7 => {
                // Somebody else is to have proposed it.
                let ids = known.validators(header.height).ids();
                header.proposer = ids[self.random.index(ids.len())];
            }
            _ => self.repeat_batch(block, known),
        }
    }

    /// The same batch two times.
    fn twice(&mut self, block: &mut Block) {
        let batches: Vec<_> = block.batches.iter().chain(block.batches.first()).cloned().collect();
        hold(block, batches);
    }

    /// Every batch that may be ordered, more than a block may hold.
    fn crowd(&mut self, block: &mut Block, known: &Known) {
        let mut ordered: Vec<_> = block.batches.iter().map(|batch| batch.header.id()).collect();
        for decided in known.blocks().rev().take(20) {
            ordered.extend(decided.block.batches.iter().map(|batch| batch.header.id()));
        }
        let more = self.certified.iter().filter(|batch| !ordered.contains(&batch.header.id()));
        let batches: Vec<_> = block.batches.iter().chain(more).cloned().collect();
        hold(block, batches);
    }

    fn repeat_batch(&mut self, block: &mut Block, known: &Known) {
        let Some(old) = known.blocks().rev().take(20).find_map(|decided| decided.block.batches.first()) else {
            return;
        };
        let batches: Vec<_> = block.batches.iter().cloned().chain([old.clone()]).collect();
        hold(block, batches);
    }
}

fn hold(block: &mut Block, batches: Vec<BatchRef>) {
    block.header.batches_root = Block::batches_root(&batches);
    block.batches = List::new(batches).unwrap_or_default();
}
