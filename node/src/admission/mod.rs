//! The door: what a transaction must pass before this validator packs it.
//!
//! Cheap checks first: size, form, chain, time, duplicate, quota, the modules' stateless checks, the account and its key; then the
//! signature, in batches. What passes is handed to the batcher and acknowledged when it is durable.

mod candidate;
mod checks;
mod claims;
mod desk;
mod error;

use std::sync::Arc;

use quancheng_contracts::{BlockInput, executor};
use quancheng_types::{Height, Parameters, Receipt, SealedTransaction};
use tokio::sync::watch;

use crate::api::backend::Submitted;
use crate::batcher::{BatcherHandle, LineFull, Ticket};
use crate::driver::ClockReport;
use crate::fair::{BudgetFull, ClientAddress, FairBudget, FairShare};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::tracker::{ClaimLimits, QuotaFull, Tracker};
use crate::verifier::VerifierHandle;
use candidate::Candidate;
use desk::Desk;

pub use claims::Claims;
pub use error::{AdmissionError, Whose};

/// Transactions of one sender whose signatures are checked as one piece of work: others wait for at most so many.
const VERIFY_PIECE_MAX: usize = 64;
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
    pub memory: FairBudget,
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
type Placed = (usize, SealedTransaction);

impl Admission {
    /// Checks and takes transactions of one client. One answer each, in order; positive ones only when the transaction is durable here.
    pub async fn submit(
        &self,
        from: ClientAddress,
        transactions: Vec<SealedTransaction>,
    ) -> Vec<Result<Submitted, AdmissionError>> {
        let mut slots: Vec<Slot> = vec![None; transactions.len()];
        let Some(line) = &self.batcher else {
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
        let share = match self.memory.try_take(from, transactions.iter().map(cost_of).sum()) {
            Ok(share) => Arc::new(share),
            Err(full) => return refuse_all(slots, &no_memory(full)),
        };
        let mut open: Vec<Placed> = transactions.into_iter().enumerate().collect();
        for _ in 0..PASSES_MAX {
            if open.is_empty() {
                break;
            }
            let mut claims = Claims::new(&self.tracker);
            let desk = Desk { door: self, from, parameters: &duty.parameters, now_ms: self.now_ms() };
            let (claimed, waiting) = desk.claim(open, &mut slots, &mut claims);
            if claimed.is_empty() {
                drop(claims);
            } else {
                let passed = self.verify(claimed, &mut slots, &mut claims, &share).await;
                self.pack(line, passed, &mut slots, claims, &share).await;
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

    /// Runs a transaction that passed [`Self::check`] over the newest state, by the rules of a version, as in a block of now: on an idle chain
    /// the newest block is long ago, and by its time what the door takes would be valid for too long. It takes as long as in a block: call it
    /// on a thread that may block, with a bound on how many run for one client.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub fn simulate(
        &self,
        transaction: &SealedTransaction,
        version_at: impl FnOnce(Height) -> u16,
    ) -> Result<Receipt, AdmissionError> {
        let snapshot = self.ledger.snapshot()?;
        let height = snapshot.height().next();
        let block = BlockInput {
            chain_id: self.ledger.chain_id(),
            version: version_at(height),
            height,
            time_ms: self.now_ms(),
            batches: &[],
            transactions: &[],
            already_executed: &|_, _| Ok(false),
            misbehavior: &[],
        };
        Ok(executor::simulate(&snapshot, &block, transaction)?)
    }

    /// Checks everything but durability, the signatures in the turn of their sender.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub async fn check(
        &self,
        from: ClientAddress,
        transaction: SealedTransaction,
    ) -> Result<SealedTransaction, AdmissionError> {
        let parameters = self.duty.borrow().parameters;
        let now_ms = self.now_ms();
        let checked = checks::check(&transaction, &parameters, now_ms, &self.ledger)?;
        let sender = checked.sender(from, &transaction)?;
        let share = self.memory.try_take(from, cost_of(&transaction)).map(Arc::new).map_err(no_memory)?;
        let all = Arc::new(vec![transaction]);
        let verdicts = self.verifier.push_transactions(&sender, Arc::clone(&all), share).ok_or(overloaded())?;
        let verdicts = verdicts.await.map_err(|_| overloaded())?;
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

    /// Signatures, in pieces of one sender. Returns those that pass; the others give their claim back.
    async fn verify(
        &self,
        mut claimed: Vec<Candidate>,
        slots: &mut [Slot],
        claims: &mut Claims,
        share: &Arc<FairShare>,
    ) -> Vec<Candidate> {
        // Stable: what one account submits stays in its order.
        claimed.sort_by_key(|candidate| candidate.sender.account);
        let mut pending = Vec::new();
        let mut rest = claimed.into_iter().peekable();
        while let Some(first) = rest.next() {
            let mut piece = vec![first];
            while piece.len() < VERIFY_PIECE_MAX
                && let Some(next) = rest.next_if(|next| next.sender == piece[0].sender)
            {
                piece.push(next);
            }
            let (transactions, about): (Vec<_>, Vec<_>) = piece.into_iter().map(Candidate::split).unzip();
            let transactions = Arc::new(transactions);
            let verdicts =
                self.verifier.push_transactions(&about[0].sender, Arc::clone(&transactions), Arc::clone(share));
            pending.push((transactions, about, verdicts));
        }
        let mut passed = Vec::new();
        for (transactions, about, verdicts) in pending {
            let verdicts = match verdicts {
                Some(verdicts) => verdicts.await.ok(),
                None => None,
            };
            let transactions = Arc::unwrap_or_clone(transactions);
            let verdicts = verdicts.map(Vec::into_iter);
            let mut verdicts = verdicts.into_iter().flatten();
            for (transaction, about) in transactions.into_iter().zip(about) {
                let error = match verdicts.next() {
                    Some(Ok(id)) => {
                        slots[about.at] = Some(Ok(Submitted { id, is_new: true }));
                        passed.push(about.join(transaction));
                        continue;
                    }
                    Some(Err(error)) => AdmissionError::Transaction(error),
                    None => overloaded(),
                };
                claims.release(&about.id);
                slots[about.at] = Some(Err(error));
            }
        }
        passed
    }

    /// To the batcher, and waits until all is durable.
    async fn pack(
        &self,
        line: &BatcherHandle,
        passed: Vec<Candidate>,
        slots: &mut [Slot],
        mut claims: Claims,
        share: &Arc<FairShare>,
    ) {
        let (mut places, mut packet) = (Vec::with_capacity(passed.len()), Vec::with_capacity(passed.len()));
        for candidate in passed {
            // Only now is it certain that the account asks for it.
            match self.tracker.charge(&candidate.id(), &candidate.sender, &self.limits) {
                Ok(()) => {
                    places.push(candidate.at);
                    packet.push(candidate.waiting());
                }
                Err(full) => {
                    claims.release(&candidate.id());
                    slots[candidate.at] = Some(Err(quota(full)));
                }
            }
        }
        if packet.is_empty() {
            return;
        }
        let (ticket, durable) = Ticket::new(claims, Arc::clone(share));
        let result = match line.push(packet, ticket) {
            Ok(()) => {
                let stored = durable.await.map_err(|_| AdmissionError::Stopping);
                stored.and_then(|stored| stored.map_err(AdmissionError::from))
            }
            Err(LineFull::All) => Err(overloaded()),
            Err(LineFull::Sender) => Err(quota(QuotaFull::Line)),
            Err(LineFull::Closed) => Err(AdmissionError::Stopping),
        };
        if let Err(error) = result {
            for at in places {
                slots[at] = Some(Err(error.clone()));
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

fn overloaded() -> AdmissionError {
    AdmissionError::Overloaded { retry_after_ms: RETRY_AFTER_MS }
}

/// What a transaction takes in memory at most, about: its decoded form takes no more than twice its bytes and some.
fn cost_of(transaction: &SealedTransaction) -> usize {
    2 * transaction.bytes() as usize + TRANSACTION_OVERHEAD_BYTES
}

fn no_memory(full: BudgetFull) -> AdmissionError {
    match full {
        BudgetFull::All => overloaded(),
        BudgetFull::Address => AdmissionError::QuotaExceeded { whose: Whose::Address, retry_after_ms: RETRY_AFTER_MS },
    }
}

fn quota(full: QuotaFull) -> AdmissionError {
    match full {
        QuotaFull::Node => overloaded(),
        QuotaFull::Account => AdmissionError::QuotaExceeded { whose: Whose::Account, retry_after_ms: RETRY_AFTER_MS },
        QuotaFull::Class => AdmissionError::QuotaExceeded { whose: Whose::Class, retry_after_ms: RETRY_AFTER_MS },
        QuotaFull::Address => AdmissionError::QuotaExceeded { whose: Whose::Address, retry_after_ms: RETRY_AFTER_MS },
        QuotaFull::Line => AdmissionError::QuotaExceeded { whose: Whose::Sender, retry_after_ms: RETRY_AFTER_MS },
    }
}

fn refuse_all(slots: Vec<Slot>, error: &AdmissionError) -> Vec<Result<Submitted, AdmissionError>> {
    slots.into_iter().map(|_| Err(error.clone())).collect()
}

#[cfg(test)]
mod tests;
