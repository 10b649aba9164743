//! Snapshots for others. Whatever is given away is compared with what was made: description, manifest and every chunk.
//!
//! What differs, is gone, or is no file is damage, and the snapshot is withdrawn. Anything else that the system says while it reads, such as too many
//! open files, says nothing of the snapshot: it is answered as a fault that may pass, and the snapshot stays.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use quancheng_state::export::CHUNK_BYTES_MAX;
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Height};
use tracing::{error, warn};

use super::folder::{INFO, INFO_BYTES_MAX, MANIFEST, Seen, chunk_name, chunk_path, look_at, read_file};
use super::make::KEPT;
use super::manifest::MANIFEST_BYTES_MAX;
use super::{Manifest, SnapshotError, SnapshotFolder, SnapshotInfo};

/// A manifest that was written so long before it was read cannot have been written again within the same tick of the clock of the file system, so a
/// later change shows in its time.
const SETTLED: Duration = Duration::from_secs(2);
/// Least time between two lines of the log about reads that fail: whoever asks decides how often that is.
const FAULT_TOLD_EVERY: Duration = Duration::from_secs(10);

/// A manifest as the file system describes it. Other bytes have another stamp, unless the disk itself changed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
    modified: SystemTime,
}

/// A snapshot whose description and manifest were read and fit.
#[derive(Clone, Debug)]
struct Known {
    stamp: Stamp,
    info: SnapshotInfo,
    /// SHA-256 of each chunk.
    chunks: Arc<[Digest]>,
}

/// What is known of the newest [`KEPT`] snapshots, so that their manifests are not read for every chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownSnapshots(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    known: Vec<Known>,
    /// When a read that failed was last told.
    told: Option<Instant>,
}

impl KnownSnapshots {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(&self, height: Height, stamp: Stamp) -> Option<&Known> {
        self.known.iter().find(|known| known.info.height == height && known.stamp == stamp)
    }

    fn forget(&mut self, height: Height) {
        self.known.retain(|known| known.info.height != height);
    }

    fn keep(&mut self, known: Known) {
        self.forget(known.info.height);
        self.known.push(known);
        self.known.sort_unstable_by_key(|known| std::cmp::Reverse(known.info.height));
        self.known.truncate(KEPT);
    }
}

impl SnapshotFolder {
    /// The newest two for somebody else, ascending by height, each as its manifest says.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn served_list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.told(|| {
            let mut found = Vec::new();
            for height in self.heights()?.into_iter().rev() {
                found.extend(self.known(height)?.map(|known| known.info));
                if found.len() == KEPT {
                    break;
                }
            }
            found.reverse();
            Ok(found)
        })
    }

    /// The bytes of a manifest for somebody else; `None` when there is none of that height. What is not as it was made is withdrawn, so that nobody is
    /// told something false, and whoever fetches it goes on with another one.
    ///
    /// # Errors
    /// [`SnapshotError::Io`] when it cannot be read at the moment.
    pub fn served_manifest(&self, height: Height) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.told(|| {
            let Some(known) = self.known(height)? else {
                return Ok(None);
            };
            let path = self.of_height(height).join(MANIFEST);
            self.intact(height, MANIFEST, known.info.manifest_sha256, read_file(&path, MANIFEST_BYTES_MAX.into())?)
        })
    }

    /// The bytes of a chunk for somebody else, likewise.
    ///
    /// # Errors
    /// As [`Self::served_manifest`].
    pub fn served_chunk(&self, height: Height, number: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.told(|| {
            let Some(known) = self.known(height)? else {
                return Ok(None);
            };
            let Some(digest) = usize::try_from(number).ok().and_then(|number| known.chunks.get(number)) else {
                return Ok(None);
            };
            let read = read_file(&chunk_path(&self.of_height(height), number), CHUNK_BYTES_MAX.into())?;
            self.intact(height, &chunk_name(number), *digest, read)
        })
    }

    /// The bytes of a file, when they are those that were made.
    fn intact(
        &self,
        height: Height,
        what: &str,
        expected: Digest,
        read: Seen<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, SnapshotError> {
        match read {
            Seen::File(bytes) if sha256(&[&bytes]) == expected => Ok(Some(bytes)),
            Seen::File(_) | Seen::Absent | Seen::NoFile => {
                self.withdraw(height, what)?;
                Ok(None)
            }
        }
    }

    /// A snapshot whose description is what its manifest says. The description is read each time; the manifest when it is not the file that is known.
    fn known(&self, height: Height) -> Result<Option<Known>, SnapshotError> {
        let folder = self.of_height(height);
        let path = folder.join(MANIFEST);
        let told = match (look_at(&path)?, read_file(&folder.join(INFO), INFO_BYTES_MAX)?) {
            // A folder that is no snapshot, or none any more.
            (Seen::Absent, Seen::Absent) => return Ok(None),
            (Seen::Absent | Seen::NoFile, _) => return self.withdrawn(height, MANIFEST),
            (Seen::File(_), Seen::Absent | Seen::NoFile) => return self.withdrawn(height, INFO),
            (Seen::File(_), Seen::File(bytes)) => serde_json::from_slice::<SnapshotInfo>(&bytes),
        };
        let Ok(told) = told else {
            return self.withdrawn(height, INFO);
        };
        // Others wait meanwhile: a manifest is read once, whoever asks.
        let mut state = self.known.state();
        let found = match stamp(&path)?.and_then(|stamp| state.of(height, stamp)) {
            Some(known) => Some(known.clone()),
            None => Self::read(&path, height)?,
        };
        let Some(known) = found else {
            state.forget(height);
            drop(state);
            return self.withdrawn(height, MANIFEST);
        };
        if known.info != told {
            state.forget(height);
            drop(state);
            // Of two digests that differ nobody knows which was changed.
            let is_either = known.info.manifest_sha256 != told.manifest_sha256;
            return self.withdrawn(height, if is_either { "manifest or snapshot.json" } else { INFO });
        }
        let age = SystemTime::now().duration_since(known.stamp.modified);
        if age.is_ok_and(|age| age > SETTLED) {
            state.keep(known.clone());
        }
        Ok(Some(known))
    }

    /// Reads a manifest, and what it says of its snapshot; `None` when it is not one of this height.
    fn read(path: &Path, height: Height) -> Result<Option<Known>, SnapshotError> {
        // Before the bytes: what changes after it shows in the next stamp.
        let Some(stamp) = stamp(path)? else {
            return Ok(None);
        };
        let Seen::File(bytes) = read_file(path, MANIFEST_BYTES_MAX.into())? else {
            return Ok(None);
        };
        let Ok(manifest) = Manifest::decode(&bytes) else {
            return Ok(None);
        };
        let info = SnapshotInfo::of(&manifest, &bytes).filter(|info| info.height == height);
        let chunks = manifest.list.chunks.iter().map(|entry| entry.sha256).collect();
        Ok(info.map(|info| Known { stamp, info, chunks }))
    }

    fn withdrawn<T>(&self, height: Height, what: &str) -> Result<Option<T>, SnapshotError> {
        self.withdraw(height, what)?;
        Ok(None)
    }

    /// Offers a damaged snapshot no more. It is left beside the others under another name until the next one is made.
    fn withdraw(&self, height: Height, what: &str) -> Result<(), SnapshotError> {
        let (from, to) = (self.of_height(height), self.damaged(height));
        match std::fs::rename(&from, &to) {
            // Another reader saw it first, or a newer one took its place.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(SnapshotError::io(&from, "withdraw"))?,
        }
        error!(
            snapshot = %to.display(),
            file = what,
            "a snapshot is damaged and is offered no more; check the disk, and make another one with `quanchengd snapshot`"
        );
        Ok(())
    }

    /// Of which it is known what their manifests say.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> Vec<Height> {
        self.known.state().known.iter().map(|known| known.info.height).collect()
    }

    /// Tells the log of a read that failed, now and then.
    fn told<T>(&self, read: impl FnOnce() -> Result<T, SnapshotError>) -> Result<T, SnapshotError> {
        read().inspect_err(|error| {
            let mut state = self.known.state();
            if state.told.is_none_or(|told| told.elapsed() >= FAULT_TOLD_EVERY) {
                state.told = Some(Instant::now());
                warn!(%error, "a snapshot cannot be read at the moment; it stays, and whoever asked may ask again");
            }
        })
    }
}

/// How the file system describes a file; `None` when there is none.
fn stamp(path: &Path) -> Result<Option<Stamp>, SnapshotError> {
    let Seen::File(meta) = look_at(path)? else {
        return Ok(None);
    };
    let modified = meta.modified().map_err(SnapshotError::io(path, "read"))?;
    let changed = (meta.ctime(), meta.ctime_nsec());
    Ok(Some(Stamp { device: meta.dev(), inode: meta.ino(), bytes: meta.len(), changed, modified }))
}
