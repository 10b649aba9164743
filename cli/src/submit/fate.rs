//! What is certain of a transaction that was signed earlier. Nobody may sign another in its place while it can still take effect.

use std::time::Instant;

use quancheng_proof::report::shanghai_time;
use quancheng_types::{ChainId, SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::proven::{is_proven, prove, receipt};
use super::{Told, sought, stage_name, stage_of};
use crate::args::common::Stage;
use crate::client::{Answer, Client, EACH_TIME_MAX, JSON, KnownUntil, Problem, Request, Sought, UNREACHABLE};
use crate::fault::{Exit, Fault, Outcome};
use crate::text::say;

/// What is certain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It has a receipt, which is proven: its status.
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
        (data.get("outcome").is_some() && is_proven(data))
            || data.get("admitted") == Some(&Value::Bool(false))
            || stage_name(data) == Some("expired")
    };
    fault.exit == Exit::Refused && fault.data.as_ref().is_some_and(says)
}

/// As [`is_void`], and nobody has to be believed alone: the refusal is proven, or all endpoints say that its time is over. What one says
/// that it did not take it may have given to others.
pub(crate) fn is_settled(fault: &Fault) -> bool {
    is_void(fault) && fault.data.as_ref().is_some_and(|data| data.get("admitted").is_none())
}

/// Asks what became of a transaction. That a node does not know it is final only when that same answer names the chain and a block past
/// its time: the clock here may be wrong, and the node, or another one behind the same address, may be behind or of another chain. And
/// one endpoint does not have the last word: that a transaction is gone, all that answer have to say.
pub(crate) fn fate(client: &Client, sought: Sought, chain_id: Option<ChainId>, valid_until_ms: u64) -> Outcome<Fate> {
    let of_one = |word: Word| word.fate(client, sought, chain_id, valid_until_ms);
    match ask_once(client, sought).map(of_one) {
        Ok(Fate::Executed(status)) => Ok(Fate::Executed(status)),
        Ok(Fate::Open) => Ok(Fate::Open),
        Err(fault) if fault.code == UNREACHABLE => Err(fault),
        // Whatever else one says, the others are heard.
        Ok(Fate::Void) | Err(_) => {
            let path = path(sought);
            let answers = client.send_each(question(client, &path), EACH_TIME_MAX);
            let fates = answers.into_iter().map(|answer| answer.and_then(|answer| read(&answer, sought)).map(of_one));
            match agreed(fates)? {
                // They may say so against what they can prove themselves.
                Fate::Void => {
                    let until = Instant::now() + client.share(client.deadline());
                    Ok(receipt(client, sought, until).map_or(Fate::Void, Fate::Executed))
                }
                fate @ (Fate::Executed(_) | Fate::Open) => Ok(fate),
            }
        }
    }
}

/// What follows from what each endpoint says. One that cannot be reached, or is of another chain, says nothing; any other that does not
/// say that the transaction is gone keeps it from being so.
fn agreed(fates: impl Iterator<Item = Outcome<Fate>>) -> Outcome<Fate> {
    let (mut agreed, mut silent, mut doubt) = (None, None, None);
    for fate in fates {
        match fate {
            Ok(Fate::Executed(status)) => return Ok(Fate::Executed(status)),
            Ok(Fate::Open) => agreed = Some(Fate::Open),
            Ok(Fate::Void) => agreed = agreed.or(Some(Fate::Void)),
            Err(fault) if [UNREACHABLE, codes::WRONG_CHAIN].contains(&fault.code.as_str()) => silent = Some(fault),
            Err(fault) => doubt = Some(fault),
        }
    }
    match (agreed, doubt, silent) {
        (Some(Fate::Open), _, _) | (None, None, None) => Ok(Fate::Open),
        (_, Some(fault), _) | (None, None, Some(fault)) => Err(fault),
        (Some(fate), None, _) => Ok(fate),
    }
}

/// What follows from not being known up to a block.
fn unknown(until: Option<KnownUntil>, chain_id: Option<ChainId>, valid_until_ms: u64) -> Fate {
    let is_past = until.is_some_and(|until| Some(until.chain_id) == chain_id && until.time_ms > valid_until_ms);
    if is_past { Fate::Void } else { Fate::Open }
}

/// What a node says of a transaction.
enum Word {
    /// How far it has come.
    Status(Told),
    /// Nothing, as of a block if the node names one.
    Unknown(Option<KnownUntil>),
}

impl Word {
    /// What is certain if this is so. A receipt that nobody can prove leaves everything open.
    fn fate(self, client: &Client, sought: Sought, chain_id: Option<ChainId>, valid_until_ms: u64) -> Fate {
        match self {
            Self::Unknown(until) => unknown(until, chain_id, valid_until_ms),
            Self::Status(told) if stage_name(&told.status) == Some("expired") => Fate::Void,
            Self::Status(told) if stage_of(&told.status) == Some(Stage::Certified) => {
                let until = Instant::now() + client.share(client.deadline());
                prove(client, sought, &told, until).map_or(Fate::Open, |proven| Fate::Executed(proven.status))
            }
            Self::Status(_) => Fate::Open,
        }
    }
}

fn path(sought: Sought) -> String {
    format!("/v1/transactions/{}", sought.id)
}

fn question<'a>(client: &Client, path: &'a str) -> Request<'a> {
    Request { path, body: None, accept: JSON, until: client.deadline(), held: None }
}

/// What one answer says of the transaction.
fn read(answer: &Answer, sought: Sought) -> Outcome<Word> {
    if answer.status == 200 {
        let status = answer.transaction_status(sought)?;
        return Ok(Word::Status(Told { status, url: answer.url.clone() }));
    }
    let problem = answer.problem();
    if problem.code != codes::TRANSACTION_UNKNOWN {
        return Err(problem.into_fault(&answer.url, Exit::Network));
    }
    problem.known_until.map_or(Ok(()), |until| answer.not_to_come(until))?;
    Ok(Word::Unknown(problem.known_until))
}

/// The status of a transaction now. That a node does not know it is an answer: nothing is gained by asking again.
fn ask_once(client: &Client, sought: Sought) -> Outcome<Word> {
    let path = path(sought);
    let request = question(client, &path);
    loop {
        let answer = client.send_until(request)?;
        let problem = answer.problem();
        let is_final = answer.status == 200 || problem.code == codes::TRANSACTION_UNKNOWN || !problem.is_retryable;
        let pause = answer.retry_after.unwrap_or(Problem::PAUSE).max(Problem::PAUSE);
        if is_final || !client.pause(pause, request.until) {
            return read(&answer, sought);
        }
    }
}

impl Fate {
    /// As [`fate()`], of a transaction that is at hand.
    pub(crate) fn of(client: &Client, signed: &SignedTransaction) -> Outcome<Self> {
        fate(client, sought(signed), Some(signed.body.chain_id), signed.body.valid_until_ms)
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
    use crate::client::BAD_ANSWER;

    /// A node that is behind, of another chain, or does not say how far it knows leaves everything open.
    #[test]
    fn unknown_is_final_only_past_its_time_on_its_chain() {
        let chain = |byte: u8| ChainId(quancheng_types::Digest([byte; 32]));
        let until = |byte: u8, time_ms: u64| Some(KnownUntil { chain_id: chain(byte), time_ms });
        for (until, chain_id, expected) in [
            (until(1, 101), Some(chain(1)), Fate::Void),
            (until(1, 100), Some(chain(1)), Fate::Open),
            (until(2, 101), Some(chain(1)), Fate::Open),
            (until(1, 101), None, Fate::Open),
            (None, Some(chain(1)), Fate::Open),
        ] {
            assert_eq!(unknown(until, chain_id, 100), expected, "{until:?} {chain_id:?}");
        }
    }

    /// One endpoint that makes it up, or cannot say, is not outvoted by those that say that a transaction is gone.
    #[test]
    fn a_transaction_is_gone_when_all_that_answer_say_so() {
        let fault = |code: &str| Err(Fault::new(Exit::Network, code, say!("无。", "None.")));
        let done = || Ok(Fate::Executed(json!({ "height": 5 })));
        for (fates, expected) in [
            (vec![Ok(Fate::Void), Ok(Fate::Void)], Ok(Fate::Void)),
            (vec![Ok(Fate::Void), fault(UNREACHABLE), fault(codes::WRONG_CHAIN)], Ok(Fate::Void)),
            (vec![Ok(Fate::Void), Ok(Fate::Open)], Ok(Fate::Open)),
            (vec![Ok(Fate::Open), Ok(Fate::Void)], Ok(Fate::Open)),
            (vec![Ok(Fate::Void), done()], done()),
            (vec![fault(BAD_ANSWER), Ok(Fate::Open), done()], done()),
            (vec![fault(BAD_ANSWER), Ok(Fate::Open)], Ok(Fate::Open)),
            (vec![fault(BAD_ANSWER), Ok(Fate::Void)], fault(BAD_ANSWER)),
            (vec![Ok(Fate::Void), fault(codes::OVERLOADED)], fault(codes::OVERLOADED)),
            (vec![fault(UNREACHABLE)], fault(UNREACHABLE)),
        ] {
            let shown = format!("{fates:?}");
            let code = |fault: Fault| fault.code;
            assert_eq!(agreed(fates.into_iter()).map_err(code), expected.map_err(code), "{shown}");
        }
    }

    #[test]
    fn only_a_refusal_that_is_certain_makes_a_transaction_void() {
        let table = [
            (Exit::Refused, json!({ "outcome": { "kind": "refused" }, "proven": true }), true, true),
            (Exit::Refused, json!({ "outcome": { "kind": "refused" }, "proven": false }), false, false),
            (Exit::Refused, json!({ "outcome": { "kind": "refused" } }), false, false),
            (Exit::Refused, json!({ "admitted": false }), true, false),
            (Exit::Refused, json!({ "stage": "expired" }), true, true),
            (Exit::Refused, json!({ "id": "a" }), false, false),
            (Exit::Network, json!({ "admitted": false }), false, false),
            (Exit::Timeout, json!({ "stage": "admitted" }), false, false),
        ];
        for (exit, data, void, settled) in table {
            let fault = Fault::new(exit, "X", say!("无。", "None.")).data(data.clone());
            assert_eq!((is_void(&fault), is_settled(&fault)), (void, settled), "{exit:?} {data}");
        }
    }
}
