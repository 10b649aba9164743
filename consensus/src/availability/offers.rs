//! Batches of other authors: bounded, checked by the shell, then acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_types::limits::{BATCH_BYTES_MAX, BATCH_WEIGHT_MAX};
use quancheng_types::{BatchHeader, BatchId, MisbehaviorProof, NodeId, SignedBatch, SigningKey, ValidatorId};

use super::{Env, WINDOW_SEQUENCES, Windows};
use crate::engine::{Action, BatchVerdict, Offence};
use crate::limits::{AUTHOR_BATCHES_MAX, AUTHOR_BYTES_MAX, AUTHOR_CHECKS_MAX};
use crate::message::{BatchAck, Message};
use crate::misbehavior::invalid_batch;
use crate::planted::Planted;

#[derive(Debug)]
enum State {
    /// The shell is checking it; kept for the proof if it is bad.
    Checking {
        batch: Arc<SignedBatch>,
        /// It was ordered meanwhile.
        is_ordered: bool,
    },
    /// Stored durably.
    Stored,
}

#[derive(Debug)]
struct Held {
    header: BatchHeader,
    state: State,
}

#[derive(Debug, Default)]
struct Author {
    batches: BTreeMap<BatchId, Held>,
    bytes: u64,
    checking: usize,
}

/// What became of a checked batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Stored, and acknowledged if it is still wanted.
    Stored,
    /// Its author is convicted.
    Convicted(Box<MisbehaviorProof>),
    /// Dropped.
    Dropped,
}

/// Batches of others that are not ordered yet.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    authors: BTreeMap<ValidatorId, Author>,
    author_of: BTreeMap<BatchId, ValidatorId>,
}

impl Offers {
    pub(crate) fn is_stored(&self, author: &ValidatorId, id: &BatchId) -> bool {
        self.authors
            .get(author)
            .and_then(|author| author.batches.get(id))
            .is_some_and(|held| matches!(held.state, State::Stored))
    }

    /// Takes in what was found on disk at start.
    pub(crate) fn recover(&mut self, header: BatchHeader) {
        let id = header.id();
        let author = self.authors.entry(header.author).or_default();
        author.bytes += u64::from(header.bytes);
        author.batches.insert(id, Held { header, state: State::Stored });
        self.author_of.insert(id, header.author);
    }

    /// Takes in an offer: acknowledges again what is stored, or has it checked.
    pub(crate) fn on_offer(&mut self, env: &mut Env<'_>, key: &SigningKey, from: NodeId, batch: Arc<SignedBatch>) {
        let header = batch.header;
        let Some(validator) = env.rules.validators.by_id(&header.author) else {
            return;
        };
        if validator.node_id != from || !is_in_bounds(env, &header) || env.windows.is_ordered(&header) {
            return;
        }
        let id = header.id();
        if self.is_stored(&header.author, &id) {
            acknowledge(env, key, &header, from);
            return;
        }
        let weight_max = env.rules.parameters.author_weight_max;
        if !self.has_room(&header, &id, env.planted) || !self.is_in_weight(&header, weight_max) {
            return;
        }
        if !env.checker.check(&validator.public_key, &header.ack_message(), &batch.signature) {
            env.out.blame(from, Offence::BadSignature);
            return;
        }
        let author = self.authors.entry(header.author).or_default();
        author.bytes += u64::from(header.bytes);
        author.checking += 1;
        author
            .batches
            .insert(id, Held { header, state: State::Checking { batch: Arc::clone(&batch), is_ordered: false } });
        self.author_of.insert(id, header.author);
        if env.planted.early_ack() {
            acknowledge(env, key, &header, from);
        }
        env.out.other(Action::CheckBatch { batch });
    }

    /// Whether the bounds of its author admit another batch, and this number is not taken.
    fn has_room(&self, header: &BatchHeader, id: &BatchId, planted: Planted) -> bool {
        let Some(author) = self.authors.get(&header.author) else {
            return true;
        };
        (author.batches.len() < AUTHOR_BATCHES_MAX || planted.author_unbounded())
            && author.bytes + u64::from(header.bytes) <= AUTHOR_BYTES_MAX
            && author.checking < AUTHOR_CHECKS_MAX
            && !author.batches.contains_key(id)
            && author.batches.values().all(|held| held.header.sequence != header.sequence)
    }

    /// Whether what the author has in flight stays within its weight. Only older batches count: the oldest is always taken, so validators
    /// that hold different ones cannot leave an author without a quorum for any.
    fn is_in_weight(&self, header: &BatchHeader, weight_max: u64) -> bool {
        let Some(author) = self.authors.get(&header.author) else {
            return true;
        };
        // What an author left behind that lost its disk and numbers on from the clock can never be ordered after the new one. It has the same
        // bound for itself: numbers far apart do not add up to more.
        let is_passed = |held: &&BatchHeader| header.sequence - held.sequence > WINDOW_SEQUENCES;
        let older = author.batches.values().map(|held| &held.header).filter(|held| held.sequence < header.sequence);
        let (passed, older): (Vec<_>, Vec<_>) = older.partition(is_passed);
        let sum = |batches: Vec<&BatchHeader>| batches.iter().map(|held| held.weight).fold(0, u64::saturating_add);
        let (count, passed, older) = (passed.len(), sum(passed), sum(older));
        let fits = older == 0 || older.saturating_add(header.weight) <= weight_max;
        fits && (count <= 1 || passed <= weight_max)
    }

    /// Takes in what the shell found.
    pub(crate) fn on_checked(
        &mut self,
        env: &mut Env<'_>,
        key: Option<&SigningKey>,
        id: &BatchId,
        verdict: BatchVerdict,
    ) -> Checked {
        let Some(held) = self.author_of.get(id).and_then(|author| self.authors.get_mut(author)?.batches.get_mut(id))
        else {
            return Checked::Dropped;
        };
        let State::Checking { batch, is_ordered } = &held.state else {
            return Checked::Stored;
        };
        let (batch, is_ordered) = (Arc::clone(batch), *is_ordered);
        let node = env.rules.validators.by_id(&batch.header.author).map(|validator| validator.node_id);
        if let Some(author) = self.authors.get_mut(&batch.header.author) {
            author.checking = author.checking.saturating_sub(1);
        }
        match verdict {
            BatchVerdict::InvalidTransaction { .. } if env.planted.ack_invalid() => {
                self.set_stored(&batch.header, id);
                if let (Some(node), Some(key)) = (node, key) {
                    acknowledge(env, key, &batch.header, node);
                }
                Checked::Dropped
            }
            BatchVerdict::Valid => {
                self.set_stored(&batch.header, id);
                if let (Some(node), Some(key)) = (node, key)
                    && !env.windows.is_ordered(&batch.header)
                {
                    acknowledge(env, key, &batch.header, node);
                }
                if env.windows.is_ordered(&batch.header) {
                    self.remove(&batch.header, id);
                    if !is_ordered {
                        // Another batch of this number was: nobody will ever ask for this one.
                        env.out.other(Action::ForgetBatches(vec![*id]));
                    }
                }
                Checked::Stored
            }
            BatchVerdict::InvalidTransaction { index } => {
                self.remove(&batch.header, id);
                invalid_batch(&batch, index).map_or(Checked::Dropped, |proof| Checked::Convicted(Box::new(proof)))
            }
            BatchVerdict::Inconsistent => {
                self.remove(&batch.header, id);
                if let Some(node) = node {
                    env.out.blame(node, Offence::BadBatch);
                }
                Checked::Dropped
            }
            BatchVerdict::NotStored => {
                if let (Some(node), Some(key), true) = (node, key, env.planted.ack_unstored()) {
                    acknowledge(env, key, &batch.header, node);
                }
                self.remove(&batch.header, id);
                Checked::Dropped
            }
        }
    }

    fn set_stored(&mut self, header: &BatchHeader, id: &BatchId) {
        if let Some(held) = self.authors.get_mut(&header.author).and_then(|author| author.batches.get_mut(id)) {
            held.state = State::Stored;
        }
    }

    /// Forgets a batch that was ordered. One that is still being checked stays until the answer comes.
    pub(crate) fn remove_ordered(&mut self, header: &BatchHeader, id: &BatchId) {
        let held = self.authors.get_mut(&header.author).and_then(|author| author.batches.get_mut(id));
        match held.map(|held| &mut held.state) {
            Some(State::Stored) => self.remove(header, id),
            Some(State::Checking { is_ordered, .. }) => *is_ordered = true,
            None => {}
        }
    }

    fn remove(&mut self, header: &BatchHeader, id: &BatchId) {
        self.author_of.remove(id);
        if let Some(author) = self.authors.get_mut(&header.author)
            && author.batches.remove(id).is_some()
        {
            author.bytes = author.bytes.saturating_sub(u64::from(header.bytes));
        }
    }

    /// Forgets batches that can never be ordered: the windows of their authors have passed them, or another batch of the same
    /// number was ordered.
    pub(crate) fn forget_unorderable(&mut self, windows: &Windows, planted: Planted) -> Vec<BatchId> {
        let unorderable: Vec<(BatchId, BatchHeader)> = self
            .authors
            .values()
            .flat_map(|author| author.batches.iter())
            .filter(|(_, held)| matches!(held.state, State::Stored))
            .filter(|(_, held)| windows.is_ordered(&held.header) || planted.acknowledged_dropped())
            .map(|(id, held)| (*id, held.header))
            .collect();
        for (id, header) in &unorderable {
            self.remove(header, id);
        }
        unorderable.into_iter().map(|(id, _)| id).collect()
    }
}

/// The parameters `batch_bytes_max` and `batch_weight_max` are what an author packs, not what others take: a batch sealed before one was
/// lowered holds transactions that were admitted.
fn is_in_bounds(env: &Env<'_>, header: &BatchHeader) -> bool {
    header.chain_id == env.chain_id
        && header.count > 0
        && header.sequence < u64::MAX
        && header.bytes <= BATCH_BYTES_MAX
        && header.weight <= BATCH_WEIGHT_MAX
}

fn acknowledge(env: &mut Env<'_>, key: &SigningKey, header: &BatchHeader, to: NodeId) {
    let message = header.ack_message();
    let signature = key.sign(message.as_bytes());
    // It comes back in the certificate.
    env.checker.remember(&key.public_key(), &message, &signature);
    env.out.send(to, Message::BatchAck(BatchAck { batch: header.id(), validator: env.me, signature }));
}
