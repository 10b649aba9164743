//! The door before the handshake: how many unknown connections may knock at once.

use core::fmt;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use libp2p::{Multiaddr, swarm::ConnectionId};

use super::config::{NetworkLimits, PeerEntry, socket_address_of};

/// Counts incoming connections that have not proved an identity.
#[derive(Debug)]
pub(super) struct Gate {
    strangers_max: u32,
    per_ip_max: u32,
    /// Addresses of allowed peers, and how many of them live there.
    known: HashMap<IpAddr, u32>,
    pending: HashMap<ConnectionId, IpAddr>,
    per_ip: HashMap<IpAddr, u32>,
    strangers: u32,
}

/// A connection was dropped before its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GateRefusal {
    /// Too many connections from one address.
    AddressBusy(IpAddr),
    /// Too many connections from addresses where no allowed peer lives.
    StrangersBusy,
}

impl fmt::Display for GateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressBusy(ip) => write!(f, "too many unfinished handshakes from {ip}"),
            Self::StrangersBusy => f.write_str("too many unfinished handshakes from unknown addresses"),
        }
    }
}

impl std::error::Error for GateRefusal {}

impl Gate {
    pub(super) fn new(limits: &NetworkLimits) -> Self {
        Self {
            strangers_max: limits.pending_incoming_max,
            per_ip_max: limits.pending_per_ip_max,
            known: HashMap::new(),
            pending: HashMap::new(),
            per_ip: HashMap::new(),
            strangers: 0,
        }
    }

    pub(super) fn know(&mut self, peers: &[PeerEntry]) {
        self.known.clear();
        for address in peers.iter().filter_map(|peer| peer.address) {
            *self.known.entry(address.ip().to_canonical()).or_default() += 1;
        }
        // Counted anew: an address may have become known or unknown while it knocks.
        let strange = self.pending.values().filter(|ip| !self.known.contains_key(ip)).count();
        self.strangers = u32::try_from(strange).unwrap_or(u32::MAX);
    }

    pub(super) fn knock(&mut self, id: ConnectionId, remote: &Multiaddr) -> Result<(), GateRefusal> {
        let ip =
            socket_address_of(remote).map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
        let peers_here = self.known.get(&ip).copied();
        let share = self.per_ip_max.saturating_mul(peers_here.unwrap_or(0).saturating_add(1));
        let here = self.per_ip.get(&ip).copied().unwrap_or(0);
        if here >= share {
            return Err(GateRefusal::AddressBusy(ip));
        }
        if peers_here.is_none() {
            if self.strangers >= self.strangers_max {
                return Err(GateRefusal::StrangersBusy);
            }
            self.strangers += 1;
        }
        self.per_ip.insert(ip, here + 1);
        self.pending.insert(id, ip);
        Ok(())
    }

    /// The handshake ended, well or badly. Calling it twice for one connection does no harm.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        let Some(ip) = self.pending.remove(&id) else {
            return;
        };
        if let Some(count) = self.per_ip.get_mut(&ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
        if !self.known.contains_key(&ip) {
            self.strangers = self.strangers.saturating_sub(1);
        }
    }
}
