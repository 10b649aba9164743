//! What can go wrong at the edge of the network layer.

use core::fmt;
use std::{io, net::SocketAddr};

use libp2p::PeerId;

use super::lane::Lane;

/// The network could not be started or reconfigured.
#[derive(Debug)]
pub enum NetworkError {
    /// Another program listens on the address.
    AddressInUse(SocketAddr),
    /// The operating system forbids listening on the address.
    ListenForbidden(SocketAddr),
    /// No interface of this machine has the address.
    AddressNotLocal(SocketAddr),
    /// Listening failed for another reason.
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The listener did not report its address in time.
    ListenTimeout(SocketAddr),
    /// The configuration names no address to listen on and no peer address to dial: the node could never connect.
    Unreachable,
    /// A text is not `ip:port`.
    AddressUnparsable(String),
    /// A text is not a peer identity.
    PeerIdUnparsable(String),
    /// The 32 bytes are not an Ed25519 public key.
    PublicKeyInvalid([u8; 32]),
    /// A peer is listed twice.
    PeerTwice(PeerId),
    /// More peers than `peers_max`.
    TooManyPeers {
        /// How many were listed.
        listed: usize,
        /// The limit.
        max: usize,
    },
    /// A limit has a value with which the network cannot work.
    LimitInvalid {
        /// The name of the limit.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The smallest value that works.
        min: u64,
        /// The largest value that works.
        max: u64,
    },
    /// The secure channel could not be prepared from the identity.
    Identity(libp2p::noise::Error),
    /// The network has been shut down.
    Stopped,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse(a) => write!(
                f,
                "cannot listen on {a}: another program already uses this port; stop it or set another listen address"
            ),
            Self::ListenForbidden(a) => write!(
                f,
                "cannot listen on {a}: permission denied; choose a port above 1023 or grant the capability to bind it"
            ),
            Self::AddressNotLocal(a) => write!(
                f,
                "cannot listen on {a}: no interface of this machine has this address; use one of its own or 0.0.0.0"
            ),
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::ListenTimeout(a) => {
                write!(f, "cannot listen on {a}: the listener reported no address in time")
            }
            Self::Unreachable => f.write_str(
                "no listen address and no peer with an address: this node could never connect; set at least one",
            ),
            Self::AddressUnparsable(text) => {
                write!(
                    f,
                    "peer address {text:?} is not ip:port, for example 10.0.0.7:26656 or [fd00::7]:26656; names are not resolved"
                )
            }
            Self::PeerIdUnparsable(text) => {
                write!(f, "{text:?} is not a peer identity; one starts with 12D3KooW")
            }
            Self::PublicKeyInvalid(_) => f.write_str("the peer key is not a valid Ed25519 public key"),
            Self::PeerTwice(peer) => write!(f, "peer {peer} is listed twice; remove one of the entries"),
            Self::TooManyPeers { listed, max } => {
                write!(f, "{listed} peers are listed, at most {max} are allowed; raise peers_max or remove peers")
            }
            Self::LimitInvalid { name, value, min, max } => {
                write!(f, "network limit {name} is {value}, it must lie between {min} and {max}")
            }
            Self::Identity(source) => write!(f, "the peer identity cannot be used for Noise: {source}"),
            Self::Stopped => f.write_str("the network has been shut down"),
        }
    }
}

impl std::error::Error for NetworkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } => Some(source),
            Self::Identity(source) => Some(source),
            Self::AddressInUse(_)
            | Self::ListenForbidden(_)
            | Self::AddressNotLocal(_)
            | Self::ListenTimeout(_)
            | Self::Unreachable
            | Self::AddressUnparsable(_)
            | Self::PeerIdUnparsable(_)
            | Self::PublicKeyInvalid(_)
            | Self::PeerTwice(_)
            | Self::TooManyPeers { .. }
            | Self::LimitInvalid { .. }
            | Self::Stopped => None,
        }
    }
}

impl NetworkError {
    /// Sorts an operating-system error of `bind` or `listen` by what the operator should do.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "three kinds have advice of their own, all others are shown as the system words them"
    )]
    pub(super) fn from_listen(address: SocketAddr, source: io::Error) -> Self {
        match kind_of(&source) {
            io::ErrorKind::AddrInUse => Self::AddressInUse(address),
            io::ErrorKind::PermissionDenied => Self::ListenForbidden(address),
            io::ErrorKind::AddrNotAvailable => Self::AddressNotLocal(address),
            _ => Self::Listen { address, source },
        }
    }
}

/// The kind of the innermost operating-system error: libp2p wraps it several times and each layer reports "other".
fn kind_of(error: &io::Error) -> io::ErrorKind {
    let mut kind = error.kind();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = cause {
        kind = inner.downcast_ref::<io::Error>().map_or(kind, io::Error::kind);
        cause = inner.source();
    }
    kind
}

/// A frame was not queued. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// There is no working link to the peer, or it is not on the allow-list.
    NotConnected(PeerId),
    /// The peer takes frames more slowly than they are sent; this one was dropped and counted.
    QueueFull {
        /// The slow peer.
        peer: PeerId,
        /// The lane that is full.
        lane: Lane,
    },
    /// The frame is longer than the lane allows; the peer would have closed the stream.
    FrameTooLong {
        /// The lane.
        lane: Lane,
        /// Length of the frame in bytes.
        bytes: usize,
        /// The lane's limit in bytes.
        bytes_max: u32,
    },
    /// A frame without content: its encoding is reserved for keep-alives.
    FrameEmpty(Lane),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(peer) => write!(f, "peer {peer} is not connected"),
            Self::QueueFull { peer, lane } => {
                write!(f, "the {lane} queue of peer {peer} is full; the frame was dropped")
            }
            Self::FrameTooLong { lane, bytes, bytes_max } => {
                write!(f, "a frame of {bytes} bytes exceeds the {bytes_max} bytes of the {lane} lane")
            }
            Self::FrameEmpty(lane) => write!(f, "an empty frame cannot be sent on the {lane} lane"),
        }
    }
}

impl std::error::Error for SendError {}
