//! What a structured liar does again and again, at every height: lies that no single changed field makes.

use std::collections::BTreeMap;

use quancheng_consensus::message::{Message, ProposalMessage, Status};
use quancheng_types::{Absence, BlockId, Height, List, NodeId, Proposal, Round, ValidatorId};

use super::Spoken;
use super::forger::Forger;
use super::mend::Care;
use super::surgeon::{Aim, operate};
use crate::config::Habit;
use crate::random::Random;

/// How late something comes that is served at a crawl, µs: before another source is asked, and long after.
const CRAWL_US: (u64, u64) = (150_000, 5_000_000);
/// How long the first proposals just in time are kept back, µs.
const PATIENCE_US: (u64, u64) = (20_000, 120_000);
/// Longest time for which one is kept back, µs.
const PATIENCE_US_MAX: u64 = 4_000_000;
/// Heights for which one victim stays the victim.
const VICTIM_HEIGHTS: u64 = 16;
/// How many rounds ahead a framing proposal is.
const ROUNDS_AHEAD: u64 = 4;

/// A habit and what it remembers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Practice {
    /// Serves nothing, or all of it at a crawl.
    Withhold { is_crawling: bool },
    /// Keeps its proposals back for as long as the others just bear.
    JustInTime { patience_us: u64, turn: Option<Turn> },
    /// Makes one honest validator look guilty or absent.
    Frame,
    /// Numbers at the ends of their range.
    Absurd,
    /// Lets so many turns pass, then takes as many.
    Absent { spell: u64, turns: u64, turn: Option<Turn> },
}

/// A turn of its own: the place of its proposal.
type Turn = (Height, Round);

impl Practice {
    pub(super) fn new(habit: Habit, random: &mut Random) -> Self {
        match habit {
            Habit::Withhold => Self::Withhold { is_crawling: random.permille(500) },
            Habit::JustInTime => {
                Self::JustInTime { patience_us: random.between(PATIENCE_US.0, PATIENCE_US.1), turn: None }
            }
            Habit::Frame => Self::Frame,
            Habit::Absurd => Self::Absurd,
            Habit::Absent => Self::Absent { spell: random.between(1, 3), turns: 0, turn: None },
        }
    }
}

impl Forger {
    /// What it says by habit instead of what its engine says; `None` when the habit is not about this message.
    pub(super) fn practise(&mut self, to: Option<NodeId>, message: &Message) -> Option<Vec<Spoken>> {
        let instead = match self.practice? {
            Practice::Withhold { is_crawling } => self.withhold(is_crawling, to, message),
            Practice::JustInTime { patience_us, turn } => self.keep_waiting(patience_us, turn, to, message),
            Practice::Frame => self.frame(to, message),
            Practice::Absurd => None,
            Practice::Absent { spell, turns, turn } => self.play_absent(spell, turns, turn, message),
        };
        if instead.is_some() {
            self.acts += 1;
        }
        instead
    }

    /// What it says by habit beside everything else, upon what it hears or is about to say.
    pub(super) fn add(&mut self, to: Option<NodeId>, message: &Message) -> Vec<Spoken> {
        let lie = match self.practice {
            Some(Practice::Absurd) => self.exaggerate(message).map(|lie| vec![Spoken::forged(to, lie)]),
            Some(Practice::Frame) => self.hurry(message),
            Some(Practice::Withhold { .. } | Practice::JustInTime { .. } | Practice::Absent { .. }) | None => None,
        };
        if lie.is_some() {
            self.acts += 1;
        }
        lie.unwrap_or_default()
    }

    /// Learns from what it hears how much the others bear: a vote for its proposal came in time, one for nothing did not.
    pub(super) fn learn(&mut self, message: &Message) {
        if let Message::Vote(vote) = message
            && let Some(Practice::JustInTime { patience_us, turn }) = self.practice
            && turn == Some((vote.vote.height, vote.vote.round))
        {
            let other_us = match vote.vote.block_id {
                Some(_) => (patience_us + patience_us / 4).min(PATIENCE_US_MAX),
                None => patience_us - patience_us / 4,
            };
            self.practice = Some(Practice::JustInTime { patience_us: other_us, turn: None });
        }
    }

    /// Says that it has everything up to the height in progress, acknowledges what it is offered, and serves nothing or late. Its own batches
    /// it keeps from one, which has to fetch them from those who acknowledged them.
    fn withhold(&mut self, is_crawling: bool, to: Option<NodeId>, message: &Message) -> Option<Vec<Spoken>> {
        if matches!(message, Message::BatchResponse(_) | Message::BlocksResponse(_)) {
            let after_us = self.random.between(CRAWL_US.0, CRAWL_US.1);
            let late = Spoken { after_us, ..Spoken::own(to, message.clone()) };
            return Some(if is_crawling { vec![late] } else { Vec::new() });
        }
        if let Message::Status(_) = message {
            return Some(vec![Spoken::forged(to, Message::Status(Status { committed: self.height }))]);
        }
        if let Message::BatchOffer(batch) = message
            && batch.header.author == self.pen.me
        {
            let (victim, _) = self.victim()?;
            let offered = self.peers_beside(victim).into_iter().filter(|peer| to.is_none_or(|to| to == *peer));
            return Some(offered.map(|peer| Spoken::own(Some(peer), message.clone())).collect());
        }
        None
    }

    /// Keeps its proposal back, and its vote, which would name the block too early.
    fn keep_waiting(
        &mut self,
        patience_us: u64,
        turn: Option<Turn>,
        to: Option<NodeId>,
        message: &Message,
    ) -> Option<Vec<Spoken>> {
        let is_own = self.own_turn(message).inspect(|own| {
            self.practice = Some(Practice::JustInTime { patience_us, turn: Some(*own) });
        });
        if is_own.is_none() && !self.is_vote_of(turn, message) {
            return None;
        }
        let mut spoken = self.as_it_is(to, message.clone());
        spoken.iter_mut().for_each(|one| one.after_us = patience_us);
        Some(spoken)
    }

    /// Lets its turn pass, and gives no sign of it by a vote.
    fn play_absent(&mut self, spell: u64, turns: u64, turn: Option<Turn>, message: &Message) -> Option<Vec<Spoken>> {
        let own = self.own_turn(message);
        let (turns, turn) = if own.is_some() && own != turn { (turns + 1, own) } else { (turns, turn) };
        self.practice = Some(Practice::Absent { spell, turns, turn });
        let is_away = (turns / spell).is_multiple_of(2);
        (is_away && (own.is_some() || self.is_vote_of(turn, message))).then(Vec::new)
    }

    /// Its own proposal accuses its victim, or says that the victim missed turns; its votes say that the victim proposed nothing; and beside
    /// what it says it tells proofs that prove nothing.
    fn frame(&mut self, to: Option<NodeId>, message: &Message) -> Option<Vec<Spoken>> {
        let (_, victim) = self.victim()?;
        if self.random.permille(20) {
            let accusation = Message::Misbehavior(Box::new(self.stock.accusation(&mut self.random)?));
            let mut spoken = self.as_it_is(to, message.clone());
            spoken.push(Spoken::forged(to, accusation));
            return Some(spoken);
        }
        let mut lie = message.clone();
        if let Message::Proposal(proposal) = &mut lie {
            if proposal.signed.validator != self.pen.me || self.random.permille(500) {
                return None;
            }
            if self.random.permille(500) {
                is_said_absent(proposal, victim, &mut self.random)?;
            } else {
                let accusation = self.stock.accusation(&mut self.random)?;
                let mut all = core::mem::take(&mut proposal.block.misbehavior).into_vec();
                all.push(accusation);
                proposal.block.misbehavior = List::new(all).ok()?;
            }
        } else if let Message::Vote(vote) = &mut lie {
            let proposed = self.stock.proposal_of(vote.vote.height)?.signed;
            if proposed.validator != victim || proposed.proposal.round != vote.vote.round {
                return None;
            }
            vote.vote.block_id = None;
        } else {
            return None;
        }
        self.pen.mend(&mut lie, Care::Whole);
        Some(if self.allows(&lie) { vec![Spoken::forged(to, lie)] } else { Vec::new() })
    }

    /// Gives all but the victim a reason to begin the next height, and to think that the victim lets its turn pass: a proposal of its own for
    /// a later round.
    fn hurry(&mut self, heard: &Message) -> Option<Vec<Spoken>> {
        let Message::Proposal(heard) = heard else {
            return None;
        };
        if self.random.permille(800) {
            return None;
        }
        let (victim, _) = self.victim()?;
        let ProposalMessage { mut signed, mut block } = heard.as_ref().clone();
        block.header.height = block.header.height.next();
        block.header.round = Round(u32::try_from(self.random.between(1, ROUNDS_AHEAD)).ok()?);
        let Proposal { chain_id, .. } = signed.proposal;
        let (height, round) = (block.header.height, block.header.round);
        signed.proposal = Proposal { chain_id, height, round, block_id: BlockId::default(), pol_round: None };
        let mut lie = Message::Proposal(Box::new(ProposalMessage { signed, block }));
        self.pen.mend(&mut lie, Care::Claimed);
        if !self.allows(&lie) {
            return None;
        }
        Some(self.peers_beside(victim).into_iter().map(|peer| Spoken::forged(Some(peer), lie.clone())).collect())
    }

    /// A copy with one or two numbers at the ends of their range.
    fn exaggerate(&mut self, message: &Message) -> Option<Message> {
        if self.random.permille(700) {
            return None;
        }
        let mut lie = message.clone();
        for _ in 0..self.random.between(1, 2) {
            let path = operate(&mut lie, Aim::Ends, &mut self.random, &self.stock);
            self.note_change(&path);
        }
        let care = if self.random.permille(500) { Care::Signed } else { Care::Whole };
        self.finish(lie, care).filter(|lie| lie != message)
    }

    /// Whom it is about now: one peer for some heights.
    fn victim(&self) -> Option<(NodeId, ValidatorId)> {
        let mut random = Random::new(self.salt ^ (self.height.0 / VICTIM_HEIGHTS));
        self.peers.get(random.index(self.peers.len())).copied()
    }

    fn peers_beside(&self, victim: NodeId) -> Vec<NodeId> {
        self.peers.iter().map(|(peer, _)| *peer).filter(|peer| *peer != victim).collect()
    }

    /// The turn that its own proposal takes, if this is one.
    fn own_turn(&self, message: &Message) -> Option<Turn> {
        let Message::Proposal(proposal) = message else {
            return None;
        };
        let signed = &proposal.signed;
        (signed.validator == self.pen.me).then_some((signed.proposal.height, signed.proposal.round))
    }

    /// Whether this is its own vote of such a turn.
    fn is_vote_of(&self, turn: Option<Turn>, message: &Message) -> bool {
        let Message::Vote(vote) = message else {
            return false;
        };
        vote.validator == self.pen.me && turn == Some((vote.vote.height, vote.vote.round))
    }
}

/// The block says that the victim missed turns; `None` when it said so before.
fn is_said_absent(proposal: &mut ProposalMessage, victim: ValidatorId, random: &mut Random) -> Option<()> {
    let absences = &mut proposal.block.attendance.absences;
    let listed = core::mem::take(absences).into_vec();
    let mut all: BTreeMap<ValidatorId, Absence> =
        listed.into_iter().map(|absence| (absence.validator, absence)).collect();
    let misses = u8::try_from(random.between(1, 5)).ok()?;
    let since_ms = proposal.block.header.time_ms;
    let before = all.insert(victim, Absence { validator: victim, misses, away: true, since_ms });
    *absences = List::new(all.into_values().collect()).ok()?;
    before.is_none().then_some(())
}

#[cfg(test)]
mod tests;
