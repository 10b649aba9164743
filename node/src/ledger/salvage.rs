//! What can be saved from a data folder that cannot be used any more: own batches that were admitted and never ordered.
//!
//! Nothing in the folder is changed. A batch names its content by hash and carries its author's signature, so what is read is what was
//! written, whatever else is damaged around it.

use std::path::Path;
use std::sync::Arc;

use quancheng_consensus::{AuthorWindow, WINDOW_SEQUENCES};
use quancheng_state::backend::{Column, Part};
use quancheng_state::{Backend, ChainStore, StoreError};
use quancheng_state_rocks::{LogRecovery, RocksOptions, RocksPart};
use quancheng_types::{BatchId, ChainId, Digest, PublicKey, SignedBatch, ValidatorId};

use super::batches::floor_of;
use super::blocks::ChainTip;
use super::open::STORE_FOLDER;
use crate::files::MarksFile;

/// What an old data folder gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Own batches that no block named, in order of their numbers. Some may have been ordered since: that does no harm.
    pub batches: Vec<SignedBatch>,
    /// Batch numbers that were used, as far as the folder knows: every one below.
    pub next_sequence: u64,
    /// Numbers of batches that were durable, and that can neither be read nor are known to be ordered.
    pub unreadable: Vec<u64>,
    /// The folder does not tell which numbers were durable: without its marks nobody knows what is missing.
    pub is_unsure: bool,
}

/// Reads own batches that were not ordered out of an old data folder.
///
/// # Errors
/// [`StoreError`] when not even the names of the records can be read, as without the manifest of the store.
pub fn salvage(data_dir: &Path, chain_id: ChainId, key: &PublicKey) -> Result<Salvaged, StoreError> {
    let own = ValidatorId::of(key);
    let options = RocksOptions { recovery: LogRecovery::SkipDamage, ..RocksOptions::default() };
    let rocks = Arc::new(RocksPart::open_read_only(&data_dir.join(STORE_FOLDER), Part::Chain, &options)?);
    let mut batches = Vec::new();
    for id in pending(&rocks)? {
        // One that cannot be read is missed below.
        let bytes = rocks.get(Column::Batches, id.as_bytes()).ok().flatten();
        let Some(batch) = bytes.and_then(|bytes| SignedBatch::decode(&bytes).ok()) else {
            continue;
        };
        let header = &batch.header;
        let is_own = header.author == own && header.chain_id == chain_id && header.id() == id;
        if is_own && batch.is_consistent() && key.verify(header.ack_message().as_bytes(), &batch.signature).is_ok() {
            batches.push(batch);
        }
    }
    batches.sort_by_key(|batch| batch.header.sequence);
    let window = window(&rocks, &own);
    // Numbers below the floor of a rejoin were not used since; what was lost of those before it was told then. Where it cannot be read, too
    // many are named rather than too few.
    let floor = floor_of(&ChainStore::over(Arc::clone(&rocks) as Arc<dyn Backend>)).unwrap_or(0);
    // An unreadable file of marks only leaves the numbers unsure, and the caller numbers on from far beyond.
    let marks = MarksFile::at(data_dir, chain_id).open(true).ok();
    let is_unsure = marks.is_none();
    let marks = marks.unwrap_or_default();
    let newest = batches.last().map_or(0, |batch| batch.header.sequence.saturating_add(1));
    let next_sequence = marks.next_sequence.max(newest).max(window.end());
    let first = next_sequence.saturating_sub(WINDOW_SEQUENCES).max(floor);
    let is_here = |sequence: &u64| batches.binary_search_by_key(sequence, |batch| batch.header.sequence).is_ok();
    let unreadable = (first..next_sequence).filter(|sequence| !is_here(sequence) && !window.is_ordered(*sequence));
    Ok(Salvaged { unreadable: unreadable.collect(), is_unsure, batches, next_sequence })
}

/// Names of the batches that no block named. What cannot be read ends the list.
fn pending(rocks: &RocksPart) -> Result<Vec<BatchId>, StoreError> {
    let mut ids = Vec::new();
    let mut cursor = rocks.cursor(Column::BatchesPending)?;
    cursor.seek(&[])?;
    while let Some((key, _)) = cursor.entry() {
        if let Ok(id) = <[u8; 32]>::try_from(key) {
            ids.push(BatchId(Digest(id)));
        }
        if cursor.step().is_err() {
            break;
        }
    }
    Ok(ids)
}

/// Which own batches the folder knows to be ordered; none when that cannot be read.
fn window(rocks: &Arc<RocksPart>, own: &ValidatorId) -> AuthorWindow {
    let tip = ChainTip::read(&ChainStore::over(Arc::clone(rocks) as Arc<dyn Backend>)).ok();
    tip.and_then(|tip| tip.window(own)).unwrap_or_default()
}
