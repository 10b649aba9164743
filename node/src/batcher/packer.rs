//! Packs packets into batches, in their order. Pure: what is full, not when it is sent.

use std::collections::VecDeque;

use quancheng_types::{SignedTransaction, limits};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Packet, Stored, Ticket};
use crate::ledger::LedgerError;

/// Who waits for a batch to be durable.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A whole packet.
    Packet(Ticket),
    /// A part of one.
    Part(Stored),
}

impl Waiting {
    pub(super) fn end(self, result: &Result<(), LedgerError>) {
        match self {
            Self::Packet(ticket) => ticket.end(result.clone()),
            Self::Part(part) => {
                // The task that puts the parts together ends only with the runtime.
                let _ = part.send(result.clone());
            }
        }
    }
}

/// The content of a batch, and who waits for it to be durable.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) transactions: Vec<SignedTransaction>,
    pub(super) stored: Vec<Waiting>,
    bytes: u32,
}

/// Packets on their way into batches.
#[derive(Debug, Default)]
pub(super) struct Packer {
    /// Closed, oldest first: what comes next no longer fits.
    closed: VecDeque<Content>,
    open: Content,
    since: Option<Instant>,
}

impl Packer {
    /// Takes a packet in. Where it does not fit beside the others, the batch before it is closed; one larger than a batch fills
    /// several, and is stored when the last of them is.
    pub(super) fn add(&mut self, packet: Packet, bytes_max: u32, now: Instant) {
        if !self.fits(packet.transactions.len(), packet.bytes, bytes_max) {
            self.close();
        }
        self.since.get_or_insert(now);
        if self.fits(packet.transactions.len(), packet.bytes, bytes_max) {
            self.open.bytes = self.open.bytes.saturating_add(packet.bytes);
            self.open.transactions.extend(packet.transactions);
            self.open.stored.push(Waiting::Packet(packet.ticket));
        } else {
            self.split(packet, bytes_max, now);
        }
    }

    fn split(&mut self, packet: Packet, bytes_max: u32, now: Instant) {
        let mut parts = Vec::new();
        for transaction in packet.transactions {
            let bytes = u32::try_from(transaction.encode().len()).unwrap_or(u32::MAX);
            if !self.fits(1, bytes, bytes_max) {
                parts.push(self.part());
                self.close();
                self.since.get_or_insert(now);
            }
            self.open.bytes = self.open.bytes.saturating_add(bytes);
            self.open.transactions.push(transaction);
        }
        parts.push(self.part());
        tokio::spawn(async move {
            let mut result = Ok(());
            for part in parts {
                result = result.and(part.await.unwrap_or(Err(LedgerError::WriterPanicked)));
            }
            packet.ticket.end(result);
        });
    }

    /// Resolves when the batch that is open now is durable.
    fn part(&mut self) -> oneshot::Receiver<Result<(), LedgerError>> {
        let (stored, receiver) = oneshot::channel();
        self.open.stored.push(Waiting::Part(stored));
        receiver
    }

    /// Whether the open batch holds this much more. An empty one holds any single transaction.
    fn fits(&self, transactions: usize, bytes: u32, bytes_max: u32) -> bool {
        let count = self.open.transactions.len() + transactions;
        let is_alone = self.open.transactions.is_empty() && transactions == 1;
        is_alone
            || (count <= limits::BATCH_TRANSACTIONS_MAX as usize
                && u64::from(self.open.bytes) + u64::from(bytes) <= u64::from(bytes_max))
    }

    fn close(&mut self) {
        if !self.open.transactions.is_empty() {
            self.closed.push_back(std::mem::take(&mut self.open));
            self.since = None;
        }
    }

    /// Whether the next batch should not wait for more, and nothing more should be taken in.
    pub(super) fn is_full(&self, bytes_max: u32) -> bool {
        !self.closed.is_empty()
            || self.open.bytes >= bytes_max
            || self.open.transactions.len() >= limits::BATCH_TRANSACTIONS_MAX as usize / 2
    }

    /// Since when the oldest packet of the open batch waits.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The next batch: the oldest closed one, else the open one.
    pub(super) fn take(&mut self) -> Option<Content> {
        if self.closed.is_empty() {
            self.close();
        }
        self.closed.pop_front()
    }
}

#[cfg(test)]
mod tests;
