//! Submitting a transaction and waiting for it, stage by stage.

mod advice;
mod fate;
mod lifetime;
mod offer;
mod proven;
mod refusals;
mod voices;
mod wait;

use quancheng_proof::report::shanghai_time;
use quancheng_types::{AccountId, Call, ChainId, SignedTransaction, TransactionId};
use serde_json::{Value, json};

use crate::args::common::{Stage, Write};
use crate::client::{Client, JSON, OCTETS, Request, Sought};
use crate::clock;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::interrupt::{Hold, Left};
use crate::output::Reply;
use crate::session::Session;
use crate::text::{Lang, Text, say};
use crate::transaction::{self, Draft, Signers};

pub(crate) use advice::{Known, of_final};
use fate::expired;
pub(crate) use fate::{Fate, fate, is_settled, is_void, past};
pub(crate) use lifetime::not_over;
pub(crate) use offer::Offer;
pub(crate) use proven::{PROVEN, is_proven};
pub(crate) use refusals::refusal_hint;
use refusals::{is_refused, refusal};
use voices::{Voice, Voices};
pub(crate) use wait::{look_up, submit};

/// Code of the fault of what is done and could not be written.
const UNWRITTEN: &str = "UNWRITTEN";

/// Everything that signing and submitting needs, made ready once for many transactions: keys are slow to open on purpose.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    session: &'a Session,
    write: &'a Write,
    client: Option<Client>,
    signers: Signers,
    chain_id: ChainId,
}

impl<'a> Writer<'a> {
    /// Opens keys and asks the endpoint what the flags do not say. With `--sign-only` and no endpoint nothing is asked.
    pub(crate) fn open(session: &'a Session, write: &'a Write) -> Outcome<Self> {
        write.tx_out.iter().try_for_each(|path| files::absent(path))?;
        let is_offline = write.sign_only && write.api.api.is_empty() && session.profile()?.api.is_empty();
        let named = transaction::named_chain(session, write)?;
        let of_chain = |client: Client, id: Option<ChainId>| id.into_iter().fold(client, Client::of_chain);
        let client = if is_offline { None } else { Some(of_chain(session.client(&write.api)?, named)) };
        lifetime::check(write, client.as_ref())?;
        let signers = Signers::open(session, write)?;
        let chain_id = named.map_or_else(|| transaction::chain_id(client.as_ref()), Ok)?;
        let client = client.map(|client| client.of_chain(chain_id));
        if let Some(client) = &client {
            clock::check(session, client, transaction::valid_for_ms(write), || lifetime::max_ms(client))?;
        }
        let signers = signers.on_chain(client.as_ref())?;
        Ok(Self { session, write, client, signers, chain_id })
    }

    /// The client.
    pub(crate) fn client(&self) -> Outcome<&Client> {
        self.client.as_ref().ok_or_else(|| Fault::usage("NO_API", say!("未指定节点接口。", "No endpoint is named.")))
    }

    /// The client, if there is an endpoint.
    pub(crate) const fn client_if_any(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// The chain.
    pub(crate) const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// The account that acts.
    pub(crate) fn account(&self) -> AccountId {
        self.signers.account()
    }

    /// Whether the flags ask for a submission, not for a simulation or a file.
    pub(crate) const fn is_submitting(&self) -> bool {
        !self.write.dry_run && !self.write.sign_only
    }

    /// Whether the time that `--timeout` gives the whole command is over: nothing more is begun then.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.client.as_ref().is_some_and(Client::is_out_of_time)
    }

    /// A transaction with the signatures of the keys at hand.
    pub(crate) fn compose(&self, calls: Vec<Call>) -> Outcome<Draft> {
        transaction::compose(self.chain_id, &self.signers, transaction::valid_for_ms(self.write), calls)
    }

    /// Submits a transaction and waits as the flags say; where they ask for a receipt, for one that is proven. The answer is its status.
    pub(crate) fn submit_for_proof(&self, signed: &SignedTransaction, offer: Offer) -> Outcome<Value> {
        let wait = self.write.wait;
        let until = if wait >= Stage::Executed { Stage::Certified } else { wait };
        submit(self.session, self.client()?, signed, offer, until)
    }

    /// Submits a transaction, or simulates it, or writes it to a file, as the flags say.
    pub(crate) fn deliver(&self, draft: Draft) -> Outcome<Reply> {
        self.deliver_until(draft, self.write.wait)
    }

    /// As [`deliver`](Self::deliver), waiting for this stage whatever the flags say.
    pub(crate) fn deliver_until(&self, draft: Draft, until: Stage) -> Outcome<Reply> {
        if let Some(path) = &self.write.tx_out {
            draft.write_new(path)?;
            let mut data = draft.describe();
            insert(&mut data, "file", json!(path));
            let (shown, until) = (path.display(), shanghai_time(draft.body.valid_until_ms));
            let headline = say!(
                "交易已写入 {shown}，未提交。其余签署与提交须在 {until}（北京时间）前完成，逾期须重新签署。",
                "Written to {shown}; nothing was submitted. All signatures and the submission have to be done before {until} (Beijing time); later it has to be signed anew."
            );
            return Ok(Reply::record(data).headline(headline));
        }
        let signed = draft.complete()?;
        if self.write.dry_run {
            return simulate(self.client()?, &signed);
        }
        submit(self.session, self.client()?, &signed, Offer::First, until).map(reply)
    }
}

/// Makes, signs and submits a transaction of these calls; or simulates it, or writes it to a file, as the flags say.
pub(crate) fn run(session: &Session, write: &Write, calls: Vec<Call>) -> Outcome<Reply> {
    let writer = Writer::open(session, write)?;
    let draft = writer.compose(calls)?;
    writer.deliver(draft)
}

/// Adds a member to a JSON object.
pub(crate) fn insert(data: &mut Value, name: &str, value: Value) {
    if let Some(object) = data.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// What a transaction would do now.
pub(crate) fn simulate(client: &Client, signed: &SignedTransaction) -> Outcome<Reply> {
    let bytes = signed.encode();
    let body = Some((bytes.as_slice(), OCTETS));
    let request =
        Request { path: "/v1/transactions/simulate", body, accept: JSON, until: client.deadline(), held: None };
    let answer = client.send_until(request)?;
    if answer.status != 200 {
        return Err(answer.problem().into_fault(&answer.url, Exit::Refused));
    }
    let mut data = answer.json()?;
    insert(&mut data, "id", json!(signed.id()));
    if let Some(fault) = refusal(&data) {
        return Err(fault.data(data));
    }
    Ok(Reply::record(data).headline(say!("模拟执行：未改变任何状态。", "A simulation: nothing was changed.")))
}

/// A transaction at hand, to ask for its status.
pub(crate) fn sought(signed: &SignedTransaction) -> Sought {
    Sought { id: signed.id(), valid_until_ms: Some(signed.body.valid_until_ms) }
}

/// The word of a node about a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The status.
    pub(crate) status: Value,
    /// Who says so.
    pub(crate) url: String,
}

impl Told {
    /// As it is noted.
    fn voice(&self) -> Voice {
        stage_of(&self.status).map_or(Voice::Gone, Voice::Says)
    }
}

/// Holds a transaction that is signed and that nodes may have, or may be given at any moment.
pub(crate) fn held(id: TransactionId) -> Hold {
    Hold::new(move || Some(Left::new(under_way(id)).of(id)))
}

/// What an interruption says of a transaction that nodes may have.
fn under_way(id: TransactionId) -> Text {
    say!(
        "交易 {id} 可能已提交，仍可能生效：`quancheng tx show {id}` 查看。",
        "Transaction {id} may have been submitted and may take effect: look with `quancheng tx show {id}`."
    )
}

fn stage_name(status: &Value) -> Option<&str> {
    status.get("stage").and_then(Value::as_str)
}

/// The stage that a status names; none for one whose time has passed.
fn stage_of(status: &Value) -> Option<Stage> {
    stage_name(status).and_then(Stage::of_name)
}

/// The answer to people about a status. One that is not proven is told as what it is: the word of those who say it, beside what others say.
pub(crate) fn reply(status: Value) -> Reply {
    let is_word = !is_proven(&status);
    let id = status.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let voices = Voices::read(&status);
    let owner = voices.owner(&status);
    let others = if is_word { voices.headlines(&status) } else { Vec::new() };
    let reply = Reply::record(status);
    if !is_word {
        return reply;
    }
    let (zh, en) = owner.map_or(("节点".to_owned(), "a node".to_owned()), |owner| (owner.clone(), owner));
    let reply = reply.headline(say!(
        "以下仅为 {zh} 所称，未经证明；以 `quancheng tx show {id} --wait certified` 取得已证明的结果。",
        "This is what {en} says, and not proven; `quancheng tx show {id} --wait certified` tells what is."
    ));
    others.into_iter().fold(reply, Reply::headline)
}

/// A refusal that is proven, or the end of its time.
fn ended_badly(status: &Value, id: TransactionId) -> Option<Fault> {
    if let Some(fault) = expired(status, id) {
        return Some(fault);
    }
    refusal(status).filter(|_| is_proven(status))
}

/// The status of a transaction with a receipt, or the fault when the receipt refuses.
pub(crate) fn told(status: Value, id: TransactionId) -> Outcome<Value> {
    match ended_badly(&status, id) {
        Some(fault) => Err(fault.data(status)),
        None => Ok(enriched(status)),
    }
}

/// The fault of a step that comes after a transaction was proven certified: that it is on the chain is what has to be known first, whatever
/// failed later and with whatever code. A mismatch stays one.
pub(crate) fn lacking(fault: Fault, status: Value, lack: &Text) -> Fault {
    let id = status.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let height = status.get("height").and_then(Value::as_u64).unwrap_or_default();
    let (zh, en) = (lack.words(Lang::Zh), lack.words(Lang::En));
    let done = say!(
        "交易 {id} 已在高度 {height} 获法定多数签署；{zh}。",
        "Transaction {id} is certified at height {height}; {en}."
    );
    if fault.exit == Exit::Mismatch {
        return fault.cause_in(done).data(status);
    }
    let hint = fault.hint.clone();
    Fault { hint, ..Fault::new(Exit::Unwritten, UNWRITTEN, done).also(fault).data(status) }
}

/// The fault of a run over many things whose time is over before all were begun.
pub(crate) fn out_of_time(done: usize, all: usize) -> Fault {
    let message = say!(
        "--timeout 已到：{all} 项中已处理 {done} 项，其余未开始。",
        "The time of --timeout is over: {done} of {all} are done, the others were not begun."
    );
    Fault::new(Exit::Timeout, "TIMEOUT", message)
}

/// Numbers that people need next, lifted out of the events to the top of the status.
fn enriched(mut status: Value) -> Value {
    for name in ["registration", "ledger_no", "proposal", "objection"] {
        let events = status.get("events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let found = events.iter().find_map(|event| find(event.get("data")?, name)).cloned();
        if let Some(value) = found {
            insert(&mut status, name, value);
        }
    }
    status
}

fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| object.values().find_map(|inner| find(inner, name)))
}

#[cfg(test)]
mod tests;
