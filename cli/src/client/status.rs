//! What a node says of a transaction, held against what can be: the one place that reads its status. Whatever else is made of it - that
//! it took effect, was refused, or never will - rests on what is checked here.

use quancheng_proof::report::shanghai_time;
use quancheng_types::{Parameters, TransactionId};
use serde_json::Value;

use super::{Answer, BAD_ANSWER, KnownUntil};
use crate::args::common::Stage;
use crate::fault::{Exit, Fault, Outcome};
use crate::text::{Text, say};
use crate::time::now_ms;

/// Stage of a transaction whose time has passed.
const EXPIRED: &str = "expired";

/// A transaction whose status is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    /// Its id.
    pub(crate) id: TransactionId,
    /// Until when it can be ordered, ms since 1970 UTC; unknown when the id alone is at hand.
    pub(crate) valid_until_ms: Option<u64>,
}

impl Sought {
    /// Why this is not its status, if it is not: it names the transaction and a stage, with just what that stage has.
    fn doubt(&self, status: &Value, now_ms: u64) -> Option<Text> {
        let named = status.get("id").and_then(Value::as_str).and_then(|text| text.parse::<TransactionId>().ok());
        let id = self.id;
        if named != Some(id) {
            return Some(say!("答复并非关于交易 {id}", "it is not about transaction {id}"));
        }
        let stage = status.get("stage").and_then(Value::as_str).unwrap_or_default();
        let Some(known) = Stage::of_name(stage) else {
            return if stage == EXPIRED { self.too_early(now_ms) } else { Some(no_stage()) };
        };
        let has_height = status.get("height").is_some_and(Value::is_u64);
        let kind = status.get("outcome").map(|outcome| outcome.get("kind").and_then(Value::as_str));
        let is_whole = match known {
            Stage::Admitted => kind.is_none(),
            Stage::Ordered => kind.is_none() && has_height,
            Stage::Executed | Stage::Certified => has_height && matches!(kind, Some(Some("ok" | "refused"))),
        };
        (!is_whole).then(|| {
            say!(
                "所称进度 {stage} 与其区块高度、结果不符",
                "it says {stage} without the height and the outcome that belong to that stage"
            )
        })
    }

    /// Why its time cannot have passed, if it cannot.
    fn too_early(&self, now_ms: u64) -> Option<Text> {
        let valid_until_ms = self.valid_until_ms.filter(|until_ms| is_to_come(*until_ms, now_ms))?;
        let (until, now) = (shanghai_time(valid_until_ms), shanghai_time(now_ms));
        Some(say!(
            "其称交易已逾有效期，而有效期至 {until}，本机时钟为 {now}（均为北京时间）",
            "it says that the time of the transaction has passed, which runs until {until}; the clock of this machine says {now} (Beijing time)"
        ))
    }
}

/// Whether a moment is still to come for every node whose clock is right: blocks may be ahead of this machine's clock by as much as
/// validators let each other's clocks differ.
fn is_to_come(time_ms: u64, now_ms: u64) -> bool {
    time_ms > now_ms.saturating_add(Parameters::default().clock_drift_max_ms)
}

fn no_stage() -> Text {
    say!("其中没有可识别的进度", "it names no stage that there is")
}

impl Answer {
    /// The status of this transaction.
    pub(crate) fn transaction_status(&self, sought: Sought) -> Outcome<Value> {
        let status = self.json()?;
        match sought.doubt(&status, now_ms()) {
            None => Ok(status),
            Some(doubt) => Err(unfounded(&self.url, doubt)),
        }
    }

    /// Why the time of a transaction cannot have passed, by this machine's clock; whoever says so has not told what became of it.
    pub(crate) fn too_early(sought: Sought) -> Option<Text> {
        sought.too_early(now_ms())
    }

    /// Refuses the word of a node about a block whose time is still to come.
    pub(crate) fn not_to_come(&self, until: KnownUntil) -> Outcome<()> {
        let now_ms = now_ms();
        if !is_to_come(until.time_ms, now_ms) {
            return Ok(());
        }
        let (time, now) = (shanghai_time(until.time_ms), shanghai_time(now_ms));
        let doubt = say!(
            "所称区块时间 {time} 尚未到来，本机时钟为 {now}（均为北京时间）",
            "the block that it names is of {time}, and the clock of this machine says {now} (Beijing time)"
        );
        Err(unfounded(&self.url, doubt))
    }
}

/// The fault of an answer from which nothing follows about the transaction.
pub(crate) fn unfounded(url: &str, doubt: Text) -> Fault {
    let message = say!(
        "{url} 对该交易的答复不成立，由此得不出任何结论。",
        "What {url} answers about the transaction cannot be so; nothing follows from it."
    );
    Fault::new(Exit::Network, BAD_ANSWER, message).cause_in(doubt).hint(say!(
        "请用 --api 改问其他节点，并核对本机时钟；在此之前请勿另行签署同一内容。",
        "Ask another node with --api, and check the clock of this machine; do not sign the same anew before that."
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Another transaction, a stage without what belongs to it, and an end that cannot have come are no answers.
    #[test]
    fn a_status_is_of_the_transaction_and_has_what_its_stage_has() {
        let (id, other) = ("ab".repeat(32), "cd".repeat(32));
        let sought = |until| Sought { id: id.parse().unwrap(), valid_until_ms: until };
        let ok = json!({ "kind": "ok" });
        for (status, is_status) in [
            (json!({ "id": id, "stage": "admitted" }), true),
            (json!({ "id": id, "stage": "ordered", "height": 5 }), true),
            (json!({ "id": id, "stage": "executed", "height": 5, "outcome": ok }), true),
            (json!({ "id": id, "stage": "certified", "height": 5, "outcome": { "kind": "refused" } }), true),
            (json!({ "id": id, "stage": "expired" }), true),
            (json!({}), false),
            (json!([]), false),
            (json!({ "stage": "admitted" }), false),
            (json!({ "id": other, "stage": "certified", "height": 5, "outcome": ok }), false),
            (json!({ "id": id, "stage": "certified" }), false),
            (json!({ "id": id, "stage": "certified", "height": 5 }), false),
            (json!({ "id": id, "stage": "certified", "outcome": ok }), false),
            (json!({ "id": id, "stage": "executed", "height": -1, "outcome": ok }), false),
            (json!({ "id": id, "stage": "executed", "height": 1e30, "outcome": ok }), false),
            (json!({ "id": id, "stage": "executed", "height": 5, "outcome": { "kind": "fine" } }), false),
            (json!({ "id": id, "stage": "ordered" }), false),
            (json!({ "id": id, "stage": "admitted", "outcome": { "kind": "refused" } }), false),
            (json!({ "id": id, "stage": "done" }), false),
        ] {
            assert_eq!(sought(None).doubt(&status, 0).is_none(), is_status, "{status}");
        }
        // By the clock here, with as much as clocks may differ.
        let expired = json!({ "id": id, "stage": "expired" });
        for (until_ms, is_status) in [(9_000, true), (10_000, true), (10_500, true), (10_501, false), (u64::MAX, false)]
        {
            assert_eq!(sought(Some(until_ms)).doubt(&expired, 10_000).is_none(), is_status, "{until_ms}");
        }
    }
}
