//! What went wrong, as it is told to people and programs, and the exit code that goes with it.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};

use crate::messages::system;
use crate::text::{Lang, Text, say};

/// Exit codes; documented in `quancheng --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused by the chain.
    Refused = 1,
    /// The command, a file or a setting is wrong.
    Usage = 2,
    /// Not found.
    NotFound = 3,
    /// No endpoint answers, or it fails.
    Network = 4,
    /// Verification: MISMATCH.
    Mismatch = 5,
    /// Verification could not be completed.
    CannotCheck = 6,
    /// Time is up; the transaction may still take effect.
    Timeout = 7,
    /// Done, but the result could not be written.
    Unwritten = 8,
    /// Ended by SIGINT; by another signal it is 128 and its number.
    Interrupted = 130,
}

/// An error with everything a person needs: what was tried, where, why, and what mends it.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// Stable name, the same in both languages.
    pub(crate) code: String,
    /// What went wrong.
    pub(crate) message: Text,
    /// Why, outermost first.
    pub(crate) causes: Vec<Text>,
    /// What to do.
    pub(crate) hint: Option<Text>,
    /// What is known nevertheless, such as the id of a transaction.
    pub(crate) data: Option<Value>,
}

impl Fault {
    /// A fault without cause or hint.
    pub(crate) fn new(exit: Exit, code: impl Into<String>, message: Text) -> Self {
        Self { exit, code: code.into(), message, causes: Vec::new(), hint: None, data: None }
    }

    /// The caller's command is wrong.
    pub(crate) fn usage(code: &str, message: Text) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// A file cannot be read or written.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        let path = path.display();
        let kind = error.kind();
        let hint = if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            say!("磁盘或配额已满：请腾出空间后再试。", "The disk or the quota is full: make room and try again.")
        } else if kind == ErrorKind::ReadOnlyFilesystem {
            say!("该文件系统为只读：请另选位置。", "The file system is read-only: choose another place.")
        } else {
            say!("请核对路径与权限。", "Check the path and its permissions.")
        };
        Self::usage("FILE", say!("无法读写文件 {path}。", "Cannot read or write {path}."))
            .cause_in(system::io(error))
            .hint(hint)
    }

    /// Another run holds a file; nothing was submitted.
    pub(crate) fn in_use(path: &Path) -> Self {
        let shown = path.display();
        let message = say!(
            "另一次运行正在使用 {shown}；本次未提交任何内容。",
            "Another run is using {shown}; this one has submitted nothing."
        );
        Self::usage("IN_USE", message)
    }

    /// Adds a cause.
    pub(crate) fn cause(mut self, cause: impl ToString) -> Self {
        self.causes.push(Text::same(cause.to_string()));
        self
    }

    /// Adds a cause in both languages.
    pub(crate) fn cause_in(mut self, cause: Text) -> Self {
        self.causes.push(cause);
        self
    }

    /// The causes in a language.
    pub(crate) fn causes_in(&self, lang: Lang) -> Vec<&str> {
        self.causes.iter().map(|cause| cause.words(lang)).collect()
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: Text) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Adds what is known nevertheless.
    pub(crate) fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The `error` member of the envelope.
    pub(crate) fn to_json(&self, lang: Lang) -> Value {
        json!({
            "code": self.code,
            "message": self.message.words(lang),
            "causes": self.causes_in(lang),
            "hint": self.hint.as_ref().map(|hint| hint.words(lang)),
        })
    }
}

/// The result of a command.
pub(crate) type Outcome<T> = Result<T, Fault>;
