//! Why there is no snapshot, or why one is not taken.

use std::fmt;
use std::path::{Path, PathBuf};

use quancheng_state::StoreError;
use quancheng_state::export::ImportError;
use quancheng_types::{ChainId, Height};

use crate::ledger::LedgerError;

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
        /// Why.
        reason: String,
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
        failures: Vec<(String, String)>,
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
            Self::Io { path, action, error } => {
                format!(
                    "cannot {action} {}: {error}. Check the path, its permissions and the room on the disk",
                    path.display()
                )
            }
            Self::Ledger(error) => error.to_string(),
            Self::Manifest { en, .. } => format!("the snapshot is not certified: {en}. Take another one"),
            Self::OtherChain { expected, found } => format!(
                "the snapshot is of chain {found}, the genesis file of {expected}: check the configuration, or take one of this chain"
            ),
            Self::NoAnswer { source, reason } => format!(
                "{source} gave no snapshot: {reason}. Check the address; `quanchengd snapshot` makes one at a node that runs"
            ),
            Self::Gone { source, height } => {
                format!(
                    "{source} has the snapshot of height {height} no more: it makes them faster than they are fetched. Name another source, or copy the folder"
                )
            }
            Self::NoSource { failures } => {
                let told: Vec<String> = failures.iter().map(|(who, why)| format!("\n  {who}: {why}")).collect();
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
            Self::Io { path, .. } => format!("无法读写 {}，请检查路径、权限与磁盘空间", path.display()),
            Self::Ledger(_) => "账本存储出错，原因见英文说明".to_owned(),
            Self::Manifest { zh, .. } => format!("快照未经认证：{zh}。请改用其他快照"),
            Self::OtherChain { expected, found } => {
                format!("快照属于链 {found}，创世文件属于链 {expected}：请核对配置，或取该链的快照")
            }
            Self::NoAnswer { source, .. } => {
                format!("{source} 未提供快照：请核对地址；`quanchengd snapshot` 可令运行中的节点制作快照")
            }
            Self::Gone { source, height } => {
                format!("{source} 已不再有高度 {height} 的快照：其制作快照快于下载，请改用其他来源，或复制其文件夹")
            }
            Self::NoSource { failures } => {
                let mut told: Vec<String> = failures.iter().map(|(who, _)| who.clone()).collect();
                told.dedup();
                format!("没有来源提供完整的快照，未建立任何内容；请指定其他来源（已试：{}）", told.join("、"))
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
