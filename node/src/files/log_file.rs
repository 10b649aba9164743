//! The log of the height in progress.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use quancheng_consensus::{LogEntry, LogWriter, read_log};
use quancheng_types::{ChainId, Height};

use super::{FileError, io, sync_folder};

/// Bytes after which a new file is begun at the next commit. Small files keep restarts short; a new one costs a folder sync.
pub(super) const ROTATE_BYTES: u64 = 8 * 1024 * 1024;

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
        let mut entries = Vec::new();
        let mut newest = None;
        // A crash while the next file was being made leaves it without a valid start: the one before it still counts.
        while let Some(number) = numbers.pop() {
            let path = folder.join(number.to_string());
            let bytes = std::fs::read(&path).map_err(io(&path, "read the log"))?;
            let contents = read_log(chain_id, &bytes).map_err(|error| FileError::Log { path: path.clone(), error })?;
            if contents.valid_bytes == 0 {
                std::fs::remove_file(&path).map_err(io(&path, "remove an unfinished log"))?;
                continue;
            }
            let mut earlier = contents.entries.clone();
            earlier.append(&mut entries);
            entries = earlier;
            newest.get_or_insert((number, path, contents));
        }
        let Some((number, path, contents)) = newest else {
            return Ok((Self::begin(folder, 1, chain_id)?, entries));
        };
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

    fn begin(folder: PathBuf, number: u64, chain_id: ChainId) -> Result<Self, FileError> {
        let path = folder.join(number.to_string());
        let (writer, header) = LogWriter::create(chain_id);
        let mut file =
            File::options().create(true).write(true).truncate(true).open(&path).map_err(io(&path, "create the log"))?;
        file.write_all(&header).map_err(io(&path, "write the log"))?;
        file.sync_all().map_err(io(&path, "sync the log"))?;
        sync_folder(&folder)?;
        let written = u64::try_from(header.len()).expect("a header is short");
        let newest = Height::GENESIS;
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

    /// After a flushed commit of `committed`: begins a new file when this one has grown, and drops the old - unless it holds
    /// entries of a later height, which a restart needs.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn rotate(&mut self, committed: Height) -> Result<(), FileError> {
        if self.written < ROTATE_BYTES || !self.buffer.is_empty() || self.newest > committed {
            return Ok(());
        }
        let next = Self::begin(self.folder.clone(), self.number + 1, self.chain_id)?;
        let old = std::mem::replace(self, next);
        std::fs::remove_file(&old.path).map_err(io(&old.path, "remove the old log"))
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
