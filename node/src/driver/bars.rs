//! Peers that broke the protocol are not listened to for a while.
//!
//! Finding out that a signature is forged costs this node more than making the forgery costs its sender, and every finding is a line
//! in the log. So a peer that did what no honest peer does is barred: its frames are thrown away unread until the time is over. Bytes
//! that do not decode count little, because a node of a later release may say things that this one does not know yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use quancheng_types::NodeId;

/// How long a peer is not listened to.
pub(crate) const BAR: Duration = Duration::from_secs(10);
/// Malformed messages within [`BAR`] that count as much as one offence.
pub(crate) const MALFORMED_MAX: u32 = 64;
/// Peers remembered: as many as may connect, and then some. Those whose time is over make room.
const PEERS_MAX: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Peer {
    /// Malformed messages since `since`.
    malformed: u32,
    since: Instant,
    barred_until: Option<Instant>,
}

/// Who is barred. Shared by the driver, which is told of offences, and the pump, which reads what peers send.
#[derive(Debug, Default)]
pub struct Bars {
    peers: Mutex<BTreeMap<NodeId, Peer>>,
}

impl Bars {
    /// Bars a peer for an offence. False when it is barred already.
    pub fn bar(&self, peer: NodeId, now: Instant) -> bool {
        self.with(peer, now, |peer| peer.bar(now))
    }

    /// Notes a malformed message. True when the peer is barred for it.
    pub fn note_malformed(&self, peer: NodeId, now: Instant) -> bool {
        self.with(peer, now, |peer| {
            peer.malformed += 1;
            peer.malformed >= MALFORMED_MAX && peer.bar(now)
        })
    }

    /// Whether the peer is barred.
    #[must_use]
    pub fn is_barred(&self, peer: &NodeId, now: Instant) -> bool {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.get(peer).is_some_and(|peer| peer.is_barred(now))
    }

    fn with(&self, id: NodeId, now: Instant, act: impl FnOnce(&mut Peer) -> bool) -> bool {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, peer| !peer.is_over(now));
        }
        let peer = peers.entry(id).or_insert(Peer { malformed: 0, since: now, barred_until: None });
        if peer.is_over(now) {
            *peer = Peer { malformed: 0, since: now, barred_until: None };
        }
        act(peer)
    }
}

impl Peer {
    fn bar(&mut self, now: Instant) -> bool {
        if self.is_barred(now) {
            return false;
        }
        self.barred_until = Some(now + BAR);
        true
    }

    fn is_barred(&self, now: Instant) -> bool {
        self.barred_until.is_some_and(|until| now < until)
    }

    /// Nothing of it matters any more.
    fn is_over(&self, now: Instant) -> bool {
        self.barred_until.map_or(now >= self.since + BAR, |until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use quancheng_types::Digest;

    use super::*;

    #[test]
    fn an_offence_bars_one_peer_for_a_while_and_is_told_once() {
        let (bars, start) = (Bars::default(), Instant::now());
        let (bad, good) = (NodeId(Digest([1; 32])), NodeId(Digest([2; 32])));
        assert!(!bars.is_barred(&bad, start));
        assert!(bars.bar(bad, start), "news");
        assert!(!bars.bar(bad, start + BAR / 2), "no news");
        assert!(bars.is_barred(&bad, start + BAR / 2) && !bars.is_barred(&good, start));
        assert!(!bars.is_barred(&bad, start + BAR), "the second offence did not prolong it");
        assert!(bars.bar(bad, start + BAR), "news again");
    }

    #[test]
    fn few_malformed_messages_are_borne_and_many_are_not() {
        let (bars, start) = (Bars::default(), Instant::now());
        let peer = NodeId(Digest([1; 32]));
        // A node of another release: a few now and then.
        for n in 0..10 * MALFORMED_MAX {
            let now = start + BAR / 32 * n;
            assert!(!bars.note_malformed(peer, now));
            assert!(!bars.is_barred(&peer, now));
        }
        let later = start + BAR * 1_000;
        let barred = (0..MALFORMED_MAX).filter(|_| bars.note_malformed(peer, later)).count();
        assert_eq!(barred, 1);
        assert!(bars.is_barred(&peer, later) && !bars.is_barred(&peer, later + BAR));
    }

    #[test]
    fn what_is_over_makes_room() {
        let (bars, start) = (Bars::default(), Instant::now());
        let peer = |n: usize| NodeId(quancheng_types::hash::sha256(&[&n.to_le_bytes()]));
        for n in 0..4 * PEERS_MAX {
            bars.bar(peer(n), start + BAR * u32::try_from(n / PEERS_MAX).unwrap());
        }
        assert!(bars.peers.lock().unwrap().len() <= PEERS_MAX);
    }
}
