//! The peer-to-peer network of a node: frames of bytes between peers that the chain has admitted.
//!
//! ```text
//!  NetworkHandle ──► Outbox per peer ──► lane task ─┐   consensus │                  ┌─ lane task ──► Inbox ──► NetworkEvents
//!   send, broadcast   bounded, per lane   per lane  ├── data      │ yamux/Noise/TCP ─┤  per lane      bounded per peer and lane
//!                                                   └── sync      │                  └─
//!                         Driver: swarm, dials, sessions, allow-list;   Mesh + Gate: who may connect
//! ```
//!
//! - **Opaque.** What a frame means is decided by whoever reads it; here it has a sender, a lane and a length.
//! - **Full mesh.** Every node dials every allowed peer whose address it has, for ever, with bounded backoff. There is no
//!   discovery, no relay, no name resolution and no gossip.
//! - **Closed.** Before the handshake the number of connections is bounded, in total and per IP address. The handshake
//!   (Noise XX, prologue bound to the chain) proves the peer's identity; one that is not on the allow-list is dropped there.
//! - **Bounded.** Every queue has a limit in [`NetworkLimits`]. A full send queue drops and counts; a full receive
//!   queue stops reading that lane of that peer, so TCP-like backpressure reaches its sender and nobody else.
//! - **Framing.** Per lane one stream, protocol `/quancheng/<chain id in hex>/<lane>/1`; each frame is a length of four bytes,
//!   big-endian, and the content. The length is checked against the lane's limit before memory is taken; a longer one closes the
//!   stream, which is opened again after a pause. Length zero is a keep-alive, sent on the consensus lane only.

mod allowance;
mod backoff;
mod behaviour;
mod config;
mod driver;
mod error;
mod frame;
mod gate;
mod handle;
mod handler;
mod inbox;
mod lane;
mod link;
mod metrics;
mod mux;
mod outbox;
mod sessions;
mod start;
#[cfg(test)]
mod tests;

pub use config::{
    FRAME_BYTES_CEILING, LaneLimits, NetworkConfig, NetworkLimits, PeerEntry, PeerIdentity, PeerRole, peer_id_of,
};
pub use error::{NetworkError, SendError};
#[cfg(feature = "fuzzing")]
pub use frame::read_frames;
pub use handle::{BroadcastReport, NetworkEvent, NetworkEvents, NetworkHandle};
pub use lane::{LANE_COUNT, Lane};
pub use libp2p::PeerId;
pub use metrics::{Counter, LaneMetrics, NetworkMetrics};
pub use start::start;
