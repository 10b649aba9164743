//! What to do about the fault of a submission. It follows from what is known of the transaction and from what was refused, together: two
//! pieces of advice, each right for itself, send people in two directions.

use quancheng_proof::report::shanghai_time;
use quancheng_types::{SignedTransaction, problem as codes};
use serde_json::Value;

use super::proven::is_proven;
use super::stage_name;
use super::voices::Voices;
use crate::fault::{Exit, Fault};
use crate::text::{Lang, Text, say};
use crate::time::now_ms;

/// What is known of the transaction that a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is on the chain and refused there: that is proven, and final.
    Refused,
    /// It is on the chain; what failed came after it.
    Certified,
    /// Its time is over without a block, by the word of all that answer and of more than one.
    Gone,
    /// Those that were asked say that they have not taken it.
    NotTaken,
    /// It may take effect, or have done so.
    Open,
}

impl Known {
    /// By what is known beside a fault.
    pub(crate) fn of(fault: &Fault) -> Self {
        let Some(data) = &fault.data else { return Self::Open };
        match fault.exit {
            Exit::Unwritten => Self::Certified,
            Exit::Refused if data.get("outcome").is_some() && is_proven(data) => Self::Refused,
            Exit::Refused if data.get("admitted") == Some(&Value::Bool(false)) => Self::NotTaken,
            Exit::Refused if stage_name(data) == Some("expired") && Voices::read(data).are_enough() => Self::Gone,
            Exit::Done
            | Exit::Refused
            | Exit::Usage
            | Exit::NotFound
            | Exit::Network
            | Exit::Mismatch
            | Exit::CannotCheck
            | Exit::Timeout
            | Exit::Interrupted => Self::Open,
        }
    }
}

/// Why a refusal cannot be so, as far as that is seen here.
pub(super) struct Doubt {
    /// In words.
    pub(super) why: Text,
    /// Whether it rests on the clock of this machine.
    pub(super) is_by_clock: bool,
}

/// What to do when nodes refuse a transaction that is offered: it is the word of those that were asked, and not of the chain.
pub(super) fn of_refusal(fault: &Fault, doubt: Option<&Doubt>, signed: &SignedTransaction, is_nowhere: bool) -> Text {
    let (id, valid_until_ms) = (signed.id(), signed.body.valid_until_ms);
    let until = shanghai_time(valid_until_ms);
    // A moment that is past is of no use to anybody.
    let (zh, en) = if valid_until_ms > now_ms() {
        (
            format!("交易在 {until}（北京时间）之前仍可能生效"),
            format!("it may take effect until {until} (Beijing time)"),
        )
    } else {
        ("交易可能已生效".to_owned(), "it may have taken effect".to_owned())
    };
    let (first_zh, first_en) = match (doubt, fault.code.as_str()) {
        (None, codes::EXPIRED) => {
            return say!(
                "请先向另一节点核实该交易是否已生效：`quancheng tx show {id} --api 地址`。各节点均无此交易的，校准本机时钟后另行签署。",
                "Ask another node first whether it has taken effect: `quancheng tx show {id} --api URL`. When none has it, set the clock of this machine right and sign another one."
            );
        }
        (None, codes::LIFETIME_TOO_LONG) => (
            "签署时本机时钟偏快，或有效期过长：请先校准本机时钟。".to_owned(),
            "It was signed by a clock that is ahead, or for too long a time: set the clock of this machine right first.".to_owned(),
        ),
        (Some(doubt), _) if doubt.is_by_clock => (
            "请先核对本机时钟；时钟无误者，该节点所言不实。".to_owned(),
            "Check the clock of this machine first. If it is right, the node says what is not so.".to_owned(),
        ),
        (Some(_), _) => ("该节点所言不实。".to_owned(), "The node says what is not so.".to_owned()),
        (None, _) => mend(fault),
    };
    if is_nowhere {
        return say!(
            "{first_zh}另行签署同一内容之前，请先向另一节点核实：`quancheng tx show {id} --api 地址`；拒绝者如已将交易转交他人，{zh}。",
            "{first_en} Before the same is signed anew, ask another node: `quancheng tx show {id} --api URL`; if the one that refused it has given it on, {en}."
        );
    }
    say!(
        "{first_zh}{zh}：请勿另行签署同一内容，先向另一节点核实：`quancheng tx show {id} --api 地址`。",
        "{first_en} As {en}, do not sign the same anew, and ask another node first: `quancheng tx show {id} --api URL`."
    )
}

/// What a refusal asks for.
fn mend(fault: &Fault) -> (String, String) {
    let named = || say!("请按上述内容改正。", "Mend what is named above.");
    let hint = fault.hint.clone().unwrap_or_else(named);
    (hint.words(Lang::Zh).to_owned(), hint.words(Lang::En).to_owned())
}

/// What to do after a refusal that is proven: to ask again helps nobody, and another transaction is signed once nothing is in its way. `command`
/// says which command signs it.
pub(crate) fn of_final(fault: &Fault, command: &Text) -> Text {
    let (zh, en) = mend(fault);
    let (command_zh, command_en) = (command.words(Lang::Zh), command.words(Lang::En));
    say!(
        "{zh}该交易在链上被拒绝，已获证明，不会改变：此后{command_zh}，另签一笔。",
        "{en} The transaction is refused on the chain, which is proven and stays so: then {command_en}, which signs another one."
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A refusal that is proven is final, and whatever else a fault says.
    #[test]
    fn what_is_known_of_a_transaction_is_one_of_five() {
        let refused = json!({ "kind": "refused" });
        let said = |api: &str| json!({ "api": api, "says": "expired" });
        for (exit, data, expected) in [
            (Exit::Refused, json!({ "outcome": refused, "proven": true, "stage": "certified" }), Known::Refused),
            (Exit::Refused, json!({ "outcome": refused, "proven": false }), Known::Open),
            (Exit::Refused, json!({ "stage": "expired", "voices": [said("a"), said("b")] }), Known::Gone),
            // The word of one alone ends nothing.
            (Exit::Refused, json!({ "stage": "expired", "voices": [said("a")] }), Known::Open),
            (Exit::Refused, json!({ "admitted": false }), Known::NotTaken),
            (Exit::Unwritten, json!({ "stage": "certified", "proven": true }), Known::Certified),
            (Exit::Network, json!({ "admitted": false }), Known::Open),
            (Exit::Timeout, json!({ "stage": "admitted" }), Known::Open),
        ] {
            let fault = Fault::new(exit, "X", say!("无。", "None.")).data(data);
            assert_eq!(Known::of(&fault), expected, "{fault:?}");
        }
    }
}
