//! What must have ended before the process does.
//!
//! The storage engine keeps globals that are taken down when `main` returns. A thread or a request that uses the store after that
//! aborts the process. So the order is: stop the node, end the runtime with its requests, join the threads, close the store, release
//! the lock on the folder, return.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::files::DataLock;
use crate::ledger::StoreKeeper;
use crate::thread_end::Threads;
use crate::verifier::VerifierHandle;

/// How long a stop waits for threads that finish what they have begun, and then for the store.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it waits for the store if the threads have used all of that up: one that still runs will not let it go.
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Everything of a node that outlives its runtime.
#[derive(Debug, Default)]
pub struct Teardown {
    threads: Threads,
    store: StoreKeeper,
    verifier: Mutex<Option<VerifierHandle>>,
    lock: Mutex<Option<DataLock>>,
    asked: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
}

impl Teardown {
    /// To be set when the node is asked to stop, so that a start that takes long ends.
    #[must_use]
    pub fn asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Set when the threads are waited for: one whose work can be left ends then.
    pub(super) fn ending(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ending)
    }

    /// Threads are started here.
    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    pub(super) fn store(&self) -> &StoreKeeper {
        &self.store
    }

    /// Holds the lock on the folder to the end.
    pub(super) fn hold(&self, lock: DataLock) {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
    }

    /// Threads that end only when they are told.
    pub(super) fn stops(&self, verifier: VerifierHandle) {
        *self.verifier.lock().unwrap_or_else(PoisonError::into_inner) = Some(verifier);
    }

    /// Ends everything, in order. To be called when the runtime is shut down. Whether nothing is left.
    pub fn finish(self) -> bool {
        self.ending.store(true, Ordering::Release);
        if let Some(verifier) = self.verifier.lock().unwrap_or_else(PoisonError::into_inner).take() {
            verifier.stop();
        }
        let until = Instant::now() + PATIENCE;
        let left = self.threads.join(PATIENCE);
        if !left.is_empty() {
            warn!(
                ?left,
                "threads did not end in time; what they were doing is cut off, and done again at the next start"
            );
        }
        let is_closed = self.store.close(until.saturating_duration_since(Instant::now()).max(LAST_LOOK));
        if !is_closed {
            warn!("the store is still in use and could not be closed; nothing that was acknowledged is lost");
        }
        left.is_empty() && is_closed
    }
}
