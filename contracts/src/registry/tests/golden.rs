//! Encodings that must never change once released.

use quancheng_types::codec::encode;
use quancheng_types::hash::sha256;
use serde_json::{Value, json};

use super::super::types::RegistrationId;
use super::super::{Call, Error, Event, Registry};
use super::{decide, object, sample, submission};
use crate::contract::Contract as _;
use crate::modules::encode_call;
use crate::refusal::RefusalCode as _;

fn bytes(call: Value) -> Vec<u8> {
    encode_call(Registry::NAME, call).unwrap().payload.into_vec()
}

#[test]
fn calls_have_fixed_bytes() {
    let id = RegistrationId(1001);
    let short = json!({ "accept": { "registration": id, "decision": { "reason": "CONFORMS" } } });
    assert_eq!(hex(&bytes(short)), "03e9030000010000000000000000".to_owned() + "00");
    assert_eq!(hex(&bytes(json!({ "withdraw": { "registration": id } }))), "0de9030000");
    let digests = [
        (submission(&sample("S-REG-08"), &std::collections::BTreeMap::new()), "SUBMIT"),
        (decide("reject", id, "NO_SUBJECT_AUTHORISATION"), "REJECT"),
        (object(id), "OBJECT"),
    ]
    .map(|(call, name)| format!("{name} {}", sha256(&[&bytes(call)])));
    assert_eq!(digests, GOLDEN);
}

/// SHA-256 of calls too long to write down.
const GOLDEN: [&str; 3] = [
    "SUBMIT 6f8fe0db8a70848adad972a61e3f04d1a4cdbc3115b715d47f3f4cbdc0007a8b",
    "REJECT 3ee44198f5a099a1c93f8896a3982eb879ef738c86efc03c5c8929e566d82e7e",
    "OBJECT 1591c5ae276fbeef46b5258d21d985d42e145c47ec2093b28947661e3388336a",
];

#[test]
fn json_and_borsh_say_the_same() {
    for call in [
        submission(
            &sample("S-REG-05"),
            &std::collections::BTreeMap::from([("S-REG-01".to_owned(), RegistrationId(1))]),
        ),
        object(RegistrationId(7)),
    ] {
        let decoded: Call = serde_json::from_value(call).unwrap();
        let again: Call = serde_json::from_value(serde_json::to_value(&decoded).unwrap()).unwrap();
        assert_eq!(again, decoded);
        assert_eq!(quancheng_types::decode::<Call>(&encode(&decoded), 65_536), Ok(decoded));
    }
    let event = Event::CodeAssigned {
        registration: RegistrationId(1),
        official: serde_json::from_value(json!({ "scheme": "S", "code": "1" })).unwrap(),
    };
    assert_eq!(hex(&encode(&event)), "0901000000010000005301000000".to_owned() + "31");
}

#[test]
fn refusals_are_numbered_without_gaps_and_named_in_both_languages() {
    for (index, error) in Error::ALL.iter().enumerate() {
        assert_eq!(usize::from(error.code()), index + 1);
        let text = error.text();
        assert!(text.name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{}", text.name);
        assert!(!text.zh.is_ascii() && text.en.is_ascii() || text.en.contains("核心数据"), "{}", text.name);
        assert_eq!(Error::ALL.iter().filter(|other| other.text().name == text.name).count(), 1, "{}", text.name);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
