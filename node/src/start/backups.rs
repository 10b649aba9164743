//! Backups and snapshots of a running node.

use std::path::Path;
use std::sync::Arc;

use quancheng_types::{Genesis, SigningKey};

use super::{NodeKeys, StartError, Teardown};
use crate::backup::{BackupDesk, BackupSource};
use crate::files::FileError;
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

/// Makes snapshots of this node.
pub(super) fn snapshots(data_dir: &Path, genesis: &Arc<Genesis>, teardown: &Teardown) -> SnapshotDesk {
    let source = SnapshotSource { data_dir: data_dir.to_owned(), genesis: Arc::clone(genesis) };
    SnapshotDesk::new(source, teardown.threads().clone(), teardown.ending())
}
