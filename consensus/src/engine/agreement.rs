//! Runs the voting core: feeds it messages and timeouts, carries out its events.

use std::sync::Arc;

use arc_malachitebft_core_consensus::Input as CoreInput;
use arc_malachitebft_core_types::Timeout;
use quancheng_types::{NodeId, Round, SignedVote, Vote, VoteType};

use super::pace::{OBSERVED_ROUNDS, Waits};
use super::{Alarm, Engine, HaltReason, Offence, TimerKey};
use crate::limits::{ROUND_LOOKAHEAD, STUCK_MS, STUCK_MS_MAX};
use crate::log::{LogEntry, TimeoutStep};
use crate::message::{Message, ProposalMessage, Said, SignedStatement};
use crate::ordering::core::{CoreEvent, Host};
use crate::ordering::{CoreContext, CoreError, convert};
use crate::sign_record::NotSafe;
use crate::signer::vote_slot;

impl Engine {
    // ---- messages of the agreement ----

    pub(super) fn on_agreement(&mut self, from: NodeId, message: Message) {
        let Some(height) = message.agreement_height() else {
            return;
        };
        let here = self.height.height;
        if height < here {
            return;
        }
        let is_member = self.schedule.at(height).validators.by_node(&from).is_some();
        if !is_member && self.schedule.is_known(height) {
            // No honest node says anything about a height of which it is no validator (`tell_all`).
            self.out.blame(from, Offence::Stranger);
            return;
        }
        if height > here {
            // Whoever works on a height has committed the one before.
            self.sync.claim(from, height.previous().unwrap_or_default());
        }
        if height > here.next() || !is_member {
            return;
        }
        if self.height.started && height == here {
            self.take_agreement(from, message);
            return;
        }
        if let Message::Proposal(proposal) = &message
            && !self.is_intact(from, &proposal.signed, &proposal.block)
        {
            return;
        }
        self.early.push(from, height, message);
    }

    /// Whether this node takes part in the agreement of the height in progress.
    pub(super) fn is_member(&self) -> bool {
        self.validators().by_node(&self.node_id).is_some()
    }

    /// Says something about the agreement to everybody. A follower listens only: what it could repeat, the validators know.
    pub(super) fn tell_all(&mut self, message: Message) {
        if self.is_member() {
            self.out.broadcast(message);
        }
    }

    /// Publishes a statement of this node, once its record is durable. As in [`Self::tell_all`].
    fn publish_signed(&mut self, message: Message) {
        if self.is_member() {
            self.out.broadcast_signed(message);
        }
    }

    /// Takes in a message of the height in progress.
    pub(super) fn take_agreement(&mut self, from: NodeId, message: Message) {
        if let Message::Proposal(proposal) = message {
            self.on_proposal(from, *proposal);
            return;
        }
        match message.said() {
            // One forged vote makes the rest of its message worthless: checking all of them is what a flood wants.
            Said::Votes(votes) => {
                let _all_genuine = votes.iter().all(|vote| self.on_vote(from, vote));
            }
            Said::Polka(_) | Said::RoundChange(_) => self.on_certificate(from, &message),
            Said::Proposal(_) | Said::Latest(_) | Said::Nothing => {}
        }
    }

    /// Takes in a vote. False when it is forged.
    fn on_vote(&mut self, from: NodeId, signed: &SignedVote) -> bool {
        if !self.height.started || signed.vote.height != self.height.height || signed.vote.chain_id != self.chain_id {
            return true;
        }
        if signed.vote.round.0 > self.core.round().0.saturating_add(ROUND_LOOKAHEAD) {
            return true;
        }
        let Some(validator) = self.schedule.at(self.height.height).validators.by_id(&signed.validator) else {
            return true;
        };
        let vote = convert::core_vote(signed);
        // What teaches nothing is not even checked: a validator can sign conflicting votes without end, and the core would log one that
        // convicts its sender every time it comes.
        if self.core.learns_nothing_from(&vote) {
            return true;
        }
        if !self.checker.check(&validator.public_key, &signed.vote.sign_message(), &signed.signature)
            && !self.planted.vote_unchecked()
        {
            self.out.blame(from, Offence::BadSignature);
            return false;
        }
        let (slot, value) = vote_slot(&signed.vote);
        self.heed_own(&signed.validator, slot, value);
        self.note_statement(SignedStatement::Vote(*signed));
        self.feed(CoreInput::Vote(vote));
        self.leave_hopeless_round();
        true
    }

    /// Takes in a certificate of a round. The core drops a forged one without a word, so its signatures are checked before.
    fn on_certificate(&mut self, from: NodeId, message: &Message) {
        for item in self.signatures_in(message) {
            if !self.checker.check(&item.key, &item.message, &item.signature) {
                self.out.blame(from, Offence::BadCertificate);
                return;
            }
        }
        self.heed_own_in(message);
        if let Message::Polka(polka) = message {
            self.feed(CoreInput::PolkaCertificate(convert::core_polka(polka)));
        } else if let Message::RoundChange(certificate) = message {
            self.feed(CoreInput::RoundCertificate(convert::core_round_certificate(certificate)));
        }
    }

    /// Looks for our own votes in a certificate.
    fn heed_own_in(&mut self, message: &Message) {
        let me = self.signer.id();
        for own in message.said().votes(self.chain_id).into_iter().filter(|vote| vote.validator == me) {
            let Vote { kind, height, round, block_id, .. } = own.vote;
            self.heed_own_vote((kind, height, round), block_id, &own.signature);
        }
    }

    // ---- the core ----

    pub(super) fn feed(&mut self, input: CoreInput<CoreContext>) {
        if self.out.is_halted() || !self.height.started {
            return;
        }
        let mut host = Host { signer: &mut self.signer, checker: self.checker.as_mut(), planted: self.planted };
        let (events, result) = self.core.run(&mut host, input);
        self.carry_out(events, result);
    }

    pub(super) fn carry_out(&mut self, events: Vec<CoreEvent>, result: Result<(), CoreError>) {
        let mut decided = None;
        for event in events {
            match event {
                CoreEvent::Log(entry) => self.log(entry),
                CoreEvent::Record(record) => self.out.record(record),
                // Whatever raised the floor has been told, or needs no telling: the others have decided that height.
                CoreEvent::NotSafe(NotSafe::BelowFloor { .. }) => {}
                CoreEvent::NotSafe(reason) => self.out.alarm(Alarm::NotSafe(reason)),
                CoreEvent::Schedule(step, round) => self.schedule_timeout(step, round),
                CoreEvent::ScheduleStuck(round) => self.schedule_stuck(round),
                CoreEvent::Cancel(step) => self.timers.cancel(TimerKey::Core(step)),
                CoreEvent::CancelStuck => self.timers.cancel(TimerKey::Stuck),
                CoreEvent::CancelAll => self.timers.cancel_height(),
                CoreEvent::StartRound(round) => {
                    self.height.note_round(round, self.now.elapsed_ms);
                    self.height.need_value = None;
                    self.height.stuck_reports = 0;
                }
                CoreEvent::NeedValue(round) => self.height.need_value = Some(round),
                CoreEvent::PublishVote(vote) => self.publish_signed(Message::Vote(vote)),
                CoreEvent::RepeatVote(vote) => self.tell_all(Message::Vote(vote)),
                CoreEvent::PublishProposal(signed) => {
                    self.height.note_proposal(signed, false);
                    if let Some(message) = self.proposal_message(signed.proposal.round) {
                        self.publish_signed(message);
                    }
                }
                CoreEvent::PublishPolka(polka) => self.tell_all(Message::Polka(polka)),
                CoreEvent::PublishRoundChange(certificate) => self.tell_all(Message::RoundChange(certificate)),
                CoreEvent::Decided(certificate) => decided = Some(certificate),
                CoreEvent::Misbehavior(proof) => self.note_misbehavior(proof),
            }
        }
        if let Err(error) = result {
            self.out.halt(HaltReason::Core { height: self.height.height, error });
            return;
        }
        if let Some(certificate) = decided {
            // A candidate that made room for others is missing here; then the block comes by sync.
            if let Some(candidate) = self.height.candidates.get(&certificate.block_id) {
                let block = Arc::clone(&candidate.block);
                let took_ms = self.height.round_ms(certificate.round, self.now.elapsed_ms);
                let by = took_ms.map(|took_ms| (self.core.proposer(certificate.round), took_ms));
                let first_ms = self.parameters().timeout_propose_ms;
                self.pace.decided(by, &self.schedule.at(self.height.height).validators, first_ms);
                self.commit(&block, certificate);
            }
        }
    }

    pub(super) fn log(&mut self, entry: LogEntry) {
        self.height.log_entries = self.height.log_entries.saturating_add(1);
        self.out.log(entry);
    }

    /// Whether a proposal of this round was taken in, with its block.
    pub(super) fn has_proposal(&self, round: Round) -> bool {
        let signed = self.height.proposals.get(&round);
        signed.is_some_and(|signed| self.height.candidates.contains_key(&signed.proposal.block_id))
    }

    /// A proposal of this round that was taken in, with its block. Only one that this node found valid: it would answer for any other
    /// as if it were its own.
    pub(super) fn proposal_message(&self, round: Round) -> Option<Message> {
        let signed = *self.height.proposals.get(&round)?;
        let candidate = self.height.candidates.get(&signed.proposal.block_id)?;
        if candidate.valid != Some(true) {
            return None;
        }
        Some(Message::Proposal(Box::new(ProposalMessage { signed, block: candidate.block.as_ref().clone() })))
    }

    // ---- timeouts ----

    fn schedule_timeout(&mut self, step: TimeoutStep, round: Round) {
        let parameters = self.parameters();
        let first = match step {
            TimeoutStep::Propose => parameters.timeout_propose_ms,
            TimeoutStep::Prevote => parameters.timeout_prevote_ms,
            TimeoutStep::Precommit => parameters.timeout_precommit_ms,
        };
        let of = Waits { first_ms: first, delta_ms: parameters.timeout_delta_ms };
        let wait_ms = self.pace.wait_ms(of, round, &self.core.proposer(round), self.validators());
        self.timers.set(TimerKey::Core(step), self.now.elapsed_ms.saturating_add(wait_ms), round);
        self.leave_hopeless_round();
    }

    /// Does not wait for more precommits when a quorum precommitted nil: then no block can be decided in this round any more. The first
    /// rounds only: a height in trouble waits as long as genesis says, so that all have heard the same before the next round.
    fn leave_hopeless_round(&mut self) {
        let round = self.core.round();
        if round.0 >= OBSERVED_ROUNDS || !self.timers.is_set(TimerKey::Core(TimeoutStep::Precommit), round) {
            return;
        }
        let validators = self.validators();
        let nil = self
            .core
            .votes(round)
            .into_iter()
            .filter(|signed| signed.vote.kind == VoteType::Precommit && signed.vote.block_id.is_none());
        let voters: std::collections::BTreeSet<_> = nil.map(|signed| signed.validator).collect();
        let power =
            voters.iter().filter_map(|id| validators.by_id(id)).fold(0_u64, |sum, one| sum.saturating_add(one.power));
        if power >= validators.quorum() {
            self.timers.hasten(TimerKey::Core(TimeoutStep::Precommit), self.now.elapsed_ms, round);
        }
    }

    fn schedule_stuck(&mut self, round: Round) {
        let doublings = self.height.stuck_reports.min(16);
        let wait_ms = (STUCK_MS << doublings).min(STUCK_MS_MAX);
        self.timers.set(TimerKey::Stuck, self.now.elapsed_ms.saturating_add(wait_ms), round);
    }

    pub(super) fn on_timeout(&mut self, step: TimeoutStep, round: Round) {
        self.feed(CoreInput::TimeoutElapsed(convert::core_timeout(step, round)));
    }

    pub(super) fn repeat_own(&mut self, round: Round) {
        self.height.stuck_reports = self.height.stuck_reports.saturating_add(1);
        self.feed(CoreInput::TimeoutElapsed(Timeout::rebroadcast(convert::core_round(round))));
    }
}
