//! The executor: runs decided blocks over the state, in order of height, and commits each with one atomic write.
//!
//! It has a thread of its own, so that executing height h overlaps with agreeing on h + 1. Its writes are not synced: the blocks and
//! batches they follow from are, and executing them again gives the same results.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use quancheng_types::schedule::Entry;
use quancheng_types::{Height, VersionPlan, is_known_version};
use tracing::{debug, error, info, warn};

use crate::driver::{DriverHandle, DriverInput};
use crate::ledger::{Ledger, LedgerError, execute_stored};
use crate::metrics::Metrics;
use crate::thread_end::{EndWithProcess, Threads};
use crate::tracker::Tracker;
use crate::version::UnknownVersion;

/// Takes heights to execute.
#[derive(Clone, Debug)]
pub struct ExecutorHandle {
    queue: Sender<Height>,
}

impl ExecutorHandle {
    /// Executes a height whose block and batches are stored. Heights come in ascending order; the lag of execution behind
    /// agreement is bounded by the chain, so the queue is.
    pub fn execute(&self, height: Height) {
        // The thread is gone only when the process ends.
        let _ = self.queue.send(height);
    }
}

/// The running executor.
struct Executor {
    ledger: Arc<Ledger>,
    driver: DriverHandle,
    tracker: Arc<Tracker>,
    metrics: Arc<Metrics>,
    on_set_change: Box<dyn Fn() + Send>,
}

/// Starts the thread. `on_set_change` is told when a validator set was decided.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    ledger: Arc<Ledger>,
    driver: DriverHandle,
    tracker: Arc<Tracker>,
    metrics: Arc<Metrics>,
    on_set_change: Box<dyn Fn() + Send>,
    threads: &Threads,
) -> std::io::Result<ExecutorHandle> {
    let (queue, heights) = channel();
    let executor = Executor { ledger, driver, tracker, metrics, on_set_change };
    threads.spawn("executor", move || {
        let _guard = EndWithProcess("executor");
        for height in heights {
            if let Err(error) = executor.execute(height) {
                error!(%height, %error, "a block cannot be executed; this node stops");
                let _ = executor.driver.deliver(DriverInput::ExecutorFailed(error));
                return;
            }
        }
    })?;
    Ok(ExecutorHandle { queue })
}

impl Executor {
    fn execute(&self, height: Height) -> Result<(), LedgerError> {
        let begun = Instant::now();
        let block = self.ledger.block(height)?.ok_or(LedgerError::BlockMissing { height })?.block;
        let batches = self.ledger.batches_of(&block)?;
        let results = execute_stored(&self.ledger, &block, &batches)?;
        self.tracker.senders().note(tokio::time::Instant::now(), results.senders);
        for _ in 0..results.internal_count {
            self.metrics.internal.inc();
        }
        self.metrics.executed.inc_by(u64::try_from(results.receipts.len()).unwrap_or(u64::MAX));
        self.metrics.refused.inc_by(results.refused);
        self.metrics.execute_seconds.observe(begun.elapsed().as_secs_f64());
        debug!(%height, receipts = results.receipts.len(), "executed");
        if results.executed.decisions.validators.is_some() {
            (self.on_set_change)();
        }
        if let Some(entry) = &results.executed.decisions.version {
            Self::tell_version(entry);
        }
        let time_ms = block.header.time_ms;
        // The driver first: the next header waits for these results.
        let _ = self.driver.deliver(DriverInput::Executed(results.executed));
        self.tracker.executed(height, time_ms, results.receipts);
        Ok(())
    }

    /// A version of the rules was decided: whoever runs a build that does not carry it has to hear of it long before.
    fn tell_version(entry: &Entry<VersionPlan>) {
        let (version, height) = (entry.value.version, entry.effective);
        if is_known_version(version) {
            info!(version, %height, "a version of the rules is scheduled; this build carries it");
        } else {
            let unknown = UnknownVersion { height, plan: entry.value.clone() };
            warn!(version, %height, "this node will stop: {unknown}");
        }
    }
}
