//! `quanchengd init`: makes the data folder of a node that has never run, or of a validator that lost its own.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use quancheng_consensus::SignRecord;
use quancheng_types::{BatchId, Genesis, Height, SignedBatch, SigningKey, ValidatorId};
use tracing::warn;

use super::{NodeKeys, StartError, read_genesis};
use crate::config::NodeConfig;
use crate::files::{
    DataLock, FileError, LOG_FOLDER as LOG, Marks, MarksFile, RestoringFile, SIGN_RECORD, STOPPED, SignRecordFile,
};
use crate::ledger::{Ledger, LedgerError, STORE_FOLDER, Salvaged, salvage};

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
    /// The old folder does not tell what was answered "admitted" in it: more may be missing than is known.
    pub is_unsure: bool,
}

impl Rejoined {
    /// Whether nothing is missing that was answered "admitted". Where something is, somebody has to tell those who submitted it: a script must not
    /// take that for the end of the matter.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unreadable.is_empty() && !self.is_unsure
    }
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
/// folder, or it is not one of this validator; nothing was made then.
pub fn init(config: &NodeConfig, rejoin: Option<Rejoin>) -> Result<Rejoined, StartError> {
    let genesis = read_genesis(&config.node.genesis)?;
    let keys = NodeKeys::open(config)?;
    keys.check(config, &genesis)?;
    let data_dir = &config.node.data_dir;
    check_unused(config, &genesis, &keys)?;
    if rejoin.is_some() && keys.validator.is_none() {
        return Err(StartError::RejoinWithoutKey);
    }
    // Before anything is made: else a folder of which nothing can be read left half a new one, which neither starts nor is made again.
    let old = old_batches(&keys, &genesis, rejoin.as_ref())?;
    make(config, &genesis, &keys, rejoin.is_some(), || {
        MarksFile::at(data_dir, genesis.chain_id(), keys.owner()).open(false).map_err(StartError::File)?;
        let mut rejoined = Rejoined::default();
        let Some(key) = &keys.validator else {
            return Ok(rejoined);
        };
        let mut record = SignRecord::fresh(genesis.chain_id(), key.public_key());
        if let Some(rejoin) = rejoin {
            let ledger = Ledger::open(data_dir, &genesis, keys.owner(), &config.store).map_err(StartError::Ledger)?;
            rejoined = take_over(&ledger, key, rejoin.now_ms, old).map_err(StartError::Ledger)?;
            record.raise_floor(rejoin.floor());
        }
        // Last: a folder without a record does not start, so an interrupted init signs nothing.
        SignRecordFile::at(data_dir).create(&record).map_err(StartError::File)?;
        Ok(rejoined)
    })
}

/// Makes something of an unused folder: all of it, or nothing. Until it is whole a note stands in the folder, with which no node starts; what a crash
/// leaves is moved aside when the command is repeated. Without it half of a folder looked like one that had lost its sign record. `has_floor` says whether
/// the operator named the height above which a validator signs.
pub(super) fn make<T>(
    config: &NodeConfig,
    genesis: &Genesis,
    keys: &NodeKeys,
    has_floor: bool,
    fill: impl FnOnce() -> Result<T, StartError>,
) -> Result<T, StartError> {
    let _lock = take_unused(config, genesis, keys, has_floor)?;
    let note = RestoringFile::at(&config.node.data_dir);
    let found = note.found();
    let made = note
        .begin()
        .map_err(StartError::File)
        .and_then(|()| fill())
        .and_then(|made| note.end().map_err(StartError::File).map(|()| made));
    if made.is_err() {
        // What cannot be removed is moved aside when the command is repeated; until then no node starts.
        let _ = note.remove_made(&found);
    }
    made
}

/// Refuses a folder that holds anything of a node, or the marks of one that has run and lost the rest: they know what it answered and numbered.
/// What an interrupted one of these commands left is in nobody's way: [`take_unused`] moves it aside.
pub(super) fn check_unused(config: &NodeConfig, genesis: &Genesis, keys: &NodeKeys) -> Result<(), StartError> {
    let data_dir = &config.node.data_dir;
    if RestoringFile::at(data_dir).check().is_err() {
        return Ok(());
    }
    // A link that leads nowhere is somebody's too.
    let is_there = |name: &str| data_dir.join(name).symlink_metadata().is_ok();
    if [STORE_FOLDER, LOG, SIGN_RECORD, STOPPED].into_iter().any(is_there) {
        return Err(StartError::AlreadyInitialized { path: data_dir.clone() });
    }
    let mut marks = MarksFile::at(data_dir, genesis.chain_id(), keys.owner());
    if marks.exists() && marks.open(true).map_err(StartError::File)?.has_store {
        return Err(StartError::Ledger(LedgerError::StoreMissing { path: data_dir.join(STORE_FOLDER) }));
    }
    Ok(())
}

/// Takes an unused folder for whoever makes something of it: while the lock is held nobody else does. Only what is seen under the lock counts: two
/// commands at once would both find the folder unused, and the one that fails would remove what the other has made.
fn take_unused(
    config: &NodeConfig,
    genesis: &Genesis,
    keys: &NodeKeys,
    has_floor: bool,
) -> Result<DataLock, StartError> {
    let data_dir = &config.node.data_dir;
    let lock = DataLock::acquire(data_dir).map_err(StartError::File)?;
    let note = RestoringFile::at(data_dir);
    if note.check().is_err() && has_run(config, genesis, keys) {
        return Err(StartError::File(note.not_unfinished()));
    }
    // Of a validator only commands that name a height make a store: whoever began with one must not end with a record that admits every height.
    let is_rejoin = keys.validator.is_some() && data_dir.join(STORE_FOLDER).symlink_metadata().is_ok();
    if note.check().is_err() && is_rejoin && !has_floor {
        return Err(StartError::InterruptedRejoin { path: data_dir.clone() });
    }
    if let Some(aside) = note.set_aside().map_err(StartError::File)? {
        let aside = aside.display();
        warn!(%aside, "what an interrupted init had left was moved aside");
        tell(&format!(
            "what an interrupted init had left is in {aside} now; remove it when nothing in it is needed \
             (中断的 init 留下的内容已移至 {aside}，确认不再需要后可删除)"
        ));
    }
    check_unused(config, genesis, keys)?;
    Ok(lock)
}

/// Whether anything beside the note of an interrupted command tells that a node has run here, or that it is of another one. Where nothing can be read of
/// a file it tells nothing: a command may have been interrupted while it made it.
fn has_run(config: &NodeConfig, genesis: &Genesis, keys: &NodeKeys) -> bool {
    let (data_dir, chain_id) = (&config.node.data_dir, genesis.chain_id());
    if [LOG, STOPPED].into_iter().any(|name| data_dir.join(name).symlink_metadata().is_ok()) {
        return true;
    }
    let marks_tell = match MarksFile::look(data_dir, chain_id) {
        Ok((owner, marks)) => owner != keys.owner() || marks.is_of_a_run(),
        Err(error) => matches!(error, FileError::OtherChain { .. }),
    };
    let record_tells = match &keys.validator {
        Some(key) => match SignRecordFile::at(data_dir).read(&chain_id, &key.public_key(), 0) {
            Ok(record) => record.last().is_some(),
            Err(error) => matches!(error, FileError::SignRecord { .. }),
        },
        // No command makes one for a follower.
        None => data_dir.join(SIGN_RECORD).symlink_metadata().is_ok(),
    };
    marks_tell || record_tells
}

/// To whoever watches the command.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What the old data folder holds of a validator's own batches.
pub(super) fn old_batches(keys: &NodeKeys, genesis: &Genesis, rejoin: Option<&Rejoin>) -> Result<Salvaged, StartError> {
    match (&keys.validator, rejoin.and_then(|rejoin| rejoin.salvage.as_ref())) {
        (Some(key), Some(path)) => salvage(path, genesis.chain_id(), &key.public_key())
            .map_err(|error| StartError::Salvage { path: path.clone(), error }),
        (Some(_), None) | (None, _) => Ok(Salvaged::default()),
    }
}

/// Numbers batches on from beyond any that was used, and seals again, under new numbers, what the old folder and the store hold of admitted
/// transactions: under their old numbers they could not be ordered any more as soon as one of the new ones is. Those that were ordered meanwhile
/// are skipped when they are executed.
pub(super) fn take_over(
    ledger: &Ledger,
    key: &SigningKey,
    now_ms: u64,
    old: Salvaged,
) -> Result<Rejoined, LedgerError> {
    let (chain_id, public_key) = (ledger.chain_id(), key.public_key());
    let used = ledger.used_sequences(&ValidatorId::of(&public_key))?;
    let waiting = ledger.unordered_batches(&public_key)?;
    let waiting_ids: Vec<BatchId> = waiting.iter().map(|batch| batch.header.id()).collect();
    let numbers: BTreeSet<u64> = waiting.iter().map(|batch| batch.header.sequence).collect();
    let old_ones = old.batches.into_iter().filter(|batch| !waiting_ids.contains(&batch.header.id()));
    let mut batches: Vec<SignedBatch> = waiting.iter().map(|batch| SignedBatch::clone(batch)).chain(old_ones).collect();
    batches.sort_by_key(|batch| batch.header.sequence);

    let floor = now_ms.max(old.next_sequence).max(used);
    ledger.put_batch_floor(floor)?;
    let is_unsure = old.is_unsure;
    let unreadable = old.unreadable.into_iter().filter(|number| !numbers.contains(number)).collect();
    let mut rejoined = Rejoined { unreadable, is_unsure, ..Rejoined::default() };
    let (mut next_sequence, mut groups) = (floor, 0);
    for batch in batches {
        rejoined.transactions += batch.batch.transactions.len();
        rejoined.batches += 1;
        groups =
            ledger.put_batches(&[Arc::new(batch.batch.sign(chain_id, next_sequence, batch.header.weight, key))])?;
        next_sequence = next_sequence.saturating_add(1);
    }
    ledger.forget_batches(&waiting_ids)?;
    if let Some((mut file, marks, _)) = ledger.take_marks() {
        file.replace(&marks.merged(Marks { groups, next_sequence, ..Marks::default() }))?;
    }
    Ok(rejoined)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of a folder looked like one that had lost its sign record.
    #[test]
    fn what_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let genesis = crate::testing::genesis();
        let config = crate::testing::node_config(dir.path(), &genesis, true);
        let keys = NodeKeys::open(&config).unwrap();
        let data = &config.node.data_dir;
        let names = || {
            let names = std::fs::read_dir(data).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
            names.collect::<Vec<_>>()
        };
        let fails = || -> Result<(), StartError> {
            std::fs::create_dir_all(data.join(STORE_FOLDER).join("results")).unwrap();
            std::fs::write(data.join(SIGN_RECORD), "half").unwrap();
            Err(StartError::RejoinWithoutKey)
        };
        assert!(make(&config, &genesis, &keys, true, fails).is_err());
        assert_eq!(names(), ["lock"]);
        // What an earlier command had made stays.
        let marks = data.join("marks");
        std::fs::write(&marks, "").unwrap();
        let _ = RestoringFile::at(data).remove_made(std::slice::from_ref(&marks));
        assert!(marks.exists());
        std::fs::remove_file(marks).unwrap();
        make(&config, &genesis, &keys, true, || Ok(())).unwrap();
        // A link that leads nowhere is not removed either.
        let link = data.join(STORE_FOLDER);
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        let refused = make(&config, &genesis, &keys, true, fails).unwrap_err();
        assert!(matches!(refused, StartError::AlreadyInitialized { .. }), "{refused}");
        assert!(link.symlink_metadata().is_ok());
    }

    /// A restore that names a height was interrupted; plain `init` ended with a record that admits every height.
    #[test]
    fn an_interrupted_rejoin_of_a_validator_is_not_begun_anew_without_its_height() {
        let dir = tempfile::tempdir().unwrap();
        let genesis = crate::testing::genesis();
        for has_key in [true, false] {
            let config = crate::testing::node_config(&dir.path().join(has_key.to_string()), &genesis, has_key);
            let data = &config.node.data_dir;
            std::fs::create_dir_all(data.join(STORE_FOLDER)).unwrap();
            RestoringFile::at(data).begin().unwrap();
            let answer = init(&config, None);
            if has_key {
                assert!(matches!(answer, Err(StartError::InterruptedRejoin { .. })), "{answer:?}");
                assert!(data.join(STORE_FOLDER).is_dir() && !data.join(SIGN_RECORD).exists());
                let rejoin = Rejoin { tip: Height(7), now_ms: 1, salvage: None };
                init(&config, Some(rejoin)).unwrap();
            } else {
                answer.unwrap();
            }
            assert!(data.join("unfinished-1").join(STORE_FOLDER).is_dir());
        }
    }

    /// The file with which a node stopped is of one that has run.
    #[test]
    fn a_folder_that_says_why_a_node_stopped_is_not_unused() {
        let dir = tempfile::tempdir().unwrap();
        let genesis = crate::testing::genesis();
        let config = crate::testing::node_config(dir.path(), &genesis, true);
        std::fs::create_dir_all(&config.node.data_dir).unwrap();
        std::fs::write(config.node.data_dir.join(STOPPED), "").unwrap();
        assert!(matches!(init(&config, None), Err(StartError::AlreadyInitialized { .. })));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_the_exit_code_too() {
        let all = Rejoined { batches: 2, transactions: 9, ..Rejoined::default() };
        assert!(Rejoined::default().is_whole() && all.is_whole());
        assert!(!Rejoined { is_unsure: true, ..all.clone() }.is_whole());
        assert!(!Rejoined { unreadable: vec![3], ..all }.is_whole());
    }
}
