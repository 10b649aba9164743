//! What the chain refuses, in words, and what to do about it.

use serde_json::Value;

use crate::fault::{Exit, Fault};
use crate::text::{Text, say};

/// Whether a status tells of a refusal.
pub(super) fn is_refused(status: &Value) -> bool {
    status.pointer("/outcome/kind").and_then(Value::as_str) == Some("refused")
}

/// The refusal in a status or simulation, if there is one.
pub(super) fn refusal(status: &Value) -> Option<Fault> {
    let outcome = status.get("outcome")?;
    let kind = outcome.get("kind").and_then(Value::as_str).or_else(|| outcome.as_str());
    if kind != Some("refused") {
        return None;
    }
    let details = status.get("refusal").filter(|value| value.is_object()).unwrap_or(outcome);
    let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| details.get(name).and_then(Value::as_u64).unwrap_or_default();
    let code = text("name").unwrap_or_else(|| format!("{}/{}", number("module"), number("code")));
    let (zh, en) = (text("text_zh"), text("text_en"));
    let message = Text::new(zh.unwrap_or_else(|| code.clone()), en.unwrap_or_else(|| code.clone()));
    let call = number("call");
    let module = number("module");
    let named = quancheng_contracts::MODULES.iter().find(|known| u64::from(known.id().0) == module);
    let module = named.map_or_else(|| module.to_string(), |known| known.name().to_owned());
    let number = number("code");
    let fault = Fault::new(Exit::Refused, code.clone(), message)
        .cause_in(say!("模块 {module}，代码 {number}，调用 {call}", "module {module}, code {number}, call {call}"));
    Some(match refusal_hint(&code) {
        Some(hint) => fault.hint(hint),
        None => fault,
    })
}

/// What to do about a refusal, where a flag or a command of this program mends it.
pub(crate) fn refusal_hint(code: &str) -> Option<Text> {
    Some(match code {
        "DOCUMENT_REQUIRED" => say!(
            "请加 --document 文件（仅记录其摘要），或 --document-digest。",
            "Add --document FILE (only its digest is recorded), or --document-digest."
        ),
        "WRONG_PHASE" => say!(
            "用 `quancheng registration show 编号` 查看当前阶段，用 `quancheng registration log 编号` 查看经过。",
            "`quancheng registration show NO` tells the phase, `quancheng registration log NO` how it came to it."
        ),
        "WRONG_STATUS" => {
            say!("用 `quancheng org show 编号` 查看当前状态。", "`quancheng org show ORG` tells its status.")
        }
        "NOT_ALLOWED" | "NOT_REGISTRAR" | "NOT_APPLICANT" | "NOT_A_VOTER" | "NO_ROLE" => say!(
            "用 `quancheng account show --key 密钥` 查看该密钥代表哪个组织。",
            "`quancheng account show --key FILE` tells for which organization the key acts."
        ),
        "KEY_NOT_AUTHORIZED" | "ACCOUNT_SUSPENDED" => say!(
            "可能是密钥未绑定此账户、尚未生效、已到期或已吊销，也可能是组织已被暂停、撤销或注销：用 `quancheng account show --key 密钥` 查看账户所属组织，\
             用 `quancheng org show 编号` 查看该组织的状态与各密钥；并核对 --key 与 --account。",
            "The key may not be bound to the account, not be valid yet or any longer, or be revoked; or the organization is suspended, revoked or \
             closed. `quancheng account show --key FILE` tells the organization of the account, `quancheng org show ORG` its status and its keys; \
             check --key and --account too."
        ),
        "ACCOUNT_BOUND" => say!(
            "用 `quancheng key new --out 文件` 另建密钥。",
            "Make another key with `quancheng key new --out FILE`."
        ),
        "HOLDERS_MUST_SIGN" | "RECEIVER_MUST_SIGN" => say!(
            "请用 --cosign 加入对方的密钥文件；在他处签署时用 --signer 与 --sign-only。",
            "Add the key files of the others with --cosign; for those who sign elsewhere use --signer and --sign-only."
        ),
        "PRIOR_EVIDENCE_REQUIRED" | "EVIDENCE_UNKNOWN" => say!(
            "先用 `quancheng evidence notarize` 存证，再以 --prior-evidence 指明其根值。",
            "Notarize first with `quancheng evidence notarize`, then name the root with --prior-evidence."
        ),
        "NOT_A_MEMBER" => say!(
            "先用 `quancheng org register` 申请登记组织，获准入后再提交；`quancheng chain parameters` 显示 writers。",
            "Apply with `quancheng org register` first and wait to be admitted; `quancheng chain parameters` tells writers."
        ),
        "TOO_HEAVY" => say!(
            "请减少一笔交易中的调用数或每次调用的关联数；上限见 `quancheng chain parameters` 的 transaction_weight_max。",
            "Put fewer calls into the transaction, or fewer relations into a call; `quancheng chain parameters` tells transaction_weight_max."
        ),
        "NOTICE_OPEN" => say!(
            "公示截止日见 `quancheng registration show 编号`。",
            "`quancheng registration show NO` tells the last day of the notice."
        ),
        _ => return None,
    })
}
