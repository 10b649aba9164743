//! The `clippy.toml` files: the pure crates ban what would make two validators differ.
//!
//! Clippy reads only the nearest `clippy.toml`, so a crate that brings its own must repeat the shared keys of the root.

#[cfg(test)]
mod tests;

use std::fmt;

use toml::{Table, Value};

/// Folders of the pure crates, from the root of the workspace.
pub const PURE: &[&str] = &["types", "proof", "consensus", "state", "contracts", "testnet/sim"];

/// Types that a pure crate must ban: unordered maps, clocks, files and sockets.
pub const BANNED_TYPES: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::fs::File",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Functions that a pure crate must ban: clocks, threads, the environment, files.
pub const BANNED_METHODS: &[&str] = &[
    "std::env::var",
    "std::env::var_os",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::thread::sleep",
    "std::thread::spawn",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
];

/// A fault of a `clippy.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BanFault {
    /// The text is no TOML.
    Unreadable {
        /// What the parser said.
        reason: String,
    },
    /// A key of the root file is absent or has another value.
    SharedKey {
        /// The key.
        key: String,
    },
    /// A path that every pure crate bans is not banned.
    Missing {
        /// `disallowed-types` or `disallowed-methods`.
        list: &'static str,
        /// The path.
        path: &'static str,
    },
    /// A ban without a reason, which is what the person who meets it reads.
    NoReason {
        /// `disallowed-types` or `disallowed-methods`.
        list: &'static str,
        /// The path.
        path: &'static str,
    },
}

impl fmt::Display for BanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "is not valid TOML: {reason}"),
            Self::SharedKey { key } => write!(
                f,
                "must repeat the key '{key}' with the value of the root clippy.toml: clippy reads only the nearest file"
            ),
            Self::Missing { list, path } => write!(f, "must ban {path} under {list}"),
            Self::NoReason { list, path } => write!(f, "bans {path} under {list} without a reason"),
        }
    }
}

/// Faults of the `clippy.toml` of a crate against the one of the root: shared keys that are absent or differ.
#[must_use]
pub fn check_shared(root: &str, own: &str) -> Vec<BanFault> {
    match (parse(root), parse(own)) {
        (Ok(root), Ok(own)) => root
            .iter()
            .filter(|(key, value)| own.get(key.as_str()) != Some(value))
            .map(|(key, _)| BanFault::SharedKey { key: key.clone() })
            .collect(),
        (Err(fault), _) | (_, Err(fault)) => vec![fault],
    }
}

/// Faults of the `clippy.toml` of a pure crate: bans that are absent or unexplained.
#[must_use]
pub fn check_pure(own: &str) -> Vec<BanFault> {
    let own = match parse(own) {
        Ok(own) => own,
        Err(fault) => return vec![fault],
    };
    [("disallowed-types", BANNED_TYPES), ("disallowed-methods", BANNED_METHODS)]
        .into_iter()
        .flat_map(|(list, paths)| paths.iter().map(move |path| (list, *path)))
        .filter_map(|(list, path)| check_ban(&own, list, path))
        .collect()
}

fn check_ban(own: &Table, list: &'static str, path: &'static str) -> Option<BanFault> {
    let entries = own.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |entry: &&Value| entry.get("path").or(Some(entry)).and_then(Value::as_str) == Some(path);
    let Some(entry) = entries.iter().find(named) else {
        return Some(BanFault::Missing { list, path });
    };
    let reason = entry.get("reason").and_then(Value::as_str).unwrap_or_default();
    reason.trim().is_empty().then_some(BanFault::NoReason { list, path })
}

fn parse(text: &str) -> Result<Table, BanFault> {
    text.parse::<Table>().map_err(|error| BanFault::Unreadable { reason: error.message().to_owned() })
}
