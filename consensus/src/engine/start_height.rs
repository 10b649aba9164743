//! When a height starts, and what the log brings back into it.

use std::sync::Arc;

use quancheng_types::{Height, Round, SignedProposal, is_known_version};

use super::cadence::is_light;
use super::{Engine, HaltReason, TimerKey};
use crate::limits::REASON_MS;
use crate::log::LogEntry;
use crate::ordering::core::Host;

impl Engine {
    /// Stops before a height whose rules this build does not carry: nothing of it is judged, signed, logged or taken over from peers, and
    /// everything before it is kept. Whether the engine stops, for this or another reason.
    pub(super) fn stop_before_unknown_version(&mut self) -> bool {
        let height = self.height.height;
        if self.out.is_halted() || self.startup.is_waiting_for_start() || !self.schedule.is_known(height) {
            return self.out.is_halted();
        }
        let plan = self.schedule.version_at(height).filter(|plan| !is_known_version(plan.version)).cloned();
        if let Some(plan) = plan {
            self.out.stop(HaltReason::UnknownVersion { height, plan });
        }
        self.out.is_halted()
    }

    /// Starts the next height when there is a reason to and everything it needs is known.
    pub(super) fn start_height(&mut self) {
        let height = self.height.height;
        if self.stop_before_unknown_version() || self.height.started || !self.startup.is_done() {
            return;
        }
        self.availability.own.release(self.now.elapsed_ms);
        if !self.schedule.is_known(height.next()) {
            return;
        }
        self.take_turns();
        if !self.has_reason() {
            return;
        }
        self.height.started = true;
        self.heartbeat_due = false;
        let mut replay = std::mem::take(&mut self.height.replay);
        if self.planted.forgotten_lock() {
            replay.clear();
        }
        self.restore_candidates(&replay);
        let set = self.attendees.turns().clone();
        let mut host = Host { signer: &mut self.signer, checker: self.checker.as_mut(), planted: self.planted };
        let (events, result) = self.core.start(&mut host, height, &set, &replay);
        self.carry_out(events, result);
        if self.height.started && self.height.height == height {
            self.timers.set(TimerKey::Reason, self.now.elapsed_ms.saturating_add(REASON_MS), Round(0));
        }
        for (from, message) in self.early.take(height) {
            // Who is a validator may not have been certain when the message came.
            let is_member = self.schedule.at(height).validators.by_node(&from).is_some();
            if is_member && self.height.started && self.height.height == height {
                self.take_agreement(from, message);
            }
        }
    }

    /// Whether to start now. An own reason waits for the cadence, and the timer for that is set.
    fn has_reason(&mut self) -> bool {
        let height = self.height.height;
        if !self.height.replay.is_empty() {
            return true;
        }
        if self.sync.honest_claim(self.validators()) >= height {
            // Decided already: it comes by sync.
            return false;
        }
        if self.is_called(height) {
            return true;
        }
        let due_ms = self.cadence.due_ms(self.availability.pool.has_batch(is_light));
        let has_own = self.has_own_reason();
        if has_own && self.now.elapsed_ms < due_ms {
            self.timers.set_if_absent(TimerKey::Cadence, due_ms, Round(0));
            return false;
        }
        has_own
    }

    fn has_own_reason(&self) -> bool {
        let votes = self.validators().by_id(&self.signer.id()).is_some();
        votes
            && (self.heartbeat_due
                || !self.availability.pool.is_empty()
                || !self.misbehavior.is_empty()
                || !self.presences_at(self.now.unix_ms).is_empty()
                || (self.has_uncertified_results() && self.results.newest() >= self.last_nonempty))
    }

    /// Whether others are at work on this height: the one whose turn it is has proposed, or so many speak that one of them is honest. Fewer
    /// could keep an idle chain making blocks without a reason, for ever. A proposal of a later round is none: its proposer could tell it
    /// to some only, and the one whose turn it is would miss it.
    fn is_called(&self, height: Height) -> bool {
        let validators = self.validators();
        let speakers = self.early.speakers(height).filter_map(|node| validators.by_node(node));
        let power = speakers.fold(0_u64, |power, validator| power.saturating_add(validator.power));
        let turns = self.attendees.turns();
        let is_in_turn = |signed: &SignedProposal| {
            signed.proposal.round == Round(0) && turns.proposer(height, Round(0)) == signed.validator
        };
        power >= validators.one_honest() || self.early.proposals(height).any(is_in_turn)
    }

    /// Whether results that somebody waits for are not covered by a header yet. Empty blocks do not count: else every empty
    /// block would call for another one.
    fn has_uncertified_results(&self) -> bool {
        self.tip.as_ref().is_none_or(|tip| self.last_nonempty > tip.header.executed_height)
    }

    /// Blocks and proposals that the log holds.
    fn restore_candidates(&mut self, replay: &[LogEntry]) {
        for entry in replay {
            match entry {
                // Every block was found intact before it was logged.
                LogEntry::Block(block) if block.is_consistent() => {
                    self.height.insert(block.id(), Arc::new(block.as_ref().clone()), Round(0), None);
                }
                LogEntry::Value { block_id, valid, .. } => {
                    if let Some(candidate) = self.height.candidates.get_mut(block_id) {
                        candidate.valid = Some(*valid);
                    }
                }
                LogEntry::Proposal(signed) => self.height.note_proposal(*signed, false),
                LogEntry::Block(_) | LogEntry::Vote(_) | LogEntry::Polka(_) | LogEntry::Timeout { .. } => {}
            }
        }
    }
}
