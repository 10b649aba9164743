//! What peers may ask of this node, and how often: an answer costs more than its question.
//!
//! Each peer has one allowance per kind of request. An allowance is a bucket that fills by one token per interval; it is kept as the
//! moment at which it will be full, which is exact and needs no clock of its own. What is asked beyond it is not answered, which is no
//! offence: a peer whose answers are lost asks again. A request for blocks waits instead, because a catching-up node asks one
//! peer at a time; only the newest one of a peer waits.
//!
//! An allowance outlives the connection, so that a new connection does not fill it.

use std::collections::BTreeMap;

use quancheng_types::{NodeId, Round};

use super::{Engine, ServeRequest, TimerKey};
use crate::limits::{
    BATCHES_REQUEST_BURST, BATCHES_REQUEST_INTERVAL_MS, BLOCKS_REQUEST_BURST, BLOCKS_REQUEST_INTERVAL_MS,
    HELP_INTERVAL_MS, PEERS_MAX, SIGN_QUERY_BURST, SIGN_QUERY_INTERVAL_MS,
};
use crate::message::BlocksRequest;

/// A kind of request with an allowance of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestKind {
    /// Decided blocks; a token per request.
    Blocks,
    /// Batches; a token per batch.
    Batches,
    /// What we saw signed by a starting validator; a token per question.
    SignQuery,
    /// Votes and proposals that a peer lacks; a token per status.
    Help,
}

impl RequestKind {
    /// Time in which a token comes back, and tokens of a full allowance.
    const fn rate(self) -> (u64, u64) {
        match self {
            Self::Blocks => (BLOCKS_REQUEST_INTERVAL_MS, BLOCKS_REQUEST_BURST),
            Self::Batches => (BATCHES_REQUEST_INTERVAL_MS, BATCHES_REQUEST_BURST),
            Self::SignQuery => (SIGN_QUERY_INTERVAL_MS, SIGN_QUERY_BURST),
            Self::Help => (HELP_INTERVAL_MS, 1),
        }
    }
}

#[derive(Debug, Default)]
struct Peer {
    /// When the allowance of each kind is full again.
    full_at_ms: BTreeMap<RequestKind, u64>,
    /// The newest request for blocks that came too early.
    waiting: Option<BlocksRequest>,
}

impl Peer {
    fn is_full(&self, now_ms: u64) -> bool {
        self.waiting.is_none() && self.full_at_ms.values().all(|at| *at <= now_ms)
    }

    /// Takes tokens, or none when there are too few.
    fn take(&mut self, kind: RequestKind, tokens: u64, now_ms: u64) -> bool {
        let (interval_ms, burst) = kind.rate();
        let full_at_ms = self.full_at_ms.entry(kind).or_default();
        let after_ms = (*full_at_ms).max(now_ms).saturating_add(tokens.saturating_mul(interval_ms));
        if after_ms.saturating_sub(now_ms) > burst.saturating_mul(interval_ms) {
            return false;
        }
        *full_at_ms = after_ms;
        true
    }

    /// The first moment at which one token can be taken.
    fn ready_ms(&self, kind: RequestKind) -> u64 {
        let (interval_ms, burst) = kind.rate();
        let full_at_ms = self.full_at_ms.get(&kind).copied().unwrap_or_default();
        full_at_ms.saturating_sub(burst.saturating_sub(1).saturating_mul(interval_ms))
    }
}

/// Allowances of all peers.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    peers: BTreeMap<NodeId, Peer>,
}

impl Requests {
    /// The allowances of a peer. When too many peers are known, those that asked nothing lately make room; `None` when
    /// there are none.
    fn peer(&mut self, id: NodeId, now_ms: u64) -> Option<&mut Peer> {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&id) {
            self.peers.retain(|_, peer| !peer.is_full(now_ms));
            if self.peers.len() >= PEERS_MAX {
                return None;
            }
        }
        Some(self.peers.entry(id).or_default())
    }

    /// Whether a request may be answered now; if so, its tokens are taken.
    pub(crate) fn admit(&mut self, from: NodeId, kind: RequestKind, tokens: u64, now_ms: u64) -> bool {
        self.peer(from, now_ms).is_some_and(|peer| peer.take(kind, tokens, now_ms))
    }

    /// Keeps a request for blocks that came too early, in place of an older one.
    fn wait(&mut self, from: NodeId, request: BlocksRequest, now_ms: u64) {
        if let Some(peer) = self.peer(from, now_ms) {
            peer.waiting = Some(request);
        }
    }

    /// Forgets what a peer that is gone waited for.
    pub(crate) fn forget_waiting(&mut self, id: &NodeId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.waiting = None;
        }
    }

    /// Takes out the waiting requests that may be answered now.
    fn take_ready(&mut self, now_ms: u64) -> Vec<(NodeId, BlocksRequest)> {
        let mut ready = Vec::new();
        for (id, peer) in &mut self.peers {
            if let Some(request) = peer.waiting
                && peer.take(RequestKind::Blocks, 1, now_ms)
            {
                peer.waiting = None;
                ready.push((*id, request));
            }
        }
        ready
    }

    /// When the next waiting request may be answered.
    fn deadline_ms(&self) -> Option<u64> {
        self.peers.values().filter(|peer| peer.waiting.is_some()).map(|peer| peer.ready_ms(RequestKind::Blocks)).min()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }
}

impl Engine {
    /// Whether this request may be answered now; takes its tokens.
    pub(super) fn admit_request(&mut self, from: NodeId, kind: RequestKind, tokens: u64) -> bool {
        self.requests.admit(from, kind, tokens, self.now.elapsed_ms)
    }

    /// Answers a request for blocks now, or when the allowance of its sender admits it.
    pub(super) fn serve_blocks(&mut self, from: NodeId, request: BlocksRequest) {
        if self.admit_request(from, RequestKind::Blocks, 1) {
            self.serve(from, ServeRequest::Blocks(request));
        } else {
            self.requests.wait(from, request, self.now.elapsed_ms);
            self.schedule_waiting();
        }
    }

    /// Answers requests that have waited long enough.
    pub(super) fn serve_waiting(&mut self) {
        for (from, request) in self.requests.take_ready(self.now.elapsed_ms) {
            self.serve(from, ServeRequest::Blocks(request));
        }
        self.schedule_waiting();
    }

    fn schedule_waiting(&mut self) {
        if let Some(at_ms) = self.requests.deadline_ms() {
            self.timers.set(TimerKey::Serve, at_ms, Round(0));
        }
    }
}
