//! What is certain of a transaction that was signed earlier. Nobody may sign another in its place while it can still take effect.

use std::time::Instant;

use quancheng_proof::report::shanghai_time;
use quancheng_types::{ChainId, SignedTransaction, TRANSACTION_LIFETIME_MAX_MS, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::advice::Known;
use super::proven::{prove, receipt};
use super::voices::{Voice, Voices};
use super::{Told, sought, stage_name, stage_of};
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

/// The fault of a status by which the time of a transaction is over.
pub(super) fn expired(status: &Value, id: TransactionId) -> Option<Fault> {
    (stage_name(status) == Some("expired")).then(|| Voices::read(status).fault(id))
}

/// Whether the fault of a submission makes it certain that nothing takes effect: a receipt that refuses, a node that did not take it
/// while no other can have it, or the end of its time without a block, by the word of more than one.
pub(crate) fn is_void(fault: &Fault) -> bool {
    matches!(Known::of(fault), Known::Refused | Known::Gone | Known::NotTaken)
}

/// As [`is_void`], and nobody has to be believed alone: the refusal is proven, or endpoints agree that its time is over. What one says
/// that it did not take it may have given to others.
pub(crate) fn is_settled(fault: &Fault) -> bool {
    matches!(Known::of(fault), Known::Refused | Known::Gone)
}

/// Asks what became of a transaction. That a node does not know it is final only when that same answer names the chain and a block past
/// its time: the clock here may be wrong, and the node, or another one behind the same address, may be behind or of another chain. And
/// one endpoint does not have the last word: that a transaction is gone, all that answer have to say.
pub(crate) fn fate(client: &Client, sought: Sought, chain_id: Option<ChainId>, valid_until_ms: u64) -> Outcome<Fate> {
    let asking = Asking { client, sought, chain_id, valid_until_ms };
    asking.fate(&mut Voices::of(client.urls()))
}

/// A question for what became of a transaction.
pub(super) struct Asking<'a> {
    /// Whom.
    pub(super) client: &'a Client,
    /// Of which transaction.
    pub(super) sought: Sought,
    /// Of which chain it is, if that is known.
    pub(super) chain_id: Option<ChainId>,
    /// Until when it can be ordered.
    pub(super) valid_until_ms: u64,
}

impl Asking<'_> {
    /// As [`fate()`], with what endpoints have said before.
    pub(super) fn fate(&self, voices: &mut Voices) -> Outcome<Fate> {
        let first = ask_once(self.client, self.sought);
        voices.hear_silence(self.client);
        match first {
            Err(fault) if is_silence(&fault) => return Err(fault),
            // Whatever else one says, the others are heard.
            Err(_) => {}
            Ok(answer) => match self.hear(&answer.url.clone(), Ok(answer), voices) {
                Ok(Heard::Executed(status)) => return Ok(Fate::Executed(status)),
                Ok(Heard::Open) => return Ok(Fate::Open),
                Ok(Heard::Gone) | Err(_) => {}
            },
        }
        let path = path(self.sought);
        let answers = self.client.send_each(question(self.client, &path), EACH_TIME_MAX);
        let mut faults = Vec::new();
        for (url, answer) in self.client.urls().iter().zip(answers) {
            match self.hear(url, answer, voices) {
                Ok(Heard::Executed(status)) => return Ok(Fate::Executed(status)),
                Ok(Heard::Open | Heard::Gone) => {}
                Err(fault) => faults.push(fault),
            }
        }
        match agreed(voices, faults)? {
            // They may say so against what they can prove themselves.
            Fate::Void(voices) => {
                let until = Instant::now() + self.client.share(self.client.deadline());
                Ok(receipt(self.client, self.sought, until).map_or(Fate::Void(voices), Fate::Executed))
            }
            fate @ (Fate::Executed(_) | Fate::Open) => Ok(fate),
        }
    }

    /// What follows from the answer of one endpoint, which is noted.
    fn hear(&self, url: &str, answer: Outcome<Answer>, voices: &mut Voices) -> Outcome<Heard> {
        match answer.and_then(|answer| read(&answer, self.sought)) {
            Err(fault) => {
                voices.failed(url, &fault);
                Err(fault)
            }
            Ok(word) => {
                voices.note(url, word.voice(self.chain_id, self.valid_until_ms), None);
                Ok(word.heard(self))
            }
        }
    }
}

/// What follows from what one endpoint says.
enum Heard {
    /// There is a receipt, which is proven.
    Executed(Value),
    /// Nothing is certain.
    Open,
    /// It says that the transaction is gone.
    Gone,
}

/// What follows from what all endpoints say. One that cannot be reached, or is of another chain, says nothing; any other that does not
/// say that the transaction is gone keeps it from being so, and so does one that there was no time to ask.
fn agreed(voices: &Voices, faults: Vec<Fault>) -> Outcome<Fate> {
    if voices.is_open() {
        return Ok(Fate::Open);
    }
    let is_no_answer = |fault: &Fault| is_silence(fault) || fault.code == codes::WRONG_CHAIN;
    let (silent, doubts): (Vec<_>, Vec<_>) = faults.into_iter().partition(is_no_answer);
    match (doubts.into_iter().next_back(), silent.into_iter().next_back()) {
        (Some(doubt), _) => Err(doubt),
        (None, _) if voices.is_gone() => Ok(Fate::Void(voices.clone())),
        // Somebody was not asked.
        (None, _) if voices.is_called_gone() => Ok(Fate::Open),
        (None, Some(silent)) => Err(silent),
        (None, None) => Ok(Fate::Open),
    }
}

/// Whether that a transaction is not known up to a block says that it is gone.
fn is_past(until: Option<KnownUntil>, chain_id: Option<ChainId>, valid_until_ms: u64) -> bool {
    // It was executed within a lifetime before its end, if at all: a node that knows no transactions of so long ago says nothing about it.
    let earliest_ms = valid_until_ms.saturating_sub(TRANSACTION_LIFETIME_MAX_MS);
    let is_known = |until: &KnownUntil| until.from_ms.is_none_or(|from_ms| from_ms <= earliest_ms);
    until.filter(is_known).is_some_and(|until| Some(until.chain_id) == chain_id && until.time_ms > valid_until_ms)
}

/// What a node says of a transaction.
enum Word {
    /// How far it has come.
    Status(Told),
    /// Nothing, as of a block if the node names one.
    Unknown(Option<KnownUntil>),
}

impl Word {
    /// As it is noted.
    fn voice(&self, chain_id: Option<ChainId>, valid_until_ms: u64) -> Voice {
        match self {
            Self::Unknown(until) if is_past(*until, chain_id, valid_until_ms) => Voice::Gone,
            Self::Unknown(_) => Voice::Unknown,
            Self::Status(told) => told.voice(),
        }
    }

    /// What is certain if this is so. A receipt that nobody can prove leaves everything open.
    fn heard(self, asking: &Asking<'_>) -> Heard {
        let voice = self.voice(asking.chain_id, asking.valid_until_ms);
        match self {
            Self::Status(told) if stage_of(&told.status) == Some(Stage::Certified) => {
                let until = Instant::now() + asking.client.share(asking.client.deadline());
                let proven = prove(asking.client, asking.sought, &told, until);
                proven.map_or(Heard::Open, |proven| Heard::Executed(proven.status))
            }
            Self::Status(_) | Self::Unknown(_) if voice == Voice::Gone => Heard::Gone,
            Self::Status(_) | Self::Unknown(_) => Heard::Open,
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
fn ask_once(client: &Client, sought: Sought) -> Outcome<Answer> {
    let path = path(sought);
    let request = question(client, &path);
    loop {
        let answer = client.send_until(request)?;
        let problem = answer.problem();
        let is_final = answer.status == 200 || problem.code == codes::TRANSACTION_UNKNOWN || !problem.is_retryable;
        let pause = answer.retry_after.unwrap_or(Problem::PAUSE).max(Problem::PAUSE);
        if is_final || !client.pause(pause, request.until) {
            return Ok(answer);
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
    let data = voices.beside(json!({ "id": id, "stage": "expired", "valid_until_ms": valid_until_ms }));
    voices
        .fault(id)
        .cause_in(say!("其有效期至 {until}（北京时间）", "it was valid until {until} (Beijing time)"))
        .data(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{BAD_ANSWER, NO_ANSWER, UNREACHABLE};

    const NOT_ASKED: &str = "NOT_ASKED";

    /// A node that is behind, of another chain, or does not say how far it knows leaves everything open.
    #[test]
    fn unknown_is_final_only_past_its_time_on_its_chain() {
        let chain = |byte: u8| ChainId(quancheng_types::Digest([byte; 32]));
        let until = |byte: u8, time_ms: u64| Some(KnownUntil { chain_id: chain(byte), time_ms, from_ms: None });
        for (until, chain_id, expected) in [
            (until(1, 101), Some(chain(1)), true),
            (until(1, 100), Some(chain(1)), false),
            (until(2, 101), Some(chain(1)), false),
            (until(1, 101), None, false),
            (None, Some(chain(1)), false),
        ] {
            assert_eq!(is_past(until, chain_id, 100), expected, "{until:?} {chain_id:?}");
        }
        // One that joined by a snapshot knows nothing of what was executed before: final only of what cannot be so old.
        let valid_until_ms = 2 * TRANSACTION_LIFETIME_MAX_MS;
        let time_ms = valid_until_ms + 1;
        for (from_ms, expected) in [
            (Some(valid_until_ms - TRANSACTION_LIFETIME_MAX_MS), true),
            (Some(valid_until_ms - TRANSACTION_LIFETIME_MAX_MS + 1), false),
        ] {
            let until = Some(KnownUntil { chain_id: chain(1), time_ms, from_ms });
            assert_eq!(is_past(until, Some(chain(1)), valid_until_ms), expected, "{from_ms:?}");
        }
    }

    /// One endpoint that makes it up, or cannot say, is not outvoted by those that say that a transaction is gone; nor is one that there was
    /// no time to ask.
    #[test]
    fn a_transaction_is_gone_when_all_that_answer_say_so() {
        let fault = |code: &str| Err(Fault::new(Exit::Network, code, say!("无。", "None.")));
        let (gone, open, unknown) = (Ok(Voice::Gone), Ok(Voice::Says(Stage::Admitted)), Ok(Voice::Unknown));
        for (said, expected) in [
            (vec![gone.clone(), gone.clone()], Ok(true)),
            (vec![gone.clone(), fault(UNREACHABLE), fault(codes::WRONG_CHAIN)], Ok(true)),
            (vec![gone.clone(), fault(NO_ANSWER)], Ok(true)),
            (vec![gone.clone(), open.clone()], Ok(false)),
            (vec![gone.clone(), unknown], Ok(false)),
            (vec![gone.clone(), Ok(Voice::Says(Stage::Certified))], Ok(false)),
            (vec![gone.clone(), fault(NOT_ASKED)], Ok(false)),
            (vec![fault(BAD_ANSWER), open], Ok(false)),
            (vec![fault(BAD_ANSWER), gone.clone()], Err(BAD_ANSWER)),
            (vec![gone, fault(codes::OVERLOADED)], Err(codes::OVERLOADED)),
            (vec![fault(UNREACHABLE)], Err(UNREACHABLE)),
        ] {
            for said in [said.clone(), said.into_iter().rev().collect()] {
                let urls: Vec<String> = (0..said.len()).map(|place| place.to_string()).collect();
                let (mut voices, mut faults) = (Voices::of(&urls), Vec::new());
                for (url, said) in urls.iter().zip(&said) {
                    match said {
                        Ok(voice) => voices.note(url, *voice, None),
                        Err(fault) => {
                            voices.failed(url, fault);
                            faults.push(fault.clone());
                        }
                    }
                }
                let found = agreed(&voices, faults).map(|fate| fate == Fate::Void(voices.clone()));
                assert_eq!(found.map_err(|fault| fault.code), expected.map_err(str::to_owned), "{said:?}");
            }
        }
    }

    #[test]
    fn only_a_refusal_that_is_certain_makes_a_transaction_void() {
        let gone = |urls: &[&str]| {
            let voices: Vec<Value> = urls.iter().map(|url| json!({ "api": url, "says": "expired" })).collect();
            json!({ "stage": "expired", "voices": voices })
        };
        let table = [
            (Exit::Refused, json!({ "outcome": { "kind": "refused" }, "proven": true }), true, true),
            (Exit::Refused, json!({ "outcome": { "kind": "refused" }, "proven": false }), false, false),
            (Exit::Refused, json!({ "outcome": { "kind": "refused" } }), false, false),
            (Exit::Refused, json!({ "admitted": false }), true, false),
            (Exit::Refused, json!({ "stage": "expired" }), false, false),
            (Exit::Refused, gone(&["a"]), false, false),
            (Exit::Refused, gone(&["a", "a"]), false, false),
            (Exit::Refused, gone(&["a", "b"]), true, true),
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
