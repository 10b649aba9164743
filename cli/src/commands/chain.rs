//! `chain`, `block` and `node`: the chain as nodes see it.

use std::time::Duration;

use quancheng_proof::Checkpoint;
use quancheng_types::{Genesis, Header};
use serde_json::{Value, json};

use crate::args::chain::{Block, Chain, ChainFile, Node};
use crate::client::{Answer, BAD_ANSWER, Client, JSON, Request, Shape, escape, is_silence, together, with_query};
use crate::commands::read;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::in_force;
use crate::messages::causes;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::submit::insert;
use crate::text::{Lang, Text, number, say};

/// Longest wait for each further endpoint once one has answered.
const OTHERS_TIME_MAX: Duration = Duration::from_secs(3);

pub(super) fn run(session: &Session, command: &Chain) -> Outcome<Reply> {
    match command {
        Chain::Status(of) => status(session, &session.client(&of.api)?),
        Chain::Parameters(status) => Ok(Reply::record(in_force::parameters(&session.client_of_chain(&status.api)?)?)),
        Chain::Modules(status) => {
            let data = session.client(&status.api)?.get("/v1/modules", Shape::Modules)?;
            let differs = other_modules(&data);
            let reply = Reply::rows(data, None, &["id", "name"]);
            Ok(differs.into_iter().fold(reply, Reply::headline))
        }
        Chain::Validators(validators) => {
            let parameters: Vec<_> = validators.as_of.iter().map(|as_of| as_of.query()).collect();
            let path = with_query("/v1/validators", &parameters);
            let (mut data, url) = read::said(&session.client(&validators.api)?, &path, Shape::Validators)?;
            insert(&mut data, read::SAID_BY, json!(url));
            let columns = &["id", "organization", "power", "node_id", "interest"];
            Ok(read::unproven(Reply::rows(data, Some("validators"), columns)))
        }
        Chain::Genesis(file) => genesis(session, file),
        Chain::Checkpoint(file) => checkpoint(session, file),
        Chain::Query(query) => {
            let question = files::parse(query.query.as_bytes()).map_err(|error| {
                Fault::usage("BAD_JSON", say!("查询不是 JSON。", "The question is not JSON."))
                    .cause_in(causes::said(&error))
            })?;
            read::query(session, &query.read, &query.module, question)
        }
    }
}

/// What the first endpoint that answers says, which nobody has proven. The others are asked too: whoever is behind, or claims what is not so,
/// is seen beside them.
fn status(session: &Session, client: &Client) -> Outcome<Reply> {
    let request = Request { path: "/v1/status", body: None, accept: JSON, until: client.deadline(), held: None };
    let read = |answer: &Answer| Ok((answer.url.clone(), answer.node_status()?));
    let asked = if client.urls().len() > 1 { client.send_each(request, OTHERS_TIME_MAX) } else { Vec::new() };
    let answers = asked.into_iter().flatten().filter(|answer| answer.status == 200);
    let mut said: Vec<(String, Value)> = answers.filter_map(|answer| read(&answer).ok()).collect();
    if said.is_empty() {
        said.push(client.in_turn(request, read)?);
    }
    let height = |status: &Value| status.get("height").and_then(Value::as_u64).unwrap_or_default();
    let heard: Vec<(String, u64)> = said.iter().map(|(url, status)| (url.clone(), height(status))).collect();
    read::tell_apart(session, &heard);
    let chain = |status: &Value| status.get("chain_id").cloned();
    let chains: Vec<Option<Value>> = said.iter().map(|(_, status)| chain(status)).collect();
    if chains.windows(2).any(|pair| pair[0] != pair[1]) {
        session.note(&say!("警告：各接口属于不同的链。", "Warning: the endpoints are of different chains."));
    }
    let others: Vec<Value> = said
        .iter()
        .skip(1)
        .map(|(url, status)| json!({ "api": url, "chain_id": chain(status), "height": height(status) }))
        .collect();
    let (url, mut data) = said.swap_remove(0);
    insert(&mut data, read::SAID_BY, json!(url));
    if client.urls().len() > 1 {
        insert(&mut data, "others", json!(others));
    }
    Ok(read::unproven(Reply::record(data)))
}

/// In what the modules of a node differ from those of this program: numbers then read otherwise there.
fn other_modules(data: &Value) -> Option<Text> {
    let named = |module: &Value| Some((module.get("id")?.as_u64()?, module.get("name")?.as_str()?.to_owned()));
    let codes = |module: &Value| {
        let refusals = module.get("refusals").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let of = |words: &Value| Some((words.get("code")?.as_u64()?, words.get("name")?.as_str()?.to_owned()));
        refusals.iter().filter_map(of).collect::<Vec<_>>()
    };
    let list = data.as_array().map(Vec::as_slice).unwrap_or_default();
    let theirs: Vec<_> = list.iter().filter_map(|module| Some((named(module)?, codes(module)))).collect();
    let ours = quancheng_contracts::MODULES.iter().map(|module| {
        let codes = module.refusals().into_iter().map(|(code, words)| (u64::from(code), words.name.to_owned()));
        ((u64::from(module.id().0), module.name().to_owned()), codes.collect::<Vec<_>>())
    });
    let ours: Vec<_> = ours.collect();
    let unlike = ours.iter().filter(|module| !theirs.contains(module));
    let unknown = theirs.iter().filter(|module| !ours.contains(module));
    let names: std::collections::BTreeSet<&str> = unlike.chain(unknown).map(|((_, name), _)| name.as_str()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        say!(
            "该节点的模块与本程序所知不同（{names}）：版本不同，或答复不实。",
            "The modules of this node are not those that this program knows ({names}): another version, or an untrue answer."
        )
    })
}

/// The genesis as JSON: to a file when one is named, else as the data of the answer. It is that of the chain that is meant, or of the one
/// that the endpoint is of by its own word.
fn genesis(session: &Session, file: &ChainFile) -> Outcome<Reply> {
    file.out.iter().try_for_each(|out| files::absent(out))?;
    let client = session.client_of_chain(&file.api)?;
    let request = Request { path: "/v1/genesis", body: None, accept: JSON, until: client.deadline(), held: None };
    let data = client.in_turn(request, |answer| {
        let value = answer.shaped(Shape::Genesis)?;
        let found: Genesis = serde_json::from_value(value.clone()).map_err(|error| answer.foreign().cause(error))?;
        client.is_meant(&answer.url, found.chain_id()).map(|()| value)
    })?;
    let text = pretty(&data);
    match &file.out {
        Some(out) => {
            files::write_new(out, text.as_bytes())?;
            Ok(Reply::record(json!({ "file": out })))
        }
        None => Ok(Reply::text(data, text)),
    }
}

fn checkpoint(session: &Session, file: &ChainFile) -> Outcome<Reply> {
    file.out.iter().try_for_each(|out| files::absent(out))?;
    let client = session.client_of_chain(&file.api)?;
    let request = Request { path: "/v1/checkpoint", body: None, accept: JSON, until: client.deadline(), held: None };
    // What cannot be read here could not be read by a verifier either.
    let (checkpoint, mut data) = client.in_turn(request, |answer| {
        let checkpoint = Checkpoint::from_json(&answer.body).map_err(|error| {
            Fault::new(Exit::Network, BAD_ANSWER, say!("节点返回的检查点无效。", "The node gave no valid checkpoint."))
                .cause_in(causes::checkpoint(&error, &answer.body))
        })?;
        client.is_meant(&answer.url, checkpoint.chain_id())?;
        Ok((checkpoint, answer.json()?))
    })?;
    let fingerprint = checkpoint.fingerprint();
    session.note(&say!(
        "检查点指纹 {fingerprint}：请经另一途径（如电话、公报）核对后再采信。",
        "Fingerprint {fingerprint}: compare it by another way (telephone, gazette) before you rely on it."
    ));
    match &file.out {
        Some(out) => {
            files::write_new(out, checkpoint.to_json().as_bytes())?;
            Ok(Reply::record(json!({ "file": out, "chain_id": checkpoint.chain_id(), "fingerprint": fingerprint })))
        }
        None => {
            let text = pretty(&data);
            // The file's own content stays as it is for those who save the data of this answer.
            insert(&mut data, "chain_id", json!(checkpoint.chain_id()));
            Ok(Reply::text(data, text))
        }
    }
}

fn pretty(value: &Value) -> String {
    crate::output::pretty(value) + "\n"
}

pub(super) fn block(session: &Session, command: &Block) -> Outcome<Reply> {
    match command {
        Block::Show(show) => {
            let client = session.client(&show.api)?;
            let path = format!("/v1/blocks/{}", height(&show.height)?);
            let request = Request { path: &path, body: None, accept: JSON, until: client.deadline(), held: None };
            client.in_turn(request, |answer| asked_block(answer, &show.height)).map(Reply::record)
        }
        Block::Transactions(show) => {
            let path = format!("/v1/blocks/{}/transactions", height(&show.height)?);
            read::list(session, &show.list, &path, &[], &["id", "position", "stage", "outcome"])
        }
    }
}

/// The block that was asked for: of that height, under the id that its header has.
fn asked_block(answer: &Answer, wanted: &str) -> Outcome<Value> {
    let block = answer.shaped(Shape::Block)?;
    let header = block.get("header").cloned().unwrap_or_default();
    let header: Header = serde_json::from_value(header).map_err(|error| answer.foreign().cause(error))?;
    let has = |name: &str, value: Value| block.get(name) == Some(&value);
    let is_asked = wanted.parse::<u64>().map_or(true, |height| height == header.height.0);
    if is_asked && has("height", json!(header.height)) && has("id", json!(header.id())) {
        return Ok(block);
    }
    let cause = say!("答复并非所问的区块", "it is not the block that was asked for");
    Err(answer.foreign().cause_in(cause))
}

fn height(text: &str) -> Outcome<String> {
    if text == "latest" || number::<u64>(text).is_some() {
        return Ok(escape(text));
    }
    Err(Fault::usage("BAD_HEIGHT", say!("{text} 不是高度。", "{text} is not a height."))
        .hint(say!("请给出数字或 latest。", "Give a number, or latest.")))
}

pub(super) fn node(session: &Session, command: &Node) -> Outcome<Reply> {
    let Node::Status(status) = command;
    let client = session.client(&status.api)?;
    let asked: Vec<(&String, Outcome<Value>)> = client.urls().iter().map(|url| (url, one_node(&client, url))).collect();
    let nodes: Vec<Value> = asked.iter().map(|(url, met)| row(session.lang(), url, met)).collect();
    let columns: &[&str] =
        &["api", "role", "height", "certified_height", "peers", "signing", "syncing", "error", "detail"];
    let mut reply = Reply::record(json!({ "nodes": nodes }));
    reply.view = View::Rows { of: Some("nodes"), columns };
    let faults: Option<Vec<Fault>> = asked.into_iter().map(|(_, met)| met.err()).collect();
    // What all of them lack is the fault of the command; a node that answers with a problem is there.
    reply.fault = faults.map(together);
    Ok(reply)
}

/// A node, or why there is none, as a row.
fn row(lang: Lang, url: &str, met: &Outcome<Value>) -> Value {
    let mut row = match met {
        Ok(status) => status.clone(),
        Err(fault) => {
            let causes = fault.causes_in(lang);
            let detail = if causes.is_empty() { fault.message.words(lang).to_owned() } else { causes.join("; ") };
            json!({ "reachable": !is_silence(fault), "error": fault.code, "detail": detail })
        }
    };
    insert(&mut row, "api", json!(url));
    row
}

fn one_node(client: &Client, url: &str) -> Outcome<Value> {
    let request = Request { path: "/v1/status", body: None, accept: JSON, until: client.deadline(), held: None };
    let answer = client.send_to(url, request)?;
    let problem = answer.problem();
    if answer.status == 200 {
        let mut status = answer.node_status()?;
        insert(&mut status, "reachable", json!(true));
        Ok(status)
    } else if problem.is_of_node || problem.is_retryable {
        Ok(json!({ "reachable": true, "error": problem.code }))
    } else {
        Err(problem.into_fault(&answer.url, Exit::Network))
    }
}
