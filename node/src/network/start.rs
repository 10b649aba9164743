//! Bringing the network up.

use std::{collections::HashSet, io, net::SocketAddr, sync::Arc};

use futures::StreamExt as _;
use libp2p::{
    Swarm, Transport as _, TransportError,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, ListenerId},
        upgrade::Version,
    },
    noise,
    swarm::{self, SwarmEvent},
    tcp,
};
use tokio::{
    sync::watch,
    time::{Duration, timeout},
};

use super::{
    behaviour::Mesh,
    config::{NetworkConfig, multiaddr_of, socket_address_of},
    driver::{Driver, Steering},
    error::NetworkError,
    handle::{Controls, NetworkEvents, NetworkHandle, Shared},
    mux::MuxUpgrade,
};

/// Binds the handshake to this use and, with the chain id after it, to one chain.
const PROLOGUE_TAG: &[u8] = b"quancheng-noise-1";
/// How long a listener may take to report its address.
const LISTEN_PATIENCE: Duration = Duration::from_secs(5);
/// Streams a connection may have in protocol negotiation at once.
const NEGOTIATING_STREAMS_MAX: usize = 8;

/// Starts listening and dialling. Must be called within a tokio runtime; returns once every listener is bound.
///
/// # Errors
/// With an invalid configuration, or when an address cannot be listened on; nothing keeps running then.
pub async fn start(config: NetworkConfig) -> Result<(NetworkHandle, NetworkEvents), NetworkError> {
    config.validate()?;
    let NetworkConfig { listen, identity, chain_id, peers, limits } = config;
    let shared = Arc::new(Shared::new(limits));
    let local = identity.peer_id();
    let mesh = Mesh::new(local, &chain_id, &limits, Arc::clone(&shared.metrics));
    let swarm_config = swarm::Config::with_tokio_executor()
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS_MAX)
        .with_idle_connection_timeout(limits.idle_timeout());
    let mut prologue = PROLOGUE_TAG.to_vec();
    prologue.extend_from_slice(&chain_id);
    let noise = noise::Config::new(identity.keypair()).map_err(NetworkError::Identity)?.with_prologue(prologue);
    let transport = transport(noise, MuxUpgrade::new(&limits), limits.handshake_timeout());
    let mut driver = Driver::new(Swarm::new(transport, mesh, local, swarm_config), Arc::clone(&shared));
    driver.set_allowed(peers.clone());
    let listen = listen_on(&mut driver, &listen).await?;

    let (allowed, allowed_receiver) = watch::channel(peers);
    let (stop, stop_receiver) = watch::channel(false);
    let (done_sender, done) = watch::channel(false);
    let stop = Arc::new(stop);
    let steering = Steering { allowed: allowed_receiver, stop: stop_receiver, done: done_sender };
    tokio::spawn(driver.run(steering));
    let events = NetworkEvents { inbox: Arc::clone(&shared.inbox), stop: Arc::clone(&stop) };
    Ok((NetworkHandle::new(Controls { local, listen, shared, allowed, stop, done }), events))
}

fn transport(noise: noise::Config, mux: MuxUpgrade, handshake: Duration) -> Boxed<(libp2p::PeerId, StreamMuxerBox)> {
    tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(mux)
        .timeout(handshake)
        .boxed()
}

/// Listens on all addresses and returns those in use.
async fn listen_on(driver: &mut Driver, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, NetworkError> {
    let mut bound = Vec::new();
    for address in addresses {
        probe(*address)?;
        let listener = driver.swarm.listen_on(multiaddr_of(*address)).map_err(|error| match error {
            TransportError::Other(error) => NetworkError::from_listen(*address, error),
            TransportError::MultiaddrNotSupported(_) => {
                NetworkError::from_listen(*address, io::ErrorKind::Unsupported.into())
            }
        })?;
        timeout(LISTEN_PATIENCE, first_address(driver, listener, *address, &mut bound))
            .await
            .map_err(|_| NetworkError::ListenTimeout(*address))??;
    }
    let mut seen = HashSet::new();
    bound.retain(|address| seen.insert(*address));
    Ok(bound)
}

/// Tries the address without sharing it. libp2p sets `SO_REUSEPORT` on its listeners, with which a second node of the
/// same user would silently take half of the connections instead of failing.
fn probe(address: SocketAddr) -> Result<(), NetworkError> {
    match std::net::TcpListener::bind(address) {
        Ok(_closed_here) => Ok(()),
        Err(error) => Err(NetworkError::from_listen(address, error)),
    }
}

/// Waits until a listener has reported an address; collects all that are reported meanwhile.
#[expect(clippy::wildcard_enum_match_arm, reason = "all events but two are the driver's")]
async fn first_address(
    driver: &mut Driver,
    listener: ListenerId,
    asked: SocketAddr,
    bound: &mut Vec<SocketAddr>,
) -> Result<(), NetworkError> {
    loop {
        match driver.swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                bound.extend(socket_address_of(&address));
                if listener_id == listener {
                    return Ok(());
                }
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } if listener_id == listener => {
                return Err(NetworkError::from_listen(asked, error));
            }
            other => driver.on_swarm_event(other),
        }
    }
}
