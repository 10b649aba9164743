//! The two listeners: accepting, bounding and ending connections.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::limits::{ApiLimits, HEAD_BYTES_MAX, HEADERS_MAX};
use super::stream::TimedStream;

/// Connections above the limit that are told so at once; yet others are closed without a word.
const REFUSALS_MAX: usize = 64;
/// Time for a client above the limit to take its answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Read buffer of a connection: bodies arrive in pieces of at most this size.
const BUFFER_BYTES: usize = 64 * 1024;
/// Wait after the system could not accept (no file descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answer to a connection above the limit; bilingual, as nothing of the request was read.
const REFUSAL: &str = concat!(
    "{\"type\":\"urn:quancheng:problem:OVERLOADED\",\"title\":\"连接数已满 / Too many connections\",\"status\":503,",
    "\"detail\":\"本节点连接数已达上限，请稍后重试或改用其他节点 / ",
    "This node has no room for another connection; try again later or ask another node\",",
    "\"code\":\"OVERLOADED\",\"retryable\":true,\"causes\":[],\"retry_after_ms\":1000}"
);

/// One listener.
struct Door {
    limits: Arc<ApiLimits>,
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    addresses: Addresses,
    stop: watch::Receiver<bool>,
}

/// Open connections by address of the client.
type Addresses = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// A place among the open connections, given back when dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    addresses: Addresses,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        match addresses.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                addresses.remove(&self.address);
            }
        }
    }
}

/// Serves until `stop` turns true, then lets requests in progress end within the grace period.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Arc<ApiLimits>,
    mut stop: watch::Receiver<bool>,
) {
    let door = Door {
        connections: Arc::new(Semaphore::new(limits.connections_max)),
        refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        addresses: Addresses::default(),
        stop: stop.clone(),
        limits,
    };
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection ended abnormally");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => door.admit(&mut tasks, &router, stream, address),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let end = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(door.limits.shutdown_grace, end).await.is_err() {
        tasks.shutdown().await;
    }
}

impl Door {
    fn admit(&self, tasks: &mut JoinSet<()>, router: &Router, stream: TcpStream, address: SocketAddr) {
        match self.place(address.ip()) {
            Some(place) => {
                tasks.spawn(converse(stream, router.clone(), Arc::clone(&self.limits), self.stop.clone(), place));
            }
            None => {
                if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
                    tasks.spawn(async move {
                        let _permit = permit;
                        let _ = tokio::time::timeout(REFUSAL_TIMEOUT, refuse(stream)).await;
                    });
                }
            }
        }
    }

    fn place(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= self.limits.connections_per_address_max {
            return None;
        }
        *count += 1;
        Some(Place { _permit: permit, addresses: Arc::clone(&self.addresses), address })
    }
}

/// Ends when the node stops. A sender that is gone means the node is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One connection, many requests.
async fn converse(
    stream: TcpStream,
    router: Router,
    limits: Arc<ApiLimits>,
    mut stop: watch::Receiver<bool>,
    place: Place,
) {
    let _place = place;
    // Answers are small and awaited: never hold them back to fill a segment.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection ended before it began");
        return;
    }
    let io = TokioIo::new(TimedStream::new(stream, limits.write_timeout));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.shutdown_grace, connection).await {
                Ok(result) => result,
                Err(_elapsed) => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Tells a client that there is no room. Its request is read and thrown away first, so that closing does not reset the answer.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{REFUSAL}",
        REFUSAL.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await?;
    let mut sink = [0_u8; 1024];
    for _ in 0..HEAD_BYTES_MAX / sink.len() {
        if stream.read(&mut sink).await? == 0 {
            break;
        }
    }
    Ok(())
}
