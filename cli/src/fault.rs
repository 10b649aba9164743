//! What went wrong, as it is told to people and programs, and the exit code that goes with it.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};

use crate::messages::{causes, system};
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
#[derive(Clone, Debug, PartialEq)]
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

    /// Adds a cause: an error, in Chinese where it is known, or a name as it is.
    pub(crate) fn cause(mut self, cause: impl ToString) -> Self {
        self.causes.push(causes::cause(&cause.to_string()));
        self
    }

    /// Adds a cause in both languages.
    pub(crate) fn cause_in(mut self, cause: Text) -> Self {
        self.causes.push(cause);
        self
    }

    /// Adds another fault, with its causes, as a cause.
    pub(crate) fn also(self, other: Self) -> Self {
        let of = |lang| format!("[{}] {}", other.code, other.message.words(lang));
        let told = Text::new(of(Lang::Zh), of(Lang::En));
        let is_same = self.code == other.code && self.message == other.message;
        let whole = if is_same { self } else { self.cause_in(told) };
        other.causes.into_iter().fold(
            whole,
            |whole, cause| {
                if whole.causes.contains(&cause) { whole } else { whole.cause_in(cause) }
            },
        )
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

    /// Adds what to do after what is advised already.
    pub(crate) fn and_hint(mut self, more: &Text) -> Self {
        self.hint = Some(self.hint.map_or_else(|| more.clone(), |hint| hint.and(more)));
        self
    }

    /// Adds what is known nevertheless.
    pub(crate) fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// What to do: what is known of this fault, else what its kind leaves to do.
    pub(crate) fn advice(&self) -> Text {
        self.hint.clone().unwrap_or_else(|| match self.exit {
            Exit::Done => say!("无需处理。", "Nothing has to be done."),
            Exit::Refused => say!(
                "请按上述内容改正后重新提交；`quancheng tx show 编号` 显示交易的结果。",
                "Mend what is named above and submit anew; `quancheng tx show ID` tells how a transaction ended."
            ),
            Exit::Usage => say!(
                "请按上述内容改正；各命令的用法见其 --help。",
                "Mend what is named above; the --help of each command tells how it is used."
            ),
            Exit::NotFound => say!(
                "请核对名称、编号与 --as-of；该记录也可能在另一条链上。",
                "Check the name, the number and --as-of; the record may also be on another chain."
            ),
            Exit::Network => say!(
                "请稍后再试，或用 --api 改问其他节点；如仍如此，请告知该节点的运营者。",
                "Try later, or ask another node with --api; if it stays so, tell the operator of this one."
            ),
            Exit::Mismatch => say!(
                "请核对所用的文件；如文件无误，请另行取得证据包再核验。",
                "Check which files were used; if they are the right ones, obtain the bundle again and verify that."
            ),
            Exit::CannotCheck => {
                say!("请补齐上述缺少的内容，再次核验。", "Supply what is named above as missing and verify again.")
            }
            Exit::Timeout => say!("请稍后再查询，或加长 --timeout。", "Ask again later, or give a longer --timeout."),
            Exit::Unwritten => say!(
                "操作已完成：请勿重复提交，请查询其结果。",
                "It is done: do not submit it again, look up what came of it."
            ),
            Exit::Interrupted => say!("再次运行同一命令即可继续。", "Run the same command again to go on."),
        })
    }

    /// The `error` member of the envelope.
    pub(crate) fn to_json(&self, lang: Lang) -> Value {
        json!({
            "code": self.code,
            "message": self.message.words(lang),
            "causes": self.causes_in(lang),
            "hint": self.advice().words(lang),
        })
    }
}

/// The result of a command.
pub(crate) type Outcome<T> = Result<T, Fault>;
