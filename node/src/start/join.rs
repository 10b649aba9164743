//! `quanchengd init --from-snapshot`: makes the data folder of a node of a snapshot, so that it need not execute the chain.
//!
//! Nothing that a source says is believed: the manifest has to follow from the genesis, every chunk is compared with the manifest, and what it holds
//! with the certified header, before it is written. What says which signatures were given is made anew, as for a validator that lost its folder.

use quancheng_consensus::SignRecord;
use quancheng_state::export::ImportError;
use quancheng_types::{Genesis, Height};
use tracing::info;

use super::init::{check_unused, old_batches, take_over, take_unused};
use super::{NodeKeys, Rejoin, Rejoined, StartError, read_genesis};
use crate::config::NodeConfig;
use crate::files::{Marks, MarksFile, Owner, RestoringFile, SignRecordFile};
use crate::ledger::{Imported, Ledger, STORE_FOLDER};
use crate::snapshot::{Found, SnapshotError, Sources};

/// How often a join begins anew with a newer snapshot because the one that it was fetching is there no more.
const BEGIN_ANEW_MAX: u32 = 5;

/// What was made of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Height of the state.
    pub height: Height,
    /// Who gave the manifest.
    pub source: String,
    /// Sources that were given up on the way, and why, in English.
    pub given_up: Vec<(String, String)>,
    /// Chunks that were checked.
    pub chunks: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Least height that a validator signs again; `None` on a follower.
    pub floor: Option<Height>,
    /// What was taken over of a validator's own batches from an old folder.
    pub rejoined: Rejoined,
}

/// Makes the data folder of the newest snapshot that one of the sources has. While it works a note lies in the folder, with which no node starts; what was
/// interrupted is repeated, and begins anew. What fails leaves nothing but the file `lock`.
///
/// # Errors
/// As [`super::restore`]; [`StartError::Snapshot`].
pub fn join(config: &NodeConfig, sources: Sources, rejoin: Option<Rejoin>) -> Result<Joined, StartError> {
    let genesis = read_genesis(&config.node.genesis)?;
    let keys = NodeKeys::open(config)?;
    keys.check(config, &genesis)?;
    check_unused(config, &genesis, &keys)?;
    match (&keys.validator, &rejoin) {
        (Some(_), None) => return Err(StartError::JoinWithoutRejoin),
        (None, Some(_)) => return Err(StartError::RejoinWithoutKey),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let old = old_batches(&keys, &genesis, rejoin.as_ref())?;
    let data_dir = &config.node.data_dir;
    let _lock = take_unused(config, &genesis, &keys)?;
    let note = RestoringFile::at(data_dir);
    note.begin().map_err(StartError::File)?;
    let owner = keys.owner();
    let joined = fill(config, &genesis, owner, sources, rejoin.as_ref()).and_then(|mut joined| {
        if let (Some(key), Some(rejoin)) = (&keys.validator, &rejoin) {
            let ledger = Ledger::open(data_dir, &genesis, owner, &config.store).map_err(StartError::Ledger)?;
            joined.rejoined = take_over(&ledger, key, rejoin.now_ms, old).map_err(StartError::Ledger)?;
            let mut sign_record = SignRecord::fresh(genesis.chain_id(), key.public_key());
            sign_record.raise_floor(rejoin.floor());
            SignRecordFile::at(data_dir).create(&sign_record).map_err(StartError::File)?;
            joined.floor = Some(rejoin.floor());
        }
        note.end().map_err(StartError::File)?;
        Ok(joined)
    });
    if joined.is_err() {
        // What cannot be removed is removed when this is repeated; until then no node starts.
        let _ = note.clear();
    }
    joined
}

/// Fills the store; a source that gives something false is given up, and the next one is asked.
fn fill(
    config: &NodeConfig,
    genesis: &Genesis,
    owner: Owner,
    mut sources: Sources,
    rejoin: Option<&Rejoin>,
) -> Result<Joined, StartError> {
    let data_dir = &config.node.data_dir;
    let (store, mut anew) = (data_dir.join(STORE_FOLDER), 0);
    loop {
        let mut found = sources.newest(genesis)?;
        if let Some(named) = rejoin.map(|rejoin| rejoin.tip).filter(|tip| *tip < found.manifest.height()) {
            return Err(StartError::RejoinBelowBackup { height: found.manifest.height(), named });
        }
        std::fs::create_dir(&store).map_err(SnapshotError::io(&store, "make"))?;
        match import(config, genesis, owner, &mut sources, &mut found) {
            Ok(joined) => {
                let mut file = MarksFile::at(data_dir, genesis.chain_id(), owner);
                let marks = file.open(false).map_err(StartError::File)?;
                let own = Marks { has_store: true, height: joined.height.0, ..Marks::default() };
                file.replace(&marks.merged(own)).map_err(StartError::File)?;
                return Ok(joined);
            }
            Err(ImportFailure::Final(error)) => return Err(error.into()),
            Err(ImportFailure::Source(error)) => {
                std::fs::remove_dir_all(&store).map_err(SnapshotError::io(&store, "remove"))?;
                let is_gone = matches!(error, SnapshotError::Gone { .. });
                if is_gone && anew < BEGIN_ANEW_MAX {
                    anew += 1;
                } else if !matches!(error, SnapshotError::NoSource { .. }) {
                    // Of those others, each was told when it was given up.
                    sources.give_up(&found.source, found.manifest.height(), &error);
                }
            }
        }
    }
}

enum ImportFailure {
    /// Another source may do better.
    Source(SnapshotError),
    /// It is ours.
    Final(SnapshotError),
}

fn import(
    config: &NodeConfig,
    genesis: &Genesis,
    owner: Owner,
    sources: &mut Sources,
    found: &mut Found,
) -> Result<Joined, ImportFailure> {
    let store = config.node.data_dir.join(STORE_FOLDER);
    let source = found.source.to_string();
    let refused = |error: ImportError| match error {
        ImportError::Store(error) => ImportFailure::Final(error.into()),
        error @ (ImportError::List { .. } | ImportError::Sender { .. } | ImportError::Content { .. }) => {
            ImportFailure::Source(SnapshotError::Import { source: source.clone(), error })
        }
    };
    let (header, list) = (found.manifest.header, found.manifest.list.clone());
    info!(height = %list.height, chunks = list.chunks.len(), bytes = list.bytes(), source, "joining by a snapshot");
    let history = (header.history_size, header.history_root);
    let mut imported = Imported::begin(&store, &config.store, list.clone(), history).map_err(&refused)?;
    for (number, entry) in (0_u64..).zip(&list.chunks) {
        let bytes = sources.chunk(found, number, entry).map_err(ImportFailure::Source)?;
        imported.put(&bytes).map_err(&refused)?;
    }
    let missing = || ImportFailure::Source(SnapshotError::manifest("it has no history", "其缺少历史记录"));
    let leaf = *imported.leaf().ok_or_else(missing)?;
    found.manifest.check_blocks(genesis, &leaf).map_err(ImportFailure::Source)?;
    let needed = imported.finish(genesis.chain_id(), owner, &found.manifest.blocks).map_err(&refused)?;
    if list.receipts_from > needed {
        let (found, needed) = (list.receipts_from, needed);
        return Err(ImportFailure::Source(SnapshotError::ReplayWindow { found, needed }));
    }
    Ok(Joined {
        height: list.height,
        source,
        given_up: sources.failures().to_vec(),
        chunks: list.chunks.len(),
        bytes: list.bytes(),
        floor: None,
        rejoined: Rejoined::default(),
    })
}
