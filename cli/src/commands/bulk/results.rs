//! The result file of many applications: what was signed, submitted and seen to end, by the content of each line of the input.
//!
//! Its first line says for which chain, account and rules it is; each further line has the digest of its line of the input. A file that
//! is anything else is never written to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use quancheng_proof::FileHasher;
use quancheng_types::SignedTransaction;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::{Fault, Outcome};
use crate::files;
use crate::text::{Lang, Text, say};

/// Name of the format of a result file.
const FORMAT: &str = "quancheng-results";
/// Version of the format.
const VERSION: u16 = 1;
/// Greatest result file, bytes.
const RESULTS_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// For what a result file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    format: String,
    version: u16,
    chain_id: String,
    account: String,
    rule_set: Option<String>,
}

impl Header {
    pub(super) fn new(chain_id: String, account: String, rule_set: Option<String>) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, chain_id, account, rule_set }
    }
}

/// A line of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Its content.
    pub(super) text: &'a str,
    /// SHA-256 of its content without white space around it.
    pub(super) digest: String,
}

/// The lines of a text that hold something, each once.
pub(super) fn lines(text: &str) -> Outcome<Vec<Line<'_>>> {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        // A mark is no part of the record, wherever an editor or a joining of files has left it.
        let text = text.trim().trim_start_matches('\u{feff}').trim_start();
        if text.is_empty() {
            continue;
        }
        let mut hasher = FileHasher::new();
        hasher.update(text.as_bytes());
        let digest = hasher.finish("").sha256.to_string();
        if let Some(first) = seen.insert(digest.clone(), number) {
            let message = say!(
                "第 {first} 行与第 {number} 行相同；未提交任何内容。",
                "Lines {first} and {number} are the same; nothing was submitted."
            );
            return Err(Fault::usage("SAME_LINE", message)
                .hint(say!("同一申请只写一行。", "Write one line for one application.")));
        }
        lines.push(Line { number, text, digest });
    }
    Ok(lines)
}

/// What is known of the lines so far, by digest.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Lines with a receipt.
    pub(super) done: BTreeMap<String, Value>,
    /// Lines whose transaction was signed and not seen to end.
    pub(super) pending: BTreeMap<String, SignedTransaction>,
    /// Number of the line when it was signed.
    numbers: BTreeMap<String, u64>,
}

impl Results {
    /// Reads what comes after the header; everything has to be a line of results.
    fn read(path: &Path, text: &str) -> Outcome<Self> {
        let mut results = Self::default();
        for (number, line) in (1_u64..).zip(text.lines()).skip(1) {
            let value: Value = serde_json::from_str(line).map_err(|_| no_results(path, number))?;
            results.note(&value).ok_or_else(|| no_results(path, number))?;
        }
        Ok(results)
    }

    fn note(&mut self, value: &Value) -> Option<()> {
        let number = value.get("line")?.as_u64()?;
        let digest = value.get("digest")?.as_str()?.to_owned();
        if let Some(bytes) = value.get("transaction") {
            let signed = SignedTransaction::decode(&hex::decode(bytes.as_str()?).ok()?).ok()?;
            self.numbers.insert(digest.clone(), number);
            self.pending.insert(digest, signed);
        } else if value.get("ok")?.as_bool()? {
            self.pending.remove(&digest);
            self.numbers.insert(digest.clone(), number);
            self.done.insert(digest, value.clone());
        } else if value.get("void").and_then(Value::as_bool) == Some(true) {
            // A line that was refused is tried anew: the file may have been corrected.
            self.pending.remove(&digest);
        }
        Some(())
    }

    /// Refuses an input in which a line that was signed is no more what it was: another application would be made of it.
    pub(super) fn check(&self, lines: &[Line<'_>]) -> Outcome<()> {
        let present: BTreeSet<&str> = lines.iter().map(|line| line.digest.as_str()).collect();
        let signed = self.done.keys().chain(self.pending.keys()).filter(|digest| !present.contains(digest.as_str()));
        let mut numbers: Vec<u64> = signed.filter_map(|digest| self.numbers.get(digest).copied()).collect();
        numbers.sort_unstable();
        if numbers.is_empty() {
            return Ok(());
        }
        let message = say!(
            "有已签署或已提交的行被改动或删去；本次未提交任何内容。",
            "Lines that were signed or submitted have been changed or taken out; nothing was submitted."
        );
        let fault = Fault::usage("LINE_CHANGED", message).hint(say!(
            "请恢复原行，并在其后添加新行；或将新申请写入另一文件，用另一结果文件。",
            "Put the lines back and add new ones after them, or write new applications into another file with results of its own."
        ));
        let told = |fault: Fault, number: u64| fault.cause_in(say!("当时的第 {number} 行", "what was line {number}"));
        Err(numbers.into_iter().take(10).fold(fault, told))
    }
}

/// The result file, open for this run alone.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the result file of an input, and makes it when there is none: two runs over the same lines would apply for each of them
    /// twice. A file that is not one of this input is left as it is.
    pub(super) fn open(path: PathBuf, input: &Path, header: &Header) -> Outcome<(Self, Results)> {
        let fault = |error: std::io::Error| Fault::file(&path, &error);
        let line = format!("{}\n", serde_json::to_string(header).map_err(|error| fault(error.into()))?);
        if fs::symlink_metadata(&path).is_err() {
            match files::write_new(&path, line.as_bytes()) {
                Err(taken) if taken.code != "EXISTS" => return Err(taken),
                Ok(()) | Err(_) => {}
            }
        }
        let meta = fs::metadata(&path).map_err(fault)?;
        if !meta.is_file() {
            return Err(files::no_plain_file(&path, &meta));
        }
        if fs::metadata(input).is_ok_and(|input| (input.dev(), input.ino()) == (meta.dev(), meta.ino())) {
            let shown = path.display();
            let message = say!("结果文件 {shown} 就是输入文件。", "The result file {shown} is the input itself.");
            return Err(Fault::usage("SAME_FILE", message)
                .hint(say!("请另取 --results 名称。", "Give another name to --results.")));
        }
        let mut file = OpenOptions::new().read(true).append(true).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&path)),
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        let bytes = files::bounded(&path, &file, RESULTS_BYTES_MAX)?;
        // A crash cuts off the last line, before its end was written.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let text = bytes.get(..whole).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| no_results(&path, 1))?;
        let found: Header =
            serde_json::from_str(text.lines().next().unwrap_or_default()).map_err(|_| no_results(&path, 1))?;
        if found != *header {
            return Err(other_results(&path, &found, header));
        }
        let results = Results::read(&path, text)?;
        if whole < bytes.len() {
            let cut = bytes.get(whole..).unwrap_or_default();
            if cut.first() != Some(&b'{') {
                return Err(no_results(&path, u64::MAX));
            }
            file.set_len(u64::try_from(whole).unwrap_or_default()).map_err(fault)?;
            file.seek(SeekFrom::End(0)).map_err(fault)?;
        }
        Ok((Self { path, file }, results))
    }

    /// Appends a line; it is on disk when this returns.
    pub(super) fn line(&mut self, value: &Value) -> Outcome<()> {
        let text = format!("{value}\n");
        let result = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        result.map_err(|error| Fault::file(&self.path, &error))
    }
}

fn in_use(path: &Path) -> Fault {
    Fault::in_use(path).hint(say!(
        "请等待另一次运行结束；再次运行同一命令即可继续。",
        "Wait until the other run has ended; the same command goes on where it stopped."
    ))
}

fn no_results(path: &Path, line: u64) -> Fault {
    let shown = path.display();
    let message = say!(
        "{shown} 不是本命令的结果文件，未作改动，未提交任何内容。",
        "{shown} is no result file of this command; it is left as it is, and nothing was submitted."
    );
    let fault =
        Fault::usage("NOT_RESULTS", message).hint(say!("请另取 --results 名称。", "Give another name to --results."));
    if line == u64::MAX { fault } else { fault.cause_in(say!("第 {line} 行", "line {line}")) }
}

fn other_results(path: &Path, found: &Header, wanted: &Header) -> Fault {
    let shown = path.display();
    let message = say!(
        "{shown} 属于另一链、账户或登记规则；未提交任何内容。",
        "{shown} is of another chain, account or rule set; nothing was submitted."
    );
    let told = |header: &Header| {
        let Header { chain_id, account, rule_set, .. } = header;
        let rules = rule_set.as_deref().unwrap_or("-");
        say!("链 {chain_id}，账户 {account}，登记规则 {rules}", "chain {chain_id} account {account} rule set {rules}")
    };
    let of = |zh: &str, en: &str, header: &Header| {
        let told = told(header);
        Text::new(format!("{zh}：{}", told.words(Lang::Zh)), format!("{en}: {}", told.words(Lang::En)))
    };
    Fault::usage("OTHER_RESULTS", message)
        .cause_in(of("文件", "file", found))
        .cause_in(of("命令", "command", wanted))
        .hint(say!(
            "请用当时的设置，或另取 --results 名称。",
            "Use the settings of that time, or give another name to --results."
        ))
}

#[cfg(test)]
mod tests;
