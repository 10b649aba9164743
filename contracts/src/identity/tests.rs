//! Life of organizations, roles, keys and officers, through the executor.

use proptest::prelude::*;
use quancheng_types::{KeyId, codec};
use serde_json::{Value, json};

use super::*;
use crate::testing::{Chain, START_MS, document, samples};

const T: u64 = START_MS + 1000;
/// Codes with valid check characters that no sample uses.
const CODES: [&str; 2] = ["91350100M000100Y43", "91370100MA3CQ2QK65"];

fn founders() -> Vec<Value> {
    samples()["organizations"].as_array().unwrap().clone()
}

fn entry(org_id: &str) -> Value {
    founders().into_iter().find(|entry| entry["org_id"] == org_id).unwrap()
}

/// The call that a sample entry makes.
fn register(entry: &Value) -> Value {
    let mut call = entry.as_object().unwrap().clone();
    call.remove("status");
    call.remove("fictional");
    json!({ "register": call })
}

/// A chain with two supervisors, the registrar, the finance and the market bureau; everyone else is a stranger.
fn chain() -> Chain {
    let wanted = ["ORG-GOV-DATA", "ORG-GOV-CAC", "ORG-GOV-FIN", "ORG-REG", "ORG-GOV-AMR"];
    Chain::with(&wanted.map(entry))
}

#[test]
fn no_office_silences_voters_or_courts() {
    let mut chain = Chain::sample();
    for org_id in ["ORG-REG", "ORG-GOV-CAC", "ORG-CRT", "ORG-ARB"] {
        for call in ["suspend", "revoke"] {
            assert_eq!(
                chain.refused(T, &["ORG-GOV-DATA"], "identity", decide(call, org_id)),
                "UNDER_GOVERNANCE",
                "{org_id}"
            );
        }
        let keys = revoke_key(org_id, org_id, None);
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", keys), "UNDER_GOVERNANCE", "{org_id}");
        let recover = add_key(org_id, "new", "SIGN");
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA", "new"], "identity", recover), "UNDER_GOVERNANCE", "{org_id}");
    }
}

fn status(chain: &Chain, org_id: &str) -> Value {
    chain.ask("identity", json!({"organization": {"org_id": org_id}})).value["status"].clone()
}

fn decide(call: &str, org_id: &str) -> Value {
    json!({ call: {"org_id": org_id} })
}

/// Registers and admits a sample organization under its own key.
fn admit(chain: &mut Chain, org_id: &str, roles: &Value) {
    chain.ok(T, &[org_id], "identity", register(&entry(org_id)));
    chain.ok(T, &["ORG-GOV-DATA"], "identity", decide("verify", org_id));
    chain.ok(T, &["ORG-GOV-DATA"], "identity", json!({"activate": {"org_id": org_id, "roles": roles}}));
}

#[test]
fn every_sample_organization_founds_and_registers() {
    let all = Chain::sample();
    let list = all.ask("identity", json!({"organizations": {}}));
    assert_eq!(list.value.as_array().unwrap().len(), 28);
    assert_eq!(list.value[0]["org_id"], "ORG-GOV-DATA");

    let mut chain = chain();
    for entry in founders() {
        let org_id = entry["org_id"].as_str().unwrap();
        if organization(&chain.state, &OrgId::new(org_id).unwrap()).unwrap().is_some() {
            continue;
        }
        let roles: Vec<Value> = entry["roles"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|role| {
                let role: Role = serde_json::from_value((*role).clone()).unwrap();
                role.grantor() != Grantor::Governance
            })
            .cloned()
            .collect();
        admit(&mut chain, org_id, &json!(roles));
        assert_eq!(status(&chain, org_id), "ACTIVE");
    }
    assert_eq!(chain.ask("identity", json!({"organizations": {}})).value.as_array().unwrap().len(), 28);
    assert_eq!(
        chain.ask("identity", json!({"organizations": {"range": {"from": 27}}})).value.as_array().unwrap().len(),
        1
    );
}

#[test]
fn application_to_end() {
    let mut chain = chain();
    let m1 = entry("ORG-M1");
    let events = chain.ok(T, &["ORG-M1"], "identity", register(&m1));
    assert_eq!(events[0]["registered"]["org_id"], "ORG-M1");
    assert_eq!(status(&chain, "ORG-M1"), "APPLIED");
    assert_eq!(chain.refused(T, &["ORG-M1"], "identity", register(&m1)), "ACCOUNT_BOUND");
    assert_eq!(chain.refused(T, &["other"], "identity", register(&m1)), "ORGANIZATION_EXISTS");
    let mut twin = m1.clone();
    twin["org_id"] = json!("ORG-TWIN");
    assert_eq!(chain.refused(T, &["other"], "identity", register(&twin)), "CODE_TAKEN");

    // Only a supervisor decides, in order, and never about itself.
    for call in ["verify", "reject", "suspend", "resume", "revoke"] {
        assert_eq!(chain.refused(T, &["ORG-REG"], "identity", decide(call, "ORG-M1")), "NOT_ALLOWED", "{call}");
        assert_eq!(
            chain.refused(T, &["ORG-GOV-DATA"], "identity", decide(call, "ORG-GOV-DATA")),
            "SELF_REVIEW",
            "{call}"
        );
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", decide(call, "ORG-NONE")), "NOT_FOUND", "{call}");
    }
    assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", decide("activate", "ORG-M1")), "WRONG_STATUS");
    chain.ok(T, &["ORG-GOV-DATA"], "identity", decide("verify", "ORG-M1"));
    assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", decide("verify", "ORG-M1")), "WRONG_STATUS");
    let activate = json!({"activate": {"org_id": "ORG-M1", "roles": ["DATA_MERCHANT"],
        "document": {"algorithm": "SHA256", "digest": document("licence")}}});
    chain.ok(T, &["ORG-GOV-CAC"], "identity", activate);
    let record = organization(&chain.state, &OrgId::new("ORG-M1").unwrap()).unwrap().unwrap();
    assert_eq!(record.roles_at(T), [Role::DataMerchant]);
    let decision = record.decision.unwrap();
    assert_eq!((decision.decided_by.as_str(), decision.document.unwrap().digest), ("ORG-GOV-CAC", document("licence")));

    // Suspended, its account cannot act; resumed, it can; revoked, it is over, and the code is free.
    chain.ok(T, &["ORG-GOV-DATA"], "identity", decide("suspend", "ORG-M1"));
    let close = json!({"close": {"org_id": "ORG-M1", "into": "CLOSED"}});
    assert_eq!(chain.refused(T, &["ORG-M1"], "identity", close), "ACCOUNT_SUSPENDED");
    chain.ok(T, &["ORG-GOV-DATA"], "identity", decide("resume", "ORG-M1"));
    chain.ok(T, &["ORG-GOV-DATA"], "identity", decide("revoke", "ORG-M1"));
    assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", decide("resume", "ORG-M1")), "WRONG_STATUS");
    assert_eq!(chain.ask("identity", json!({"code": {"uscc": m1["uscc"]}})).value, Value::Null);
    chain.ok(T, &["other"], "identity", register(&twin));
    assert_eq!(chain.ask("identity", json!({"code": {"uscc": m1["uscc"]}})).value["org_id"], "ORG-TWIN");
}

#[test]
fn a_rejected_applicant_may_try_again() {
    let mut chain = chain();
    let m1 = entry("ORG-M1");
    chain.ok(T, &["ORG-M1"], "identity", register(&m1));
    chain.ok(T, &["ORG-GOV-DATA"], "identity", decide("reject", "ORG-M1"));
    assert_eq!(status(&chain, "ORG-M1"), "REJECTED");
    assert_eq!(chain.ask("identity", json!({"account": {"account": Chain::account("ORG-M1")}})).value, Value::Null);
    chain.ok(T, &["ORG-M1"], "identity", register(&m1));
    assert_eq!(status(&chain, "ORG-M1"), "APPLIED");
    // The list names it once.
    assert_eq!(chain.ask("identity", json!({"organizations": {}})).value.as_array().unwrap().len(), 6);
}

#[test]
fn applications_that_cannot_stand() {
    let mut chain = chain();
    let base = register(&entry("ORG-M1"));
    for (field, value, refusal) in [
        ("name_zh", json!(" "), "NAME_MISSING"),
        ("name_zh", json!("a\u{0007}"), "NAME_MISSING"),
        ("roles", json!(["DATA_MERCHANT", "DATA_MERCHANT"]), "ROLE_REPEATED"),
        ("roles", json!(["COURT"]), "ROLE_NOT_FOR_TYPE"),
        ("roles", json!(["DATA_BUYER"]), "MERCHANT_CLASS_MISMATCH"),
        ("org_type", json!("GOV_DEPARTMENT"), "ROLE_NOT_FOR_TYPE"),
    ] {
        let mut call = base.clone();
        call["register"][field] = value.clone();
        assert_eq!(chain.refused(T, &["ORG-M1"], "identity", call), refusal, "{field} = {value}");
    }
    for (field, value) in [("uscc", json!("91350100M000100Y44")), ("org_id", json!("org-m1")), ("surprise", json!(1))] {
        let mut call = base.clone();
        call["register"][field] = value;
        assert!(crate::encode_call("identity", call).is_err(), "{field}");
    }
}

#[test]
fn roles_come_from_their_lawful_grantors_for_a_period() {
    let mut chain = chain();
    admit(&mut chain, "ORG-BANK", &json!([]));
    let grant = |role: &str, from: Value, to: Value| json!({"grant_role": {"org_id": "ORG-BANK", "role": role, "from_ms": from, "to_ms": to}});
    let now = Value::Null;
    for role in ["VALIDATOR", "SUPERVISOR", "TREASURY", "COURT", "ARBITRATION"] {
        let call = grant(role, now.clone(), now.clone());
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", call), "ROLE_NOT_GRANTABLE", "{role}");
    }
    assert_eq!(
        chain.refused(T, &["ORG-REG"], "identity", grant("LENDER", now.clone(), now.clone())),
        "ROLE_NOT_GRANTABLE"
    );
    assert_eq!(
        chain.refused(T, &["ORG-GOV-DATA"], "identity", grant("NOTARY", now.clone(), now.clone())),
        "ROLE_NOT_FOR_TYPE"
    );
    // The treasury admits settlement banks.
    chain.ok(T, &["ORG-GOV-FIN"], "identity", grant("SETTLEMENT_BANK", now.clone(), now.clone()));
    chain.ok(T, &["ORG-GOV-DATA"], "identity", grant("LENDER", json!(T + 100), json!(T + 200)));
    let overlapping = [(json!(T + 199), now.clone()), (json!(T), json!(T + 101)), (json!(T + 120), json!(T + 130))];
    for (from, to) in overlapping {
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", grant("LENDER", from, to)), "ROLE_HELD");
    }
    assert_eq!(
        chain.refused(T, &["ORG-GOV-DATA"], "identity", grant("LENDER", json!(T - 1), now.clone())),
        "BAD_PERIOD"
    );
    assert_eq!(
        chain.refused(T, &["ORG-GOV-DATA"], "identity", grant("LENDER", json!(T + 9), json!(T + 9))),
        "BAD_PERIOD"
    );
    chain.ok(T, &["ORG-GOV-DATA"], "identity", grant("LENDER", json!(T + 200), now));
    let record = |chain: &Chain| organization(&chain.state, &OrgId::new("ORG-BANK").unwrap()).unwrap().unwrap();
    for (at, held) in [(T + 99, false), (T + 100, true), (T + 199, true), (T + 200, true), (T + 1_000_000, true)] {
        assert_eq!(record(&chain).roles_at(at).contains(&Role::Lender), held, "at {at}");
    }
    let revoke = json!({"revoke_role": {"org_id": "ORG-BANK", "role": "LENDER"}});
    assert_eq!(chain.refused(T, &["ORG-REG"], "identity", revoke.clone()), "ROLE_NOT_GRANTABLE");
    chain.ok(T + 150, &["ORG-GOV-DATA"], "identity", revoke.clone());
    for (at, held) in [(T + 149, true), (T + 150, false), (T + 200, false), (T + 300, false)] {
        assert_eq!(record(&chain).roles_at(at).contains(&Role::Lender), held, "at {at}");
    }
    assert_eq!(chain.refused(T + 150, &["ORG-GOV-DATA"], "identity", revoke), "ROLE_NOT_HELD");
    chain.ok(T + 180, &["ORG-GOV-DATA"], "identity", grant("LENDER", json!(T + 190), json!(T + 500)));
    assert!(record(&chain).roles_at(T + 190).contains(&Role::Lender));
}

fn add_key(org_id: &str, key: &str, usage: &str) -> Value {
    json!({"add_key": {"org_id": org_id, "public_key": Chain::key(key).public_key().to_string(), "use": usage}})
}

fn revoke_key(org_id: &str, key: &str, since: Option<u64>) -> Value {
    let key_id = KeyId::of(&Chain::key(key).public_key());
    json!({"revoke_key": {"org_id": org_id, "key_id": key_id, "compromise_since_ms": since}})
}

#[test]
fn keys_are_bound_once_and_revoked_from_now_on() {
    let mut chain = chain();
    // The new key must be at hand.
    assert_eq!(chain.refused(T, &["ORG-REG"], "identity", add_key("ORG-REG", "new", "SIGN")), "KEY_PROOF_MISSING");
    assert_eq!(chain.refused(T, &["ORG-GOV-FIN", "new"], "identity", add_key("ORG-REG", "new", "SIGN")), "NOT_ALLOWED");
    chain.ok(T, &["ORG-REG", "new"], "identity", add_key("ORG-REG", "new", "SIGN"));
    assert_eq!(
        chain.refused(T, &["ORG-GOV-FIN", "new"], "identity", add_key("ORG-GOV-FIN", "new", "SIGN")),
        "KEY_NOT_AUTHORIZED",
        "bound already, it does not sign for its own account"
    );
    assert_eq!(chain.refused(T, &["ORG-REG"], "identity", add_key("ORG-REG", "new", "SEAL")), "KEY_BOUND");
    chain.ok(T, &["ORG-REG"], "identity", add_key("ORG-REG", "seal", "SEAL"));
    assert_eq!(account_of_key(&chain.state, &Chain::key("new").public_key()).unwrap(), Chain::account("ORG-REG"));
    // A bound key founds no organization of its own; a seal does not sign.
    assert_eq!(chain.refused(T, &["new"], "identity", register(&entry("ORG-M1"))), "KEY_NOT_AUTHORIZED");
    assert_eq!(
        chain.refused(T, &["ORG-REG/seal"], "identity", revoke_key("ORG-REG", "new", None)),
        "KEY_NOT_AUTHORIZED"
    );

    // The new key revokes the old one; from then on the old one signs nothing.
    assert_eq!(chain.refused(T, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "none", None)), "KEY_NOT_FOUND");
    let later = T + 10;
    assert_eq!(
        chain.refused(T, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "ORG-REG", Some(later))),
        "BAD_COMPROMISE_TIME"
    );
    chain.ok(T, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "ORG-REG", None));
    assert_eq!(chain.refused(T, &["ORG-REG"], "identity", add_key("ORG-REG", "kem", "KEM")), "KEY_NOT_AUTHORIZED");
    assert_eq!(chain.refused(T, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "new", None)), "LAST_KEY");
    // The doubt may still grow backwards, never shrink.
    assert_eq!(
        chain.refused(later, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "ORG-REG", None)),
        "KEY_REVOKED"
    );
    chain.ok(later, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "ORG-REG", Some(T - 5)));
    assert_eq!(
        chain.refused(later, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "ORG-REG", Some(T - 5))),
        "BAD_COMPROMISE_TIME"
    );
    chain.ok(later, &["ORG-REG/new"], "identity", revoke_key("ORG-REG", "ORG-REG", Some(T - 6)));
    let keys = chain.ask("identity", json!({"account": {"account": Chain::account("ORG-REG")}})).value["keys"].clone();
    assert_eq!((&keys[0]["revoked_at_ms"], &keys[0]["compromise_since_ms"]), (&json!(T), &json!(T - 6)));
}

/// A key never changes hands, and never acts past its organization: neither in office nor revoked as compromised.
#[test]
fn a_bound_key_does_not_act_for_its_own_account() {
    let mut chain = chain();
    chain.ok(T, &["ORG-REG", "new"], "identity", add_key("ORG-REG", "new", "SIGN"));
    let act = register(&entry("ORG-M1"));
    assert_eq!(chain.refused(T, &["new"], "identity", act.clone()), "KEY_NOT_AUTHORIZED");
    chain.ok(T, &["ORG-REG"], "identity", revoke_key("ORG-REG", "new", Some(T - 5)));
    assert_eq!(chain.refused(T + 1, &["new"], "identity", act.clone()), "KEY_NOT_AUTHORIZED");
    // A rejected applicant's key is free again.
    chain.ok(T + 1, &["ORG-M1"], "identity", act.clone());
    chain.ok(T + 1, &["ORG-GOV-DATA"], "identity", decide("reject", "ORG-M1"));
    chain.ok(T + 1, &["ORG-M1"], "identity", act);
}

/// What a court reads of a certificate is made of what such names are made of.
#[test]
fn the_texts_of_a_certificate_are_narrow() {
    let mut chain = chain();
    let call = |serial: &str, authority: &str| {
        let mut call = add_key("ORG-REG", "new", "SIGN");
        call["add_key"]["certificate"] = json!({"serial": serial, "authority": authority});
        call
    };
    for (serial, authority) in [
        ("", "CFCA"),
        ("01", ""),
        ("01（已核验）", "CFCA"),
        ("0 1", "CFCA"),
        ("01", "某机构，经人民法院核验"),
        ("01", "A  B"),
        ("01", " A"),
        ("01", "A\u{3000}B"),
        ("01", "A\u{202e}B"),
        ("01\u{3164}", "A"),
        ("01", "“A”"),
        ("01", "A\n"),
    ] {
        let refused = chain.refused(T, &["ORG-REG", "new"], "identity", call(serial, authority));
        assert_eq!(refused, "CERTIFICATE_TEXT", "{serial} {authority}");
    }
    chain.ok(T, &["ORG-REG", "new"], "identity", call("6A:01-C3.z_9", "样例电子认证 CFCA-2.0"));
}

#[test]
fn a_supervisor_recovers_an_organization_that_lost_its_keys() {
    let mut chain = chain();
    admit(&mut chain, "ORG-M1", &json!(["DATA_MERCHANT"]));
    assert_eq!(chain.refused(T, &["ORG-M1"], "identity", revoke_key("ORG-M1", "ORG-M1", Some(T))), "LAST_KEY");
    chain.ok(T, &["ORG-GOV-DATA"], "identity", revoke_key("ORG-M1", "ORG-M1", Some(T)));
    assert_eq!(chain.refused(T, &["ORG-M1"], "identity", add_key("ORG-M1", "kem", "KEM")), "KEY_NOT_AUTHORIZED");
    assert_eq!(
        chain.refused(T, &["ORG-REG", "second"], "identity", add_key("ORG-M1", "second", "SIGN")),
        "NOT_ALLOWED"
    );
    chain.ok(T, &["ORG-GOV-DATA", "second"], "identity", add_key("ORG-M1", "second", "SIGN"));
    chain.ok(T, &["ORG-M1/second"], "identity", add_key("ORG-M1", "kem", "KEM"));
}

#[test]
fn a_key_is_valid_within_its_period_only() {
    let mut chain = chain();
    let mut call = add_key("ORG-REG", "new", "SIGN");
    call["add_key"]["from_ms"] = json!(T + 100);
    call["add_key"]["to_ms"] = json!(T + 200);
    chain.ok(T, &["ORG-REG", "new"], "identity", call);
    let probe = |n: u64| add_key("ORG-REG", &format!("seal {n}"), "SEAL");
    assert_eq!(chain.refused(T + 99, &["ORG-REG/new"], "identity", probe(0)), "KEY_NOT_AUTHORIZED");
    chain.ok(T + 100, &["ORG-REG/new"], "identity", probe(1));
    chain.ok(T + 199, &["ORG-REG/new"], "identity", probe(2));
    assert_eq!(chain.refused(T + 200, &["ORG-REG/new"], "identity", probe(3)), "KEY_NOT_AUTHORIZED");
}

#[test]
fn closing_merging_and_splitting_need_the_successors() {
    let mut chain = chain();
    for org_id in ["ORG-M1", "ORG-M2", "ORG-M3"] {
        admit(&mut chain, org_id, &json!([]));
    }
    let close = |into: &str, successors: &[&str]| json!({"close": {"org_id": "ORG-M1", "into": into, "successors": successors}});
    for (into, successors) in [
        ("CLOSED", &["ORG-M2"][..]),
        ("MERGED", &[]),
        ("MERGED", &["ORG-M1"]),
        ("SPLIT", &["ORG-M2"]),
        ("SPLIT", &["ORG-M2", "ORG-M2"]),
        ("ACTIVE", &[]),
        ("MERGED", &["ORG-NONE"]),
    ] {
        assert_eq!(
            chain.refused(T, &["ORG-M1"], "identity", close(into, successors)),
            "SUCCESSOR_MISMATCH",
            "{into} {successors:?}"
        );
    }
    let split = close("SPLIT", &["ORG-M2", "ORG-M3"]);
    assert_eq!(chain.refused(T, &["ORG-M1", "ORG-M2"], "identity", split.clone()), "SUCCESSOR_SIGNATURE_MISSING");
    assert_eq!(chain.refused(T, &["ORG-M2", "ORG-M1", "ORG-M3"], "identity", split.clone()), "NOT_ALLOWED");
    chain.ok(T, &["ORG-M1", "ORG-M2", "ORG-M3"], "identity", split);
    assert_eq!(status(&chain, "ORG-M1"), "SPLIT");
    assert_eq!(chain.refused(T, &["ORG-M1"], "identity", close("CLOSED", &[])), "ACCOUNT_SUSPENDED");
}

#[test]
fn officers_sign_their_own_appointment() {
    let mut chain = chain();
    let appoint = json!({"appoint_officer": {"org_id": "ORG-REG", "account": Chain::account("officer"), "title": "数据官",
        "to_ms": T + 100}});
    let dismiss = json!({"dismiss_officer": {"org_id": "ORG-REG", "account": Chain::account("officer")}});
    assert_eq!(chain.refused(T, &["ORG-REG"], "identity", appoint.clone()), "OFFICER_SIGNATURE_MISSING");
    assert_eq!(chain.refused(T, &["ORG-GOV-FIN", "officer"], "identity", appoint.clone()), "NOT_ALLOWED");
    assert_eq!(chain.refused(T, &["ORG-REG"], "identity", dismiss.clone()), "OFFICER_NOT_FOUND");
    chain.ok(T, &["ORG-REG", "officer"], "identity", appoint.clone());
    assert_eq!(chain.refused(T, &["ORG-REG", "officer"], "identity", appoint), "OFFICER_EXISTS");
    let org_id = OrgId::new("ORG-REG").unwrap();
    let record = |chain: &Chain| officer(&chain.state, &org_id, &Chain::account("officer")).unwrap().unwrap();
    assert!(record(&chain).is_in_office_at(T + 99) && !record(&chain).is_in_office_at(T + 100));
    chain.ok(T + 50, &["ORG-REG"], "identity", dismiss);
    assert!(!record(&chain).is_in_office_at(T + 50));
    assert_eq!(chain.ask("identity", json!({"officers": {"org_id": "ORG-REG"}})).value.as_array().unwrap().len(), 1);
}

#[test]
fn a_genesis_that_repeats_itself_is_refused() {
    let all = founders();
    for field in ["org_id", "uscc"] {
        let mut twin = all[1].clone();
        twin[field] = all[0][field].clone();
        let chain = std::panic::catch_unwind(|| Chain::with(&[all[0].clone(), twin]));
        assert!(chain.is_err(), "{field}");
    }
}

#[test]
fn names_keep_one_spelling() {
    for good in ["ORG-GOV-DATA", "A", "9.X_Y-Z", &"X".repeat(64)] {
        assert_eq!(OrgId::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "org", "-A", "A B", "机构", "A\n", &"X".repeat(65)] {
        assert_eq!(OrgId::new(bad), Err(InvalidOrgId), "{bad:?}");
        assert!(codec::decode::<OrgId>(&codec::encode(&bad.to_owned()), 100).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// However applications, rejections and closures interleave, a code leads to exactly the live organization that holds it.
    #[test]
    fn codes_belong_to_live_organizations(steps in prop::collection::vec((0..4_u8, 0..2_usize, 0..2_usize), 1..20)) {
        let mut chain = chain();
        for (step, org, code) in steps {
            let org_id = format!("ORG-P{org}");
            let (signer, call) = match step {
                0 | 1 => (format!("key {org} {code}"), json!({"register": {
                    "org_id": org_id, "uscc": CODES[code], "name_zh": "样例", "org_type": "SYSTEM"}})),
                2 => ("ORG-GOV-DATA".to_owned(), decide("reject", &org_id)),
                _ => (format!("key {org} {code}"), json!({"close": {"org_id": org_id, "into": "CLOSED"}})),
            };
            chain.send(T, &[&signer], vec![Chain::json("identity", call)]);
            let holders = |uscc: &str| -> Vec<Value> {
                let list = chain.ask("identity", json!({"organizations": {}})).value;
                list.as_array().unwrap().iter().filter(|org| org["uscc"] == *uscc && org["status"] == "APPLIED").cloned().collect()
            };
            for uscc in CODES {
                let named = chain.ask("identity", json!({"code": {"uscc": uscc}})).value;
                let expected = holders(uscc);
                prop_assert!(expected.len() <= 1);
                prop_assert_eq!(expected.first().cloned().unwrap_or(Value::Null), named);
            }
        }
    }
}
