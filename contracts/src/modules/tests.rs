//! Bytes and JSON of anybody at the doors of the modules: no panic, one spelling per call.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::Commitment;

/// Bytes that get further into a decoder than noise: a call number, then mostly small numbers.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => Just(0_u8), 3 => Just(1_u8), 2 => 0..40_u8, 1 => any::<u8>()];
    (0..40_u8, prop::collection::vec(byte, 0..200)).prop_map(|(number, mut rest)| {
        rest.insert(0, number);
        rest
    })
}

fn value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("ORG-REG".to_owned()),
        Just("20".repeat(32)),
        Just("2027-02-30".to_owned()),
        "[a-z_]{0,8}",
        prop::collection::vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The laws of one call in bytes; whether it is one.
fn check_bytes(module: &dyn Module, payload: &[u8]) -> Result<bool, TestCaseError> {
    let parameters = Parameters::default();
    let verdict = module.check(payload, &parameters);
    match module.call_to_json(payload) {
        Ok(json) => {
            prop_assert_eq!(module.call_from_json(json.clone()).unwrap(), payload, "{}", json);
            Ok(true)
        }
        Err(_) => {
            prop_assert_eq!(verdict, Err(Refusal::core(CoreRefusal::MalformedCall)));
            Ok(false)
        }
    }
}

proptest! {
    #[test]
    fn any_payload_is_refused_or_has_one_spelling(payload in payload()) {
        for module in MODULES {
            check_bytes(*module, &payload)?;
            let _ = module.event_to_json(&payload);
        }
    }

    #[test]
    fn any_json_is_refused_or_has_one_spelling(name in "[a-z_]{1,12}", value in value()) {
        for module in MODULES {
            for json in [value.clone(), json!({name.clone(): value.clone()})] {
                if let Ok(bytes) = module.call_from_json(json) {
                    prop_assert!(check_bytes(*module, &bytes)?);
                }
            }
        }
    }

    /// Bytes near to a real call: bytes replaced, and the end cut off.
    #[test]
    fn mutated_calls(
        sample in 0..4_usize,
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let call = samples()[sample].clone();
        let mut payload = call.payload.to_vec();
        for (at, byte) in bytes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if is_cut {
            payload.truncate(cut.index(payload.len()));
        }
        check_bytes(by_id(call.module).unwrap(), &payload)?;
    }
}

fn samples() -> [Call; 4] {
    let commitment = Commitment::sha256(quancheng_types::Digest([7; 32]));
    let encode = |module, json| encode_call(module, json).unwrap();
    [
        encode("governance", json!({"vote": {"proposal": 1, "is_approved": true}})),
        encode(
            "governance",
            json!({"propose": {"title": "提案", "document": commitment, "action": {"change_parameters": Parameters::default()}}}),
        ),
        encode(
            "governance",
            json!({"propose": {"title": "提案", "action": {"publish_calendar": {"year": 2027, "holidays": ["02-01"], "adjusted_workdays": []}}}}),
        ),
        encode("governance", json!({"withdraw": {"proposal": 7}})),
    ]
}

#[test]
fn samples_are_calls() {
    for call in samples() {
        assert!(check_bytes(by_id(call.module).unwrap(), &call.payload).unwrap());
    }
}

/// Every text of a call that people read later; in each, a mark of direction is refused before the call enters a batch.
#[test]
fn no_call_puts_what_is_not_seen_into_a_name() {
    let hidden = "甲\u{202e}乙";
    let paper = serde_json::json!({ "algorithm": "SHA256", "digest": "ab".repeat(32) });
    let decided = |call: &str, more: serde_json::Value| {
        let mut arguments = serde_json::json!({
            "registration": 1, "decision": { "reason": "CONFORMS", "officer": hidden, "document": paper },
        });
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        serde_json::json!({ call: arguments })
    };
    let case = serde_json::json!({ "case": "C-1" });
    let release = serde_json::json!({ "case": "C-1", "authority": "ORG-C" });
    let basis = serde_json::json!({ "basis": { "hearing": "2026-01-20" } });
    let none = serde_json::json!({});
    let mut calls: Vec<(&str, serde_json::Value, &str)> = Vec::new();
    for (call, more) in [
        ("accept", &none),
        ("request_supplement", &none),
        ("start_review", &none),
        ("review_pass", &none),
        ("reject", &none),
        ("open_notice", &none),
        ("issue", &none),
        ("hold", &case),
        ("release_hold", &release),
        ("revoke", &basis),
    ] {
        calls.push(("registry", decided(call, more.clone()), "TEXT_MISSING"));
    }
    let object = serde_json::json!({ "object": { "registration": 1, "grounds_zh": hidden } });
    calls.push(("registry", object, "TEXT_MISSING"));
    let propose = serde_json::json!({ "propose": { "title": hidden, "action": { "remove_validator": { "validator": "ab".repeat(32) } } } });
    calls.push(("governance", propose, "TITLE_MISSING"));
    let appoint =
        serde_json::json!({ "appoint_officer": { "org_id": "ORG-A", "account": "ab".repeat(32), "title": hidden } });
    calls.push(("identity", appoint, "NAME_MISSING"));
    for (zh, en) in [(hidden, "A"), ("甲", hidden), ("甲", "A\u{200b}")] {
        let register = serde_json::json!({ "register": {
            "org_id": "ORG-A", "uscc": "91370199MA0EXM130F", "name_zh": zh, "name_en": en, "org_type": "BANK",
        } });
        calls.push(("identity", register, "NAME_MISSING"));
    }
    for (call, more) in [("hold", serde_json::json!({ "document": paper })), ("release_hold", none.clone())] {
        let mut arguments = serde_json::json!({ "root": "ab".repeat(32), "case": hidden });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        calls.push(("evidence", serde_json::json!({ call: arguments }), "REFERENCE_INVALID"));
    }
    for (module, json, refusal) in calls {
        let call = encode_call(module, json.clone()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let found = check_call(&call, &Parameters::default()).unwrap_err();
        assert_eq!(refusal_text(found.module, found.code).unwrap().name, refusal, "{json}");
    }
}
