//! What can go wrong between the state and the disk. Every case is fatal for the executor: it is the disk's, the environment's or
//! our own fault, never a caller's, so the process stops before another message leaves. A reader that asks for a pruned or a
//! future height gets the same type and may go on.

use core::fmt;

use quancheng_types::{DecodeError, Height};

use crate::backend::{Column, Part};

/// A kind of stored record, for error texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A row of the named state table.
    Row(&'static str),
    /// A record of the named column of the store.
    Column(&'static str),
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(name) => write!(f, "state table `{name}`"),
            Self::Column(name) => write!(f, "store column `{name}`"),
        }
    }
}

/// Why the operating system or the storage engine refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoCause {
    /// The disk or the quota is full.
    NoSpace,
    /// The process may not read or write there.
    Permission,
    /// Another process holds the store open.
    Locked,
    /// The files are damaged or are not a store.
    Damaged,
    /// What stands in the place of a file or a folder of the store is none, and nothing that the store has made.
    Foreign,
    /// Too many files are open.
    FileLimit,
    /// The path does not exist.
    NotFound,
    /// The device or the storage engine failed in another way; the detail tells which.
    Device,
}

impl IoCause {
    /// What to do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::NoSpace => "free space on that disk, then run the command again that ended; nothing was lost",
            Self::Permission => "give the user that runs the node read and write permission on it",
            Self::Locked => "stop the other process that has it open (two nodes never share a data folder)",
            Self::Damaged => "check the disk",
            Self::Foreign => {
                "it is nothing that this node has made: see what put it there, or which disk is not mounted, remove it or move it away, and try \
                 again; nothing of the store was touched (该路径上的内容并非本节点所建，或有磁盘未挂载：请查明来源，移除或移走后重试；存储内容未被改动)"
            }
            Self::FileLimit => "raise the limit of open files of the service (LimitNOFILE)",
            Self::NotFound => "check the data folder in the configuration of the node",
            Self::Device => "check the disk and the system log",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NoSpace => "no space left",
            Self::Permission => "permission denied",
            Self::Locked => "in use by another process",
            Self::Damaged => "damaged or not a store",
            Self::Foreign => "something else stands in its place",
            Self::FileLimit => "too many open files",
            Self::NotFound => "not found",
            Self::Device => "input/output failure",
        }
    }
}

/// A failure of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Stored bytes do not decode: the disk or the program damaged them.
    Undecodable {
        /// Which kind of record.
        record: Record,
        /// Its key.
        key: Vec<u8>,
        /// What the decoder met.
        error: DecodeError,
    },
    /// A record that others refer to is not there.
    Missing {
        /// Which kind of record.
        record: Record,
        /// Its key.
        key: Vec<u8>,
    },
    /// A record contradicts another one.
    Inconsistent {
        /// Which kind of record.
        record: Record,
        /// Its key.
        key: Vec<u8>,
        /// What was expected.
        expected: &'static str,
    },
    /// The environment refused.
    Io {
        /// Path of the store.
        path: String,
        /// Which operation.
        operation: &'static str,
        /// Why.
        cause: IoCause,
        /// The engine's own words.
        detail: String,
    },
    /// The store was written by another version of this program.
    Format {
        /// Format found.
        found: u32,
        /// Format that this program reads and writes.
        supported: u32,
    },
    /// A root that proofs cannot be made under any more, or not yet again: the store holds the trees of the newest heights alone.
    RootGone {
        /// Asked for.
        height: Height,
        /// Oldest height whose tree is held.
        oldest: Height,
    },
    /// A row of a derived table as of a height before the root's: its past is in no proof.
    NotKept {
        /// Asked for.
        height: Height,
    },
    /// A height of which this store no longer keeps the rows of derived tables.
    Pruned {
        /// Asked for.
        height: Height,
        /// Oldest height kept.
        oldest: Height,
    },
    /// A height that is not executed yet.
    NotExecuted {
        /// Asked for.
        height: Height,
        /// Newest height executed; `None` before genesis.
        tip: Option<Height>,
    },
    /// A commit that does not follow the newest executed height.
    OutOfOrder {
        /// The height that must come next.
        expected: Height,
        /// The height offered.
        found: Height,
    },
    /// Genesis offered to a store that has one already.
    GenesisExists,
    /// More than a format or a limit can hold.
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// How many may be.
        max: u64,
    },
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const DAMAGED: &str = "the data folder is damaged: check the disk";

impl StoreError {
    /// The part of the store that it is about, where it is about one.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        match self {
            Self::Undecodable { record, .. } | Self::Missing { record, .. } | Self::Inconsistent { record, .. } => {
                match record {
                    Record::Row(_) => Some(Part::Results),
                    Record::Column(name) => {
                        Column::ALL.into_iter().find(|column| column.name() == *name).map(Column::part)
                    }
                }
            }
            Self::Io { path, .. } => {
                let folder = path.rsplit(['/', '\\']).next();
                Part::ALL.into_iter().find(|part| folder == Some(part.name()))
            }
            Self::Format { .. }
            | Self::RootGone { .. }
            | Self::NotKept { .. }
            | Self::Pruned { .. }
            | Self::NotExecuted { .. }
            | Self::OutOfOrder { .. }
            | Self::GenesisExists
            | Self::TooLarge { .. } => None,
        }
    }

    /// The cases that are about a height.
    fn fmt_height(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pruned { height, oldest } => {
                write!(f, "height {height} is pruned here, the oldest height kept is {oldest}: ask an archive node")
            }
            Self::NotExecuted { height, tip: Some(tip) } => {
                write!(f, "height {height} is not executed yet, the newest is {tip}: ask again later")
            }
            Self::NotExecuted { height, tip: None } => {
                write!(f, "height {height} is not executed yet, the store is empty: initialise it with a genesis")
            }
            Self::OutOfOrder { expected, found } => {
                write!(f, "height {found} cannot be committed, the next is {expected}")
            }
            Self::RootGone { height, oldest } => write!(
                f,
                "nothing can be proven here under the state root of height {height}, only from height {oldest} on: ask again \
                 when a later height is certified; its root proves the same"
            ),
            Self::NotKept { height } => write!(
                f,
                "the row is of a derived table: what it was at height {height} cannot be proven by a later state, only its \
                 newest value can"
            ),
            Self::Undecodable { .. }
            | Self::Missing { .. }
            | Self::Inconsistent { .. }
            | Self::Io { .. }
            | Self::Format { .. }
            | Self::GenesisExists
            | Self::TooLarge { .. } => Ok(()),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { record, key, error } => {
                write!(f, "{record}, key {}: stored bytes do not decode ({error}); {DAMAGED}", Hex(key))
            }
            Self::Missing { record, key } => {
                write!(f, "{record}: key {} is missing; {DAMAGED}", Hex(key))
            }
            Self::Inconsistent { record, key, expected } => {
                write!(f, "{record}, key {}: {expected} expected; {DAMAGED}", Hex(key))
            }
            Self::Io { path, operation, cause, detail } => {
                write!(f, "cannot {operation} the store at {path}: {} ({detail}); {}", cause.text(), cause.advice())
            }
            Self::Format { found, supported } => write!(
                f,
                "the store has format {found}, this program reads format {supported}: install the program that wrote it, or \
                 synchronise into an empty data folder"
            ),
            Self::RootGone { .. }
            | Self::NotKept { .. }
            | Self::Pruned { .. }
            | Self::NotExecuted { .. }
            | Self::OutOfOrder { .. } => self.fmt_height(f),
            Self::GenesisExists => {
                f.write_str("the store already holds a chain: a genesis is written only into an empty one")
            }
            Self::TooLarge { what, found, max } => {
                write!(f, "{found} {what} exceed the limit of {max}")
            }
        }
    }
}

impl core::error::Error for StoreError {}
