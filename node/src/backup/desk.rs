//! Backups of a running node.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{BackupError, BackupSource, Made, make};
use crate::desk::{Desk, DeskError, DeskStatus, Told};
use crate::ledger::Ledger;
use crate::thread_end::Threads;

/// Where the newest backup of this process stands.
pub type BackupStatus = DeskStatus<Made>;

/// Makes backups when it is asked to.
#[derive(Debug)]
pub struct BackupDesk {
    source: BackupSource,
    desk: Desk<Made>,
}

impl BackupDesk {
    /// For one node; its backups end when `stopping` is set.
    #[must_use]
    pub fn new(source: BackupSource, threads: Threads, stopping: Arc<AtomicBool>) -> Self {
        Self { source, desk: Desk::new("backup", threads, stopping) }
    }

    /// Where the newest backup stands.
    #[must_use]
    pub fn status(&self) -> BackupStatus {
        self.desk.status()
    }

    /// Begins a backup, and returns before it is made.
    ///
    /// # Errors
    /// [`BackupError::Running`] when one is being made, [`BackupError::Stopping`], [`BackupError::Io`] when the system gives no thread.
    pub fn begin(&self, ledger: &Arc<Ledger>) -> Result<BackupStatus, BackupError> {
        let (source, ledger) = (self.source.clone(), Arc::clone(ledger));
        self.desk.begin(move |stopping| make(&source, ledger, stopping)).map_err(|error| match error {
            DeskError::Running => BackupError::Running,
            DeskError::Stopping => BackupError::Stopping,
            DeskError::NoThread(error) => BackupError::io(&self.source.data_dir, "begin a thread for")(error),
        })
    }
}

impl Told for BackupError {
    fn en(&self) -> String {
        self.en()
    }

    fn zh(&self) -> String {
        self.zh()
    }
}
