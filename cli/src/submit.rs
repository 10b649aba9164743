//! Submitting a transaction and waiting for it, stage by stage.

mod fate;
mod lifetime;
mod offer;
mod refusals;

use std::time::{Duration, Instant};

use quancheng_proof::report::shanghai_time;
use quancheng_types::{AccountId, Call, ChainId, SignedTransaction, TransactionId, problem as codes};
use serde_json::{Value, json};

use crate::args::common::{Stage, Write};
use crate::client::{Client, JSON, OCTETS, Request, Sought, UNREACHABLE, is_over};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::interrupt::Hold;
use crate::output::Reply;
use crate::session::Session;
use crate::text::{Text, say};
use crate::time::duration_ms;
use crate::transaction::{self, Draft, Signers};

pub(crate) use fate::{Fate, fate, is_void, past};
pub(crate) use lifetime::not_over;
pub(crate) use offer::Offer;
use offer::{admit, open_end};
use refusals::refusal;
pub(crate) use refusals::refusal_hint;

/// Longest single wait at a node; the API allows 60 s.
const POLL: Duration = Duration::from_secs(10);
/// Least time from a question that brought nothing new to the next one.
const PAUSE: Duration = Duration::from_millis(200);

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
        let signers = Signers::open(session, write, client.as_ref())?;
        let chain_id = named.map_or_else(|| transaction::chain_id(client.as_ref()), Ok)?;
        let client = client.map(|client| client.of_chain(chain_id));
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

    /// Whether the flags ask to wait for the receipt.
    pub(crate) fn is_waiting(&self) -> bool {
        self.write.wait >= Stage::Executed
    }

    /// A transaction with the signatures of the keys at hand.
    pub(crate) fn compose(&self, calls: Vec<Call>) -> Outcome<Draft> {
        transaction::compose(self.chain_id, &self.signers, transaction::valid_for_ms(self.write), calls)
    }

    /// Submits a transaction and waits as the flags say; the answer is its status.
    pub(crate) fn submit(&self, signed: &SignedTransaction, offer: Offer) -> Outcome<Value> {
        submit(self.session, self.client()?, signed, offer, self.write.wait)
    }

    /// Submits a transaction, or simulates it, or writes it to a file, as the flags say.
    pub(crate) fn deliver(&self, draft: Draft) -> Outcome<Reply> {
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
        self.submit(&signed, Offer::First).map(Reply::record)
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

/// Submits a transaction and waits until it has reached a stage. The answer is the last status.
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
    let mut progress = Progress { session, id, shown: None };
    let _hold = Hold::new(move || Some(under_way(id)));
    let mut status = admit(client, signed, offer, deadline).map_err(|fault| open_end(fault, id))?;
    loop {
        let reached = progress.show(&status);
        if let Some(fault) = ended_badly(&status, id) {
            return Err(fault.data(status));
        }
        match reached {
            Some(stage) if stage >= until => return Ok(enriched(status)),
            _ => {}
        }
        if is_over(deadline) {
            return Err(timed_out(session, status, id, until));
        }
        let next = reached.map_or(Stage::Admitted, Stage::next).min(until);
        let asked = Instant::now();
        status = match poll(client, sought, next, deadline) {
            Ok(status) => status,
            // The node that took it has restarted or another one answers: the same bytes again are safe.
            Err(Trouble::Unknown) => {
                admit(client, signed, Offer::Again, deadline).map_err(|fault| open_end(fault, id))?
            }
            Err(Trouble::Passing) => status,
            Err(Trouble::Fault(fault)) => return Err(open_end(fault.data(json!({ "id": id })), id)),
        };
        rest(&status, next, asked, deadline);
    }
}

/// A transaction at hand, to ask for its status.
pub(crate) fn sought(signed: &SignedTransaction) -> Sought {
    Sought { id: signed.id(), valid_until_ms: Some(signed.body.valid_until_ms) }
}

/// Waits before a question is repeated that did not bring the stage it waited for. A node should have held its answer back; one that
/// stops, or a server in between that holds nothing back, answers at once.
fn rest(status: &Value, wanted: Stage, asked: Instant, deadline: Instant) {
    if stage_name(status) == Some("expired") || stage_name(status).and_then(Stage::of_name) >= Some(wanted) {
        return;
    }
    let left = deadline.saturating_duration_since(Instant::now());
    std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()).min(left));
}

/// What an interruption says of a transaction that nodes may have.
fn under_way(id: TransactionId) -> Text {
    say!(
        "交易 {id} 可能已提交，仍可能生效：`quancheng tx show {id}` 查看。",
        "Transaction {id} may have been submitted and may take effect: look with `quancheng tx show {id}`."
    )
}

/// Why a question about a transaction brought no status.
enum Trouble {
    /// The node does not know the transaction.
    Unknown,
    /// The node or the way to it fails now.
    Passing,
    /// Anything else.
    Fault(Fault),
}

fn poll(client: &Client, sought: Sought, stage: Stage, deadline: Instant) -> Result<Value, Trouble> {
    let (path, held) = wait_for(client, sought.id, stage, deadline);
    let request = Request { path: &path, body: None, accept: JSON, until: deadline, held: Some(held) };
    let passing = |fault: Fault| if fault.code == UNREACHABLE { Trouble::Passing } else { Trouble::Fault(fault) };
    let answer = client.send(request).map_err(passing)?;
    match answer.status {
        200..=299 => answer.transaction_status(sought).map_err(Trouble::Fault),
        404 if answer.problem().code == codes::TRANSACTION_UNKNOWN => Err(Trouble::Unknown),
        429 | 500..=599 => Err(Trouble::Passing),
        _ => Err(Trouble::Fault(answer.problem().into_fault(&answer.url, Exit::Network))),
    }
}

/// The question for a status that waits at the node for a stage, and how long it does. All endpoints may have to be asked in turn.
fn wait_for(client: &Client, id: TransactionId, stage: Stage, deadline: Instant) -> (String, Duration) {
    let held = client.share(deadline).min(POLL);
    (format!("/v1/transactions/{id}?wait={}&timeout_ms={}", stage.name(), duration_ms(held).max(1)), held)
}

/// The status of a transaction, after a wait for a stage if one is named. Running out of time is not a fault here: the stage says
/// how far it has come.
pub(crate) fn look_up(client: &Client, sought: Sought, wait: Option<Stage>) -> Outcome<Value> {
    let id = sought.id;
    let Some(stage) = wait else {
        return client.fetch(&format!("/v1/transactions/{id}"), JSON)?.transaction_status(sought);
    };
    let deadline = client.deadline();
    loop {
        let (path, held) = wait_for(client, id, stage, deadline);
        let request = Request { path: &path, body: None, accept: JSON, until: deadline, held: Some(held) };
        let asked = Instant::now();
        let answer = client.send_until(request)?;
        if answer.status != 200 {
            return Err(answer.problem().into_fault(&answer.url, Exit::Network));
        }
        let status = answer.transaction_status(sought)?;
        let reached = status.get("stage").and_then(Value::as_str).and_then(Stage::of_name);
        let is_expired = stage_name(&status) == Some("expired");
        if is_expired || reached.is_some_and(|reached| reached >= stage) || is_over(deadline) {
            return Ok(status);
        }
        rest(&status, stage, asked, deadline);
    }
}

fn stage_name(status: &Value) -> Option<&str> {
    status.get("stage").and_then(Value::as_str)
}

/// Tells people of each stage once.
struct Progress<'a> {
    session: &'a Session,
    id: TransactionId,
    shown: Option<Stage>,
}

impl Progress<'_> {
    fn show(&mut self, status: &Value) -> Option<Stage> {
        let stage = stage_name(status).and_then(Stage::of_name)?;
        if self.shown.is_none_or(|shown| shown < stage) {
            self.shown = Some(stage);
            let id = self.id;
            let height =
                status.get("height").and_then(Value::as_u64).map(|height| format!(" @{height}")).unwrap_or_default();
            self.session.note(&match stage {
                Stage::Admitted => say!("已接收 {id}", "admitted {id}"),
                Stage::Ordered => say!("已排序{height}", "ordered{height}"),
                Stage::Executed => say!("已执行{height}", "executed{height}"),
                Stage::Certified => {
                    say!("已获法定多数签署{height}", "certified by a quorum{height}")
                }
            });
        }
        Some(stage)
    }
}

/// A refusal or the end of its time.
fn ended_badly(status: &Value, id: TransactionId) -> Option<Fault> {
    if stage_name(status) == Some("expired") {
        let message = say!(
            "交易 {id} 在有效期内未被排序，不会生效。",
            "Transaction {id} was not ordered in its time and never will be."
        );
        let hint =
            say!("请重新提交；必要时加长 --valid-for。", "Submit it anew, with a longer --valid-for if need be.");
        return Some(Fault::new(Exit::Refused, "EXPIRED", message).hint(hint));
    }
    refusal(status)
}

/// The status of a transaction with a receipt, or the fault when the receipt refuses.
pub(crate) fn told(status: Value, id: TransactionId) -> Outcome<Value> {
    match ended_badly(&status, id) {
        Some(fault) => Err(fault.data(status)),
        None => Ok(enriched(status)),
    }
}

/// The fault of a run over many things whose time is over before all were begun.
pub(crate) fn out_of_time(done: usize, all: usize) -> Fault {
    let message = say!(
        "--timeout 已到：{all} 项中已处理 {done} 项，其余未开始。",
        "The time of --timeout is over: {done} of {all} are done, the others were not begun."
    );
    Fault::new(Exit::Timeout, "TIMEOUT", message)
}

fn timed_out(session: &Session, status: Value, id: TransactionId, until: Stage) -> Fault {
    let (stage, reached) = (until.name(), stage_name(&status).unwrap_or("unknown").to_owned());
    session.note(&Text::same(id.to_string()));
    let message = say!(
        "等待超时：交易 {id} 目前为 {reached}，尚未达到 {stage}。交易仍可能生效。",
        "Time is up: transaction {id} is {reached}, not yet {stage}. It may still take effect."
    );
    let hint = say!(
        "继续等待：`quancheng tx show {id} --wait {stage}`。",
        "Go on waiting: `quancheng tx show {id} --wait {stage}`."
    );
    Fault::new(Exit::Timeout, "TIMEOUT", message).hint(hint).data(status)
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
