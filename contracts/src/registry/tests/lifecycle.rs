//! From submission to issue: who may do what when, and what is refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Status;
use super::super::types::{Phase, RegistrationId};
use super::{chain, day, decide, decision, hold, ms, noon, object, paper, refer, sample, submission};

fn submit(record: &Value) -> Value {
    submission(record, &BTreeMap::new())
}

/// The submission of S-REG-06 with one part of it replaced.
fn change(path: &[&str], value: Value) -> Value {
    let mut call = submit(&sample("S-REG-06"));
    let mut place = &mut call["submit"];
    for name in path {
        place = match name.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[*name],
        };
    }
    *place = value;
    call
}

#[test]
fn statements_are_refused_for_what_is_wrong_with_them() {
    let licence = json!({ "reference": "L-1", "valid_to": "2026-03-22" });
    let rights = json!({ "hold": false, "use": false, "operate": false });
    let mut chain = chain(1);
    for (name, value, refusal) in [
        // N-16: core data are never registered.
        ("data_class", json!("核心数据"), "CORE_DATA"),
        ("prior_evidence", json!("11".repeat(32)), "EVIDENCE_UNKNOWN"),
        ("holders", json!([]), "HOLDERS_INVALID"),
        ("holders", json!(["ORG-M2", "ORG-M2"]), "HOLDERS_INVALID"),
        ("holders", json!(["ORG-M2", "ORG-M1"]), "HOLDERS_MUST_SIGN"),
        ("holders", json!(["ORG-M2", "ORG-NOWHERE"]), "HOLDER_UNKNOWN"),
        ("agent", json!("ORG-NOWHERE"), "HOLDER_UNKNOWN"),
        ("title_zh", json!(" "), "TEXT_MISSING"),
        ("summary_zh", json!("a\u{7}"), "TEXT_MISSING"),
        ("fields", json!([]), "FIELDS_INVALID"),
        ("derived_from", json!([7]), "SOURCE_NOT_IN_FORCE"),
        ("derived_from", json!([7, 7]), "SOURCES_INVALID"),
        ("licence", licence, "LICENCE_ENDED"),
        ("rights", rights, "RIGHTS_INVALID"),
        ("openness", json!("无条件开放"), "PUBLIC_ATTRIBUTES"),
    ] {
        let call = change(&["dossier", name], value);
        assert_eq!(chain.no(noon("2026-03-23"), &["ORG-M2"], call), refusal, "{name}");
    }
    let call = change(&["dossier", "fields", "0", "pi"], "personal".into());
    assert_eq!(chain.no(noon("2026-03-23"), &["ORG-M2"], call), "PERSONAL_LEVEL");
}

#[test]
fn submissions_are_refused_to_whom_or_for_what_they_cannot_serve() {
    let at = noon("2026-03-23");
    let mut chain = chain(1);
    for (name, value, refusal) in [
        ("rule_set", "RS-NONE", "RULE_SET_UNKNOWN"),
        ("rule_set", "RS-PUB-2025", "RULE_SET_KIND"),
        ("registrar", "ORG-EXCH", "REGISTRAR_NOT_COMPETENT"),
        ("registrar", "ORG-NOWHERE", "REGISTRAR_NOT_COMPETENT"),
    ] {
        assert_eq!(chain.no(at, &["ORG-M2"], change(&[name], value.into())), refusal, "{value}");
    }
    // N-12: data IP needs evidence notarized beforehand.
    let mut record = sample("S-REG-09");
    record.as_object_mut().unwrap().remove("prior_evidence");
    assert_eq!(chain.no(at, &["ORG-M3"], submit(&record)), "PRIOR_EVIDENCE_REQUIRED");
    assert_eq!(chain.no(at, &["ORG-M2"], submit(&sample("S-REG-01"))), "APPLICANT_NOT_ELIGIBLE");
    assert_eq!(chain.no(at, &["a stranger"], submit(&sample("S-REG-06"))), "NOT_ACTIVE_ORGANIZATION");
    let both = change(&["dossier", "holders"], json!(["ORG-M2", "ORG-M1"]));
    chain.act(at, &["ORG-M2", "ORG-M1"], both);
}

#[test]
fn what_came_to_nothing_leaves_only_its_hash() {
    let mut chain = chain(1);
    let at = noon("2026-03-23");
    let id = chain.submit(at, &sample("S-REG-06"));
    let dossier = |chain: &crate::testing::Chain| {
        chain.ask("registry", json!({ "dossier": { "registration": id, "revision": 1 } })).value
    };
    let stated: crate::registry::Dossier = serde_json::from_value(dossier(&chain)).unwrap();
    chain.act(at, &["ORG-REG"], decide("reject", id, "NOT_REGISTRABLE"));
    assert_eq!(dossier(&chain), Value::Null);
    let hash = quancheng_types::Domain::Commitment.hash_of(&stated);
    assert_eq!(chain.registration(id).statement, hash);
}

#[test]
fn a_source_that_fell_during_the_notice_stops_the_issue() {
    let mut chain = chain(1);
    let source = chain.issued();
    let known = BTreeMap::from([("S-REG-06".to_owned(), source)]);
    let at = noon("2026-05-06");
    chain.act(at, &["ORG-M2"], submission(&sample("S-REG-07"), &known));
    let id = RegistrationId(source.0 + 1);
    for call in ["accept", "review_pass", "open_notice"] {
        chain.act(at, &["ORG-EXCH"], decide(call, id, "CONFORMS"));
    }
    chain.act(at, &["ORG-CRT"], hold(source, "2026-1"));
    assert_eq!(chain.no(noon("2026-05-25"), &["ORG-EXCH"], decide("issue", id, "CONFORMS")), "SOURCE_NOT_IN_FORCE");
}

#[test]
fn only_the_registrar_decides_and_never_about_its_own() {
    let mut chain = chain(1);
    let at = noon("2026-03-23");
    let id = chain.submit(at, &sample("S-REG-06"));
    for call in ["accept", "request_supplement", "reject"] {
        assert_eq!(chain.no(at, &["ORG-EXCH"], decide(call, id, "CONFORMS")), "NOT_REGISTRAR", "{call}");
        assert_eq!(chain.no(at, &["ORG-M2"], decide(call, id, "CONFORMS")), "NOT_REGISTRAR", "{call}");
    }
    assert_eq!(chain.no(at, &["ORG-REG"], decide("accept", RegistrationId(99), "CONFORMS")), "NOT_FOUND");
    // N-14: the exchange reviews its own product.
    let mut record = sample("S-REG-15");
    record["applicant"] = "ORG-EXCH".into();
    let own = chain.submit(at, &record);
    assert_eq!(chain.no(at, &["ORG-EXCH"], decide("accept", own, "CONFORMS")), "SELF_REVIEW");
    assert_eq!(chain.no(at, &["ORG-EXCH"], decide("review_pass", own, "CONFORMS")), "SELF_REVIEW");
}

#[test]
fn phases_follow_each_other() {
    let mut chain = chain(1);
    let at = noon("2026-03-23");
    let id = chain.submit(at, &sample("S-REG-06"));
    let calls = ["accept", "start_review", "review_pass", "open_notice", "issue"];
    for (place, call) in calls.iter().enumerate() {
        for other in calls.iter().filter(|other| *other != call) {
            let is_allowed = place == 1 && *other == "review_pass";
            if !is_allowed {
                let refusal = chain.no(at, &["ORG-REG"], decide(other, id, "CONFORMS"));
                let expected = if place == 4 && *other == "issue" { "NOTICE_OPEN" } else { "WRONG_PHASE" };
                assert_eq!(refusal, expected, "{other} when {call} is next");
            }
        }
        if *call == "issue" {
            assert_eq!(chain.no(at, &["ORG-REG"], decide(call, id, "CONFORMS")), "NOTICE_OPEN");
        } else {
            chain.act(at, &["ORG-REG"], decide(call, id, "CONFORMS"));
        }
    }
    assert_eq!(chain.status(id), Status::Notice);
}

#[test]
fn adverse_decisions_need_their_document() {
    let mut chain = chain(1);
    let at = noon("2026-03-23");
    let id = chain.submit(at, &sample("S-REG-06"));
    let bare = |call: &str| json!({ call: { "registration": id, "decision": { "reason": "NOT_REGISTRABLE" } } });
    assert_eq!(chain.no(at, &["ORG-REG"], bare("reject")), "DOCUMENT_REQUIRED");
    assert_eq!(chain.no(at, &["ORG-REG"], bare("review_pass")), "DOCUMENT_REQUIRED");
    chain.act(at, &["ORG-REG"], bare("accept"));
}

#[test]
fn a_supplement_stops_the_clock_and_the_rest_resumes() {
    let mut chain = chain(1);
    let id = chain.submit(ms("2026-11-09T09:30:00+08:00"), &sample("S-REG-13"));
    let clock =
        |chain: &crate::testing::Chain| chain.registration(id).clock.map(|clock| (clock.due, clock.working_days));
    assert_eq!(clock(&chain), Some((Some(day("2026-11-16")), 5)));
    chain.act(ms("2026-11-11T10:00:00+08:00"), &["ORG-REG"], decide("request_supplement", id, "MATERIAL_INCOMPLETE"));
    assert_eq!(clock(&chain), Some((None, 3)));
    let supplement = |dossier: Value| json!({ "supplement": { "registration": id, "dossier": dossier } });
    let mut dossier = super::dossier(&sample("S-REG-13"), &BTreeMap::new());
    dossier["source_proofs"] = json!([paper("authorization")]);
    let at = ms("2026-11-20T10:00:00+08:00");
    assert_eq!(chain.no(at, &["ORG-M2"], supplement(dossier.clone())), "NOT_APPLICANT");
    let mut other = dossier.clone();
    other["holders"] = json!(["ORG-M1"]);
    assert_eq!(chain.no(at, &["ORG-M6"], supplement(other)), "HOLDERS_CHANGE");
    assert_eq!(chain.no(at, &["ORG-REG"], decide("reject", id, "MATERIAL_INCOMPLETE")), "SUPPLEMENT_PERIOD_OPEN");
    chain.act(at, &["ORG-M6"], supplement(dossier.clone()));
    assert_eq!(chain.status(id), Status::Submitted);
    // 2026-11-20 is a Friday: Monday, Tuesday, Wednesday remain.
    assert_eq!(clock(&chain), Some((Some(day("2026-11-25")), 3)));
    assert_eq!(chain.no(at, &["ORG-M6"], supplement(dossier)), "WRONG_PHASE");
    let revision = chain.ask("registry", json!({ "dossier": { "registration": id, "revision": 2 } })).value;
    assert_eq!(revision["source_proofs"], json!([paper("authorization")]));
}

#[test]
fn a_supplement_that_never_comes_lets_the_registrar_reject() {
    let mut chain = chain(1);
    let id = chain.submit(ms("2026-06-01T09:30:00+08:00"), &sample("S-REG-13"));
    chain.act(noon("2026-06-02"), &["ORG-REG"], decide("request_supplement", id, "MATERIAL_INCOMPLETE"));
    // Ten working days after 2026-06-02 end on 2026-06-16.
    assert_eq!(
        chain.no(day("2026-06-16").end_ms() - 1, &["ORG-REG"], decide("reject", id, "MATERIAL_INCOMPLETE")),
        "SUPPLEMENT_PERIOD_OPEN"
    );
    chain.act(day("2026-06-16").end_ms(), &["ORG-REG"], decide("reject", id, "MATERIAL_INCOMPLETE"));
    assert_eq!(chain.status(id), Status::Rejected);
    assert_eq!(chain.no(noon("2026-06-18"), &["ORG-REG"], decide("accept", id, "CONFORMS")), "WRONG_PHASE");
    assert_eq!(chain.no(noon("2026-06-18"), &["ORG-M6"], refer("withdraw", id)), "WRONG_PHASE");
}

#[test]
fn a_notice_starts_on_a_working_day_to_come() {
    let mut chain = chain(1);
    let id = chain.reviewed();
    let at = ms("2026-04-02T10:00:00+08:00");
    let open =
        |from: &str| json!({ "open_notice": { "registration": id, "from": from, "decision": decision("CONFORMS") } });
    for from in ["2026-04-02", "2026-04-01", "2026-04-04", "2026-04-06", "2026-04-12", "2026-08-03"] {
        assert_eq!(chain.no(at, &["ORG-REG"], open(from)), "NOTICE_DAY", "{from}");
    }
    chain.act(at, &["ORG-REG"], open("2026-04-07"));
    let notice = chain.registration(id).notice.unwrap();
    assert_eq!((notice.from, notice.to), (day("2026-04-07"), day("2026-04-20")));
    // The last millisecond of the last day is still inside.
    assert_eq!(chain.no(notice.closes_at_ms - 1, &["ORG-REG"], decide("issue", id, "CONFORMS")), "NOTICE_OPEN");
    chain.act(notice.closes_at_ms, &["ORG-REG"], decide("issue", id, "CONFORMS"));
    let registration = chain.registration(id);
    assert_eq!((registration.valid_from, registration.valid_to), (Some(day("2026-04-21")), Some(day("2027-04-20"))));
}

#[test]
fn periods_into_a_year_without_a_calendar_are_refused_where_they_decide() {
    let mut chain = chain(1);
    // The registrar's own period may end in an unpublished year: it is merely not shown.
    let id = chain.submit(noon("2026-12-30"), &sample("S-REG-06"));
    assert_eq!(chain.registration(id).clock.unwrap().due, None);
    chain.act(noon("2026-12-30"), &["ORG-REG"], decide("accept", id, "CONFORMS"));
    chain.act(noon("2026-12-30"), &["ORG-REG"], decide("review_pass", id, "CONFORMS"));
    assert_eq!(chain.no(noon("2026-12-30"), &["ORG-REG"], decide("open_notice", id, "CONFORMS")), "CALENDAR_MISSING");
}

#[test]
fn unsettled_classes_do_not_pass_review() {
    let mut chain = chain(1);
    let at = noon("2026-09-07");
    let id = chain.submit(at, &sample("S-REG-14"));
    chain.act(at, &["ORG-REG"], decide("accept", id, "CONFORMS"));
    assert_eq!(chain.no(at, &["ORG-REG"], decide("review_pass", id, "CONFORMS")), "CLASS_UNRESOLVED");
}

#[test]
fn an_objection_stops_the_notice_until_it_is_decided() {
    let mut chain = chain(1);
    let id = chain.reviewed();
    chain.act(ms("2026-04-02T10:00:00+08:00"), &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
    let at = noon("2026-04-08");
    assert_eq!(chain.no(at, &["ORG-M2"], object(id)), "OWN_REGISTRATION");
    assert_eq!(chain.no(at, &["ORG-REG"], object(id)), "OWN_REGISTRATION");
    assert_eq!(chain.no(at, &["a stranger"], object(id)), "NOT_ACTIVE_ORGANIZATION");
    chain.act(at, &["ORG-M1"], object(id));
    chain.act(noon("2026-04-09"), &["ORG-M4"], object(id));
    assert_eq!(chain.status(id), Status::Objected);
    // 04-03 and 04-07 ran whole; eight of ten days are left.
    assert_eq!(chain.registration(id).notice.unwrap().stopped_wd, Some(8));
}

#[test]
fn a_notice_resumes_when_its_last_objection_is_closed() {
    let mut chain = chain(1);
    let id = chain.reviewed();
    chain.act(noon("2026-04-02"), &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
    chain.act(noon("2026-04-08"), &["ORG-M1"], object(id));
    chain.act(noon("2026-04-09"), &["ORG-M4"], object(id));
    let late = noon("2026-05-11");
    assert_eq!(chain.no(late, &["ORG-REG"], decide("issue", id, "CONFORMS")), "OBJECTION_OPEN");
    let resolve = |objection: u32, is_upheld: bool| {
        json!({ "resolve_objection": {
            "registration": id, "objection": objection, "is_upheld": is_upheld, "decision": decision("OBJECTION_UNFOUNDED"),
        }})
    };
    assert_eq!(chain.no(late, &["ORG-REG"], resolve(2, false)), "OBJECTION_UNKNOWN");
    assert_eq!(chain.no(late, &["ORG-M1"], resolve(0, false)), "NOT_REGISTRAR");
    chain.act(late, &["ORG-REG"], resolve(0, false));
    assert_eq!(chain.status(id), Status::Objected);
    assert_eq!(chain.no(late, &["ORG-REG"], resolve(0, false)), "OBJECTION_UNKNOWN");
    let withdraw = json!({ "withdraw_objection": { "registration": id, "objection": 1 } });
    assert_eq!(chain.no(late, &["ORG-M1"], withdraw.clone()), "NOT_OBJECTOR");
    chain.act(late, &["ORG-M4"], withdraw);
    assert_eq!(chain.status(id), Status::Notice);
    let notice = chain.registration(id).notice.unwrap();
    assert_eq!((notice.from, notice.to, notice.stopped_wd), (day("2026-05-12"), day("2026-05-21"), None));
    assert_eq!(chain.no(notice.closes_at_ms - 1, &["ORG-REG"], decide("issue", id, "CONFORMS")), "NOTICE_OPEN");
    assert_eq!(chain.no(notice.closes_at_ms, &["ORG-M1"], object(id)), "NOTICE_CLOSED");
    chain.act(notice.closes_at_ms, &["ORG-REG"], decide("issue", id, "CONFORMS"));
    let listed = chain.ask("registry", json!({ "objections": { "registration": id } })).value;
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[test]
fn an_objection_that_is_right_ends_the_application_but_only_flags_a_certificate() {
    let upheld = |id| {
        json!({ "resolve_objection": {
            "registration": id, "objection": 0, "is_upheld": true, "decision": decision("OBJECTION_UPHELD"),
        }})
    };
    let mut before = chain(1);
    let id = before.reviewed();
    before.act(ms("2026-04-02T10:00:00+08:00"), &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
    before.act(noon("2026-04-08"), &["ORG-M1"], object(id));
    before.act(noon("2026-04-09"), &["ORG-REG"], upheld(id));
    assert_eq!(before.status(id), Status::Rejected);

    let mut after = chain(1);
    let id = after.issued();
    after.act(noon("2026-05-08"), &["ORG-M1"], object(id));
    assert_eq!(after.status(id), Status::Active);
    assert_eq!(after.registration(id).objections_open, 1);
    after.act(noon("2026-05-11"), &["ORG-REG"], upheld(id));
    assert_eq!(after.status(id), Status::Active);
    assert_eq!(after.registration(id).objections_open, 0);
}

#[test]
fn a_hold_stands_in_the_way_of_issue() {
    let mut chain = chain(1);
    let id = chain.reviewed();
    chain.act(ms("2026-04-02T10:00:00+08:00"), &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
    chain.act(noon("2026-04-10"), &["ORG-CRT"], hold(id, "2026-1"));
    assert_eq!(chain.no(noon("2026-04-20"), &["ORG-REG"], decide("issue", id, "CONFORMS")), "HOLD");
    let release = json!({ "release_hold": {
        "registration": id, "authority": "ORG-CRT", "case": "2026-1", "decision": decision("RISK_REMOVED"),
    }});
    assert_eq!(chain.no(noon("2026-04-20"), &["ORG-REG"], release.clone()), "NOT_HOLD_AUTHORITY");
    chain.act(noon("2026-04-20"), &["ORG-CRT"], release.clone());
    assert_eq!(chain.no(noon("2026-04-20"), &["ORG-CRT"], release), "HOLD_UNKNOWN");
    chain.act(noon("2026-04-20"), &["ORG-REG"], decide("issue", id, "CONFORMS"));
}

#[test]
fn an_applicant_may_withdraw_until_issue() {
    let mut chain = chain(1);
    let id = chain.reviewed();
    let at = noon("2026-04-03");
    assert_eq!(chain.no(at, &["ORG-M1"], refer("withdraw", id)), "NOT_APPLICANT");
    chain.act(at, &["ORG-M2"], refer("withdraw", id));
    assert_eq!(chain.registration(id).phase, Phase::Withdrawn);
    assert_eq!(chain.no(at, &["ORG-M2"], refer("withdraw", id)), "WRONG_PHASE");
    // The number is spent: the next dossier has the next one.
    assert_eq!(chain.submit(at, &sample("S-REG-06")), RegistrationId(2));
}

#[test]
fn a_number_that_was_never_issued_has_no_entry() {
    let mut chain = chain(1);
    let id = chain.reviewed();
    let number = "QC-370100-DR-2026-00001006-R";
    let answer = chain.ask("registry", json!({ "number": { "ledger_no": number } }));
    assert_eq!(answer.value, Value::Null);
    assert_eq!(answer.keys, [super::super::effects::number_key(&number.parse().unwrap())]);
    assert!(!chain.state.0.contains_key(&answer.keys[0]));
    let answer = chain.ask("registry", json!({ "registration": { "registration": id } }));
    assert_eq!((answer.value["ledger_no"].clone(), answer.value["phase"].clone()), (Value::Null, json!("REVIEWED")));
    assert_eq!(answer.value["status"], Value::Null, "no status without a time");
}

/// Test networks run under rules whose notice lasts no day: everything can be shown within a minute, and no calendar is needed.
#[test]
fn a_notice_of_no_days_closes_at_once() {
    let mut rules = crate::testing::samples()["rule_sets"].clone();
    for rule_set in rules.as_array_mut().unwrap() {
        rule_set["notice_wd"] = 0.into();
    }
    let mut genesis = chain(1).genesis;
    let mut modules = genesis.modules.into_vec();
    let governance = json!({ "rule_sets": rules, "calendar": [] });
    modules[1] = crate::modules::encode_genesis("governance", governance).unwrap();
    genesis.modules = quancheng_types::List::new(modules).unwrap();
    let mut chain = crate::testing::Chain::new(genesis);
    let at = noon("2027-05-06");
    let id = chain.submit(at, &sample("S-REG-06"));
    for call in ["accept", "review_pass", "open_notice", "issue"] {
        chain.act(at, &["ORG-REG"], decide(call, id, "CONFORMS"));
    }
    assert_eq!(chain.status(id), Status::Active);
}
