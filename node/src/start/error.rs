//! Why a node does not start.

use std::fmt;
use std::path::{Path, PathBuf};

use quancheng_keystore::KeyFileError;
use quancheng_types::Height;

use crate::backup::BackupError;
use crate::files::FileError;
use crate::ledger::{LedgerError, SalvageError};
use crate::network::NetworkError;
use crate::snapshot::SnapshotError;
use crate::version::UnknownVersion;

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The genesis file.
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A key file.
    KeyFile(KeyFileError),
    /// A key of this node serves in two roles.
    SharedKey {
        /// Where the configuration names its file.
        file: &'static str,
        /// What else it is, in English.
        en: &'static str,
        /// What else it is, in Chinese.
        zh: &'static str,
    },
    /// The process may open too few files.
    Descriptors(crate::descriptors::TooFew),
    /// A file of the data folder.
    File(FileError),
    /// The store.
    Ledger(LedgerError),
    /// The network.
    Network(NetworkError),
    /// An HTTP door.
    Door(super::DoorError),
    /// What is on disk does not fit together.
    Recover(quancheng_consensus::RecoverError),
    /// The system gives no thread.
    Thread(std::io::Error),
    /// The system does not let the process listen for signals.
    Signals(std::io::Error),
    /// `init` on a folder that is not empty.
    AlreadyInitialized {
        /// The folder.
        path: PathBuf,
    },
    /// `start` of a validator on a folder that `init` has not made.
    NotInitialized {
        /// The folder.
        path: PathBuf,
    },
    /// `init --rejoin-above` on a follower.
    RejoinWithoutKey,
    /// `init --salvage` of a folder of which nothing is taken.
    Salvage {
        /// The folder that was named.
        path: PathBuf,
        /// Why.
        error: SalvageError,
    },
    /// `init --from-backup` of a validator without `--rejoin-above`.
    RestoreWithoutRejoin {
        /// Newest block of the backup.
        height: Height,
    },
    /// Plain `init` of a validator where an interrupted command left a store: only commands that name a height make one.
    InterruptedRejoin {
        /// The data folder.
        path: PathBuf,
    },
    /// A height for `--rejoin-above` that the backup itself contradicts.
    RejoinBelowBackup {
        /// Newest block of the backup.
        height: Height,
        /// What was named.
        named: Height,
    },
    /// A backup that cannot be restored.
    Backup(BackupError),
    /// `init --from-snapshot` of a validator without `--rejoin-above`.
    JoinWithoutRejoin,
    /// No snapshot with which a node can begin.
    Snapshot(SnapshotError),
    /// The next height follows rules that this build does not carry.
    UnknownVersion(UnknownVersion),
    /// It was asked to stop before it had started.
    Asked,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis { path, reason } => write!(
                f,
                "genesis {}: {reason}. Check the path; a file that is damaged is fetched again with `quancheng chain genesis --out FILE` from a node of the \
                 chain: compare what `quanchengd chain-id` tells with the chain id that you know by another way (请核对路径；文件损坏的，\
                 用 `quancheng chain genesis --out 文件` 从链上节点重新取得，并将 `quanchengd chain-id` 显示的链标识与经另一途径得知的核对)",
                path.display()
            ),
            Self::KeyFile(error) => error.fmt(f),
            Self::SharedKey { file, en, zh } => write!(
                f,
                "the key of {file} is also {en}: whoever has one file would have both. Make a key of its own for each with `quancheng key new` \
                 ({file} 的密钥同时是{zh}，请用 `quancheng key new` 为每一用途各生成一个密钥)"
            ),
            Self::Descriptors(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Ledger(error) => error.fmt(f),
            Self::Network(error) => error.fmt(f),
            Self::Door(error) => error.fmt(f),
            Self::Recover(error) => write!(f, "what is on disk does not fit together: {error}"),
            Self::Thread(error) => write!(f, "the system gives no thread: {error}; raise the limit of processes (ulimit -u)"),
            Self::Signals(error) => write!(f, "the system does not let the process listen for signals: {error}"),
            Self::AlreadyInitialized { path } => write!(
                f,
                "{} already holds a node; `quanchengd start` continues it. A new sign record for a used key could sign twice ({} 中已有节点，\
                 用 `quanchengd start` 继续运行；为用过的密钥新建签名记录可能导致重复签名)",
                path.display(),
                path.display()
            ),
            Self::UnknownVersion(unknown) => unknown.fmt(f),
            Self::Asked => f.write_str("asked to stop before it had started"),
            Self::NotInitialized { path } => write!(
                f,
                "{} holds no data of this validator. If its key has never signed on this chain, make the data folder with `quanchengd init`; \
                 if it has, somewhere, use `quanchengd init --rejoin-above HEIGHT`, where HEIGHT is the greatest that any other node reports ({} 中没有\
                 本验证节点的数据。若其密钥从未在本链签名，请用 `quanchengd init` 建立数据目录；若曾签名，请用 `quanchengd init --rejoin-above 高度`，\
                 取其他节点当前报告的最大高度)",
                path.display(),
                path.display()
            ),
            Self::Salvage { path, error } => error.fmt_of(path, f),
            Self::RestoreWithoutRejoin { height } => write!(
                f,
                "this configuration names a validator key, and the backup, which ends with height {height}, does not hold what that key has signed: \
                 the validator may have signed later heights, and would sign them again. Add --rejoin-above HEIGHT, where HEIGHT is the greatest that any \
                 other node reports now (`quancheng chain status`); nothing was made (本配置使用验证节点密钥，而备份截至高度 {height}，不含该密钥的签名记录：\
                 该节点可能已签过更高的高度，恢复后会重复签名。请加上 --rejoin-above 高度，取其他节点当前报告的最大高度；尚未建立任何内容)"
            ),
            Self::InterruptedRejoin { path } => interrupted_rejoin(path, f),
            Self::RejoinBelowBackup { height, named } => write!(
                f,
                "--rejoin-above {named} cannot be the greatest height of the network: the backup or snapshot itself ends with height {height}. Ask the other nodes again \
                 (`quancheng chain status`) and name the greatest height that any of them reports; nothing was made (--rejoin-above {named} 不可能是当前最大高度：\
                 备份或快照本身已到高度 {height}。请重新查询其他节点，取其中报告的最大高度；尚未建立任何内容)"
            ),
            Self::Backup(error) => error.fmt(f),
            Self::Snapshot(error) => error.fmt(f),
            Self::JoinWithoutRejoin => f.write_str(
                "this configuration names a validator key, and a snapshot does not hold what that key has signed: if it ever ran, it would sign again. Add \
                 --rejoin-above HEIGHT, where HEIGHT is the greatest that any other node reports now (`quancheng chain status`); nothing was made \
                 (本配置使用验证节点密钥，而快照不含该密钥的签名记录：若其曾经运行，将会重复签名。请加上 --rejoin-above 高度，取其他节点当前报告的最大高度；尚未建立任何内容)",
            ),
            Self::RejoinWithoutKey => f.write_str(
                "--rejoin-above is for validators: this configuration names no node.validator_key; use `quanchengd init` without it",
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl From<SnapshotError> for StartError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

impl From<NetworkError> for StartError {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

impl From<BackupError> for StartError {
    fn from(error: BackupError) -> Self {
        Self::Backup(error)
    }
}

fn interrupted_rejoin(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "an interrupted `quanchengd init` with --rejoin-above left a store in {}: this validator may have signed before, and without that height it would \
     sign again. Repeat that command, with the greatest height that any other node reports now (`quancheng chain status`); only if its key has never signed on this \
     chain, move the folder away and repeat this one. Nothing was changed ({} 中留有中断的带 --rejoin-above 的 `quanchengd init` 建立的数据：本验证节点可能曾签名，\
     不指明高度会重复签名。请重新执行原命令，取其他节点当前报告的最大高度；仅当其密钥从未在本链签名时，才可移走该目录后重新执行本命令。未改动任何内容)",
        path.display(),
        path.display()
    )
}
