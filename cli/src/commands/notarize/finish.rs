//! The bundle of what was notarized, and `evidence finish`. Salts are given up for a bundle that is shown to open the batches of their
//! transaction, and for nothing else.

use std::path::Path;

use quancheng_proof::commitment::notarized;
use quancheng_proof::report::shanghai_time;
use quancheng_proof::{BatchTree, Bundle, Claim, ItemsOpening};
use quancheng_types::{List, TransactionId};
use serde_json::{Value, json};

use super::describe;
use super::reservation::Reservation;
use super::salts::{self, SaltsFile};
use crate::answered::{self, Question};
use crate::args::common::Stage;
use crate::args::evidence::Finish;
use crate::client::{Client, Shape, Sought};
use crate::commands::evidence;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::{self, Fate, Offer, fate, is_proven, past, told};
use crate::text::{Text, say};

pub(in crate::commands) fn finish(session: &Session, command: &Finish) -> Outcome<Reply> {
    let reserved = Reservation::resume(&command.salts, &command.bundle)?;
    let salts = SaltsFile::read(&reserved)?;
    let id = salts.id();
    let client = session.client(&command.api)?;
    let client = salts.chain_id().into_iter().fold(client, Client::of_chain);
    let finished = settle(session, &client, &salts).and_then(|known| {
        let made = salts.trees().and_then(|trees| {
            let size = complete(&client, id, &trees, &command.bundle, command.bundle_json)?;
            Ok((trees, size))
        });
        made.map_err(|fault| match known {
            Some(status) => without_bundle(fault, status),
            None => fault,
        })
    });
    let (trees, size) = finished.map_err(|fault| salts::stay(fault, reserved.path()))?;
    // The bundle holds them now.
    reserved.discard();
    let mut data = json!({ "id": id, "bundle": command.bundle, "bundle_bytes": size });
    describe(&mut data, &trees);
    Ok(Reply::record(data))
}

/// Brings the transaction of a file of salts to its end. The same bytes again are safe, and needed when the earlier run ended before
/// any node had them. Its status, where that is proven.
fn settle(session: &Session, client: &Client, salts: &SaltsFile) -> Outcome<Option<Value>> {
    let Some(valid_until_ms) = salts.valid_until_ms() else {
        return Ok(None);
    };
    let id = salts.id();
    let sought = Sought { id, valid_until_ms: Some(valid_until_ms) };
    let status = match (fate(client, sought, salts.chain_id(), valid_until_ms)?, salts.signed()) {
        // A node that began with a snapshot may know the record alone.
        (Fate::Void(_), _) if is_recorded(client, salts)? => return Ok(None),
        (Fate::Void(voices), _) => Err(past(id, valid_until_ms, &voices)),
        (Fate::Executed(_) | Fate::Open, Some(signed)) => {
            submit::submit(session, client, &signed, Offer::Again, Stage::Certified)
        }
        (Fate::Executed(status), None) => told(status, id),
        (Fate::Open, None) => {
            let until = shanghai_time(valid_until_ms);
            submit::look_up(session, client, sought, None).and_then(|status| told(status, id)).map_err(|fault| {
                fault.hint(say!(
                    "该交易须先于 {until}（北京时间）签署并提交：`quancheng tx submit 文件`。",
                    "The transaction has to be signed and submitted first, before {until} (Beijing time): `quancheng tx submit FILE`."
                ))
            })
        }
    };
    status.map(|status| Some(status).filter(is_proven))
}

fn is_recorded(client: &Client, salts: &SaltsFile) -> Outcome<bool> {
    let root = salts.root()?;
    match client.get(&format!("/v1/evidence/{root}"), Shape::Record) {
        Ok(answer) => Ok(answer.get("data").is_some_and(|data: &Value| !data.is_null())),
        Err(fault) if fault.exit == Exit::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// The fault of a transaction that is proven certified, and whose bundle could not be had or written.
pub(super) fn without_bundle(fault: Fault, status: Value) -> Fault {
    submit::lacking(fault, status, &say!("仅缺证据包", "only its bundle is missing"))
}

/// Fetches the bundle of the transaction, opens every item in it, and writes it. How many bytes it has.
pub(super) fn complete(
    client: &Client,
    id: TransactionId,
    trees: &[BatchTree],
    out: &Path,
    is_json: bool,
) -> Outcome<usize> {
    let bundle = opening(Question::transaction(&id).ask(client)?, id, trees)?;
    let bytes = evidence::form(&bundle, is_json);
    files::write_new_private(out, &bytes)?;
    Ok(bytes.len())
}

/// The bundle of a transaction with the files of its batches, when it notarized just them.
pub(super) fn opening(bundle: Bundle, id: TransactionId, trees: &[BatchTree]) -> Result<Bundle, Fault> {
    let calls = match bundle.claims.first() {
        Some(Claim::Transaction { transaction, .. }) => transaction.body.calls.to_vec(),
        Some(Claim::State { .. }) | None => Vec::new(),
    };
    let committed: Vec<_> = calls.iter().map(notarized).collect();
    if committed != trees.iter().map(|tree| Some(tree.commitment())).collect::<Vec<_>>() {
        return Err(salts_differ(id, Vec::new()));
    }
    let mut whole = bundle;
    for (call, tree) in (0_u8..).zip(trees) {
        let items = List::new(tree.openings())
            .map_err(|error| Fault::usage("BAD_BATCH", say!("文件过多。", "Too many files.")).cause(error))?;
        whole = whole.attach(ItemsOpening { claim: 0, call, items }).map_err(|error| {
            Fault::new(Exit::Network, "BAD_ANSWER", say!("节点返回的证据包不合用。", "The node's bundle does not fit."))
                .cause(error)
                .hint(say!("请用 --api 改问其他节点。", "Ask another node with --api."))
        })?;
    }
    answered::opened(&whole).map_err(|causes| salts_differ(id, causes))?;
    Ok(whole)
}

fn salts_differ(id: TransactionId, causes: Vec<Text>) -> Fault {
    let message = say!(
        "这些文件与盐值不能打开交易 {id} 所存证的内容；未写入证据包。",
        "These files and salts do not open what transaction {id} notarized; no bundle was written."
    );
    let fault = Fault::new(Exit::Mismatch, "SALTS_DIFFER", message).hint(say!(
        "盐值文件在写入后被改动过：请找回未改动的副本，再用它运行 `quancheng evidence finish`。",
        "The file of salts was changed after it was written: find an unchanged copy and run `quancheng evidence finish` with that."
    ));
    causes.into_iter().fold(fault, Fault::cause_in)
}
