//! What becomes of transactions.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_consensus::SignatureChecker as _;
use quancheng_consensus::message::Message;
use quancheng_types::{BatchId, BatchRef, Height, SignedBatch, TransactionId, ValidatorId, certificate};

use super::{Observation, Property};
use crate::known::Known;

/// An id reported ordered is in every later history: whoever executes that height finds it there.
#[derive(Default)]
pub(super) struct FinalIsForever {
    reported: BTreeMap<Height, BTreeSet<TransactionId>>,
    executed: BTreeMap<Height, BTreeSet<TransactionId>>,
}

impl Property for FinalIsForever {
    fn name(&self) -> &'static str {
        "final_is_forever"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        match observation {
            Observation::Reported { height, ids } => {
                self.reported.entry(*height).or_default().extend(ids.iter().copied());
                self.compare(*height)
            }
            Observation::Executed(done) => {
                let height = done.leaf.height;
                let ids: BTreeSet<TransactionId> = done.ids.iter().copied().collect();
                let first = self.executed.entry(height).or_insert_with(|| ids.clone());
                if *first != ids {
                    return Err(format!("height {height} holds other transactions than at another machine"));
                }
                self.compare(height)
            }
            Observation::Sent { .. }
            | Observation::Committed(_)
            | Observation::Blamed { .. }
            | Observation::Halted { .. }
            | Observation::Alarmed { .. }
            | Observation::Crashed
            | Observation::Stands { .. } => Ok(()),
        }
    }
}

impl FinalIsForever {
    fn compare(&self, height: Height) -> Result<(), String> {
        let (Some(reported), Some(executed)) = (self.reported.get(&height), self.executed.get(&height)) else {
            return Ok(());
        };
        match reported.difference(executed).next() {
            Some(id) => {
                Err(format!("transaction {id} was reported ordered at height {height}, which does not hold it"))
            }
            None => Ok(()),
        }
    }
}

/// An id executes at most once.
#[derive(Default)]
pub(super) struct AtMostOnce {
    executed: BTreeMap<TransactionId, (Height, u32)>,
}

impl Property for AtMostOnce {
    fn name(&self) -> &'static str {
        "at_most_once"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        let height = done.leaf.height;
        for receipt in &done.receipts {
            let place = (height, receipt.position);
            let first = *self.executed.entry(receipt.transaction_id).or_insert(place);
            if first != place {
                return Err(format!("transaction {} executed at {first:?} and at {place:?}", receipt.transaction_id));
            }
        }
        Ok(())
    }
}

/// Every batch in a block carries 2f+1 true acknowledgements, those of honest validators were given for it, and every transaction in it is well formed and correctly signed.
#[derive(Default)]
pub(super) struct CertifiedIsValid {
    judged: BTreeSet<BatchId>,
    /// Who acknowledged what.
    acknowledged: BTreeSet<(BatchId, ValidatorId)>,
}

impl Property for CertifiedIsValid {
    fn name(&self) -> &'static str {
        "certified_is_valid"
    }

    fn observe(&mut self, machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        if let Observation::Sent { message: Message::BatchAck(ack), .. } = observation
            && known.validator_of(machine) == Some(ack.validator)
        {
            self.acknowledged.insert((ack.batch, ack.validator));
        }
        let Observation::Committed(decided) = observation else {
            return Ok(());
        };
        let height = decided.block.header.height;
        for batch in &decided.block.batches {
            if self.judged.insert(batch.header.id()) {
                judge_certificate(batch, height, known)?;
                self.is_genuine(batch, known)?;
                let Some(content) = known.batch(&batch.header.id()) else {
                    return Err(format!("batch {} at height {height} was never offered by anyone", batch.header.id()));
                };
                judge_content(content, known)?;
            }
        }
        Ok(())
    }
}

impl CertifiedIsValid {
    /// The author's signature is its acknowledgement; every other honest one was sent by its machine.
    fn is_genuine(&self, batch: &BatchRef, known: &Known) -> Result<(), String> {
        let id = batch.header.id();
        for entry in &batch.certificate.signatures {
            let voter = entry.validator;
            let is_given = voter == batch.header.author || self.acknowledged.contains(&(id, voter));
            if known.is_honest_validator(&voter) && !is_given {
                return Err(format!("certificate of batch {id}: {voter} never acknowledged it"));
            }
        }
        Ok(())
    }
}

fn judge_certificate(batch: &BatchRef, height: Height, known: &Known) -> Result<(), String> {
    let validators = known.validators(height);
    let name = batch.header.id();
    certificate::check_quorum(&batch.certificate.signatures, validators)
        .map_err(|error| format!("certificate of batch {name} at height {height}: {error}"))?;
    let mut checker = known.checker.clone();
    let message = batch.header.ack_message();
    for entry in &batch.certificate.signatures {
        let key = validators.by_id(&entry.validator).map(|validator| validator.public_key);
        if !key.is_some_and(|key| checker.check(&key, &message, &entry.signature)) {
            return Err(format!("certificate of batch {name}: the signature of {} is invalid", entry.validator));
        }
    }
    Ok(())
}

fn judge_content(batch: &SignedBatch, known: &Known) -> Result<(), String> {
    let name = batch.header.id();
    if !batch.is_consistent() {
        return Err(format!("the header of batch {name} does not commit to its transactions"));
    }
    let mut checker = known.checker.clone();
    for transaction in &batch.batch.transactions {
        let id = transaction.id();
        transaction
            .check_form(&known.chain_id)
            .map_err(|error| format!("transaction {id} in batch {name}: {error}"))?;
        for signature in &transaction.signatures {
            if !checker.check(&signature.public_key, &id.0, &signature.signature) {
                return Err(format!("transaction {id} in batch {name}: a signature is invalid"));
            }
        }
    }
    Ok(())
}
