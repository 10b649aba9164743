//! `chain`, `block` and `node`: the chain as nodes see it.

use quancheng_proof::Checkpoint;
use serde_json::{Value, json};

use crate::args::chain::{Block, Chain, ChainFile, Node};
use crate::args::common::Api;
use crate::client::{Client, JSON, Request, Shape, escape, with_query};
use crate::commands::read;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::messages::causes;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::submit::insert;
use crate::text::say;

pub(super) fn run(session: &Session, command: &Chain) -> Outcome<Reply> {
    match command {
        Chain::Status(status) => Ok(Reply::record(session.client(&status.api)?.node_status()?)),
        Chain::Parameters(status) => get(session, &status.api, "/v1/parameters", Shape::Parameters),
        Chain::Modules(status) => {
            let data = session.client(&status.api)?.get("/v1/modules", Shape::Modules)?;
            Ok(Reply::rows(data, None, &["id", "name"]))
        }
        Chain::Validators(validators) => {
            let parameters: Vec<_> = validators.as_of.iter().map(|as_of| as_of.query()).collect();
            let path = with_query("/v1/validators", &parameters);
            let data = session.client(&validators.api)?.get(&path, Shape::Validators)?;
            Ok(Reply::rows(data, Some("validators"), &["id", "organization", "power", "node_id", "interest"]))
        }
        Chain::Genesis(file) => document(session, file, "/v1/genesis", Shape::Genesis),
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

fn get(session: &Session, api: &Api, path: &str, shape: Shape) -> Outcome<Reply> {
    Ok(Reply::record(session.client(api)?.get(path, shape)?))
}

/// A document as JSON: to a file when one is named, else as the data of the answer.
fn document(session: &Session, file: &ChainFile, path: &str, shape: Shape) -> Outcome<Reply> {
    file.out.iter().try_for_each(|out| files::absent(out))?;
    let data = session.client(&file.api)?.get(path, shape)?;
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
    let client = session.client(&file.api)?;
    let answer = client.fetch("/v1/checkpoint", JSON)?;
    // What cannot be read here could not be read by a verifier either.
    let checkpoint = Checkpoint::from_json(&answer.body).map_err(|error| {
        Fault::new(Exit::Network, "BAD_ANSWER", say!("节点返回的检查点无效。", "The node gave no valid checkpoint."))
            .cause_in(causes::checkpoint(&error, &answer.body))
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
            let mut data = answer.json()?;
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
        Block::Show(show) => get(session, &show.api, &format!("/v1/blocks/{}", height(&show.height)?), Shape::Block),
        Block::Transactions(show) => {
            let path = format!("/v1/blocks/{}/transactions", height(&show.height)?);
            read::list(session, &show.list, &path, &[], &["id", "position", "stage", "outcome"])
        }
    }
}

fn height(text: &str) -> Outcome<String> {
    if text == "latest" || text.parse::<u64>().is_ok() {
        return Ok(escape(text));
    }
    Err(Fault::usage("BAD_HEIGHT", say!("{text} 不是高度。", "{text} is not a height."))
        .hint(say!("请给出数字或 latest。", "Give a number, or latest.")))
}

pub(super) fn node(session: &Session, command: &Node) -> Outcome<Reply> {
    let Node::Status(status) = command;
    let client = session.client(&status.api)?;
    let nodes: Vec<Value> = client.urls().iter().map(|url| one_node(&client, url)).collect();
    let is_any_up = nodes.iter().any(|node| node.get("reachable") == Some(&Value::Bool(true)));
    let columns: &[&str] = &["api", "role", "height", "certified_height", "peers", "signing", "syncing", "error"];
    let mut reply = Reply::record(json!({ "nodes": nodes }));
    reply.view = View::Rows { of: Some("nodes"), columns };
    if !is_any_up {
        let message = say!("没有节点答复。", "No node answers.");
        reply.fault = Some(Fault::new(Exit::Network, "UNREACHABLE", message));
    }
    Ok(reply)
}

fn one_node(client: &Client, url: &str) -> Value {
    let request = Request { path: "/v1/status", body: None, accept: JSON, until: client.deadline(), held: None };
    match client.send_to(url, request) {
        Ok(answer) if answer.status == 200 => match answer.node_status() {
            Ok(mut status) => {
                insert(&mut status, "api", json!(url));
                insert(&mut status, "reachable", json!(true));
                status
            }
            Err(fault) => json!({ "api": url, "reachable": false, "error": fault.code }),
        },
        Ok(answer) => json!({ "api": url, "reachable": true, "error": answer.problem().code }),
        Err(error) => json!({ "api": url, "reachable": false, "error": error.to_string() }),
    }
}
