//! Makes batches durable: all that wait are written with one sync, so the cost of a sync is shared under load. They are reported when
//! the mark of their group is durable too (`marks`), while the next group is being written.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use quancheng_consensus::BatchVerdict;
use quancheng_types::SignedBatch;
use tokio::sync::oneshot;
use tracing::error;

use crate::driver::{DriverHandle, DriverInput};
use crate::files::FileError;
use crate::ledger::{Ledger, LedgerError};
use crate::marks::MarkKeeper;
use crate::thread_end::{EndWithProcess, Threads};

/// Batches written with one sync at most: bounds the memory of one write to 32 batches of at most 2 MiB.
const GROUP_MAX: usize = 32;

enum Write {
    Foreign(Arc<SignedBatch>),
    Own(Arc<SignedBatch>, oneshot::Sender<Result<(), LedgerError>>),
}

/// Takes batches to write. The engine bounds how many can wait: checks per author, own batches in flight.
#[derive(Clone, Debug)]
pub struct StoreWriter {
    queue: Sender<Write>,
}

impl StoreWriter {
    pub(super) fn start(
        ledger: Arc<Ledger>,
        driver: DriverHandle,
        marks: MarkKeeper,
        threads: &Threads,
    ) -> std::io::Result<Self> {
        let (queue, receiver) = channel::<Write>();
        threads.spawn("batch-writer", move || {
            let _guard = EndWithProcess("batch-writer");
            while let Ok(first) = receiver.recv() {
                let mut group = vec![first];
                while group.len() < GROUP_MAX {
                    let Ok(next) = receiver.try_recv() else { break };
                    group.push(next);
                }
                write_group(&ledger, &driver, &marks, group);
            }
        })?;
        Ok(Self { queue })
    }

    /// A checked batch of another validator: stored, then reported to the driver.
    pub(super) fn store_foreign(&self, batch: Arc<SignedBatch>) {
        // The thread ends only with the process.
        let _ = self.queue.send(Write::Foreign(batch));
    }

    /// An own batch: resolves when it is durable and the driver, which offers it to the others, has been told.
    ///
    /// # Errors
    /// [`LedgerError`] when it could not be stored, or the driver has ended; nothing of it may be acknowledged.
    pub async fn store_own(&self, batch: Arc<SignedBatch>) -> Result<(), LedgerError> {
        let (done, receiver) = oneshot::channel();
        if self.queue.send(Write::Own(batch, done)).is_err() {
            return Err(LedgerError::WriterPanicked);
        }
        receiver.await.unwrap_or(Err(LedgerError::WriterPanicked))
    }
}

fn write_group(ledger: &Ledger, driver: &DriverHandle, marks: &MarkKeeper, group: Vec<Write>) {
    let batches: Vec<Arc<SignedBatch>> = group
        .iter()
        .map(|write| match write {
            Write::Foreign(batch) | Write::Own(batch, _) => Arc::clone(batch),
        })
        .collect();
    let own = group.iter().filter_map(|write| match write {
        Write::Own(batch, _) => Some(batch.header.sequence.saturating_add(1)),
        Write::Foreign(_) => None,
    });
    let next_sequence = own.max().unwrap_or(0);
    match ledger.put_batches(&batches) {
        Ok(number) => {
            let driver = driver.clone();
            let done = move |marked: Result<(), Arc<FileError>>| {
                report(&driver, group, &marked.map_err(LedgerError::File));
            };
            marks.group(number, next_sequence, Box::new(done));
        }
        Err(error) => {
            error!(%error, "batches could not be stored; this node stops");
            report(driver, group, &Err(error.clone()));
            // The driver is gone only when the process ends.
            let _ = driver.deliver(DriverInput::StoreFailed(error));
        }
    }
}

fn report(driver: &DriverHandle, group: Vec<Write>, result: &Result<(), LedgerError>) {
    for write in group {
        match write {
            Write::Foreign(batch) => {
                let verdict = match result {
                    Ok(()) => BatchVerdict::Valid,
                    Err(_) => BatchVerdict::NotStored,
                };
                // The driver is gone only when the process ends.
                let _ = driver.deliver(DriverInput::BatchChecked { batch: batch.header.id(), verdict });
            }
            Write::Own(batch, done) => {
                let told = result.clone().and_then(|()| {
                    let is_told = driver.deliver(DriverInput::LocalBatch { batch });
                    if is_told { Ok(()) } else { Err(LedgerError::WriterPanicked) }
                });
                // The asker may have gone with the runtime.
                let _ = done.send(told);
            }
        }
    }
}
