//! Reads that all nouns share: one record as of any height with its proof, and pages of a list.

use std::cell::RefCell;

use quancheng_proof::Checkpoint;
use quancheng_proof::report::{Moment, shanghai_time};
use quancheng_types::{Height, problem as codes};
use serde_json::{Value, json};

use crate::answered::{self, Asked};
use crate::args::common::{List, Read};
use crate::client::{Answer, Client, JSON, Request, Shape, foreign, with_query};
use crate::commands::evidence;
use crate::fault::{Exit, Fault, Outcome};
use crate::output::{Reply, View};
use crate::session::Session;
use crate::submit::{PROVEN, insert};
use crate::text::{Text, say};
use crate::time::{AsOf, now_ms};

/// Member that names the endpoint whose word an answer is.
pub(super) const SAID_BY: &str = "api";
/// Heights by which endpoints may differ without a word: they are not asked at one moment.
const HEIGHTS_APART_MAX: u64 = 5;
/// Entries of one page, as the API limits them.
const PAGE_MAX: u32 = 200;

/// Tells people that a moment they ask about has not come yet: the answer may still change.
fn tell_future(session: &Session, read: &Read) {
    if matches!(read.as_of, Some(AsOf::TimeMs(time_ms)) if time_ms > now_ms()) {
        session.note(&say!(
            "所问时刻尚未到来：以下为截至最新区块的状态，届时可能不同。",
            "That moment is still to come: this is the state as of the newest block, and it may change until then."
        ));
    }
}

/// Refuses to ask for the proof of a moment that has not come: nobody can prove what will be, and nodes say that it is not certified yet.
pub(super) fn not_to_come(client: &Client, as_of: Option<&AsOf>) -> Outcome<()> {
    let Some(AsOf::TimeMs(wanted_ms)) = as_of.filter(|as_of| matches!(as_of, AsOf::TimeMs(ms) if *ms > now_ms()))
    else {
        return Ok(());
    };
    let status = client.node_status()?;
    let newest_ms = status.get("time_ms").and_then(Value::as_u64).unwrap_or_default();
    if *wanted_ms <= newest_ms {
        return Ok(());
    }
    let (wanted, newest) = (shanghai_time(*wanted_ms), shanghai_time(newest_ms));
    let message = say!(
        "所问时刻 {wanted}（北京时间）尚未到来，其状态无从证明。",
        "{wanted} (Beijing time) is still to come; nobody can prove the state of that time."
    );
    Err(Fault::usage("NOT_YET", message)
        .cause_in(say!("最新区块的时间为 {newest}", "the newest block is of {newest}"))
        .hint(say!(
            "请给出不晚于该区块的时刻或高度，或去掉 --as-of。",
            "Give a time or height that is not after it, or leave out --as-of."
        )))
}

/// The client of a read: for a proof it has to be known of which chain.
fn client_of(session: &Session, read: &Read) -> Outcome<Client> {
    if read.proof.is_none() {
        return session.client(&read.api);
    }
    let client = session.client_of_chain(&read.api)?;
    not_to_come(&client, read.as_of.as_ref())?;
    Ok(client)
}

/// The parameters of a read.
fn parameters(read: &Read) -> Vec<(&'static str, String)> {
    let as_of = read.as_of.iter().map(|as_of| as_of.query());
    as_of.chain(read.proof.is_some().then(|| ("proof", "true".to_owned()))).collect()
}

/// A record under a path. Something absent is exit code 3, with its proof of absence if one was asked for.
pub(super) fn record(session: &Session, read: &Read, path: &str, asked: &Asked) -> Outcome<Reply> {
    read.proof.iter().try_for_each(|path| evidence::may_go(path))?;
    let client = client_of(session, read)?;
    let path = with_query(path, &parameters(read));
    let found = answer(&client, &path, None, asked, read.proof.is_some().then_some(read.as_of))?;
    tell_future(session, read);
    tell_apart(session, &found.heard);
    finish(read, found)
}

/// A record that a list is of: what is asked for where the list is empty.
pub(super) struct Owner<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// What its proof has to be about.
    pub(super) asked: Asked,
}

/// Tells people when endpoints that were asked are far from each other: then the word of one of them is behind, or is not true.
pub(super) fn tell_apart(session: &Session, heard: &[(String, u64)]) {
    let heights = || heard.iter().map(|(_, height)| *height);
    let (Some(least), Some(greatest)) = (heights().min(), heights().max()) else { return };
    if greatest - least <= HEIGHTS_APART_MAX {
        return;
    }
    let listed: Vec<String> = heard.iter().map(|(url, height)| format!("{url} = {height}")).collect();
    let listed = listed.join(", ");
    session.note(&say!(
        "警告：各接口所称高度相差较大（{listed}）：有的落后，或所言不实；请以带证明的查询为准。",
        "Warning: the endpoints name heights far from each other ({listed}): one is behind, or what it says is not true; rely on what is proven."
    ));
}

/// The answer of a module to a question of its own.
pub(super) fn query(session: &Session, read: &Read, module: &str, question: Value) -> Outcome<Reply> {
    question_of(session, read, module, question, None)
}

fn question_of(
    session: &Session,
    read: &Read,
    module: &str,
    question: Value,
    owner: Option<&Owner<'_>>,
) -> Outcome<Reply> {
    read.proof.iter().try_for_each(|path| evidence::may_go(path))?;
    let client = client_of(session, read)?;
    let body = json!({ "module": module, "query": question });
    let path = with_query("/v1/query", &parameters(read));
    let found = answer(&client, &path, Some(&body), &Asked::Entries, read.proof.is_some().then_some(read.as_of))?;
    let is_empty = found.value.get("data").and_then(Value::as_array).is_some_and(Vec::is_empty);
    if let Some(owner) = owner.filter(|_| is_empty) {
        // A list of nothing is no word about whether there is anything that it could be of.
        let path = with_query(owner.path, &parameters(read));
        let owner = answer(&client, &path, None, &owner.asked, read.proof.is_some().then_some(read.as_of))?;
        if owner.value.get("data").is_none_or(Value::is_null) {
            return finish(read, owner);
        }
    }
    tell_future(session, read);
    tell_apart(session, &found.heard);
    finish(read, found)
}

/// A record as it is proven, for what is going to be signed: no word of a node alone enters a signature. `absent` says that there is none.
pub(super) fn proven(client: &Client, path: &str, asked: &Asked, absent: Text) -> Outcome<Value> {
    let path = with_query(path, &[("proof", "true".to_owned())]);
    let found = answer(client, &path, None, asked, Some(None))?;
    let as_of = nothing(&found).message;
    let record = found.value.get("data").filter(|data| !data.is_null() && found.is_compared).cloned();
    record.ok_or_else(|| Fault::new(Exit::NotFound, codes::NOT_FOUND, absent).cause_in(as_of))
}

/// An answer that is about what was asked for, with its height and its proof.
struct Found {
    value: Value,
    height: u64,
    proof: Option<Vec<u8>>,
    /// Whether all that it says was compared with what its proof shows; an answer is its endpoint's word until that is known.
    is_compared: bool,
    /// Who gave it.
    url: String,
    /// Endpoints that were heard, with the heights that they name.
    heard: Vec<(String, u64)>,
}

/// The first answer that is about what was asked for, and proven where that is wanted: as of a moment, or of the newest block.
fn answer(
    client: &Client,
    path: &str,
    body: Option<&Value>,
    asked: &Asked,
    proven: Option<Option<AsOf>>,
) -> Outcome<Found> {
    let trusted = if proven.is_some() { client.trusted()? } else { None };
    let body = body.map(|body| body.to_string().into_bytes());
    let body = body.as_deref().map(|bytes| (bytes, JSON));
    let request = Request { path, body, accept: JSON, until: client.deadline(), held: None };
    let found = |answer: &Answer| found(client, answer, asked, proven, trusted.as_ref());
    if proven == Some(None) {
        return client.newest(request, found, |found| found.height);
    }
    // That there is nothing one endpoint alone cannot say: it may be behind. Of those that say so the newest block counts.
    let absent: RefCell<Option<Found>> = RefCell::new(None);
    let heard = RefCell::new(Vec::new());
    let found = client.in_turn(request, |answer| {
        let found = found(answer)?;
        heard.borrow_mut().push((found.url.clone(), found.height));
        if found.value.get("data").is_some_and(|data| !data.is_null()) {
            return Ok(found);
        }
        let fault = nothing(&found);
        let mut newest = absent.borrow_mut();
        if newest.as_ref().is_none_or(|newest| newest.height < found.height) {
            *newest = Some(found);
        }
        Err(fault)
    });
    let found = match (found, absent.into_inner()) {
        (Err(fault), Some(absent)) if fault.exit == Exit::NotFound => Ok(absent),
        (found, _) => found,
    };
    found.map(|found| Found { heard: heard.into_inner(), ..found })
}

/// An answer, when it is about what was asked for and proven where that is wanted.
fn found(
    client: &Client,
    answer: &Answer,
    asked: &Asked,
    proven: Option<Option<AsOf>>,
    trusted: Option<&Checkpoint>,
) -> Outcome<Found> {
    let (mut value, url) = (answer.shaped(Shape::Record)?, answer.url.as_str());
    let height = value.get("height").and_then(Value::as_u64).ok_or_else(|| foreign(url))?;
    let data = value.get("data").cloned().unwrap_or_default();
    answered::named(asked, &data, url)?;
    let Some(as_of) = proven else {
        return Ok(Found {
            value,
            height,
            proof: None,
            is_compared: false,
            url: answer.url.clone(),
            heard: Vec::new(),
        });
    };
    let bytes = value.get("proof").and_then(Value::as_str).and_then(|text| hex::decode(text).ok());
    let bytes = bytes.ok_or_else(|| {
        Fault::new(Exit::Network, "NO_PROOF", say!("节点未返回证明。", "The node gave no proof."))
            .hint(say!("稍后再试，或改问其他节点。", "Try again soon, or ask another node."))
    })?;
    let moment = as_of.map(|as_of| (client, as_of));
    let shown = answered::proof(&bytes, asked, height, &data, (url, trusted), moment)?;
    let is_compared = shown.is_compared;
    if is_compared {
        // Nothing stands beside a record that is told as proven but what the proof shows.
        value = json!({ "height": height, "time_ms": shown.time_ms, "data": data, "key": hex::encode(shown.key) });
    } else if let Some(object) = value.as_object_mut() {
        object.remove("proof");
    }
    Ok(Found { value, height, proof: Some(bytes), is_compared, url: answer.url.clone(), heard: Vec::new() })
}

/// The fault of a record that is not there, as of the block that the answer names.
fn nothing(found: &Found) -> Fault {
    let height = found.height;
    let time_ms = found.value.get("time_ms").and_then(Value::as_u64);
    let moment = time_ms.map(|time_ms| Moment::known(Height(height), time_ms));
    let message = match moment.map(|moment| (moment.named_zh(), moment.named_en())) {
        None => say!("截至高度 {height} 没有此记录。", "There is no such record as of height {height}."),
        Some((zh, en)) => say!(
            "截至高度 {height}（{zh}，北京时间）没有此记录。",
            "There is no such record as of height {height} ({en}, Beijing time)."
        ),
    };
    Fault::new(Exit::NotFound, "NOT_FOUND", message)
}

/// The answer of a module that is a list of a record, as a table for people. Where there is no such record it is not found, as the record is.
pub(super) fn rows(
    session: &Session,
    read: &Read,
    module: &str,
    question: Value,
    columns: &'static [&'static str],
    owner: &Owner<'_>,
) -> Outcome<Reply> {
    let reply = question_of(session, read, module, question, Some(owner))?;
    Ok(Reply { view: View::Rows { of: Some("data"), columns }, ..reply })
}

fn finish(read: &Read, found: Found) -> Outcome<Reply> {
    let fault = nothing(&found);
    let Found { value: mut answer, proof, is_compared, url, .. } = found;
    let is_there = answer.get("data").is_some_and(|data| !data.is_null());
    let mut proof_file = None;
    if let (Some(path), Some(bytes)) = (&read.proof, proof) {
        evidence::put(path, &bytes)?;
        proof_file = Some(path.display().to_string());
        insert(&mut answer, "proof_file", json!(path));
    }
    if !is_there {
        let mut fault = fault;
        fault = match proof_file {
            Some(file) if is_compared => {
                fault.hint(say!("不存在证明已写入 {file}。", "The proof of its absence is in {file}."))
            }
            Some(file) => {
                fault.cause_in(say!("此为 {url} 所称，未经证明", "so says {url}; nobody proves that")).hint(say!(
                    "{file} 证明何事，用 `quancheng verify` 核验；请用 --api 改问其他节点。",
                    "`quancheng verify` tells what {file} proves; ask another node with --api."
                ))
            }
            None => fault,
        };
        return Err(fault.data(answer));
    }
    match proof_file {
        Some(_) if is_compared => {
            insert(&mut answer, PROVEN, json!(true));
            Ok(Reply::record(answer))
        }
        Some(file) => Ok(beside_bundle(answer, &file, &url)),
        None => {
            insert(&mut answer, SAID_BY, json!(url));
            Ok(unproven(Reply::record(answer)))
        }
    }
}

/// What a node tells beside a bundle that holds, and that was not compared with it: for programs and for people it stays the node's word.
fn beside_bundle(mut answer: Value, file: &str, url: &str) -> Reply {
    insert(&mut answer, SAID_BY, json!(url));
    insert(&mut answer, PROVEN, json!(false));
    insert(&mut answer, "bundle_holds", json!(true));
    Reply::record(answer).headline(say!(
        "证据包 {file} 成立，所证明的内容用 `quancheng verify` 核验；以下所列仅为 {url} 所称，未与证据包核对：",
        "The bundle in {file} holds, and `quancheng verify` tells what it proves. What is listed here is the word of {url} alone; it was not compared with the bundle:"
    ))
}

/// An answer that nobody has proven, marked as that for programs and for people.
pub(super) fn unproven(mut reply: Reply) -> Reply {
    insert(&mut reply.data, PROVEN, json!(false));
    reply.headline(say!(
        "以下为节点所称，未经证明（可证明的记录以 --proof 文件 取得证明）：",
        "This is what a node says, and not proven (--proof FILE fetches the proof of a record):"
    ))
}

/// So many entries of a list, page by page.
pub(super) fn list(
    session: &Session,
    list: &List,
    path: &str,
    more: &[(&str, String)],
    columns: &'static [&'static str],
) -> Outcome<Reply> {
    let client = session.client(&list.api)?;
    let data = pages(&client, list, path, more)?;
    if let Some(cursor) = data.get("next_cursor").and_then(Value::as_str) {
        session.note(&say!(
            "可能还有更多：加 --cursor {cursor} 继续，或加大 --limit。",
            "There may be more: go on with --cursor {cursor}, or with a greater --limit."
        ));
    }
    Ok(unproven(Reply::rows(data, Some("items"), columns)))
}

/// What the first endpoint says that gives an answer of this shape, and which that is.
pub(super) fn said(client: &Client, path: &str, shape: Shape) -> Outcome<(Value, String)> {
    let request = Request { path, body: None, accept: JSON, until: client.deadline(), held: None };
    client.in_turn(request, |answer| Ok((answer.shaped(shape)?, answer.url.clone())))
}

fn pages(client: &Client, list: &List, path: &str, more: &[(&str, String)]) -> Outcome<Value> {
    let mut items: Vec<Value> = Vec::new();
    let mut cursor = list.cursor.clone();
    let mut height;
    let mut urls: Vec<String> = Vec::new();
    loop {
        let left = list.limit - u32::try_from(items.len()).unwrap_or(u32::MAX).min(list.limit);
        let mut parameters = more.to_vec();
        parameters.push(("limit", left.min(PAGE_MAX).to_string()));
        // A cursor is bound to the height of its first page.
        match &cursor {
            Some(cursor) => parameters.push(("cursor", cursor.clone())),
            None => parameters.extend(list.as_of.iter().map(|as_of| as_of.query())),
        }
        let (mut page, url) = said(client, &with_query(path, &parameters), Shape::Page)?;
        if !urls.contains(&url) {
            urls.push(url);
        }
        height = page.get("height").cloned();
        let fresh = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
        let is_empty = fresh.is_empty();
        items.extend(fresh);
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        let is_full = items.len() >= usize::try_from(list.limit).unwrap_or(usize::MAX);
        if is_empty || is_full || cursor.is_none() {
            break;
        }
    }
    Ok(json!({ "height": height, "items": items, "next_cursor": cursor, SAID_BY: urls.join(", ") }))
}
