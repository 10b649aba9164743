//! What every handler shares.

use std::sync::Arc;

use quancheng_state::Snapshot;
use quancheng_types::Height;
use tokio::sync::{Semaphore, watch};

use super::backend::Backend;
use super::counts::Counts;
use super::limits::ApiLimits;
use super::problem::{ApiError, ApiResult};
use crate::budget::ByteBudget;
use crate::fair::ClientAddress;
use crate::limits::{DECODES_MAX, PROOFS_MAX};

/// Suggested wait when too many reads are waiting, ms.
const RETRY_AFTER_MS: u64 = 1_000;
/// How far the clock of a client may be ahead.
const CLOCK_TOLERANCE_MS: u64 = 60_000;
/// Reads that may wait for each one that runs.
const WAITING_PER_READ: usize = 16;

/// The node behind the API, and what bounds its use.
#[derive(Clone)]
pub(crate) struct Api {
    /// The node.
    pub(crate) backend: Arc<dyn Backend>,
    /// What the operator allows.
    pub(crate) limits: Arc<ApiLimits>,
    /// Request bodies in memory.
    pub(crate) bodies: ByteBudget,
    /// Answers that their clients have not taken.
    pub(crate) answers: ByteBudget,
    /// Pieces of event streams that their clients have not taken.
    pub(crate) pieces: ByteBudget,
    /// One permit per open event stream.
    pub(crate) streams: Arc<Semaphore>,
    /// Turns `true` when the node stops.
    pub(crate) stop: watch::Receiver<bool>,
    /// One permit per large body that is being decoded.
    pub(crate) decoding: Arc<Semaphore>,
    /// Event streams by client address.
    pub(crate) streams_of: Counts<ClientAddress>,
    proving: Arc<Semaphore>,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Api {
    /// Over a node.
    #[must_use]
    pub(crate) fn new(backend: Arc<dyn Backend>, limits: ApiLimits, stop: watch::Receiver<bool>) -> Self {
        Self {
            backend,
            bodies: ByteBudget::new(limits.body_bytes_total_max),
            answers: ByteBudget::new(limits.answer_bytes_total_max),
            pieces: ByteBudget::new(limits.stream_bytes_total_max),
            decoding: Arc::new(Semaphore::new(DECODES_MAX)),
            streams_of: Counts::new(limits.streams_max / 2),
            proving: Arc::new(Semaphore::new(PROOFS_MAX)),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            running: Arc::new(Semaphore::new(limits.reads_max)),
            waiting: Arc::new(Semaphore::new(limits.reads_max.saturating_mul(WAITING_PER_READ))),
            limits: Arc::new(limits),
            stop,
        }
    }

    /// Runs something that may block on a thread for it. At most so many run at once, and at most so many wait.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] when too many wait; what `read` gives; [`ApiError::Internal`] when it panics.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Backend) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.waiting.try_acquire().map_err(|_| overloaded())?;
        self.run(read).await
    }

    /// As [`Self::blocking`], for what takes much memory: making or checking a proof. Fewer run at once.
    ///
    /// # Errors
    /// As [`Self::blocking`].
    pub(crate) async fn proving<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Backend) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let permit = Arc::clone(&self.proving).acquire_owned().await.map_err(|_| ApiError::Stopping)?;
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
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| ApiError::Stopping)?;
        let backend = Arc::clone(&self.backend);
        let task = tokio::task::spawn_blocking(move || {
            // The permit goes with the thread, not with the request: a client that leaves does not free what still runs.
            let _permit = permit;
            read(&*backend)
        });
        task.await.unwrap_or_else(|error| Err(ApiError::Internal { reason: error.to_string() }))
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
