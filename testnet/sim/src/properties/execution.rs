//! What blocks do to the state.

use std::collections::{BTreeMap, BTreeSet};

use quancheng_consensus::limits;
use quancheng_types::{Digest, Height, HistoryLeaf, PROTOCOL_VERSION, ValidatorId};

use super::{Observation, Property};
use crate::known::Known;

/// Equal height, equal state, receipts and history.
#[derive(Default)]
pub(super) struct RootAgreement {
    results: BTreeMap<Height, (usize, HistoryLeaf, Digest)>,
}

impl Property for RootAgreement {
    fn name(&self) -> &'static str {
        "root_agreement"
    }

    fn observe(&mut self, machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        let height = done.leaf.height;
        let (first, leaf, root) = *self.results.entry(height).or_insert((machine, done.leaf, done.history_root));
        if (leaf, root) != (done.leaf, done.history_root) {
            return Err(format!("height {height}: {:?} differs from {leaf:?} of machine {first}", done.leaf));
        }
        if done.history_size != height.0 + 1 {
            return Err(format!("history has {} leaves after height {height}", done.history_size));
        }
        Ok(())
    }
}

/// A refused transaction changes no state: the block without its refused transactions makes the same writes.
pub(super) struct RefusalChangesNothing;

impl Property for RefusalChangesNothing {
    fn name(&self) -> &'static str {
        "refusal_changes_nothing"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        match &done.refusal_check {
            Some((with, without)) if with != without => Err(format!(
                "height {}: {} writes, {} without the refused transactions",
                done.leaf.height,
                with.len(),
                without.len()
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// No contract panics.
pub(super) struct NoInternal;

impl Property for NoInternal {
    fn name(&self) -> &'static str {
        "no_internal"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        match done.internal_count {
            0 => Ok(()),
            count => Err(format!("height {}: {count} transactions were refused with INTERNAL", done.leaf.height)),
        }
    }
}

/// Numbers just below the greatest of an author that are told from each other; those further below count as ordered.
const WINDOW: u64 = 1024;

/// The state tells which batches were ordered: those of the blocks up to its height, and what the ordering knows then.
#[derive(Default)]
pub(super) struct WindowsAgree {
    /// The greatest height that a machine executed. Others agree by [`RootAgreement`].
    height: Height,
    ordered: BTreeMap<ValidatorId, BTreeSet<u64>>,
}

impl Property for WindowsAgree {
    fn name(&self) -> &'static str {
        "windows_agree"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        let height = done.leaf.height;
        if done.ordering_windows.as_ref().is_some_and(|windows| *windows != done.windows) {
            return Err(format!("height {height}: the windows in the state are not those of the ordering"));
        }
        if height <= self.height {
            return Ok(());
        }
        self.height = height;
        for (author, number) in &done.ordered {
            self.ordered.entry(*author).or_default().insert(*number);
        }
        if !done.windows.iter().map(|(author, _)| author).eq(self.ordered.keys()) {
            return Err(format!("height {height}: the state has windows of other authors than the blocks"));
        }
        for ((author, window), numbers) in done.windows.iter().zip(self.ordered.values()) {
            let end = numbers.last().map_or(0, |number| number + 1);
            let first = end.saturating_sub(WINDOW);
            let differs = (first..end).find(|number| window.is_ordered(*number) != numbers.contains(number));
            if window.end() != end || differs.is_some() {
                return Err(format!(
                    "height {height}: the window of {author} ends at {}, not {end}, or differs at {differs:?}",
                    window.end()
                ));
            }
        }
        Ok(())
    }
}

/// Transactions run in the order of the block: batches as proposed, transactions as packed; receipts are numbered in that order.
pub(super) struct OrderIsKept;

impl Property for OrderIsKept {
    fn name(&self) -> &'static str {
        "order_is_kept"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        let height = done.leaf.height;
        // The one rule of the version that only test builds know: the last packed runs first.
        let in_order: Vec<_> = match done.version {
            PROTOCOL_VERSION => done.ids.iter().collect(),
            _ => done.ids.iter().rev().collect(),
        };
        let mut ids = in_order.into_iter();
        for (receipt, place) in done.receipts.iter().zip(0..) {
            let id = receipt.transaction_id;
            if receipt.position != place {
                return Err(format!("height {height}: receipt {place} of {id} says it is number {}", receipt.position));
            }
            if !ids.any(|next| *next == id) {
                return Err(format!("height {height}: {id} was executed before what stands before it in the block"));
            }
        }
        Ok(())
    }
}

/// What takes effect was still valid at the time of its block.
pub(super) struct NothingExpired;

impl Property for NothingExpired {
    fn name(&self) -> &'static str {
        "nothing_expired"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, _known: &Known) -> Result<(), String> {
        let Observation::Executed(done) = observation else {
            return Ok(());
        };
        let (height, time_ms) = (done.leaf.height, done.leaf.time_ms);
        let ended: BTreeSet<_> = done
            .ids
            .iter()
            .zip(&done.valid_until_ms)
            .filter(|(_, until)| **until < time_ms)
            .map(|(id, _)| *id)
            .collect();
        let late = done
            .receipts
            .iter()
            .find(|receipt| receipt.outcome == quancheng_types::Outcome::Ok && ended.contains(&receipt.transaction_id));
        match late {
            Some(receipt) => Err(format!("height {height}: {} took effect after its end", receipt.transaction_id)),
            None => Ok(()),
        }
    }
}

/// Queues stay within their stated bounds.
pub(super) struct Bounded;

/// Events that one world may hold at a time: far above what messages in flight can make, so that only a loop reaches it.
const EVENTS_MAX: usize = 200_000;

impl Property for Bounded {
    fn name(&self) -> &'static str {
        "bounded"
    }

    fn observe(&mut self, _machine: usize, observation: &Observation<'_>, known: &Known) -> Result<(), String> {
        let Observation::Stands { status, own_batches, author_batches, pending_events } = observation else {
            return Ok(());
        };
        let pool_max = limits::AUTHOR_CERTIFIED_MAX * known.validators_ever();
        if status.pool_batches > pool_max {
            return Err(format!("{} certified batches wait, at most {pool_max} may", status.pool_batches));
        }
        if *own_batches > limits::OWN_BATCHES_MAX {
            return Err(format!("{own_batches} own batches are in flight, at most {} may be", limits::OWN_BATCHES_MAX));
        }
        if *author_batches > limits::AUTHOR_BATCHES_MAX {
            return Err(format!(
                "{author_batches} batches of another author are held, at most {} may be",
                limits::AUTHOR_BATCHES_MAX
            ));
        }
        if *pending_events > EVENTS_MAX {
            return Err(format!("{pending_events} events are pending: something repeats without end"));
        }
        Ok(())
    }
}
