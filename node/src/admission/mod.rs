//! The door: what a transaction must pass before this validator packs it.
//!
//! Cheap checks first: size, form, chain, time, duplicate, quota, the modules' stateless checks, the account and its key; then the
//! signature, in batches. What passes is handed to the batcher and acknowledged when it is durable.

mod checks;
mod claims;
mod error;

use std::sync::Arc;

use quancheng_types::{Parameters, SignedTransaction, TransactionId};
use tokio::sync::watch;

use crate::api::backend::Submitted;
use crate::batcher::{BatcherHandle, Packet, Ticket};
use crate::budget::{ByteBudget, ByteShare};
use crate::driver::ClockReport;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::tracker::{Claim, ClaimLimits, Outcome, QuotaFull, Tracker};
use crate::verifier::VerifierHandle;

pub use claims::Claims;
pub use error::AdmissionError;

/// How often one submission tries transactions that another one had claimed and gave back, or that it holds several times.
const PASSES_MAX: usize = 4;
/// Suggested wait when this node is full, ms.
const RETRY_AFTER_MS: u64 = 1_000;
/// What a decoded transaction takes beside its bytes: lists, keys, its place in answers and maps.
const TRANSACTION_OVERHEAD_BYTES: usize = 512;

/// The door of one node.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The store.
    pub ledger: Arc<Ledger>,
    /// Where transactions stand.
    pub tracker: Arc<Tracker>,
    /// Checks signatures.
    pub verifier: VerifierHandle,
    /// Packs; `None` on a follower.
    pub batcher: Option<BatcherHandle>,
    /// Parameters in force and whether this node is a validator in force.
    pub duty: watch::Receiver<Duty>,
    /// How this node's clock compares with the validators'.
    pub clock: watch::Receiver<Option<ClockReport>>,
    /// Bounds.
    pub limits: ClaimLimits,
    /// Memory for transactions on their way from the door to the disk.
    pub memory: ByteBudget,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// What the chain says of this node now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// Parameters in force.
    pub parameters: Parameters,
    /// Whether this node is a validator in force.
    pub is_validator: bool,
    /// Whether it knows that: it has heard from a quorum since it started, and has caught up with what it heard.
    pub is_ready: bool,
}

type Slot = Option<Result<Submitted, AdmissionError>>;

/// A transaction and its place in the submission.
type Placed = (usize, SignedTransaction);

impl Admission {
    /// Checks and takes transactions. One answer each, in order; positive ones only when the transaction is durable here.
    pub async fn submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Submitted, AdmissionError>> {
        let mut slots: Vec<Slot> = vec![None; transactions.len()];
        let Some(batcher) = &self.batcher else {
            return refuse_all(slots, &AdmissionError::NotAValidator);
        };
        let duty = *self.duty.borrow();
        if !duty.is_validator {
            return refuse_all(slots, &AdmissionError::NotAValidator);
        }
        if !duty.is_ready {
            // It may have been voted out while it was down: then nobody would order what it admits.
            return refuse_all(slots, &AdmissionError::Starting { retry_after_ms: RETRY_AFTER_MS });
        }
        // Held until the last of them is on the disk or dropped, whether their client waits for that or not.
        let Some(share) = self.memory.try_take(transactions.iter().map(cost_of).sum()) else {
            return refuse_all(slots, &overloaded());
        };
        let share = Arc::new(share);
        let mut open: Vec<Placed> = transactions.into_iter().enumerate().collect();
        for _ in 0..PASSES_MAX {
            if open.is_empty() {
                break;
            }
            let mut claims = Claims::new(&self.tracker);
            let (claimed, waiting) = self.claim(open, &mut slots, &duty.parameters, &mut claims);
            let (at, kept): (Vec<usize>, Vec<SignedTransaction>) = claimed.into_iter().unzip();
            if !kept.is_empty() {
                let kept = self.verify(kept, &at, &mut slots, &mut claims, &share).await;
                self.pack(batcher, kept, &at, &mut slots, claims, &share).await;
            } else {
                drop(claims);
            }
            // The claims have ended: those who wait for this submission, itself included, look again.
            open = Vec::with_capacity(waiting.len());
            for (placed, mut outcome) in waiting {
                // An error is the end that is waited for: the sender is gone.
                while outcome.changed().await.is_ok() {}
                open.push(placed);
            }
        }
        for (at, _) in open {
            slots[at] = Some(Err(overloaded()));
        }
        self.count(&slots);
        slots.into_iter().map(|slot| slot.unwrap_or(Err(AdmissionError::Stopping))).collect()
    }

    /// Checks everything but durability, for a simulation.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub async fn check(&self, transaction: SignedTransaction) -> Result<SignedTransaction, AdmissionError> {
        let parameters = self.duty.borrow().parameters;
        let now_ms = self.now_ms();
        checks::check(&transaction, &transaction.id(), &parameters, now_ms, &self.ledger)?;
        let share = Arc::new(self.memory.try_take(cost_of(&transaction)).ok_or(overloaded())?);
        let all = Arc::new(vec![transaction]);
        let verdicts = self.verifier.check_transactions(Arc::clone(&all), share).await.ok_or(overloaded())?;
        match verdicts.into_iter().next() {
            Some(Ok(_)) => Arc::unwrap_or_clone(all).pop().ok_or(AdmissionError::Stopping),
            Some(Err(error)) => Err(AdmissionError::Transaction(error)),
            None => Err(AdmissionError::Stopping),
        }
    }

    /// Now, as the chain will see it: a client must not pay for the wrong clock of this node.
    fn now_ms(&self) -> u64 {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let clock_ms = u64::try_from(clock.as_millis()).unwrap_or(u64::MAX);
        let now_ms = self.clock.borrow().map_or(clock_ms, |report| report.corrected_ms(clock_ms));
        now_ms.max(self.tracker.block_time_ms())
    }

    /// Everything that needs no signature check. Returns those that go on, and those that another submission has.
    fn claim(
        &self,
        open: Vec<Placed>,
        slots: &mut [Slot],
        parameters: &Parameters,
        claims: &mut Claims,
    ) -> (Vec<Placed>, Vec<(Placed, Outcome)>) {
        let (now_ms, own) = (self.now_ms(), claims.outcome());
        let (mut claimed, mut waiting) = (Vec::with_capacity(open.len()), Vec::new());
        for (at, transaction) in open {
            let id = transaction.id();
            match self.claim_one(&transaction, id, parameters, now_ms, &own) {
                Ok(Claim::New) => {
                    claims.add(id);
                    claimed.push((at, transaction));
                }
                Ok(Claim::Durable) => slots[at] = Some(Ok(Submitted { id, is_new: false })),
                Ok(Claim::Pending(outcome)) => waiting.push(((at, transaction), outcome)),
                Err(error) => slots[at] = Some(Err(error)),
            }
        }
        (claimed, waiting)
    }

    fn claim_one(
        &self,
        transaction: &SignedTransaction,
        id: TransactionId,
        parameters: &Parameters,
        now_ms: u64,
        outcome: &Outcome,
    ) -> Result<Claim, AdmissionError> {
        // A known one is known, whatever has happened since: submitting again is always safe.
        if self.tracker.progress(&id).is_some() || self.ledger.is_executed(&id)? {
            return Ok(Claim::Durable);
        }
        checks::check(transaction, &id, parameters, now_ms, &self.ledger)?;
        let account = transaction.body.sender().ok_or(quancheng_types::TransactionError::NoSigner);
        let account = account.map_err(AdmissionError::Transaction)?;
        let claim = self.tracker.claim(id, account, transaction.body.valid_until_ms, &self.limits, outcome);
        let claim = claim.map_err(|full| match full {
            QuotaFull::Node => overloaded(),
            QuotaFull::Account => AdmissionError::QuotaExceeded { retry_after_ms: RETRY_AFTER_MS },
        })?;
        // Through another validator it may have been executed since it was asked for: then nothing would ever end the claim.
        if matches!(claim, Claim::New) && self.ledger.is_executed(&id)? {
            self.tracker.release(&id);
            return Ok(Claim::Durable);
        }
        Ok(claim)
    }

    /// Signatures. Returns those that pass; the others give their claim back.
    async fn verify(
        &self,
        kept: Vec<SignedTransaction>,
        at: &[usize],
        slots: &mut [Slot],
        claims: &mut Claims,
        share: &Arc<ByteShare>,
    ) -> Vec<SignedTransaction> {
        let all = Arc::new(kept);
        let verdicts = self.verifier.check_transactions(Arc::clone(&all), Arc::clone(share)).await;
        let all = Arc::unwrap_or_clone(all);
        let Some(verdicts) = verdicts else {
            for (transaction, at) in all.iter().zip(at) {
                claims.release(&transaction.id());
                slots[*at] = Some(Err(overloaded()));
            }
            return Vec::new();
        };
        let mut passed = Vec::with_capacity(all.len());
        for ((transaction, verdict), at) in all.into_iter().zip(verdicts).zip(at) {
            match verdict {
                Ok(id) => {
                    slots[*at] = Some(Ok(Submitted { id, is_new: true }));
                    passed.push(transaction);
                }
                Err(error) => {
                    claims.release(&transaction.id());
                    slots[*at] = Some(Err(AdmissionError::Transaction(error)));
                }
            }
        }
        passed
    }

    /// To the batcher, and waits until it is durable.
    async fn pack(
        &self,
        batcher: &BatcherHandle,
        transactions: Vec<SignedTransaction>,
        at: &[usize],
        slots: &mut [Slot],
        claims: Claims,
        share: &Arc<ByteShare>,
    ) {
        if transactions.is_empty() {
            return;
        }
        let bytes = transactions.iter().map(|transaction| transaction.encode().len()).sum::<usize>();
        let (ticket, durable) = Ticket::new(claims, Arc::clone(share));
        let packet = Packet { transactions, bytes: u32::try_from(bytes).unwrap_or(u32::MAX), ticket };
        let result = match batcher.try_send(packet) {
            Ok(()) => durable
                .await
                .map_err(|_| AdmissionError::Stopping)
                .and_then(|stored| stored.map_err(AdmissionError::from)),
            Err(tokio::sync::mpsc::error::TrySendError::Full(_)) => Err(overloaded()),
            Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => Err(AdmissionError::Stopping),
        };
        let Err(error) = result else {
            return;
        };
        for at in at {
            if matches!(slots[*at], Some(Ok(Submitted { is_new: true, .. }))) {
                slots[*at] = Some(Err(error.clone()));
            }
        }
    }

    fn count(&self, slots: &[Slot]) {
        for slot in slots {
            match slot {
                Some(Ok(submitted)) if submitted.is_new => self.metrics.admitted.inc(),
                Some(Ok(_)) => 0,
                Some(Err(_)) | None => self.metrics.rejected.inc(),
            };
        }
    }
}

/// What a transaction takes in memory at most, about: its decoded form takes no more than twice its bytes and some.
fn cost_of(transaction: &SignedTransaction) -> usize {
    2 * transaction.encode().len() + TRANSACTION_OVERHEAD_BYTES
}

fn overloaded() -> AdmissionError {
    AdmissionError::Overloaded { retry_after_ms: RETRY_AFTER_MS }
}

fn refuse_all(slots: Vec<Slot>, error: &AdmissionError) -> Vec<Result<Submitted, AdmissionError>> {
    slots.into_iter().map(|_| Err(error.clone())).collect()
}

#[cfg(test)]
mod tests;
