//! Deadlines on the clock that only goes forward.

use std::collections::BTreeMap;

use quancheng_types::Round;

use crate::log::TimeoutStep;

/// What waits. One deadline each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// A wait of the voting core.
    Core(TimeoutStep),
    /// No progress in the round: repeat and ask.
    Stuck,
    /// No proposal yet: tell the proposer why this node has started the height.
    Reason,
    /// The proposer has waited long enough for its executor.
    ProposeAnyway,
    /// The next height is due.
    Cadence,
    /// An idle chain makes a block.
    Heartbeat,
    /// Tell peers our height.
    Status,
    /// Ask again what peers saw us sign; end of the quarantine.
    StartUp,
    /// Answer a request for blocks that came too early.
    Serve,
    /// This node is passed over: say again that it is there.
    Presence,
}

/// Deadlines, with the round they were set in.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeMap<TimerKey, (u64, Round)>,
}

impl Timers {
    pub(crate) fn set(&mut self, key: TimerKey, at_ms: u64, round: Round) {
        self.deadlines.insert(key, (at_ms, round));
    }

    /// Sets it unless it runs already.
    pub(crate) fn set_if_absent(&mut self, key: TimerKey, at_ms: u64, round: Round) {
        self.deadlines.entry(key).or_insert((at_ms, round));
    }

    /// Whether it runs and was set in this round.
    pub(crate) fn is_set(&self, key: TimerKey, round: Round) -> bool {
        self.deadlines.get(&key).is_some_and(|(_, of)| *of == round)
    }

    /// Brings a deadline forward, if it is set for this round.
    pub(crate) fn hasten(&mut self, key: TimerKey, at_ms: u64, round: Round) {
        if let Some((at, of)) = self.deadlines.get_mut(&key)
            && *of == round
        {
            *at = at_ms.min(*at);
        }
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.deadlines.remove(&key);
    }

    /// Cancels the waits that belong to one height.
    pub(crate) fn cancel_height(&mut self) {
        for step in [TimeoutStep::Propose, TimeoutStep::Prevote, TimeoutStep::Precommit] {
            self.cancel(TimerKey::Core(step));
        }
        self.cancel(TimerKey::Stuck);
        self.cancel(TimerKey::ProposeAnyway);
        self.cancel(TimerKey::Reason);
        self.cancel(TimerKey::Cadence);
    }

    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.deadlines.values().map(|(at, _)| *at).min()
    }

    /// Takes out the next deadline that is reached, the earliest first.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<(TimerKey, Round)> {
        let (key, (_, round)) = self
            .deadlines
            .iter()
            .filter(|(_, (at, _))| *at <= now_ms)
            .min_by_key(|(key, (at, _))| (*at, **key))
            .map(|(key, value)| (*key, *value))?;
        self.deadlines.remove(&key);
        Some((key, round))
    }
}
