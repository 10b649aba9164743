//! Runs the voting core: starts heights, carries out its events, proposes, commits.

use std::sync::Arc;

use arc_malachitebft_core_consensus::{Input as CoreInput, LocallyProposedValue};
use arc_malachitebft_core_types::Timeout;
use quancheng_types::{
    Block, CommitCertificate, Header, Height, List, MisbehaviorProof, NodeId, PROTOCOL_VERSION, Round, SignedVote, limits,
};

use super::height::HeightState;
use super::{Action, Alarm, Commit, Engine, HaltReason, Tip, TimerKey};
use crate::limits::{STUCK_MS, STUCK_MS_MAX};
use crate::log::{LogEntry, TimeoutStep};
use crate::message::{CommittedBlock, Message, ProposalMessage, SignedStatement};
use crate::ordering::core::{CoreEvent, Host};
use crate::ordering::rules::{Expected, executed_bounds};
use crate::ordering::{CoreContext, CoreError, CoreValue, convert};

/// Longest wait of the voting core, ms: rounds of a long outage stay short enough to recover soon after it.
const TIMEOUT_MS_MAX: u64 = 10_000;

impl Engine {
    // ---- messages of the agreement ----

    pub(super) fn on_agreement(&mut self, from: NodeId, message: Message) {
        let Some(height) = message.agreement_height() else { return };
        let here = self.height.height;
        if height < here {
            return;
        }
        if height > here {
            // Whoever works on a height has committed the one before.
            self.sync.claim(from, height.previous().unwrap_or_default());
        }
        if height > here.next() {
            return;
        }
        if self.height.started && height == here {
            self.take_agreement(from, message);
        } else {
            self.height.triggered |= height == here && self.validators().by_node(&from).is_some();
            self.early.push(from, height, message);
        }
    }

    /// Takes in a message of the height in progress.
    fn take_agreement(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Proposal(message) => self.on_proposal(from, *message),
            Message::Vote(vote) => self.on_vote(from, &vote),
            Message::Votes(votes) => {
                for vote in &votes {
                    self.on_vote(from, vote);
                }
            }
            Message::Polka(polka) => self.feed(CoreInput::PolkaCertificate(convert::core_polka(&polka))),
            Message::RoundChange(certificate) => {
                self.feed(CoreInput::RoundCertificate(convert::core_round_certificate(&certificate)));
            }
            Message::RoundStatus(_)
            | Message::SignQuery { .. }
            | Message::SignAnswer(_)
            | Message::BatchOffer(_)
            | Message::BatchAck(_)
            | Message::BatchCertified(_)
            | Message::BatchRequest(_)
            | Message::BatchResponse(_)
            | Message::Status(_)
            | Message::BlocksRequest(_)
            | Message::BlocksResponse(_) => {}
        }
    }

    fn on_vote(&mut self, from: NodeId, signed: &SignedVote) {
        if !self.height.started || signed.vote.height != self.height.height || signed.vote.chain_id != self.chain_id {
            return;
        }
        let Some(validator) = self.schedule.at(self.height.height).validators.by_id(&signed.validator) else { return };
        if !self.checker.check(&validator.public_key, &signed.vote.sign_message(), &signed.signature) {
            self.out.blame(from, super::Offence::BadSignature);
            return;
        }
        self.note_statement(SignedStatement::Vote(*signed));
        self.feed(CoreInput::Vote(convert::core_vote(signed)));
    }

    // ---- the core ----

    pub(super) fn feed(&mut self, input: CoreInput<CoreContext>) {
        if self.out.is_halted() || !self.height.started {
            return;
        }
        let mut host = Host { signer: &mut self.signer, checker: self.checker.as_mut() };
        let (events, result) = self.core.run(&mut host, input);
        self.carry_out(events, result);
    }

    fn carry_out(&mut self, events: Vec<CoreEvent>, result: Result<(), CoreError>) {
        let mut decided = None;
        for event in events {
            match event {
                CoreEvent::Log(entry) => self.log(entry),
                CoreEvent::Record(record) => self.out.record(record),
                CoreEvent::NotSafe(reason) => self.out.alarm(Alarm::NotSafe(reason)),
                CoreEvent::Schedule(step, round) => self.schedule_timeout(step, round),
                CoreEvent::ScheduleStuck(round) => self.schedule_stuck(round),
                CoreEvent::Cancel(step) => self.timers.cancel(TimerKey::Core(step)),
                CoreEvent::CancelStuck => self.timers.cancel(TimerKey::Stuck),
                CoreEvent::CancelAll => self.timers.cancel_height(),
                CoreEvent::StartRound(_) => {
                    self.height.need_value = None;
                    self.height.stuck_reports = 0;
                }
                CoreEvent::NeedValue(round) => self.height.need_value = Some(round),
                CoreEvent::PublishVote(vote) => self.out.broadcast_signed(Message::Vote(vote)),
                CoreEvent::RepeatVote(vote) => self.out.broadcast(Message::Vote(vote)),
                CoreEvent::PublishProposal(signed) => {
                    self.height.note_proposal(signed);
                    if let Some(message) = self.proposal_message(signed.proposal.round) {
                        self.out.broadcast_signed(message);
                    }
                }
                CoreEvent::PublishPolka(polka) => self.out.broadcast(Message::Polka(polka)),
                CoreEvent::PublishRoundChange(certificate) => self.out.broadcast(Message::RoundChange(certificate)),
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
                self.commit(&block, certificate);
            }
        }
    }

    pub(super) fn log(&mut self, entry: LogEntry) {
        self.height.log_entries = self.height.log_entries.saturating_add(1);
        self.out.log(entry);
    }

    pub(super) fn note_misbehavior(&mut self, proof: MisbehaviorProof) {
        let validator = proof.validator();
        if self.validators().by_id(&validator).is_some() && self.misbehavior.insert(proof) {
            self.out.alarm(Alarm::Misbehavior { validator });
        }
    }

    /// A proposal of this round that was taken in, with its block.
    pub(super) fn proposal_message(&self, round: Round) -> Option<Message> {
        let signed = *self.height.proposals.get(&round)?;
        let candidate = self.height.candidates.get(&signed.proposal.block_id)?;
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
        let grown = u64::from(parameters.timeout_delta_ms).saturating_mul(u64::from(round.0));
        let wait_ms = u64::from(first).saturating_add(grown).min(TIMEOUT_MS_MAX.max(u64::from(first)));
        self.timers.set(TimerKey::Core(step), self.now.elapsed_ms.saturating_add(wait_ms), round);
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

    // ---- start of a height ----

    /// Starts the next height when there is a reason to and everything it needs is known.
    pub(super) fn start_height(&mut self) {
        let height = self.height.height;
        if self.height.started || self.out.is_halted() || !self.startup.is_done() {
            return;
        }
        if !self.schedule.is_known(height.next()) || !self.has_reason() {
            return;
        }
        self.height.started = true;
        self.heartbeat_due = false;
        let replay = std::mem::take(&mut self.height.replay);
        self.restore_candidates(&replay);
        let set = self.schedule.at(height).core.clone();
        let mut host = Host { signer: &mut self.signer, checker: self.checker.as_mut() };
        let (events, result) = self.core.start(&mut host, height, &set, &replay);
        self.carry_out(events, result);
        for (from, message) in self.early.take(height) {
            if self.height.started && self.height.height == height {
                self.take_agreement(from, message);
            }
        }
    }

    fn has_reason(&self) -> bool {
        let height = self.height.height;
        if !self.height.replay.is_empty() {
            return true;
        }
        if self.sync.honest_claim(self.validators()) >= height {
            // Decided already: it comes by sync.
            return false;
        }
        if self.height.triggered || self.early.has(height) {
            return true;
        }
        let votes = self.validators().by_id(&self.signer.id()).is_some();
        votes
            && (self.heartbeat_due
                || !self.availability.pool.is_empty()
                || !self.misbehavior.is_empty()
                || (self.has_uncertified_results() && self.results.newest() >= self.last_nonempty))
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
                LogEntry::Block(block) => {
                    self.height.insert(block.id(), Arc::new(block.as_ref().clone()), Round(0), None);
                }
                LogEntry::Value { block_id, valid, .. } => {
                    if let Some(candidate) = self.height.candidates.get_mut(block_id) {
                        candidate.valid = Some(*valid);
                    }
                }
                LogEntry::Proposal(signed) => {
                    self.height.note_proposal(*signed);
                    self.note_statement(SignedStatement::Proposal(*signed));
                }
                LogEntry::Vote(signed) => self.note_statement(SignedStatement::Vote(*signed)),
                LogEntry::Polka(_) | LogEntry::Timeout { .. } => {}
            }
        }
    }

    // ---- proposing ----

    /// What the block of the height in progress must fit.
    pub(super) fn expected(&self) -> Expected<'_> {
        let height = self.height.height;
        Expected {
            chain_id: self.chain_id,
            height,
            parent: self.tip.as_ref().map(|tip| &tip.header),
            rules: self.schedule.at(height),
            next_validators_hash: self.schedule.at(height.next()).validators_hash,
            lag_max: self.schedule.lag_max(),
            planted: self.planted,
        }
    }

    /// Makes the proposal that the core waits for, as soon as the executor allows.
    pub(super) fn propose(&mut self) {
        let Some(round) = self.height.need_value else { return };
        if !self.height.started || self.core.height() != self.height.height || self.core.round() != round {
            return;
        }
        let Some(block) = self.make_block() else { return };
        self.height.need_value = None;
        self.timers.cancel(TimerKey::ProposeAnyway);
        let id = block.id();
        let keep = self.core.valid_value().map(|(_, id)| id);
        self.height.insert(id, Arc::new(block.clone()), round, keep);
        if let Some(candidate) = self.height.candidates.get_mut(&id) {
            candidate.valid = Some(true);
        }
        self.log(LogEntry::Block(Box::new(block)));
        let height = self.height.height.into();
        self.feed(CoreInput::Propose(LocallyProposedValue::new(height, convert::core_round(round), CoreValue(id))));
    }

    /// The block to propose now; `None` while it is better to wait for the executor.
    fn make_block(&mut self) -> Option<Block> {
        let expected = self.expected();
        let (least, greatest) = executed_bounds(&expected);
        let executed_height = self.results.newest().min(greatest);
        if executed_height < least {
            return None;
        }
        let (history_size, history_root) = self.results.at(executed_height)?;
        let parameters = &expected.rules.parameters;
        let most = usize::try_from(parameters.block_batches_max).unwrap_or(usize::MAX);
        let batches = self.availability.pool.select(most, expected.height.0);
        let most = usize::try_from(limits::BLOCK_MISBEHAVIOR_MAX).unwrap_or(usize::MAX);
        let proofs = self.misbehavior.select(most);
        let nothing = batches.is_empty() && proofs.is_empty();
        if nothing && self.tip.is_some() && executed_height < self.last_nonempty.min(greatest) && !self.height.propose_anyway {
            // An empty block is worth most when it certifies everything; the executor has half the round to get there.
            let wait_ms = u64::from(parameters.timeout_propose_ms / 2);
            let at_ms = self.now.elapsed_ms.saturating_add(wait_ms);
            self.timers.set_if_absent(TimerKey::ProposeAnyway, at_ms, Round(0));
            return None;
        }
        let header = Header {
            version: PROTOCOL_VERSION,
            chain_id: self.chain_id,
            height: expected.height,
            time_ms: self.now.unix_ms.max(expected.parent.map_or(0, |parent| parent.time_ms).saturating_add(1)),
            parent: expected.parent.map(Header::id).unwrap_or_default(),
            proposer: self.signer.id(),
            batches_root: Block::batches_root(&batches),
            validators_hash: expected.rules.validators_hash,
            next_validators_hash: expected.next_validators_hash,
            params_hash: expected.rules.params_hash,
            executed_height,
            history_size,
            history_root,
            misbehavior_root: Block::misbehavior_root(&proofs),
        };
        let batches = List::new(batches).expect("the parameter is within the limit of the type");
        let misbehavior = List::new(proofs).expect("selected within the limit of the type");
        Some(Block { header, batches, misbehavior })
    }

    // ---- commit ----

    /// Takes in a decided block, by votes or by sync, and moves to the next height.
    pub(super) fn commit(&mut self, block: &Arc<Block>, certificate: CommitCertificate) {
        let header = block.header;
        if let Err(mismatch) = self.results.certify(&header)
            && !self.planted.root_not_compared()
        {
            self.out.halt(HaltReason::RootMismatch {
                height: mismatch.height,
                own: mismatch.own,
                certified: mismatch.certified,
            });
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
        let windows = self.windows.insert(&block.batches);
        let decided = CommittedBlock { block: block.as_ref().clone(), certificate: certificate.clone() };
        self.out.commit(Arc::new(Commit { decided, windows }));
        if !block.batches.is_empty() || !block.misbehavior.is_empty() {
            self.last_nonempty = header.height;
        }
        let (availability, mut env) = self.availability_env();
        availability.on_commit(&mut env, header.height, &block.batches);
        self.tip = Some(Tip { header, certificate });
        self.next_height(&header);
    }

    fn next_height(&mut self, committed: &Header) {
        let height = committed.height.next();
        self.height = HeightState::new(height, Vec::new());
        self.signer.log_entries_flushed = 0;
        self.timers.cancel_height();
        self.heartbeat_due = false;
        self.schedule.forget_before(height);
        let heartbeat_ms = self.parameters().heartbeat_ms;
        self.timers.set(TimerKey::Heartbeat, self.now.elapsed_ms.saturating_add(heartbeat_ms), Round(0));
        self.sync.on_commit(committed.height);
        if self.schedule.at(height).validators_hash != committed.validators_hash {
            self.on_set_change();
        }
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

    /// Stops when a height beyond this release's rules was decided.
    pub(super) fn halt_for_version(&mut self, height: Height, version: u16) {
        self.out.halt(HaltReason::UnknownVersion { height, version });
    }

    pub(super) fn serve(&mut self, to: NodeId, request: super::ServeRequest) {
        self.out.other(Action::Serve { to, request });
    }
}
