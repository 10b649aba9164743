//! `quanchengd init --from-backup`: makes the data folder of a node of a backup.
//!
//! Only the store comes from the backup. What says which signatures were given is made anew, as for a validator that lost its folder: it
//! may sign above the height that the operator names alone, and every start still asks the other validators.

use std::path::Path;

use quancheng_consensus::SignRecord;
use quancheng_types::{Genesis, Height};

use super::init::{check_unused, make, old_batches, take_over};
use super::{NodeKeys, Rejoin, Rejoined, StartError, read_genesis};
use crate::backup::{BackupError, BackupRecord, agrees, copy_checked, survey};
use crate::config::NodeConfig;
use crate::files::{MarksFile, SignRecordFile, sync_folder};
use crate::ledger::{Ledger, STORE_FOLDER, Salvaged};

/// What a restore made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Newest block.
    pub height: Height,
    /// Newest height whose results are there; the blocks above are executed by the first start.
    pub executed_height: Height,
    /// Files that were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Least height that the validator signs again; `None` on a follower.
    pub floor: Option<Height>,
    /// What was taken over of its own batches, from the backup and from an old folder.
    pub rejoined: Rejoined,
}

/// Makes the data folder of a backup, which is not changed. Files are copied, never shared with the backup.
///
/// While it works a note lies in the folder, with which no node starts; a restore that was interrupted is repeated, and begins anew. One that
/// fails leaves nothing but the file `lock`.
///
/// # Errors
/// [`StartError::AlreadyInitialized`] when there is anything of a node in the folder. [`StartError::RestoreWithoutRejoin`] for a validator
/// without `rejoin`, [`StartError::RejoinBelowBackup`] for one with a height that cannot be, [`StartError::RejoinWithoutKey`] for a follower with it. [`StartError::Backup`] when the backup is damaged or of another
/// chain; [`StartError::Salvage`] as with [`super::init`].
pub fn restore(config: &NodeConfig, backup: &Path, rejoin: Option<Rejoin>) -> Result<Restored, StartError> {
    let genesis = read_genesis(&config.node.genesis)?;
    let keys = NodeKeys::open(config)?;
    keys.check(config, &genesis)?;
    check_unused(config, &genesis, &keys)?;
    let record = survey(backup)?;
    if record.chain_id != genesis.chain_id() {
        let (path, found, expected) = (backup.to_owned(), record.chain_id, genesis.chain_id());
        return Err(BackupError::OtherChain { path, found, expected }.into());
    }
    match (&keys.validator, &rejoin) {
        (Some(_), None) => return Err(StartError::RestoreWithoutRejoin { height: record.height }),
        (None, Some(_)) => return Err(StartError::RejoinWithoutKey),
        // Whoever asked has not asked the network that made the backup, or not all of it.
        (Some(_), Some(rejoin)) if rejoin.tip < record.height => {
            return Err(StartError::RejoinBelowBackup { height: record.height, named: rejoin.tip });
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let old = old_batches(&keys, &genesis, rejoin.as_ref())?;
    make(config, &genesis, &keys, rejoin.is_some(), || {
        fill(config, &genesis, &keys, backup, &record, rejoin.as_ref(), old)
    })
}

fn fill(
    config: &NodeConfig,
    genesis: &Genesis,
    keys: &NodeKeys,
    backup: &Path,
    record: &BackupRecord,
    rejoin: Option<&Rejoin>,
    old: Salvaged,
) -> Result<Restored, StartError> {
    let data_dir = &config.node.data_dir;
    let store = data_dir.join(STORE_FOLDER);
    copy_store(backup, record, &store)?;
    let copied = Ledger::open_copy(&store, genesis).map_err(StartError::Ledger)?;
    agrees(backup, record, &copied)?;
    let mut file = MarksFile::at(data_dir, genesis.chain_id(), keys.owner());
    let marks = file.open(false).map_err(StartError::File)?;
    file.replace(&marks.merged(copied.own_marks())).map_err(StartError::File)?;
    drop((copied, file));
    Ledger::hand_over(&store, keys.owner()).map_err(StartError::Ledger)?;
    let mut restored = Restored {
        height: record.height,
        executed_height: record.executed_height,
        files: u64::try_from(record.files.len()).unwrap_or(u64::MAX),
        bytes: record.bytes(),
        floor: None,
        rejoined: Rejoined::default(),
    };
    if let (Some(key), Some(rejoin)) = (&keys.validator, rejoin) {
        let ledger = Ledger::open(data_dir, genesis, keys.owner(), &config.store).map_err(StartError::Ledger)?;
        restored.rejoined = take_over(&ledger, key, rejoin.now_ms, old).map_err(StartError::Ledger)?;
        let floor = rejoin.floor();
        let mut sign_record = SignRecord::fresh(genesis.chain_id(), key.public_key());
        sign_record.raise_floor(floor);
        SignRecordFile::at(data_dir).create(&sign_record).map_err(StartError::File)?;
        restored.floor = Some(floor);
    }
    Ok(restored)
}

/// Copies the files of the store, and compares each with its digest on the way.
fn copy_store(backup: &Path, record: &BackupRecord, store: &Path) -> Result<(), StartError> {
    let mut folders = vec![store.to_owned()];
    folders.extend(quancheng_state::backend::Part::ALL.map(|part| store.join(part.name())));
    for folder in &folders {
        std::fs::create_dir(folder).map_err(BackupError::io(folder, "make"))?;
    }
    for file in record.files.iter().filter(|file| file.path.contains('/')) {
        copy_checked(backup, file, &store.join(&file.path))?;
    }
    folders.iter().try_for_each(|folder| sync_folder(folder).map_err(StartError::File))
}
