//! A validator that is passed over says that it is back, and the next proposer puts that into its block (`ordering::attendance`).

use std::collections::BTreeMap;

use quancheng_types::{Absence, NodeId, Presence, Round, ValidatorId};

use super::{Engine, Offence, TimerKey};
use crate::limits::{PRESENCE_LAG_BLOCKS, PRESENCE_RETRY_MS};
use crate::message::Message;
use crate::ordering::attendance::{find, is_return, passed_over};
use crate::ordering::context::CoreValidatorSet;
use crate::ordering::rules::is_genuine_presence;

/// Turns of the height in progress, and what those that are back have said.
#[derive(Debug)]
pub(crate) struct Attendees {
    /// Of which set, and who is passed over in it.
    turns_of: (quancheng_types::Digest, Vec<usize>),
    turns: CoreValidatorSet,
    /// Genuine statements that fit an absence of the newest block: at most one for each member of its set.
    presences: BTreeMap<ValidatorId, Presence>,
    /// The absence for which this node spoke last.
    spoke_for_ms: Option<u64>,
}

impl Attendees {
    pub(crate) fn new(turns: CoreValidatorSet) -> Self {
        // No set has this hash, so the turns are made when they are first needed.
        let turns_of = (quancheng_types::Digest::ZERO, Vec::new());
        Self { turns_of, turns, presences: BTreeMap::new(), spoke_for_ms: None }
    }

    pub(crate) fn turns(&self) -> &CoreValidatorSet {
        &self.turns
    }
}

impl Engine {
    /// Absences after the newest block.
    pub(super) fn absences(&self) -> &[Absence] {
        self.tip.as_ref().map_or(&[], |tip| &tip.absences)
    }

    /// Works out the turns of the height in progress. Its set must be known.
    pub(super) fn take_turns(&mut self) {
        let rules = self.schedule.at(self.height.height);
        let wanted = (rules.validators_hash, passed_over(self.absences(), &rules.validators));
        if self.attendees.turns_of != wanted {
            self.attendees.turns = rules.core.passing_over(&rules.validators, &wanted.1);
            self.attendees.turns_of = wanted;
        }
    }

    /// Forgets statements that a new block has made useless, and speaks if it names this node.
    pub(super) fn review_presences(&mut self) {
        let absences = self.tip.as_ref().map_or(&[][..], |tip| &tip.absences);
        self.attendees.presences.retain(|validator, presence| {
            find(absences, validator).is_some_and(|absence| absence.away && absence.since_ms == presence.since_ms)
        });
        let own = self.own_absence_ms();
        if own.is_some() && own != self.attendees.spoke_for_ms {
            self.speak_up();
        }
    }

    /// Since when this node is passed over.
    fn own_absence_ms(&self) -> Option<u64> {
        let me = self.signer.id();
        self.validators().by_id(&me)?;
        find(self.absences(), &me).filter(|absence| absence.away).map(|absence| absence.since_ms)
    }

    /// Says that this node is back, if it is passed over and knows what the others know; and again until a block says so.
    pub(super) fn speak_up(&mut self) {
        let Some(since_ms) = self.own_absence_ms() else {
            return;
        };
        self.timers.set(TimerKey::Presence, self.now.elapsed_ms.saturating_add(PRESENCE_RETRY_MS), Round(0));
        let claimed = self.sync.honest_claim(self.validators());
        if !self.startup.is_done() || claimed > self.committed().plus(PRESENCE_LAG_BLOCKS) {
            return;
        }
        let validator = self.signer.id();
        let Some(key) = self.signer.key() else {
            return;
        };
        let signature = key.sign(Presence::sign_message(self.chain_id, validator, since_ms).as_bytes());
        let presence = Presence { validator, since_ms, signature };
        self.attendees.spoke_for_ms = Some(since_ms);
        self.attendees.presences.insert(validator, presence);
        self.out.broadcast(Message::Presence(presence));
    }

    pub(super) fn on_presence(&mut self, from: NodeId, presence: Presence) {
        let fits = find(self.absences(), &presence.validator)
            .is_some_and(|absence| absence.away && absence.since_ms == presence.since_ms);
        // One that does not fit is of another block than our newest: it is said again.
        if !fits || self.attendees.presences.contains_key(&presence.validator) {
            return;
        }
        let validators = &self.schedule.at(self.height.height).validators;
        if validators.by_id(&presence.validator).is_none() {
            return;
        }
        if !is_genuine_presence(self.chain_id, validators, &presence, self.checker.as_mut()) {
            self.out.blame(from, Offence::BadSignature);
            return;
        }
        self.attendees.presences.insert(presence.validator, presence);
    }

    /// Statements that a block of this time carries, ascending.
    pub(super) fn presences_at(&self, time_ms: u64) -> Vec<Presence> {
        let (absences, validators) = (self.absences(), self.validators());
        self.attendees
            .presences
            .values()
            .filter(|presence| validators.by_id(&presence.validator).is_some())
            .filter(|presence| is_return(absences, presence, time_ms))
            .copied()
            .collect()
    }
}
