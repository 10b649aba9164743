//! What a proposal must fit, and making one.

use std::sync::Arc;

use arc_malachitebft_core_consensus::{Input as CoreInput, LocallyProposedValue};
use quancheng_types::{Attendance, Block, Digest, Header, List, MisbehaviorProof, Presence, Round, codec, limits};

use super::pace::Waits;
use super::{Engine, TimerKey};
use crate::availability::Room;
use crate::log::LogEntry;
use crate::ordering::rules::{Expected, absences_after, executed_bounds};
use crate::ordering::{CoreValue, convert};

/// Bytes of a block beside what its lists hold: the header, and the counts.
const HEADER_BYTES_MAX: usize = 512;
/// Bytes of one absence.
const ABSENCE_BYTES: usize = 42;

impl Engine {
    /// What the block of the height in progress must fit.
    pub(super) fn expected(&self) -> Expected<'_> {
        let height = self.height.height;
        Expected {
            chain_id: self.chain_id,
            height,
            parent: self.tip.as_ref().map(|tip| &tip.header),
            rules: self.schedule.at(height),
            turns: self.attendees.turns(),
            absences: self.absences(),
            next_validators_hash: self.schedule.at(height.next()).validators_hash,
            lag_max: self.schedule.lag_max(),
            planted: self.planted,
        }
    }

    /// Makes the proposal that the core waits for, as soon as the executor allows.
    pub(super) fn propose(&mut self) {
        let Some(round) = self.height.need_value else {
            return;
        };
        if !self.height.started || self.core.height() != self.height.height || self.core.round() != round {
            return;
        }
        let Some(block) = self.make_block(round) else {
            return;
        };
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
    fn make_block(&mut self, round: Round) -> Option<Block> {
        let expected = self.expected();
        let (least, greatest) = executed_bounds(&expected);
        let executed_height = self.results.newest().min(greatest);
        if executed_height < least {
            return None;
        }
        let (history_size, history_root) = self.results.at(executed_height)?;
        let parameters = &expected.rules.parameters;
        let most = usize::try_from(limits::BLOCK_MISBEHAVIOR_MAX).unwrap_or(usize::MAX);
        let proofs = if self.planted.unpunished() { Vec::new() } else { self.misbehavior.select(most) };
        let time_ms = self.now.unix_ms.max(expected.parent.map_or(0, |parent| parent.time_ms).saturating_add(1));
        let presences = self.presences_at(time_ms);
        let room = Room {
            count: usize::try_from(parameters.block_batches_max).unwrap_or(usize::MAX),
            bytes: bytes_left(&proofs, &presences),
            weight: self.ahead.weight_left(parameters.batch_weight_max).min(parameters.block_weight_max),
            weight_idle: self.ahead.weight_idle(parameters.batch_weight_max).min(parameters.block_weight_max),
            // Nothing would be ordered ever again if a batch were heavier than what may be ordered ahead.
            is_first_free: self.ahead.is_idle(),
        };
        let batches = self.availability.pool.select(&room, expected.height.0);
        let nothing = batches.is_empty() && proofs.is_empty() && presences.is_empty();
        if nothing
            && self.tip.is_some()
            && executed_height < self.last_nonempty.min(greatest)
            && !self.height.propose_anyway
        {
            // An empty block is worth most when it certifies everything; the executor has half the round to get there.
            let of = Waits { first_ms: parameters.timeout_propose_ms, delta_ms: parameters.timeout_delta_ms };
            let wait_ms = self.pace.wait_ms(of, round, &self.signer.id(), self.validators()) / 2;
            let at_ms = self.now.elapsed_ms.saturating_add(wait_ms);
            self.timers.set_if_absent(TimerKey::ProposeAnyway, at_ms, Round(0));
            return None;
        }
        let mut header = Header {
            version: expected.rules.version,
            chain_id: self.chain_id,
            height: expected.height,
            time_ms,
            parent: expected.parent.map(Header::id).unwrap_or_default(),
            proposer: self.signer.id(),
            round,
            batches_root: Block::batches_root(&batches),
            validators_hash: expected.rules.validators_hash,
            next_validators_hash: expected.next_validators_hash,
            params_hash: expected.rules.params_hash,
            executed_height,
            history_size,
            history_root,
            misbehavior_root: Block::misbehavior_root(&proofs),
            attendance_hash: Digest::ZERO,
        };
        let absences = absences_after(&expected, &header, &presences);
        let attendance = Attendance {
            absences: List::new(absences).expect("at most one per member of a bounded set"),
            presences: List::new(presences).expect("at most one per member of a bounded set"),
        };
        header.attendance_hash = attendance.hash();
        let batches = List::new(batches).expect("the parameter is within the limit of the type");
        let misbehavior = List::new(proofs).expect("selected within the limit of the type");
        Some(Block { header, batches, misbehavior, attendance })
    }
}

/// Bytes of a block that certified batches may take: a block that is longer than a message may be would reach nobody.
fn bytes_left(proofs: &[MisbehaviorProof], presences: &[Presence]) -> usize {
    let all = usize::try_from(limits::BLOCK_BYTES_MAX).unwrap_or(usize::MAX);
    let absences = usize::try_from(limits::VALIDATORS_MAX).unwrap_or(usize::MAX).saturating_mul(ABSENCE_BYTES);
    let taken = HEADER_BYTES_MAX + absences + codec::encode(presences).len();
    let taken = taken + proofs.iter().map(|proof| codec::encode(proof).len()).sum::<usize>();
    all.saturating_sub(taken)
}
