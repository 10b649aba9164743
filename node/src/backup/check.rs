//! Whether a backup is as it was made. Nothing in it is changed.

use std::path::Path;

use quancheng_types::Height;

use super::files::{is_plain, walk};
use super::record::{BackupRecord, GENESIS_NAME, digest};
use super::{BackupError, FileFault, FileFaultKind};
use crate::ledger::Ledger;
use crate::start::read_genesis;

/// A backup that is as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it is of.
    pub record: BackupRecord,
    /// Own batches that wait to be ordered in it, of the validator that made it.
    pub waiting: usize,
}

/// Compares every file of a backup with its digest, opens it as the store of its chain, and reads all of it: what was damaged before it was backed up
/// has the digest that it had then.
///
/// # Errors
/// [`BackupError::NoBackup`], [`BackupError::Faults`] with every file that is not as it was, [`BackupError::OtherContent`],
/// [`BackupError::Ledger`] when the engine cannot open it.
pub fn check(folder: &Path) -> Result<Checked, BackupError> {
    let record = survey(folder)?;
    let mut faults = Vec::new();
    for file in &record.files {
        let (_, found) = digest(&folder.join(&file.path), &mut |_| Ok(()))?;
        if found != file.sha256 {
            faults.push(FileFault { path: file.path.clone(), kind: FileFaultKind::Content });
        }
    }
    if !faults.is_empty() {
        return Err(BackupError::Faults { path: folder.to_owned(), faults });
    }
    let genesis = read_genesis(&folder.join(GENESIS_NAME))?;
    if genesis.chain_id() != record.chain_id {
        let (found, expected) = (record.chain_id, genesis.chain_id());
        return Err(BackupError::OtherChain { path: folder.to_owned(), found, expected });
    }
    let ledger = Ledger::open_copy(folder, &genesis)?;
    agrees(folder, &record, &ledger)?;
    let waiting = match &record.validator {
        Some(key) => ledger.unordered_batches(key)?.len(),
        None => 0,
    };
    Ok(Checked { record, waiting })
}

/// Whether every row of a store can be read, and it ends where the record of its backup says.
pub(crate) fn agrees(folder: &Path, record: &BackupRecord, ledger: &Ledger) -> Result<(), BackupError> {
    let newest: (Height, _, Height) = ledger.newest()?;
    if newest == (record.height, record.block_id, record.executed_height) {
        return Ok(ledger.read_all()?);
    }
    Err(BackupError::OtherContent { path: folder.to_owned(), said: record.height, found: newest.0 })
}

/// Reads the record of a backup, and whether its files are there with their sizes and no others.
///
/// # Errors
/// [`BackupError::NoBackup`], [`BackupError::Faults`].
pub(crate) fn survey(folder: &Path) -> Result<BackupRecord, BackupError> {
    let record = BackupRecord::read(folder)?;
    let (mut found, mut faults) = walk(folder)?;
    for file in &record.files {
        if !is_plain(&file.path) {
            let reason = format!("its record names {:?}, which no backup holds", file.path);
            return Err(BackupError::NoBackup { path: folder.to_owned(), reason });
        }
        let kind = match found.remove(&file.path) {
            None => FileFaultKind::Missing,
            Some(meta) if meta.len() != file.bytes => FileFaultKind::Size { found: meta.len(), listed: file.bytes },
            Some(_) => continue,
        };
        faults.push(FileFault { path: file.path.clone(), kind });
    }
    faults.extend(found.into_keys().map(|path| FileFault { path, kind: FileFaultKind::Extra }));
    faults.sort_by(|a, b| a.path.cmp(&b.path));
    faults.dedup_by(|later, kept| later.path == kept.path);
    if faults.is_empty() { Ok(record) } else { Err(BackupError::Faults { path: folder.to_owned(), faults }) }
}
