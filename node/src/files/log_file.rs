//! The log of the height in progress.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use quancheng_consensus::{LogEntry, LogWriter, read_log};
use quancheng_types::{ChainId, Height};

use super::{FileError, io, sync_folder};

/// Bytes after which a new file is begun at the next commit. Small files keep restarts short; a new one costs a folder sync.
pub(super) const ROTATE_BYTES: u64 = 8 * 1024 * 1024;

/// Name of a file that is being made.
const UNFINISHED: &str = "unfinished";

/// An append-only file, named by a number that grows. At most two exist, and only while one replaces the other.
#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    number: u64,
    path: PathBuf,
    file: File,
    writer: LogWriter,
    chain_id: ChainId,
    buffer: Vec<u8>,
    written: u64,
    newest: Height,
    dirty: bool,
}

impl LogFile {
    /// Opens the newest file and cuts a torn tail, or begins the first. Returns the entries it holds.
    ///
    /// # Errors
    /// [`FileError::Log`] on damage that no crash makes, [`FileError::Io`].
    pub fn open(data_dir: &Path, chain_id: ChainId) -> Result<(Self, Vec<LogEntry>), FileError> {
        let folder = data_dir.join("log");
        std::fs::create_dir_all(&folder).map_err(io(&folder, "create the log folder"))?;
        let mut numbers = file_numbers(&folder)?;
        let mut found = None;
        while let Some(number) = numbers.pop() {
            let path = folder.join(number.to_string());
            let bytes = std::fs::read(&path).map_err(io(&path, "read the log"))?;
            let contents = read_log(chain_id, &bytes).map_err(|error| FileError::Log { path: path.clone(), error })?;
            if contents.valid_bytes > 0 {
                found = Some((number, path, contents));
                break;
            }
            std::fs::remove_file(&path).map_err(io(&path, "remove an unfinished log"))?;
        }
        let Some((number, path, contents)) = found else {
            return Ok((Self::begin(folder, 1, chain_id, &[])?, Vec::new()));
        };
        // The newest took over everything of the earlier ones that counts.
        for earlier in numbers {
            let path = folder.join(earlier.to_string());
            std::fs::remove_file(&path).map_err(io(&path, "remove the old log"))?;
        }
        let entries = contents.entries;
        let file = File::options().append(true).open(&path).map_err(io(&path, "open the log"))?;
        let written = u64::try_from(contents.valid_bytes).expect("a file length fits in u64");
        file.set_len(written).map_err(io(&path, "cut the torn end of the log"))?;
        file.sync_all().map_err(io(&path, "sync the log"))?;
        let writer = contents.writer;
        let newest = entries.iter().map(LogEntry::height).max().unwrap_or_default();
        let log =
            Self { folder, number, path, file, writer, chain_id, buffer: Vec::new(), written, newest, dirty: false };
        Ok((log, entries))
    }

    /// Makes a file that holds these entries. It gets its name only when it is whole: the newest name always names all entries
    /// that count.
    fn begin(folder: PathBuf, number: u64, chain_id: ChainId, entries: &[LogEntry]) -> Result<Self, FileError> {
        let path = folder.join(number.to_string());
        let unfinished = folder.join(UNFINISHED);
        let (mut writer, mut content) = LogWriter::create(chain_id);
        for entry in entries {
            content.extend_from_slice(&writer.append(entry));
        }
        let mut file = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&unfinished)
            .map_err(io(&unfinished, "create the log"))?;
        file.write_all(&content).map_err(io(&unfinished, "write the log"))?;
        file.sync_all().map_err(io(&unfinished, "sync the log"))?;
        std::fs::rename(&unfinished, &path).map_err(io(&path, "name the log"))?;
        sync_folder(&folder)?;
        let written = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let newest = entries.iter().map(LogEntry::height).max().unwrap_or_default();
        Ok(Self { folder, number, path, file, writer, chain_id, buffer: Vec::new(), written, newest, dirty: false })
    }

    /// Takes an entry; it is on disk after [`Self::sync`].
    pub fn append(&mut self, entry: &LogEntry) {
        self.newest = self.newest.max(entry.height());
        self.buffer.extend_from_slice(&self.writer.append(entry));
    }

    /// Writes what was appended and waits until it is on disk.
    ///
    /// # Errors
    /// [`FileError::Io`]; the process must stop before another message leaves.
    pub fn sync(&mut self) -> Result<(), FileError> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer).map_err(io(&self.path, "write the log"))?;
            self.written = self.written.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX));
            self.buffer.clear();
            self.dirty = true;
        }
        if self.dirty {
            self.file.sync_data().map_err(io(&self.path, "sync the log"))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// After a flushed commit of `committed`: when this file has grown, begins a new one with the entries of later heights,
    /// which a restart needs, and drops the old.
    ///
    /// The next height may always have begun when one is committed, and a peer that speaks early makes it so every time: a file
    /// that waited for a moment without later entries could grow for ever.
    ///
    /// # Errors
    /// [`FileError::Io`]; [`FileError::Log`] when the old file cannot be read back.
    pub fn rotate(&mut self, committed: Height) -> Result<(), FileError> {
        if self.written < ROTATE_BYTES || !self.buffer.is_empty() {
            return Ok(());
        }
        let later = if self.newest > committed { self.entries_after(committed)? } else { Vec::new() };
        let next = Self::begin(self.folder.clone(), self.number + 1, self.chain_id, &later)?;
        let old = std::mem::replace(self, next);
        std::fs::remove_file(&old.path).map_err(io(&old.path, "remove the old log"))
    }

    fn entries_after(&self, committed: Height) -> Result<Vec<LogEntry>, FileError> {
        let bytes = std::fs::read(&self.path).map_err(io(&self.path, "read the log"))?;
        let contents =
            read_log(self.chain_id, &bytes).map_err(|error| FileError::Log { path: self.path.clone(), error })?;
        Ok(contents.entries.into_iter().filter(|entry| entry.height() > committed).collect())
    }
}

fn file_numbers(folder: &Path) -> Result<Vec<u64>, FileError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder, "list the log folder"))? {
        let entry = entry.map_err(io(folder, "list the log folder"))?;
        numbers.extend(entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
