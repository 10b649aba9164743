//! Own batches: offered until a quorum holds them, announced until they are ordered.

use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_types::certificate::CertificateSignature;
use quancheng_types::{BatchCertificate, BatchId, BatchRef, List, NodeId, Signature, SignedBatch, ValidatorId};

use super::{Env, WINDOW_SEQUENCES};
use crate::engine::Offence;
use crate::limits::{OFFER_RETRY_BATCHES_MAX, OFFER_RETRY_MS, OFFER_RETRY_MS_MAX, OWN_BATCHES_MAX};
use crate::message::{BatchAck, Message};
use crate::ordering::rules::has_quorum;

#[derive(Debug)]
struct Own {
    batch: Arc<SignedBatch>,
    acks: BTreeMap<ValidatorId, Signature>,
    certified: Option<BatchRef>,
    retry_at_ms: u64,
    pause_ms: u64,
}

/// The number of an own batch was used by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberTaken;

/// Own batches that are not ordered yet, by sequence, oldest first.
#[derive(Debug, Default)]
pub(crate) struct OwnBatches {
    batches: BTreeMap<u64, Own>,
    by_id: BTreeMap<BatchId, u64>,
    /// How many were ordered since the start.
    ordered: u64,
    /// Whether some were taken in before they might be offered.
    is_held: bool,
}

impl OwnBatches {
    /// Batches in flight, for the batcher. While the oldest has fallen behind by half a window, the answer is "as many as there may
    /// be": should the window pass it, it could never be ordered, and its transactions were admitted.
    pub(crate) fn in_flight(&self) -> usize {
        let span = match (self.batches.first_key_value(), self.batches.last_key_value()) {
            (Some((oldest, _)), Some((newest, _))) => newest.saturating_sub(*oldest),
            (None, _) | (_, None) => 0,
        };
        if span >= WINDOW_SEQUENCES / 2 { OWN_BATCHES_MAX } else { self.batches.len() }
    }

    /// Weight of the batches in flight.
    pub(crate) fn weight(&self) -> u64 {
        self.batches.values().map(|own| own.batch.header.weight).fold(0, u64::saturating_add)
    }

    pub(crate) fn ordered(&self) -> u64 {
        self.ordered
    }

    pub(crate) fn contains(&self, id: &BatchId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Takes in a sealed batch and offers it, as soon as the others were asked about this key: a restored copy has sealed what it held anew, under numbers
    /// beyond those of a twin that still lives, which would take them for another's and stop. It is taken in before, so that blocks which
    /// order it meanwhile are no surprise. However many there are, none is dropped: what it holds is admitted, and the batcher stops
    /// by [`Self::in_flight`]. Returns a certificate at once when this node alone is a quorum.
    ///
    /// # Errors
    /// [`NumberTaken`]: it can never be ordered. A batch that is here already is none.
    pub(crate) fn insert(
        &mut self,
        env: &mut Env<'_>,
        batch: Arc<SignedBatch>,
    ) -> Result<Option<BatchRef>, NumberTaken> {
        let header = batch.header;
        let id = header.id();
        if self.by_id.contains_key(&id) {
            return Ok(None);
        }
        if header.author != env.me
            || header.sequence == u64::MAX
            || self.batches.contains_key(&header.sequence)
            || env.windows.is_ordered(&header)
            || (env.planted.own_batches_lost() && env.now.elapsed_ms == 0)
        {
            return Err(NumberTaken);
        }
        if let Some(author) = env.rules.validators.by_id(&env.me) {
            // Made by this node: it need not be checked in its own certificate.
            env.checker.remember(&author.public_key, &header.ack_message(), &batch.signature);
        }
        let acks = BTreeMap::from([(env.me, batch.signature)]);
        let own = Own {
            batch: Arc::clone(&batch),
            acks,
            certified: None,
            retry_at_ms: env.now.elapsed_ms + OFFER_RETRY_MS,
            pause_ms: OFFER_RETRY_MS,
        };
        self.batches.insert(header.sequence, own);
        self.by_id.insert(id, header.sequence);
        if env.is_offering {
            env.out.broadcast(Message::BatchOffer(batch));
        } else {
            self.is_held = true;
        }
        Ok(self.certify(env, header.sequence))
    }

    /// Takes in an acknowledgement. Returns the certificate when this one completes it.
    pub(crate) fn on_ack(&mut self, env: &mut Env<'_>, from: NodeId, ack: &BatchAck) -> Option<BatchRef> {
        let sequence = *self.by_id.get(&ack.batch)?;
        let own = self.batches.get_mut(&sequence)?;
        if own.acks.contains_key(&ack.validator) {
            return None;
        }
        let validator = env.rules.validators.by_id(&ack.validator)?;
        let message = own.batch.header.ack_message();
        if !env.checker.check(&validator.public_key, &message, &ack.signature) {
            env.out.blame(from, Offence::BadSignature);
            return None;
        }
        own.acks.insert(ack.validator, ack.signature);
        self.certify(env, sequence)
    }

    fn certify(&mut self, env: &mut Env<'_>, sequence: u64) -> Option<BatchRef> {
        let own = self.batches.get_mut(&sequence)?;
        if own.certified.is_some() {
            return None;
        }
        let validators = &env.rules.validators;
        let signatures: Vec<CertificateSignature> = own
            .acks
            .iter()
            .filter(|(validator, _)| validators.by_id(validator).is_some())
            .map(|(validator, signature)| CertificateSignature { validator: *validator, signature: *signature })
            .collect();
        if !has_quorum(&signatures, validators, env.planted.batch_quorum()) {
            return None;
        }
        let signatures = List::new(signatures).expect("at most one signature per member of a bounded set");
        let certified = BatchRef { header: own.batch.header, certificate: BatchCertificate { signatures } };
        own.certified = Some(certified.clone());
        own.pause_ms = OFFER_RETRY_MS;
        own.retry_at_ms = env.now.elapsed_ms + OFFER_RETRY_MS;
        env.out.broadcast(Message::BatchCertified(Box::new(certified.clone())));
        Some(certified)
    }

    /// The others were asked about this key: what was taken in before is due now.
    pub(crate) fn release(&mut self, now_ms: u64) {
        if core::mem::take(&mut self.is_held) {
            for own in self.batches.values_mut() {
                own.retry_at_ms = now_ms;
            }
        }
    }

    /// After a set change: certificates that the new set does not carry are collected anew.
    pub(crate) fn on_set_change(&mut self, env: &mut Env<'_>) -> Vec<BatchRef> {
        let mut again = Vec::new();
        for (sequence, own) in &mut self.batches {
            let holds = own
                .certified
                .as_ref()
                .is_some_and(|certified| has_quorum(&certified.certificate.signatures, &env.rules.validators, false));
            if !holds {
                own.certified = None;
                own.retry_at_ms = env.now.elapsed_ms;
                own.pause_ms = OFFER_RETRY_MS;
                again.push(*sequence);
            }
        }
        again.into_iter().filter_map(|sequence| self.certify(env, sequence)).collect()
    }

    pub(crate) fn remove(&mut self, id: &BatchId) {
        if let Some(sequence) = self.by_id.remove(id) {
            self.batches.remove(&sequence);
            self.ordered = self.ordered.saturating_add(1);
        }
    }

    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.batches.values().map(|own| own.retry_at_ms).min()
    }

    /// Repeats offers and announcements that are due, oldest first.
    pub(crate) fn on_tick(&mut self, env: &mut Env<'_>) {
        let mut repeated = 0;
        for own in self.batches.values_mut().filter(|own| own.retry_at_ms <= env.now.elapsed_ms) {
            if repeated == OFFER_RETRY_BATCHES_MAX || !env.is_offering {
                // The rest keeps its turn for the next burst, and all of them until they may be offered.
                own.retry_at_ms = env.now.elapsed_ms + OFFER_RETRY_MS;
                continue;
            }
            repeated += 1;
            own.pause_ms = (own.pause_ms * 2).min(OFFER_RETRY_MS_MAX);
            own.retry_at_ms = env.now.elapsed_ms + own.pause_ms;
            if let Some(certified) = &own.certified {
                env.out.broadcast(Message::BatchCertified(Box::new(certified.clone())));
                continue;
            }
            for (validator, id) in env.rules.validators.validators().iter().zip(env.rules.validators.ids()) {
                if !own.acks.contains_key(id) {
                    env.out.send(validator.node_id, Message::BatchOffer(Arc::clone(&own.batch)));
                }
            }
        }
    }
}
