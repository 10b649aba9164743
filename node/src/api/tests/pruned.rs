//! What a node answers of the time that it no longer keeps.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::chain::FOUNDERS;
use super::support::{Served, send, served};

const GONE: u16 = 410;

/// A node whose second height notarized something, and that keeps the heights from 6 on; the id of the transaction and the root.
fn pruned() -> (Served, String, String) {
    let served = served();
    let root = "ab".repeat(32);
    let commitment = json!({ "root": root, "count": 1, "bytes": 1, "complete": false });
    let notarize = served.node.sign("ORG-GOV-DATA", "evidence", json!({ "notarize": { "commitment": commitment } }), 7);
    served.post_borsh("/v1/transactions?wait=certified", &notarize.encode());
    while served.node.seal().0 < 8 {}
    served.node.prune(6);
    (served, notarize.id().to_string(), root)
}

#[test]
fn what_is_no_longer_kept_is_told_as_such_with_the_lowest_height() {
    let (served, id, _) = pruned();
    let gone = [
        format!("/v1/transactions/{id}"),
        format!("/v1/transactions/{id}?wait=certified"),
        format!("/v1/bundles/transactions/{id}"),
        format!("/v1/evidence/{id}"),
        "/v1/blocks/5".to_owned(),
        "/v1/blocks/2/transactions".to_owned(),
        "/v1/events?from=5".to_owned(),
    ];
    for path in gone {
        for (language, words) in [("zh", "请查询归档节点"), ("en", "ask an archive node")] {
            let reply = send(served.public, "GET", &path, &[("accept-language", language)], b"");
            assert_eq!(reply.problem(), (GONE, "PRUNED".to_owned()), "{path}");
            let problem = reply.json();
            assert_eq!(problem["lowest_height"], 6, "{path}");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{path}: {problem}");
        }
    }
    for path in ["/v1/blocks/6", "/v1/blocks/6/transactions", "/v1/blocks/latest", "/v1/blocks/0/transactions"] {
        assert_eq!(served.get(path).status, 200, "{path}");
    }
    assert_eq!(served.get("/v1/blocks/0").problem(), (404, "NOT_FOUND".to_owned()), "there never was one");
    let status = served.get("/v1/status").json();
    assert_eq!((&status["lowest_block_height"], status.get("lowest_receipt_height")), (&json!(6), None));
    assert_eq!(super::support::served().get("/v1/status").json()["lowest_block_height"], 1);
}

/// A record outlives the transaction that made it, and so does its proof.
#[test]
fn a_record_is_shown_and_proven_without_the_transaction_that_made_it() {
    let (served, _, root) = pruned();
    for path in [format!("/v1/evidence/{root}?proof=true"), format!("/v1/bundles/evidence/{root}")] {
        assert_eq!(served.get(&path).status, 200, "{path}");
    }
}

/// In a bulk submission, one that is long executed spoils nothing for the others.
#[test]
fn a_pruned_transaction_among_others_is_a_problem_of_its_own() {
    let (served, id, root) = pruned();
    let commitment = json!({ "root": root, "count": 1, "bytes": 1, "complete": false });
    let old = served.node.sign("ORG-GOV-DATA", "evidence", json!({ "notarize": { "commitment": commitment } }), 7);
    assert_eq!(old.id().to_string(), id);
    let fresh = served.node.register(FOUNDERS);
    let body = borsh::to_vec(&vec![old.encode(), fresh.encode()]).expect("bytes");
    for wait in ["", "?wait=executed"] {
        let items = served.post_borsh(&format!("/v1/transactions/bulk{wait}"), &body).json()["items"].clone();
        let problem = &items[0]["problem"];
        assert_eq!((&problem["code"], &problem["lowest_height"]), (&json!("PRUNED"), &json!(6)), "{items}");
        assert_eq!(items[1]["transaction"]["id"], fresh.id().to_string(), "{items}");
    }
}

/// Of a node that joined by a snapshot, "unknown" holds from there on.
#[test]
fn what_is_unknown_may_be_older_than_what_is_known() {
    let served = served();
    let path = format!("/v1/transactions/{}", served.node.register(FOUNDERS).id());
    while served.node.seal().0 < 4 {}
    let told = |language: &str| send(served.public, "GET", &path, &[("accept-language", language)], b"").json();
    assert!(told("en")["known_until"].get("from_height").is_none());
    served.node.known_from.store(3, Ordering::SeqCst);
    for (language, words) in [("zh", "自高度 3 起"), ("en", "from height 3 on")] {
        let unknown: Value = told(language);
        assert_eq!(unknown["code"], "TRANSACTION_UNKNOWN");
        let until = &unknown["known_until"];
        assert_eq!((&until["from_height"], &until["from_ms"]), (&json!(3), &json!(super::chain::START_MS + 3_000)));
        assert!(unknown["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{unknown}");
    }
    assert_eq!(served.get("/v1/status").json()["lowest_transaction_height"], 3);
}
