//! `quanchengd init`: makes the data folder of a node that has never run, or of a validator that lost its own.

use std::path::PathBuf;
use std::sync::Arc;

use quancheng_consensus::SignRecord;
use quancheng_types::{Height, SigningKey};

use super::{NodeKeys, StartError, read_genesis};
use crate::config::NodeConfig;
use crate::files::{DataLock, Marks, MarksFile, SignRecordFile};
use crate::ledger::{Ledger, LedgerError, Salvaged, salvage};

/// Heights above the greatest committed one at which a lost validator may have signed: whoever signs at `h + 2` holds a certificate
/// of `h + 1`, whose honest signers had committed `h`. One more for what arrived while the operator was asking.
const UNSURE_HEIGHTS: u64 = 3;

/// A validator that lost its data folder and keeps its key.
///
/// Its sign record is gone, so it must sign nothing at a height at which it may have signed before; and the numbers of its batches are
/// gone, so it must number on from beyond any that it may have used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejoin {
    /// Greatest height that any other node reports.
    pub tip: Height,
    /// Now, ms since 1970. Batches are numbered from here: an author seals fewer than one batch a millisecond, so whatever it numbered
    /// before, from 0 or from an earlier rejoin, lies below.
    pub now_ms: u64,
    /// The old data folder, for the admitted transactions in it that were not ordered.
    pub salvage: Option<PathBuf>,
}

/// What a rejoin took over from the old data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejoined {
    /// Batches, under new numbers.
    pub batches: usize,
    /// Transactions in them.
    pub transactions: usize,
    /// Numbers of old batches that were answered "admitted" and could not be read, unless the chain has ordered them.
    pub unreadable: Vec<u64>,
}

impl Rejoin {
    /// Least height that may be signed again.
    #[must_use]
    pub fn floor(&self) -> Height {
        Height(self.tip.0.saturating_add(UNSURE_HEIGHTS))
    }
}

/// Makes the data folder, and for a validator the first sign record.
///
/// With `rejoin` the record admits only heights beyond those at which the key may have signed. The questions that every
/// start asks of the other validators come on top.
///
/// # Errors
/// [`StartError::AlreadyInitialized`] when there is anything in it: a fresh record for a key that has signed could sign twice.
/// [`StartError::RejoinWithoutKey`] for a follower, which needs none of this. [`StartError::Salvage`] when nothing can be read of the old
/// folder; nothing was made then.
pub fn init(config: &NodeConfig, rejoin: Option<Rejoin>) -> Result<Rejoined, StartError> {
    let genesis = read_genesis(&config.node.genesis)?;
    let keys = NodeKeys::open(config)?;
    keys.check(config, &genesis)?;
    let data_dir = &config.node.data_dir;
    if data_dir.join("store").exists() || data_dir.join("log").exists() || SignRecordFile::at(data_dir).exists() {
        return Err(StartError::AlreadyInitialized { path: data_dir.clone() });
    }
    if rejoin.is_some() && keys.validator.is_none() {
        return Err(StartError::RejoinWithoutKey);
    }
    // Before anything is made: else a folder of which nothing can be read left half a new one, which neither starts nor is made again.
    let old = match (&keys.validator, rejoin.as_ref().and_then(|rejoin| rejoin.salvage.as_ref())) {
        (Some(key), Some(path)) => salvage(path, genesis.chain_id(), &key.public_key())
            .map_err(|error| StartError::Salvage { path: path.clone(), error })?,
        (Some(_), None) | (None, _) => Salvaged::default(),
    };
    let _lock = DataLock::acquire(data_dir).map_err(StartError::File)?;
    MarksFile::at(data_dir, genesis.chain_id()).open(false).map_err(StartError::File)?;
    let mut rejoined = Rejoined::default();
    let Some(key) = &keys.validator else {
        return Ok(rejoined);
    };
    let mut record = SignRecord::fresh(genesis.chain_id(), key.public_key());
    if let Some(rejoin) = rejoin {
        let ledger = Ledger::open(data_dir, &genesis, &config.store).map_err(StartError::Ledger)?;
        rejoined = take_over(&ledger, key, rejoin.now_ms, old).map_err(StartError::Ledger)?;
        record.raise_floor(rejoin.floor());
    }
    // Last: a folder without a record does not start, so an interrupted init signs nothing.
    SignRecordFile::at(data_dir).create(&record).map_err(StartError::File)?;
    Ok(rejoined)
}

/// Numbers batches on from beyond any that was used, and seals again, under new numbers, what the old folder holds of admitted
/// transactions. Those that were ordered meanwhile are skipped when they are executed.
fn take_over(ledger: &Ledger, key: &SigningKey, now_ms: u64, old: Salvaged) -> Result<Rejoined, LedgerError> {
    let chain_id = ledger.chain_id();
    let floor = now_ms.max(old.next_sequence);
    ledger.put_batch_floor(floor)?;
    let mut rejoined = Rejoined { unreadable: old.unreadable, ..Rejoined::default() };
    let mut next_sequence = floor;
    for batch in old.batches {
        rejoined.transactions += batch.batch.transactions.len();
        rejoined.batches += 1;
        ledger.put_batches(&[Arc::new(batch.batch.sign(chain_id, next_sequence, batch.header.weight, key))])?;
        next_sequence = next_sequence.saturating_add(1);
    }
    if let Some((mut file, marks, _)) = ledger.take_marks() {
        let groups = u64::try_from(rejoined.batches).unwrap_or(u64::MAX);
        file.replace(&marks.merged(Marks { groups, next_sequence, ..Marks::default() }))?;
    }
    Ok(rejoined)
}
