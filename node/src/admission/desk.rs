//! The part of the door that needs no signature: what is known, form, time, weight, who may write, and a claim.

use quancheng_types::{Parameters, SealedTransaction, TransactionId};

use super::candidate::Candidate;
use super::{Admission, AdmissionError, Claims, Placed, Slot, checks, quota};
use crate::api::backend::Submitted;
use crate::fair::ClientAddress;
use crate::tracker::{Claim, Outcome, Request};

/// One submission at the door.
pub(super) struct Desk<'a> {
    pub(super) door: &'a Admission,
    pub(super) from: ClientAddress,
    pub(super) parameters: &'a Parameters,
    pub(super) now_ms: u64,
}

/// What a transaction met.
enum Met {
    /// It is durable here, or executed.
    Durable(TransactionId),
    /// Another submission has it.
    Pending(Box<SealedTransaction>, Outcome),
    /// Nothing: it is this submission's.
    New(Box<Candidate>),
}

impl Desk<'_> {
    /// Everything that needs no signature check. Returns those that go on, and those that another submission has.
    pub(super) fn claim(
        &self,
        open: Vec<Placed>,
        slots: &mut [Slot],
        claims: &mut Claims,
    ) -> (Vec<Candidate>, Vec<(Placed, Outcome)>) {
        let own = claims.outcome();
        let (mut claimed, mut waiting) = (Vec::with_capacity(open.len()), Vec::new());
        for (at, transaction) in open {
            match self.claim_one(at, transaction, &own) {
                Ok(Met::New(candidate)) => {
                    claims.add(candidate.id());
                    claimed.push(*candidate);
                }
                Ok(Met::Durable(id)) => slots[at] = Some(Ok(Submitted { id, is_new: false })),
                Ok(Met::Pending(transaction, outcome)) => waiting.push(((at, *transaction), outcome)),
                Err(error) => slots[at] = Some(Err(error)),
            }
        }
        (claimed, waiting)
    }

    fn claim_one(&self, at: usize, transaction: SealedTransaction, own: &Outcome) -> Result<Met, AdmissionError> {
        let door = self.door;
        let (id, valid_until_ms) = (transaction.id(), transaction.body.valid_until_ms);
        // A known one is known, whatever has happened since: submitting again is always safe.
        if door.tracker.progress(&id).is_some() || door.ledger.is_executed(&id, valid_until_ms)? {
            return Ok(Met::Durable(id));
        }
        let checked = checks::check(&transaction, self.parameters, self.now_ms, &door.ledger)?;
        let sender = checked.sender(self.from, &transaction)?;
        let request = Request { id, address: self.from, weight: checked.weight, valid_until_ms, outcome: own };
        match door.tracker.claim(&request, &door.limits).map_err(quota)? {
            Claim::Durable => Ok(Met::Durable(id)),
            Claim::Pending(outcome) => Ok(Met::Pending(Box::new(transaction), outcome)),
            // Through another validator it may have been executed since it was asked for: then nothing would ever end the claim.
            Claim::New if door.ledger.is_executed(&id, valid_until_ms)? => {
                door.tracker.release(&id);
                Ok(Met::Durable(id))
            }
            Claim::New => Ok(Met::New(Box::new(Candidate { at, sender, weight: checked.weight, transaction }))),
        }
    }
}
