//! Judges proposals (protocol §4).
//!
//! A proposal passes two gates. The first is about the *proposal*: who sends it, in which round, and for a fresh one whether its
//! time is near our clock at the moment it comes. The second is about the *block*: rules and history root; its verdict is
//! kept per block id, since the core asks once per block id, and the id fixes every byte of what was judged. A copy that is not what its
//! id names is dropped before either gate, whoever delivered it is to blame, and nothing is remembered of it.
//!
//! - A block whose results our executor has not computed yet is held, and judged when it has.
//! - A fresh proposal whose time is off is held: the propose timeout then gives nil. If a quorum prevotes it all the same, our
//!   clock is the one that is off, and the proposal is taken in so that this node can follow.
//! - A repeated block (`pol_round`) was timely for a quorum before; its time is not judged again. The core demands the polka.

use std::sync::Arc;

use arc_malachitebft_core_consensus::Input as CoreInput;
use quancheng_types::{Block, NodeId, SignedProposal};

use super::height::Held;
use super::{Alarm, Engine, Offence};
use crate::limits::ROUND_LOOKAHEAD;
use crate::log::LogEntry;
use crate::message::{ProposalMessage, SignedStatement};
use crate::ordering::HeaderError;
use crate::ordering::convert;
use crate::ordering::results::Comparison;
use crate::ordering::rules::{check_content, check_header};
use crate::signer::proposal_slot;

enum Judgement {
    Valid,
    Invalid(HeaderError),
    /// Our executor is not there yet.
    Wait,
}

impl Engine {
    pub(super) fn on_proposal(&mut self, from: NodeId, message: ProposalMessage) {
        let ProposalMessage { signed, block } = message;
        let (round, id) = (signed.proposal.round, signed.proposal.block_id);
        let has_polka = self.core.has_polka(round, &id);
        // Before anything is checked: a proposer can sign blocks without end.
        if !self.height.admits_offer(round, &id) && !has_polka {
            return;
        }
        if !self.is_acceptable_proposal(from, &signed, &block) {
            return;
        }
        if let Some(late_ms) = self.height.late_ms(round, self.now.elapsed_ms) {
            let first_ms = self.parameters().timeout_propose_ms;
            self.pace.late(signed.validator, late_ms, first_ms);
        }
        self.height.offer(round, id);
        let (slot, value) = proposal_slot(&signed.proposal);
        self.heed_own(&signed.validator, slot, value);
        self.note_statement(SignedStatement::Proposal(signed));
        let keep = self.core.valid_value().map(|(_, id)| id);
        let keep = if has_polka { Some(id) } else { keep };
        let time_ms = block.header.time_ms;
        self.height.insert(id, Arc::new(block), signed.proposal.round, keep);
        let drift_max_ms = self.parameters().clock_drift_max_ms;
        let is_fresh = signed.proposal.pol_round.is_none();
        let is_untimely = time_ms.abs_diff(self.now.unix_ms) > drift_max_ms && !self.planted.clock_ignored();
        if is_fresh && signed.validator != self.signer.id() && is_untimely {
            if self.height.hold(Held { signed, untimely: true }) {
                let (proposer, now_ms) = (signed.validator, self.now.unix_ms);
                self.out.alarm(Alarm::ClockDrift { proposer, time_ms, now_ms });
            }
            return;
        }
        self.judge_and_feed(signed);
    }

    /// The first gate, without the time.
    fn is_acceptable_proposal(&mut self, from: NodeId, signed: &SignedProposal, block: &Block) -> bool {
        let proposal = &signed.proposal;
        if !self.height.started || proposal.chain_id != self.chain_id || proposal.height != self.height.height {
            return false;
        }
        if proposal.round.0 > self.core.round().0.saturating_add(ROUND_LOOKAHEAD) {
            return false;
        }
        if self.core.proposer(proposal.round) != signed.validator {
            return false;
        }
        if !self.is_intact(from, signed, block) {
            return false;
        }
        // The log files a block under the height in its header.
        if block.header.height != proposal.height {
            return false;
        }
        // Only a repeated block may name another proposer, and then the earlier round in which that one proposed it.
        match proposal.pol_round {
            None => {
                let is_own = block.header.proposer == signed.validator || self.planted.wrong_proposer();
                is_own && block.header.round == proposal.round
            }
            Some(pol_round) => block.header.round <= pol_round,
        }
    }

    /// Whether a proposal is signed by its validator and carries the block that it is for, byte for byte. When not, its carrier is to
    /// blame and nothing of it is kept: the proposer never signed what lies beside its signature.
    pub(super) fn is_intact(&mut self, from: NodeId, signed: &SignedProposal, block: &Block) -> bool {
        let proposal = &signed.proposal;
        let Some(validator) = self.schedule.at(proposal.height).validators.by_id(&signed.validator) else {
            return false;
        };
        if !self.checker.check(&validator.public_key, &proposal.sign_message(), &signed.signature) {
            self.out.blame(from, Offence::BadSignature);
            return false;
        }
        // What is held is intact: comparing with it costs less than hashing.
        let is_intact = match self.height.candidates.get(&proposal.block_id) {
            Some(held) => *held.block == *block,
            None => block.id() == proposal.block_id && (block.is_consistent() || self.planted.body_unchecked()),
        };
        if !is_intact {
            self.out.blame(from, Offence::BadBlock);
        }
        is_intact
    }

    fn judge_and_feed(&mut self, signed: SignedProposal) {
        let id = signed.proposal.block_id;
        let Some(candidate) = self.height.candidates.get(&id) else {
            return;
        };
        if candidate.valid.is_none() {
            let block = Arc::clone(&candidate.block);
            let valid = match self.judge(&block) {
                Judgement::Valid => true,
                Judgement::Invalid(reason) => {
                    let (height, round) = (signed.proposal.height, signed.proposal.round);
                    self.out.alarm(Alarm::ProposalRefused { height, round, reason });
                    false
                }
                Judgement::Wait => {
                    self.height.hold(Held { signed, untimely: false });
                    return;
                }
            };
            if let Some(candidate) = self.height.candidates.get_mut(&id) {
                candidate.valid = Some(valid);
            }
            self.log(LogEntry::Block(Box::new(block.as_ref().clone())));
            let (height, round) = (signed.proposal.height, signed.proposal.round);
            self.feed(convert::proposed_value(height, round, block.header.proposer, id, valid));
        }
        // The value may have completed an earlier proposal and decided the height.
        if self.height.height == signed.proposal.height {
            let has_polka = self.core.has_polka(signed.proposal.round, &id);
            self.height.note_proposal(signed, has_polka);
            self.feed(CoreInput::Proposal(convert::core_proposal(&signed)));
        }
    }

    /// The second gate.
    fn judge(&mut self, block: &Block) -> Judgement {
        if let Err(reason) = check_header(&self.expected(), block) {
            return Judgement::Invalid(reason);
        }
        if !self.planted.root_not_compared() {
            match self.results.compare(&block.header) {
                Comparison::Equal => {}
                Comparison::NotYet => return Judgement::Wait,
                Comparison::Differs(mismatch) => {
                    return Judgement::Invalid(HeaderError::HistoryRoot { height: mismatch.height });
                }
            }
        }
        let height = self.height.height;
        let expected = crate::ordering::rules::Expected {
            chain_id: self.chain_id,
            height,
            parent: self.tip.as_ref().map(|tip| &tip.header),
            rules: self.schedule.at(height),
            turns: self.attendees.turns(),
            absences: self.tip.as_ref().map_or(&[], |tip| &tip.absences),
            next_validators_hash: self.schedule.at(height.next()).validators_hash,
            lag_max: self.schedule.lag_max(),
            planted: self.planted,
        };
        match check_content(&expected, block, &self.windows, self.checker.as_mut()) {
            Ok(()) => Judgement::Valid,
            Err(reason) => Judgement::Invalid(reason),
        }
    }

    /// Looks again at proposals that wait.
    pub(super) fn retry_held(&mut self) {
        if self.height.held.is_empty() || !self.height.started {
            return;
        }
        let height = self.height.height;
        for held in std::mem::take(&mut self.height.held) {
            if self.height.height != height {
                return;
            }
            let id = held.signed.proposal.block_id;
            let Some(candidate) = self.height.candidates.get(&id) else {
                continue;
            };
            let is_ready = if held.untimely {
                self.core.has_polka(held.signed.proposal.round, &id)
            } else {
                candidate.block.header.executed_height <= self.results.newest()
            };
            if is_ready {
                self.judge_and_feed(held.signed);
            } else {
                self.height.hold(held);
            }
        }
    }
}
