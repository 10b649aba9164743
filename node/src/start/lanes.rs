//! The bounds of the network and of own batches, from those of the protocol, the chain and this process.

use std::time::Duration;

use quancheng_consensus::{Engine, Lane};
use quancheng_types::Genesis;

use super::NodeKeys;
use crate::batcher::SealRules;
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

/// Rules of the batcher under these parameters. Of one author the others hold a bounded number of bytes: were more in flight, each of
/// them might hold others, and none would have a quorum. And this node holds them in memory until they are ordered.
#[must_use]
pub fn seal_rules(engine: &Engine) -> SealRules {
    let parameters = engine.parameters();
    let of_author = usize::try_from(quancheng_consensus::limits::AUTHOR_BYTES_MAX / 2).unwrap_or(usize::MAX);
    let bytes_in_flight = of_author.min(OWN_BATCH_BYTES_MAX);
    SealRules {
        bytes: parameters.batch_bytes_max,
        weight: parameters.batch_weight_max,
        // Half of what the others allow: one that is a block behind still counts batches that were ordered.
        weight_in_flight: parameters.author_weight_max / 2,
        wait: Duration::from_millis(parameters.batch_wait_ms.into()),
        in_flight: (parameters.batches_in_flight_max as usize)
            .min(bytes_in_flight / parameters.batch_bytes_max.max(1) as usize)
            .max(1),
        validators: u32::try_from(engine.validators().validators().len()).unwrap_or(u32::MAX),
    }
}
