//! Why there is no backup, or why one cannot be used.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use quancheng_types::{ChainId, Height};

use crate::files::FileError;
use crate::ledger::LedgerError;
use crate::start::StartError;

/// Faults of files that are named; the others are counted.
const FAULTS_SHOWN: usize = 20;

/// What is wrong with a file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// The file, relative to the folder of the backup.
    pub path: String,
    /// What it is.
    pub kind: FileFaultKind,
}

/// What may be wrong with a file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFaultKind {
    /// It is on the list and not there.
    Missing,
    /// It is there and not on the list.
    Extra,
    /// It is neither a file nor one of the folders of a backup.
    NoFile,
    /// It is shorter or longer than it was.
    Size {
        /// Bytes that are there.
        found: u64,
        /// Bytes that were there.
        listed: u64,
    },
    /// It holds something else.
    Content,
}

impl FileFault {
    fn en(&self) -> String {
        let path = &self.path;
        match self.kind {
            FileFaultKind::Missing => format!("{path} is missing"),
            FileFaultKind::Extra => format!("{path} is no part of the backup"),
            FileFaultKind::NoFile => format!("{path} is no plain file"),
            FileFaultKind::Size { found, listed } => format!("{path} has {found} bytes instead of {listed}"),
            FileFaultKind::Content => format!("{path} is damaged: its SHA-256 is another one"),
        }
    }

    fn zh(&self) -> String {
        let path = &self.path;
        match self.kind {
            FileFaultKind::Missing => format!("{path} 缺失"),
            FileFaultKind::Extra => format!("{path} 不属于该备份"),
            FileFaultKind::NoFile => format!("{path} 不是普通文件"),
            FileFaultKind::Size { found, listed } => format!("{path} 为 {found} 字节，应为 {listed} 字节"),
            FileFaultKind::Content => format!("{path} 已损坏：SHA-256 不符"),
        }
    }
}

/// Why there is no backup, or why one cannot be used.
#[derive(Clone, Debug)]
pub enum BackupError {
    /// Another backup of this node is being made.
    Running,
    /// The node stops; what was begun of the backup is removed.
    Stopping,
    /// The data folder holds no store to copy.
    Empty {
        /// The data folder.
        data_dir: PathBuf,
    },
    /// The system refused.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, in English.
        action: &'static str,
        /// Its answer.
        error: Arc<std::io::Error>,
    },
    /// The store, or a copy of it.
    Ledger(LedgerError),
    /// A file of the data folder.
    File(Arc<FileError>),
    /// What a start reads too: the genesis, a key file.
    Start(Arc<StartError>),
    /// What was to be made is there already.
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder in which a backup is to be put is not there.
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that holds no backup, or one of a later build.
    NoBackup {
        /// The folder.
        path: PathBuf,
        /// Why it is none.
        reason: String,
    },
    /// Files are not as they were.
    Faults {
        /// The folder.
        path: PathBuf,
        /// Which, in order of their paths.
        faults: Vec<FileFault>,
    },
    /// A backup of another chain.
    OtherChain {
        /// The folder.
        path: PathBuf,
        /// The chain of the backup.
        found: ChainId,
        /// The chain of the genesis file.
        expected: ChainId,
    },
    /// The store of a backup holds another height than its record says.
    OtherContent {
        /// The folder.
        path: PathBuf,
        /// The height that the record says.
        said: Height,
        /// The height of the store.
        found: Height,
    },
    /// The data folder is in use, and no node answers at the operator's door.
    NoAnswer {
        /// The data folder.
        data_dir: PathBuf,
        /// The door.
        door: String,
        /// What happened there.
        reason: String,
    },
    /// The door answered that there is no backup.
    Refused {
        /// The door.
        door: String,
        /// Its words, in English.
        en: String,
        /// Its words, in Chinese.
        zh: String,
    },
}

impl BackupError {
    /// In English: what, where, why, and what to do.
    #[must_use]
    pub fn en(&self) -> String {
        match self {
            Self::Running => "a backup of this node is being made; wait until it is done".to_owned(),
            Self::Stopping => "the node is stopping; make the backup when it has stopped or runs again".to_owned(),
            Self::Empty { data_dir } => {
                format!(
                    "{} holds no blocks of a node: there is nothing to back up; check node.data_dir",
                    data_dir.display()
                )
            }
            Self::Io { path, action, error } => format!("cannot {action} {}: {error}", path.display()),
            Self::Ledger(error) => error.to_string(),
            Self::File(error) => error.to_string(),
            Self::Start(error) => error.to_string(),
            Self::Exists { path } => {
                format!(
                    "{} is there already, and no backup is written over anything; name a folder that is not there",
                    path.display()
                )
            }
            Self::NoFolder { path } => format!(
                "there is no folder {}, and a backup makes only its own: check the path given to --out, or make the folder",
                path.display()
            ),
            Self::NoBackup { path, reason } => {
                format!("{} is no backup that this build reads: {reason}", path.display())
            }
            Self::Faults { path, faults } => {
                format!(
                    "the backup {} is not as it was made: {}; use another one",
                    path.display(),
                    list(faults, FileFault::en, ", ")
                )
            }
            Self::OtherChain { path, found, expected } => format!(
                "the backup {} is of chain {found}, and the genesis file of this configuration is of chain {expected}; use a backup of this chain",
                path.display()
            ),
            Self::OtherContent { path, said, found } => format!(
                "the backup {} says that it ends with height {said}, and its store ends with height {found} or another block: it was put \
                 together from two; use another one",
                path.display()
            ),
            Self::NoAnswer { data_dir, door, reason } => format!(
                "{} is in use, and no node answers at {door} (api.admin): {reason}. Wait until the other command has ended or the node has \
                 started, or check that this is the configuration of the running node",
                data_dir.display()
            ),
            Self::Refused { door, en, .. } => format!("the node at {door} made no backup: {en}"),
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Running => "本节点正在备份，请等待其完成".to_owned(),
            Self::Stopping => "节点正在停止，请在其停止或重新启动后再备份".to_owned(),
            Self::Empty { data_dir } => {
                format!("{} 中没有节点的区块，无可备份；请检查 node.data_dir", data_dir.display())
            }
            Self::Io { path, error, .. } => format!("{} 读写失败：{error}", path.display()),
            Self::Ledger(error) => format!("存储故障：{error}"),
            Self::File(error) => format!("数据目录中的文件有误：{error}"),
            Self::Start(error) => format!("配置所指的文件有误：{error}"),
            Self::Exists { path } => format!("{} 已存在，备份不覆盖任何内容；请指定不存在的目录", path.display()),
            Self::NoFolder { path } => {
                format!("没有目录 {}，备份只建立自身的目录；请核对 --out 的路径，或先建立该目录", path.display())
            }
            Self::NoBackup { path, reason } => format!("{} 不是本程序可读的备份：{reason}", path.display()),
            Self::Faults { path, faults } => {
                format!("备份 {} 与建立时不符：{}；请使用其他备份", path.display(), list(faults, FileFault::zh, "，"))
            }
            Self::OtherChain { path, found, expected } => {
                format!("备份 {} 属于链 {found}，而本配置的创世文件属于链 {expected}；请使用本链的备份", path.display())
            }
            Self::OtherContent { path, said, found } => format!(
                "备份 {} 声明截至高度 {said}，而其存储截至高度 {found} 或为另一区块，系由两份拼成；请使用其他备份",
                path.display()
            ),
            Self::NoAnswer { data_dir, door, reason } => format!(
                "{} 正被使用，而 {door}（api.admin）没有节点答复：{reason}。请等待其他命令结束或节点启动完毕，或核对该配置是否属于正在运行的节点",
                data_dir.display()
            ),
            Self::Refused { door, zh, .. } => format!("{door} 的节点未能备份：{zh}"),
        }
    }

    pub(crate) fn io(path: &std::path::Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, action, error: Arc::new(error) }
    }
}

fn list(faults: &[FileFault], words: impl Fn(&FileFault) -> String, comma: &str) -> String {
    let mut shown: Vec<String> = faults.iter().take(FAULTS_SHOWN).map(words).collect();
    if faults.len() > FAULTS_SHOWN {
        shown.push(format!("+ {}", faults.len() - FAULTS_SHOWN));
    }
    shown.join(comma)
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.en(), self.zh())
    }
}

impl std::error::Error for BackupError {}

impl From<LedgerError> for BackupError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<FileError> for BackupError {
    fn from(error: FileError) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<StartError> for BackupError {
    fn from(error: StartError) -> Self {
        Self::Start(Arc::new(error))
    }
}
