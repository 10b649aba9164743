//! What the engine holds for the height in progress, outside the voting core.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quancheng_types::{Block, BlockId, Height, NodeId, Round, SignedProposal};

use crate::limits::{
    EARLY_MESSAGES_PER_PEER_MAX, EARLY_PROPOSALS_PER_PEER_MAX, HEIGHT_BLOCKS_MAX, HELD_PROPOSALS_MAX, PEERS_MAX,
    ROUND_BLOCKS_MAX,
};
use crate::log::LogEntry;
use crate::message::Message;

/// A block that was proposed at this height.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) block: Arc<Block>,
    /// Newest round in which it was proposed.
    pub(crate) round: Round,
    /// Our judgement, once made.
    pub(crate) valid: Option<bool>,
}

/// A proposal that waits.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) signed: SignedProposal,
    /// It was too far from our clock: it is taken in only when a quorum prevoted it.
    pub(crate) untimely: bool,
}

/// State of one height; thrown away when it is decided.
#[derive(Debug)]
pub(crate) struct HeightState {
    pub(crate) height: Height,
    /// The voting core runs at this height.
    pub(crate) started: bool,
    pub(crate) candidates: BTreeMap<BlockId, Candidate>,
    /// Proposals taken in, by round: repeated to peers that lack them.
    pub(crate) proposals: BTreeMap<Round, SignedProposal>,
    /// Blocks proposed in each round: a proposer that sends more than a few is not listened to.
    pub(crate) offered: BTreeMap<Round, BTreeSet<BlockId>>,
    pub(crate) held: VecDeque<Held>,
    /// The core waits for our proposal in this round.
    pub(crate) need_value: Option<Round>,
    pub(crate) propose_anyway: bool,
    /// When the round in progress began, and the one before it: how late a proposal is shows how long to wait for the next.
    rounds: [Option<(Round, u64)>; 2],
    /// Reports in a row without progress in this round.
    pub(crate) stuck_reports: u32,
    /// Entries of the log for this height, from the log file and appended since.
    pub(crate) log_entries: u64,
    /// Entries read at start, taken in when the height starts.
    pub(crate) replay: Vec<LogEntry>,
}

impl HeightState {
    pub(crate) fn new(height: Height, replay: Vec<LogEntry>) -> Self {
        Self {
            height,
            started: false,
            candidates: BTreeMap::new(),
            proposals: BTreeMap::new(),
            offered: BTreeMap::new(),
            held: VecDeque::new(),
            need_value: None,
            propose_anyway: false,
            rounds: [None; 2],
            stuck_reports: 0,
            log_entries: u64::try_from(replay.len()).unwrap_or(u64::MAX),
            replay,
        }
    }

    /// Notes that a round begins.
    pub(crate) fn note_round(&mut self, round: Round, now_ms: u64) {
        let [newest, _] = self.rounds;
        self.rounds = [Some((round, now_ms)), newest];
    }

    /// Time since a round began that is in progress or was given up for it, ms.
    pub(crate) fn round_ms(&self, round: Round, now_ms: u64) -> Option<u64> {
        let since = self.rounds.iter().flatten().find(|(of, _)| *of == round);
        since.map(|(_, since_ms)| now_ms.saturating_sub(*since_ms))
    }

    /// Time since a round began that was given up, ms, when this is its first proposal: a copy of one that came in time shows nothing.
    pub(crate) fn late_ms(&self, round: Round, now_ms: u64) -> Option<u64> {
        let is_given_up = self.rounds[1].is_some_and(|(of, _)| of == round);
        if !is_given_up || self.offered.contains_key(&round) {
            return None;
        }
        self.round_ms(round, now_ms)
    }

    /// Takes in a block. When there is no room, the one of the oldest round makes room, except `keep`; that may be the new one
    /// itself, so that blocks of old rounds cannot push each other out and be judged again and again. If the core decides on
    /// a block that made room, the sync brings it back.
    pub(crate) fn insert(&mut self, id: BlockId, block: Arc<Block>, round: Round, keep: Option<BlockId>) {
        if let Some(candidate) = self.candidates.get_mut(&id) {
            candidate.round = candidate.round.max(round);
            return;
        }
        if self.candidates.len() >= HEIGHT_BLOCKS_MAX {
            let oldest = self
                .candidates
                .iter()
                .filter(|(candidate, _)| Some(**candidate) != keep)
                .map(|(id, candidate)| (candidate.round, *id))
                .min();
            if let Some((oldest_round, oldest)) = oldest {
                if keep != Some(id) && (round, id) < (oldest_round, oldest) {
                    return;
                }
                self.candidates.remove(&oldest);
            }
        }
        self.candidates.insert(id, Candidate { block, round, valid: None });
    }

    /// Notes a proposal that was taken in. Of several in one round the first counts, unless a quorum prevoted another.
    pub(crate) fn note_proposal(&mut self, signed: SignedProposal, has_polka: bool) {
        if has_polka {
            self.proposals.insert(signed.proposal.round, signed);
        } else {
            self.proposals.entry(signed.proposal.round).or_insert(signed);
        }
        while self.proposals.len() > HEIGHT_BLOCKS_MAX {
            self.proposals.pop_first();
        }
    }

    /// Whether a block may be offered in a round. Not when the round has had its share of other blocks (two are enough to convict
    /// the proposer), or is so old that nobody remembers what share it has had.
    pub(crate) fn admits_offer(&self, round: Round, id: &BlockId) -> bool {
        let is_full = self.offered.len() >= HEIGHT_BLOCKS_MAX;
        match self.offered.get(&round) {
            Some(offered) => offered.contains(id) || offered.len() < ROUND_BLOCKS_MAX,
            None => !is_full || self.offered.first_key_value().is_none_or(|(oldest, _)| round > *oldest),
        }
    }

    /// Notes that a block is offered in a round.
    pub(crate) fn offer(&mut self, round: Round, id: BlockId) {
        let offered = self.offered.entry(round).or_default();
        if offered.len() < ROUND_BLOCKS_MAX {
            offered.insert(id);
        }
        while self.offered.len() > HEIGHT_BLOCKS_MAX {
            self.offered.pop_first();
        }
    }

    /// Keeps a proposal for later. False when it is kept already.
    pub(crate) fn hold(&mut self, held: Held) -> bool {
        if self.held.iter().any(|other| other.signed == held.signed) {
            return false;
        }
        if self.held.len() >= HELD_PROPOSALS_MAX {
            self.held.pop_front();
        }
        self.held.push_back(held);
        true
    }
}

/// Messages that came too early: of the next height, or of this one before it started.
#[derive(Debug, Default)]
pub(crate) struct EarlyMessages {
    peers: BTreeMap<NodeId, VecDeque<Early>>,
    /// Messages taken in so far.
    count: u64,
}

#[derive(Debug)]
struct Early {
    /// Its place in the order of arrival.
    order: u64,
    height: Height,
    message: Message,
}

impl EarlyMessages {
    /// Keeps a message, in place of the sender's oldest one when it has too many.
    pub(crate) fn push(&mut self, from: NodeId, height: Height, message: Message) {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&from) {
            return;
        }
        let queue = self.peers.entry(from).or_default();
        if queue.iter().any(|early| early.message == message) {
            return;
        }
        if queue.len() >= EARLY_MESSAGES_PER_PEER_MAX {
            queue.pop_front();
        }
        // Blocks are large, and which of them are genuine shows only when the height begins.
        let is_proposal = |message: &Message| matches!(message, Message::Proposal(_));
        if is_proposal(&message)
            && queue.iter().filter(|early| is_proposal(&early.message)).count() >= EARLY_PROPOSALS_PER_PEER_MAX
            && let Some(oldest) = queue.iter().position(|early| is_proposal(&early.message))
        {
            queue.remove(oldest);
        }
        self.count += 1;
        queue.push_back(Early { order: self.count, height, message });
    }

    /// Who spoke about this height.
    pub(crate) fn speakers(&self, height: Height) -> impl Iterator<Item = &NodeId> {
        let spoke = move |queue: &VecDeque<Early>| queue.iter().any(|early| early.height == height);
        self.peers.iter().filter(move |(_, queue)| spoke(queue)).map(|(id, _)| id)
    }

    /// Proposals for this height.
    pub(crate) fn proposals(&self, height: Height) -> impl Iterator<Item = &SignedProposal> {
        self.peers.values().flatten().filter(move |early| early.height == height).filter_map(|early| {
            if let Message::Proposal(proposal) = &early.message { Some(&proposal.signed) } else { None }
        })
    }

    /// Takes out the messages of this height, in the order in which they came, and drops older ones.
    pub(crate) fn take(&mut self, height: Height) -> Vec<(NodeId, Message)> {
        let mut taken = Vec::new();
        for (from, queue) in &mut self.peers {
            for early in std::mem::take(queue) {
                if early.height == height {
                    taken.push((early.order, *from, early.message));
                } else if early.height > height {
                    queue.push_back(early);
                }
            }
        }
        self.peers.retain(|_, queue| !queue.is_empty());
        taken.sort_by_key(|(order, ..)| *order);
        taken.into_iter().map(|(_, from, message)| (from, message)).collect()
    }
}
