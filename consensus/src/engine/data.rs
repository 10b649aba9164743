//! Batches, results of the executor, and blocks of peers.

use std::sync::Arc;

use quancheng_types::schedule::effective_height;
use quancheng_types::{BatchId, BatchRef, Height, NodeId, Round, SignedBatch};

use super::requests::RequestKind;
use super::{Alarm, BatchVerdict, Engine, Executed, HaltReason, Offence, ServeRequest, TimerKey};
use crate::availability::{Checked, NumberTaken, Pooled};
use crate::limits::{STATUS_INTERVAL_MS, STATUS_PAUSE_MS, SYNC_BLOCKS_MAX};
use crate::message::{BatchAck, BlocksRequest, CommittedBlock, Message, Status};
use crate::ordering::rules::{check_header, counted, has_quorum, signatures_hold};

/// Blocks behind peers from which an operator hears of it.
const BEHIND_ALARM_BLOCKS: u64 = 100;

impl Engine {
    // ---- batches ----

    pub(super) fn on_local_batch(&mut self, batch: Arc<SignedBatch>) {
        let sequence = batch.header.sequence;
        self.twin.next_sequence = self.twin.next_sequence.max(sequence.saturating_add(1));
        let (availability, mut env) = self.availability_env();
        match availability.own.insert(&mut env, batch) {
            Ok(Some(certified)) => {
                availability.pool.insert(&mut env, certified);
            }
            Ok(None) => {}
            Err(NumberTaken) => self.out.alarm(Alarm::OwnBatchRefused { sequence }),
        }
    }

    pub(super) fn on_batch_offer(&mut self, from: NodeId, batch: Arc<SignedBatch>) {
        let Some(key) = self.signer.key().cloned() else {
            return;
        };
        if self.validators().by_id(&self.signer.id()).is_none() {
            return;
        }
        let (availability, mut env) = self.availability_env();
        availability.offers.on_offer(&mut env, &key, from, batch);
    }

    pub(super) fn on_batch_checked(&mut self, id: &BatchId, verdict: BatchVerdict) {
        let key = self.signer.key().cloned();
        let (availability, mut env) = self.availability_env();
        match availability.offers.on_checked(&mut env, key.as_ref(), id, verdict) {
            Checked::Stored => availability.delivery.on_stored(&mut env, id, None),
            Checked::Convicted(proof) => self.note_misbehavior(*proof),
            Checked::Dropped => {}
        }
    }

    pub(super) fn on_batch_ack(&mut self, from: NodeId, ack: &BatchAck) {
        let (availability, mut env) = self.availability_env();
        if let Some(certified) = availability.own.on_ack(&mut env, from, ack) {
            availability.pool.insert(&mut env, certified);
        }
    }

    pub(super) fn on_batch_certified(&mut self, from: NodeId, batch: BatchRef) {
        let (availability, mut env) = self.availability_env();
        // A certificate of another set is no offence: the sender may be a height ahead or behind.
        let pooled = availability.pool.insert(&mut env, batch);
        if pooled == Pooled::Forged || (pooled == Pooled::NoQuorum && env.planted.other_set_blamed()) {
            env.out.blame(from, Offence::BadCertificate);
        }
    }

    pub(super) fn on_batch_request(&mut self, from: NodeId, ids: &[BatchId]) {
        let tokens = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        if !ids.is_empty() && self.admit_request(from, RequestKind::Batches, tokens) {
            self.serve(from, ServeRequest::Batches(ids.to_vec()));
        }
    }

    pub(super) fn on_batch_response(&mut self, from: NodeId, batch: Arc<SignedBatch>) {
        let (availability, mut env) = self.availability_env();
        availability.delivery.on_response(&mut env, from, batch);
    }

    // ---- results ----

    pub(super) fn on_executed(&mut self, executed: Executed) {
        let Executed { height, history_size, history_root, decisions } = executed;
        let expected = self.results.newest().next();
        if height < expected {
            return;
        }
        if height > expected {
            self.out.halt(HaltReason::ExecutorOutOfOrder { height, expected });
            return;
        }
        let lag_max = self.schedule.lag_max();
        if decisions.parameters.as_ref().is_some_and(|entry| entry.value.execution_lag_max != lag_max) {
            self.out.halt(HaltReason::LagChanged { height });
            return;
        }
        if decisions.soonest().is_some_and(|soonest| soonest < effective_height(height, lag_max)) {
            self.out.halt(HaltReason::DecidedTooSoon { height });
            return;
        }
        let before = height.previous().filter(|_| self.planted.wrong_height_root());
        let history_root = before.and_then(|before| self.results.at(before)).map_or(history_root, |(_, root)| root);
        let compared = self.results.executed(height, (history_size, history_root));
        if self.is_refuted(compared) {
            return;
        }
        self.ahead.executed(height, self.now.elapsed_ms);
        if self.schedule.executed(height, decisions).is_err() {
            self.out.halt(HaltReason::DecidedTooSoon { height });
        }
    }

    // ---- blocks of peers ----

    pub(super) fn on_blocks_request(&mut self, from: NodeId, request: BlocksRequest) {
        let count = request.count.min(SYNC_BLOCKS_MAX);
        if count == 0 || request.from == Height::GENESIS {
            return;
        }
        self.serve_blocks(from, BlocksRequest { from: request.from, count });
    }

    pub(super) fn on_blocks_response(&mut self, from: NodeId, blocks: Vec<CommittedBlock>) {
        if let Err(offence) = self.sync.on_response(from, blocks, self.committed(), self.now.elapsed_ms) {
            self.out.blame(from, offence);
        }
    }

    pub(super) fn request_blocks(&mut self) {
        if self.out.is_halted() || self.planted.no_sync() {
            return;
        }
        let committed = self.committed();
        if let Some((peer, request)) = self.sync.next_request(committed, self.now.elapsed_ms) {
            let claimed = self.sync.honest_claim(self.validators());
            if claimed.0.saturating_sub(committed.0) >= BEHIND_ALARM_BLOCKS {
                self.out.alarm(Alarm::Behind { own: committed, claimed });
            }
            self.out.send(peer, Message::BlocksRequest(request));
        }
    }

    /// Commits buffered blocks as far as the sets of their heights are known.
    pub(super) fn apply_synced(&mut self) {
        while !self.out.is_halted() && !self.startup.is_waiting_for_start() {
            let height = self.height.height;
            if self.stop_before_unknown_version() || !self.schedule.is_known(height.next()) || !self.sync.has(height) {
                return;
            }
            let Some((from, decided)) = self.sync.take(height) else {
                return;
            };
            self.take_turns();
            match self.apply_decided(height, decided) {
                Ok(()) => self.sync.served(&from),
                Err(offence) => {
                    self.out.blame(from, offence);
                    self.sync.drop_from(&from, self.committed(), self.now.elapsed_ms);
                }
            }
        }
    }

    fn apply_decided(&mut self, height: Height, decided: CommittedBlock) -> Result<(), Offence> {
        // That it is intact was seen before it was kept.
        let CommittedBlock { block, certificate } = decided;
        let validators = &self.schedule.at(height).validators;
        let message = certificate.sign_message(self.chain_id);
        let signatures = counted(&certificate.signatures, validators, self.planted);
        let is_proven = has_quorum(&signatures, validators, self.planted.commit_quorum())
            && signatures_hold(&signatures, &message, validators, self.checker.as_mut());
        if !is_proven && !self.planted.sync_unchecked() {
            return Err(Offence::BadCertificate);
        }
        self.heed_own_precommit(&certificate);
        match check_header(&self.expected(), &block) {
            Ok(()) => self.commit(&Arc::new(block), certificate),
            Err(reason) => self.out.halt(HaltReason::CertifiedBlockInvalid { height, reason }),
        }
        Ok(())
    }

    // ---- our height ----

    /// Tells peers a new height, at once or after a short pause.
    pub(super) fn report_commit(&mut self) {
        let now_ms = self.now.elapsed_ms;
        let next_ms = self.status_sent_ms.map_or(now_ms, |sent| sent.saturating_add(STATUS_PAUSE_MS));
        if next_ms <= now_ms {
            self.send_status();
        } else {
            self.timers.set(TimerKey::Status, next_ms, Round(0));
        }
    }

    pub(super) fn send_status(&mut self) {
        self.status_sent_ms = Some(self.now.elapsed_ms);
        let status = Message::Status(Status { committed: self.committed() });
        if self.planted.early_status() {
            self.out.broadcast_early(status);
        } else {
            self.out.broadcast(status);
        }
        self.timers.set(TimerKey::Status, self.now.elapsed_ms.saturating_add(STATUS_INTERVAL_MS), Round(0));
    }
}
