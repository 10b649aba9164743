//! Data first: batches are held by a quorum before they are ordered (protocol §3).
//!
//! ```text
//! author                                   every validator
//!   seals, stores        ── BatchOffer ──▶   bounds, author's signature → CheckBatch → stored
//!   collects 2f+1        ◀── BatchAck ────   only then
//!   BatchCertified       ──────────────────▶ pool → proposals → Commit
//! ```
//!
//! - The author's signature on the batch is its own acknowledgement.
//! - A batch is ordered once: [`AuthorWindow`].
//! - **What was acknowledged is kept until it is ordered or its author's window has passed it.** A certificate does not
//!   expire, so data that a quorum vouched for must not either: otherwise an old certificate could be ordered whose
//!   data nobody holds, and no node could execute past it. Space is bounded per author instead (`limits`): a validator
//!   that lets batches lie blocks only itself.
//! - Own batches are offered again, with growing pauses, until they are ordered; expired transactions in them are skipped
//!   by the executor.
//! - A node that lacks a committed batch asks its acknowledgers in turn, the next one when the time is over that its line needs
//!   (`goodput`). What a quorum vouched for needs no check of client
//!   signatures, only that it is the batch that was ordered.

mod delivery;
mod goodput;
mod offers;
mod own;
mod pool;
mod window;

pub use quancheng_types::{AuthorWindow, WINDOW_SEQUENCES};
use quancheng_types::{BatchHeader, BatchId, BatchRef, ChainId, NodeId, ValidatorId, ValidatorSet};

pub(crate) use offers::Checked;
pub(crate) use own::NumberTaken;
pub(crate) use pool::{Pooled, Room};
pub(crate) use window::Windows;

use crate::checker::SignatureChecker;
use crate::engine::{Now, Outbox};
use crate::ordering::schedule::Rules;
use crate::planted::Planted;
use delivery::Delivery;
use offers::Offers;
use own::OwnBatches;
use pool::Pool;

/// What the parts need from the engine while they work.
pub(crate) struct Env<'a> {
    pub(crate) now: Now,
    pub(crate) chain_id: ChainId,
    pub(crate) me: ValidatorId,
    pub(crate) rules: &'a Rules,
    pub(crate) windows: &'a Windows,
    pub(crate) checker: &'a mut dyn SignatureChecker,
    pub(crate) out: &'a mut Outbox,
    /// Whether the others were asked about this key, so that own batches may be offered.
    pub(crate) is_offering: bool,
    pub(crate) planted: Planted,
}

/// Batches of this node and of others, from the offer to the executor.
#[derive(Debug, Default)]
pub(crate) struct Availability {
    pub(crate) own: OwnBatches,
    pub(crate) offers: Offers,
    pub(crate) pool: Pool,
    pub(crate) delivery: Delivery,
}

impl Availability {
    /// Whether the data of this batch is stored here.
    pub(crate) fn is_stored(&self, header: &BatchHeader, id: &BatchId) -> bool {
        self.own.contains(id) || self.offers.is_stored(&header.author, id)
    }

    /// Takes in a decided block: its batches leave the pool, and what is missing is fetched.
    pub(crate) fn on_commit(&mut self, env: &mut Env<'_>, height: quancheng_types::Height, batches: &[BatchRef]) {
        let mut missing = Vec::new();
        for batch in batches {
            let id = batch.header.id();
            if !self.is_stored(&batch.header, &id) {
                missing.push((id, batch.header, sources(batch, &env.rules.validators, &env.me)));
            }
            self.own.remove(&id);
            self.offers.remove_ordered(&batch.header, &id);
        }
        self.pool.remove_ordered(env.windows);
        let forgotten = self.offers.forget_unorderable(env.windows, env.planted);
        if !forgotten.is_empty() {
            env.out.other(crate::engine::Action::ForgetBatches(forgotten));
        }
        self.delivery.push(env, height, missing);
    }

    /// The earliest moment at which something is to be repeated.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        [self.own.deadline_ms(), self.delivery.deadline_ms()].into_iter().flatten().min()
    }

    /// Repeats what is due.
    pub(crate) fn on_tick(&mut self, env: &mut Env<'_>) {
        self.own.on_tick(env);
        self.delivery.on_tick(env);
    }
}

/// The nodes that acknowledged a batch, without this one.
fn sources(batch: &BatchRef, validators: &ValidatorSet, me: &ValidatorId) -> Vec<NodeId> {
    batch
        .certificate
        .signatures
        .iter()
        .filter(|entry| entry.validator != *me)
        .filter_map(|entry| validators.by_id(&entry.validator).map(|validator| validator.node_id))
        .collect()
}
