//! What is certain of a transaction that was signed earlier. Nobody may sign another in its place while it can still take effect.

use std::collections::BTreeSet;
use std::time::Instant;

use quancheng_proof::report::shanghai_time;
use quancheng_types::{ChainId, SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::proven::{is_proven, prove, receipt};
use super::{Told, insert, sought, stage_name, stage_of};
use crate::args::common::Stage;
use crate::client::{Answer, Client, EACH_TIME_MAX, JSON, KnownUntil, Problem, Request, Sought, is_silence};
use crate::fault::{Exit, Fault, Outcome};
use crate::text::say;

/// What is certain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It has a receipt, which is proven: its status.
    Executed(Value),
    /// It may still take effect, or be submitted again.
    Open,
    /// It did not take effect and never will, by the word of these: nobody proves that.
    Void(Voices),
}

/// By whose word a transaction is gone, and who was not heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Voices {
    said_by: Vec<String>,
    unheard: Vec<String>,
}

impl Voices {
    /// Of one alone.
    pub(crate) fn of(url: &str) -> Self {
        Self { said_by: vec![url.to_owned()], unheard: Vec::new() }
    }

    /// Whether their word ends a transaction. That of one alone ends none: it may lie, and what is signed in the place of a transaction that
    /// is on the chain is there twice.
    pub(crate) fn are_enough(&self) -> bool {
        self.said_by.iter().collect::<BTreeSet<_>>().len() > 1
    }

    /// A status with them.
    pub(crate) fn beside(&self, mut status: Value) -> Value {
        insert(&mut status, "said_by", json!(self.said_by));
        insert(&mut status, "unheard", json!(self.unheard));
        status
    }

    /// Those beside a status.
    fn read(status: &Value) -> Self {
        let named = |name: &str| {
            let list = status.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self { said_by: named("said_by"), unheard: named("unheard") }
    }

    /// The fault of a transaction that is gone by their word. One of them alone may lie, and it may be on the chain: nobody is told to sign
    /// the same anew before others were asked.
    pub(super) fn fault(&self, id: TransactionId) -> Fault {
        let (said_by, unheard) = (self.said_by.join(", "), self.unheard.join(", "));
        let message = say!(
            "据 {said_by} 所称，交易 {id} 在有效期内未被排序，不会再生效；此说未经证明。",
            "By the word of {said_by}, transaction {id} was not ordered in its time and can no longer take effect; nobody proves that."
        );
        let fault = Fault::new(Exit::Refused, "EXPIRED", message);
        let fault = match self.unheard.as_slice() {
            [] => fault,
            [..] => fault.cause_in(say!("{unheard} 没有答复", "{unheard} did not answer")),
        };
        fault.hint(say!(
            "另行签署同一内容之前，请先向其他节点核实：`quancheng tx show {id} --api 地址`。",
            "Before the same is signed anew, ask other nodes: `quancheng tx show {id} --api URL`."
        ))
    }
}

/// The fault of a status by which the time of a transaction is over.
pub(super) fn expired(status: &Value, id: TransactionId) -> Option<Fault> {
    (stage_name(status) == Some("expired")).then(|| Voices::read(status).fault(id))
}

/// Whether the fault of a submission makes it certain that nothing takes effect: a receipt that refuses, a node that did not take it
/// while no other can have it, or the end of its time without a block, by the word of more than one.
pub(crate) fn is_void(fault: &Fault) -> bool {
    let says = |data: &Value| {
        (data.get("outcome").is_some() && is_proven(data))
            || data.get("admitted") == Some(&Value::Bool(false))
            || (stage_name(data) == Some("expired") && Voices::read(data).are_enough())
    };
    fault.exit == Exit::Refused && fault.data.as_ref().is_some_and(says)
}

/// As [`is_void`], and nobody has to be believed alone: the refusal is proven, or endpoints agree that its time is over. What one says
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
        Err(fault) if is_silence(&fault) => Err(fault),
        // Whatever else one says, the others are heard.
        Ok(Fate::Void(_)) | Err(_) => {
            let path = path(sought);
            let answers = client.send_each(question(client, &path), EACH_TIME_MAX);
            let fates = answers.into_iter().map(|answer| answer.and_then(|answer| read(&answer, sought)).map(of_one));
            match agreed(client.urls().iter().cloned().zip(fates))? {
                // They may say so against what they can prove themselves.
                Fate::Void(voices) => {
                    let until = Instant::now() + client.share(client.deadline());
                    Ok(receipt(client, sought, until).map_or(Fate::Void(voices), Fate::Executed))
                }
                fate @ (Fate::Executed(_) | Fate::Open) => Ok(fate),
            }
        }
    }
}

/// What follows from what each endpoint says. One that cannot be reached, or is of another chain, says nothing; any other that does not
/// say that the transaction is gone keeps it from being so.
fn agreed(fates: impl Iterator<Item = (String, Outcome<Fate>)>) -> Outcome<Fate> {
    let (mut agreed, mut silent, mut doubt) = (None, None, None);
    let mut voices = Voices::default();
    for (url, fate) in fates {
        match fate {
            Ok(Fate::Executed(status)) => return Ok(Fate::Executed(status)),
            Ok(Fate::Open) => agreed = Some(Fate::Open),
            Ok(Fate::Void(_)) => voices.said_by.push(url),
            Err(fault) if is_silence(&fault) || fault.code == codes::WRONG_CHAIN => {
                voices.unheard.push(url);
                silent = Some(fault);
            }
            Err(fault) => doubt = Some(fault),
        }
    }
    let agreed = agreed.or_else(|| (!voices.said_by.is_empty()).then_some(Fate::Void(voices)));
    match (agreed, doubt, silent) {
        (Some(Fate::Open), _, _) | (None, None, None) => Ok(Fate::Open),
        (_, Some(fault), _) | (None, None, Some(fault)) => Err(fault),
        (Some(fate), None, _) => Ok(fate),
    }
}

/// What follows from not being known up to a block.
fn unknown(until: Option<KnownUntil>, chain_id: Option<ChainId>, valid_until_ms: u64) -> Fate {
    let is_past = until.is_some_and(|until| Some(until.chain_id) == chain_id && until.time_ms > valid_until_ms);
    if is_past { Fate::Void(Voices::default()) } else { Fate::Open }
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
            Self::Status(told) if stage_name(&told.status) == Some("expired") => Fate::Void(Voices::default()),
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

/// The fault of a transaction whose time is over by the word of these.
pub(crate) fn past(id: TransactionId, valid_until_ms: u64, voices: &Voices) -> Fault {
    let until = shanghai_time(valid_until_ms);
    let data = voices.beside(json!({ "id": id, "valid_until_ms": valid_until_ms }));
    voices
        .fault(id)
        .cause_in(say!("其有效期至 {until}（北京时间）", "it was valid until {until} (Beijing time)"))
        .data(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{BAD_ANSWER, NO_ANSWER, UNREACHABLE};

    /// A node that is behind, of another chain, or does not say how far it knows leaves everything open.
    #[test]
    fn unknown_is_final_only_past_its_time_on_its_chain() {
        let chain = |byte: u8| ChainId(quancheng_types::Digest([byte; 32]));
        let until = |byte: u8, time_ms: u64| Some(KnownUntil { chain_id: chain(byte), time_ms });
        for (until, chain_id, expected) in [
            (until(1, 101), Some(chain(1)), Fate::Void(Voices::default())),
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
        let gone = || Ok(Fate::Void(Voices::default()));
        let by = |said_by: &[&str], unheard: &[&str]| {
            let named = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
            Ok(Fate::Void(Voices { said_by: named(said_by), unheard: named(unheard) }))
        };
        for (fates, expected) in [
            (vec![gone(), gone()], by(&["0", "1"], &[])),
            (vec![gone(), fault(UNREACHABLE), fault(codes::WRONG_CHAIN)], by(&["0"], &["1", "2"])),
            (vec![gone(), fault(NO_ANSWER)], by(&["0"], &["1"])),
            (vec![gone(), Ok(Fate::Open)], Ok(Fate::Open)),
            (vec![Ok(Fate::Open), gone()], Ok(Fate::Open)),
            (vec![gone(), done()], done()),
            (vec![fault(BAD_ANSWER), Ok(Fate::Open), done()], done()),
            (vec![fault(BAD_ANSWER), Ok(Fate::Open)], Ok(Fate::Open)),
            (vec![fault(BAD_ANSWER), gone()], fault(BAD_ANSWER)),
            (vec![gone(), fault(codes::OVERLOADED)], fault(codes::OVERLOADED)),
            (vec![fault(UNREACHABLE)], fault(UNREACHABLE)),
        ] {
            let shown = format!("{fates:?}");
            let code = |fault: Fault| fault.code;
            let fates = fates.into_iter().enumerate().map(|(place, fate)| (place.to_string(), fate));
            assert_eq!(agreed(fates).map_err(code), expected.map_err(code), "{shown}");
        }
    }

    #[test]
    fn only_a_refusal_that_is_certain_makes_a_transaction_void() {
        let table = [
            (Exit::Refused, json!({ "outcome": { "kind": "refused" }, "proven": true }), true, true),
            (Exit::Refused, json!({ "outcome": { "kind": "refused" }, "proven": false }), false, false),
            (Exit::Refused, json!({ "outcome": { "kind": "refused" } }), false, false),
            (Exit::Refused, json!({ "admitted": false }), true, false),
            (Exit::Refused, json!({ "stage": "expired" }), false, false),
            (Exit::Refused, json!({ "stage": "expired", "said_by": ["a"], "unheard": ["b"] }), false, false),
            (Exit::Refused, json!({ "stage": "expired", "said_by": ["a", "a"] }), false, false),
            (Exit::Refused, json!({ "stage": "expired", "said_by": ["a", "b"] }), true, true),
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
