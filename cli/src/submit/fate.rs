//! What is certain of a transaction that was signed earlier. Nobody may sign another in its place while it can still take effect.

use quancheng_proof::report::shanghai_time;
use quancheng_types::{SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::{stage_name, with_id};
use crate::client::{Client, JSON, Problem, Request};
use crate::fault::{Exit, Fault, Outcome};
use crate::text::say;

/// What is certain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It has a receipt: its status.
    Executed(Value),
    /// It may still take effect, or be submitted again.
    Open,
    /// It did not take effect and never will.
    Void,
}

/// Whether the fault of a submission makes it certain that nothing takes effect: a receipt that refuses, a node that did not take it
/// while no other can have it, or the end of its time without a block.
pub(crate) fn is_void(fault: &Fault) -> bool {
    let says = |data: &Value| {
        data.get("outcome").is_some()
            || data.get("admitted") == Some(&Value::Bool(false))
            || stage_name(data) == Some("expired")
    };
    fault.exit == Exit::Refused && fault.data.as_ref().is_some_and(says)
}

/// Asks what became of a transaction. That a node does not know it says something only when the newest block is past its time: the
/// clock here may be wrong, and the node may be behind.
pub(crate) fn fate(client: &Client, id: TransactionId, valid_until_ms: u64) -> Outcome<Fate> {
    match ask_once(client, id) {
        Ok(status) if stage_name(&status) == Some("expired") => Ok(Fate::Void),
        Ok(status) if status.get("outcome").is_some() => Ok(Fate::Executed(with_id(status, id))),
        Ok(_) => Ok(Fate::Open),
        // A node that has cleared it away says nothing.
        Err(fault) if fault.code == codes::TRANSACTION_UNKNOWN => {
            let block_ms = client.node_status()?.get("time_ms").and_then(Value::as_u64).unwrap_or_default();
            Ok(if block_ms > valid_until_ms { Fate::Void } else { Fate::Open })
        }
        Err(fault) => Err(fault),
    }
}

/// The status of a transaction now. That a node does not know it is an answer: nothing is gained by asking again.
fn ask_once(client: &Client, id: TransactionId) -> Outcome<Value> {
    let path = format!("/v1/transactions/{id}");
    let request = Request { path: &path, body: None, accept: JSON, until: client.deadline(), held: None };
    loop {
        let answer = client.send_until(request)?;
        if answer.status == 200 {
            return answer.transaction_status();
        }
        let problem = answer.problem();
        let pause = answer.retry_after.unwrap_or(Problem::PAUSE).max(Problem::PAUSE);
        let is_final = !problem.is_retryable || problem.code == codes::TRANSACTION_UNKNOWN;
        if is_final || !client.pause(pause, request.until) {
            return Err(problem.into_fault(&answer.url, Exit::Network));
        }
    }
}

impl Fate {
    /// As [`fate()`], of a transaction that is at hand.
    pub(crate) fn of(client: &Client, signed: &SignedTransaction) -> Outcome<Self> {
        fate(client, signed.id(), signed.body.valid_until_ms)
    }
}

/// The fault of a transaction whose time is over.
pub(crate) fn past(id: TransactionId, valid_until_ms: u64) -> Fault {
    let until = shanghai_time(valid_until_ms);
    let message = say!(
        "交易 {id} 的有效期至 {until}（北京时间），现已届满且未生效，不会再生效。",
        "Transaction {id} was valid until {until} (Beijing time); it did not take effect and can no longer do so."
    );
    Fault::new(Exit::Refused, "EXPIRED", message).data(json!({ "id": id, "valid_until_ms": valid_until_ms }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_that_is_certain_makes_a_transaction_void() {
        let table = [
            (Exit::Refused, json!({ "outcome": { "kind": "refused" } }), true),
            (Exit::Refused, json!({ "admitted": false }), true),
            (Exit::Refused, json!({ "stage": "expired" }), true),
            (Exit::Refused, json!({ "id": "a" }), false),
            (Exit::Network, json!({ "admitted": false }), false),
            (Exit::Timeout, json!({ "stage": "admitted" }), false),
        ];
        for (exit, data, expected) in table {
            let fault = Fault::new(exit, "X", say!("无。", "None.")).data(data.clone());
            assert_eq!(is_void(&fault), expected, "{exit:?} {data}");
        }
    }
}
