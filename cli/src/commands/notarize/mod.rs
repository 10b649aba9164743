//! `evidence notarize`: digests, salts, one commitment per batch on chain, one bundle for all files on this machine.
//!
//! ```text
//! items     files → salted entries → batches as large as the chain takes
//! outputs   where bundles go: never over something that is there
//! salts     what must not be lost between the submission and the bundle
//! ```
//!
//! Salts are random and secret; without them nobody, the submitter included, can show what was notarized. They are therefore on disk
//! before anything is submitted, in `OUT.salts.json`, and move into the bundle at the end.

mod items;
mod outputs;
mod salts;

use std::path::Path;

use quancheng_proof::{BatchTree, ItemsOpening, SaltedEntry};
use quancheng_types::{List, Parameters, TransactionId};
use serde_json::{Map, Value, json};

use self::salts::SaltsFile;
use crate::args::evidence::{Finish, Notarize};
use crate::client::Client;
use crate::commands::evidence;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::output::Reply;
use crate::progress::Bar;
use crate::session::Session;
use crate::submit::{Writer, insert};
use crate::text::say;
use crate::transaction::call;

/// Module of evidence.
const MODULE: &str = "evidence";

pub(super) fn run(session: &Session, command: &Notarize) -> Outcome<Reply> {
    let found = files::collect(&command.files, &command.recursive)?;
    items::tell_skipped(session, &found.skipped);
    if found.files.is_empty() {
        return Err(Fault::usage("NO_FILE", say!("没有要存证的文件。", "There is no file to notarize.")));
    }
    if let (false, false, Some(out)) = (command.split, command.write.dry_run, &command.bundle) {
        outputs::fresh(out)?;
    }
    let total = found.files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
    let bar = Bar::bytes(session, total);
    let items = found.files.iter().map(|file| items::entry(file, &bar)).collect::<Outcome<Vec<_>>>()?;
    drop(bar);
    if command.split {
        return split(session, command, items);
    }
    let writer = Writer::open(session, &command.write)?;
    let trees = items::trees(items, items_max(&writer)?, command.complete)?;
    set(session, command, &writer, &trees, command.bundle.as_deref())
}

/// Files that one batch may hold: what the chain says, else what chains begin with.
fn items_max(writer: &Writer<'_>) -> Outcome<u32> {
    let default = Parameters::default().evidence_items_max;
    let Some(client) = writer.client_if_any() else {
        return Ok(default);
    };
    let answer = client.get("/v1/parameters")?;
    let named = answer.pointer("/parameters/evidence_items_max").and_then(Value::as_u64);
    // Calls are checked here by the default limits before they are signed, so more than those never goes through.
    Ok(named.and_then(|max| u32::try_from(max).ok()).unwrap_or(default).min(default))
}

/// One transaction and one bundle for each file. What an earlier run of the same command has finished is passed over.
fn split(session: &Session, command: &Notarize, items: Vec<SaltedEntry>) -> Outcome<Reply> {
    if command.write.sign_only {
        let message = say!("--split 不能与 --sign-only 同用。", "--split does not go with --sign-only.");
        return Err(Fault::usage("NOT_WITH_SPLIT", message));
    }
    let dir = command.bundle.as_deref().filter(|_| !command.write.dry_run);
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).map_err(|error| Fault::file(dir, &error))?;
    }
    let (todo, done) = outputs::of_each(dir, items)?;
    let writer = Writer::open(session, &command.write)?;
    let bar = Bar::items(session, u64::try_from(todo.len()).unwrap_or(u64::MAX));
    let mut rows: Vec<Value> =
        done.iter().map(|(path, out)| json!({ "path": path, "bundle": out, "skipped": true })).collect();
    let skipped = rows.len();
    for (item, out) in todo {
        let path = item.entry.path.as_str().to_owned();
        let trees = items::trees(vec![item], 1, command.complete)?;
        let mut data = set(session, command, &writer, &trees, out.as_deref())
            .map_err(|fault| fault.data(json!({ "bundles": rows.clone(), "failed": path.clone() })))?
            .data;
        insert(&mut data, "path", json!(path));
        rows.push(data);
        bar.step(1);
    }
    drop(bar);
    let reply = Reply::rows(
        json!({ "bundles": rows, "skipped": skipped }),
        Some("bundles"),
        &["path", "id", "height", "bundle"],
    );
    if skipped == 0 {
        return Ok(reply);
    }
    Ok(reply.headline(say!(
        "{skipped} 个文件此前已存证，已跳过。",
        "{skipped} files were notarized by an earlier run and are passed over."
    )))
}

/// The argument of the call `notarize`.
fn arguments(tree: &BatchTree, attributes: Option<&String>) -> Outcome<Value> {
    let mut fields = match attributes.map(|text| serde_json::from_str::<Map<String, Value>>(text)) {
        None => Map::new(),
        Some(Ok(fields)) => fields,
        Some(Err(error)) => {
            let message = say!("--attributes 应为 JSON 对象。", "--attributes must be a JSON object.");
            return Err(Fault::usage("BAD_JSON", message).cause(error));
        }
    };
    fields.insert("commitment".to_owned(), json!(tree.commitment()));
    Ok(json!({ "notarize": fields }))
}

/// Batches of one transaction, with one bundle for all of them.
fn set(
    session: &Session,
    command: &Notarize,
    writer: &Writer<'_>,
    trees: &[BatchTree],
    out: Option<&Path>,
) -> Outcome<Reply> {
    let calls = trees
        .iter()
        .map(|tree| call(MODULE, arguments(tree, command.attributes.as_ref())?))
        .collect::<Outcome<Vec<_>>>()?;
    let draft = writer.compose(calls)?;
    let id = draft.body.id();
    let salts = out.map(salts::path_of);
    if let (false, Some(path)) = (command.write.dry_run, &salts) {
        SaltsFile::new(id, command.complete, trees).write(path)?;
    }
    let kept = |fault: Fault| match &salts {
        Some(path) => salts::kept(fault, path, out.unwrap_or(path)),
        None => fault,
    };
    let mut reply = writer.deliver(draft).map_err(&kept)?;
    describe(&mut reply.data, trees);
    if let (true, Some(out), Some(salts)) = (command.write.sign_only, out, &salts) {
        insert(&mut reply.data, "salts", json!(salts));
        let (shown, out) = (salts.display(), out.display());
        session.note(&say!(
            "盐值保存在 {shown}；交易提交后用 `quancheng evidence finish {shown} --bundle {out}` 生成证据包。",
            "The salts are in {shown}; once the transaction is submitted, `quancheng evidence finish {shown} --bundle {out}` makes the bundle."
        ));
    }
    if let (true, Some(out), Some(salts)) = (writer.is_submitting(), out, salts.as_deref()) {
        let bytes = complete(writer.client()?, id, trees, out, command.bundle_json).map_err(&kept)?;
        let _ = std::fs::remove_file(salts);
        insert(&mut reply.data, "bundle", json!(out));
        insert(&mut reply.data, "bundle_bytes", json!(bytes));
        let shown = out.display();
        session.note(&say!(
            "证据包 {shown} 含有盐值：请妥善保存，遗失后无法证明文件内容。",
            "The bundle {shown} holds the secret salts: keep it; without it nothing can be shown about the files."
        ));
    }
    Ok(reply)
}

/// What was notarized: files, and the root of the batch or of each batch.
fn describe(data: &mut Value, trees: &[BatchTree]) {
    let files: u64 = trees.iter().map(|tree| u64::from(tree.commitment().count)).sum();
    insert(data, "files", json!(files));
    match trees {
        [tree] => insert(data, "root", json!(tree.commitment().root)),
        _ => insert(data, "roots", json!(trees.iter().map(|tree| tree.commitment().root).collect::<Vec<_>>())),
    }
}

/// Fetches the bundle of the transaction, opens every item in it, and writes it. How many bytes it has.
fn complete(client: &Client, id: TransactionId, trees: &[BatchTree], out: &Path, is_json: bool) -> Outcome<usize> {
    let mut bundle = evidence::get(client, &format!("/v1/bundles/transactions/{id}"))?;
    for (call, tree) in (0_u8..).zip(trees) {
        let items = List::new(tree.openings())
            .map_err(|error| Fault::usage("BAD_BATCH", say!("文件过多。", "Too many files.")).cause(error))?;
        bundle = bundle.attach(ItemsOpening { claim: 0, call, items }).map_err(|error| {
            Fault::new(Exit::Network, "BAD_ANSWER", say!("节点返回的证据包不合用。", "The node's bundle does not fit."))
                .cause(error)
        })?;
    }
    let reply = evidence::save(&bundle, out, is_json)?;
    let bytes = reply.data.get("bytes").and_then(Value::as_u64);
    Ok(bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default())
}

pub(super) fn finish(session: &Session, command: &Finish) -> Outcome<Reply> {
    let file = SaltsFile::read(&command.salts)?;
    outputs::absent(&command.bundle)?;
    let (id, trees) = file.trees()?;
    let client = session.client(&command.api)?;
    let size = complete(&client, id, &trees, &command.bundle, command.bundle_json)?;
    // The bundle holds them now.
    let _ = std::fs::remove_file(&command.salts);
    let mut data = json!({ "id": id, "bundle": command.bundle, "bundle_bytes": size });
    describe(&mut data, &trees);
    Ok(Reply::record(data))
}

#[cfg(test)]
mod tests;
