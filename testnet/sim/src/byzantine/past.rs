//! What a careful liar has signed, so that it never signs two things that convict it together: such a liar stays a validator and
//! lies on.

use std::collections::BTreeMap;

use quancheng_consensus::message::{Message, SignedStatement};
use quancheng_types::{BlockId, Height, Round, SignedProposal, SignedVote, ValidatorId, VoteType};

/// Slots that are remembered: those of late, and any number of far ones that a liar makes up.
const SLOTS_MAX: usize = 1_024;

/// A place for one signature: height, round, and step (0 for proposals).
type Slot = (Height, Round, u8);

/// What was signed in each slot of late.
#[derive(Debug, Default)]
pub(super) struct Past {
    signed: BTreeMap<Slot, (Option<BlockId>, Option<Round>)>,
}

impl Past {
    /// Whether a message agrees with everything said before; then it counts as said.
    pub(super) fn allows(&mut self, message: &Message, me: ValidatorId) -> bool {
        message.said().statements().iter().all(|statement| match statement {
            SignedStatement::Vote(vote) => self.admits_vote(vote, me),
            SignedStatement::Proposal(proposal) => self.admits_proposal(proposal, me),
        })
    }

    fn admits_vote(&mut self, signed: &SignedVote, me: ValidatorId) -> bool {
        let step = match signed.vote.kind {
            VoteType::Prevote => 1,
            VoteType::Precommit => 2,
        };
        let slot = (signed.vote.height, signed.vote.round, step);
        signed.validator != me || self.admits(slot, (signed.vote.block_id, None))
    }

    fn admits_proposal(&mut self, signed: &SignedProposal, me: ValidatorId) -> bool {
        let proposal = &signed.proposal;
        let slot = (proposal.height, proposal.round, 0);
        signed.validator != me || self.admits(slot, (Some(proposal.block_id), proposal.pol_round))
    }

    fn admits(&mut self, slot: Slot, value: (Option<BlockId>, Option<Round>)) -> bool {
        let first = *self.signed.entry(slot).or_insert(value);
        while self.signed.len() > SLOTS_MAX {
            self.signed.pop_first();
        }
        first == value
    }
}
