//! The two listeners: accepting, bounding and ending connections.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
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

use super::arriving::{Arriving, Sending};
use super::connections::{Place, Places};
use super::limits::{ApiLimits, HEAD_BYTES_MAX, HEADERS_MAX};
use super::pace::Pace;
use super::stream::{Lingerers, TimedStream};
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
    pace: Pace,
    refusals: Refusals,
    lingerers: Lingerers,
    stop: watch::Receiver<bool>,
}

/// Connections that are being sent away, bounded like the others: each holds a descriptor until its client has had its answer. Those that are
/// refused and those that make room have places of their own, so that the one cannot take the answer of the other.
struct Refusals {
    refused: Arc<Semaphore>,
    /// The tasks that refuse, oldest first.
    tasks: VecDeque<AbortHandle>,
    making_room: Arc<Semaphore>,
}

impl Refusals {
    fn new(most: usize) -> Self {
        let half = (most / 2).max(1);
        Self {
            refused: Arc::new(Semaphore::new(half)),
            tasks: VecDeque::new(),
            making_room: Arc::new(Semaphore::new(half)),
        }
    }

    /// A permit to refuse; when there is none, the refused connection that has been on its way out for longest is cut.
    async fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        self.tasks.retain(|task| !task.is_finished());
        if let Ok(permit) = Arc::clone(&self.refused).try_acquire_owned() {
            return Some(permit);
        }
        // All permits are with these tasks, and a task that is cut gives back its own.
        if let Some(oldest) = self.tasks.pop_front() {
            oldest.abort();
        }
        Arc::clone(&self.refused).acquire_owned().await.ok()
    }
}

/// Serves each request with the router of its moment until `stop` turns true, then lets requests in progress end within the grace period.
pub(super) async fn serve(
    listener: TcpListener,
    router: watch::Receiver<Router>,
    limits: Arc<ApiLimits>,
    mut stop: watch::Receiver<bool>,
) {
    let mut door = Door {
        places: Places::new(limits.connections_max, limits.connections_per_address_max, limits.idle_min),
        pace: Pace::default(),
        refusals: Refusals::new(limits.refusals_max),
        lingerers: Lingerers::default(),
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
                Ok((stream, address)) => door.admit(&mut tasks, &router, stream, address).await,
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
    async fn admit(
        &mut self,
        tasks: &mut JoinSet<()>,
        router: &watch::Receiver<Router>,
        stream: TcpStream,
        address: SocketAddr,
    ) {
        let client = ClientAddress::of(address.ip());
        match self.places.take(client, Instant::now()) {
            Some(place) => {
                let talk = Talk {
                    router: router.clone(),
                    sending: Sending { client, pace: self.pace.clone() },
                    limits: Arc::clone(&self.limits),
                    place: Arc::new(place),
                    ways_out: Arc::clone(&self.refusals.making_room),
                    lingerers: self.lingerers.clone(),
                };
                tasks.spawn(talk.run(stream, self.stop.clone()));
            }
            None => {
                if let Some(permit) = self.refusals.permit().await {
                    let lingerers = self.lingerers.clone();
                    let refusal = tasks.spawn(async move {
                        let _permit = permit;
                        let _ = tokio::time::timeout(REFUSAL_TIMEOUT, refuse(stream, lingerers)).await;
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

/// How many transactions of a request were refused for a fault of their own: whoever answers so notes it in the response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused(pub(super) u64);

/// One connection, many requests.
struct Talk {
    router: watch::Receiver<Router>,
    sending: Sending,
    limits: Arc<ApiLimits>,
    place: Arc<Place>,
    ways_out: Arc<Semaphore>,
    lingerers: Lingerers,
}

impl Talk {
    async fn run(self, stream: TcpStream, mut stop: watch::Receiver<bool>) {
        let Self { router, sending, limits, place, ways_out, lingerers } = self;
        let client = sending.client;
        // Answers are small and awaited: never hold them back to fill a segment.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection ended before it began");
            return;
        }
        let io = TokioIo::new(TimedStream::new(stream, limits.write_timeout, lingerers));
        let seat = Arc::clone(&place);
        let service = service_fn(move |request: Request<Incoming>| {
            let answering = Answering(Arc::clone(&seat));
            let (seat, sending) = (Arc::clone(&seat), sending.clone());
            let wait = sending.pace.request(client, Instant::now());
            let mut request = request.map(|body| Arriving::new(body, Arc::clone(&seat), sending.clone()));
            // Handlers that take something in ask for the client's address, those that wait for its place.
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(Arc::clone(&seat));
            // The router of this moment: a connection that came before the node was there finds it with its next request.
            let service = TowerToHyperService::new(router.borrow().clone());
            async move {
                sending.turn(&seat, wait).await;
                let response = service.call(request).await?;
                if let Some(Refused(count)) = response.extensions().get() {
                    sending.pace.refused(client, *count, Instant::now());
                }
                Ok::<_, std::convert::Infallible>(response.map(|body| Watched { body, _answering: answering }))
            }
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
                // Its place is given away. A request that waits for the chain has its answer; one that is on its way just now is not answered, but
                // is not reset either.
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
}

/// While it lives, a request of the connection is being answered.
struct Answering(Arc<Place>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.idle();
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
async fn refuse(stream: TcpStream, lingerers: Lingerers) -> std::io::Result<()> {
    let mut stream = TimedStream::new(stream, REFUSAL_TIMEOUT, lingerers);
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{REFUSAL}",
        REFUSAL.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}
