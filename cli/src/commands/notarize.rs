//! `evidence notarize`: digests, salts, one commitment per batch on chain, one bundle per batch on this machine.
//!
//! Salts are random and secret; without them nobody, the submitter included, can show what was notarized. They are therefore on disk
//! before anything is submitted, in `OUT.salts.json`, and move into the bundle at the end.

use std::path::{Path, PathBuf};

use quancheng_proof::commitment::{MediaType, RelativePath};
use quancheng_proof::{BatchTree, ItemsOpening, ManifestEntry, Salt, SaltedEntry};
use quancheng_types::{Digest, List, TransactionId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::args::evidence::{Finish, Notarize};
use crate::client::Client;
use crate::commands::evidence;
use crate::fault::{Exit, Fault, Outcome};
use crate::files::{self, Named};
use crate::output::Reply;
use crate::progress::Bar;
use crate::session::Session;
use crate::submit::{Writer, insert};
use crate::text::say;
use crate::transaction::call;

/// Module of evidence.
const MODULE: &str = "evidence";
/// Name of the format of a file of salts.
const FORMAT: &str = "quancheng-salts";
/// Version of the format.
const VERSION: u16 = 1;
/// Greatest file of salts, bytes.
const SALTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a submitter must not lose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaltsFile {
    format: String,
    version: u16,
    transaction_id: TransactionId,
    complete: bool,
    items: Vec<SaltedEntry>,
}

pub(super) fn run(session: &Session, command: &Notarize) -> Outcome<Reply> {
    let found = files::collect(&command.files, &command.recursive)?;
    if found.is_empty() {
        return Err(Fault::usage("NO_FILE", say!("没有要存证的文件。", "There is no file to notarize.")));
    }
    let total = found.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
    let bar = Bar::bytes(session, total);
    let items = found.iter().map(|file| entry(file, &bar)).collect::<Outcome<Vec<_>>>()?;
    drop(bar);
    let writer = Writer::open(session, &command.write)?;
    if !command.split {
        return batch(session, command, &writer, items, command.bundle.as_deref());
    }
    split(session, command, &writer, items)
}

/// One batch for each file.
fn split(session: &Session, command: &Notarize, writer: &Writer<'_>, items: Vec<SaltedEntry>) -> Outcome<Reply> {
    if command.write.sign_only {
        let message = say!("--split 不能与 --sign-only 同用。", "--split does not go with --sign-only.");
        return Err(Fault::usage("NOT_WITH_SPLIT", message));
    }
    if let Some(dir) = &command.bundle {
        std::fs::create_dir_all(dir).map_err(|error| Fault::file(dir, &error))?;
    }
    let mut rows = Vec::new();
    for item in items {
        let path = item.entry.path.as_str().to_owned();
        let out = command.bundle.as_ref().map(|dir| dir.join(format!("{}.bundle", path.replace('/', "_"))));
        let mut data = batch(session, command, writer, vec![item], out.as_deref())
            .map_err(|fault| fault.data(json!({ "bundles": rows.clone(), "failed": path.clone() })))?
            .data;
        insert(&mut data, "path", json!(path));
        rows.push(data);
    }
    Ok(Reply::rows(json!({ "bundles": rows }), Some("bundles"), &["path", "id", "height", "bundle"]))
}

/// Digests of a file, and a new salt.
fn entry(file: &Named, bar: &Bar) -> Outcome<SaltedEntry> {
    let shown = file.path.display();
    let path = RelativePath::new(file.name.clone()).map_err(|error| {
        Fault::usage("BAD_PATH", say!("{shown} 的路径不能写入清单。", "The path of {shown} cannot be in a manifest."))
            .cause(error)
    })?;
    let digests = files::hash(&file.path, &file.name, &mut |bytes| bar.step(bytes))?;
    let mut salt = [0_u8; 32];
    getrandom::fill(&mut salt).map_err(|error| {
        Fault::usage("NO_RANDOMNESS", say!("系统无法提供随机数。", "The system gives no random bytes.")).cause(error)
    })?;
    let entry = ManifestEntry {
        path,
        size: digests.size,
        sha256: digests.sha256,
        sm3: digests.sm3,
        mime: media_type(&file.path),
    };
    Ok(SaltedEntry { salt: Salt(Digest(salt)), entry })
}

/// By the name's ending, where it is beyond doubt.
fn media_type(path: &Path) -> Option<MediaType> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let name = match ending.as_str() {
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "mp4" => "video/mp4",
        "ofd" => "application/ofd",
        _ => return None,
    };
    MediaType::new(name).ok()
}

fn salts_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".salts.json");
    name.into()
}

fn tree(items: Vec<SaltedEntry>, complete: bool) -> Outcome<BatchTree> {
    BatchTree::new(items, complete).map_err(|error| {
        Fault::usage("BAD_BATCH", say!("这些文件不能成为一批。", "The files make no batch.")).cause(error)
    })
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

fn batch(
    session: &Session,
    command: &Notarize,
    writer: &Writer<'_>,
    items: Vec<SaltedEntry>,
    out: Option<&Path>,
) -> Outcome<Reply> {
    let tree = tree(items, command.complete)?;
    let draft = writer.compose(vec![call(MODULE, arguments(&tree, command.attributes.as_ref())?)?])?;
    let id = draft.body.id();
    let salts = out.map(salts_path);
    if let (false, Some(path)) = (command.write.dry_run, &salts) {
        let file = SaltsFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            transaction_id: id,
            complete: command.complete,
            items: tree.items().to_vec(),
        };
        let text = serde_json::to_string_pretty(&file)
            .map_err(|error| Fault::usage("FILE", say!("无法写出盐值。", "Cannot write the salts.")).cause(error))?;
        files::write(path, text.as_bytes())?;
    }
    let kept = |fault: Fault| {
        let Some(path) = &salts else { return fault };
        // Only a receipt says for certain that nothing was recorded and the salts open nothing.
        let is_refused = fault.data.as_ref().is_some_and(|data| data.get("outcome").is_some());
        if fault.exit == Exit::Refused && is_refused {
            let _ = std::fs::remove_file(path);
            return fault;
        }
        let (shown, out) = (path.display(), out.unwrap_or(path).display());
        fault.hint(say!(
            "盐值保存在 {shown}；稍后用 `quancheng evidence finish {shown} --bundle {out}` 完成。",
            "The salts are in {shown}; finish later with `quancheng evidence finish {shown} --bundle {out}`."
        ))
    };
    let mut reply = writer.deliver(draft).map_err(&kept)?;
    insert(&mut reply.data, "root", json!(tree.commitment().root));
    insert(&mut reply.data, "files", json!(tree.commitment().count));
    if let (true, Some(out), Some(salts)) = (writer.is_submitting(), out, salts.as_deref()) {
        let bytes = complete(writer.client()?, id, &tree, out, command.bundle_json).map_err(&kept)?;
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

/// Fetches the bundle of the transaction, opens every item in it, and writes it.
fn complete(client: &Client, id: TransactionId, tree: &BatchTree, out: &Path, is_json: bool) -> Outcome<usize> {
    let bundle = evidence::get(client, &format!("/v1/bundles/transactions/{id}"))?;
    let items = List::new(tree.openings())
        .map_err(|error| Fault::usage("BAD_BATCH", say!("文件过多。", "Too many files.")).cause(error))?;
    let bundle = bundle.attach(ItemsOpening { claim: 0, call: 0, items }).map_err(|error| {
        Fault::new(Exit::Network, "BAD_ANSWER", say!("节点返回的证据包不合用。", "The node's bundle does not fit."))
            .cause(error)
    })?;
    let reply = evidence::save(&bundle, out, is_json)?;
    Ok(reply
        .data
        .get("bytes")
        .and_then(Value::as_u64)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or_default())
}

pub(super) fn finish(session: &Session, command: &Finish) -> Outcome<Reply> {
    let bytes = files::read(&command.salts, SALTS_BYTES_MAX)?;
    let shown = command.salts.display();
    let file: SaltsFile = serde_json::from_slice(&bytes).map_err(|error| {
        Fault::usage("SALTS_FILE", say!("{shown} 不是盐值文件。", "{shown} is not a file of salts.")).cause(error)
    })?;
    if file.format != FORMAT || file.version != VERSION {
        let message = say!("{shown} 由其他版本生成。", "{shown} was made by another version of this program.");
        return Err(Fault::usage("SALTS_FILE", message));
    }
    let tree = tree(file.items, file.complete)?;
    let client = session.client(&command.api)?;
    let size = complete(&client, file.transaction_id, &tree, &command.bundle, command.bundle_json)?;
    Ok(Reply::record(json!({
        "id": file.transaction_id, "root": tree.commitment().root, "files": tree.commitment().count,
        "bundle": command.bundle, "bundle_bytes": size,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_carries_the_commitment_that_the_verifier_looks_for() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt"), "a").unwrap();
        std::fs::write(dir.path().join("b.bin"), "bb").unwrap();
        let found = files::collect(&[], &[dir.path().to_owned()]).unwrap();
        let hidden = Bar::hidden();
        let items = found.iter().map(|file| entry(file, &hidden).unwrap()).collect::<Vec<_>>();
        assert_ne!(items[0].salt, items[1].salt);
        assert_eq!(items[0].entry.mime.as_ref().map(MediaType::as_str), Some("text/plain"));
        assert_eq!(items[1].entry.mime, None);
        let tree = tree(items, true).unwrap();
        let call = call(MODULE, arguments(&tree, None).unwrap()).unwrap();
        assert_eq!(quancheng_proof::commitment::notarized(&call), Some(tree.commitment()));
        assert_eq!(arguments(&tree, Some(&"[]".to_owned())).unwrap_err().code, "BAD_JSON");
    }

    #[test]
    fn a_file_of_salts_keeps_everything_that_opens_the_batch() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt"), "a").unwrap();
        let found = files::collect(&[], &[dir.path().to_owned()]).unwrap();
        let before = tree(vec![entry(&found[0], &Bar::hidden()).unwrap()], false).unwrap();
        let file = SaltsFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            transaction_id: TransactionId::default(),
            complete: false,
            items: before.items().to_vec(),
        };
        let text = serde_json::to_string(&file).unwrap();
        let read: SaltsFile = serde_json::from_str(&text).unwrap();
        assert_eq!(tree(read.items, read.complete).unwrap().commitment(), before.commitment());
    }
}
