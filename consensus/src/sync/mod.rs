//! Catching up: decided blocks from peers (protocol §4, §9 `heals`).
//!
//! Tendermint alone is not live when messages are lost: a node that missed the precommits of a decided height waits for votes
//! that nobody repeats. So every node tells how far it has committed, and a node that is behind asks one peer at a time for
//! blocks with their certificates.
//!
//! **Synced blocks bypass the voting core.** A certificate of 2f+1 precommits *is* the decision of its height, whatever round
//! and locks this node is in; the core's own sync path ends in the same decision, but refuses to move when this node
//! had judged the block invalid, and needs the block to be fed as a proposal. So the engine verifies certificate and header itself,
//! commits, and starts the core anew at the next height. Two certificates for different blocks at one height need more than f
//! faulty validators.
//!
//! Nothing a peer claims is believed: heights are only hints about whom to ask, every certificate is verified in full under the
//! set of its height, which the own executor has confirmed, and a peer that answers with nothing or nonsense is not asked
//! again for a while. Blocks are buffered without gaps only: what lies behind a gap could never be used, and would keep the place of
//! what can.

use std::collections::BTreeMap;

use quancheng_types::{Height, NodeId, ValidatorSet};

use crate::engine::Offence;
use crate::limits::{FETCH_RETRY_MS, PEERS_MAX, SYNC_BLOCKS_MAX, SYNC_BUFFER_BLOCKS_MAX, SYNC_PATIENCE_MS};
use crate::message::{BlocksRequest, CommittedBlock};
use crate::planted::Planted;

/// Pause after a peer failed once to answer, ms.
const BACKOFF_MS: u64 = 1_000;
/// How often the pause doubles when it fails again and again: to 8 s. Until one of its blocks is committed, a peer that only wastes
/// our time is asked ever more rarely, while one behind a bad line is not given up.
const BACKOFF_DOUBLINGS: u32 = 3;
/// Time for an answer with many blocks, ms. Then another peer is asked, for half as many.
const ANSWER_MS: u64 = 4 * FETCH_RETRY_MS;
/// How long an answer that comes too late is still of use, ms: over a slow line every answer may be late.
const LATE_ANSWER_MS: u64 = 30_000;

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    /// What it says to have, until it fails to deliver.
    claimed: Height,
    /// The greatest height that it ever named on this connection.
    told: Height,
    /// Its connection is down: it is remembered for its failures only.
    is_gone: bool,
    /// Not asked before this moment.
    rest_until_ms: u64,
    /// Failures since it last sent a block that was committed.
    failures: u32,
    /// What it was asked for last.
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    from: Height,
    last: Height,
    until_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    peer: NodeId,
    deadline_ms: u64,
}

/// Who is how far, and what is being fetched.
#[derive(Debug)]
pub(crate) struct Sync {
    peers: BTreeMap<NodeId, Peer>,
    request: Option<Request>,
    /// Without gaps from the height after the committed one.
    buffer: BTreeMap<Height, (NodeId, CommittedBlock)>,
    /// Blocks to ask for at once: fewer after an answer that came too late.
    count: u32,
    /// When this node first noticed that it is behind at its present height.
    behind_since_ms: Option<u64>,
    last_asked: NodeId,
    planted: Planted,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            peers: BTreeMap::new(),
            request: None,
            buffer: BTreeMap::new(),
            count: SYNC_BLOCKS_MAX,
            behind_since_ms: None,
            last_asked: NodeId::default(),
            planted: Planted::default(),
        }
    }
}

impl Sync {
    /// Nothing known yet.
    pub(crate) fn new(planted: Planted) -> Self {
        Self { planted, ..Self::default() }
    }

    /// The record of a peer; `None` when too many strangers are known already. Those that are gone make room.
    fn peer(&mut self, id: NodeId) -> Option<&mut Peer> {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&id) {
            let gone = self.peers.iter().filter(|(_, peer)| peer.is_gone);
            let earliest = gone.min_by_key(|(_, peer)| peer.rest_until_ms).map(|(id, _)| *id)?;
            self.peers.remove(&earliest);
        }
        Some(self.peers.entry(id).or_default())
    }

    /// Notes how far a peer says it is.
    pub(crate) fn claim(&mut self, id: NodeId, committed: Height) {
        if let Some(peer) = self.peer(id) {
            peer.is_gone = false;
            peer.claimed = peer.claimed.max(committed);
            peer.told = peer.told.max(committed);
        }
    }

    /// Forgets what a peer said whose connection is down. That it failed is kept: a new connection makes nobody reliable.
    pub(crate) fn forget(&mut self, id: &NodeId) {
        if let Some(Peer { failures, rest_until_ms, .. }) = self.peers.remove(id)
            && failures > 0
        {
            self.peers.insert(*id, Peer { failures, rest_until_ms, is_gone: true, ..Peer::default() });
        }
        if self.request.is_some_and(|request| request.peer == *id) {
            self.request = None;
        }
    }

    /// Greatest height that validators with more than a third of the power claim to have: true if at most f lie.
    pub(crate) fn honest_claim(&self, validators: &ValidatorSet) -> Height {
        let mut claims: Vec<(Height, u64)> = validators
            .validators()
            .iter()
            .filter_map(|validator| self.peers.get(&validator.node_id).map(|peer| (peer.told, validator.power)))
            .collect();
        claims.sort_by_key(|(claimed, _)| std::cmp::Reverse(*claimed));
        let mut power = 0_u64;
        for (claimed, of) in claims {
            power = power.saturating_add(of);
            if power >= validators.one_honest() || self.planted.claims_believed() {
                return claimed;
            }
        }
        Height::GENESIS
    }

    /// Whom to ask for what now, if anyone.
    pub(crate) fn next_request(&mut self, committed: Height, now_ms: u64) -> Option<(NodeId, BlocksRequest)> {
        if let Some(request) = self.request {
            if request.deadline_ms > now_ms {
                return None;
            }
            self.request = None;
            self.count = (self.count / 2).max(1);
            self.rest(request.peer, now_ms);
        }
        let have = self.buffered_to(committed);
        let claimed = self.peers.values().filter(|peer| peer.rest_until_ms <= now_ms).map(|peer| peer.claimed).max()?;
        if claimed <= have || self.is_buffered_enough() {
            if claimed <= committed {
                self.behind_since_ms = None;
            }
            return None;
        }
        let since_ms = *self.behind_since_ms.get_or_insert(now_ms);
        if claimed == committed.next() && now_ms.saturating_sub(since_ms) < SYNC_PATIENCE_MS {
            return None;
        }
        let peer = self.choose(have, now_ms)?;
        self.last_asked = peer;
        self.request = Some(Request { peer, deadline_ms: now_ms.saturating_add(ANSWER_MS) });
        let wanted = u32::try_from(claimed.0 - have.0).unwrap_or(u32::MAX).min(self.count);
        if let Some(record) = self.peers.get_mut(&peer) {
            let until_ms = now_ms.saturating_add(LATE_ANSWER_MS);
            record.asked = Some(Asked { from: have.next(), last: have.plus(wanted.into()), until_ms });
        }
        Some((peer, BlocksRequest { from: have.next(), count: wanted }))
    }

    /// The next peer in turn that claims to have more.
    fn choose(&self, have: Height, now_ms: u64) -> Option<NodeId> {
        let able = |(_, peer): &(&NodeId, &Peer)| peer.claimed > have && peer.rest_until_ms <= now_ms;
        let after = (std::ops::Bound::Excluded(self.last_asked), std::ops::Bound::Unbounded);
        let found = self.peers.range(after).find(able).or_else(|| self.peers.iter().find(able));
        found.map(|(id, _)| *id)
    }

    /// Lets a peer rest, longer each time, and forgets its claim: it may claim again.
    fn rest(&mut self, id: NodeId, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(&id) {
            let pause_ms = BACKOFF_MS << peer.failures.min(BACKOFF_DOUBLINGS);
            peer.failures = peer.failures.saturating_add(1);
            peer.rest_until_ms = now_ms.saturating_add(pause_ms);
            peer.claimed = Height::GENESIS;
        }
    }

    /// Notes that a block of this peer was committed.
    pub(crate) fn served(&mut self, id: &NodeId) {
        self.count = (self.count + 1).min(SYNC_BLOCKS_MAX);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.failures = 0;
        }
    }

    /// Newest height up to which blocks are buffered without a gap.
    fn buffered_to(&self, committed: Height) -> Height {
        let mut have = committed;
        while self.buffer.contains_key(&have.next()) {
            have = have.next();
        }
        have
    }

    /// Takes in an answer: the blocks that this peer was asked for, in order, as far as they go on from what is here. Unasked, it may
    /// carry the one block that this node waits for. A mangled copy of a block takes no place in the buffer.
    ///
    /// # Errors
    /// [`Offence::BadBlock`]: a block is not the one that its certificate names. Nothing of this peer is kept.
    pub(crate) fn on_response(
        &mut self,
        from: NodeId,
        blocks: Vec<CommittedBlock>,
        committed: Height,
        now_ms: u64,
    ) -> Result<(), Offence> {
        let asked = self.peers.get(&from).and_then(|peer| peer.asked).filter(|asked| asked.until_ms > now_ms);
        let first = blocks.first().map(|block| block.block.header.height);
        let is_answer = first.is_none_or(|first| asked.is_some_and(|asked| asked.from == first));
        let mut have = self.buffered_to(committed);
        for block in blocks {
            let height = block.block.header.height;
            if height <= have {
                continue;
            }
            let is_asked = is_answer && asked.is_some_and(|asked| height <= asked.last);
            if height != have.next()
                || !(is_asked || height == committed.next())
                || self.buffer.len() >= SYNC_BUFFER_BLOCKS_MAX
            {
                break;
            }
            let is_same = block.is_intact() || self.is_passed(&block);
            if !is_same {
                self.drop_from(&from, committed, now_ms);
                return Err(Offence::BadBlock);
            }
            self.buffer.insert(height, (from, block));
            have = height;
        }
        if is_answer && self.request.is_some_and(|request| request.peer == from) {
            self.request = None;
            if first.is_none() {
                self.rest(from, now_ms);
            }
        }
        Ok(())
    }

    /// What is taken for intact by mistake.
    fn is_passed(&self, decided: &CommittedBlock) -> bool {
        let is_named = decided.certificate.block_id == decided.block.id();
        (self.planted.sync_other_block() && decided.block.is_consistent())
            || (self.planted.body_unchecked() && is_named)
    }

    /// Whether so much waits to be committed that nothing more is fetched.
    fn is_buffered_enough(&self) -> bool {
        self.buffer.len() >= SYNC_BUFFER_BLOCKS_MAX / 2
    }

    /// The buffered block of this height.
    pub(crate) fn take(&mut self, height: Height) -> Option<(NodeId, CommittedBlock)> {
        self.buffer.remove(&height)
    }

    /// Whether the block of this height is buffered.
    pub(crate) fn has(&self, height: Height) -> bool {
        self.buffer.contains_key(&height)
    }

    /// Forgets what a peer sent that lied, and what lies behind the gaps that it leaves.
    pub(crate) fn drop_from(&mut self, id: &NodeId, committed: Height, now_ms: u64) {
        self.buffer.retain(|_, (from, _)| from != id);
        if self.request.is_some_and(|request| request.peer == *id) {
            self.request = None;
        }
        let have = self.buffered_to(committed);
        self.buffer.split_off(&have.next());
        if let Some(peer) = self.peers.get_mut(id) {
            peer.asked = None;
        }
        self.rest(*id, now_ms);
    }

    /// Notes a new committed height.
    pub(crate) fn on_commit(&mut self, committed: Height) {
        self.buffer = self.buffer.split_off(&committed.next());
        self.behind_since_ms = None;
    }

    /// The earliest moment at which something is to be asked.
    pub(crate) fn deadline_ms(&self, committed: Height) -> Option<u64> {
        if let Some(request) = self.request {
            return Some(request.deadline_ms);
        }
        let since_ms = self.behind_since_ms?;
        let have = self.buffered_to(committed);
        if self.is_buffered_enough() {
            return None;
        }
        let ready = self.peers.values().filter(|peer| peer.claimed > have).map(|peer| peer.rest_until_ms).min()?;
        Some(ready.max(since_ms.saturating_add(SYNC_PATIENCE_MS)))
    }
}

#[cfg(test)]
mod tests;
