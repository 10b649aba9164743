//! Why there is no snapshot, or why one is not taken.

use std::fmt;
use std::path::{Path, PathBuf};

use quancheng_state::export::ImportError;
use quancheng_state::{IoCause, StoreError};
use quancheng_types::{ChainId, Height};

use super::GivenUp;
use crate::files::FileError;
use crate::ledger::LedgerError;

/// Numbers of "too many open files", of the process and of the system, on Linux and elsewhere; the library has no kind for them.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Why there is no snapshot, or why one is not taken.
#[derive(Debug)]
pub enum SnapshotError {
    /// One is being made already.
    Running,
    /// The node stops.
    Stopping,
    /// Nothing but the genesis is executed.
    Empty,
    /// There is one of this height.
    Exists {
        /// Its folder.
        path: PathBuf,
    },
    /// The node does not run, or its door does not answer as one.
    NotRunning {
        /// Its operator's door.
        door: String,
        /// What came instead.
        reason: String,
    },
    /// The node made none.
    Refused {
        /// Why, in English.
        en: String,
        /// Why, in Chinese.
        zh: String,
    },
    /// No header certified the results of its height in time.
    NotCertified {
        /// The height.
        height: Height,
    },
    /// A file cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What was to be done with it.
        action: &'static str,
        /// Why not.
        error: std::io::Error,
    },
    /// The store failed.
    Ledger(LedgerError),
    /// A manifest that proves nothing.
    Manifest {
        /// Why, in English.
        en: String,
        /// Why, in Chinese.
        zh: String,
    },
    /// A snapshot of another chain.
    OtherChain {
        /// The chain of the genesis file.
        expected: ChainId,
        /// Its chain.
        found: ChainId,
    },
    /// A source does not answer as a node or a folder of snapshots does.
    NoAnswer {
        /// Who.
        source: String,
        /// Why, in English.
        en: String,
        /// Why, in Chinese.
        zh: String,
    },
    /// A snapshot that a source had is there no more: a newer one took its place.
    Gone {
        /// Who had it.
        source: String,
        /// Its height.
        height: Height,
    },
    /// No source is left. What each did is told.
    NoSource {
        /// Who failed, and how.
        failures: Vec<GivenUp>,
    },
    /// A chunk or a list that contradicts the certified header.
    Import {
        /// Who sent it.
        source: String,
        /// Why it is not taken.
        error: ImportError,
    },
    /// Ids of transactions that can still be executed are missing.
    ReplayWindow {
        /// First height whose receipts are there.
        found: Height,
        /// First height whose receipts are needed.
        needed: Height,
    },
}

impl SnapshotError {
    pub(crate) fn manifest(en: &str, zh: &str) -> Self {
        Self::Manifest { en: en.to_owned(), zh: zh.to_owned() }
    }

    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, action, error }
    }

    /// Whether a disk is full.
    pub(super) fn is_full(&self) -> bool {
        let cause = match self {
            Self::Io { error, .. } => cause_of(error),
            Self::Ledger(error) => refused(error).map(|(_, cause)| cause),
            Self::Running
            | Self::Stopping
            | Self::Empty
            | Self::Exists { .. }
            | Self::NotRunning { .. }
            | Self::Refused { .. }
            | Self::NotCertified { .. }
            | Self::Manifest { .. }
            | Self::OtherChain { .. }
            | Self::NoAnswer { .. }
            | Self::Gone { .. }
            | Self::NoSource { .. }
            | Self::Import { .. }
            | Self::ReplayWindow { .. } => None,
        };
        cause == Some(IoCause::NoSpace)
    }

    /// The sentence in English.
    #[must_use]
    pub fn en(&self) -> String {
        match self {
            Self::Running => "a snapshot is being made: wait for it, then ask again".to_owned(),
            Self::Stopping => "the node is stopping: ask again when it runs".to_owned(),
            Self::Empty => "nothing but the genesis is executed: there is nothing to take a snapshot of".to_owned(),
            Self::Exists { path } => format!("there is a snapshot of this height: {}", path.display()),
            Self::NotRunning { door, reason } => format!(
                "no node makes a snapshot at {door} (api.admin): {reason}. Start the node of this configuration, and ask again"
            ),
            Self::Refused { en, .. } => format!("the node made no snapshot: {en}"),
            Self::NotCertified { height } => format!(
                "no header has certified the results of height {height} yet: see that more than two thirds of the validators are \
                 there, then ask again"
            ),
            Self::Io { path, action, error } => match cause_of(error) {
                Some(cause) => format!("cannot {action} {}: {}", path.display(), cause_en(cause)),
                None => {
                    format!("cannot {action} {}: {error}. Check the path, its permissions and the disk", path.display())
                }
            },
            Self::Ledger(error) => store_en(error),
            Self::Manifest { en, .. } => format!("the snapshot is not certified: {en}. Take another one"),
            Self::OtherChain { expected, found } => format!(
                "the snapshot is of chain {found}, the genesis file of {expected}: check the configuration, or take one of this chain"
            ),
            Self::NoAnswer { source, en, .. } => format!(
                "{source} gave no snapshot: {en}. Check the address; `quanchengd snapshot` makes one at a node that runs"
            ),
            Self::Gone { source, height } => {
                format!(
                    "{source} has the snapshot of height {height} no more: it makes them faster than they are fetched. Name another source, or copy the folder"
                )
            }
            Self::NoSource { failures } => {
                let told: Vec<String> =
                    failures.iter().map(|GivenUp { source, en, .. }| format!("\n  {source}: {en}")).collect();
                format!("no source gave a whole snapshot; nothing was made. Name another one:{}", told.concat())
            }
            Self::Import { source, error } => {
                format!("{source}: {error}. It lies, or its disk is damaged: take another one")
            }
            Self::ReplayWindow { found, needed } => format!(
                "the snapshot holds receipts from height {found} on, and {needed} is needed so that nothing is executed twice: take \
                 another one"
            ),
        }
    }

    /// The sentence in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Running => "正在制作快照，请待其完成后再试".to_owned(),
            Self::Stopping => "节点正在停止，请在其运行时再试".to_owned(),
            Self::Empty => "除创世外尚未执行任何区块，无可制作快照的内容".to_owned(),
            Self::Exists { path } => format!("该高度的快照已存在：{}", path.display()),
            Self::NotRunning { door, .. } => {
                format!("{door}（api.admin）处没有可制作快照的节点：请启动本配置的节点后再试")
            }
            Self::Refused { zh, .. } => format!("节点未能制作快照：{zh}"),
            Self::NotCertified { height } => {
                format!("高度 {height} 的结果尚未经区块头认证：请确认超过三分之二的验证者在线，然后再试")
            }
            Self::Io { path, error, .. } => match cause_of(error) {
                Some(cause) => format!("无法读写 {}：{}", path.display(), cause_zh(cause)),
                None => format!("无法读写 {}（{error}），请检查路径、权限与磁盘", path.display()),
            },
            Self::Ledger(error) => store_zh(error),
            Self::Manifest { zh, .. } => format!("快照未经认证：{zh}。请改用其他快照"),
            Self::OtherChain { expected, found } => {
                format!("快照属于链 {found}，创世文件属于链 {expected}：请核对配置，或取该链的快照")
            }
            Self::NoAnswer { source, zh, .. } => {
                format!("{source} 未提供快照：{zh}。请核对地址；`quanchengd snapshot` 可令运行中的节点制作快照")
            }
            Self::Gone { source, height } => {
                format!("{source} 已不再有高度 {height} 的快照：其制作快照快于下载，请改用其他来源，或复制其文件夹")
            }
            Self::NoSource { failures } => {
                let told: Vec<String> =
                    failures.iter().map(|GivenUp { source, zh, .. }| format!("\n  {source}：{zh}")).collect();
                format!("没有来源提供完整的快照，未建立任何内容；请指定其他来源：{}", told.concat())
            }
            Self::Import { source, .. } => {
                format!("{source} 所提供的内容与经认证的区块头不符：其有欺骗或磁盘损坏，请改用其他来源")
            }
            Self::ReplayWindow { found, needed } => {
                format!("快照的回执自高度 {found} 起，而为防止重复执行需自高度 {needed} 起：请改用其他快照")
            }
        }
    }
}

/// What the system refused, where there is something to do about it.
fn cause_of(error: &std::io::Error) -> Option<IoCause> {
    use std::io::ErrorKind;
    let causes = [
        (ErrorKind::StorageFull, IoCause::NoSpace),
        (ErrorKind::QuotaExceeded, IoCause::NoSpace),
        (ErrorKind::PermissionDenied, IoCause::Permission),
        (ErrorKind::ReadOnlyFilesystem, IoCause::Permission),
    ];
    let known = causes.iter().find(|(kind, _)| *kind == error.kind()).map(|(_, cause)| *cause);
    known.or_else(|| matches!(error.raw_os_error(), Some(EMFILE | ENFILE)).then_some(IoCause::FileLimit))
}

/// The part of the store or the file that the system refused, and why.
fn refused(error: &LedgerError) -> Option<(String, IoCause)> {
    if let LedgerError::Store(StoreError::Io { path, cause, .. }) = error {
        return Some((path.clone(), *cause));
    }
    let LedgerError::File(file) = error else { return None };
    let FileError::Io { path, error, .. } = &**file else { return None };
    Some((path.display().to_string(), cause_of(error)?))
}

/// What a full store or file means here: nothing of a snapshot or of a joining node is kept, so nothing has to be mended.
fn store_en(error: &LedgerError) -> String {
    match refused(error) {
        Some((path, cause @ (IoCause::NoSpace | IoCause::Permission | IoCause::FileLimit))) => {
            format!("cannot write {path}: {}", cause_en(cause))
        }
        Some((_, IoCause::Locked | IoCause::Damaged | IoCause::Foreign | IoCause::NotFound | IoCause::Device))
        | None => error.to_string(),
    }
}

fn store_zh(error: &LedgerError) -> String {
    if let LedgerError::Store(StoreError::TooLarge { found, max, .. }) = error {
        return format!("长度 {found} 超过上限 {max}，未制作快照；节点继续运行");
    }
    match refused(error) {
        Some((path, cause)) => format!("无法读写 {path}：{}", cause_zh(cause)),
        None => format!("账本存储出错：{error}"),
    }
}

const fn cause_en(cause: IoCause) -> &'static str {
    match cause {
        IoCause::NoSpace => {
            "no space is left on that disk. Nothing half-made is kept. Free space on it, then repeat the command"
        }
        IoCause::Permission => {
            "permission denied. Give the user that runs the program read and write permission on it, then repeat the command"
        }
        IoCause::FileLimit => {
            "too many files are open. Raise the limit (`ulimit -n`, or LimitNOFILE of the service), then repeat the command"
        }
        IoCause::Locked => "another process uses it. Stop that one, then repeat the command",
        IoCause::Damaged => "it is damaged. Check the disk",
        IoCause::Foreign => "something else stands in its place. Remove it or move it away, then repeat the command",
        IoCause::NotFound => "it is not there. Check the data folder in the configuration",
        IoCause::Device => "the disk or the system failed. Check the disk and the system log",
    }
}

const fn cause_zh(cause: IoCause) -> &'static str {
    match cause {
        IoCause::NoSpace => "磁盘空间不足。未完成的内容均不保留；请在该磁盘上腾出空间后重新执行该命令",
        IoCause::Permission => "权限不足。请赋予运行本程序的用户读写权限后重新执行该命令",
        IoCause::FileLimit => "打开的文件过多。请提高上限（`ulimit -n` 或服务的 LimitNOFILE）后重新执行该命令",
        IoCause::Locked => "已被其他进程占用。请停止该进程后重新执行该命令",
        IoCause::Damaged => "其内容已损坏，请检查磁盘",
        IoCause::Foreign => "该路径上另有他物，请移除或移走后重新执行该命令",
        IoCause::NotFound => "该路径不存在，请核对配置中的数据目录",
        IoCause::Device => "磁盘或系统故障，请检查磁盘与系统日志",
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.en(), self.zh())
    }
}

impl std::error::Error for SnapshotError {}

impl From<LedgerError> for SnapshotError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<StoreError> for SnapshotError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(LedgerError::Store(error))
    }
}
