//! Waiting for a transaction, stage by stage, at several endpoints. None of them has the last word: one that says nothing new, or what
//! cannot be, gives way to the next, and only what is proven ends the wait.

use std::time::{Duration, Instant};

use quancheng_types::{SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use super::fate::Asking;
use super::offer::{admit, open_end};
use super::proven::{prove, unproven};
use super::voices::{Voice, Voices};
use super::{Fate, Offer, Told, ended_badly, enriched, expired, held, is_refused, sought, stage_name, stage_of};
use crate::args::common::Stage;
use crate::client::{Answer, Client, JSON, OTHERWISE_TIME_MAX, Request, Sought, is_over, is_silence};
use crate::fault::{Exit, Fault, Outcome};
use crate::messages::value_word;
use crate::session::Session;
use crate::text::{Text, say};
use crate::time::{duration_ms, now_ms};

/// Longest single wait at a node; the API allows 60 s.
const POLL: Duration = Duration::from_secs(10);
/// Least time from a question that brought nothing new to the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// Submits a transaction and waits until it has reached a stage. The answer is its status; `certified` and every refusal are proven.
pub(crate) fn submit(
    session: &Session,
    client: &Client,
    signed: &SignedTransaction,
    offer: Offer,
    until: Stage,
) -> Outcome<Value> {
    let sought = sought(signed);
    let id = sought.id;
    let deadline = client.deadline();
    let _hold = held(id);
    let mut wait = Wait::new(session, client, sought, until);
    let mut news = admit(client, signed, offer, deadline).map_err(|fault| open_end(fault, id))?;
    loop {
        match wait.hear(news, Some(signed)) {
            Ok(Some(status)) => {
                let refused = ended_badly(&status, id);
                return refused.map_or_else(|| Ok(enriched(status.clone())), |fault| Err(fault.data(status.clone())));
            }
            Ok(None) => {}
            Err(fault) => return Err(open_end(fault.data(json!({ "id": id })), id)),
        }
        news = loop {
            if is_over(deadline) {
                return Err(wait.timed_out());
            }
            match wait.ask() {
                Ok(news) => break news,
                // The node that took it has restarted or another one answers: the same bytes again are safe.
                Err(Trouble::Unknown(url)) => match admit(client, signed, Offer::Again, deadline) {
                    Ok(news) => {
                        wait.voices.note(&url, Voice::Unknown, None);
                        break news;
                    }
                    Err(fault) => wait.doubt(&url, Voice::Unknown, fault),
                },
                Err(Trouble::Passing) => client.turn(),
                Err(Trouble::Fault(url, fault)) => wait.doubt(&url, Voice::Unfounded, *fault),
                Err(Trouble::Everywhere(fault)) => return Err(open_end(fault.data(json!({ "id": id })), id)),
            }
            if let Some(fault) = wait.voices.all_doubtful() {
                return Err(open_end(fault.data(json!({ "id": id })), id));
            }
        };
    }
}

/// The status of a transaction, after a wait for a stage if one is named. One that does not come to it is told as that: time is up, or nodes
/// say that the transaction is gone.
pub(crate) fn look_up(session: &Session, client: &Client, sought: Sought, wait: Option<Stage>) -> Outcome<Value> {
    let deadline = client.deadline();
    let Some(until) = wait else {
        return shown(session, client, sought, deadline);
    };
    let mut wait = Wait::new(session, client, sought, until);
    loop {
        match wait.ask() {
            Ok(news) => {
                if let Some(status) = wait.hear(news, None)? {
                    return match expired(&status, sought.id) {
                        Some(fault) => Err(fault.data(status)),
                        None => Ok(status),
                    };
                }
            }
            Err(Trouble::Unknown(url)) => {
                let fault = unknown(sought.id, &url);
                wait.doubt(&url, Voice::Unknown, fault);
            }
            Err(Trouble::Passing) => client.turn(),
            Err(Trouble::Fault(url, fault)) => wait.doubt(&url, Voice::Unfounded, *fault),
            Err(Trouble::Everywhere(fault)) => return Err(*fault),
        }
        if let Some(fault) = wait.voices.all_doubtful() {
            return Err(fault);
        }
        if is_over(deadline) {
            return Err(wait.timed_out());
        }
    }
}

/// The status without a wait: what is proven, else the furthest stage that an endpoint tells. All are asked: none of them has the last word, and
/// whoever stands first does not decide.
fn shown(session: &Session, client: &Client, sought: Sought, deadline: Instant) -> Outcome<Value> {
    let path = format!("/v1/transactions/{}", sought.id);
    let request = Request { path: &path, body: None, accept: JSON, until: deadline, held: None };
    let mut voices = Voices::of(client.urls());
    let mut heard: Vec<Told> = Vec::new();
    for (url, answer) in client.urls().iter().zip(client.send_each(request, OTHERWISE_TIME_MAX)) {
        match answer.and_then(|answer| told_of(&answer, sought)) {
            Ok(told) => {
                voices.note(url, told.voice(), None);
                heard.push(told);
            }
            Err(fault) => voices.failed(url, &fault),
        }
    }
    if heard.is_empty() {
        // They may answer later, when the caller has time.
        let told = client.in_turn(request, |answer| told_of(answer, sought))?;
        voices.note(&told.url, told.voice(), None);
        heard.push(told);
    }
    let certified = heard.iter().find(|told| told.voice() == Voice::Says(Stage::Certified));
    let doubt = match certified.map(|told| prove(client, sought, told, share(client, deadline))) {
        Some(Ok(proven)) => return Ok(proven.tell(session)),
        Some(Err(fault)) => Some(fault),
        None => None,
    };
    let stages = heard.into_iter().filter(|told| told.voice() != Voice::Says(Stage::Certified));
    match (stages.max_by_key(|told| stage_of(&told.status)), doubt) {
        (_, Some(_)) if voices.is_called_gone() => Err(voices.contradiction(sought.id)),
        (Some(told), _) => Ok(voices.beside(unproven(told.status))),
        (None, Some(fault)) => Err(fault),
        (None, None) => Err(unknown(sought.id, &client.urls().join(", "))),
    }
}

/// What an endpoint says of a transaction.
fn told_of(answer: &Answer, sought: Sought) -> Outcome<Told> {
    if !(200..300).contains(&answer.status) {
        return Err(answer.problem().into_fault(&answer.url, Exit::Network));
    }
    Ok(Told { status: answer.transaction_status(sought)?, url: answer.url.clone() })
}

fn unknown(id: TransactionId, url: &str) -> Fault {
    let message = say!("{url} 不知道交易 {id}。", "{url} does not know transaction {id}.");
    Fault::new(Exit::NotFound, codes::TRANSACTION_UNKNOWN, message).hint(say!(
        "请核对交易编号，或用 --api 改问受理它的节点。",
        "Check the id, or ask the node that took it with --api."
    ))
}

/// Until when one endpoint may be asked while others have to be, too.
fn share(client: &Client, deadline: Instant) -> Instant {
    Instant::now() + client.share(deadline)
}

/// A wait for a transaction.
struct Wait<'a> {
    session: &'a Session,
    client: &'a Client,
    sought: Sought,
    until: Stage,
    deadline: Instant,
    /// The word of the node that has seen most of it.
    best: Option<Value>,
    /// What each endpoint says.
    voices: Voices,
}

impl<'a> Wait<'a> {
    fn new(session: &'a Session, client: &'a Client, sought: Sought, until: Stage) -> Self {
        let (deadline, voices) = (client.deadline(), Voices::of(client.urls()));
        Self { session, client, sought, until, deadline, best: None, voices }
    }

    /// The status with which the wait ends, if this answer ends it. A certified receipt is proven first, and a refusal is none before that.
    fn hear(&mut self, told: Told, signed: Option<&SignedTransaction>) -> Outcome<Option<Value>> {
        let (stage, url) = (stage_of(&told.status), told.url.clone());
        self.voices.note(&url, told.voice(), None);
        let heard = match stage {
            None => self.expired(&told, signed),
            Some(Stage::Certified) => {
                let until = share(self.client, self.deadline);
                prove(self.client, self.sought, &told, until).map(|proven| Some(proven.tell(self.session)))
            }
            Some(stage) if stage >= self.until && !is_refused(&told.status) => {
                Ok(Some(self.voices.beside(unproven(told.status.clone()))))
            }
            Some(_) => Ok(None),
        };
        match heard {
            Ok(Some(status)) => {
                self.show(&status);
                Ok(Some(status))
            }
            Ok(None) => {
                if stage > self.best.as_ref().and_then(stage_of) {
                    self.show(&told.status);
                    self.best = Some(told.status);
                } else {
                    self.client.turn();
                }
                Ok(None)
            }
            Err(fault) => {
                self.doubt(&url, stage.map_or(Voice::Gone, Voice::Says), fault);
                self.voices.all_doubtful().map_or(Ok(None), Err)
            }
        }
    }

    /// That the time of a transaction is over without a block, all that answer have to say. Of one that is not at hand nobody here knows until
    /// when it was valid; then that a node does not know it says nothing.
    fn expired(&mut self, told: &Told, signed: Option<&SignedTransaction>) -> Outcome<Option<Value>> {
        let (chain_id, valid_until_ms) =
            signed.map_or((None, u64::MAX), |signed| (Some(signed.body.chain_id), signed.body.valid_until_ms));
        let asking = Asking { client: self.client, sought: self.sought, chain_id, valid_until_ms };
        Ok(match asking.fate(&mut self.voices)? {
            Fate::Void(voices) => Some(voices.beside(unproven(told.status.clone()))),
            Fate::Executed(status) => Some(status),
            Fate::Open => None,
        })
    }

    /// Goes on to the next endpoint after an answer that does not hold.
    fn doubt(&mut self, url: &str, voice: Voice, fault: Fault) {
        self.voices.note(url, voice, Some(fault));
        self.client.turn();
    }

    /// Asks for the next stage. An endpoint should have held its answer back; one that stops, or a server in between that holds nothing
    /// back, answers at once, and is not asked again at once.
    fn ask(&mut self) -> Result<Told, Trouble> {
        let reached = self.best.as_ref().and_then(stage_of);
        // A refusal counts when it is certified, whatever was to be waited for.
        let until = if self.best.as_ref().is_some_and(is_refused) { Stage::Certified } else { self.until };
        let next = reached.map_or(Stage::Admitted, Stage::next).min(until);
        let asked = Instant::now();
        let told = poll(self.client, self.sought, next, self.deadline);
        self.voices.hear_silence(self.client);
        let is_there = told.as_ref().is_ok_and(|told| stage_of(&told.status) >= Some(next));
        if !is_there {
            let left = self.deadline.saturating_duration_since(Instant::now());
            std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()).min(left));
        }
        told
    }

    /// Tells people of a stage.
    fn show(&self, status: &Value) {
        let id = self.sought.id;
        let height =
            status.get("height").and_then(Value::as_u64).map(|height| format!(" @{height}")).unwrap_or_default();
        let Some(stage) = stage_of(status) else {
            return;
        };
        self.session.note(&match stage {
            Stage::Admitted => say!("已接收 {id}", "admitted {id}"),
            Stage::Ordered => say!("已排序{height}", "ordered{height}"),
            Stage::Executed => say!("已执行{height}", "executed{height}"),
            Stage::Certified => say!("已获法定多数签署{height}", "certified by a quorum{height}"),
        });
    }

    fn timed_out(&mut self) -> Fault {
        let (id, stage) = (self.sought.id, self.until.name());
        let best = self.best.take();
        let status = self.voices.beside(best.map_or_else(|| json!({ "id": id }), unproven));
        self.session.note(&Text::same(id.to_string()));
        let zh = |name: &str| value_word("stage", name).unwrap_or("未知");
        let stage_zh = zh(stage);
        let message = match (stage_name(&status), self.voices.owner(&status)) {
            (Some(reached), Some(owner)) => {
                let reached_zh = zh(reached);
                say!(
                    "等待超时：据 {owner} 所称，交易 {id} 目前为“{reached_zh}”，尚未达到“{stage_zh}”。交易仍可能生效。",
                    "Time is up: by the word of {owner}, transaction {id} is {reached}, not yet {stage}. It may still take effect."
                )
            }
            _ => say!(
                "等待超时：没有接口证明交易 {id} 已达到“{stage_zh}”。交易仍可能生效。",
                "Time is up: no endpoint has shown that transaction {id} is {stage}. It may still take effect."
            ),
        };
        let fault = Fault::new(Exit::Timeout, "TIMEOUT", message).hint(self.way_on());
        self.voices.among_causes(fault).data(status)
    }

    /// What to do when time is up. To wait on helps where nobody says that it is in vain.
    fn way_on(&self) -> Text {
        let (id, stage) = (self.sought.id, self.until.name());
        let is_late = self.sought.valid_until_ms.is_some_and(|until_ms| until_ms < now_ms());
        if is_late || self.voices.is_called_gone() {
            return say!(
                "请向其他节点核实：`quancheng tx show {id} --wait {stage} --api 地址`；在此之前请勿另行签署同一内容。",
                "Ask other nodes: `quancheng tx show {id} --wait {stage} --api URL`; do not sign the same anew before that."
            );
        }
        say!(
            "继续等待：`quancheng tx show {id} --wait {stage}`。",
            "Go on waiting: `quancheng tx show {id} --wait {stage}`."
        )
    }
}

/// Why a question about a transaction brought no status.
enum Trouble {
    /// This node does not know the transaction.
    Unknown(String),
    /// The node or the way to it fails now.
    Passing,
    /// Anything else, of this node.
    Fault(String, Box<Fault>),
    /// Anything else, of all of them.
    Everywhere(Box<Fault>),
}

fn poll(client: &Client, sought: Sought, stage: Stage, deadline: Instant) -> Result<Told, Trouble> {
    // All endpoints may have to be asked in turn.
    let held = client.share(deadline).min(POLL);
    let (id, name) = (sought.id, stage.name());
    let path = format!("/v1/transactions/{id}?wait={name}&timeout_ms={}", duration_ms(held).max(1));
    let request = Request { path: &path, body: None, accept: JSON, until: deadline, held: Some(held) };
    let answer = client
        .send(request)
        .map_err(|fault| if is_silence(&fault) { Trouble::Passing } else { Trouble::Everywhere(Box::new(fault)) })?;
    let url = answer.url.clone();
    match answer.status {
        200..=299 => match answer.transaction_status(sought) {
            Ok(status) => Ok(Told { status, url }),
            Err(fault) => Err(Trouble::Fault(url, Box::new(fault))),
        },
        404 if answer.problem().code == codes::TRANSACTION_UNKNOWN => Err(Trouble::Unknown(url)),
        429 | 500..=599 => Err(Trouble::Passing),
        _ => {
            let fault = answer.problem().into_fault(&answer.url, Exit::Network);
            Err(Trouble::Fault(url, Box::new(fault)))
        }
    }
}
