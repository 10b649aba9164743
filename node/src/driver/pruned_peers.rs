//! Notices that no peer has the next block any more: all that could help have removed it.
//!
//! A peer that lacks a block answers with none, whatever the reason. Near the newest height that is common and passes. But the newest
//! [`BLOCKS_KEPT_MIN`] blocks are kept by every node, so when most peers are further ahead than that and each that claims the next block answers
//! with none, they have removed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quancheng_consensus::Message;
use quancheng_state::BLOCKS_KEPT_MIN;
use quancheng_types::{Height, NodeId};
use tracing::{error, info};

use super::Driver;

/// How often it is told while it lasts.
const TELL_EVERY: Duration = Duration::from_secs(300);

/// What peers said and answered of the next block. Bounded by the allow-list: a peer that is gone is forgotten.
#[derive(Debug, Default)]
pub(super) struct PrunedPeers {
    /// The height that is needed.
    next: Height,
    /// How far each peer says it is.
    claims: BTreeMap<NodeId, Height>,
    /// From which height each was asked for blocks last.
    asked: BTreeMap<NodeId, Height>,
    /// Who has answered with none of the needed height on.
    without: BTreeSet<NodeId>,
    told: Option<Instant>,
}

impl PrunedPeers {
    /// Notes where this node stands.
    fn follow(&mut self, committed: Height) {
        if self.next != committed.next() {
            self.next = committed.next();
            self.without.clear();
        }
    }

    /// Notes a question.
    pub(super) fn asks(&mut self, peer: NodeId, message: &Message) {
        if let Message::BlocksRequest(request) = message {
            self.asked.insert(peer, request.from);
        }
    }

    /// Notes what a peer says.
    fn hears(&mut self, peer: NodeId, message: &Message) {
        if let Message::Status(status) = message {
            self.claims.insert(peer, status.committed);
        }
        let Message::BlocksResponse(blocks) = message else {
            return;
        };
        let has_next = blocks.iter().any(|decided| decided.block.header.height == self.next);
        if has_next {
            self.without.clear();
        } else if blocks.is_empty() && self.asked.remove(&peer) == Some(self.next) {
            self.without.insert(peer);
        }
    }

    /// Forgets a peer that is gone.
    fn forgets(&mut self, peer: &NodeId) {
        self.claims.remove(peer);
        self.asked.remove(peer);
        self.without.remove(peer);
    }

    /// Whether nobody has the next block any more.
    fn is_gone(&self) -> bool {
        let far = self.next.0.saturating_add(BLOCKS_KEPT_MIN);
        let ahead = self.claims.values().filter(|claimed| claimed.0 >= far).count();
        let mut able = self.claims.iter().filter(|(_, claimed)| **claimed >= self.next);
        2 * ahead > self.claims.len() && able.all(|(peer, _)| self.without.contains(peer))
    }

    /// Whether it is to be told now that it is so.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}

impl Driver {
    /// Looks at a message before the engine takes it.
    pub(super) fn hear_of_blocks(&mut self, from: NodeId, message: &Message) {
        self.pruned_peers.follow(self.parts.engine.status().committed);
        self.pruned_peers.hears(from, message);
        self.tell_of_blocks();
    }

    /// A peer is gone.
    pub(super) fn forget_blocks_of(&mut self, peer: &NodeId) {
        self.pruned_peers.forgets(peer);
        self.tell_of_blocks();
    }

    fn tell_of_blocks(&mut self) {
        let is_gone = self.pruned_peers.is_gone();
        let was_gone = self.parts.pruned_peers.swap(is_gone, Ordering::Relaxed);
        let height = self.pruned_peers.next;
        if is_gone && self.pruned_peers.is_due(Instant::now()) {
            error!(
                %height,
                "no connected peer has the block of this height any more: they have removed it, and this node cannot catch up by blocks. \
                 Connect a node that keeps all blocks (`network.peers`), restore a backup that reaches further, or join again by a snapshot \
                 (所有已连接的节点均已清理该高度的区块，本节点无法按区块追上：请在 network.peers 中加入归档节点，或恢复较新的备份，或以快照重新加入)"
            );
        }
        if was_gone && !is_gone {
            self.pruned_peers.told = None;
            info!(%height, "the next block is no longer known to be gone at all peers");
        }
    }
}

#[cfg(test)]
mod tests {
    use quancheng_consensus::message::{BlocksRequest, Status};
    use quancheng_types::{Digest, List};

    use super::*;

    fn node(byte: u8) -> NodeId {
        NodeId(Digest([byte; 32]))
    }

    /// Three peers far ahead, of which so many were asked for a height and answered with nothing.
    fn answered(count: u8, from: Height, claimed: Height) -> PrunedPeers {
        let mut peers = PrunedPeers::default();
        peers.follow(Height(9));
        for byte in 0..3 {
            peers.hears(node(byte), &Message::Status(Status { committed: claimed }));
        }
        for byte in 0..count {
            peers.asks(node(byte), &Message::BlocksRequest(BlocksRequest { from, count: 8 }));
            peers.hears(node(byte), &Message::BlocksResponse(List::empty()));
        }
        peers
    }

    #[test]
    fn blocks_are_gone_when_all_that_should_have_them_answer_with_none() {
        let far = Height(10 + BLOCKS_KEPT_MIN);
        let cases = [
            (3, Height(10), far, true),
            (2, Height(10), far, false),
            (3, Height(11), far, false),
            (3, Height(10), Height(far.0 - 1), false),
            (0, Height(10), Height(9), false),
        ];
        for (count, from, claimed, expected) in cases {
            assert_eq!(answered(count, from, claimed).is_gone(), expected, "{count} {from} {claimed}");
        }
        assert!(!PrunedPeers::default().is_gone(), "nobody is connected");
    }

    #[test]
    fn what_one_peer_says_is_not_enough_and_what_helps_ends_it() {
        let far = Height(10 + BLOCKS_KEPT_MIN);
        let mut liar = PrunedPeers::default();
        liar.follow(Height(9));
        for byte in 0..3 {
            let committed = if byte == 0 { far } else { Height(9) };
            liar.hears(node(byte), &Message::Status(Status { committed }));
        }
        liar.asks(node(0), &Message::BlocksRequest(BlocksRequest { from: Height(10), count: 8 }));
        liar.hears(node(0), &Message::BlocksResponse(List::empty()));
        assert!(!liar.is_gone(), "one of three is ahead");

        let mut progress = answered(3, Height(10), far);
        progress.follow(Height(10));
        assert!(!progress.is_gone(), "the next one may be there");
        let mut archive = answered(3, Height(10), far);
        archive.hears(node(7), &Message::Status(Status { committed: far }));
        assert!(!archive.is_gone(), "another came that was not asked");
        archive.forgets(&node(7));
        assert!(archive.is_gone());
        // Nothing was asked of it: what it sends says nothing.
        let mut unasked = answered(2, Height(10), far);
        unasked.hears(node(2), &Message::BlocksResponse(List::empty()));
        assert!(!unasked.is_gone());
    }

    #[test]
    fn it_is_told_again_after_a_while() {
        let (mut peers, now) = (PrunedPeers::default(), Instant::now());
        assert!(peers.is_due(now) && !peers.is_due(now + TELL_EVERY / 2) && peers.is_due(now + TELL_EVERY));
    }
}
