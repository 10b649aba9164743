//! What the node's configuration and the chain say about the network: who may connect, where, and within which bounds.

use core::time::Duration;
use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
};

use libp2p::{Multiaddr, PeerId, identity, multiaddr::Protocol};

use super::{
    error::NetworkError,
    lane::{LANE_COUNT, Lane},
};

/// Streams one connection may have at a time. Three are in use; the rest covers lanes that are being replaced.
pub(super) const STREAMS_MAX: u32 = 16;
/// The multiplexer grants every stream this much before it adapts (yamux specification, "Flow control").
pub(super) const STREAM_WINDOW_BYTES: u64 = 256 * 1024;
/// No lane may allow longer frames than this, whatever the configuration says.
pub const FRAME_BYTES_CEILING: u32 = 64 * 1024 * 1024;
/// No queue may be allowed to hold more than this.
const QUEUE_BYTES_CEILING: u64 = 1024 * 1024 * 1024;
/// No time limit may exceed this: ten minutes.
const TIMEOUT_MS_CEILING: u64 = 600_000;
/// No count of frames, peers or connections may exceed this.
const COUNT_CEILING: u64 = 1_000_000;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * 1024;

/// What a peer is on the chain. Both kinds are on the allow-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerRole {
    /// Votes.
    Validator,
    /// Holds no key, serves reads.
    Follower,
}

/// A peer that may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    /// Identity: the hash-free form of its Ed25519 transport key, as bound to the validator's record on chain.
    pub peer_id: PeerId,
    /// Where to dial it; `None` for a peer that only dials us.
    pub address: Option<SocketAddr>,
    /// Its role.
    pub role: PeerRole,
}

impl PeerEntry {
    /// Reads an entry from the texts of a configuration file.
    ///
    /// # Errors
    /// When the identity or the address is not well formed. Host names are refused: the node resolves none.
    pub fn parse(peer_id: &str, address: Option<&str>, role: PeerRole) -> Result<Self, NetworkError> {
        let peer_id = peer_id.parse().map_err(|_| NetworkError::PeerIdUnparsable(peer_id.to_owned()))?;
        let address = address
            .map(|text| text.parse().map_err(|_| NetworkError::AddressUnparsable(text.to_owned())))
            .transpose()?;
        Ok(Self { peer_id, address, role })
    }
}

/// The peer identity that belongs to an Ed25519 public key, as a validator's record on chain carries it.
///
/// # Errors
/// When the bytes are not a point of the curve.
pub fn peer_id_of(public_key: &[u8; 32]) -> Result<PeerId, NetworkError> {
    let key = identity::ed25519::PublicKey::try_from_bytes(public_key)
        .map_err(|_| NetworkError::PublicKeyInvalid(*public_key))?;
    Ok(identity::PublicKey::from(key).to_peer_id())
}

/// The transport key of this node.
#[derive(Clone)]
pub struct PeerIdentity(identity::Keypair);

impl PeerIdentity {
    /// Derives the key pair from its 32-byte Ed25519 seed (RFC 8032, section 5.1.5) and wipes the seed.
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let keypair =
            identity::Keypair::ed25519_from_bytes(&mut seed).expect("every 32-byte string is an Ed25519 seed");
        Self(keypair)
    }

    /// The identity that peers know this node by.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.0.public().to_peer_id()
    }

    pub(super) const fn keypair(&self) -> &identity::Keypair {
        &self.0
    }
}

impl core::fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PeerIdentity({})", self.peer_id())
    }
}

/// The bounds of one lane, each per peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Longest frame, sent or received, in bytes.
    pub frame_bytes_max: u32,
    /// Frames that may wait to be sent.
    pub send_frames_max: u32,
    /// Bytes that may wait to be sent.
    pub send_bytes_max: u64,
    /// Received bytes that may wait for the consumer; past it the peer's stream is not read any further.
    pub receive_bytes_max: u64,
}

/// The bounds of the network layer.
///
/// Memory is bounded by the number of allowed peers times the sum over lanes of `send_bytes_max`, `receive_bytes_max`
/// and two frames in work, plus `connection_window_bytes_max` for each of at most three connections; before the handshake by
/// `pending_incoming_max` buffers of a Noise handshake (below 70 KiB each).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Bounds per lane, indexed by [`Lane::index`].
    pub lanes: [LaneLimits; LANE_COUNT],
    /// Entries on the allow-list.
    pub peers_max: u32,
    /// Incoming connections from unknown IP addresses that may be in their handshake.
    pub pending_incoming_max: u32,
    /// Incoming connections in their handshake per IP address; an address where n allowed peers live gets n + 1 times as
    /// many, and they do not count against `pending_incoming_max`, so strangers cannot crowd peers out.
    pub pending_per_ip_max: u32,
    /// Bytes that all streams of one connection together may have in flight towards us.
    pub connection_window_bytes_max: u64,
    /// Time for TCP and Noise together, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// A keep-alive is sent when the consensus lane has been silent for this long, in milliseconds.
    pub keepalive_ms: u64,
    /// A connection whose consensus lane brought nothing for this long is closed, in milliseconds.
    pub idle_timeout_ms: u64,
    /// First delay before dialling again, in milliseconds; doubles with each failure.
    pub dial_backoff_min_ms: u64,
    /// Longest delay before dialling again, in milliseconds.
    pub dial_backoff_max_ms: u64,
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            lanes: [
                LaneLimits {
                    frame_bytes_max: 256 * KIB,
                    send_frames_max: 4_096,
                    send_bytes_max: u64::from(4 * MIB),
                    receive_bytes_max: u64::from(2 * MIB),
                },
                LaneLimits {
                    frame_bytes_max: 2 * MIB,
                    send_frames_max: 1_024,
                    send_bytes_max: u64::from(16 * MIB),
                    receive_bytes_max: u64::from(8 * MIB),
                },
                LaneLimits {
                    frame_bytes_max: 8 * MIB,
                    send_frames_max: 256,
                    send_bytes_max: u64::from(16 * MIB),
                    receive_bytes_max: u64::from(8 * MIB),
                },
            ],
            peers_max: 256,
            pending_incoming_max: 64,
            pending_per_ip_max: 8,
            connection_window_bytes_max: u64::from(16 * MIB),
            handshake_timeout_ms: 5_000,
            keepalive_ms: 3_000,
            idle_timeout_ms: 10_000,
            dial_backoff_min_ms: 100,
            dial_backoff_max_ms: 5_000,
        }
    }
}

impl NetworkLimits {
    /// The bounds of one lane.
    #[must_use]
    pub const fn lane(&self, lane: Lane) -> &LaneLimits {
        &self.lanes[lane.index()]
    }

    pub(super) const fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    pub(super) const fn keepalive(&self) -> Duration {
        Duration::from_millis(self.keepalive_ms)
    }

    pub(super) const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    fn validate(&self) -> Result<(), NetworkError> {
        for lane in &self.lanes {
            let frame = u64::from(lane.frame_bytes_max);
            within("frame_bytes_max", frame, 1, u64::from(FRAME_BYTES_CEILING))?;
            within("send_frames_max", u64::from(lane.send_frames_max), 1, COUNT_CEILING)?;
            within("send_bytes_max", lane.send_bytes_max, frame, QUEUE_BYTES_CEILING)?;
            within("receive_bytes_max", lane.receive_bytes_max, frame, QUEUE_BYTES_CEILING)?;
        }
        let window_min = u64::from(STREAMS_MAX) * STREAM_WINDOW_BYTES;
        within("peers_max", u64::from(self.peers_max), 1, COUNT_CEILING)?;
        within("pending_incoming_max", u64::from(self.pending_incoming_max), 1, COUNT_CEILING)?;
        within("pending_per_ip_max", u64::from(self.pending_per_ip_max), 1, COUNT_CEILING)?;
        within("connection_window_bytes_max", self.connection_window_bytes_max, window_min, QUEUE_BYTES_CEILING)?;
        within("handshake_timeout_ms", self.handshake_timeout_ms, 1, TIMEOUT_MS_CEILING)?;
        within("keepalive_ms", self.keepalive_ms, 1, TIMEOUT_MS_CEILING / 2)?;
        // A single lost keep-alive must not close a healthy connection.
        within("idle_timeout_ms", self.idle_timeout_ms, self.keepalive_ms * 2, TIMEOUT_MS_CEILING)?;
        within("dial_backoff_min_ms", self.dial_backoff_min_ms, 1, TIMEOUT_MS_CEILING)?;
        within("dial_backoff_max_ms", self.dial_backoff_max_ms, self.dial_backoff_min_ms, TIMEOUT_MS_CEILING)
    }
}

fn within(name: &'static str, value: u64, min: u64, max: u64) -> Result<(), NetworkError> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(NetworkError::LimitInvalid { name, value, min, max }) }
}

/// Everything the network needs to start.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Addresses to listen on; port 0 takes a free one, see [`NetworkHandle::listen_addresses`](super::NetworkHandle::listen_addresses).
    pub listen: Vec<SocketAddr>,
    /// The transport key of this node.
    pub identity: PeerIdentity,
    /// Identity of the chain; nodes of different chains fail the handshake with each other.
    pub chain_id: [u8; 32],
    /// The allow-list. An entry for this node itself is ignored.
    pub peers: Vec<PeerEntry>,
    /// Bounds.
    pub limits: NetworkLimits,
}

impl NetworkConfig {
    pub(super) fn validate(&self) -> Result<(), NetworkError> {
        self.limits.validate()?;
        validate_peers(&self.peers, &self.limits)?;
        if self.listen.is_empty() && self.peers.iter().all(|peer| peer.address.is_none()) {
            return Err(NetworkError::Unreachable);
        }
        Ok(())
    }
}

pub(super) fn validate_peers(peers: &[PeerEntry], limits: &NetworkLimits) -> Result<(), NetworkError> {
    let max = usize::try_from(limits.peers_max).unwrap_or(usize::MAX);
    if peers.len() > max {
        return Err(NetworkError::TooManyPeers { listed: peers.len(), max });
    }
    let mut seen = HashSet::with_capacity(peers.len());
    match peers.iter().find(|peer| !seen.insert(peer.peer_id)) {
        Some(twice) => Err(NetworkError::PeerTwice(twice.peer_id)),
        None => Ok(()),
    }
}

pub(super) fn multiaddr_of(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

/// The socket address at the head of a multiaddress; `None` when it does not start with IP and TCP.
pub(super) fn socket_address_of(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let host = parts.next()?;
    let ip = if let Protocol::Ip4(ip) = host {
        IpAddr::V4(ip)
    } else if let Protocol::Ip6(ip) = host {
        IpAddr::V6(ip)
    } else {
        return None;
    };
    if let Protocol::Tcp(port) = parts.next()? { Some(SocketAddr::new(ip, port)) } else { None }
}
