//! Compares this node's wall clock with the clocks of the validators.
//!
//! A fresh proposal carries its proposer's wall clock. It is taken as a reading when it comes from the proposer itself, whose
//! connection proves who it is, and belongs to the height in progress. What a reading shows on top of the difference of the clocks is
//! the way here, which only adds; so the least of the newest readings of each validator counts. The median over the validators is how
//! far this node's clock is ahead: as long as most clocks are right, no wrong one moves it past a right one.
//!
//! Nothing in agreement depends on it. It tells the operator, and admission reads the clock through it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use quancheng_consensus::{Engine, Message, Now};
use quancheng_types::{Height, NodeId, Round, ValidatorId};
use tracing::{info, warn};

/// Newest readings of one validator that are kept.
const READINGS_KEPT: usize = 2;
/// Time that a proposal may take on its way and in queues here without the clock being blamed for it, ms.
const DELAY_MS: u64 = 500;
/// Least time between two turns of the driver that counts as a sleep: more than it ever waits.
const SLEEP_MIN: Duration = Duration::from_secs(1);
/// Longest time for which readings are left out after a sleep.
const DEAF_MAX: Duration = Duration::from_secs(30);
/// Least time between two warnings about the same clock.
const WARN_PAUSE: Duration = Duration::from_secs(60);

/// How this node's clock compares with those of the validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReport {
    /// How far it is ahead of them, ms; negative when it is behind.
    pub ahead_ms: i64,
    /// Whether that is more than the chain allows a proposal (`clock_drift_max_ms`): the clock must be set right.
    pub is_off: bool,
}

impl ClockReport {
    /// A time of this node's clock, put right if the clock is off.
    #[must_use]
    pub fn corrected_ms(self, clock_ms: u64) -> u64 {
        if self.is_off { clock_ms.saturating_add_signed(self.ahead_ms.saturating_neg()) } else { clock_ms }
    }
}

/// Readings of one validator's clock.
#[derive(Debug, Default)]
struct Readings {
    /// Place of the newest proposal that was read: each counts once, however often it is repeated.
    newest: (Height, Round),
    /// Our clock minus theirs, ms.
    ahead_ms: VecDeque<i64>,
}

/// What the driver knows of the clocks.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    readings: BTreeMap<ValidatorId, Readings>,
    /// When the driver was last awake.
    awake: Option<Instant>,
    /// Until when proposals may have waited for this process and tell nothing.
    deaf_until: Option<Instant>,
    told: Option<Instant>,
    told_of: BTreeMap<ValidatorId, Instant>,
}

impl ClockWatch {
    /// Takes the reading of a message, if it is one. Returns what is known now when that may have changed.
    pub(super) fn observe(
        &mut self,
        engine: &Engine,
        own: Option<ValidatorId>,
        from: NodeId,
        message: &Message,
        now: Now,
    ) -> Option<Option<ClockReport>> {
        let Message::Proposal(message) = message else {
            return None;
        };
        let (signed, header) = (&message.signed, &message.block.header);
        let validators = engine.validators();
        let is_from_proposer = validators.by_id(&signed.validator).is_some_and(|validator| validator.node_id == from);
        let at = engine.status().committed.next();
        let is_current = header.height == at && signed.proposal.height == at;
        if !is_from_proposer
            || !is_current
            || signed.proposal.pol_round.is_some()
            || header.proposer != signed.validator
        {
            return None;
        }
        if self.is_deaf(Instant::now()) {
            return None;
        }
        let ahead_ms = i128::from(now.unix_ms) - i128::from(header.time_ms);
        let ahead_ms = i64::try_from(ahead_ms).unwrap_or(if ahead_ms < 0 { i64::MIN } else { i64::MAX });
        self.read(signed.validator, (signed.proposal.height, signed.proposal.round), ahead_ms);
        self.readings.retain(|validator, _| validators.by_id(validator).is_some());
        self.told_of.retain(|validator, _| validators.by_id(validator).is_some());
        let others = validators.ids().iter().filter(|id| Some(**id) != own).count();
        Some(self.report(others, engine.parameters().clock_drift_max_ms))
    }

    /// Notes that the driver is awake. What comes after a long sleep of the process (a halt, a slow disk) has waited for it: for as long
    /// as the sleep was, proposals do not show the clocks.
    pub(super) fn awake(&mut self, now: Instant) {
        let slept = self.awake.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if slept >= SLEEP_MIN {
            self.readings.clear();
            self.deaf_until = now.checked_add(slept.min(DEAF_MAX));
        }
    }

    fn is_deaf(&self, now: Instant) -> bool {
        self.deaf_until.is_some_and(|until| now < until)
    }

    fn read(&mut self, validator: ValidatorId, place: (Height, Round), ahead_ms: i64) {
        let readings = self.readings.entry(validator).or_default();
        if place <= readings.newest {
            return;
        }
        readings.newest = place;
        readings.ahead_ms.push_back(ahead_ms);
        if readings.ahead_ms.len() > READINGS_KEPT {
            readings.ahead_ms.pop_front();
        }
    }

    /// What the readings say; `None` until more than half of the `others` were read in full.
    fn report(&self, others: usize, drift_max_ms: u64) -> Option<ClockReport> {
        let full = self.readings.values().filter(|readings| readings.ahead_ms.len() == READINGS_KEPT);
        let mut least: Vec<i64> = full.filter_map(|readings| readings.ahead_ms.iter().min().copied()).collect();
        if least.is_empty() || least.len() * 2 <= others {
            return None;
        }
        least.sort_unstable();
        // Of two in the middle the one that blames this clock less.
        let middle = [least[(least.len() - 1) / 2], least[least.len() / 2]];
        let ahead_ms = middle.into_iter().min_by_key(|ahead_ms| ahead_ms.unsigned_abs())?;
        let allowed_ms = if ahead_ms > 0 { drift_max_ms.saturating_add(DELAY_MS) } else { drift_max_ms };
        Some(ClockReport { ahead_ms, is_off: ahead_ms.unsigned_abs() > allowed_ms })
    }

    /// Tells the operator, not too often, that the clock is off, and when it is right again.
    pub(super) fn tell(&mut self, report: Option<ClockReport>, now: Instant) {
        let Some(ClockReport { ahead_ms, is_off }) = report else {
            return;
        };
        if !is_off {
            if self.told.take().is_some() {
                info!(ahead_ms, "the clock of this node agrees with the network again");
            }
            return;
        }
        if is_due(self.told, now) {
            self.told = Some(now);
            warn!(
                ahead_ms,
                "the clock of this node differs from the network's: its proposals are refused and its votes come late; check its time \
                 service (NTP)"
            );
        }
    }

    /// Whether to tell the operator that a proposal of this validator had a time too far from our clock: not too often.
    pub(super) fn is_due_of(&mut self, proposer: ValidatorId, now: Instant) -> bool {
        let due = is_due(self.told_of.get(&proposer).copied(), now);
        if due {
            self.told_of.insert(proposer, now);
        }
        due
    }
}

fn is_due(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= WARN_PAUSE)
}

#[cfg(test)]
mod tests;
