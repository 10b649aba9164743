//! `quanchengd backup`: by the node when it runs, else by this process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use quancheng_types::{PublicKey, ValidatorId};

use super::export::{export, free};
use super::{BackupError, BackupSource, Made, door, make};
use crate::config::NodeConfig;
use crate::files::{DataLock, FileError, Owner, RestoringFile};
use crate::ledger::Ledger;
use crate::start::{StartError, node_id, read_genesis};

/// How long a folder may be in use while no node answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two tries.
const POLL: Duration = Duration::from_millis(200);

/// Makes a backup of the node of this configuration, in its data folder or in `out`, which must not exist.
///
/// # Errors
/// [`BackupError`].
pub fn back_up(config: &NodeConfig, out: Option<&Path>) -> Result<Made, BackupError> {
    back_up_within(config, out, PATIENCE)
}

/// As [`back_up`]; a folder that is in use while no node answers is tried again for so long.
pub(super) fn back_up_within(config: &NodeConfig, out: Option<&Path>, patience: Duration) -> Result<Made, BackupError> {
    if let Some(out) = out {
        free(out)?;
    }
    let data_dir = &config.node.data_dir;
    RestoringFile::at(data_dir).check()?;
    if !data_dir.join("store").is_dir() {
        return Err(BackupError::Empty { data_dir: data_dir.clone() });
    }
    let until = Instant::now() + patience;
    let made = loop {
        match make_once(config) {
            // A process that ends holds its folder a little longer than its door, and one that starts a little earlier.
            Err(BackupError::NoAnswer { .. }) if Instant::now() < until => std::thread::sleep(POLL),
            made => break made?,
        }
    };
    match out {
        Some(out) => export(made, out),
        None => Ok(made),
    }
}

fn make_once(config: &NodeConfig) -> Result<Made, BackupError> {
    match DataLock::acquire(&config.node.data_dir) {
        Ok(lock) => {
            let made = of_stopped(config);
            drop(lock);
            made
        }
        Err(FileError::Locked { .. }) => door::ask(config),
        Err(error) => Err(error.into()),
    }
}

fn of_stopped(config: &NodeConfig) -> Result<Made, BackupError> {
    let genesis = Arc::new(read_genesis(&config.node.genesis)?);
    let public = |path: &Path| quancheng_keystore::public_key(path).map_err(StartError::KeyFile);
    let peer: PublicKey = public(&config.node.peer_key)?;
    let validator = config.node.validator_key.as_deref().map(public).transpose()?;
    let data_dir =
        std::fs::canonicalize(&config.node.data_dir).map_err(BackupError::io(&config.node.data_dir, "look at"))?;
    let node_id = node_id(&peer).ok_or_else(|| BackupError::NoBackup {
        path: config.node.peer_key.clone(),
        reason: "node.peer_key is no Ed25519 key".to_owned(),
    })?;
    let owner = validator.as_ref().map_or(Owner::Follower(node_id), |key| Owner::Validator(ValidatorId::of(key)));
    let ledger = Arc::new(Ledger::open(&data_dir, &genesis, owner, &config.store)?);
    make(&BackupSource { data_dir, genesis, node_id, validator }, ledger, &AtomicBool::new(false))
}
