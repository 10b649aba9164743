//! Making a snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quancheng_consensus::CommittedBlock;
use quancheng_proof::SetChange;
use quancheng_state::StoreError;
use quancheng_state::backend::Copied;
use quancheng_state::export::{CHUNK_BYTES, ExportList, ExportScope};
use quancheng_types::{Genesis, Height, HistoryLeaf};
use tracing::{info, warn};

use super::folder::{chunk_path, write_file, write_heads};
use super::manifest::MANIFEST_BYTES_MAX;
use super::{Manifest, SnapshotError, SnapshotFolder, SnapshotInfo};
use crate::files::sync_folder;
use crate::ledger::Ledger;

/// The copy of the store that a snapshot is made of, while it is made.
const COPY: &str = "store";
/// How long the header that certifies the height is waited for: an idle chain makes its next one after `heartbeat_ms`.
const CERTIFIED_WITHIN: Duration = Duration::from_secs(120);
/// Pause between two looks for it.
const POLL: Duration = Duration::from_millis(100);
/// Snapshots that are kept: whoever fetches the one before the newest can go on.
pub(super) const KEPT: usize = 2;

/// The node of which snapshots are made.
#[derive(Clone, Debug)]
pub struct SnapshotSource {
    /// Its data folder.
    pub data_dir: PathBuf,
    /// Its chain.
    pub genesis: Arc<Genesis>,
}

/// Makes a snapshot of the newest executed height in the data folder of a running node. The store is copied first, so that neither a
/// reader nor a commit waits for it. Ends when `asked` to; whatever ends it early leaves nothing.
///
/// # Errors
/// [`SnapshotError`].
pub fn make(source: &SnapshotSource, ledger: &Ledger, asked: &AtomicBool) -> Result<SnapshotInfo, SnapshotError> {
    let begun = Instant::now();
    let snapshots = SnapshotFolder::of(&source.data_dir);
    if !snapshots.path().is_dir() {
        std::fs::create_dir(snapshots.path()).map_err(SnapshotError::io(snapshots.path(), "make"))?;
    }
    synced(&source.data_dir)?;
    let partial = snapshots.partial();
    snapshots.tidy();
    remove(&partial)?;
    let made = fill(source, ledger, &partial, asked).and_then(|made| {
        let folder = snapshots.of_height(made.height);
        if folder.exists() {
            return Err(SnapshotError::Exists { path: folder });
        }
        std::fs::rename(&partial, &folder).map_err(SnapshotError::io(&folder, "name"))?;
        synced(snapshots.path())?;
        Ok(made)
    });
    match &made {
        Ok(made) => {
            let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            info!(height = %made.height, chunks = made.chunks, bytes = made.bytes, ms, "snapshot is made");
            drop_old(&snapshots)?;
        }
        // What cannot be removed now is removed by the next snapshot.
        Err(_) => drop(remove(&partial)),
    }
    made
}

fn fill(
    source: &SnapshotSource,
    ledger: &Ledger,
    partial: &Path,
    asked: &AtomicBool,
) -> Result<SnapshotInfo, SnapshotError> {
    let copy = partial.join(COPY);
    std::fs::create_dir_all(&copy).map_err(SnapshotError::io(&copy, "make"))?;
    match ledger.copy_to(&copy, &|| !asked.load(Ordering::Acquire))? {
        Copied::Whole => {}
        Copied::LeftOff => return Err(SnapshotError::Stopping),
    }
    let copied = Ledger::open_copy(&copy, &source.genesis)?;
    let (height, leaf) = copied.newest_leaf()?;
    if height == Height::GENESIS {
        return Err(SnapshotError::Empty);
    }
    let certifying = certifying(ledger, height, asked)?;
    let header = certifying.block.header;
    let later = (height.0 + 1..header.history_size).map(|height| leaf_of(ledger, Height(height)));
    let later = later.collect::<Result<Vec<_>, _>>()?;
    let (receipts_from, _) = copied.replay_window()?;
    let scope = ExportScope { history_size: header.history_size, receipts_from, chunk_bytes: CHUNK_BYTES };
    let list = export(&copied, scope, &later, partial, asked)?;
    let steps = ledger.trust_path(header.height)?;
    let blocks = blocks(ledger, &steps, height)?;
    drop(copied);
    remove(&copy)?;
    let chain_id = ledger.chain_id();
    let manifest = Manifest { chain_id, header, certificate: certifying.certificate, steps, blocks, list };
    manifest.check(&source.genesis)?;
    manifest.check_blocks(&source.genesis, &leaf)?;
    let bytes = manifest.encode();
    check_length(&bytes)?;
    let info = SnapshotInfo::of(&manifest, &bytes).ok_or(SnapshotError::NotCertified { height })?;
    write_heads(partial, &bytes, &info)?;
    synced(partial)?;
    Ok(info)
}

/// Whether a joining node would read a manifest.
fn check_length(manifest: &[u8]) -> Result<(), SnapshotError> {
    let (found, max) = (u64::try_from(manifest.len()).unwrap_or(u64::MAX), u64::from(MANIFEST_BYTES_MAX));
    let what = "bytes of the manifest of a snapshot";
    if found <= max { Ok(()) } else { Err(StoreError::TooLarge { what, found, max }.into()) }
}

/// The first block whose header counts a height among those whose results it certifies. It is waited for, and until all is executed here that it
/// certifies.
fn certifying(ledger: &Ledger, height: Height, asked: &AtomicBool) -> Result<CommittedBlock, SnapshotError> {
    let (until, mut at) = (Instant::now() + CERTIFIED_WITHIN, height.next());
    loop {
        match ledger.block(at)? {
            Some(decided) if decided.block.header.executed_height < height => at = at.next(),
            Some(decided) if decided.block.header.executed_height <= ledger.tip_status().height => return Ok(decided),
            Some(_) | None if asked.load(Ordering::Acquire) => return Err(SnapshotError::Stopping),
            Some(_) | None if Instant::now() >= until => return Err(SnapshotError::NotCertified { height }),
            Some(_) | None => std::thread::sleep(POLL),
        }
    }
}

fn leaf_of(ledger: &Ledger, height: Height) -> Result<HistoryLeaf, SnapshotError> {
    ledger.history_leaf(height)?.ok_or(SnapshotError::NotCertified { height })
}

fn export(
    copied: &Ledger,
    scope: ExportScope,
    later: &[HistoryLeaf],
    partial: &Path,
    asked: &AtomicBool,
) -> Result<ExportList, SnapshotError> {
    let mut number = 0;
    copied.export(scope, later, &mut |_, bytes| {
        if asked.load(Ordering::Acquire) {
            return Err(SnapshotError::Stopping);
        }
        write_file(&chunk_path(partial, number), &bytes)?;
        number += 1;
        Ok(())
    })
}

/// The blocks at which validators changed, as far as they are not above the state, and that of its height.
fn blocks(ledger: &Ledger, steps: &[SetChange], height: Height) -> Result<Vec<CommittedBlock>, SnapshotError> {
    let mut heights: Vec<Height> = steps.iter().map(|step| step.header.height).filter(|at| *at <= height).collect();
    if heights.last() != Some(&height) {
        heights.push(height);
    }
    heights.into_iter().map(|height| ledger.block(height)?.ok_or(SnapshotError::NotCertified { height })).collect()
}

fn drop_old(snapshots: &SnapshotFolder) -> Result<(), SnapshotError> {
    let all = snapshots.list()?;
    for old in &all[..all.len().saturating_sub(KEPT)] {
        // At once: whoever reads it meanwhile must not find a part of it missing.
        let (from, to) = (snapshots.of_height(old.height), snapshots.old(old.height));
        let removed = std::fs::rename(&from, &to).map_err(SnapshotError::io(&from, "name")).and_then(|()| remove(&to));
        if let Err(error) = removed {
            warn!(%error, height = %old.height, "an old snapshot stays");
        }
    }
    Ok(())
}

fn synced(folder: &Path) -> Result<(), SnapshotError> {
    sync_folder(folder).map_err(|error| SnapshotError::Ledger(error.into()))
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<(), SnapshotError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(SnapshotError::io(folder, "remove")(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
