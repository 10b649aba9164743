//! What came of a transaction, out of its bundle. What a node says of it is its word; the receipt is a fact, whoever hands it over.

use std::time::Instant;

use quancheng_contracts::{decode_event, modules, refusal_text};
use quancheng_proof::{Bundle, Claim};
use quancheng_types::{Event, Outcome as Came, Receipt, TransactionId};
use serde_json::{Value, json};

use super::{Told, insert};
use crate::answered::Question;
use crate::client::{BAD_ANSWER, Client, Sought, unfounded};
use crate::fault::{Exit, Fault, Outcome};
use crate::session::Session;
use crate::text::{Text, say};

/// Member that says whether a status follows from a bundle.
pub(crate) const PROVEN: &str = "proven";

/// The status of a transaction as its receipt proves it, with what the node says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proven {
    /// The status.
    pub(crate) status: Value,
    /// In what the node differs.
    doubts: Vec<Text>,
    url: String,
}

/// The status of a transaction as its bundle proves it, from whichever endpoint has one.
pub(crate) fn receipt(client: &Client, sought: Sought, until: Instant) -> Outcome<Value> {
    Question::transaction(&sought.id).ask_for(client, until, |bundle| {
        read(bundle, sought.id).ok_or_else(|| vec![say!("其中没有回执", "there is no receipt in it")])
    })
}

/// Fetches the proof of a status that names a certified receipt.
pub(crate) fn prove(client: &Client, sought: Sought, told: &Told, until: Instant) -> Outcome<Proven> {
    let status = receipt(client, sought, until).map_err(|fault| without_proof(&told.url, fault))?;
    Ok(Proven { doubts: differences(&told.status, &status), status, url: told.url.clone() })
}

/// The fault of a receipt that nobody proves. Whoever says that it is certified, and has no bundle of it, has made it up.
fn without_proof(url: &str, fault: Fault) -> Fault {
    let doubt = say!(
        "{url} 称其已获法定多数签署，而没有接口能予以证明",
        "{url} says that a quorum has signed for it, and no endpoint proves that"
    );
    if matches!(fault.exit, Exit::NotFound) || fault.code == BAD_ANSWER {
        return unfounded(url, doubt).also(fault);
    }
    fault.cause_in(doubt)
}

impl Proven {
    /// The status. That the node says something else is told, with its name: it has said so of other things too.
    pub(crate) fn tell(self, session: &Session) -> Value {
        let Self { mut status, doubts, url } = self;
        if !doubts.is_empty() {
            let of = |lang| doubts.iter().map(|doubt| doubt.words(lang)).collect::<Vec<_>>();
            let (zh, en) = (of(crate::text::Lang::Zh).join("；"), of(crate::text::Lang::En).join("; "));
            session.note(&say!(
                "警告 [{BAD_ANSWER}]：{url} 对该交易的说法与已证明的回执不符（{zh}）；以回执为准，请勿再采信该节点。",
                "warning [{BAD_ANSWER}]: what {url} says of the transaction is not what its receipt proves ({en}); the receipt holds, do not rely on that node."
            ));
            insert(&mut status, "contradicted_by", json!(url));
        }
        status
    }
}

/// Whether a status follows from a bundle.
pub(crate) fn is_proven(status: &Value) -> bool {
    status.get(PROVEN) == Some(&Value::Bool(true))
}

/// The word of a node, marked as that.
pub(super) fn unproven(mut status: Value) -> Value {
    insert(&mut status, PROVEN, json!(false));
    status
}

/// The status that a bundle proves.
fn read(bundle: &Bundle, id: TransactionId) -> Option<Value> {
    let Claim::Transaction { leaf, receipt, .. } = bundle.claims.first()? else {
        return None;
    };
    let leaf = bundle.leaves.get(usize::from(*leaf))?.leaf;
    Some(json!({
        "id": id,
        "stage": "certified",
        PROVEN: true,
        "chain_id": bundle.header.chain_id,
        "height": leaf.height,
        "position": receipt.position,
        "time_ms": leaf.time_ms,
        "outcome": outcome(receipt),
        "events": receipt.events.iter().map(event).collect::<Vec<_>>(),
        "certified_by": bundle.header.height,
    }))
}

/// An outcome as nodes show it.
fn outcome(receipt: &Receipt) -> Value {
    match receipt.outcome {
        Came::Ok => json!({ "kind": "ok" }),
        Came::Refused { module, code, call } => {
            let mut refused = json!({ "kind": "refused", "module": module, "code": code, "call": call });
            if let Some(words) = refusal_text(module, code) {
                insert(&mut refused, "name", json!(words.name));
                insert(&mut refused, "text_zh", json!(words.zh));
                insert(&mut refused, "text_en", json!(words.en));
            }
            refused
        }
    }
}

/// An event as nodes show it.
fn event(event: &Event) -> Value {
    let module_name = modules::by_id(event.module).map_or("", |module| module.name());
    let (name, data) = match decode_event(event) {
        Ok(Value::Object(object)) if object.len() == 1 => object.into_iter().next().unwrap_or_default(),
        Ok(Value::String(name)) => (name, json!({})),
        Ok(other) => (String::new(), other),
        Err(error) => {
            ("undecoded".to_owned(), json!({ "payload": hex::encode(&*event.payload), "reason": error.to_string() }))
        }
    };
    json!({ "module": event.module, "module_name": module_name, "name": name, "data": data })
}

/// In what the word of a node differs from what is proven. What it leaves out, and words that another version chooses, say nothing else.
fn differences(said: &Value, proven: &Value) -> Vec<Text> {
    let at = |value: &Value, path: &str| value.pointer(path).cloned();
    let differs = |path: &&str| at(said, path).is_some_and(|word| Some(word) != at(proven, path));
    let refused = ["/outcome/module", "/outcome/code", "/outcome/call"];
    let mut doubts = Vec::new();
    if differs(&"/outcome/kind") || refused.iter().any(differs) {
        doubts.push(say!("结果不同", "another outcome"));
    }
    if ["/height", "/position", "/time_ms"].iter().any(differs) {
        doubts.push(say!("所在区块不同", "another block"));
    }
    let data = |status: &Value| {
        let events = status.get("events").and_then(Value::as_array).cloned();
        events.map(|events| events.iter().map(|event| (at(event, "/module"), at(event, "/data"))).collect::<Vec<_>>())
    };
    if data(said).is_some_and(|events| Some(events) != data(proven)) {
        doubts.push(say!("事件不同", "other events"));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answered::fixture;

    fn proven(name: &str) -> Value {
        let bundle = fixture(name);
        let Some(Claim::Transaction { transaction, .. }) = bundle.claims.first() else { panic!("{name}") };
        read(&bundle, transaction.id()).unwrap()
    }

    #[test]
    fn a_receipt_is_read_as_nodes_show_it_and_every_other_word_is_told() {
        let (done, refused) = (proven("notarized"), proven("refused"));
        assert_eq!((&done["outcome"]["kind"], &done["events"][0]["name"]), (&json!("ok"), &json!("notarized")));
        assert_eq!(refused["outcome"]["kind"], "refused");
        assert!(refused["outcome"]["name"].is_string() && is_proven(&done) && !is_proven(&unproven(done.clone())));
        for status in [&done, &refused] {
            assert!(differences(status, status).is_empty());
            // A node may say less.
            assert!(differences(&json!({ "stage": "certified", "outcome": status["outcome"] }), status).is_empty());
        }
        for (path, other) in [
            ("/outcome/kind", json!("refused")),
            ("/height", json!(999)),
            ("/position", json!(77)),
            ("/events", json!([])),
            ("/events/0/data", json!({ "root": "ab" })),
        ] {
            let mut said = done.clone();
            *said.pointer_mut(path).unwrap() = other;
            assert_eq!(differences(&said, &done).len(), 1, "{path}");
        }
        for path in ["/outcome/module", "/outcome/code", "/outcome/call"] {
            let mut said = refused.clone();
            *said.pointer_mut(path).unwrap() = json!(250);
            assert_eq!(differences(&said, &refused).len(), 1, "{path}");
        }
        assert_eq!(differences(&done, &refused).len(), 3);
    }
}
