//! Reads: the node, the chain, and records by noun, page by page and as of a height.

use serde_json::json;

use super::chain::{FOUNDERS, START_MS, organizations};
use super::support::{Served, send, served};

/// Registers organizations one per block from height 2 on, then certifies the last.
fn grown(count: usize) -> Served {
    let served = served();
    for index in FOUNDERS..FOUNDERS + count {
        let reply = served.post_borsh("/v1/transactions?wait=executed", &served.node.register(index).encode());
        assert_eq!(reply.json()["outcome"]["kind"], "ok", "{}", reply.text());
    }
    served.node.seal();
    served
}

#[test]
fn status_genesis_checkpoint_parameters_and_modules_are_served() {
    let served = served();
    let status = served.get("/v1/status").json();
    assert_eq!(
        (&status["height"], &status["role"], &status["signing"]),
        (&json!(1), &json!("validator"), &json!(true))
    );
    assert_eq!(status["chain_name"], "泉城测试链");
    let genesis = served.get_as("/v1/genesis", "application/octet-stream");
    let decoded = quancheng_types::Genesis::decode(&genesis.body).expect("a genesis");
    assert_eq!(decoded.chain_id().to_string(), status["chain_id"].as_str().expect("hex"));
    assert_eq!(served.get("/v1/genesis").json()["chain_name"], "泉城测试链");
    let checkpoint = served.get("/v1/checkpoint");
    quancheng_proof::Checkpoint::from_json(&checkpoint.body).expect("a checkpoint");
    assert_eq!(served.get("/v1/parameters").json()["parameters"]["batch_wait_ms"], 10);
    let modules = served.get("/v1/modules").json();
    assert_eq!(modules[0]["name"], "identity");
    assert!(modules[0]["refusals"][0]["text_zh"].is_string());
}

#[test]
fn blocks_and_their_transactions_are_served() {
    let served = grown(1);
    let block = served.get("/v1/blocks/2").json();
    assert_eq!((&block["height"], &block["transactions"], &block["refused"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(block["batches"][0]["count"], 1);
    assert_eq!(block["certificate"]["block_id"], block["id"]);
    assert_eq!(served.get("/v1/blocks/latest").json()["height"], 3);
    let transactions = served.get("/v1/blocks/2/transactions").json();
    assert_eq!(transactions["items"][0]["stage"], "certified");
    assert_eq!(transactions["items"][0]["events"][0]["name"], "registered");
    assert_eq!(served.get("/v1/blocks/9").problem(), (404, "HEIGHT_NOT_REACHED".to_owned()));
    assert_eq!(served.get("/v1/blocks/0").problem(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(served.get("/v1/blocks/last").problem(), (400, "INVALID_PARAMETER".to_owned()));
    assert_eq!(served.get("/v1/blocks/2/transactions?height=1").problem(), (400, "INVALID_PARAMETER".to_owned()));
}

#[test]
fn validators_are_served() {
    let served = served();
    let set = served.get("/v1/validators").json();
    assert_eq!((&set["quorum"], &set["total_power"]), (&json!(1), &json!(1)));
    assert_eq!(set["validators"][0]["interest"], "无");
    assert_eq!(served.get("/v1/validators?height=99").problem(), (404, "HEIGHT_NOT_REACHED".to_owned()));
}

#[test]
fn a_record_is_read_as_of_a_height_or_a_time() {
    let served = grown(2);
    let org_id = organizations()[FOUNDERS + 1]["org_id"].as_str().expect("a text").to_owned();
    let path = format!("/v1/organizations/{org_id}");
    let newest = served.get(&path).json();
    assert_eq!((&newest["height"], &newest["data"]["org_id"]), (&json!(4), &json!(org_id)));
    assert_eq!(served.get(&format!("{path}?height=3")).json()["height"], 3);
    assert_eq!(served.get(&format!("{path}?height=2")).problem(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(served.get(&format!("{path}?time={}", START_MS + 3999)).json()["height"], 3);
    assert_eq!(served.get(&format!("{path}?time=2026-09-21T22:13:23%2B08:00")).json()["height"], 3);
    assert_eq!(served.get(&format!("{path}?time={}", START_MS - 1)).problem(), (400, "INVALID_PARAMETER".to_owned()));
    let future = served.get(&format!("{path}?time=9999-12-31T23:59:59Z"));
    assert_eq!(future.problem(), (400, "INVALID_PARAMETER".to_owned()), "an answer would be one of now");
    assert_eq!(served.get(&format!("{path}?time=yesterday")).problem(), (400, "INVALID_PARAMETER".to_owned()));
    assert_eq!(served.get(&format!("{path}?time=1&height=1")).problem(), (400, "INVALID_PARAMETER".to_owned()));
    assert_eq!(served.get(&format!("{path}?height=99")).problem(), (404, "HEIGHT_NOT_REACHED".to_owned()));
}

#[test]
fn every_noun_answers() {
    let served = served();
    let account = quancheng_types::AccountId::of(&super::chain::key("ORG-GOV-DATA").public_key());
    for path in [
        format!("/v1/accounts/{account}"),
        format!("/v1/accounts/{}", account.to_text()),
        "/v1/organizations/ORG-GOV-DATA".to_owned(),
        "/v1/organizations".to_owned(),
        "/v1/registrations".to_owned(),
        "/v1/registrations?organization=ORG-REG".to_owned(),
        "/v1/registrations?registrar=ORG-REG&limit=7".to_owned(),
        "/v1/registrations?kind=DATA_ASSET".to_owned(),
        "/v1/governance/proposals".to_owned(),
        "/v1/rule-sets".to_owned(),
    ] {
        let reply = served.get(&path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.json()["height"], 1, "{path}");
    }
    let digest = "ab".repeat(32);
    for path in [
        format!("/v1/accounts/{digest}"),
        "/v1/organizations/ORG-NONE".to_owned(),
        "/v1/registrations/1".to_owned(),
        "/v1/registrations/QC-370100-PR-2026-00001001-P".to_owned(),
        format!("/v1/evidence/{digest}"),
        "/v1/governance/proposals/7".to_owned(),
        "/v1/rule-sets/RS-NONE".to_owned(),
        "/v1/calendar/2031".to_owned(),
    ] {
        assert_eq!(served.get(&path).problem(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    for path in ["/v1/nothing", "/"] {
        assert_eq!(served.get(path).problem(), (404, "NO_SUCH_PATH".to_owned()), "{path}");
    }
    for path in [
        "/v1/accounts/qc1zz".to_owned(),
        "/v1/registrations/QC-1".to_owned(),
        "/v1/evidence/xx".to_owned(),
        "/v1/governance/proposals/x".to_owned(),
        "/v1/calendar/70000".to_owned(),
        "/v1/organizations?limit=0".to_owned(),
        "/v1/organizations?limit=201".to_owned(),
        "/v1/registrations?kind=NONE".to_owned(),
        "/v1/registrations?organization=ORG-REG&registrar=ORG-REG".to_owned(),
        "/v1/organizations/ORG-REG?hieght=1".to_owned(),
        format!("/v1/organizations/{}", "%ff"),
    ] {
        assert_eq!(served.get(&path).problem(), (400, "INVALID_PARAMETER".to_owned()), "{path}");
    }
    let wrong = send(served.public, "DELETE", "/v1/status", &[], b"");
    assert_eq!(wrong.problem(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("GET")));
}

#[test]
fn pages_stay_at_one_height_while_the_chain_grows() {
    let served = grown(2);
    let first = served.get("/v1/organizations?limit=3");
    let page = first.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(3));
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let link = first.header("link").expect("a link");
    assert_eq!(link, format!("</v1/organizations?cursor={cursor}&limit=3>; rel=\"next\""));

    served.post_borsh("/v1/transactions?wait=executed", &served.node.register(FOUNDERS + 2).encode());
    let mut names: Vec<String> = Vec::new();
    let mut next = Some(cursor.clone());
    while let Some(cursor) = next {
        let page = served.get(&format!("/v1/organizations?limit=3&cursor={cursor}")).json();
        assert_eq!(page["height"], 4);
        let items = page["items"].as_array().expect("items").clone();
        names.extend(items.iter().map(|item| item["org_id"].as_str().expect("a text").to_owned()));
        next = page["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(names.len(), FOUNDERS + 2 - 3);
    let invalid = (400, "INVALID_PARAMETER".to_owned());
    assert_eq!(served.get(&format!("/v1/registrations?cursor={cursor}")).problem(), invalid);
    assert_eq!(served.get(&format!("/v1/organizations?cursor={cursor}&height=1")).problem(), invalid);
    assert_eq!(served.get("/v1/organizations?cursor=zz").problem(), invalid);
}

#[test]
fn lists_come_as_rows() {
    let served = grown(1);
    let whole = served.get_as("/v1/organizations", "text/csv");
    assert_eq!(whole.header("content-type").as_deref(), Some("text/csv; charset=utf-8"));
    let text = whole.text();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + FOUNDERS + 1);
    assert!(lines[0].split(',').any(|column| column == "org_id"), "{}", lines[0]);
    let page = served.get_as("/v1/organizations?limit=2", "text/csv");
    assert_eq!(page.text().split_terminator("\r\n").count(), 3);
    assert!(page.header("link").is_some());
    assert_eq!(
        served.get_as("/v1/organizations?proof=true", "text/csv").problem(),
        (400, "INVALID_PARAMETER".to_owned())
    );
}

#[test]
fn any_module_can_be_asked() {
    let served = served();
    let ask = |body| served.post_json("/v1/query", &body);
    let reply = ask(json!({ "module": "identity", "query": { "organization": { "org_id": "ORG-GOV-DATA" } } }));
    assert_eq!(reply.json()["data"]["org_id"], "ORG-GOV-DATA", "{}", reply.text());
    let invalid = (400, "INVALID_PARAMETER".to_owned());
    assert_eq!(ask(json!({ "module": "none", "query": {} })).problem(), invalid);
    assert_eq!(ask(json!({ "module": "identity", "query": { "organisation": {} } })).problem(), invalid);
    assert_eq!(ask(json!({ "module": "identity", "query": 1, "more": 1 })).problem(), (400, "MALFORMED".to_owned()));
    assert_eq!(served.post_borsh("/v1/query", b"{}").problem(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
}
