//! `quanchengd init`: makes the data folder of a node that has never run.

use quancheng_consensus::SignRecord;

use super::{NodeKeys, StartError, read_genesis};
use crate::config::NodeConfig;
use crate::files::{DataLock, SignRecordFile};

/// Makes the data folder, and for a validator the first sign record.
///
/// # Errors
/// [`StartError::AlreadyInitialized`] when there is anything in it: a fresh record for a key that has signed could sign twice.
pub fn init(config: &NodeConfig) -> Result<(), StartError> {
    let genesis = read_genesis(&config.node.genesis)?;
    let keys = NodeKeys::open(config)?;
    let data_dir = &config.node.data_dir;
    if data_dir.join("store").exists() || data_dir.join("log").exists() || SignRecordFile::at(data_dir).exists() {
        return Err(StartError::AlreadyInitialized { path: data_dir.clone() });
    }
    let _lock = DataLock::acquire(data_dir).map_err(StartError::File)?;
    if let Some(key) = &keys.validator {
        let record = SignRecord::fresh(genesis.chain_id(), key.public_key());
        SignRecordFile::at(data_dir).replace(&record).map_err(StartError::File)?;
    }
    Ok(())
}
