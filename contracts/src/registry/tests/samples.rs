//! All twenty sample registrations, from submission to the state they are in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::types::{Phase, RegistrationId, Request};
use super::super::{Registration, Status};
use super::{chain, day, decide, decision, hold, ms, paper, sample, sm3, submission};
use crate::domain::LedgerNumber;
use crate::testing::{Chain, samples};

/// Notarizes the evidence that sample S-REG-09 rests on.
fn notarize(chain: &mut Chain) {
    for item in samples()["evidence_items"].as_array().unwrap() {
        if item["evidence_id"] == "S-EVID-01" {
            let commitment = json!({ "root": item["commitment_sm3"], "count": 1, "bytes": 104, "complete": false });
            let call = json!({ "notarize": { "commitment": commitment } });
            chain.ok(ms("2026-01-20T09:00:07+08:00"), &[item["submitter"].as_str().unwrap()], "evidence", call);
        }
    }
}

/// The calls that one event of a sample stands for, with their signers. The opening and the closing of a notice are facts of the
/// calendar, not transactions.
fn calls(record: &Value, event: &Value, id: RegistrationId) -> Vec<(Vec<String>, Value)> {
    let actor = event["actor"].as_str().unwrap().to_owned();
    let one = |call: Value| vec![(vec![actor.clone()], call)];
    let case = event["case"].as_str().unwrap_or_default();
    match event["event"].as_str().unwrap() {
        "ACCEPT" => one(decide("accept", id, "CONFORMS")),
        "REVIEW_PASS" => {
            let pass = decide("review_pass", id, "CONFORMS");
            vec![(vec![actor.clone()], pass), (vec![actor.clone()], decide("open_notice", id, "CONFORMS"))]
        }
        "ISSUE" => {
            let official = &record["official_code"];
            let official =
                if official.is_null() { Value::Null } else { json!({ "scheme": "SAMPLE", "code": official }) };
            one(json!({ "issue": { "registration": id, "official": official, "decision": decision("CONFORMS") } }))
        }
        "REQUEST_SUPPLEMENT" => {
            let grounds = json!({ "reason": "MATERIAL_INCOMPLETE", "note_zh": event["reason_zh"] });
            one(json!({ "request_supplement": { "registration": id, "decision": grounds } }))
        }
        "REJECT" => {
            let grounds =
                json!({ "reason": event["reason_code"], "note_zh": event["reason_zh"], "document": paper("reject") });
            one(json!({ "reject": { "registration": id, "decision": grounds } }))
        }
        "OBJECT" => one(json!({ "object": { "registration": id, "grounds_zh": event["reason_zh"] } })),
        "HOLD" => one(hold(id, case)),
        "REVOKE" => one(json!({ "revoke": {
            "registration": id,
            "basis": { "ruling": {
                "issuer": "ORG-CRT", "case": case, "document": paper("ruling"), "effective_on": "2026-10-14",
            }},
            "decision": decision("EFFECTIVE_RULING"),
        }})),
        "TRANSFER_APPLY" => {
            let to = record["holder"].as_str().unwrap().to_owned();
            let contract = sm3(&event["contract_sm3"]);
            let call =
                json!({ "apply_transfer": { "registration": id, "from": actor, "to": to, "contract": contract } });
            vec![(vec![actor.clone(), to], call)]
        }
        "CANCEL_APPLY" => one(json!({ "apply_cancel": { "registration": id } })),
        "TRANSFER_APPROVE" | "CANCEL_APPROVE" => one(json!({ "decide_request": {
            "registration": id, "is_approved": true, "decision": decision("HOLDER_REQUEST"),
        }})),
        "NOTICE_OPEN" | "NOTICE_CLOSE" => Vec::new(),
        other => panic!("unknown event {other} in the samples"),
    }
}

/// Does what one event stands for, and checks the facts of the calendar that it states.
fn replay(chain: &mut Chain, record: &Value, event: &Value, id: RegistrationId) {
    let at = ms(event["at"].as_str().unwrap());
    for (signers, call) in calls(record, event, id) {
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        chain.act(at, &signers, call);
    }
    let registration = chain.registration(id);
    match event["event"].as_str().unwrap() {
        "NOTICE_OPEN" => assert_eq!(registration.notice.unwrap().from.start_ms(), at),
        "NOTICE_CLOSE" => {
            assert_eq!(registration.notice.unwrap().closes_at_ms, at + 1000);
            assert_eq!(
                chain.no(at, &[record["registrar"].as_str().unwrap()], decide("issue", id, "CONFORMS")),
                "NOTICE_OPEN"
            );
        }
        _ => {}
    }
}

/// Compares a registration with the sample it was made from.
fn check(registration: &Registration, record: &Value, as_of_ms: u64) {
    let text = |value: Option<String>| value.map_or(Value::Null, Value::from);
    let name = record["reg_id"].as_str().unwrap();
    assert_eq!(json!(registration.status(as_of_ms)), record["state"], "{name}");
    assert_eq!(json!(registration.version), record["version"], "{name}");
    assert_eq!(json!(registration.holders), json!([record["holder"]]), "{name}");
    assert_eq!(json!(registration.applicant), record["applicant"], "{name}");
    assert_eq!(text(registration.valid_from.map(|d| d.to_string())), record["valid_from"], "{name}");
    assert_eq!(text(registration.valid_to.map(|d| d.to_string())), record["valid_to"], "{name}");
    let notice = registration
        .notice
        .map_or(Value::Null, |notice| json!({ "from_date": notice.from, "to_date": notice.to, "working_days": 10 }));
    assert_eq!(notice, record["notice"], "{name}");
    let official = registration.official.first().map(|official| official.code.to_string());
    assert_eq!(text(official), record["official_code"], "{name}");
    let number = record["ledger_no"].as_str().map(|text| text.parse::<LedgerNumber>().unwrap());
    let found = registration.ledger_no;
    assert_eq!(
        found.map(|n| (n.region(), n.kind(), n.year())),
        number.map(|n| (n.region(), n.kind(), n.year())),
        "{name}"
    );
}

/// What stands behind the states that end the samples.
fn check_details(registration: &Registration, name: &str) {
    match name {
        "S-REG-12" => {
            assert_eq!(registration.objections_open, 1);
            // 2026-10-29 (Thursday) to 2026-11-05: the day of the objection counts again.
            assert_eq!(registration.notice.unwrap().stopped_wd, Some(6));
        }
        "S-REG-13" => {
            assert_eq!(registration.resume, Some(Phase::Submitted));
            // Due after five working days from 2026-11-09; two were used.
            let clock = registration.clock.unwrap();
            assert_eq!((clock.due, clock.working_days), (None, 3));
        }
        "S-REG-16" => assert_eq!(registration.holds.len(), 1),
        "S-REG-19" => assert_eq!(registration.holds[0].case.as_str(), "S-CASE-05"),
        _ => {}
    }
}

#[test]
fn every_sample_registration_reaches_its_state_on_one_chain() {
    let file = samples();
    let records = file["registrations"].as_array().unwrap();
    let mut events: Vec<(u64, usize, &Value)> = Vec::new();
    for (index, record) in records.iter().enumerate() {
        for event in record["events"].as_array().unwrap() {
            events.push((ms(event["at"].as_str().unwrap()), index, event));
        }
    }
    events.sort_by_key(|(at, index, _)| (*at, *index));
    let mut chain = chain(1);
    let mut known = BTreeMap::new();
    let mut is_notarized = false;
    for (at, index, event) in events {
        if !is_notarized && at > ms("2026-01-20T09:00:07+08:00") {
            notarize(&mut chain);
            is_notarized = true;
        }
        let record = &records[index];
        let name = record["reg_id"].as_str().unwrap().to_owned();
        if event["event"] == "SUBMIT" {
            let events = chain.act(at, &[record["applicant"].as_str().unwrap()], submission(record, &known));
            let serial = events[0]["submitted"]["registration"].as_u64().unwrap();
            known.insert(name, RegistrationId(u32::try_from(serial).unwrap()));
        } else {
            replay(&mut chain, record, event, known[&name]);
        }
    }
    let as_of_ms = day("2026-11-22").start_ms();
    assert_eq!(records.len(), 20);
    for record in records {
        let name = record["reg_id"].as_str().unwrap();
        let registration = chain.registration(known[name]);
        check(&registration, record, as_of_ms);
        check_details(&registration, name);
    }
    let counters = chain.ask("registry", json!("counters")).value;
    assert_eq!(counters, json!({ "serial_first": 1, "serial_next": 21, "issued": 16 }));
    let listed = chain.ask("registry", json!({ "organization": { "organization": "ORG-OPER" } })).value;
    assert_eq!(listed.as_array().unwrap().len(), 2, "its own product, and the one transferred to it");
}

#[test]
fn certificates_get_the_numbers_of_the_samples() {
    for record in samples()["registrations"].as_array().unwrap() {
        let Some(number) = record["ledger_no"].as_str() else {
            continue;
        };
        let serial = number.parse::<LedgerNumber>().unwrap().serial();
        let source = record["derived_from"][0].as_str().map(sample);
        let first = source
            .as_ref()
            .map_or(serial, |source| source["ledger_no"].as_str().unwrap().parse::<LedgerNumber>().unwrap().serial());
        let mut chain = chain(first);
        let mut known = BTreeMap::new();
        if ["S-REG-09", "S-REG-10"].contains(&record["reg_id"].as_str().unwrap()) {
            notarize(&mut chain);
        }
        for record in source.iter().chain([record]) {
            if record["reg_id"] == "S-REG-05" {
                // Serials between a certificate and its source belong to other dossiers.
                for id in ["S-REG-02", "S-REG-03", "S-REG-04"] {
                    chain.submit(ms("2026-05-25T09:00:00+08:00"), &sample(id));
                }
            }
            for event in record["events"].as_array().unwrap() {
                let name = record["reg_id"].as_str().unwrap().to_owned();
                if event["event"] == "SUBMIT" {
                    let at = ms(event["at"].as_str().unwrap());
                    let events = chain.act(at, &[record["applicant"].as_str().unwrap()], submission(record, &known));
                    let serial = events[0]["submitted"]["registration"].as_u64().unwrap();
                    known.insert(name, RegistrationId(u32::try_from(serial).unwrap()));
                } else {
                    replay(&mut chain, record, event, known[&name]);
                }
            }
        }
        let registration = chain.registration(RegistrationId(serial));
        assert_eq!(registration.ledger_no.map(|n| n.to_string()).as_deref(), Some(number));
        let answer = chain.ask("registry", json!({ "number": { "ledger_no": number, "at_ms": chain.time_ms } }));
        assert_eq!(answer.value["id"], json!(serial));
        assert_eq!(answer.value["dossier"]["title_zh"], record["title_zh"]);
        assert_eq!(answer.keys.len(), 3);
        assert!(answer.keys.iter().all(|key| chain.state.0.contains_key(key)));
    }
}

#[test]
fn a_transferred_certificate_keeps_its_number_and_both_versions() {
    let mut chain = chain(1017);
    let record = sample("S-REG-17");
    let id = chain.submit(ms("2026-02-09T09:30:00+08:00"), &record);
    for event in record["events"].as_array().unwrap().iter().skip(1) {
        replay(&mut chain, &record, event, id);
        let registration = chain.registration(id);
        match event["event"].as_str().unwrap() {
            "TRANSFER_APPLY" => {
                assert_eq!(registration.status(chain.time_ms), Status::TransferPending);
                assert!(matches!(registration.pending.unwrap().request, Request::Transfer { .. }));
            }
            "TRANSFER_APPROVE" => assert_eq!(registration.status(chain.time_ms), Status::Active),
            _ => {}
        }
    }
    let version =
        |number: u32| chain.ask("registry", json!({ "version": { "registration": id, "version": number } })).value;
    assert_eq!(version(1)["holders"], json!(["ORG-M6"]));
    assert_eq!(version(2)["holders"], json!(["ORG-OPER"]));
    assert_eq!(version(3), Value::Null);
    assert_eq!(version(1)["valid_to"], version(2)["valid_to"]);
    let log = chain.ask("registry", json!({ "log": { "registration": id } })).value;
    let acts: Vec<&str> = log.as_array().unwrap().iter().map(|entry| entry["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["SUBMIT", "ACCEPT", "REVIEW_PASS", "OPEN_NOTICE", "ISSUE", "APPLY_TRANSFER", "APPROVE"]);
}
