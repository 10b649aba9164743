//! Snapshots of a running node.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tracing::warn;

use super::{SnapshotError, SnapshotFolder, SnapshotInfo, SnapshotSource, make};
use crate::desk::{Desk, DeskError, DeskStatus, Told};
use crate::ledger::Ledger;
use crate::thread_end::Threads;

/// Time between two snapshots that nobody asked for, at least: of the two that are kept, each is there for as long, to be fetched.
const PAUSE: Duration = Duration::from_secs(15 * 60);
/// How often it is looked whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the newest snapshot of this process stands.
pub type SnapshotStatus = DeskStatus<SnapshotInfo>;

/// Makes snapshots when it is asked to.
#[derive(Debug)]
pub struct SnapshotDesk {
    source: SnapshotSource,
    /// One, so that what is known of those that are served is known to every reader.
    folder: SnapshotFolder,
    desk: Desk<SnapshotInfo>,
}

impl SnapshotDesk {
    /// For one node; its snapshots end when `stopping` is set.
    #[must_use]
    pub fn new(source: SnapshotSource, threads: Threads, stopping: Arc<AtomicBool>) -> Self {
        // What a crash left of one would hold on to tables of the store until the next.
        let folder = SnapshotFolder::of(&source.data_dir);
        folder.tidy();
        Self { source, folder, desk: Desk::new("snapshot", threads, stopping) }
    }

    /// Where the newest snapshot stands.
    #[must_use]
    pub fn status(&self) -> SnapshotStatus {
        self.desk.status()
    }

    /// Begins a snapshot whenever so many heights were executed since the last one, as long as the ledger is in use.
    pub async fn every(self: Arc<Self>, blocks: u64, ledger: std::sync::Weak<Ledger>) {
        let newest = self.folder().list().ok().and_then(|list| list.last().map(|info| info.height.0));
        let mut last = newest.unwrap_or(0);
        let mut begun: Option<Instant> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(ledger) = ledger.upgrade() else {
                return;
            };
            let height = ledger.tip_status().height.0;
            if height < last.saturating_add(blocks) || begun.is_some_and(|begun| begun.elapsed() < PAUSE) {
                continue;
            }
            // One that was asked for meanwhile counts as well.
            match self.begin(&ledger) {
                Ok(_) => (last, begun) = (height, Some(Instant::now())),
                Err(SnapshotError::Running) => {}
                Err(error) => {
                    warn!(%error, "no snapshot is begun");
                    last = height;
                }
            }
        }
    }

    /// Those that are made.
    #[must_use]
    pub fn folder(&self) -> SnapshotFolder {
        self.folder.clone()
    }

    /// Begins a snapshot, and returns before it is made.
    ///
    /// # Errors
    /// [`SnapshotError::Running`] when one is being made, [`SnapshotError::Stopping`], [`SnapshotError::Io`] when the system gives no thread.
    pub fn begin(&self, ledger: &Arc<Ledger>) -> Result<SnapshotStatus, SnapshotError> {
        let (source, ledger) = (self.source.clone(), Arc::clone(ledger));
        self.desk.begin(move |stopping| make(&source, &ledger, stopping)).map_err(|error| match error {
            DeskError::Running => SnapshotError::Running,
            DeskError::Stopping => SnapshotError::Stopping,
            DeskError::NoThread(error) => SnapshotError::io(&self.source.data_dir, "begin a thread for")(error),
        })
    }
}

/// Why a running node made no snapshot: to the node itself nothing happens.
impl Told for SnapshotError {
    fn en(&self) -> String {
        let goes_on = if self.is_full() { "; the node goes on, and tries the next one when it is due" } else { "" };
        format!("{}{goes_on}", self.en())
    }

    fn zh(&self) -> String {
        let goes_on = if self.is_full() { "；节点照常运行，到期会再次尝试" } else { "" };
        format!("{}{goes_on}", self.zh())
    }
}
