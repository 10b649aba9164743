//! Certified batches that wait to be ordered.

use std::collections::BTreeMap;

use quancheng_types::{BatchRef, ValidatorId, ValidatorSet, codec};

use super::{Env, Windows};
use crate::limits::AUTHOR_CERTIFIED_MAX;
use crate::ordering::rules::{counted, has_quorum, is_acceptable_batch, signatures_hold};

/// What the batches of a block must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) weight: u64,
    /// What `weight` is while the executor has nothing to do.
    pub(crate) weight_idle: u64,
    /// Whether the first batch goes whatever its weight: the executor has nothing to do.
    pub(crate) is_first_free: bool,
}

/// Certified batches, by author and number.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    authors: BTreeMap<ValidatorId, BTreeMap<u64, BatchRef>>,
}

/// What became of a certified batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooled {
    /// New in the pool.
    New,
    /// Known, ordered, or beyond the bound of its author.
    NotNeeded,
    /// No quorum of the set in force stands behind it. The sender may know another set.
    NoQuorum,
    /// A signature in it does not verify.
    Forged,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.authors.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.authors.is_empty()
    }

    /// Whether a batch waits of whose weight that can be said.
    pub(crate) fn has_batch(&self, is: impl Fn(u64) -> bool) -> bool {
        self.authors.values().flat_map(BTreeMap::values).any(|batch| is(batch.header.weight))
    }

    /// Any batch that waits, always the same one.
    pub(crate) fn first(&self) -> Option<&BatchRef> {
        self.authors.values().find_map(|waiting| waiting.values().next())
    }

    /// Verifies and takes in.
    pub(crate) fn insert(&mut self, env: &mut Env<'_>, batch: BatchRef) -> Pooled {
        let header = &batch.header;
        if env.windows.is_ordered(header) {
            return Pooled::NotNeeded;
        }
        if let Some(waiting) = self.authors.get(&header.author)
            && (waiting.contains_key(&header.sequence) || waiting.len() >= AUTHOR_CERTIFIED_MAX)
        {
            return Pooled::NotNeeded;
        }
        let validators = &env.rules.validators;
        let signatures = &counted(&batch.certificate.signatures, validators, env.planted);
        if !is_acceptable_batch(env.chain_id, validators, &batch)
            || !has_quorum(signatures, validators, env.planted.batch_quorum())
        {
            return Pooled::NoQuorum;
        }
        if !signatures_hold(signatures, &batch.header.ack_message(), validators, env.checker)
            && !env.planted.batch_signature_unchecked()
        {
            return Pooled::Forged;
        }
        self.authors.entry(header.author).or_default().insert(header.sequence, batch);
        Pooled::New
    }

    /// Drops what the windows say was ordered or can no longer be.
    pub(crate) fn remove_ordered(&mut self, windows: &Windows) {
        self.retain(|batch| !windows.is_ordered(&batch.header));
    }

    /// Drops what the new set does not carry; authors collect such certificates anew.
    pub(crate) fn on_set_change(&mut self, validators: &ValidatorSet) {
        self.retain(|batch| {
            validators.by_id(&batch.header.author).is_some()
                && has_quorum(&batch.certificate.signatures, validators, false)
        });
    }

    fn retain(&mut self, keep: impl Fn(&BatchRef) -> bool) {
        for waiting in self.authors.values_mut() {
            waiting.retain(|_, batch| keep(batch));
        }
        self.authors.retain(|_, waiting| !waiting.is_empty());
    }

    /// Batches for the next block: the oldest of each author in turn, so that no author can crowd out another, within the room. `turn` moves the
    /// first author, so that none is always last.
    ///
    /// The first in line may go beyond what is left, so that the others cannot keep it waiting for ever. One that is heavier than what is ordered
    /// ahead at all has that right once in so many of its turns as its weight takes, so that it costs the others no more than
    /// light ones do; else it is passed over.
    pub(crate) fn select(&self, room: &Room, turn: u64) -> Vec<BatchRef> {
        let mut queues: Vec<_> = self.authors.values().map(|waiting| waiting.values().peekable()).collect();
        if queues.is_empty() {
            return Vec::new();
        }
        let authors = u64::try_from(queues.len()).expect("a count in memory fits in u64");
        let (cycle, first) = (turn / authors, turn % authors);
        queues.rotate_left(usize::try_from(first).expect("less than a count in memory"));
        // Any batch is within what a block may hold.
        let oldest = queues.first_mut().and_then(|queue| queue.peek().copied());
        let may_exceed = oldest.is_some_and(|batch| {
            let turns = batch.header.weight.div_ceil(room.weight_idle.max(1)).max(1);
            room.weight > 0 && cycle.is_multiple_of(turns)
        });
        let mut chosen: Vec<BatchRef> = Vec::new();
        let (mut bytes, mut weight) = (0, 0_u64);
        let mut is_first = true;
        while !queues.is_empty() {
            let mut rest = Vec::with_capacity(queues.len());
            for mut queue in queues {
                let Some(batch) = queue.next() else {
                    continue;
                };
                let heavier = weight.saturating_add(batch.header.weight);
                let is_free = std::mem::take(&mut is_first) && may_exceed;
                if heavier > room.weight && !is_free {
                    continue;
                }
                bytes += codec::encode(batch).len();
                if chosen.len() >= room.count || bytes > room.bytes {
                    return chosen;
                }
                weight = heavier;
                chosen.push(batch.clone());
                rest.push(queue);
            }
            queues = rest;
        }
        let is_small = |batch: &&BatchRef| codec::encode(*batch).len() <= room.bytes && room.count > 0;
        if chosen.is_empty() && room.is_first_free {
            chosen.extend(oldest.filter(is_small).cloned());
        }
        chosen
    }
}
