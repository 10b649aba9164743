//! The bounds of the network, from those of the protocol and of this process.

use quancheng_consensus::Lane;
use quancheng_types::Genesis;

use super::NodeKeys;
use crate::config::NodeConfig;
use crate::descriptors::Division;
use crate::limits::OWN_BATCH_BYTES_MAX;
use crate::network::{self, LaneLimits, NetworkConfig, NetworkLimits, PeerIdentity};

/// What the network is started with.
pub(super) fn network_config(
    config: &NodeConfig,
    genesis: &Genesis,
    keys: &NodeKeys,
    peers: Vec<network::PeerEntry>,
    descriptors: &Division,
) -> NetworkConfig {
    let lane = |lane: Lane| {
        let frame_bytes_max = u32::try_from(lane.bytes_max()).unwrap_or(network::FRAME_BYTES_CEILING);
        let frame = u64::from(frame_bytes_max);
        LaneLimits {
            frame_bytes_max,
            send_frames_max: 4_096,
            // One frame of the largest size at least; of batches all own ones that may be in flight.
            send_bytes_max: if lane == Lane::Data { frame.max(OWN_BATCH_BYTES_MAX as u64 + 64 * 1024) } else { frame },
            receive_bytes_max: frame,
        }
    };
    NetworkConfig {
        listen: config.network.listen.clone(),
        identity: PeerIdentity::from_seed(*keys.peer.seed()),
        chain_id: *genesis.chain_id().as_bytes(),
        peers,
        limits: NetworkLimits {
            lanes: Lane::ALL.map(lane),
            pending_incoming_max: descriptors.strangers(),
            ..NetworkLimits::default()
        },
    }
}
