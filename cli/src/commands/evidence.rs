//! `evidence` and `bundle`.

use std::path::Path;

use quancheng_contracts::domain::LedgerNumber;
use quancheng_proof::commitment::notarized;
use quancheng_proof::{Bundle as ProofBundle, Claim};
use quancheng_types::{Digest, TransactionId};
use serde_json::{Value, json};

use crate::answered::{Asked, Question};
use crate::args::common::Read;
use crate::args::evidence::{Bundle, BundleFetch, Evidence, EvidenceShow};
use crate::client::foreign;
use crate::commands::verify::{Entry, entries};
use crate::commands::{bundles, compare, notarize, read};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::mapping;
use crate::output::Reply;
use crate::session::Session;
use crate::submit::insert;
use crate::text::{Text, say};
use crate::time::AsOf;
use crate::transaction::describe_call;

/// Greatest bundle file, bytes: the larger of its forms.
pub(super) const BUNDLE_FILE_BYTES_MAX: u64 = quancheng_proof::bundle::BUNDLE_JSON_BYTES_MAX as u64;

pub(super) fn run(session: &Session, command: &Evidence) -> Outcome<Reply> {
    match command {
        Evidence::Notarize(notarize) => notarize::run(session, notarize),
        Evidence::Finish(finish) => notarize::finish(session, finish),
        Evidence::Show(show) => {
            let id = digest(&show.id)?;
            // A proof is of the record under its root, which the id of a transaction does not tell.
            let root = if show.read.proof.is_some() { root_of(session, show, id)? } else { id };
            let reply = read::record(session, &show.read, &format!("/v1/evidence/{root}"), &Asked::evidence(&root))?;
            of_batch(session, show, root, &reply.data)?;
            Ok(reply)
        }
    }
}

/// The root of the record that has this root, or whose transaction has this id; itself when there is neither.
fn root_of(session: &Session, show: &EvidenceShow, id: Digest) -> Outcome<Digest> {
    let plain = Read { proof: None, ..show.read.clone() };
    let reply = match read::record(session, &plain, &format!("/v1/evidence/{id}"), &Asked::evidence(&id)) {
        Ok(reply) => reply,
        Err(fault) if fault.exit == Exit::NotFound => return Ok(id),
        Err(fault) => return Err(fault),
    };
    of_batch(session, show, id, &reply.data)?;
    let root = reply.data.pointer("/data/commitment/root").and_then(Value::as_str);
    root.map_or(Ok(id), digest)
}

/// Refuses the record of another batch: its root is the one that was asked for, or what the transaction of that id notarized.
fn of_batch(session: &Session, show: &EvidenceShow, id: Digest, answer: &Value) -> Outcome<()> {
    let root = answer.pointer("/data/commitment/root");
    if root == Some(&json!(id)) {
        return Ok(());
    }
    let client = session.client(&show.read.api)?;
    let made = match Question::transaction(&TransactionId(id)).ask(&client) {
        Ok(bundle) => roots(&bundle),
        Err(fault) if fault.exit == Exit::NotFound => Vec::new(),
        Err(fault) => return Err(fault),
    };
    if made.iter().any(|made| root == Some(&json!(made))) {
        return Ok(());
    }
    let cause = say!("答复中的记录并非所问的记录", "the record in the answer is not the one that was asked for");
    Err(foreign(&client.urls().join(", ")).cause_in(cause))
}

/// What the transaction of a bundle notarized.
fn roots(bundle: &ProofBundle) -> Vec<Digest> {
    match bundle.claims.first() {
        Some(Claim::Transaction { transaction, receipt, .. }) if receipt.outcome == quancheng_types::Outcome::Ok => {
            transaction.body.calls.iter().filter_map(notarized).map(|commitment| commitment.root).collect()
        }
        Some(Claim::Transaction { .. } | Claim::State { .. }) | None => Vec::new(),
    }
}

fn digest(text: &str) -> Outcome<Digest> {
    text.parse().map_err(|error| {
        Fault::usage("BAD_DIGEST", say!("摘要 {text} 无效。", "{text} is not a digest."))
            .cause(error)
            .hint(say!("摘要为 64 位小写十六进制。", "A digest has 64 lower-case hexadecimal digits."))
    })
}

pub(super) fn bundle(session: &Session, command: &Bundle) -> Outcome<Reply> {
    match command {
        Bundle::Fetch(fetch) => fetch_bundle(session, fetch),
        Bundle::Show(show) => Ok(Reply::record(describe(&bundles::read(&show.file)?))),
        Bundle::Refresh(refresh) => bundles::refresh(session, refresh),
        Bundle::Cut(cut) => bundles::cut(cut),
        Bundle::Compare(command) => compare::compare(session.lang(), command),
    }
}

/// Content of a bundle; nothing here is checked.
pub(super) fn describe(bundle: &ProofBundle) -> Value {
    let described = |claim: &Claim| {
        let mut described = match claim {
            Claim::Transaction { transaction, receipt, .. } => json!({
                "kind": "transaction",
                "id": transaction.id(),
                "outcome": receipt.outcome,
                "calls": transaction.body.calls.iter().map(describe_call).collect::<Vec<_>>(),
            }),
            Claim::State { key, value, .. } => json!({
                "kind": if value.is_some() { "state" } else { "absence" },
                "key": hex::encode(&**key),
            }),
        };
        // The header is newer: what a claim says is of this block.
        if let Some(proof) = bundle.leaves.get(usize::from(claim.leaf())) {
            insert(&mut described, "height", json!(proof.leaf.height));
            insert(&mut described, "time_ms", json!(proof.leaf.time_ms));
        }
        described
    };
    let claims: Vec<Value> = bundle.claims.iter().map(described).collect();
    let entries: Vec<Value> = entries(bundle).iter().map(Entry::to_json).collect();
    let files: Vec<Value> = bundle
        .openings
        .iter()
        .flat_map(|opening| opening.items.iter())
        .map(|item| json!({ "path": item.entry.path, "size": item.entry.size, "sha256": item.entry.sha256, "sm3": item.entry.sm3 }))
        .collect();
    json!({
        "chain_id": bundle.header.chain_id,
        "height": bundle.header.height,
        "time_ms": bundle.header.time_ms,
        "claims": claims,
        "entries": entries,
        "files": files,
        "validators": bundle.validators.validators().len(),
        "trust_steps": bundle.trust_path.len(),
        "assessed": false,
    })
}

/// What a bundle of this id may be of, by its shape. What a transaction came to is not as of a moment.
fn questions(id: &str, as_of: Option<AsOf>) -> Outcome<Vec<Question>> {
    if id.parse::<LedgerNumber>().is_ok() {
        return Ok(vec![Question::registration(id).at(as_of)]);
    }
    let key = hex::decode(id).ok().filter(|key| key.len() >= 4).map(|key| Question::state(key).at(as_of));
    if let Ok(digest) = id.parse::<Digest>() {
        let transaction = as_of.is_none().then(|| Question::transaction(&TransactionId(digest)));
        let key = key.filter(|_| quancheng_proof::tables::row(digest.as_bytes()).is_ok());
        let record = Question::evidence(&digest).at(as_of);
        return Ok(transaction.into_iter().chain([record]).chain(key).collect());
    }
    if !id.is_empty() && id.len() <= 9 && id.bytes().all(|b| b.is_ascii_digit()) {
        // A certificate has no other spelling of its number; a key of the state is longer than that.
        return mapping::serial(id).map(|_| vec![Question::registration(id).at(as_of)]);
    }
    if let Some(key) = key {
        return Ok(vec![key]);
    }
    let message = say!(
        "{id} 不是交易编号、存证根、凭证号或状态键。",
        "{id} is no transaction id, batch root, certificate number or state key."
    );
    let mut fault = Fault::usage("BAD_ID", message);
    if let Err(error) = id.parse::<LedgerNumber>() {
        fault = fault.cause(error);
    }
    Err(fault)
}

fn fetch_bundle(session: &Session, fetch: &BundleFetch) -> Outcome<Reply> {
    may_go(&fetch.out)?;
    let questions = questions(&fetch.id, fetch.as_of)?;
    let client = session.client_of_chain(&fetch.api)?;
    read::not_to_come(&client, fetch.as_of.as_ref())?;
    let mut last = None;
    let is_one = questions.len() == 1;
    for question in questions {
        match question.ask(&client) {
            // Where an id may be of several things, that one of them is not there proves nothing of the others.
            Ok(bundle) if absence(&fetch.id, &bundle).is_some() && !(is_one && fetch.id.parse::<Digest>().is_err()) => {
            }
            Ok(bundle) => {
                let reply = save(&bundle, &fetch.out, fetch.json)?;
                return Ok(match absence(&fetch.id, &bundle) {
                    Some(words) => reply.headline(words),
                    None => reply,
                });
            }
            // Another kind of thing may have this id.
            Err(fault) if fault.exit == Exit::NotFound => last = last.or(Some(fault)),
            Err(fault) => return Err(fault),
        }
    }
    Err(not_there(&fetch.id, fetch.as_of.is_some(), last))
}

/// The fault of an id under which there is neither a transaction nor a record.
fn not_there(id: &str, is_past: bool, last: Option<Fault>) -> Fault {
    if id.parse::<Digest>().is_err() {
        return last.unwrap_or_else(|| {
            Fault::new(Exit::NotFound, "NOT_FOUND", say!("没有 {id} 的证据包。", "There is no bundle of {id}."))
        });
    }
    if is_past {
        let message = say!(
            "截至所问时刻，{id} 不是已存证的根；未写入证据包。",
            "As of that moment {id} is no root that was notarized; no bundle was written."
        );
        return Fault::new(Exit::NotFound, "NOT_FOUND", message).hint(say!(
            "如为交易编号，请去掉 --as-of：交易不按时刻查询。如需截至该时刻未曾存证的证明：`quancheng evidence show {id} --as-of 时刻 --proof 文件`。",
            "Leave out --as-of if it is the id of a transaction, which is not as of a moment. For the proof that it was not notarized by then: `quancheng evidence show {id} --as-of TIME --proof FILE`."
        ));
    }
    let message = say!(
        "所问的接口均没有 {id} 的证据包：据其所称，既无此交易，也无此存证根，未经证明；未写入证据包。",
        "No endpoint that was asked has a bundle of {id}: by their word it is neither a transaction nor a root that was notarized, which nobody proves. No bundle was written."
    );
    let fault = Fault::new(Exit::NotFound, "NOT_FOUND", message);
    last.into_iter().fold(fault, Fault::also).hint(say!(
        "请核对编号，或用 --api 改问受理该交易的节点；如需该根未曾存证的证明：`quancheng evidence show {id} --proof 文件`。",
        "Check the id, or ask the node that took the transaction with --api; for the proof that the root was never notarized: `quancheng evidence show {id} --proof FILE`."
    ))
}

/// What a bundle that proves nothing but absence says, as of the height of its leaf: the header may be far above it.
fn absence(id: &str, bundle: &ProofBundle) -> Option<Text> {
    let is_absence = bundle.claims.iter().all(|claim| matches!(claim, Claim::State { value: None, .. }));
    let height = bundle.leaves.first().filter(|_| is_absence)?.leaf.height;
    if !bundle.claims.iter().any(can_exist) {
        return Some(say!(
            "{id} 不是账本任何表的键，其不存在不说明任何事项。",
            "{id} is no key of any table of the ledger; that it is absent says nothing."
        ));
    }
    Some(say!(
        "{id} 不存在：该证据包载明截至高度 {height} 没有此记录；请用 `quancheng verify` 核验。",
        "There is no {id}: the bundle says that as of height {height} there was no such record; check it with `quancheng verify`."
    ))
}

/// Whether some table can hold the key of a claim.
fn can_exist(claim: &Claim) -> bool {
    match claim {
        Claim::Transaction { .. } => true,
        Claim::State { key, .. } => quancheng_proof::tables::row(key).is_ok(),
    }
}

/// Whether a result can be written to a name; told before the network is asked. The writing looks again.
pub(super) fn may_go(out: &Path) -> Outcome<()> {
    notarize::is_free(out)?;
    files::absent(out)
}

/// Writes a bundle as a node gives it, where nothing is yet.
pub(super) fn put(out: &Path, bytes: &[u8]) -> Outcome<()> {
    may_go(out)?;
    files::write_new(out, bytes)
}

/// A bundle as a file holds it.
pub(super) fn form(bundle: &ProofBundle, is_json: bool) -> Vec<u8> {
    if is_json { bundle.to_json().into_bytes() } else { bundle.encode() }
}

/// Writes a bundle; the reply says what it holds.
fn save(bundle: &ProofBundle, out: &Path, is_json: bool) -> Outcome<Reply> {
    let bytes = form(bundle, is_json);
    put(out, &bytes)?;
    let mut data = describe(bundle);
    crate::submit::insert(&mut data, "file", json!(out));
    crate::submit::insert(&mut data, "bytes", json!(bytes.len()));
    Ok(Reply::record(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_an_id_says_where_to_look() {
        let places = |id: &str| questions(id, None).map(|all| all.iter().map(Question::path).collect::<Vec<_>>());
        let digest = "ab".repeat(32);
        let kinds = ["transactions", "evidence"].map(|kind| format!("/v1/bundles/{kind}/{digest}"));
        assert_eq!(places(&digest).unwrap(), kinds);
        // The key of a row may have that length too.
        let key = hex::encode(quancheng_proof::identity::organization_key(&"A".repeat(24)));
        assert_eq!((key.len(), places(&key).unwrap().pop()), (64, Some(format!("/v1/bundles/state/{key}"))));
        let past = questions(&digest, Some(AsOf::Height(5))).unwrap();
        let past: Vec<String> = past.iter().map(Question::path).collect();
        assert_eq!(past, [format!("/v1/bundles/evidence/{digest}?height=5")]);
        assert_eq!(
            places("QC-370100-PR-2026-00001001-P").unwrap(),
            ["/v1/bundles/registrations/QC-370100-PR-2026-00001001-P"]
        );
        assert_eq!(places("7").unwrap(), ["/v1/bundles/registrations/7"]);
        assert_eq!(places(&"ab".repeat(20)).unwrap()[0], format!("/v1/bundles/state/{}", "ab".repeat(20)));
        for id in ["", "x", "QC-370100-PR-2026-00001001-X", "../x"] {
            assert_eq!(places(id).unwrap_err().code, "BAD_ID", "{id}");
        }
        for id in ["01", "000000007"] {
            assert_eq!(places(id).unwrap_err().code, "BAD_NUMBER", "{id}");
        }
    }

    /// Of every kind of bundle that there is.
    #[test]
    fn a_bundle_is_shown_in_chinese() {
        let dir = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bundles")).unwrap();
        let bundles =
            dir.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "bundle"));
        let mut count = 0;
        for path in bundles {
            let shown = crate::table::record(&describe(&bundles::read(&path).unwrap()), crate::text::Lang::Zh);
            let cells =
                shown.lines().filter_map(|line| line.rsplit('┆').next()).map(|cell| cell.trim_matches(['│', ' ']));
            let english: Vec<&str> = cells
                .filter(|cell| cell.chars().any(|c| c.is_ascii_alphabetic()))
                .filter(|cell| crate::messages::value_word("", cell).is_some_and(|word| !word.is_ascii()))
                .collect();
            assert!(english.is_empty() && !shown.contains("true") && !shown.contains("false"), "{english:?}: {shown}");
            count += 1;
        }
        assert!(count > 4);
    }

    #[test]
    fn what_is_no_bundle_is_a_mismatch() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("junk"), "junk").unwrap();
        assert_eq!(bundles::read(&dir.path().join("junk")).unwrap_err().exit, Exit::CannotCheck);
    }
}
