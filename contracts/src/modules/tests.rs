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
