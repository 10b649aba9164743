//! From a decided block to the next height.

use std::sync::Arc;

use quancheng_types::{Block, CommitCertificate, Header, NodeId, Round};

use super::height::HeightState;
use super::{Action, Commit, Engine, HaltReason, TimerKey, Tip};
use crate::message::CommittedBlock;
use crate::ordering::results::Mismatch;
use crate::ordering::rules::block_weight;

impl Engine {
    /// Stops this node when a quorum certified another history than it computed. Whether it did.
    pub(super) fn is_refuted(&mut self, compared: Result<(), Mismatch>) -> bool {
        match compared {
            Err(Mismatch { height, own, certified }) if !self.planted.root_not_compared() => {
                self.out.halt(HaltReason::RootMismatch { height, own, certified });
                true
            }
            Ok(()) | Err(_) => false,
        }
    }

    /// Takes in a decided block, by votes or by sync, and moves to the next height.
    pub(super) fn commit(&mut self, block: &Arc<Block>, certificate: CommitCertificate) {
        let header = block.header;
        let compared = self.results.certify(&header);
        if self.is_refuted(compared) {
            return;
        }
        if self.height.started {
            for proof in self.core.take_misbehavior() {
                self.note_misbehavior(proof);
            }
        }
        for proof in &block.misbehavior {
            self.misbehavior.remove_ordered(proof);
        }
        self.heed_own_batches(&block.batches);
        let windows = self.windows.insert(&block.batches);
        let decided = CommittedBlock { block: block.as_ref().clone(), certificate: certificate.clone() };
        self.out.commit(Arc::new(Commit { decided, windows }));
        if !block.batches.is_empty() || !block.misbehavior.is_empty() {
            self.last_nonempty = header.height;
        }
        self.cadence.decided(self.now.elapsed_ms, block.batches.iter().map(|batch| batch.header.weight));
        self.ahead.ordered(header.height, block_weight(&block.batches), self.now.elapsed_ms);
        let (availability, mut env) = self.availability_env();
        availability.on_commit(&mut env, header.height, &block.batches);
        let absences = block.attendance.absences.clone();
        self.tip = Some(Tip { header, certificate, absences });
        self.next_height(&header);
    }

    fn next_height(&mut self, committed: &Header) {
        let height = committed.height.next();
        self.signer.log_entries_flushed = 0;
        let log = self.take_logged(height);
        self.height = HeightState::new(height, log);
        self.timers.cancel_height();
        self.heartbeat_due = false;
        self.schedule.forget_before(height);
        let heartbeat_ms = self.parameters().heartbeat_ms;
        self.timers.set(TimerKey::Heartbeat, self.now.elapsed_ms.saturating_add(heartbeat_ms), Round(0));
        self.sync.on_commit(committed.height);
        if self.schedule.at(height).validators_hash != committed.validators_hash {
            self.on_set_change();
        }
        self.review_presences();
        self.report_commit();
    }

    fn on_set_change(&mut self) {
        let (availability, mut env) = self.availability_env();
        availability.pool.on_set_change(&env.rules.validators);
        for certified in availability.own.on_set_change(&mut env) {
            availability.pool.insert(&mut env, certified);
        }
        let rules = self.schedule.at(self.height.height);
        self.misbehavior.retain(|proof| rules.validators.by_id(&proof.validator()).is_some());
    }

    pub(super) fn serve(&mut self, to: NodeId, request: super::ServeRequest) {
        self.out.other(Action::Serve { to, request });
    }
}
