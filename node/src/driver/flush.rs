//! What is staged, and the one place where it becomes durable.

use std::sync::Arc;

use quancheng_consensus::{Commit, SignRecord};

use super::{Driver, DriverEnd};
use crate::files::FileError;
use crate::ledger::LedgerError;
use crate::thread_end::builder;

/// Effects that wait for the next flush.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) record: Option<SignRecord>,
    pub(super) commits: Vec<Arc<Commit>>,
}

impl Driver {
    /// Makes everything staged durable. When it returns `Ok`, it is on disk: log first, sign record after it, blocks beside them.
    pub(super) fn flush(&mut self) -> Result<(), DriverEnd> {
        let begun = std::time::Instant::now();
        let result = self.flush_staged();
        self.parts.metrics.flush_seconds.observe(begun.elapsed().as_secs_f64());
        result
    }

    fn flush_staged(&mut self) -> Result<(), DriverEnd> {
        let record = self.staged.record.take();
        let commits = std::mem::take(&mut self.staged.commits);
        let parts = &mut self.parts;
        let ledger = Arc::clone(&parts.ledger);
        let (log, sign_record) = (&mut parts.log, &mut parts.sign_record);
        let mut files = || {
            log.sync()?;
            record.as_ref().map_or(Ok(()), |record| sign_record.replace(record))
        };
        if commits.is_empty() {
            files().map_err(file_end)?;
            return Ok(());
        }
        // Blocks go to another file than log and record: the two waits overlap.
        let (stored, synced) = std::thread::scope(|scope| {
            let writer = builder("commit-writer").spawn_scoped(scope, || ledger.put_commits(&commits));
            let synced = files();
            let stored = match writer {
                Ok(writer) => writer.join().unwrap_or(Err(LedgerError::WriterPanicked)),
                // No thread for it now: then one after the other.
                Err(_) => ledger.put_commits(&commits),
            };
            (stored, synced)
        });
        synced.map_err(file_end)?;
        stored.map_err(DriverEnd::Ledger)?;
        self.committed(&commits)?;
        Ok(())
    }

    /// The blocks are final and on disk: now clients may hear of it.
    fn committed(&mut self, commits: &[Arc<Commit>]) -> Result<(), DriverEnd> {
        for commit in commits {
            let header = &commit.decided.block.header;
            self.parts.metrics.height.set(header.height.0);
            self.parts.tracker.ordered(&self.parts.ledger, &commit.decided.block);
            self.parts.tracker.certified(header.height, header.executed_height, header.time_ms);
        }
        let newest = commits.last().map(|commit| commit.decided.block.header.height).unwrap_or_default();
        self.parts.marks.block(newest, self.parts.sign_record.count(), self.parts.log.mark());
        self.parts.log.rotate(newest).map_err(file_end)
    }
}

fn file_end(error: FileError) -> DriverEnd {
    DriverEnd::File(Arc::new(error))
}
