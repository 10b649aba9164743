//! The two listeners: accepting, bounding and ending connections.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::{Extension, Router};
use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::connections::{Place, Places};
use super::limits::{ApiLimits, HEAD_BYTES_MAX, HEADERS_MAX};
use super::stream::TimedStream;
use crate::fair::ClientAddress;
use crate::limits::READ_BUFFER_BYTES;

/// Time for a client above the limit, or one that makes room, to send the rest of its request and take its answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);
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
    places: Places,
    refusals: Refusals,
    stop: watch::Receiver<bool>,
}

/// Connections that are being sent away, bounded like the others: each holds a descriptor until its client has had its answer.
struct Refusals {
    permits: Arc<Semaphore>,
    /// Oldest first.
    tasks: VecDeque<AbortHandle>,
}

impl Refusals {
    fn new(most: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(most)), tasks: VecDeque::new() }
    }

    /// A permit; when there is none, the connection that has been on its way out for longest is cut.
    async fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        self.tasks.retain(|task| !task.is_finished());
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        // Without one of its own to cut, all permits are with connections that make room.
        self.tasks.pop_front()?.abort();
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }
}

/// Serves each connection with the router of the moment it comes until `stop` turns true, then lets requests in progress end within the grace period.
pub(super) async fn serve(
    listener: TcpListener,
    router: watch::Receiver<Router>,
    limits: Arc<ApiLimits>,
    mut stop: watch::Receiver<bool>,
) {
    let mut door = Door {
        places: Places::new(limits.connections_max, limits.connections_per_address_max, limits.idle_min),
        refusals: Refusals::new(limits.refusals_max),
        stop: stop.clone(),
        limits,
    };
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended
                    && !error.is_cancelled()
                {
                    tracing::error!(%error, "a connection ended abnormally");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let router = router.borrow().clone();
                    door.admit(&mut tasks, router, stream, address).await;
                }
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
    async fn admit(&mut self, tasks: &mut JoinSet<()>, router: Router, stream: TcpStream, address: SocketAddr) {
        match self.places.take(address.ip(), Instant::now()) {
            Some(place) => {
                // Handlers that take something in ask for the client's address.
                let router = router.layer(Extension(ClientAddress::of(address.ip())));
                let ways_out = Arc::clone(&self.refusals.permits);
                tasks.spawn(converse(stream, router, Arc::clone(&self.limits), self.stop.clone(), place, ways_out));
            }
            None => {
                if let Some(permit) = self.refusals.permit().await {
                    let refusal = tasks.spawn(async move {
                        let _permit = permit;
                        let _ = tokio::time::timeout(REFUSAL_TIMEOUT, refuse(stream)).await;
                    });
                    self.refusals.tasks.push_back(refusal);
                }
            }
        }
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
    ways_out: Arc<Semaphore>,
) {
    // Answers are small and awaited: never hold them back to fill a segment.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection ended before it began");
        return;
    }
    let place = Arc::new(place);
    let io = TokioIo::new(TimedStream::new(stream, limits.write_timeout));
    let (seat, router) = (Arc::clone(&place), TowerToHyperService::new(router));
    let service = service_fn(move |request: Request<Incoming>| {
        seat.busy();
        let answering = Answering(Arc::clone(&seat));
        let seat = Arc::clone(&seat);
        let answer = router.call(request.map(|body| Arriving { body, seat }));
        async move { answer.await.map(|response| response.map(|body| Watched { body, _answering: answering })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = place.told_to_leave() => {
            // Its place is given away. A request that is on its way just now is not answered, but is not reset either.
            let Ok(_permit) = ways_out.try_acquire_owned() else {
                return;
            };
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(REFUSAL_TIMEOUT, connection).await {
                Ok(result) => result,
                Err(_elapsed) => return,
            }
        }
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

/// While it lives, a request of the connection is being answered.
struct Answering(Arc<Place>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// A body that tells while it does not come: a client that begins one and stops asks for nothing.
struct Arriving {
    body: Incoming,
    seat: Arc<Place>,
}

impl hyper::body::Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            self.seat.busy();
        } else {
            self.seat.stalls();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.seat.busy();
    }
}

/// A body that tells when all of it was made, or nobody wants it any more.
struct Watched {
    body: Body,
    _answering: Answering,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// Tells a client that there is no room. Closing lingers as it does for any other answer ([`TimedStream`]).
async fn refuse(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = TimedStream::new(stream, REFUSAL_TIMEOUT);
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{REFUSAL}",
        REFUSAL.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}
