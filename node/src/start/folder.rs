//! The data folder: whether a node may run on it, and what happens when it is taken away under the running node.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quancheng_types::Genesis;
use tracing::error;

use super::{NodeKeys, StartError};
use crate::driver::DriverEnd;
use crate::files::{FolderLost, FolderWatch, MarksFile, RestoringFile, StoppedFile};
use crate::ledger::has_run;

/// Pause between two looks at it.
const FOLDER_LOOK: Duration = Duration::from_secs(1);
/// One of so many parts of its time is spent with looking, at most: a store of many files takes longer.
const LOOK_SHARE: u32 = 20;
/// Longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Resolves when the data folder, or something in it that is needed, is no longer there, at two looks: what is moved away and back at once is
/// whole.
pub(super) async fn until_lost(folder: &Arc<FolderWatch>) {
    let (mut looks, mut pause) = (0, FOLDER_LOOK);
    while looks < 2 {
        tokio::time::sleep(pause).await;
        let folder = Arc::clone(folder);
        let look = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            (folder.lost().is_some(), begun.elapsed())
        });
        // It fails only with the runtime.
        let Ok((is_lost, taken)) = look.await else { continue };
        (looks, pause) = if is_lost {
            (looks + 1, FOLDER_LOOK)
        } else {
            (0, (taken * LOOK_SHARE).clamp(FOLDER_LOOK, LOOK_PAUSE_MAX))
        };
    }
}

/// How a node ended that lost its data folder: what went wrong in it then follows from that, except what concerns its key or its build.
pub(super) fn end_without(end: DriverEnd, lost: FolderLost) -> DriverEnd {
    let lost = Box::new(lost);
    match end {
        DriverEnd::Stopped | DriverEnd::FolderLost(_) => DriverEnd::FolderLost(lost),
        DriverEnd::File(_) | DriverEnd::Ledger(_) | DriverEnd::Halted(_) | DriverEnd::Panicked => {
            error!("before the loss was noticed: {end}");
            DriverEnd::FolderLost(lost)
        }
        DriverEnd::KeyElsewhere(_) | DriverEnd::UnknownVersion(_) => {
            error!("{lost}");
            end
        }
    }
}

/// Whether a node may run here at all.
pub(super) fn check_folder(data_dir: &Path, genesis: &Genesis, keys: &NodeKeys) -> Result<(), StartError> {
    StoppedFile::at(data_dir).check().map_err(StartError::File)?;
    RestoringFile::at(data_dir).check().map_err(StartError::File)?;
    let is_new = !has_run(data_dir) && !MarksFile::at(data_dir, genesis.chain_id(), keys.owner()).exists();
    if is_new && keys.validator.is_some() {
        return Err(StartError::NotInitialized { path: data_dir.to_owned() });
    }
    Ok(())
}

/// A number that no other process has, by the randomness with which the standard library seeds its maps.
pub(super) fn instance() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
