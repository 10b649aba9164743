//! The note of a node that stopped because its key signed elsewhere: it must not go on by itself when something starts it again.

use std::path::{Path, PathBuf};

use super::{FileError, check_plain, io, sync_folder};

/// Name in the data folder.
pub const NAME: &str = "stopped";
/// Bytes of the note that are shown.
const REASON_BYTES_MAX: usize = 2048;

/// The note.
#[derive(Debug)]
pub struct StoppedFile {
    path: PathBuf,
    folder: PathBuf,
}

impl StoppedFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path) -> Self {
        Self { path: data_dir.join(NAME), folder: data_dir.to_owned() }
    }

    /// Refuses while there is a note.
    ///
    /// # Errors
    /// [`FileError::Stopped`], [`FileError::Io`].
    pub fn check(&self) -> Result<(), FileError> {
        check_plain(&self.path)?;
        match std::fs::read(&self.path) {
            Ok(bytes) => {
                let shown = &bytes[..bytes.len().min(REASON_BYTES_MAX)];
                let reason = String::from_utf8_lossy(shown).trim().to_owned();
                Err(FileError::Stopped { path: self.path.clone(), reason })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io(&self.path, "read")(error)),
        }
    }

    /// Writes the note. Durable when it returns.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn write(&self, reason: &str) -> Result<(), FileError> {
        std::fs::write(&self.path, format!("{reason}\n")).map_err(io(&self.path, "write"))?;
        let file = std::fs::File::open(&self.path).map_err(io(&self.path, "open"))?;
        file.sync_all().map_err(io(&self.path, "sync"))?;
        sync_folder(&self.folder)
    }
}
