//! Tests of module evidence through the executor.

use proptest::prelude::*;
use quancheng_proof::commitment::BatchCommitment;
use quancheng_state::Overlay;
use quancheng_types::codec::{decode, encode};
use quancheng_types::hash::sha256;
use quancheng_types::{Digest, Outcome, Parameters};
use serde_json::{Value, json};

use super::calls::Notarize;
use super::types::Visibility;
use super::{Call, Error, Event, Evidence, Record, is_notarized, record, record_key};
use crate::contract::Contract as _;
use crate::domain::Day;
use crate::modules::encode_call;
use crate::refusal::RefusalCode as _;
use crate::testing::{Chain, START_MS, document, outcome_name, samples};

const DAY_MS: u64 = 24 * 3600 * 1000;

fn root(name: &str) -> Digest {
    sha256(&[b"root ", name.as_bytes()])
}

fn commitment(name: &str) -> Value {
    json!(chain_commitment(name))
}

fn chain_commitment(name: &str) -> BatchCommitment {
    BatchCommitment { root: root(name), count: 1, bytes: 104, complete: false }
}

fn notarize(name: &str) -> Value {
    json!({ "notarize": { "commitment": commitment(name) } })
}

fn paper(name: &str) -> Value {
    json!({ "algorithm": "SM3", "digest": document(name) })
}

impl Chain {
    fn did(&mut self, signers: &[&str], call: Value) -> Vec<Value> {
        self.ok(self.time_ms, signers, Evidence::NAME, call)
    }

    fn not(&mut self, signers: &[&str], call: Value) -> &'static str {
        self.refused(self.time_ms, signers, Evidence::NAME, call)
    }

    fn record(&self, name: &str) -> Record {
        record(&self.state, &root(name)).unwrap().unwrap()
    }
}

#[test]
fn anyone_with_a_key_notarizes_and_the_first_record_counts() {
    let mut chain = Chain::sample();
    let events = chain.did(&["a stranger"], notarize("a"));
    assert_eq!(events, [json!({ "notarized": { "root": root("a"), "count": 1 } })]);
    let first = chain.record("a");
    assert_eq!((first.submitter, first.organization.clone()), (Chain::account("a stranger"), None));
    assert_eq!((first.height, first.time_ms, first.sequence), (chain.height, START_MS, 0));
    assert_eq!((first.visibility, first.custodian), (Visibility::Parties, first.submitter));
    chain.time_ms += DAY_MS;
    for signer in ["a stranger", "ORG-M3"] {
        assert_eq!(chain.not(&[signer], notarize("a")), "ALREADY_NOTARIZED");
    }
    assert_eq!(chain.record("a"), first);
    chain.did(&["ORG-M3"], notarize("b"));
    let second = chain.record("b");
    assert_eq!((second.organization.unwrap().as_str(), second.sequence), ("ORG-M3", 1));
    assert_eq!(chain.ask("evidence", json!("count")).value, json!(2));
}

#[test]
fn every_sample_item_is_notarized() {
    let mut chain = Chain::sample();
    for item in samples()["evidence_items"].as_array().unwrap() {
        let files = item["files"].as_array().unwrap();
        let claimed = Day::of_time_ms(START_MS).previous().unwrap().start_ms();
        let call = json!({ "notarize": {
            "commitment": {
                "root": item["commitment_sm3"],
                "count": files.len(),
                "bytes": files.iter().map(|file| file["size"].as_u64().unwrap()).sum::<u64>(),
                "complete": true,
            },
            "collector": paper(item["collector"].as_str().unwrap()),
            "collected_at_claimed_ms": claimed,
            "relates_to": [{ "kind": "CASE", "reference": "S-CASE-02" }],
            "visibility": "SEALED",
            "retain_until": "2036-12-31",
        }});
        chain.did(&[item["submitter"].as_str().unwrap()], call);
        assert!(is_notarized(&chain.state, &item["commitment_sm3"].as_str().unwrap().parse().unwrap()).unwrap());
    }
    let related =
        chain.ask("evidence", json!({ "relation": { "relation": { "kind": "CASE", "reference": "S-CASE-02" } } }));
    assert_eq!(related.value.as_array().unwrap().len(), 4);
    assert_eq!(related.keys.len(), 5);
    assert!(related.keys.iter().all(|key| chain.state.0.contains_key(key)));
}

#[test]
fn notarizations_are_refused_for_what_is_wrong_with_them() {
    let mut chain = Chain::sample();
    let limit = Parameters::default().evidence_items_max;
    let change = |edits: &[(&str, Value)]| {
        let mut call = notarize("x");
        for (name, value) in edits {
            call["notarize"][*name] = value.clone();
        }
        call
    };
    let relation = json!({ "kind": "ORDER", "reference": "1" });
    let sized = |count: u32| json!({ "root": root("x"), "count": count, "bytes": 1, "complete": true });
    let unrooted = json!({ "root": Digest::ZERO, "count": 1, "bytes": 1, "complete": true });
    let relation_to = |reference: &str| json!([{ "kind": "ORDER", "reference": reference }]);
    for (name, value, refusal) in [
        ("commitment", unrooted, "ROOT_INVALID"),
        ("commitment", sized(0), "COUNT_INVALID"),
        ("commitment", sized(limit + 1), "TOO_MANY_ITEMS"),
        ("relates_to", json!([relation, relation]), "REFERENCE_INVALID"),
        ("relates_to", relation_to(""), "REFERENCE_INVALID"),
        ("relates_to", relation_to("a b"), "REFERENCE_INVALID"),
        ("collected_at_claimed_ms", json!(START_MS + 11 * 60 * 1000), "CLAIMED_IN_FUTURE"),
        ("retain_until", json!("2026-01-04"), "RETENTION_IN_PAST"),
    ] {
        assert_eq!(chain.not(&["ORG-M3"], change(&[(name, value)])), refusal, "{name}");
    }
    chain.did(&["ORG-M3"], change(&[("commitment", sized(limit)), ("relates_to", json!([relation]))]));
}

/// Verifiers find what is notarized by these rules, in a transaction and in the state alike.
#[test]
fn verifiers_find_the_commitment() {
    let mut chain = Chain::sample();
    let call = Chain::json("evidence", notarize("a"));
    let expected = chain_commitment("a");
    assert_eq!(quancheng_proof::commitment::notarized(&call), Some(expected));
    chain.send(START_MS, &["a stranger"], vec![call]);
    let key = record_key(&root("a"));
    assert_eq!(quancheng_proof::commitment::recorded(key.as_bytes(), &chain.state.0[&key]), Some(expected));
    let erase = Chain::json("evidence", json!({ "attest_erasure": { "root": root("a") } }));
    assert_eq!(quancheng_proof::commitment::notarized(&erase), None);
    for (key, value) in chain.state.0.iter().filter(|(other, _)| **other != key) {
        assert_eq!(quancheng_proof::commitment::recorded(key.as_bytes(), value), None, "{key}");
    }
}

#[test]
fn a_repetition_inside_one_transaction_refuses_all_of_it() {
    let mut chain = Chain::sample();
    let before = chain.state.clone();
    let calls = [notarize("a"), notarize("b"), notarize("a")].map(|call| Chain::json("evidence", call));
    let receipt = chain.send(START_MS, &["ORG-M3"], calls.to_vec());
    assert_eq!(
        receipt.outcome,
        Outcome::Refused { module: Evidence::ID, code: Error::AlreadyNotarized.code(), call: 2 }
    );
    assert_eq!(outcome_name(&receipt.outcome), "ALREADY_NOTARIZED");
    assert_eq!(chain.state, before);
    chain.did(&["ORG-M3"], notarize("b"));
}

#[test]
fn custody_passes_with_both_signatures() {
    let mut chain = Chain::sample();
    chain.did(&["ORG-M3"], notarize("a"));
    let hand_over = |to: &str| json!({ "hand_over": { "root": root("a"), "to": Chain::account(to), "document": paper("handover") } });
    for signers in [&["ORG-M3"][..], &["ORG-NOT"], &["ORG-NOT", "ORG-M1"]] {
        assert_eq!(chain.not(signers, hand_over("ORG-NOT")), "CUSTODIANS_MUST_SIGN");
    }
    assert_eq!(chain.not(&["ORG-M3"], hand_over("ORG-M3")), "CUSTODIANS_MUST_SIGN");
    chain.did(&["ORG-M3", "ORG-NOT"], hand_over("ORG-NOT"));
    chain.did(&["ORG-CRT", "ORG-NOT"], hand_over("ORG-CRT"));
    assert_eq!(chain.not(&["ORG-M3", "ORG-M1"], hand_over("ORG-M1")), "CUSTODIANS_MUST_SIGN");
    let record = chain.record("a");
    assert_eq!((record.custodian, record.submitter), (Chain::account("ORG-CRT"), Chain::account("ORG-M3")));
    let chain_of_custody = chain.ask("evidence", json!({ "handovers": { "root": root("a") } })).value;
    assert_eq!(chain_of_custody[0]["to"], chain_of_custody[1]["from"]);
    assert_eq!(chain_of_custody.as_array().unwrap().len(), 2);
    let part = json!({ "handovers": { "root": root("a"), "range": { "from": 1 } } });
    assert_eq!(chain.ask("evidence", part).value.as_array().unwrap().len(), 1);
}

#[test]
fn a_legal_hold_keeps_content_from_erasure() {
    let mut chain = Chain::sample();
    chain.did(
        &["ORG-M3"],
        json!({ "notarize": {
            "commitment": commitment("a"), "retain_until": "2026-01-10",
        }}),
    );
    let hold = json!({ "hold": { "root": root("a"), "case": "2026-1", "document": paper("order") } });
    let release = json!({ "release_hold": { "root": root("a"), "case": "2026-1" } });
    let erase = json!({ "attest_erasure": { "root": root("a") } });
    let extend = |until: &str| json!({ "extend_retention": { "root": root("a"), "until": until } });
    for signer in ["ORG-M3", "ORG-ARB", "a stranger"] {
        assert_eq!(chain.not(&[signer], hold.clone()), "NOT_COURT");
        assert_eq!(chain.not(&[signer], release.clone()), "NOT_COURT");
    }
    assert_eq!(chain.not(&["ORG-CRT"], release.clone()), "HOLD_UNKNOWN");
    chain.did(&["ORG-CRT"], hold.clone());
    assert_eq!(chain.not(&["ORG-CRT"], hold), "HOLD_EXISTS");
    assert_eq!(chain.not(&["ORG-M3"], extend("2026-01-10")), "RETENTION_IN_PAST");
    chain.did(&["ORG-M3"], extend("2026-01-11"));
    chain.time_ms += 10 * DAY_MS;
    assert_eq!(chain.not(&["ORG-M3"], erase.clone()), "HOLD");
    chain.did(&["ORG-CRT"], release);
    assert_eq!(chain.not(&["ORG-M1"], erase.clone()), "NOT_CUSTODIAN");
    chain.did(&["ORG-M3"], erase.clone());
    assert_eq!(chain.not(&["ORG-M3"], erase), "ERASED");
    assert_eq!(chain.not(&["ORG-M3"], extend("2030-01-01")), "ERASED");
    let record = chain.record("a");
    assert_eq!((record.commitment.root, record.erased_at_ms), (root("a"), Some(chain.time_ms)));
}

#[test]
fn content_is_not_erased_before_its_promised_retention_ends() {
    let mut chain = Chain::sample();
    chain.did(
        &["ORG-M3"],
        json!({ "notarize": {
            "commitment": commitment("a"), "retain_until": "2026-01-10",
        }}),
    );
    let last: Day = "2026-01-10".parse().unwrap();
    chain.time_ms = last.end_ms() - 1;
    assert_eq!(chain.not(&["ORG-M3"], json!({ "attest_erasure": { "root": root("a") } })), "RETENTION");
    chain.time_ms = last.end_ms();
    chain.did(&["ORG-M3"], json!({ "attest_erasure": { "root": root("a") } }));
}

#[test]
fn time_stamps_and_deeds_come_from_who_made_them_and_are_never_replaced() {
    let mut chain = Chain::sample();
    chain.did(&["ORG-M3"], notarize("a"));
    let stamp = |at: u64| json!({ "attach_timestamp": { "root": root("a"), "token": paper("token"), "generated_at_ms": at, "accuracy_ms": 1000 } });
    let deed =
        json!({ "attach_deed": { "root": root("a"), "number": "SAMPLE-NOTARY-2026-0005", "document": paper("deed") } });
    assert_eq!(chain.not(&["ORG-M3"], stamp(START_MS)), "NOT_TSA");
    assert_eq!(chain.not(&["ORG-TSA"], stamp(START_MS + DAY_MS)), "CLAIMED_IN_FUTURE");
    chain.did(&["ORG-TSA"], stamp(START_MS));
    assert_eq!(chain.not(&["ORG-TSA"], stamp(START_MS)), "ALREADY_ATTACHED");
    assert_eq!(chain.not(&["ORG-TSA"], deed.clone()), "NOT_NOTARY");
    chain.did(&["ORG-NOT"], deed.clone());
    assert_eq!(chain.not(&["ORG-NOT"], deed), "ALREADY_ATTACHED");
    let record = chain.record("a");
    assert_eq!(record.timestamp.unwrap().authority.as_str(), "ORG-TSA");
    assert_eq!(record.deed.unwrap().number.as_str(), "SAMPLE-NOTARY-2026-0005");
}

#[test]
fn a_forum_records_its_own_finding_once() {
    let mut chain = Chain::sample();
    chain.did(&["ORG-M3"], notarize("a"));
    let produce =
        |forum: &str| json!({ "produce": { "root": root("a"), "forum": forum, "case": "（2026）鲁01民初1号" } });
    assert_eq!(chain.not(&["ORG-M1"], produce("ORG-CRT")), "NOT_CUSTODIAN");
    assert_eq!(chain.not(&["ORG-M3"], produce("ORG-M1")), "FORUM_UNKNOWN");
    assert_eq!(chain.not(&["ORG-M3"], produce("ORG-NOWHERE")), "FORUM_UNKNOWN");
    chain.did(&["ORG-M3"], produce("ORG-CRT"));
    chain.did(&["ORG-M3"], produce("ORG-ARB"));
    let find = |production: u32, finding: &str| json!({ "record_finding": { "root": root("a"), "production": production, "finding": finding, "report": paper("report") } });
    assert_eq!(chain.not(&["ORG-ARB"], find(0, "MATCH")), "NOT_FORUM");
    assert_eq!(chain.not(&["ORG-CRT"], find(2, "MATCH")), "PRODUCTION_UNKNOWN");
    chain.did(&["ORG-CRT"], find(0, "CANNOT_CHECK"));
    assert_eq!(chain.not(&["ORG-CRT"], find(0, "MATCH")), "NOT_FORUM");
    chain.did(&["ORG-ARB"], find(1, "MISMATCH"));
    let productions = chain.ask("evidence", json!({ "productions": { "root": root("a") } })).value;
    let findings: Vec<&Value> =
        productions.as_array().unwrap().iter().map(|production| &production["finding"]).collect();
    assert_eq!(findings, ["CANNOT_CHECK", "MISMATCH"]);
}

#[test]
fn what_was_never_notarized_has_no_entry() {
    let chain = Chain::sample();
    let answer = chain.ask("evidence", json!({ "record": { "root": root("never") } }));
    assert_eq!((answer.value, answer.keys.clone()), (Value::Null, vec![record_key(&root("never"))]));
    assert!(!chain.state.0.contains_key(&answer.keys[0]));
    let mut chain = chain;
    for call in ["attest_erasure", "release_hold"] {
        let mut body = json!({ "root": root("never") });
        if call == "release_hold" {
            body["case"] = "1".into();
        }
        assert_eq!(chain.not(&["ORG-CRT"], json!({ call: body })), "NOT_FOUND");
    }
}

#[test]
fn a_notarization_writes_four_entries() {
    let mut chain = Chain::sample();
    let transaction = chain.sign(START_MS, &["a stranger"], vec![Chain::json("evidence", notarize("a"))]);
    let output = chain.preview(START_MS, &[transaction], &[]);
    // The record, the counter, the submitter's counter and row: the cost of the commonest act stays what it is.
    assert_eq!(output.patch.len(), 4);
    let base = chain.state.clone();
    let mut overlay = Overlay::new(&base);
    overlay.apply(output.patch);
    assert!(is_notarized(&overlay, &root("a")).unwrap());
}

#[test]
fn encodings_are_fixed() {
    let call = encode_call("evidence", notarize("a")).unwrap();
    let digest: String = root("a").to_string();
    let expected =
        format!("00{digest}{}{}00{}02{}", "01000000", "6800000000000000", "000000".to_owned() + "00000000", "0000");
    assert_eq!(call.payload.iter().map(|b| format!("{b:02x}")).collect::<String>(), expected);
    let event = Event::Notarized { root: root("a"), count: 1 };
    assert_eq!(encode(&event).len(), 37);
    for (index, error) in Error::ALL.iter().enumerate() {
        assert_eq!(usize::from(error.code()), index + 1);
        assert!(!error.text().zh.is_ascii(), "{}", error.text().name);
        assert_eq!(Error::ALL.iter().filter(|other| other.text().name == error.text().name).count(), 1);
    }
}

proptest! {
    #[test]
    fn calls_round_trip_in_borsh_and_json(seed: [u8; 32], count in 1_u32..=512, bytes: u64, claimed: Option<u64>, day in 0_u32..2_000_000) {
        let call = Call::Notarize(Notarize {
            commitment: BatchCommitment { root: Digest(seed), count, bytes, complete: count > 1 },
            collector: None,
            environment_check: None,
            collected_at_claimed_ms: claimed,
            relates_to: quancheng_types::List::empty(),
            visibility: Visibility::Public,
            retain_until: decode(&encode(&day), 4).ok(),
            tsa_token: None,
        });
        prop_assert_eq!(decode::<Call>(&encode(&call), 1024), Ok(call.clone()));
        let json = serde_json::to_value(&call).unwrap();
        prop_assert_eq!(serde_json::from_value::<Call>(json).unwrap(), call);
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (decode::<Call>(&bytes, 1024), decode::<crate::registry::Call>(&bytes, 1024));
    }
}
