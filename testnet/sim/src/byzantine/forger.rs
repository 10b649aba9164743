//! The structured liar: it may change any field of anything that it sends or passes on, repeat what is old, keep back, reorder, say
//! different things to different peers, and it chooses the moment.
//!
//! What it does is a mood for every height, so that a height that does not end keeps the mood that keeps it from ending. In half of the
//! seeds it has a habit as well (`habits`); then most heights are plain otherwise, so that the habit shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use quancheng_consensus::message::Message;
use quancheng_types::{Height, NodeId, ValidatorId, VoteType};

use super::Spoken;
use super::habits::Practice;
use super::mend::{Care, Pen};
use super::past::Past;
use super::stock::Stock;
use super::surgeon::{Aim, FieldPath, operate};
use crate::config::Habit;
use crate::random::Random;

/// Messages kept back at most before they are let go.
const HELD_MAX: usize = 12;
/// Batches in one burst of a flood.
const FLOOD_BATCHES: u64 = 32;
/// Pause between two of them, µs: as long as a check takes.
const FLOOD_PAUSE_US: u64 = 400;
/// Longest time for which a message is kept back, µs.
const HELD_US: u64 = 300_000;
/// With a habit, one height in this many has a mood.
const MOODY_ONE_IN: u64 = 4;
/// Share of what it hears that it answers by habit, in thousandths.
const HABIT_PERMILLE: u64 = 100;

/// What it does at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// As its engine says.
    Plain,
    /// Changes what it says itself.
    Change,
    /// Passes on changed copies of what others say, ahead of the true ones.
    Race,
    /// As before, prevotes, and falls silent.
    RaceAndLock,
    /// Prevotes and falls silent.
    Lock,
    /// Says different things to different peers, and nothing to some.
    Split,
    /// Repeats old messages.
    Repeat,
    /// Keeps messages back and lets them go in another order.
    Hold,
    /// Answers those who ask for help with changed messages.
    Mislead,
    /// Offers more batches than anybody wants.
    Flood,
}

impl Mood {
    fn of(salt: u64, height: Height) -> Self {
        match Random::new(salt ^ height.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)).below(20) {
            0..=3 => Self::Plain,
            4..=6 => Self::Change,
            7 | 8 => Self::Race,
            9..=11 => Self::RaceAndLock,
            12 => Self::Lock,
            13 | 14 => Self::Split,
            15 => Self::Repeat,
            16 => Self::Hold,
            17 | 18 => Self::Mislead,
            _ => Self::Flood,
        }
    }
}

/// A structured liar.
pub(crate) struct Forger {
    pub(super) pen: Pen,
    pub(super) random: Random,
    pub(super) stock: Stock,
    /// All others, by their identity on the network and as validators.
    pub(super) peers: Vec<(NodeId, ValidatorId)>,
    pub(super) salt: u64,
    /// What a careful one has said in its own name: it never says two things that convict it. The others do.
    past: Option<Past>,
    pub(super) height: Height,
    /// What it does at every height.
    pub(super) practice: Option<Practice>,
    /// How often it did so.
    pub(super) acts: u64,
    held: Vec<Spoken>,
    changes: BTreeMap<String, u64>,
}

impl Forger {
    pub(super) fn new(
        pen: Pen,
        stock: Stock,
        peers: Vec<(NodeId, ValidatorId)>,
        habit: Option<Habit>,
        mut random: Random,
    ) -> Self {
        let salt = random.draw();
        let past = random.permille(600).then(Past::default);
        let practice = habit.map(|habit| Practice::new(habit, &mut random));
        let (height, held, changes) = (Height(1), Vec::new(), BTreeMap::new());
        Self { pen, random, stock, peers, salt, past, height, practice, acts: 0, held, changes }
    }

    /// How often each field was changed.
    pub(super) fn changes(&self) -> &BTreeMap<String, u64> {
        &self.changes
    }

    /// How often it acted by habit.
    pub(super) const fn acts(&self) -> u64 {
        self.acts
    }

    fn mood(&self) -> Mood {
        let is_plain = self.practice.is_some() && Random::new(self.salt ^ self.height.0).below(MOODY_ONE_IN) > 0;
        if is_plain { Mood::Plain } else { Mood::of(self.salt, self.height) }
    }

    /// Looks at what arrives, and passes it on as it likes, before anybody else can.
    pub(super) fn hear(&mut self, from: NodeId, message: &Arc<Message>) -> Vec<Spoken> {
        self.note(message);
        self.learn(message);
        let mood = self.mood();
        let mut spoken = Vec::new();
        if self.practice.is_some() && self.random.permille(HABIT_PERMILLE) {
            let peer = self.any_peer();
            spoken.extend(self.add(peer, message));
        }
        if let Message::RoundStatus(status) = message.as_ref()
            && matches!(mood, Mood::Mislead | Mood::RaceAndLock)
        {
            spoken.extend(self.mislead(from, status));
        }
        if let Message::Vote(vote) = message.as_ref()
            && !matches!(mood, Mood::Plain | Mood::Lock)
            && self.random.permille(300)
        {
            let lie = self.ventriloquize(vote);
            let peer = self.any_peer();
            spoken.extend(lie.map(|lie| Spoken::forged(peer, lie)));
        }
        let is_raced = match mood {
            Mood::Race | Mood::RaceAndLock => {
                let share = if matches!(message.as_ref(), Message::Proposal(_)) { 950 } else { 250 };
                self.random.permille(share)
            }
            Mood::Plain | Mood::Lock => false,
            Mood::Change | Mood::Split | Mood::Repeat | Mood::Hold | Mood::Mislead | Mood::Flood => {
                self.random.permille(40)
            }
        };
        if is_raced {
            let copy = self.change(message.as_ref().clone());
            for (peer, _) in self.peers.clone() {
                if peer != from && self.random.permille(600) {
                    spoken.extend(copy.clone().map(|message| Spoken::forged(Some(peer), message)));
                }
            }
        }
        spoken
    }

    /// What it says instead of what its engine says.
    pub(super) fn speak(&mut self, to: Option<NodeId>, message: Message) -> Vec<Spoken> {
        self.note(&Arc::new(message.clone()));
        let mut spoken = self.add(to, &message);
        match self.practise(to, &message) {
            Some(instead) => spoken.extend(instead),
            None => spoken.extend(self.speak_in_mood(to, message)),
        }
        spoken
    }

    /// Takes note of what was said, by others or by its engine.
    fn note(&mut self, message: &Arc<Message>) {
        self.stock.hear(message, &mut self.random);
        if let Some(height) = height_of(message) {
            self.height = self.height.max(height);
        }
    }

    fn speak_in_mood(&mut self, to: Option<NodeId>, message: Message) -> Vec<Spoken> {
        let mood = self.mood();
        let is_own_turn = matches!(&message, Message::Proposal(proposal) if proposal.signed.validator == self.pen.me);
        if is_own_turn && !matches!(mood, Mood::Plain | Mood::Lock | Mood::RaceAndLock) && self.random.permille(600) {
            let changed = self.change(message);
            return changed.map(|message| Spoken::forged(to, message)).into_iter().collect();
        }
        if let Message::BatchCertified(batch) = &message
            && self.random.permille(150)
        {
            return vec![Spoken::forged(to, self.befriend(batch))];
        }
        match mood {
            Mood::Plain | Mood::Race | Mood::Mislead => self.as_it_is(to, message),
            Mood::RaceAndLock | Mood::Lock if is_after_lock(&message) => Vec::new(),
            Mood::RaceAndLock | Mood::Lock => self.as_it_is(to, message),
            Mood::Change => {
                if self.random.permille(500) {
                    return self.as_it_is(to, message);
                }
                let changed = self.change(message);
                changed.map(|message| Spoken::forged(to, message)).into_iter().collect()
            }
            Mood::Split => self.split(to, &message),
            Mood::Repeat => {
                let mut spoken = self.as_it_is(to, message);
                for _ in 0..self.random.below(3) {
                    let old = self.stock.message(&mut self.random).filter(|old| self.allows(old));
                    spoken.extend(old.map(|old| Spoken::forged(self.any_peer(), old)));
                }
                let vote = self.stock.signed_vote(&mut self.random).map(Message::Vote);
                let vote = vote.filter(|vote| self.allows(vote));
                spoken.extend(vote.map(|vote| Spoken::forged(None, vote)));
                spoken
            }
            Mood::Hold => self.hold(to, message),
            Mood::Flood => self.flood(to, message),
        }
    }

    fn any_peer(&mut self) -> Option<NodeId> {
        self.peers.get(self.random.index(self.peers.len())).map(|(peer, _)| *peer)
    }

    pub(super) fn allows(&mut self, message: &Message) -> bool {
        let me = self.pen.me;
        self.past.as_mut().is_none_or(|past| past.allows(message, me))
    }

    pub(super) fn as_it_is(&mut self, to: Option<NodeId>, message: Message) -> Vec<Spoken> {
        if self.allows(&message) { vec![Spoken::own(to, message)] } else { Vec::new() }
    }

    /// One field changed, the rest made to fit or not; `None` when a careful liar would convict itself.
    pub(super) fn change(&mut self, mut message: Message) -> Option<Message> {
        let path = operate(&mut message, Aim::Anything, &mut self.random, &self.stock);
        self.note_change(&path);
        let care = Care::any(&mut self.random);
        self.finish(message, care)
    }

    /// Makes the rest of a changed message fit. A careful one does not sign a batch that it changed: what is in it may convict it.
    pub(super) fn finish(&mut self, mut message: Message, care: Care) -> Option<Message> {
        let is_batch = matches!(message, Message::BatchOffer(_) | Message::BatchResponse(_));
        let care = if self.past.is_some() && is_batch { Care::AsCarried } else { care };
        self.pen.mend(&mut message, care);
        self.allows(&message).then_some(message)
    }

    /// Counts a changed field, if there is one.
    pub(super) fn note_change(&mut self, path: &FieldPath) {
        let name = path.iter().filter(|part| !matches!(**part, "each" | "some")).copied().collect::<Vec<_>>().join(".");
        if !name.is_empty() {
            *self.changes.entry(name).or_default() += 1;
        }
    }

    /// To each peer the truth, nothing, or something else.
    fn split(&mut self, to: Option<NodeId>, message: &Message) -> Vec<Spoken> {
        let all = || self.peers.iter().map(|(peer, _)| *peer).collect();
        let peers: Vec<NodeId> = to.map_or_else(all, |to| vec![to]);
        let mut spoken = Vec::new();
        for peer in peers {
            match self.random.below(3) {
                0 => spoken.extend(self.as_it_is(Some(peer), message.clone())),
                1 => {
                    let changed = self.change(message.clone());
                    spoken.extend(changed.map(|message| Spoken::forged(Some(peer), message)));
                }
                _ => {}
            }
        }
        spoken
    }

    fn hold(&mut self, to: Option<NodeId>, message: Message) -> Vec<Spoken> {
        let own = self.as_it_is(to, message);
        if self.held.len() < HELD_MAX && self.random.permille(700) {
            self.held.extend(own);
            return Vec::new();
        }
        let mut spoken = own;
        let mut held = core::mem::take(&mut self.held);
        while !held.is_empty() {
            let mut next = held.swap_remove(self.random.index(held.len()));
            next.after_us = self.random.below(HELD_US);
            spoken.push(next);
        }
        spoken
    }

    /// Its own batches, numbered far ahead.
    fn flood(&mut self, to: Option<NodeId>, message: Message) -> Vec<Spoken> {
        let mut spoken = self.as_it_is(to, message);
        if let Some(batch) = self.stock.batch_of(&self.pen.me).cloned()
            && self.random.permille(300)
        {
            let first = batch.header.sequence.saturating_add(self.random.below(2_000));
            for place in 0..FLOOD_BATCHES {
                let mut other = batch.as_ref().clone();
                other.header.sequence = first.saturating_add(place);
                let mut other = Message::BatchOffer(Arc::new(other));
                self.pen.mend(&mut other, Care::Whole);
                spoken.push(Spoken { after_us: place * FLOOD_PAUSE_US, ..Spoken::forged(None, other) });
            }
        }
        spoken
    }
}

/// What a validator that falls silent after its prevote no longer says.
fn is_after_lock(message: &Message) -> bool {
    match message {
        Message::Vote(vote) => vote.vote.kind == VoteType::Precommit || vote.vote.round.0 > 0,
        Message::Proposal(proposal) => proposal.signed.proposal.round.0 > 0,
        Message::Votes(_)
        | Message::Polka(_)
        | Message::RoundChange(_)
        | Message::RoundStatus(_)
        | Message::Presence(_)
        | Message::Misbehavior(_)
        | Message::BlocksResponse(_)
        | Message::BatchResponse(_) => true,
        Message::SignQuery(_)
        | Message::SignAnswer(_)
        | Message::BatchOffer(_)
        | Message::BatchAck(_)
        | Message::BatchCertified(_)
        | Message::BatchRequest(_)
        | Message::Status(_)
        | Message::BlocksRequest(_) => false,
    }
}

/// The height that a message shows its sender at work on.
fn height_of(message: &Message) -> Option<Height> {
    if let Message::RoundStatus(status) = message {
        return Some(status.height);
    }
    message.said().height()
}
