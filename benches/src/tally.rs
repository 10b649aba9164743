//! What is counted while the load runs.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use quancheng_types::TransactionId;

use crate::client::{Fate, Submitted};
use crate::proofs::Chosen;

/// A transaction that was certified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was due (open loop) or sent (closed loop), counted from the first request.
    pub(crate) from: Duration,
    /// When the answer was there, counted the same way.
    pub(crate) answered: Duration,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Transactions that were sent.
    pub(crate) submitted: u64,
    /// Transactions that were due at a door to which there was no connection.
    pub(crate) unsent: u64,
    /// Transactions that a door or a contract refused.
    pub(crate) refused: u64,
    /// Requests without a usable answer.
    pub(crate) errors: u64,
    /// Certified within the wait of their request.
    pub(crate) samples: Vec<Sample>,
    /// Certified later, as asked after the end.
    pub(crate) certified_late: u64,
    /// Taken, fate unknown so far, with the endpoint that took it.
    pub(crate) pending: Vec<(usize, TransactionId)>,
    /// How late the generator sent what was due, one for each request of an open loop.
    pub(crate) late: Vec<Duration>,
    /// Connections that were opened.
    pub(crate) connections: u32,
    /// Certified transactions whose bundles are verified in the end.
    pub(crate) chosen: Chosen,
    /// Reads of bundles.
    pub(crate) reads: Reads,
}

/// Newest certified transactions of a door among which a read chooses.
const RECENT_MAX: usize = 4096;
/// A prime step through them, so that reads of all ages come in turn.
const STEP: usize = 1543;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Bundles that came.
    pub(crate) samples: Vec<Sample>,
    /// Answers that were no bundle: how many with each status, 0 where there was no answer.
    pub(crate) failed: BTreeMap<u16, u64>,
    turn: usize,
    recent: BTreeMap<usize, VecDeque<TransactionId>>,
}

impl Reads {
    /// A transaction that this door has certified.
    pub(crate) fn next(&mut self, endpoint: usize) -> Option<TransactionId> {
        let recent = self.recent.get(&endpoint)?;
        self.turn = self.turn.wrapping_add(STEP);
        recent.get(self.turn % recent.len()).copied()
    }

    /// Counts one answer: the bundle, or its status.
    pub(crate) fn count(&mut self, answer: Result<(), u16>, sample: Sample) {
        match answer {
            Ok(()) => self.samples.push(sample),
            Err(status) => *self.failed.entry(status).or_default() += 1,
        }
    }

    fn note(&mut self, endpoint: usize, id: TransactionId) {
        let recent = self.recent.entry(endpoint).or_default();
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(id);
    }
}

impl Tally {
    /// Counts the answer to one request: its transactions, when the first of them counts from, how far apart they were due.
    pub(crate) fn count(
        &mut self,
        endpoint: usize,
        ids: &[TransactionId],
        answer: Submitted,
        (mut from, spacing): (Duration, Duration),
        answered: Duration,
    ) {
        let count = u64::try_from(ids.len()).unwrap_or(0);
        let fates = match answer {
            Submitted::Answered(fates) => fates,
            Submitted::Unsent => return,
            Submitted::Unanswered => {
                self.submitted += count;
                self.errors += 1;
                self.pending.extend(ids.iter().map(|id| (endpoint, *id)));
                return;
            }
        };
        self.submitted += count;
        for (at, id) in ids.iter().enumerate() {
            // An answer that is shorter than its request tells nothing of the rest.
            match fates.get(at).copied().unwrap_or(Fate::Pending) {
                Fate::Certified => {
                    self.samples.push(Sample { from, answered });
                    self.chosen.note(*id);
                    self.reads.note(endpoint, *id);
                }
                Fate::RefusedAtDoor | Fate::RefusedByContract => self.refused += 1,
                Fate::Pending => self.pending.push((endpoint, *id)),
            }
            from += spacing;
        }
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::Digest;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn each_transaction_counts_from_its_own_time_and_what_was_not_told_stays_pending() {
        let ids: Vec<_> = (0..4).map(|number| TransactionId(Digest([number; 32]))).collect();
        let mut tally = Tally::default();
        let fates = vec![Fate::Certified, Fate::RefusedAtDoor, Fate::Certified];
        tally.count(1, &ids, Submitted::Answered(fates), (10 * MS, 5 * MS), 40 * MS);
        let latencies: Vec<_> = tally.samples.iter().map(|one| one.answered - one.from).collect();
        assert_eq!(latencies, [30 * MS, 20 * MS]);
        assert_eq!((tally.submitted, tally.refused, tally.errors), (4, 1, 0));
        assert_eq!(tally.pending, [(1, ids[3])]);
    }

    #[test]
    fn a_request_without_answer_is_one_error_and_all_its_transactions_are_pending() {
        let ids: Vec<_> = (0..3).map(|number| TransactionId(Digest([number; 32]))).collect();
        let mut tally = Tally::default();
        tally.count(0, &ids, Submitted::Unanswered, (MS, MS), 9 * MS);
        assert_eq!((tally.submitted, tally.errors, tally.pending.len(), tally.samples.len()), (3, 1, 3, 0));
    }

    #[test]
    fn reads_choose_among_the_newest_of_their_door() {
        let mut reads = Reads::default();
        assert_eq!(reads.next(0), None);
        let id = |number: u32| TransactionId(Digest([number.to_le_bytes(); 8].concat().try_into().unwrap()));
        let last = u32::try_from(RECENT_MAX).unwrap() + 1;
        (0..=last).for_each(|number| reads.note(1, id(number)));
        let chosen: std::collections::BTreeSet<_> = (0..RECENT_MAX).filter_map(|_| reads.next(1)).collect();
        assert_eq!(chosen, (2..=last).map(id).collect(), "each once, and neither of the first two");
        assert_eq!(reads.next(0), None);
    }

    /// What was never sent cannot be lost.
    #[test]
    fn a_request_without_connection_is_no_submission() {
        let ids: Vec<_> = (0..3).map(|number| TransactionId(Digest([number; 32]))).collect();
        let mut tally = Tally::default();
        tally.count(0, &ids, Submitted::Unsent, (MS, MS), 9 * MS);
        assert_eq!((tally.submitted, tally.errors, tally.pending.len()), (0, 0, 0));
    }
}
