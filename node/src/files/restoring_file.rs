//! The note of a data folder that `quanchengd init` is making: until it is whole, no node starts on it.

use std::path::{Path, PathBuf};

use super::{FileError, io, marks_file, sign_record_file, sync_folder};

/// Name in the data folder.
const NAME: &str = "restoring";
/// Beginning of the names of folders for what lay beside a note that was left.
const ASIDE: &str = "unfinished";
/// How many of them there may be.
const ASIDE_MAX: u32 = 4;
/// What it says to people.
const WORDS: &str = "The data folder of a node is being made here. If that is not going on any more, repeat the same command (`quanchengd init` with its \
                     options).\n\
                     正在此建立节点的数据目录。如已中断，请重新执行原命令（`quanchengd init` 及其选项）。\n";

/// The note.
#[derive(Debug)]
pub struct RestoringFile {
    path: PathBuf,
    folder: PathBuf,
}

impl RestoringFile {
    /// Names the file; touches nothing.
    #[must_use]
    pub fn at(data_dir: &Path) -> Self {
        Self { path: data_dir.join(NAME), folder: data_dir.to_owned() }
    }

    /// Refuses while there is a note.
    ///
    /// # Errors
    /// [`FileError::Restoring`].
    pub fn check(&self) -> Result<(), FileError> {
        if self.path.symlink_metadata().is_ok() {
            Err(FileError::Restoring { path: self.path.clone() })
        } else {
            Ok(())
        }
    }

    /// Writes the note, before anything else is made in the folder. Durable when it returns.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn begin(&self) -> Result<(), FileError> {
        std::fs::write(&self.path, WORDS).map_err(io(&self.path, "write"))?;
        std::fs::File::open(&self.path).and_then(|file| file.sync_all()).map_err(io(&self.path, "sync"))?;
        sync_folder(&self.folder)
    }

    /// Takes the note away when everything else is durable: from here on the folder is one of a node.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn end(&self) -> Result<(), FileError> {
        sync_folder(&self.folder)?;
        std::fs::remove_file(&self.path).map_err(io(&self.path, "remove"))?;
        sync_folder(&self.folder)
    }

    /// What is there already of what a command makes of a folder.
    #[must_use]
    pub fn found(&self) -> Vec<PathBuf> {
        self.made().into_iter().filter(|path| path.symlink_metadata().is_ok()).collect()
    }

    /// Removes what the command made that holds the folder, and the note last. What it had found stays.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn remove_made(&self, found: &[PathBuf]) -> Result<(), FileError> {
        for path in self.made().into_iter().filter(|path| !found.contains(path)) {
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io(&path, "remove what was made in")(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        self.end()
    }

    /// Where there is a note, moves what lies beside it into a folder of its own, whose name is returned, and takes the note away. A note is weak
    /// evidence: an old data folder may have been put back over an interrupted command, and a user may have files with these names. So nothing is removed,
    /// and where anything tells that a node has run here, which the caller has looked for, this is not called.
    ///
    /// # Errors
    /// [`FileError::NotUnfinished`] when it is not the note that is written here; then nothing is moved. [`FileError::Io`].
    pub fn set_aside(&self) -> Result<Option<PathBuf>, FileError> {
        if self.check().is_ok() {
            return Ok(None);
        }
        if !self.is_own() {
            return Err(self.not_unfinished());
        }
        let found = self.found();
        if found.is_empty() {
            return self.end().map(|()| None);
        }
        let aside = self.new_folder()?;
        for path in found {
            let name = path.file_name().unwrap_or_default();
            std::fs::rename(&path, aside.join(name)).map_err(io(&path, "move aside"))?;
        }
        sync_folder(&aside)?;
        self.end().map(|()| Some(aside))
    }

    /// That something here is not an interrupted command's.
    #[must_use]
    pub fn not_unfinished(&self) -> FileError {
        FileError::NotUnfinished { path: self.path.clone() }
    }

    /// A folder that did not exist. There are only so many: a command that is killed and repeated again and again fills no disk.
    fn new_folder(&self) -> Result<PathBuf, FileError> {
        for number in 1..=ASIDE_MAX {
            let folder = self.folder.join(format!("{ASIDE}-{number}"));
            match std::fs::create_dir(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io(&folder, "make")(error)),
            }
        }
        Err(FileError::TooManyUnfinished { path: self.folder.clone() })
    }

    /// What a command makes of a folder.
    fn made(&self) -> [PathBuf; 3] {
        ["store", marks_file::NAME, sign_record_file::NAME].map(|name| self.folder.join(name))
    }

    /// Whether it is what [`Self::begin`] writes, or the beginning of it.
    fn is_own(&self) -> bool {
        let longest = u64::try_from(WORDS.len()).unwrap_or(u64::MAX);
        let is_short = self.path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= longest);
        is_short && std::fs::read(&self.path).is_ok_and(|found| WORDS.as_bytes().starts_with(&found))
    }
}

/// Why no node starts where there is a note.
pub(super) fn unfinished(path: &Path) -> String {
    format!(
        "{} says that this data folder is being made: it is not whole, and no node starts on it. If that was interrupted, repeat the same command \
         (`quanchengd init` with its options), which begins anew (该数据目录尚在建立，不完整；如已中断，请重新执行原命令：`quanchengd init` 及其选项)",
        path.display()
    )
}

/// Why nothing more is moved aside.
pub(super) fn too_many(path: &Path) -> String {
    format!(
        "{} holds {ASIDE_MAX} folders `{ASIDE}-…` already, of commands that were interrupted before this one: look what ends them (memory, time, a full \
         disk), remove the folders when nothing in them is needed, and repeat the command (该目录中已有 {ASIDE_MAX} 个此前中断的命令留下的 `{ASIDE}-…` \
         目录：请查明中断原因（内存、超时、磁盘已满），确认不再需要后删除这些目录，再重新执行命令)",
        path.display()
    )
}

/// Why nothing is removed in spite of a note.
pub(super) fn not_unfinished(path: &Path) -> String {
    format!(
        "{} is not the note of an interrupted `quanchengd init`, or a node has run in this folder (its log, its marks or its sign record tell so): nothing was \
         changed. If the old data folder was put back here, whole, move this one file away and start the node; else move the folder away, look what is in it, \
         and repeat the command (该文件不是中断的 `quanchengd init` 留下的标记，或该目录中曾有节点运行（由日志、标记或签名记录可知），故未删除、\
         也未改动任何内容。如已将旧数据目录完整放回此处，\
         请只移走该文件并启动节点；否则请移走整个目录、核对其内容后重新执行命令)",
        path.display()
    )
}
