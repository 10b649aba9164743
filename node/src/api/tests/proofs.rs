//! Bundles verify offline, of presence and of absence.

use quancheng_proof::identity::account_key;
use quancheng_proof::{Assessment, Checkpoint, Step, verify};
use quancheng_types::AccountId;
use serde_json::{Value, json};

use super::chain::{FOUNDERS, key};
use super::support::{Served, served};

/// A node with one registered organization, certified, and the id of that transaction.
fn grown() -> (Served, String) {
    let served = served();
    let transaction = served.node.register(FOUNDERS);
    served.post_borsh("/v1/transactions?wait=certified", &transaction.encode());
    (served, transaction.id().to_string())
}

fn assert_verifies(served: &Served, bundle: &[u8], step: Step) {
    let checkpoint = Checkpoint::from_json(&served.get("/v1/checkpoint").body).expect("a checkpoint");
    let report = verify(bundle, &checkpoint, &[]);
    assert_eq!(report.overall(), Assessment::Match, "{:?}", report.findings);
    assert!(report.findings.iter().any(|finding| finding.step == step && finding.result == Assessment::Match));
}

fn proof_of(envelope: &Value) -> Vec<u8> {
    hex::decode(envelope["proof"].as_str().expect("a proof")).expect("hex")
}

#[test]
fn a_transaction_is_proven_in_both_forms() {
    let (served, id) = grown();
    let path = format!("/v1/bundles/transactions/{id}");
    let compact = served.get(&path);
    assert_eq!(compact.header("content-type").as_deref(), Some("application/octet-stream"));
    assert!(compact.body.len() < 8 * 1024, "{} bytes", compact.body.len());
    assert_verifies(&served, &compact.body, Step::Inclusion);
    let text = served.get_as(&path, "application/json");
    assert_eq!(text.header("content-type").as_deref(), Some("application/json"));
    assert_verifies(&served, &text.body, Step::Inclusion);

    let report = served.post_json("/v1/verify", &json!({ "bundle": hex::encode(&compact.body) })).json();
    assert!(report["findings"].as_array().is_some_and(|findings| findings.iter().all(|f| f["result"] != "MISMATCH")));
    let mut forged = compact.body;
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let report = served.post_json("/v1/verify", &json!({ "bundle": hex::encode(&forged) })).json();
    assert!(report["findings"].as_array().is_some_and(|findings| findings.iter().any(|f| f["result"] == "MISMATCH")));
    for body in [json!({ "bundle": "xx" }), json!({ "bundle": "00", "checkpoint": {} }), json!({})] {
        assert_eq!(served.post_json("/v1/verify", &body).problem(), (400, "MALFORMED".to_owned()));
    }
}

fn findings(served: &Served, bundle: &[u8]) -> Vec<(Step, &'static str, String)> {
    let checkpoint = Checkpoint::from_json(&served.get("/v1/checkpoint").body).expect("a checkpoint");
    let report = verify(bundle, &checkpoint, &[]);
    report.findings.into_iter().map(|finding| (finding.step, finding.code, finding.statement_zh)).collect()
}

/// An account means nothing to a court: the bundle says whose it is.
#[test]
fn a_transaction_is_proven_with_the_organization_that_signed_it() {
    let (served, id) = grown();
    let bundle = served.get(&format!("/v1/bundles/transactions/{id}")).body;
    let signer = findings(&served, &bundle).into_iter().find(|(_, code, _)| *code == "signer_unverified");
    let (step, _, statement) = signer.expect("an applicant, whose name nobody verified");
    assert_eq!(step, Step::Signature);
    for words in ["账户 qc1", "自报名称，未经核验", "统一社会信用代码"] {
        assert!(statement.contains(words), "{statement}");
    }
}

/// A key belongs to whom it is bound, also in the act that binds it; of a stranger's the bundle shows that it is bound to nobody.
#[test]
fn a_transaction_is_proven_with_the_bindings_of_its_keys() {
    let served = served();
    let add = json!({"add_key": {
        "org_id": "ORG-GOV-DATA", "public_key": key("second").public_key().to_string(), "use": "SIGN",
    }});
    let refused = json!({"revoke_key": {"org_id": "ORG-GOV-DATA", "key_id": "00".repeat(32)}});
    for (names, call, codes) in [
        (&["ORG-GOV-DATA", "second"][..], add, &["signer_registered", "signer_key_bound"][..]),
        (&["stranger"], refused, &["signer_unregistered"]),
    ] {
        let transaction = served.node.sign_all(names, "identity", call, 7);
        served.post_borsh("/v1/transactions?wait=certified", &transaction.encode());
        let bundle = served.get(&format!("/v1/bundles/transactions/{}", transaction.id())).body;
        let found = findings(&served, &bundle);
        let signers: Vec<_> = found.iter().filter(|(_, code, _)| code.starts_with("signer_")).collect();
        assert_eq!(signers.iter().map(|(_, code, _)| *code).collect::<Vec<_>>(), codes);
        let told = &signers[codes.len() - 1].2;
        assert!(told.contains("ORG-GOV-DATA") == (codes.len() == 2), "{told}");
        assert_verifies(&served, &bundle, Step::Inclusion);
    }
}

/// The absence of a key that no table can hold proves nothing.
#[test]
fn what_cannot_exist_is_not_shown_to_be_absent() {
    let (served, _) = grown();
    let present = served.get("/v1/organizations/ORG-GOV-DATA?proof=true").json();
    let key = present["key"].as_str().expect("a key");
    for key in [format!("{key}00"), "00ff0001".to_owned(), "0003006300".to_owned()] {
        let bundle = served.get(&format!("/v1/bundles/state/{key}")).body;
        assert!(findings(&served, &bundle).iter().any(|(_, code, _)| *code == "absence_vacuous"), "{key}");
    }
}

#[test]
fn a_record_is_proven_and_so_is_its_absence() {
    let (served, _) = grown();
    let present = served.get("/v1/organizations/ORG-GOV-DATA?proof=true").json();
    assert_eq!(present["height"], 2);
    assert_verifies(&served, &proof_of(&present), Step::Inclusion);
    let absent = served.get("/v1/organizations/ORG-NONE?proof=true").json();
    assert_eq!(absent["data"], Value::Null);
    assert_verifies(&served, &proof_of(&absent), Step::Absence);
    let page = served.get("/v1/organizations?proof=true&limit=2").json();
    assert_verifies(&served, &proof_of(&page), Step::Inclusion);

    let key = present["key"].as_str().expect("a key");
    assert_verifies(&served, &served.get(&format!("/v1/bundles/state/{key}")).body, Step::Inclusion);
    let number = "QC-370100-PR-2026-00001001-P";
    assert_verifies(&served, &served.get(&format!("/v1/bundles/registrations/{number}")).body, Step::Absence);
    let root = "cd".repeat(32);
    assert_verifies(&served, &served.get(&format!("/v1/bundles/evidence/{root}?height=1")).body, Step::Absence);
}

/// A record and its proof are asked for on two roads; whoever makes a report of either reads the same.
#[test]
fn a_record_has_one_proof_on_both_roads() {
    let (served, _) = grown();
    let root = "ab".repeat(32);
    let commitment = json!({ "root": root, "count": 1, "bytes": 1, "complete": false });
    let notarize = served.node.sign("ORG-GOV-DATA", "evidence", json!({ "notarize": { "commitment": commitment } }), 7);
    served.post_borsh("/v1/transactions?wait=certified", &notarize.encode());
    let number = "QC-370100-PR-2026-00001001-P";
    for (record, bundle) in [
        (format!("/v1/evidence/{root}"), format!("/v1/bundles/evidence/{root}")),
        (format!("/v1/evidence/{}", notarize.id()), format!("/v1/bundles/evidence/{root}")),
        (format!("/v1/registrations/{number}"), format!("/v1/bundles/registrations/{number}")),
    ] {
        for as_of in ["", "&height=2"] {
            let shown = proof_of(&served.get(&format!("{record}?proof=true{as_of}")).json());
            let fetched = served.get(&format!("{bundle}?{}", as_of.trim_start_matches('&'))).body;
            assert_eq!(findings(&served, &shown), findings(&served, &fetched), "{record}{as_of}");
        }
    }
    let shown = proof_of(&served.get(&format!("/v1/evidence/{root}?proof=true")).json());
    assert!(findings(&served, &shown).iter().any(|(_, code, _)| code.starts_with("signer_")), "who made it");
}

/// A row that changed, as of before and after, by one certified state; the past of a list has no proof.
#[test]
fn a_past_is_proven_by_the_newest_state() {
    let (served, _) = grown();
    let add = json!({"add_key": {
        "org_id": "ORG-GOV-DATA", "public_key": key("second").public_key().to_string(), "use": "SIGN",
    }});
    let transaction = served.node.sign_all(&["ORG-GOV-DATA", "second"], "identity", add, 7);
    served.post_borsh("/v1/transactions?wait=certified", &transaction.encode());
    for _ in 0..90 {
        served.node.seal();
    }
    let account = AccountId::of(&key("ORG-GOV-DATA").public_key());
    let path = format!("/v1/bundles/state/{}", hex::encode(account_key(&account)));
    for (query, words) in [("?height=1", "被取代"), ("", "未变")] {
        let bundle = served.get(&format!("{path}{query}")).body;
        assert_verifies(&served, &bundle, Step::Inclusion);
        let found = findings(&served, &bundle);
        let (.., statement) = found.iter().find(|(_, code, _)| *code == "in_state").expect("a record");
        assert!(statement.contains(words) && statement.contains("）写入"), "{statement}");
    }
    let unwritten = format!("/v1/bundles/state/{}", hex::encode(account_key(&AccountId::default())));
    assert_verifies(&served, &served.get(&format!("{unwritten}?height=1")).body, Step::Absence);
    // Its count changed since, and the tree of that height is not held any more.
    let page = "/v1/organizations?proof=true&limit=2&height=1";
    assert_eq!(served.get(page).problem(), (410, "NOT_KEPT".to_owned()));
}

#[test]
fn what_is_not_certified_is_not_proven() {
    let (served, _) = grown();
    let transaction = served.node.register(FOUNDERS + 1);
    let path = format!("/v1/bundles/transactions/{}", transaction.id());
    assert_eq!(served.get(&path).problem(), (404, "TRANSACTION_UNKNOWN".to_owned()));
    served.post_borsh("/v1/transactions", &transaction.encode());
    let early = served.get(&path);
    assert_eq!(early.problem(), (409, "NOT_CERTIFIED_YET".to_owned()));
    assert_eq!(early.json()["retryable"], true);
    let height = served.node.seal();
    assert_eq!(served.get(&path).problem(), (409, "NOT_CERTIFIED_YET".to_owned()));
    let newest = served.get(&format!("/v1/organizations/ORG-REG?proof=true&height={height}"));
    assert_eq!(newest.problem(), (409, "NOT_CERTIFIED_YET".to_owned()));
    served.node.seal();
    assert_verifies(&served, &served.get(&path).body, Step::Inclusion);
}

#[test]
fn wrong_questions_for_proofs_are_refused() {
    let (served, _) = grown();
    let invalid = (400, "INVALID_PARAMETER".to_owned());
    for path in [
        "/v1/bundles/state/zz".to_owned(),
        "/v1/bundles/state/000000".to_owned(),
        format!("/v1/bundles/state/{}", "00".repeat(257)),
        format!("/v1/bundles/state/{}?proof=true", "00".repeat(8)),
        "/v1/bundles/evidence/1".to_owned(),
        "/v1/bundles/registrations/x".to_owned(),
        "/v1/bundles/transactions/x".to_owned(),
    ] {
        assert_eq!(served.get(&path).problem(), invalid, "{path}");
    }
}
