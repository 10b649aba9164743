//! The configuration file of a node (its keys are those of `quanchengd`; `quanchengd validate-config` explains them).

use std::net::SocketAddr;
use std::path::PathBuf;

use quancheng_types::NodeId;
use serde::Serialize;

use crate::error::LocalError;
use crate::layout::{NodeEntry, NodeRole};

/// Wait before the first signature after a restart, ms. Peers on one machine report at once.
const QUARANTINE_MS: u64 = 300;

#[derive(Serialize)]
struct File {
    node: Node,
    network: Network,
    api: Api,
    log: Log,
}

#[derive(Serialize)]
struct Node {
    data_dir: PathBuf,
    genesis: PathBuf,
    peer_key: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    validator_key: Option<PathBuf>,
    password_file: PathBuf,
    quarantine_ms: u64,
}

#[derive(Serialize)]
struct Network {
    listen: Vec<SocketAddr>,
    peers: Vec<Peer>,
}

#[derive(Serialize)]
struct Peer {
    node_id: NodeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    follower: bool,
}

#[derive(Serialize)]
struct Api {
    public: SocketAddr,
    admin: SocketAddr,
}

#[derive(Serialize)]
struct Log {
    level: String,
}

/// The text of the file of one node. `nodes` are all that run; `reserve` are known to peers but not dialled, since they do not
/// run yet.
pub(crate) fn text(
    own: &NodeEntry,
    nodes: &[NodeEntry],
    reserve: &[NodeEntry],
    log_level: &str,
) -> Result<String, LocalError> {
    let peer = |entry: &NodeEntry, address| Peer {
        node_id: entry.node_id,
        address,
        follower: entry.role == NodeRole::Follower,
    };
    let others = |entry: &&NodeEntry| entry.index != own.index;
    let running = nodes.iter().filter(others).map(|entry| peer(entry, Some(entry.peer)));
    let prepared = reserve.iter().filter(others).map(|entry| peer(entry, None));
    let file = File {
        node: Node {
            data_dir: "data".into(),
            genesis: "../genesis.json".into(),
            peer_key: "peer.key".into(),
            validator_key: own.public_key.is_some().then(|| "validator.key".into()),
            password_file: "../password".into(),
            quarantine_ms: QUARANTINE_MS,
        },
        network: Network { listen: vec![own.peer], peers: running.chain(prepared).collect() },
        api: Api { public: own.api, admin: own.admin },
        log: Log { level: log_level.to_owned() },
    };
    toml::to_string_pretty(&file)
        .map_err(|error| LocalError::Record { path: "node.toml".into(), reason: error.to_string() })
}
