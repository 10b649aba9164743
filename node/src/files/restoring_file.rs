//! The note of a data folder that `quanchengd init` is making: until it is whole, no node starts on it.

use std::path::{Path, PathBuf};

use super::{FileError, LOG_FOLDER, io, marks_file, sign_record_file, sync_folder};

/// Name in the data folder.
const NAME: &str = "restoring";
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

    /// Where there is a note, removes what the unfinished command has made, and the note last. No node has started on it, so nothing was
    /// signed or numbered with it. The note alone is not believed: it has to be the one that is written here, and where a node has run there is its log, which
    /// `init` never makes (an old data folder may have been put back over an interrupted one).
    ///
    /// # Errors
    /// [`FileError::NotUnfinished`], and nothing is removed; [`FileError::Io`].
    pub fn clear(&self) -> Result<(), FileError> {
        if self.check().is_ok() {
            return Ok(());
        }
        if !self.is_own() || self.folder.join(LOG_FOLDER).symlink_metadata().is_ok() {
            return Err(FileError::NotUnfinished { path: self.path.clone() });
        }
        for name in ["store", marks_file::NAME, sign_record_file::NAME] {
            let path = self.folder.join(name);
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io(&path, "remove what an interrupted init left in")(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        self.end()
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

/// Why nothing is removed in spite of a note.
pub(super) fn not_unfinished(path: &Path) -> String {
    format!(
        "{} is not the note of an interrupted `quanchengd init`, or a node has run in this folder (it has a log): nothing was removed. If the old data folder \
         was put back here, whole, move this one file away and start the node; else move the folder away, look what is in it, and repeat the command \
         (该文件不是中断的 `quanchengd init` 留下的标记，或该目录中曾有节点运行（有日志），故未删除任何内容。如已将旧数据目录完整放回此处，\
         请只移走该文件并启动节点；否则请移走整个目录、核对其内容后重新执行命令)",
        path.display()
    )
}
