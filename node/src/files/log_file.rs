//! The log of the height in progress.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_consensus::{LogContents, LogEntry, LogError, LogName, LogWriter, read_log};
use quancheng_types::{ChainId, Height};

use super::{FileError, Owner, check_plain, io, sync_folder};

/// Bytes after which a new file is begun at the next commit. Small files keep restarts short; a new one costs a folder sync.
pub(super) const ROTATE_BYTES: u64 = 8 * 1024 * 1024;

/// What is added to the name of a file that is damaged.
const DAMAGED: &str = "damaged";

/// Greatest number that a file can have come to, where nothing else is known of them.
const NUMBER_MAX: u64 = 1 << 48;

/// Name in the data folder.
pub const LOG_FOLDER: &str = "log";

/// Name of a file that is being made.
const UNFINISHED: &str = "unfinished";

/// How far the log was durable: the number of its file, and the bytes of it. The later of two is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct LogMark {
    /// The file; 0 before the first.
    pub number: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// A log that lost what was durable. Nothing follows from entries of heights that are decided, and what this validator said at the height in
/// progress is counted in its sign record; but a disk that loses one file loses others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLoss {
    /// The file.
    pub path: PathBuf,
    /// What is there.
    pub found: LogMark,
    /// What was durable.
    pub marked: LogMark,
    /// Where a file that is damaged before its end was put, so that it can be looked at.
    pub put_aside: Option<PathBuf>,
}

impl fmt::Display for LogLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, marked, put_aside } = self;
        if let Some(put_aside) = put_aside {
            write!(
                f,
                "{} is damaged: records stand behind the first {} bytes that hold, and what they say cannot be told without what is missing before \
                 them; it was put aside as {}",
                path.display(),
                found.bytes,
                put_aside.display()
            )?;
        } else if found.number == marked.number {
            write!(
                f,
                "{} holds {} bytes that can be read, and {} were durable",
                path.display(),
                found.bytes,
                marked.bytes
            )?;
        } else {
            write!(f, "{}, of which {} bytes were durable, is missing or holds nothing", path.display(), marked.bytes)?;
        }
        write!(
            f,
            ": the log of the height in progress was damaged, cut, removed or replaced by an older copy. The node goes on without what is gone, \
             and signs nothing at a height of which it may have forgotten something; check the disk (共识日志丢失了已落盘的内容：节点继续运行，\
             且不在可能有遗忘的高度签名；请检查磁盘)"
        )
    }
}

/// What [`LogFile::open`] found.
#[derive(Debug)]
pub struct OpenedLog {
    /// The file, to go on with.
    pub log: LogFile,
    /// What it holds.
    pub entries: Vec<LogEntry>,
    /// What it lost.
    pub loss: Option<LogLoss>,
}

/// An append-only file, named by a number that grows. At most two exist, and only while one replaces the other.
#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    name: LogName,
    path: PathBuf,
    file: File,
    writer: LogWriter,
    buffer: Vec<u8>,
    written: u64,
    newest: Height,
    dirty: bool,
    in_use: LogInUse,
}

/// Tells the file that a log is written to, also after it has begun another.
#[derive(Clone, Debug, Default)]
pub struct LogInUse {
    folder: PathBuf,
    number: Arc<AtomicU64>,
}

impl LogInUse {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.number.load(Ordering::Acquire).to_string())
    }
}

/// The newest file that holds anything.
struct Newest {
    number: u64,
    contents: LogContents,
    /// It is damaged before its end: what it holds ends there.
    is_damaged: bool,
}

impl LogFile {
    /// Opens the newest file and cuts a torn tail, or begins the first. `marked`: how far the log is known to have been durable. One that lost
    /// something of that, or is damaged before its end, goes on in a new file with what is left of it, so that the loss is told once. That is as safe
    /// as to begin an empty one: the sign record says how many entries had been synced before the latest signature.
    ///
    /// # Errors
    /// [`FileError::Log`] for the log of another node, chain or version, [`FileError::NotAFile`], [`FileError::Io`].
    pub fn open(data_dir: &Path, chain_id: ChainId, owner: Owner, marked: LogMark) -> Result<OpenedLog, FileError> {
        let name = |file| LogName { chain_id, owner: owner.validator(), file };
        let folder = data_dir.join(LOG_FOLDER);
        std::fs::create_dir_all(&folder).map_err(io(&folder, "create the log folder"))?;
        let mut numbers = file_numbers(&folder)?;
        // Between two marks at most one file is begun: a greater number is not of this node's making, and is left where it is.
        let is_known = marked != LogMark::default();
        let number_max = if is_known { marked.number.saturating_add(1) } else { NUMBER_MAX };
        numbers.retain(|number| *number <= number_max);
        let newest = newest_file(&folder, &mut numbers, name)?;
        let found = newest.as_ref().map_or(LogMark::default(), |newest| LogMark {
            number: newest.number,
            bytes: u64::try_from(newest.contents.valid_bytes).unwrap_or(u64::MAX),
        });
        let damaged =
            newest.as_ref().filter(|newest| newest.is_damaged).map(|newest| folder.join(newest.number.to_string()));
        let put_aside = damaged.as_ref().map(|path| path.with_extension(DAMAGED));
        let loss = (found < marked || damaged.is_some()).then(|| {
            let path = damaged.clone().unwrap_or_else(|| folder.join(marked.number.to_string()));
            LogLoss { path, found, marked, put_aside: put_aside.clone() }
        });
        let (log, entries) = match newest {
            Some(Newest { number, contents, .. }) if loss.is_none() => {
                let entries = contents.entries;
                let newest = entries.iter().map(LogEntry::height).max().unwrap_or_default();
                (Self::resume(folder.clone(), name(number), found.bytes, contents.writer, newest)?, entries)
            }
            lost => {
                numbers.extend(lost.as_ref().filter(|_| damaged.is_none()).map(|newest| newest.number));
                let entries = lost.map_or_else(Vec::new, |newest| newest.contents.entries);
                let number = found.number.max(marked.number) + 1;
                (Self::begin(folder.clone(), name(number), &entries)?, entries)
            }
        };
        if let (Some(path), Some(put_aside)) = (&damaged, &put_aside) {
            std::fs::rename(path, put_aside).map_err(io(path, "put the damaged log aside"))?;
        }
        // The newest took over everything of the earlier ones that counts.
        for earlier in numbers {
            let path = folder.join(earlier.to_string());
            std::fs::remove_file(&path).map_err(io(&path, "remove the old log"))?;
        }
        Ok(OpenedLog { log, entries, loss })
    }

    /// Which file it is written to, for one who watches it.
    #[must_use]
    pub fn in_use(&self) -> LogInUse {
        self.in_use.clone()
    }

    /// How far the log is durable, after [`Self::sync`].
    #[must_use]
    pub fn mark(&self) -> LogMark {
        LogMark { number: self.name.file, bytes: self.written }
    }

    /// Goes on in a file behind its bytes that hold.
    fn resume(
        folder: PathBuf,
        name: LogName,
        written: u64,
        writer: LogWriter,
        newest: Height,
    ) -> Result<Self, FileError> {
        let path = folder.join(name.file.to_string());
        let file = File::options().append(true).open(&path).map_err(io(&path, "open the log"))?;
        file.set_len(written).map_err(io(&path, "cut the torn end of the log"))?;
        file.sync_all().map_err(io(&path, "sync the log"))?;
        Ok(Self::over(folder, name, file, writer, written, newest))
    }

    fn over(folder: PathBuf, name: LogName, file: File, writer: LogWriter, written: u64, newest: Height) -> Self {
        let path = folder.join(name.file.to_string());
        let in_use = LogInUse { folder: folder.clone(), number: Arc::new(AtomicU64::new(name.file)) };
        Self { folder, name, path, file, writer, buffer: Vec::new(), written, newest, dirty: false, in_use }
    }

    /// Makes a file that holds these entries. It gets its name only when it is whole: the newest name always names all entries
    /// that count.
    fn begin(folder: PathBuf, name: LogName, entries: &[LogEntry]) -> Result<Self, FileError> {
        let path = folder.join(name.file.to_string());
        let unfinished = folder.join(UNFINISHED);
        let (mut writer, mut content) = LogWriter::create(name);
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
        Ok(Self::over(folder, name, file, writer, written, newest))
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
        let mut next = Self::begin(self.folder.clone(), LogName { file: self.name.file + 1, ..self.name }, &later)?;
        // Told before the old one is removed.
        self.in_use.number.store(next.name.file, Ordering::Release);
        next.in_use = self.in_use.clone();
        let old = std::mem::replace(self, next);
        std::fs::remove_file(&old.path).map_err(io(&old.path, "remove the old log"))
    }

    fn entries_after(&self, committed: Height) -> Result<Vec<LogEntry>, FileError> {
        let bytes = std::fs::read(&self.path).map_err(io(&self.path, "read the log"))?;
        let contents =
            read_log(self.name, &bytes).map_err(|error| FileError::Log { path: self.path.clone(), error })?;
        Ok(contents.entries.into_iter().filter(|entry| entry.height() > committed).collect())
    }
}

/// The newest file that holds anything, or would if it were not damaged, taken from the numbers. Later ones that hold nothing were never finished,
/// and are removed.
fn newest_file(
    folder: &Path,
    numbers: &mut Vec<u64>,
    name: impl Fn(u64) -> LogName,
) -> Result<Option<Newest>, FileError> {
    while let Some(number) = numbers.pop() {
        let path = folder.join(number.to_string());
        check_plain(&path)?;
        let bytes = std::fs::read(&path).map_err(io(&path, "read the log"))?;
        let refused = |error| FileError::Log { path: path.clone(), error };
        let holding = match read_log(name(number), &bytes) {
            Ok(contents) if contents.valid_bytes > 0 => {
                return Ok(Some(Newest { number, contents, is_damaged: false }));
            }
            Ok(_) => None,
            Err(LogError::HeaderDamaged) => Some(0),
            Err(LogError::Damaged { offset, .. }) => Some(offset),
            Err(
                error @ (LogError::TooLong { .. }
                | LogError::WrongChain
                | LogError::WrongOwner
                | LogError::WrongFile { .. }
                | LogError::UnknownEntry { .. }),
            ) => return Err(refused(error)),
        };
        if let Some(bytes) = holding.and_then(|bytes_that_hold| bytes.get(..bytes_that_hold)) {
            let contents = read_log(name(number), bytes).map_err(refused)?;
            return Ok(Some(Newest { number, contents, is_damaged: true }));
        }
        std::fs::remove_file(&path).map_err(io(&path, "remove an unfinished log"))?;
    }
    Ok(None)
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
