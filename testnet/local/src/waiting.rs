//! What a node that is not ready yet is waiting for.

use std::fmt;

/// Why a node does not do its work yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Its process has not opened its doors.
    NotListening {
        /// The node.
        index: u32,
        /// Its process.
        pid: u32,
        /// The door.
        address: std::net::SocketAddr,
    },
    /// It executes its blocks again, or opens its store (then both heights are 0).
    Starting {
        /// The node.
        index: u32,
        /// The height whose results are there again.
        executed: u64,
        /// The newest height that has a block there.
        newest: u64,
    },
    /// It runs, and something that it names is missing.
    Missing {
        /// The node.
        index: u32,
        /// Stable names of what is missing, as `/readyz` gives them.
        names: Vec<String>,
    },
    /// It has no block yet.
    NoBlock {
        /// The node.
        index: u32,
    },
    /// It gives no answer that can be read.
    NoAnswer {
        /// What was asked.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// No other node tells its height, above which alone this validator may sign.
    NoHeight {
        /// The node.
        index: u32,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListening { index, pid, address } => {
                write!(f, "node {index}, process {pid}, does not listen at {address} yet")
            }
            Self::Starting { index, newest: 0, .. } => write!(f, "node {index} is opening its store"),
            Self::Starting { index, executed, newest } => {
                write!(f, "node {index} executes its blocks again: height {executed} of {newest}")
            }
            Self::Missing { index, names } => write!(f, "node {index} runs; missing: {}", names.join(", ")),
            Self::NoBlock { index } => write!(f, "node {index} has no block yet"),
            Self::NoAnswer { url, reason } => write!(f, "{url}: {reason}"),
            Self::NoHeight { index } => {
                write!(f, "no other node tells its height, above which alone validator {index} may sign")
            }
        }
    }
}
