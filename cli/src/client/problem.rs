//! Problems as nodes report them (RFC 9457).

use std::time::Duration;

use quancheng_types::{ChainId, problem as codes};
use serde::Deserialize;
use serde_json::Value;

use crate::fault::{Exit, Fault};
use crate::messages::causes;
use crate::text::{Lang, Text, printable, say};

/// The newest block of which a node that does not know a transaction would know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct KnownUntil {
    /// Of which chain.
    pub(crate) chain_id: ChainId,
    /// Its time, ms since 1970 UTC.
    pub(crate) time_ms: u64,
    /// Time of the first block whose transactions the node knows, ms since 1970 UTC; absent when it knows all.
    #[serde(default)]
    pub(crate) from_ms: Option<u64>,
}

/// What a node says about a request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: u16,
    /// Stable name.
    pub(crate) code: String,
    /// What is wrong, in the language asked for.
    pub(crate) detail: String,
    /// Why.
    pub(crate) causes: Vec<String>,
    /// Whether the same request may succeed later.
    pub(crate) is_retryable: bool,
    /// Whether it is written as nodes write it; else it came from something in between, which knows nothing of the chain.
    pub(crate) is_of_node: bool,
    /// How far the node knows, with TRANSACTION_UNKNOWN. Nodes of earlier versions do not say.
    pub(crate) known_until: Option<KnownUntil>,
}

impl Problem {
    /// Pause before a request is repeated, at least.
    pub(crate) const PAUSE: Duration = Duration::from_millis(250);

    /// From the answer; whatever is missing is filled in from the status.
    pub(crate) fn of(status: u16, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = json.get("type").and_then(Value::as_str).and_then(|kind| kind.strip_prefix(codes::TYPE_PREFIX));
        let is_of_node = kind.is_some_and(|kind| json.get("code").and_then(Value::as_str) == Some(kind));
        let causes = json.get("causes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            status,
            code: text("code").filter(|_| is_of_node).unwrap_or_else(|| foreign_code(status).to_owned()),
            detail: text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("HTTP {status}")),
            is_of_node,
            known_until: json.get("known_until").and_then(|until| KnownUntil::deserialize(until).ok()),
            causes: causes
                .iter()
                .map(|cause| cause.as_str().map_or_else(|| cause.to_string(), str::to_owned))
                .collect(),
            is_retryable: json
                .get("retryable")
                .and_then(Value::as_bool)
                .filter(|_| is_of_node)
                .unwrap_or(matches!(status, 429 | 502 | 503 | 504)),
        }
    }

    /// Whether a node says with it that it has not taken the transaction that it was given. Another one may have it all the same.
    pub(crate) fn is_not_taken(&self) -> bool {
        self.is_of_node && codes::NOT_TAKEN.contains(&self.code.as_str())
    }

    /// As a fault. `otherwise` is the exit code of a refusal that says nothing more special.
    pub(crate) fn into_fault(self, url: &str, otherwise: Exit) -> Fault {
        if !self.is_of_node && !matches!(self.status, 429 | 500..=599) {
            return super::foreign(url).cause(format!("{url}: HTTP {}", self.status));
        }
        let exit = match (self.status, self.code.as_str()) {
            (_, codes::NO_SUCH_PATH) => Exit::Usage,
            (404 | 410, _) => Exit::NotFound,
            (_, codes::NOT_CERTIFIED_YET) => Exit::Timeout,
            (_, codes::MALFORMED | codes::INVALID_PARAMETER | codes::UNSUPPORTED_MEDIA_TYPE | codes::TOO_LARGE)
            | (405 | 406 | 413 | 415, _) => Exit::Usage,
            (429 | 500..=599, _) => Exit::Network,
            _ => otherwise,
        };
        let hint = hint(&self.code);
        // One line, whatever was sent: it comes from outside.
        let detail = printable(&self.detail, false);
        let code = printable(&self.code, false);
        let mut fault =
            Fault::new(exit, code, told(&detail, &self.causes)).cause(format!("{url}: HTTP {}", self.status));
        // That a value lies beyond the chain's bounds is as much a word as that there is nothing.
        if exit == Exit::NotFound || self.code == codes::INVALID_PARAMETER {
            fault = fault.cause_in(say!("此系 {url} 所称，未经证明", "so says {url}; nobody proves that"));
        }
        // Nodes repeat in the causes what the detail says already.
        let detail = self.detail;
        let causes = self.causes.into_iter().filter(|cause| !detail.contains(cause.as_str()));
        fault.causes.extend(causes.map(|cause| Text::same(printable(&cause, false))));
        fault.hint = hint;
        fault
    }
}

/// What a node says, which comes in the language that was asked for; the reason at its end is that of a reader below, which speaks English.
fn told(detail: &str, causes: &[String]) -> Text {
    let reason = causes.iter().find(|cause| !cause.is_empty() && detail.ends_with(cause.as_str()));
    let Some((begin, reason)) = reason.and_then(|reason| Some((detail.strip_suffix(reason.as_str())?, reason))) else {
        return Text::same(detail);
    };
    let reason = causes::cause(reason);
    Text::new(format!("{begin}{}", reason.words(Lang::Zh)), detail.to_owned())
}

/// Code of a failure that the node says nothing about.
const NODE_FAILED: &str = "NODE_FAILED";

/// Of an answer that no node wrote: busy or failing, in between or at the end.
const fn foreign_code(status: u16) -> &'static str {
    match status {
        429 => codes::QUOTA_EXCEEDED,
        503 => codes::OVERLOADED,
        _ => NODE_FAILED,
    }
}

/// What mends the problems that a person can mend.
fn hint(code: &str) -> Option<Text> {
    Some(match code {
        codes::WRONG_CHAIN => say!("请核对 --chain-id 或配置档。", "Check --chain-id or the profile."),
        codes::EXPIRED => say!("请核对本机时钟后重新签名。", "Check this machine's clock and sign again."),
        codes::LIFETIME_TOO_LONG => {
            say!("请缩短 --valid-for，并核对本机时钟。", "Shorten --valid-for, and check this machine's clock.")
        }
        codes::KEY_NOT_AUTHORIZED | codes::NOT_A_MEMBER | codes::TOO_HEAVY => return crate::submit::refusal_hint(code),
        codes::OVERLOADED | codes::QUOTA_EXCEEDED => {
            say!(
                "节点繁忙：稍后再试，或用 --api 指定更多接口。",
                "The node is busy: try later, or name more endpoints with --api."
            )
        }
        codes::STARTING => {
            say!("节点刚启动：稍后再试。", "The node has just started: try again soon.")
        }
        codes::NOT_A_VALIDATOR => {
            say!("该节点只读：请用 --api 指定验证节点。", "The node only follows: name a validator with --api.")
        }
        codes::NOT_CERTIFIED_YET => {
            say!("尚待验证节点签署：稍后再试。", "The validators have not signed for it yet: try again soon.")
        }
        codes::NO_SUCH_PATH => {
            say!(
                "请核对 --api：应为节点的公共接口，而非运维接口或其他程序。",
                "Check --api: it must be the public address of a node, not its admin address or another program."
            )
        }
        codes::NOT_KEPT => {
            say!(
                "计数与列表的历史不留存证明：请不加 --as-of 再试。",
                "The past of counts and lists has no proof: ask again without --as-of."
            )
        }
        codes::PRUNED => {
            say!(
                "该节点已清理此高度的数据：请改问归档节点。",
                "The node no longer keeps what is asked for of that height: ask an archive node."
            )
        }
        codes::TRANSACTION_UNKNOWN => {
            say!(
                "请核对交易编号，或用 --api 改问受理它的节点。",
                "Check the id, or ask the node that took it with --api."
            )
        }
        codes::HEIGHT_NOT_REACHED => {
            say!("该高度尚无区块：稍后再试。", "The chain has not come so far: try again later.")
        }
        codes::UNKNOWN_MODULE => {
            say!("请核对模块名称与本程序版本。", "Check the name of the module and the version of this program.")
        }
        codes::TOO_LARGE => say!("请将内容分成几次提交。", "Submit it in several parts."),
        codes::BODY_TIMEOUT | codes::TIMEOUT | codes::STOPPING | codes::BACKUP_RUNNING => {
            say!("稍后再试，或用 --api 改问其他节点。", "Try again later, or ask another node with --api.")
        }
        codes::INTERNAL | codes::STORE_FAILED | codes::BACKUP_FAILED | NODE_FAILED => {
            say!(
                "请用 --api 改问其他节点，并请该节点的运营者查看其日志。",
                "Ask another node with --api, and let the operator of this one look into its log."
            )
        }
        _ => return None,
    })
}
