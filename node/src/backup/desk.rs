//! Backups of a running node: one at a time, on a thread that gives way to the others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tracing::error;

use super::{BackupError, BackupSource, Made, make};
use crate::ledger::Ledger;
use crate::thread_end::Threads;

/// Where the newest backup of this process stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BackupStatus {
    /// None was asked for since the start.
    #[default]
    Idle,
    /// One is being made.
    Running {
        /// Since when, ms since 1970 UTC.
        begun_ms: u64,
    },
    /// It is made.
    Done {
        /// When it was begun, ms since 1970 UTC.
        begun_ms: u64,
        /// What it is.
        backup: Made,
    },
    /// There is none.
    Failed {
        /// When it was begun, ms since 1970 UTC.
        begun_ms: u64,
        /// Why, and what to do, in English.
        en: String,
        /// The same in Chinese.
        zh: String,
    },
}

/// Makes backups when it is asked to.
#[derive(Debug)]
pub struct BackupDesk {
    source: BackupSource,
    threads: Threads,
    stopping: Arc<AtomicBool>,
    status: Arc<Mutex<BackupStatus>>,
}

impl BackupDesk {
    /// For one node; its backups end when `stopping` is set.
    #[must_use]
    pub fn new(source: BackupSource, threads: Threads, stopping: Arc<AtomicBool>) -> Self {
        Self { source, threads, stopping, status: Arc::default() }
    }

    /// Where the newest backup stands.
    #[must_use]
    pub fn status(&self) -> BackupStatus {
        lock(&self.status).clone()
    }

    /// Begins a backup, and returns before it is made.
    ///
    /// # Errors
    /// [`BackupError::Running`] when one is being made, [`BackupError::Stopping`], [`BackupError::Io`] when the system gives no thread.
    pub fn begin(&self, ledger: &Arc<Ledger>) -> Result<BackupStatus, BackupError> {
        let mut status = lock(&self.status);
        if matches!(*status, BackupStatus::Running { .. }) {
            return Err(BackupError::Running);
        }
        if self.stopping.load(Ordering::Acquire) {
            return Err(BackupError::Stopping);
        }
        let begun_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let begun_ms = u64::try_from(begun_ms).unwrap_or(u64::MAX);
        let (source, ledger, stopping) = (self.source.clone(), Arc::clone(ledger), Arc::clone(&self.stopping));
        let guard = Finish { status: Arc::clone(&self.status), begun_ms };
        let run = move || guard.set(make(&source, ledger, &stopping));
        self.threads
            .spawn_behind("backup", run)
            .map_err(BackupError::io(&self.source.data_dir, "begin a thread for"))?;
        *status = BackupStatus::Running { begun_ms };
        Ok(status.clone())
    }
}

/// Says how a backup ended, also one that panicked.
struct Finish {
    status: Arc<Mutex<BackupStatus>>,
    begun_ms: u64,
}

impl Finish {
    fn set(&self, made: Result<Made, BackupError>) {
        let begun_ms = self.begun_ms;
        *lock(&self.status) = match made {
            Ok(backup) => BackupStatus::Done { begun_ms, backup },
            Err(failure) => {
                error!(error = %failure, "no backup was made");
                BackupStatus::Failed { begun_ms, en: failure.en(), zh: failure.zh() }
            }
        };
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (en, zh) = ("a fault of this program; its log tells more".to_owned(), "程序故障，详见日志".to_owned());
            *lock(&self.status) = BackupStatus::Failed { begun_ms: self.begun_ms, en, zh };
        }
    }
}

fn lock(status: &Mutex<BackupStatus>) -> MutexGuard<'_, BackupStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
