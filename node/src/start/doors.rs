//! The two HTTP doors: opened last, closed first.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{ApiLimits, Backend, serve_admin, serve_public};
use crate::config::ApiSection;

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
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), DoorError> {
    let listener = TcpListener::bind(address).await.map_err(|error| DoorError { key, address, error })?;
    let bound = listener.local_addr().map_err(|error| DoorError { key, address, error })?;
    Ok((listener, bound))
}

impl Doors {
    pub(super) async fn open(backend: Arc<dyn Backend>, config: &ApiSection) -> Result<Self, DoorError> {
        let (public_listener, public) = bind("api.public", config.public).await?;
        let (admin_listener, admin) = bind("api.admin", config.admin).await?;
        let connections_max = config.connections_max as usize;
        let limits =
            ApiLimits { connections_max, connections_per_address_max: connections_max, ..ApiLimits::default() };
        let (stop, stopped) = watch::channel(false);
        let tasks = [
            tokio::spawn(serve_public(public_listener, Arc::clone(&backend), limits.clone(), stopped.clone())),
            tokio::spawn(serve_admin(admin_listener, backend, limits, stopped)),
        ];
        Ok(Self { public, admin, stop, tasks })
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
