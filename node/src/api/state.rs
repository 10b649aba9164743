//! What every handler shares.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;
use quancheng_state::Snapshot;
use quancheng_types::Height;
use tokio::sync::watch;

use super::backend::Backend;
use super::connections::Place;
use super::limits::ApiLimits;
use super::problem::{ApiError, ApiResult};
use crate::fair::{ClientAddress, FairBudget};
use crate::limits::{DECODES_MAX, PROOFS_MAX, REPLAYS_MAX};

/// Suggested wait when too many reads are waiting, ms.
const RETRY_AFTER_MS: u64 = 1_000;
/// How far the clock of a client may be ahead.
const CLOCK_TOLERANCE_MS: u64 = 60_000;
/// Reads that may wait for each one that runs: half of them of one address.
const WAITING_PER_READ: usize = 32;

/// The node behind the API, and what its clients share: of each budget no client address takes more than its part.
#[derive(Clone)]
pub(crate) struct Commons {
    /// The node.
    pub(crate) backend: Arc<dyn Backend>,
    /// What the operator allows.
    pub(crate) limits: Arc<ApiLimits>,
    /// Request bodies in memory.
    pub(crate) bodies: FairBudget,
    /// Answers that their clients have not taken.
    pub(crate) answers: FairBudget,
    /// Pieces of event streams that their clients have not taken.
    pub(crate) pieces: FairBudget,
    /// One for each open event stream.
    pub(crate) streams: FairBudget,
    /// Turns `true` when the node stops.
    pub(crate) stop: watch::Receiver<bool>,
    /// One for each large body that is being decoded.
    pub(crate) decoding: FairBudget,
    /// One for each event stream that reads the past just now.
    pub(crate) replaying: FairBudget,
    proving: FairBudget,
    running: FairBudget,
    waiting: FairBudget,
}

/// The node for one request: what it takes is taken from the part of its client.
#[derive(Clone)]
pub(crate) struct Api {
    commons: Commons,
    /// Who asks.
    pub(crate) client: ClientAddress,
    /// The place of the connection, at a door that has places.
    seat: Option<Arc<Place>>,
}

impl std::ops::Deref for Api {
    type Target = Commons;

    fn deref(&self) -> &Commons {
        &self.commons
    }
}

impl<S: Sync> FromRequestParts<S> for Api
where
    Commons: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        Commons::from_ref(state).of(&parts.extensions)
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("client", &self.client).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Commons {
    /// Of a node.
    #[must_use]
    pub(crate) fn new(backend: Arc<dyn Backend>, limits: ApiLimits, stop: watch::Receiver<bool>) -> Self {
        Self {
            backend,
            bodies: FairBudget::new(limits.body_bytes_total_max, limits.body_bytes_total_max / 3 * 2),
            answers: FairBudget::halves(limits.answer_bytes_total_max),
            pieces: FairBudget::halves(limits.stream_bytes_total_max),
            streams: FairBudget::halves(limits.streams_max),
            decoding: FairBudget::halves(DECODES_MAX),
            replaying: FairBudget::halves(REPLAYS_MAX),
            proving: FairBudget::halves(PROOFS_MAX),
            running: FairBudget::halves(limits.reads_max),
            waiting: FairBudget::halves(limits.reads_max.saturating_mul(WAITING_PER_READ)),
            limits: Arc::new(limits),
            stop,
        }
    }

    /// For a request, of whose client the door has noted the address.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when it has not.
    pub(crate) fn of(&self, noted: &Extensions) -> ApiResult<Api> {
        let client = noted.get::<ClientAddress>().copied();
        let client = client.ok_or_else(|| ApiError::Internal { reason: "a request without an address".to_owned() })?;
        Ok(Api { commons: self.clone(), client, seat: noted.get().cloned() })
    }

    /// Every budget that clients share, with its name: a field that is added is looked at here.
    #[cfg(test)]
    pub(super) fn budgets(&self) -> [(&'static str, &FairBudget); 9] {
        let Self {
            backend: _,
            limits: _,
            stop: _,
            bodies,
            answers,
            pieces,
            streams,
            decoding,
            replaying,
            proving,
            running,
            waiting,
        } = self;
        [
            ("bodies", bodies),
            ("answers", answers),
            ("pieces", pieces),
            ("streams", streams),
            ("decoding", decoding),
            ("replaying", replaying),
            ("proving", proving),
            ("running", running),
            ("waiting", waiting),
        ]
    }
}

impl Api {
    /// Runs something that may block on a thread for it. At most so many run at once, and at most so many wait.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] when too many wait; what `read` gives; [`ApiError::Internal`] when it panics.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Backend) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.waiting.try_take(self.client, 1).map_err(|_| overloaded())?;
        self.run(read).await
    }

    /// As [`Self::blocking`], for what takes much memory or long: making or checking a proof, trying a transaction. Fewer run at once, and of
    /// one client half of these.
    ///
    /// # Errors
    /// As [`Self::blocking`].
    pub(crate) async fn proving<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Backend) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.waiting.try_take(self.client, 1).map_err(|_| overloaded())?;
        let permit = self.proving.take(self.client, 1).await;
        self.run(move |backend| {
            let _permit = permit;
            read(backend)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Backend) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let permit = self.running.take(self.client, 1).await;
        let backend = Arc::clone(&self.backend);
        let task = tokio::task::spawn_blocking(move || {
            // The permit goes with the thread, not with the request: a client that leaves does not free what still runs.
            let _permit = permit;
            read(&*backend)
        });
        task.await.unwrap_or_else(|error| Err(ApiError::Internal { reason: error.to_string() }))
    }

    /// Waits for the chain: the place of the connection may be given away meanwhile.
    pub(crate) async fn resting<T>(&self, wait: impl Future<Output = T>) -> T {
        let _resting = self.seat.as_ref().map(|seat| seat.rests());
        wait.await
    }

    /// Ends when the place of the connection is given away.
    pub(crate) async fn told_to_leave(&self) {
        match &self.seat {
            Some(seat) => seat.told_to_leave().await,
            None => std::future::pending().await,
        }
    }

    /// Ends when the node stops.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // A sender that is gone means the node is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// Now by the clock of this machine, ms since 1970 UTC.
fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn overloaded() -> ApiError {
    ApiError::Overloaded { what: "reads waiting", retry_after_ms: RETRY_AFTER_MS }
}

/// Which state a read asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// The newest.
    #[default]
    Newest,
    /// The newest whose results are certified, so that they can be proven.
    NewestCertified,
    /// A height.
    Height(Height),
    /// A time, ms since 1970 UTC.
    Time(u64),
}

impl AsOf {
    /// The snapshot.
    ///
    /// # Errors
    /// [`ApiError::Pruned`], [`ApiError::NotReached`], [`ApiError::InvalidParameter`] for a time before the genesis.
    pub(crate) fn snapshot(self, backend: &dyn Backend) -> ApiResult<Snapshot> {
        let height = match self {
            Self::Newest => None,
            Self::NewestCertified => Some(backend.status().certified_height),
            Self::Height(height) => Some(height),
            Self::Time(time_ms) => {
                if time_ms > now_ms().saturating_add(CLOCK_TOLERANCE_MS).max(backend.status().time_ms) {
                    return Err(ApiError::parameter("time", "lies in the future: nobody knows what will be then"));
                }
                let height = backend.height_at(time_ms)?;
                let before = || ApiError::parameter("time", "lies before the genesis of the chain");
                Some(height.ok_or_else(before)?)
            }
        };
        Ok(backend.snapshot(height)?)
    }
}
