//! Rules about the text of the repository: marks of unfinished work, paths of one machine, length, the README, shared lints.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use toml::{Table, Value};

/// Lines that a Rust file outside of tests may have.
pub const LINES_MAX: usize = 500;

/// Commands that the README must name.
pub const README_COMMANDS: &[&str] = &["make demo", "make test"];

// The needles are put together here, so that this file does not contain them.
const UNFINISHED_MACROS: &[&str] = &[concat!("to", "do!("), concat!("unimple", "mented!(")];
const UNFINISHED_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

/// Top folders of a machine in which people and build systems work: a path below one of them exists nowhere else.
const MACHINE_FOLDERS: &[&str] = &["work", "root", "home", "tmp", "Users"];

/// A fault in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// A mark of unfinished work.
    Unfinished {
        /// Line, counted from 1.
        line: usize,
        /// The mark.
        mark: &'static str,
    },
    /// An absolute path of one machine.
    MachinePath {
        /// Line, counted from 1.
        line: usize,
        /// The path, to its first separator or the end of the word.
        path: String,
    },
    /// A Rust file outside of tests with more than [`LINES_MAX`] lines.
    TooLong {
        /// How many it has.
        lines: usize,
    },
    /// The README does not name a command.
    ReadmeLacks {
        /// The command.
        command: &'static str,
    },
    /// A manifest does not take the lints of the workspace.
    OwnLints,
    /// A manifest that is no TOML.
    UnreadableManifest {
        /// What the parser said.
        reason: String,
    },
}

impl fmt::Display for SourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished { line, mark } => {
                write!(f, "line {line} holds the mark '{mark}'; finish the work or file an issue, and remove the mark")
            }
            Self::MachinePath { line, path } => write!(
                f,
                "line {line} names '{path}', a path of one machine; write it relative to the repository or take it as an argument"
            ),
            Self::TooLong { lines } => {
                write!(f, "has {lines} lines, more than {LINES_MAX}; split it by topic into a folder")
            }
            Self::ReadmeLacks { command } => write!(f, "does not name the command `{command}`"),
            Self::OwnLints => write!(f, "does not take the shared lints; add [lints] workspace = true"),
            Self::UnreadableManifest { reason } => write!(f, "is not valid TOML: {reason}"),
        }
    }
}

/// All faults of one text file that is kept in the repository. `path` is relative to its root.
#[must_use]
pub fn check_text(path: &Path, text: &str) -> Vec<SourceFault> {
    let mut faults = Vec::new();
    for (index, content) in text.lines().enumerate() {
        let line = index + 1;
        faults.extend(unfinished_marks(content).map(|mark| SourceFault::Unfinished { line, mark }));
        faults.extend(machine_paths(content).map(|path| SourceFault::MachinePath { line, path }));
    }
    let lines = text.lines().count();
    if is_rust(path) && !is_test(path) && lines > LINES_MAX {
        faults.push(SourceFault::TooLong { lines });
    }
    faults
}

/// Faults of the README: commands it does not name.
#[must_use]
pub fn check_readme(text: &str) -> Vec<SourceFault> {
    README_COMMANDS
        .iter()
        .filter(|command| !text.contains(**command))
        .map(|command| SourceFault::ReadmeLacks { command })
        .collect()
}

/// Faults of the manifest of a member: it must take the lints of the workspace, or they do not hold there.
#[must_use]
pub fn check_manifest(text: &str) -> Vec<SourceFault> {
    let manifest = match text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => {
            let reason = error.message().to_owned();
            return vec![SourceFault::UnreadableManifest { reason }];
        }
    };
    let shared = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
    if shared == Some(true) { Vec::new() } else { vec![SourceFault::OwnLints] }
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Whether a Rust file holds only tests: `tests.rs`, `*_tests.rs`, or anything in a folder `tests`.
fn is_test(path: &Path) -> bool {
    let in_folder = path.components().any(|part| part.as_os_str() == "tests");
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    in_folder || stem == "tests" || stem.ends_with("_tests")
}

fn unfinished_marks(line: &str) -> impl Iterator<Item = &'static str> {
    let macros = UNFINISHED_MACROS.iter().filter(move |mark| line.contains(**mark));
    let words = UNFINISHED_WORDS.iter().filter(move |mark| {
        line.match_indices(**mark).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + mark.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    });
    macros.chain(words).copied()
}

/// Paths like `/folder/x` that begin at the root of a machine: nothing that a path or an address could continue stands before.
fn machine_paths(line: &str) -> impl Iterator<Item = String> {
    line.match_indices('/').filter_map(move |(at, _)| {
        let continues = |c: char| is_word(c) || matches!(c, '.' | '~' | '-' | '}' | ')' | ']' | '>' | '*' | '%');
        if line[..at].chars().next_back().is_some_and(continues) {
            return None;
        }
        let rest = &line[at + 1..];
        let (folder, below) = rest.split_once('/')?;
        let begins = |c: char| is_word(c) || matches!(c, '.' | '$' | '{' | '<');
        let named = MACHINE_FOLDERS.contains(&folder) && below.chars().next().is_some_and(begins);
        named.then(|| {
            let word: String = below.chars().take_while(|c| is_word(*c) || matches!(c, '.' | '-')).collect();
            format!("/{folder}/{word}")
        })
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
