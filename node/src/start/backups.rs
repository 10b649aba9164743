//! Backups and snapshots of a running node.

use std::path::Path;
use std::sync::Arc;

use quancheng_types::{Genesis, SigningKey};

use super::{NodeKeys, StartError, Teardown};
use crate::backup::{BackupDesk, BackupSource};
use crate::config::NodeConfig;
use crate::files::FileError;
use crate::ledger::Ledger;
use crate::snapshot::{SnapshotDesk, SnapshotSource};

/// Makes backups of this node. They are named by their full paths, since who asks may stand in another folder.
pub(super) fn desk(
    data_dir: &Path,
    genesis: &Arc<Genesis>,
    keys: &NodeKeys,
    teardown: &Teardown,
) -> Result<BackupDesk, StartError> {
    let full = std::fs::canonicalize(data_dir).map_err(|error| {
        StartError::File(FileError::Io { path: data_dir.to_owned(), action: "look at the data folder", error })
    })?;
    let source = BackupSource {
        data_dir: full,
        genesis: Arc::clone(genesis),
        node_id: keys.node_id(),
        validator: keys.validator.as_ref().map(SigningKey::public_key),
    };
    Ok(BackupDesk::new(source, teardown.threads().clone(), teardown.ending()))
}

/// Makes snapshots of this node when it is asked to, and as often as its configuration says.
pub(super) fn snapshots(
    config: &NodeConfig,
    genesis: &Arc<Genesis>,
    ledger: &Arc<Ledger>,
    teardown: &Teardown,
) -> Arc<SnapshotDesk> {
    let source = SnapshotSource { data_dir: config.node.data_dir.clone(), genesis: Arc::clone(genesis) };
    let desk = Arc::new(SnapshotDesk::new(source, teardown.threads().clone(), teardown.ending()));
    if let Some(blocks) = config.snapshots.every_blocks {
        // Held weakly: at the end the store is closed when nobody uses it any more.
        tokio::spawn(Arc::clone(&desk).every(blocks, Arc::downgrade(ledger)));
    }
    desk
}
