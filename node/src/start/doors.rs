//! The two HTTP doors: there from the start, which they tell of, and closed first.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{ApiLimits, Audience, Backend, Entrance, StartProgress};
use crate::config::ApiSection;
use crate::descriptors::Division;

/// Why a door does not open.
#[derive(Debug)]
pub struct DoorError {
    key: &'static str,
    address: SocketAddr,
    error: std::io::Error,
}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, address, error } = self;
        let advices = [
            (std::io::ErrorKind::AddrInUse, "; another program uses the port: stop it, or choose another port"),
            (std::io::ErrorKind::PermissionDenied, "; ports below 1024 need privileges: choose a higher one"),
            (std::io::ErrorKind::AddrNotAvailable, "; this machine has no such address"),
        ];
        let advice = advices.iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, advice)| advice);
        write!(f, "cannot listen on {address} ({key}): {error}{advice}")
    }
}

impl std::error::Error for DoorError {}

/// The open doors.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    entrances: [Entrance; 2],
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

/// Bytes that the system keeps of answers that a client has not taken, for one connection: it would take megabytes.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn open_one(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), DoorError> {
    listen(address).map_err(|error| DoorError { key, address, error })
}

fn places(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Doors {
    /// Listens, and answers that the node is starting.
    pub(super) fn open(
        progress: &Arc<StartProgress>,
        config: &ApiSection,
        descriptors: &Division,
    ) -> Result<Self, DoorError> {
        let (public_listener, public) = open_one("api.public", config.public)?;
        let (admin_listener, admin) = open_one("api.admin", config.admin)?;
        let limits = ApiLimits {
            connections_max: places(descriptors.clients),
            connections_per_address_max: config.connections_per_address_max as usize,
            refusals_max: places(descriptors.refusals),
            ..ApiLimits::default()
        };
        let for_admin = ApiLimits {
            connections_max: places(descriptors.admin),
            connections_per_address_max: places(descriptors.admin),
            ..limits.clone()
        };
        let (stop, stopped) = watch::channel(false);
        let entrances = [
            Entrance::new(Audience::Public, limits, stopped.clone(), progress),
            Entrance::new(Audience::Operator, for_admin, stopped, progress),
        ];
        let [for_clients, for_operator] = &entrances;
        let tasks =
            [tokio::spawn(for_clients.serve(public_listener)), tokio::spawn(for_operator.serve(admin_listener))];
        Ok(Self { public, admin, entrances, stop, tasks })
    }

    /// Answers for the node from now on.
    pub(super) fn enter(&self, backend: &Arc<dyn Backend>) {
        self.entrances.iter().for_each(|entrance| entrance.enter(Arc::clone(backend)));
    }

    /// Takes no more requests and lets those in progress end.
    pub(super) async fn close(self, patience: Duration) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // A request that does not end in time is cut with the process.
            let _ = tokio::time::timeout(patience, task).await;
        }
    }
}
