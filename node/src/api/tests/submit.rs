//! Submitting: one, many, simulated; and every refusal at the door.

use std::sync::atomic::Ordering;

use quancheng_contracts::CoreRefusal;
use quancheng_state::StoreError;
use quancheng_types::{ChainId, DecodeError, ModuleId, TransactionError};
use serde_json::json;

use super::chain::{FOUNDERS, core_refusal};
use super::support::{send, served};
use crate::admission::{AdmissionError, Whose};

const PATH: &str = "/v1/transactions";

#[test]
fn a_transaction_is_taken_once_and_followed_to_its_certificate() {
    let served = served();
    let transaction = served.node.register(FOUNDERS);
    let (id, bytes) = (transaction.id().to_string(), transaction.encode());

    let taken = served.post_borsh(PATH, &bytes);
    assert_eq!((taken.status, &taken.json()["stage"]), (202, &json!("admitted")), "{}", taken.text());
    assert_eq!(taken.json()["links"]["bundle"], format!("/v1/bundles/transactions/{id}"));

    let again = served.post_borsh(PATH, &bytes);
    assert_eq!((again.status, &again.json()["id"]), (200, &json!(id)));

    let certified = served.get(&format!("{PATH}/{id}?wait=certified&timeout_ms=5000"));
    let status = certified.json();
    assert_eq!((certified.status, &status["stage"]), (200, &json!("certified")), "{status}");
    assert_eq!(status["outcome"], json!({ "kind": "ok" }));
    assert_eq!(status["events"][0]["module_name"], "identity");
    assert_eq!(status["events"][0]["name"], "registered");
    assert_eq!(status["height"], 2);
    assert_eq!(status["certified_by"], 3);
    assert_eq!(status["time"], "2026-09-21T14:13:22.000Z");
}

#[test]
fn json_and_a_wait_work_in_one_request_and_a_refusal_is_an_outcome() {
    let served = served();
    let body = serde_json::to_value(served.node.register(0)).expect("JSON");
    let reply = served.post_json(&format!("{PATH}?wait=executed"), &body);
    let status = reply.json();
    assert_eq!((reply.status, &status["stage"]), (202, &json!("executed")), "{status}");
    assert_eq!(status["outcome"]["kind"], "refused");
    assert_eq!(status["outcome"]["module"], 1);
    for field in ["name", "text_zh", "text_en"] {
        assert!(status["outcome"][field].as_str().is_some_and(|text| !text.is_empty()), "{status}");
    }
    assert_eq!(status["events"], json!([]));
}

#[test]
fn the_end_of_a_wait_is_no_error() {
    let served = served();
    served.node.is_stuck.store(true, Ordering::SeqCst);
    let bytes = served.node.register(FOUNDERS).encode();
    let reply = served.post_borsh(&format!("{PATH}?wait=certified&timeout_ms=50"), &bytes);
    assert_eq!((reply.status, &reply.json()["stage"]), (202, &json!("admitted")));
}

#[test]
fn many_are_taken_at_once_and_answered_in_order() {
    let served = served();
    let good = served.node.register(FOUNDERS);
    let other = served.node.register(FOUNDERS + 1);
    let mut forged = served.node.register(FOUNDERS + 2);
    forged.body.nonce += 1;
    let items = vec![good.encode(), b"no transaction".to_vec(), forged.encode(), other.encode(), good.encode()];
    let body = borsh::to_vec(&items).expect("bytes");

    let reply = served.post_borsh("/v1/transactions/bulk?wait=certified", &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let items = answer["items"].as_array().expect("items");
    assert_eq!(items.len(), 5);
    for (index, transaction) in [(0, &good), (3, &other), (4, &good)] {
        assert_eq!(items[index]["transaction"]["id"], transaction.id().to_string());
        assert_eq!(items[index]["transaction"]["stage"], "certified");
        assert_eq!(items[index]["transaction"]["outcome"]["kind"], "ok");
        assert!(items[index]["transaction"].get("events").is_none());
    }
    assert_eq!(items[1]["problem"]["code"], "MALFORMED");
    assert_eq!(items[2]["problem"]["code"], "BAD_SIGNATURE");

    let again = served.post_borsh("/v1/transactions/bulk", &body).json();
    assert_eq!(again["items"][0]["transaction"]["stage"], "certified");
}

#[test]
fn a_bulk_body_that_lies_about_lengths_is_refused_whole() {
    let served = served();
    let path = "/v1/transactions/bulk";
    let good = served.node.register(FOUNDERS).encode();
    let whole = borsh::to_vec(&vec![good]).expect("bytes");
    let mut trailing = whole.clone();
    trailing.push(0);
    let mut long_item = whole.clone();
    long_item[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let many = 1001_u32.to_le_bytes().to_vec();
    let missing = 1000_u32.to_le_bytes().to_vec();
    for body in [Vec::new(), vec![1], trailing, long_item, many, missing, whole[..whole.len() - 1].to_vec()] {
        assert_eq!(served.post_borsh(path, &body).problem(), (400, "MALFORMED".to_owned()), "{} bytes", body.len());
    }
    assert_eq!(served.post_borsh(path, &0_u32.to_le_bytes()).json(), json!({ "items": [] }));
    assert_eq!(served.post(path, "application/json", b"[]").problem(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    assert_eq!(served.post_borsh(path, &vec![0; 4 * 1024 * 1024 + 1]).problem(), (413, "TOO_LARGE".to_owned()));
}

#[test]
fn a_simulation_changes_nothing() {
    let served = served();
    let transaction = served.node.register(FOUNDERS);
    let reply = served.post_borsh("/v1/transactions/simulate", &transaction.encode());
    let simulation = reply.json();
    assert_eq!(reply.status, 200, "{simulation}");
    assert_eq!(simulation["outcome"]["kind"], "ok");
    assert_eq!(simulation["height"], 1);
    assert_eq!(simulation["events"][0]["name"], "registered");
    assert_eq!(served.get(&format!("{PATH}/{}", transaction.id())).problem(), (404, "TRANSACTION_UNKNOWN".to_owned()));

    let refused = served.post_borsh("/v1/transactions/simulate", &served.node.register(1).encode()).json();
    assert_eq!(refused["outcome"]["kind"], "refused");
    assert_eq!(refused["refusal"]["module"], 1);
}

#[test]
fn bodies_that_are_no_transaction_are_refused() {
    let served = served();
    let bytes = served.node.register(FOUNDERS).encode();
    let malformed = (400, "MALFORMED".to_owned());
    assert_eq!(served.post_borsh(PATH, b"").problem(), malformed);
    assert_eq!(served.post_borsh(PATH, &bytes[..bytes.len() - 1]).problem(), malformed);
    assert_eq!(served.post_borsh(PATH, &[bytes.as_slice(), &[0]].concat()).problem(), malformed);
    assert_eq!(served.post(PATH, "application/json", b"{\"body\":").problem(), malformed);
    let deep = [b"[".repeat(5_000), b"]".repeat(5_000)].concat();
    assert_eq!(served.post(PATH, "application/json", &deep).problem(), malformed);
    assert_eq!(served.post(PATH, "text/plain", &bytes).problem(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    assert_eq!(send(served.public, "POST", PATH, &[], &bytes).problem(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    assert_eq!(served.post_borsh(PATH, &vec![0; 192 * 1024 + 1]).problem(), (413, "TOO_LARGE".to_owned()));
    let mut other_chain = served.node.register(FOUNDERS);
    other_chain.body.chain_id = ChainId::default();
    assert_eq!(served.post_borsh(PATH, &other_chain.encode()).problem(), (400, "WRONG_CHAIN".to_owned()));
}

type Case = (AdmissionError, u16, &'static str);

fn client_faults() -> Vec<Case> {
    let refused = |module| AdmissionError::Refused { module: ModuleId(module), code: 1, call: 3 };
    let malformed = AdmissionError::Malformed(DecodeError::Trailing { bytes: 1 });
    let mismatch = AdmissionError::Transaction(TransactionError::KeyMismatch { index: 0 });
    let (early, late) = (1, 2);
    let expired = AdmissionError::Expired { valid_until_ms: early, now_ms: late };
    let too_long = AdmissionError::LifetimeTooLong { valid_until_ms: late, latest_ms: early };
    vec![
        (malformed, 400, "MALFORMED"),
        (AdmissionError::TooLarge { bytes: 9, max: 8 }, 413, "TOO_LARGE"),
        (AdmissionError::TooHeavy { weight: 9, max: 8 }, 413, "TOO_HEAVY"),
        (core_refusal(CoreRefusal::NotAMember), 403, "NOT_A_MEMBER"),
        (core_refusal(CoreRefusal::TooHeavy), 413, "TOO_HEAVY"),
        (AdmissionError::Transaction(TransactionError::NoCall), 400, "MALFORMED"),
        (mismatch, 400, "BAD_SIGNATURE"),
        (expired, 400, "EXPIRED"),
        (too_long, 400, "LIFETIME_TOO_LONG"),
        (AdmissionError::UnknownModule { module: ModuleId(99) }, 400, "UNKNOWN_MODULE"),
        (core_refusal(CoreRefusal::KeyNotAuthorized), 403, "KEY_NOT_AUTHORIZED"),
        (core_refusal(CoreRefusal::AccountSuspended), 403, "KEY_NOT_AUTHORIZED"),
        (core_refusal(CoreRefusal::MalformedCall), 400, "MALFORMED_CALL"),
        (refused(1), 422, "CALL_REFUSED"),
        (refused(77), 422, "CALL_REFUSED"),
    ]
}

fn node_states() -> Vec<Case> {
    vec![
        (AdmissionError::Overloaded { retry_after_ms: 1500 }, 503, "OVERLOADED"),
        (AdmissionError::QuotaExceeded { whose: Whose::Class, retry_after_ms: 10 }, 429, "QUOTA_EXCEEDED"),
        (AdmissionError::NotAValidator, 503, "NOT_A_VALIDATOR"),
        (AdmissionError::Starting { retry_after_ms: 1000 }, 503, "STARTING"),
        (AdmissionError::Stopping, 503, "STOPPING"),
        (AdmissionError::Store(StoreError::GenesisExists), 500, "STORE_FAILED"),
    ]
}

#[test]
fn every_refusal_at_the_door_has_its_status_and_code() {
    let served = served();
    let bytes = served.node.register(FOUNDERS).encode();
    for (error, status, code) in client_faults().into_iter().chain(node_states()) {
        let waits = matches!(code, "OVERLOADED" | "QUOTA_EXCEEDED" | "STARTING" | "STOPPING");
        for (language, tag) in [("zh-CN,zh;q=0.9", "zh-CN"), ("en", "en")] {
            *served.node.refusal.lock().expect("no panics") = Some(error.clone());
            let headers = [("content-type", "application/octet-stream"), ("accept-language", language)];
            let reply = send(served.public, "POST", PATH, &headers, &bytes);
            assert_eq!(reply.problem(), (status, code.to_owned()));
            assert_eq!(reply.header("content-language").as_deref(), Some(tag));
            let problem = reply.json();
            let is_chinese = |field: &str| problem[field].as_str().is_some_and(|text| !text.is_ascii());
            let is_zh = tag == "zh-CN";
            assert_eq!((is_chinese("title"), is_chinese("detail")), (is_zh, is_zh), "{problem}");
            assert_eq!(reply.header("retry-after").is_some(), waits, "{code}");
            let is_refusal = matches!(error, AdmissionError::Refused { .. });
            assert_eq!(problem.get("refusal").is_some(), is_refusal);
        }
    }
}

#[test]
fn waits_are_bounded_and_parameters_are_known() {
    let served = served();
    let path = format!("{PATH}/{}", "00".repeat(32));
    let invalid = (400, "INVALID_PARAMETER".to_owned());
    assert_eq!(served.get(&format!("{path}?wait=certified&timeout_ms=60001")).problem(), invalid);
    assert_eq!(served.get(&format!("{path}?wait=soon")).problem(), invalid);
    assert_eq!(served.get(&format!("{path}?wiat=certified")).problem(), invalid);
    assert_eq!(served.get(&format!("{PATH}/xyz")).problem(), invalid);
    assert_eq!(served.get(&path).problem(), (404, "TRANSACTION_UNKNOWN".to_owned()));
}

/// The node that answers may be behind, or of another chain: "unknown" counts for no more than it says.
#[test]
fn what_is_unknown_is_unknown_up_to_a_block_of_a_chain() {
    let served = served();
    let transaction = served.node.register(FOUNDERS);
    for height in 1..=3_u64 {
        let status = served.get("/v1/status").json();
        let until = json!({ "chain_id": status["chain_id"], "height": status["height"], "time_ms": status["time_ms"] });
        assert_eq!(until["height"], height);
        for path in [PATH, "/v1/bundles/transactions"] {
            let unknown = served.get(&format!("{path}/{}", transaction.id())).json();
            assert_eq!((&unknown["code"], &unknown["known_until"]), (&json!("TRANSACTION_UNKNOWN"), &until), "{path}");
        }
        served.node.seal();
    }
    assert!(served.get("/v1/transactions/x").json().get("known_until").is_none());
}
