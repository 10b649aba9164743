//! `quanchengd init --from-snapshot`: makes the data folder of a node of a snapshot, so that it need not execute the chain.
//!
//! Nothing that a source says is believed: the manifest has to follow from the genesis, every chunk is compared with the manifest, and what it holds
//! with the certified header, before it is written. What says which signatures were given is made anew, as for a validator that lost its folder.

use quancheng_consensus::SignRecord;
use quancheng_state::export::ImportError;
use quancheng_types::{Genesis, Height};
use tracing::info;

use super::init::{check_unused, make, old_batches, take_over};
use super::{NodeKeys, Rejoin, Rejoined, StartError, read_genesis};
use crate::config::NodeConfig;
use crate::files::{FileError, Marks, MarksFile, Owner, SignRecordFile};
use crate::ledger::{Imported, Ledger, STORE_FOLDER};
use crate::snapshot::{Found, Left, SnapshotError, Sources};

/// What was made of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Height of the state.
    pub height: Height,
    /// Who gave the manifest.
    pub manifest_from: String,
    /// Who gave the chunks, and how many each.
    pub givers: Vec<(String, u64)>,
    /// Chunks that were checked.
    pub chunks: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Least height that a validator signs again; `None` on a follower.
    pub floor: Option<Height>,
    /// What was taken over of a validator's own batches from an old folder.
    pub rejoined: Rejoined,
}

impl Joined {
    /// Who gave the chunks, in English and Chinese.
    #[must_use]
    pub fn givers_in_words(&self) -> (String, String) {
        let en: Vec<String> = self.givers.iter().map(|(who, chunks)| format!("{who} ({chunks})")).collect();
        let zh: Vec<String> = self.givers.iter().map(|(who, chunks)| format!("{who}（{chunks} 块）")).collect();
        (en.join(", "), zh.join("、"))
    }
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
    let owner = keys.owner();
    let made = make(config, &genesis, &keys, rejoin.is_some(), || {
        let mut joined = fill(config, &genesis, owner, sources, rejoin.as_ref())?;
        if let (Some(key), Some(rejoin)) = (&keys.validator, &rejoin) {
            let ledger = Ledger::open(data_dir, &genesis, owner, &config.store).map_err(SnapshotError::Ledger)?;
            joined.rejoined = take_over(&ledger, key, rejoin.now_ms, old).map_err(SnapshotError::Ledger)?;
            let mut sign_record = SignRecord::fresh(genesis.chain_id(), key.public_key());
            sign_record.raise_floor(rejoin.floor());
            SignRecordFile::at(data_dir).create(&sign_record).map_err(of_file)?;
            joined.floor = Some(rejoin.floor());
        }
        Ok(joined)
    });
    made.map_err(|error| {
        // Also what could not be written before anything was fetched.
        if let StartError::File(file @ FileError::Io { .. }) = error { of_file(file).into() } else { error }
    })
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
    let store = data_dir.join(STORE_FOLDER);
    loop {
        let mut found = sources.newest(genesis)?;
        if let Some(named) = rejoin.map(|rejoin| rejoin.tip).filter(|tip| *tip < found.manifest.height()) {
            return Err(StartError::RejoinBelowBackup { height: found.manifest.height(), named });
        }
        std::fs::create_dir(&store).map_err(SnapshotError::io(&store, "make"))?;
        match import(config, genesis, owner, &mut sources, &mut found) {
            Ok(joined) => {
                let mut file = MarksFile::at(data_dir, genesis.chain_id(), owner);
                let marks = file.open(false).map_err(of_file)?;
                let own = Marks { has_store: true, height: joined.height.0, ..Marks::default() };
                file.replace(&marks.merged(own)).map_err(of_file)?;
                return Ok(joined);
            }
            Err(ImportFailure::Final(error)) => return Err(error.into()),
            Err(ImportFailure::Source(error)) => sources.give_up(&found, &error),
            Err(ImportFailure::Left) => {}
        }
        std::fs::remove_dir_all(&store).map_err(SnapshotError::io(&store, "remove"))?;
    }
}

/// A file of the node that joins, in the words of a join.
fn of_file(error: FileError) -> SnapshotError {
    SnapshotError::Ledger(error.into())
}

enum ImportFailure {
    /// Whoever gave the manifest lied: another source may do better.
    Source(SnapshotError),
    /// It is left for another one; who is to blame was told.
    Left,
    /// It is ours.
    Final(SnapshotError),
}

impl From<Left> for ImportFailure {
    fn from(left: Left) -> Self {
        match left {
            Left::NoHolder | Left::Slow => Self::Left,
        }
    }
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
    let (header, list) = (found.manifest.header, &found.manifest.list);
    let (height, chunks, bytes) = (list.height, list.chunks.len(), list.bytes());
    info!(%height, chunks, bytes, source, "joining by a snapshot");
    let history = (header.history_size, header.history_root);
    let mut imported = Imported::begin(&store, &config.store, list.clone(), history).map_err(&refused)?;
    for number in 0..chunks {
        let entry = found.manifest.list.chunks[number].clone();
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let bytes = sources.chunk(found, number, &entry)?;
        imported.put(&bytes).map_err(&refused)?;
    }
    let missing = || ImportFailure::Source(SnapshotError::manifest("it has no history", "其缺少历史记录"));
    let leaf = *imported.leaf().ok_or_else(missing)?;
    found.manifest.check_blocks(genesis, &leaf).map_err(ImportFailure::Source)?;
    let needed = imported.finish(genesis.chain_id(), owner, &found.manifest.blocks).map_err(&refused)?;
    let receipts_from = found.manifest.list.receipts_from;
    if receipts_from > needed {
        return Err(ImportFailure::Source(SnapshotError::ReplayWindow { found: receipts_from, needed }));
    }
    Ok(Joined {
        height,
        manifest_from: source,
        givers: sources.givers(found),
        chunks,
        bytes,
        floor: None,
        rejoined: Rejoined::default(),
    })
}
