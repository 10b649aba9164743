//! What leaves a machine.

use std::collections::BTreeMap;

use quancheng_consensus::message::{Message, SignedStatement};
use quancheng_consensus::sign_record::{Slot, SlotValue, Step};
use quancheng_types::{SignedProposal, SignedVote, ValidatorId, VoteType};

use super::{Durable, Observation, Property};
use crate::known::Known;

/// The slot that a vote takes and what it says.
fn of_vote(signed: &SignedVote) -> (Slot, SlotValue) {
    let step = match signed.vote.kind {
        VoteType::Prevote => Step::Prevote,
        VoteType::Precommit => Step::Precommit,
    };
    let slot = Slot { height: signed.vote.height, round: signed.vote.round, step };
    (slot, SlotValue { block_id: signed.vote.block_id, pol_round: None })
}

fn of_proposal(signed: &SignedProposal) -> (Slot, SlotValue) {
    let proposal = &signed.proposal;
    let slot = Slot { height: proposal.height, round: proposal.round, step: Step::Propose };
    (slot, SlotValue { block_id: Some(proposal.block_id), pol_round: proposal.pol_round })
}

/// Calls back for every vote and proposal that a message carries whole.
pub(super) fn for_statements(
    message: &Message,
    mut each: impl FnMut(ValidatorId, Slot, SlotValue) -> Result<(), String>,
) -> Result<(), String> {
    message.said().statements().iter().try_for_each(|statement| match statement {
        SignedStatement::Vote(signed) => {
            let (slot, value) = of_vote(signed);
            each(signed.validator, slot, value)
        }
        SignedStatement::Proposal(signed) => {
            let (slot, value) = of_proposal(signed);
            each(signed.validator, slot, value)
        }
    })
}

/// One signature of an honest validator per height, round and step, across crashes and restores.
#[derive(Default)]
pub(super) struct NoDoubleSign {
    signed: BTreeMap<(ValidatorId, Slot), SlotValue>,
}

impl Property for NoDoubleSign {
    fn name(&self) -> &'static str {
        "no_double_sign"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Sent { message, .. } = observation else {
            return Ok(());
        };
        for_statements(message, |validator, slot, value| {
            if !known.is_honest_validator(&validator) {
                return Ok(());
            }
            let first = *self.signed.entry((validator, slot)).or_insert(value);
            if first == value {
                Ok(())
            } else {
                Err(format!("{validator} signed {first:?} and {value:?} for {slot:?}"))
            }
        })
    }
}

/// Nothing leaves that a crash could take back: not the record of a signature, not the log that explains it, not a batch or a
/// block that is spoken of.
///
/// A flush makes the log durable before the record, so a durable record that covers a signature stands for the log behind it.
pub(super) struct DurableBeforeVisible;

impl Property for DurableBeforeVisible {
    fn name(&self) -> &'static str {
        "durable_before_visible"
    }

    fn observe(&mut self, machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Sent { message, durable } = observation else {
            return Ok(());
        };
        let own = known.validator_of(machine);
        for_statements(message, |validator, slot, value| {
            if Some(validator) != own {
                return Ok(());
            }
            own_statement(*durable, slot, value)
        })?;
        own_storage(message, *durable, own)
    }
}

fn own_statement(durable: &dyn Durable, slot: Slot, value: SlotValue) -> Result<(), String> {
    match durable.sign_record() {
        Some(record) if record.covers(slot, value) => Ok(()),
        Some(record) => {
            Err(format!("a signature for {slot:?} leaves, but the durable sign record ends at {:?}", record.last()))
        }
        None => Err(format!("a signature for {slot:?} leaves without a sign record")),
    }
}

fn own_storage(message: &Message, durable: &dyn Durable, own: Option<ValidatorId>) -> Result<(), String> {
    match message {
        Message::BatchAck(ack) if Some(ack.validator) == own && !durable.holds_batch(&ack.batch) => {
            Err(format!("batch {} is acknowledged before it is stored", ack.batch))
        }
        Message::BatchOffer(batch) if Some(batch.header.author) == own && !durable.holds_batch(&batch.header.id()) => {
            Err(format!("own batch {} is offered before it is stored", batch.header.id()))
        }
        Message::Status(status) if status.committed > durable.committed() => {
            Err(format!("height {} is announced, {} is durable", status.committed, durable.committed()))
        }
        Message::SignAnswer(answer) if answer.committed > durable.committed() => {
            Err(format!("height {} is announced, {} is durable", answer.committed, durable.committed()))
        }
        Message::BlocksResponse(blocks) => match blocks.last() {
            Some(last) if last.block.header.height > durable.committed() => {
                Err(format!("block {} is served, {} is durable", last.block.header.height, durable.committed()))
            }
            Some(_) | None => Ok(()),
        },
        Message::Presence(_)
        | Message::Misbehavior(_)
        | Message::BatchAck(_)
        | Message::BatchOffer(_)
        | Message::Status(_)
        | Message::SignAnswer(_)
        | Message::Proposal(_)
        | Message::Vote(_)
        | Message::Votes(_)
        | Message::Polka(_)
        | Message::RoundChange(_)
        | Message::RoundStatus(_)
        | Message::SignQuery(_)
        | Message::BatchCertified(_)
        | Message::BatchRequest(_)
        | Message::BatchResponse(_)
        | Message::BlocksRequest(_) => Ok(()),
    }
}
