//! Makes batches durable: all that wait are written with one sync, so the cost of a sync is shared under load.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use quancheng_consensus::BatchVerdict;
use quancheng_types::SignedBatch;
use tokio::sync::oneshot;
use tracing::error;

use crate::driver::{DriverHandle, DriverInput};
use crate::ledger::{Ledger, LedgerError};
use crate::thread_end::EndWithProcess;

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
    pub(super) fn start(ledger: Arc<Ledger>, driver: DriverHandle) -> std::io::Result<Self> {
        let (queue, receiver) = channel::<Write>();
        std::thread::Builder::new().name("batch-writer".into()).spawn(move || {
            let _guard = EndWithProcess("batch-writer");
            while let Ok(first) = receiver.recv() {
                let mut group = vec![first];
                while group.len() < GROUP_MAX {
                    let Ok(next) = receiver.try_recv() else { break };
                    group.push(next);
                }
                write_group(&ledger, &driver, group);
            }
        })?;
        Ok(Self { queue })
    }

    /// A checked batch of another validator: stored, then reported to the driver.
    pub(super) fn store_foreign(&self, batch: Arc<SignedBatch>) {
        // The thread ends only with the process.
        let _ = self.queue.send(Write::Foreign(batch));
    }

    /// An own batch: resolves when it is durable.
    ///
    /// # Errors
    /// [`LedgerError`] when it could not be stored; nothing of it may be acknowledged.
    pub async fn store_own(&self, batch: Arc<SignedBatch>) -> Result<(), LedgerError> {
        let (done, receiver) = oneshot::channel();
        if self.queue.send(Write::Own(batch, done)).is_err() {
            return Err(LedgerError::WriterPanicked);
        }
        receiver.await.unwrap_or(Err(LedgerError::WriterPanicked))
    }
}

fn write_group(ledger: &Ledger, driver: &DriverHandle, group: Vec<Write>) {
    let batches: Vec<Arc<SignedBatch>> = group
        .iter()
        .map(|write| match write {
            Write::Foreign(batch) | Write::Own(batch, _) => Arc::clone(batch),
        })
        .collect();
    let result = ledger.put_batches(&batches);
    if let Err(error) = &result {
        error!(%error, "batches could not be stored");
    }
    for write in group {
        match write {
            Write::Foreign(batch) => {
                let verdict = match &result {
                    Ok(()) => BatchVerdict::Valid,
                    Err(_) => BatchVerdict::NotStored,
                };
                // The driver is gone only when the process ends.
                let _ = driver.deliver(DriverInput::BatchChecked { batch: batch.header.id(), verdict });
            }
            Write::Own(_, done) => {
                let _ = done.send(result.clone());
            }
        }
    }
}
