//! Long work at the request of an operator: one piece at a time, on a thread that gives way to the others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::thread_end::Threads;

/// Where the newest piece of work of this process stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeskStatus<M> {
    /// None was asked for since the start.
    #[default]
    Idle,
    /// It is under way.
    Running {
        /// Since when, ms since 1970 UTC.
        begun_ms: u64,
    },
    /// It is done.
    Done {
        /// When it was begun, ms since 1970 UTC.
        begun_ms: u64,
        /// What was made.
        made: M,
    },
    /// Nothing was made.
    Failed {
        /// When it was begun, ms since 1970 UTC.
        begun_ms: u64,
        /// Why, and what to do, in English.
        en: String,
        /// The same in Chinese.
        zh: String,
    },
}

/// Why work is not begun.
#[derive(Debug)]
pub enum DeskError {
    /// Such work is under way.
    Running,
    /// The node stops.
    Stopping,
    /// The system gives no thread.
    NoThread(std::io::Error),
}

/// Why work failed, in both languages.
pub trait Told {
    /// In English.
    fn en(&self) -> String;
    /// In Chinese.
    fn zh(&self) -> String;
}

/// Does one kind of work when it is asked to.
#[derive(Debug)]
pub struct Desk<M> {
    name: &'static str,
    threads: Threads,
    stopping: Arc<AtomicBool>,
    status: Arc<Mutex<DeskStatus<M>>>,
}

impl<M: Clone + Send + 'static> Desk<M> {
    /// For one node; its work ends when `stopping` is set.
    #[must_use]
    pub fn new(name: &'static str, threads: Threads, stopping: Arc<AtomicBool>) -> Self {
        Self { name, threads, stopping, status: Arc::new(Mutex::new(DeskStatus::Idle)) }
    }

    /// Where the newest work stands.
    #[must_use]
    pub fn status(&self) -> DeskStatus<M> {
        lock(&self.status).clone()
    }

    /// Begins work, and returns before it is done. It looks whether it is to stop.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn begin<E: Told>(
        &self,
        work: impl FnOnce(&AtomicBool) -> Result<M, E> + Send + 'static,
    ) -> Result<DeskStatus<M>, DeskError> {
        let mut status = lock(&self.status);
        if matches!(*status, DeskStatus::Running { .. }) {
            return Err(DeskError::Running);
        }
        if self.stopping.load(Ordering::Acquire) {
            return Err(DeskError::Stopping);
        }
        let begun_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let begun_ms = u64::try_from(begun_ms).unwrap_or(u64::MAX);
        let stopping = Arc::clone(&self.stopping);
        let guard = Finish { name: self.name, status: Arc::clone(&self.status), begun_ms };
        self.threads.spawn_behind(self.name, move || guard.set(work(&stopping))).map_err(DeskError::NoThread)?;
        *status = DeskStatus::Running { begun_ms };
        Ok(status.clone())
    }
}

/// Says how work ended, also such that panicked.
struct Finish<M> {
    name: &'static str,
    status: Arc<Mutex<DeskStatus<M>>>,
    begun_ms: u64,
}

impl<M> Finish<M> {
    fn set<E: Told>(&self, made: Result<M, E>) {
        let begun_ms = self.begun_ms;
        *lock(&self.status) = match made {
            Ok(made) => DeskStatus::Done { begun_ms, made },
            Err(failure) => {
                let (en, zh) = (failure.en(), failure.zh());
                error!(error = %en, "no {} was made", self.name);
                DeskStatus::Failed { begun_ms, en, zh }
            }
        };
    }
}

impl<M> Drop for Finish<M> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (en, zh) = ("a fault of this program; its log tells more".to_owned(), "程序故障，详见日志".to_owned());
            *lock(&self.status) = DeskStatus::Failed { begun_ms: self.begun_ms, en, zh };
        }
    }
}

fn lock<M>(status: &Mutex<DeskStatus<M>>) -> MutexGuard<'_, DeskStatus<M>> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
