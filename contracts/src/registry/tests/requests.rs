//! Certificates after issue: requests, holds, revocation, codes, reliance.

use std::collections::BTreeMap;

use quancheng_state::Overlay;
use serde_json::{Value, json};

use super::super::Status;
use super::super::effects::{Obstacle, disencumber, encumber};
use super::super::types::{Encumbrance, EncumbranceKind, RegistrationId};
use super::{chain, day, decide, decision, dossier, hold, noon, object, paper, refer, sample};
use crate::identity::OrgId;
use crate::testing::Chain;

fn approve(id: RegistrationId) -> Value {
    json!({ "decide_request": { "registration": id, "is_approved": true, "decision": decision("HOLDER_REQUEST") } })
}

fn decline(id: RegistrationId) -> Value {
    json!({ "decide_request": { "registration": id, "is_approved": false, "decision": decision("NOT_REGISTRABLE") } })
}

fn transfer(id: RegistrationId, from: &str, to: &str) -> Value {
    json!({ "apply_transfer": { "registration": id, "from": from, "to": to, "contract": paper("contract") } })
}

fn change(id: RegistrationId, edit: impl Fn(&mut Value)) -> Value {
    let mut dossier = dossier(&sample("S-REG-06"), &BTreeMap::new());
    edit(&mut dossier);
    json!({ "apply_change": { "registration": id, "dossier": dossier } })
}

/// Lets another module put something on a certificate.
fn pledge(chain: &mut Chain, id: RegistrationId, entry: &Encumbrance) -> Result<(), Obstacle> {
    let base = chain.state.clone();
    let mut overlay = Overlay::new(&base);
    let result = encumber(&mut overlay, id, entry.clone(), chain.time_ms).unwrap();
    chain.state.apply(&overlay.into_patch());
    result
}

fn bank_pledge() -> Encumbrance {
    Encumbrance { kind: EncumbranceKind::Pledge, party: OrgId::new("ORG-BANK").unwrap(), record: 1 }
}

#[test]
fn renewal_adds_a_term_inside_its_window() {
    let mut chain = chain(1);
    let id = chain.issued();
    // Valid to 2027-04-19; the window opens 60 days before.
    assert_eq!(chain.no(noon("2027-02-17"), &["ORG-M2"], refer("apply_renewal", id)), "RENEWAL_WINDOW");
    assert_eq!(chain.no(noon("2027-02-18"), &["ORG-M1"], refer("apply_renewal", id)), "HOLDERS_MUST_SIGN");
    chain.act(noon("2027-02-18"), &["ORG-M2"], refer("apply_renewal", id));
    assert_eq!(chain.status(id), Status::RenewalPending);
    assert_eq!(chain.no(noon("2027-02-18"), &["ORG-M2"], refer("apply_renewal", id)), "REQUEST_PENDING");
    chain.act(noon("2027-03-01"), &["ORG-REG"], approve(id));
    let registration = chain.registration(id);
    assert_eq!((registration.version, registration.valid_to), (2, Some(day("2028-04-19"))));
    assert_eq!(chain.no(noon("2027-03-01"), &["ORG-REG"], approve(id)), "NO_REQUEST");
}

#[test]
fn a_certificate_expires_by_itself_and_then_serves_nothing() {
    let mut chain = chain(1);
    let id = chain.issued();
    let last = day("2027-04-19");
    assert_eq!(chain.registration(id).status(last.end_ms() - 1), Status::Active);
    assert_eq!(chain.registration(id).status(last.end_ms()), Status::Expired);
    let after = last.end_ms();
    for call in ["apply_renewal", "apply_cancel"] {
        assert_eq!(chain.no(after, &["ORG-M2"], refer(call, id)), "CERTIFICATE_EXPIRED", "{call}");
    }
    assert_eq!(chain.no(after, &["ORG-M2", "ORG-M1"], transfer(id, "ORG-M2", "ORG-M1")), "CERTIFICATE_EXPIRED");
    // N-18, as far as the registry carries it: nobody can rely on it any more.
    let rely = json!({ "record_reliance": { "registration": id, "version": 1, "purpose": "TRADING" } });
    assert_eq!(chain.no(after, &["ORG-BUY1"], rely), "CERTIFICATE_EXPIRED");
}

#[test]
fn a_renewal_asked_in_time_may_be_granted_late() {
    let mut chain = chain(1);
    let id = chain.issued();
    chain.act(noon("2027-04-19"), &["ORG-M2"], refer("apply_renewal", id));
    chain.act(noon("2027-04-22"), &["ORG-REG"], approve(id));
    assert_eq!(chain.registration(id).valid_to, Some(day("2028-04-19")));
    assert_eq!(chain.status(id), Status::Active);
}

#[test]
fn a_small_change_is_approved_at_once_and_a_material_one_is_noticed() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    assert_eq!(chain.no(at, &["ORG-M2"], change(id, |_| {})), "NOTHING_CHANGED");
    let other = change(id, |dossier| dossier["holders"] = json!(["ORG-M1"]));
    assert_eq!(chain.no(at, &["ORG-M2"], other), "HOLDERS_CHANGE");
    chain.act(at, &["ORG-M2"], change(id, |dossier| dossier["storage"] = "公有云境内".into()));
    assert_eq!(chain.status(id), Status::ChangePending);
    chain.act(at, &["ORG-REG"], approve(id));
    assert_eq!((chain.registration(id).version, chain.registration(id).revision), (2, 2));

    chain.act(at, &["ORG-M2"], change(id, |dossier| dossier["data_class"] = "一般数据-3".into()));
    assert_eq!(chain.no(at, &["ORG-REG"], decide("issue", id, "CONFORMS")), "WRONG_PHASE");
    assert_eq!(chain.no(at, &["ORG-REG"], decide("open_notice", id, "CONFORMS")), "WRONG_PHASE");
    chain.act(at, &["ORG-REG"], approve(id));
    assert_eq!(chain.registration(id).version, 2, "nothing is in force before the notice");
    chain.act(at, &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
    let closes = chain.registration(id).notice.unwrap().closes_at_ms;
    assert_eq!(chain.no(closes - 1, &["ORG-REG"], decide("issue", id, "CONFORMS")), "NOTICE_OPEN");
    chain.act(closes, &["ORG-REG"], decide("issue", id, "CONFORMS"));
    let registration = chain.registration(id);
    assert_eq!((registration.version, registration.revision), (3, 3));
    assert_eq!(json!(registration.effective_class), "GENERAL3");
    assert_eq!(registration.valid_to, Some(day("2027-04-19")));
    assert_eq!(chain.status(id), Status::Active);
}

#[test]
fn an_objection_to_a_change_can_end_the_change() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    chain.act(at, &["ORG-M2"], change(id, |dossier| dossier["data_class"] = "一般数据-3".into()));
    chain.act(at, &["ORG-REG"], approve(id));
    chain.act(at, &["ORG-REG"], decide("open_notice", id, "CONFORMS"));
    chain.act(noon("2026-05-08"), &["ORG-M1"], object(id));
    assert!(chain.registration(id).notice.unwrap().stopped_wd.is_some());
    assert_eq!(chain.no(noon("2026-07-08"), &["ORG-REG"], decide("issue", id, "CONFORMS")), "OBJECTION_OPEN");
    chain.act(
        noon("2026-07-08"),
        &["ORG-REG"],
        json!({ "resolve_objection": {
            "registration": id, "objection": 0, "is_upheld": true, "decision": decision("OBJECTION_UPHELD"),
        }}),
    );
    let registration = chain.registration(id);
    assert_eq!((registration.version, registration.pending), (1, None));
    assert_eq!(chain.status(id), Status::Active);
    let dropped = json!({ "dossier": { "registration": id, "revision": 2 } });
    assert_eq!(chain.ask("registry", dropped).value, Value::Null);
}

#[test]
fn requests_can_be_declined_and_taken_back() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    chain.act(at, &["ORG-M2"], refer("apply_cancel", id));
    assert_eq!(chain.status(id), Status::CancelPending);
    chain.act(at, &["ORG-REG"], decline(id));
    assert_eq!(chain.status(id), Status::Active);
    chain.act(at, &["ORG-M2"], refer("apply_cancel", id));
    assert_eq!(chain.no(at, &["ORG-M1"], refer("withdraw", id)), "NOT_APPLICANT");
    chain.act(at, &["ORG-M2"], refer("withdraw", id));
    assert_eq!(chain.no(at, &["ORG-M2"], refer("withdraw", id)), "NO_REQUEST");
    chain.act(at, &["ORG-M2"], refer("apply_cancel", id));
    chain.act(at, &["ORG-REG"], approve(id));
    assert_eq!(chain.status(id), Status::Cancelled);
    assert_eq!(chain.no(at, &["ORG-M2"], refer("apply_renewal", id)), "NOT_IN_FORCE");
}

#[test]
fn a_transfer_needs_both_sides_and_the_pledgee() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    chain.time_ms = at;
    assert_eq!(chain.no(at, &["ORG-M2"], transfer(id, "ORG-M2", "ORG-M1")), "RECEIVER_MUST_SIGN");
    assert_eq!(chain.no(at, &["ORG-M1"], transfer(id, "ORG-M2", "ORG-M1")), "HOLDERS_MUST_SIGN");
    assert_eq!(chain.no(at, &["ORG-M2", "ORG-M1"], transfer(id, "ORG-M4", "ORG-M1")), "NOT_HOLDER");
    assert_eq!(chain.no(at, &["ORG-M2"], transfer(id, "ORG-M2", "ORG-M2")), "RECEIVER_MUST_SIGN");
    // N-06: pledged, and the bank has not consented.
    assert_eq!(pledge(&mut chain, id, &bank_pledge()), Ok(()));
    assert_eq!(pledge(&mut chain, id, &bank_pledge()), Err(Obstacle::Occupied));
    assert_eq!(chain.no(at, &["ORG-M2", "ORG-M1"], transfer(id, "ORG-M2", "ORG-M1")), "PLEDGEE_CONSENT");
    assert_eq!(chain.no(at, &["ORG-M2"], refer("apply_cancel", id)), "ENCUMBERED");
    chain.act(at, &["ORG-M2", "ORG-M1", "ORG-BANK"], transfer(id, "ORG-M2", "ORG-M1"));
    let second = Encumbrance { record: 2, ..bank_pledge() };
    assert_eq!(pledge(&mut chain, id, &second), Err(Obstacle::RequestPending));
    chain.act(at, &["ORG-REG"], approve(id));
    assert_eq!(chain.registration(id).holders[0].as_str(), "ORG-M1");
    let base = chain.state.clone();
    let mut overlay = Overlay::new(&base);
    assert_eq!(disencumber(&mut overlay, id, &second).unwrap(), Err(Obstacle::Absent));
    assert_eq!(disencumber(&mut overlay, id, &bank_pledge()).unwrap(), Ok(()));
    chain.state.apply(&overlay.into_patch());
    chain.act(at, &["ORG-M1"], refer("apply_cancel", id));
}

#[test]
fn while_a_hold_stands_nothing_is_disposed_of() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    assert_eq!(chain.no(at, &["ORG-ARB"], hold(id, "2026-9")), "NOT_HOLD_AUTHORITY");
    assert_eq!(chain.no(at, &["ORG-M2"], hold(id, "2026-9")), "NOT_HOLD_AUTHORITY");
    assert_eq!(chain.no(at, &["ORG-CRT"], hold(id, " ")), "TEXT_MISSING");
    chain.act(at, &["ORG-CRT"], hold(id, "2026-9"));
    assert_eq!(chain.no(at, &["ORG-CRT"], hold(id, "2026-9")), "HOLD_EXISTS");
    chain.act(at, &["ORG-REG"], hold(id, "2026-9"));
    assert_eq!(chain.status(id), Status::Suspended);
    // N-07
    assert_eq!(chain.no(at, &["ORG-M2", "ORG-M1"], transfer(id, "ORG-M2", "ORG-M1")), "HOLD");
    assert_eq!(chain.no(at, &["ORG-M2"], refer("apply_cancel", id)), "HOLD");
    assert_eq!(chain.no(at, &["ORG-M2"], change(id, |dossier| dossier["storage"] = "x".into())), "HOLD");
    let rely = json!({ "record_reliance": { "registration": id, "version": 1, "purpose": "TRADING" } });
    assert_eq!(chain.no(at, &["ORG-BUY1"], rely), "HOLD");
    assert_eq!(pledge(&mut chain, id, &bank_pledge()), Err(Obstacle::NotInForce));
    // The registrar's suspension is lifted by a court, on an effective ruling only; the court's own stays.
    let release = |effective: &str| {
        json!({ "release_hold": {
            "registration": id, "authority": "ORG-REG", "case": "2026-9",
            "ruling": { "issuer": "ORG-CRT", "case": "2026-10", "document": paper("ruling"), "effective_on": effective },
            "decision": decision("EFFECTIVE_RULING"),
        }})
    };
    assert_eq!(chain.no(at, &["ORG-CRT"], release("2026-05-07")), "RULING_NOT_EFFECTIVE");
    assert_eq!(chain.no(at, &["ORG-M2"], release("2026-05-06")), "NOT_HOLD_AUTHORITY");
    chain.act(at, &["ORG-CRT"], release("2026-05-06"));
    assert_eq!(chain.status(id), Status::Suspended);
    // What is preserved may be renewed.
    chain.act(noon("2027-04-01"), &["ORG-M2"], refer("apply_renewal", id));
    chain.act(noon("2027-04-01"), &["ORG-REG"], approve(id));
    assert_eq!(chain.status(id), Status::Suspended);
}

#[test]
fn revocation_needs_an_effective_ruling_or_a_hearing() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    let revoke = |basis: Value| json!({ "revoke": { "registration": id, "basis": basis, "decision": decision("FALSE_STATEMENT") } });
    let ruling = |issuer: &str, on: &str| json!({ "ruling": { "issuer": issuer, "case": "2026-1", "document": paper("ruling"), "effective_on": on } });
    for basis in [
        ruling("ORG-CRT", "2026-05-07"),
        ruling("ORG-M1", "2026-05-01"),
        ruling("ORG-NOWHERE", "2026-05-01"),
        json!({ "hearing": "2026-05-06" }),
    ] {
        assert_eq!(chain.no(at, &["ORG-REG"], revoke(basis)), "RULING_NOT_EFFECTIVE");
    }
    assert_eq!(chain.no(at, &["ORG-CRT"], revoke(ruling("ORG-CRT", "2026-05-01"))), "NOT_REGISTRAR");
    chain.act(at, &["ORG-REG"], revoke(json!({ "hearing": "2026-04-30" })));
    assert_eq!(chain.status(id), Status::Revoked);
    assert_eq!(chain.no(at, &["ORG-REG"], revoke(ruling("ORG-ARB", "2026-05-01"))), "NOT_IN_FORCE");
    let version = chain.ask("registry", json!({ "version": { "registration": id, "version": 1 } })).value;
    assert_eq!(version["version"], 1, "what was certified stays readable");
}

#[test]
fn official_codes_are_unique_in_their_scheme() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    let assign = |id: RegistrationId, scheme: &str, code: &str| json!({ "assign_code": { "registration": id, "official": { "scheme": scheme, "code": code } } });
    assert_eq!(chain.no(at, &["ORG-REG"], assign(id, "NATIONAL", "has space")), "TEXT_MISSING");
    chain.act(at, &["ORG-REG"], assign(id, "NATIONAL", "DR-1"));
    assert_eq!(chain.no(at, &["ORG-REG"], assign(id, "NATIONAL", "DR-2")), "CODE_TAKEN");
    chain.act(at, &["ORG-REG"], assign(id, "PROVINCE", "DR-1"));
    let answer = chain.ask("registry", json!({ "official": { "official": { "scheme": "NATIONAL", "code": "DR-1" } } }));
    assert_eq!(answer.value["id"], json!(id));
    for scheme in ["A", "B"] {
        chain.act(at, &["ORG-REG"], assign(id, scheme, "1"));
    }
    assert_eq!(chain.no(at, &["ORG-REG"], assign(id, "C", "1")), "TOO_MANY_CODES");
    let pending = chain.submit(at, &sample("S-REG-11"));
    assert_eq!(chain.no(at, &["ORG-REG"], assign(pending, "D", "1")), "NOT_IN_FORCE");
}

#[test]
fn reliance_is_recorded_on_the_version_in_force() {
    let mut chain = chain(1);
    let id = chain.issued();
    let at = noon("2026-05-06");
    let rely = |version: u32, purpose: &str| json!({ "record_reliance": { "registration": id, "version": version, "purpose": purpose, "matter": paper("loan") } });
    assert_eq!(chain.no(at, &["ORG-BANK"], rely(2, "PLEDGE_FINANCING")), "WRONG_VERSION");
    assert_eq!(chain.no(at, &["a stranger"], rely(1, "PLEDGE_FINANCING")), "NOT_ACTIVE_ORGANIZATION");
    for purpose in ["PLEDGE_FINANCING", "ACCOUNTING", "DISPUTE_RESOLUTION"] {
        chain.act(at, &["ORG-BANK"], rely(1, purpose));
    }
    let page =
        chain.ask("registry", json!({ "reliances": { "registration": id, "range": { "from": 1, "limit": 1 } } }));
    assert_eq!(page.value.as_array().unwrap().len(), 1);
    assert_eq!(page.value[0]["purpose"], "ACCOUNTING");
    assert_eq!(page.keys.len(), 2, "the counter and one row");
}

#[test]
fn derived_data_inherit_the_strictest_class() {
    let mut chain = chain(1);
    let source = chain.issued();
    let known = BTreeMap::from([("S-REG-06".to_owned(), source)]);
    let record = sample("S-REG-07");
    let events = chain.act(noon("2026-05-06"), &["ORG-M2"], super::submission(&record, &known));
    let id = RegistrationId(u32::try_from(events[0]["submitted"]["registration"].as_u64().unwrap()).unwrap());
    // The product says class 1, its source class 2.
    assert_eq!(json!(chain.registration(id).effective_class), "GENERAL2");
    chain.act(noon("2026-05-06"), &["ORG-CRT"], hold(source, "2026-1"));
    assert_eq!(chain.no(noon("2026-05-06"), &["ORG-M2"], super::submission(&record, &known)), "SOURCE_NOT_IN_FORCE");
}
