use quancheng_types::{Digest, Outcome, limits};
use serde_json::{Value, json};

use super::*;
use crate::executor::BlockOutput;
use crate::modules::{MODULES, encode_call};
use crate::testing::{Chain, START_MS, outcome_name};

/// Everything that the calls of a block may do, by their declarations, covers what they did. Every block of every test of the contracts
/// passes through here.
pub(crate) fn assert_within_cost(transactions: &[SignedTransaction], output: &BlockOutput) {
    let calls = transactions.iter().flat_map(|transaction| &transaction.body.calls);
    let (mut total, mut payloads) = (Cost::new(), 0);
    for call in calls {
        payloads += call.payload.len() as u64;
        if let Some(module) = modules::by_id(call.module) {
            total = total.and(module.cost(&call.payload));
        }
    }
    let writes = output.patch.writes().count() as u64;
    assert!(writes <= total.writes, "{writes} entries written, {} declared", total.writes);
    let events: Vec<_> = output.receipts.iter().flat_map(|receipt| &receipt.events).collect();
    let declared = total.events;
    let is_faulty =
        transactions.iter().any(|transaction| transaction.body.calls.iter().any(|call| call.module.0 == 60_000));
    assert!(is_faulty || events.len() as u64 <= declared, "{} events reported, {declared} declared", events.len());
    let written: usize =
        output.patch.writes().map(|(key, value)| key.as_bytes().len() + value.map_or(0, <[u8]>::len)).sum();
    let reported: usize = events.iter().map(|event| event.payload.len()).sum();
    let (bytes, declared) = ((written + reported) as u64, total.bytes + payloads + 64 * total.writes);
    assert!(is_faulty || bytes <= declared, "{bytes} bytes written and reported, {declared} declared");
}

fn notarize(relations: usize, seed: u8) -> Call {
    let relates_to: Vec<Value> =
        (0..relations).map(|n| json!({ "kind": "ORDER", "reference": format!("{n:064}") })).collect();
    let commitment = json!({ "root": Digest([seed; 32]).to_string(), "count": 1, "bytes": 10, "complete": false });
    encode_call("evidence", json!({ "notarize": { "commitment": commitment, "relates_to": relates_to } })).unwrap()
}

/// Golden: a change of these numbers changes which blocks are valid.
#[test]
fn weights_are_golden() {
    let mut chain = Chain::sample();
    let one = chain.sign(START_MS, &["someone"], vec![notarize(0, 1)]);
    let related = chain.sign(START_MS, &["someone"], vec![notarize(8, 1)]);
    let many = chain.sign(START_MS, &["someone"], (0..64).map(|n| notarize(0, n + 1)).collect());
    let two = chain.sign(START_MS, &["someone", "another"], vec![notarize(0, 1)]);
    let unknown =
        Call { module: quancheng_types::ModuleId(999), payload: quancheng_types::Bytes::new(vec![0; 640]).unwrap() };
    assert_eq!(
        (
            transaction_weight(&one),
            transaction_weight(&related),
            transaction_weight(&many),
            transaction_weight(&two),
            call_weight(&unknown),
        ),
        (48, 137, 1749, 63, 11)
    );
    assert_eq!(batch_weight([&one, &many]), 48 + 1749);
}

#[test]
fn no_act_is_heavier_than_any_chain_allows() {
    let bytes = u64::from(limits::CALL_BYTES_MAX).div_ceil(BYTES_PER_UNIT) + CALL + TRANSACTION + 8 * SIGNER;
    let document = crate::domain::Commitment::sha256(Digest([7; 32]));
    let decision = json!({ "reason": "CONFORMS", "document": document });
    let cases = [
        (
            "governance",
            json!({ "propose": { "title": "提案", "action": { "revoke_role": { "org_id": "ORG-REG", "role": "COURT" } } } }),
        ),
        ("governance", json!({ "vote": { "proposal": 1, "is_approved": true } })),
        ("registry", json!({ "reject": { "registration": 1, "decision": decision } })),
        ("registry", json!({ "decide_request": { "registration": 1, "is_approved": true, "decision": decision } })),
        ("identity", json!({ "reject": { "org_id": "ORG-REG" } })),
        ("evidence", json!({ "attest_erasure": { "root": Digest([1; 32]) } })),
    ];
    for (module, call) in cases {
        let call_json = call.to_string();
        let call = encode_call(module, call).unwrap();
        let weight = bytes + MODULES.iter().find(|m| m.name() == module).unwrap().cost(&call.payload).weight();
        assert!(weight <= limits::TRANSACTION_WEIGHT_MIN, "{call_json} may weigh {weight}");
    }
    let weight = bytes + call_weight(&notarize(8, 1));
    assert!(weight <= limits::TRANSACTION_WEIGHT_MIN);
}

#[test]
fn a_transaction_that_is_too_heavy_is_refused_without_a_trace() {
    let mut chain = Chain::sample();
    chain.genesis.parameters.transaction_weight_max = limits::TRANSACTION_WEIGHT_MIN;
    let mut chain = Chain::new(chain.genesis);
    let before = chain.state.clone();
    let heavy = chain.send(START_MS, &["someone"], (0..64).map(|n| notarize(8, n + 1)).collect());
    assert_eq!(outcome_name(&heavy.outcome), "OK", "64 calls with 8 relations fit the least limit");
    let mut chain = Chain::new(chain.genesis);
    let vote = encode_call("governance", json!({ "vote": { "proposal": 1, "is_approved": true } })).unwrap();
    let refused = chain.send(START_MS, &["someone"], vec![vote; 3]);
    assert_eq!(outcome_name(&refused.outcome), "TOO_HEAVY");
    assert_eq!(chain.state.0.len(), before.0.len());
}

#[test]
fn only_members_write_unless_genesis_says_anyone() {
    let mut chain = Chain::sample();
    chain.genesis.parameters.writers = quancheng_types::Writers::Members;
    let mut chain = Chain::new(chain.genesis);
    let stranger = chain.send(START_MS, &["someone"], vec![notarize(0, 1)]);
    assert_eq!(outcome_name(&stranger.outcome), "NOT_A_MEMBER");
    assert_eq!(chain.send(START_MS, &["ORG-REG"], vec![notarize(0, 1)]).outcome, Outcome::Ok);
    // A member may let strangers sign beside it, and a stranger may apply.
    assert_eq!(chain.send(START_MS, &["ORG-REG", "someone"], vec![notarize(0, 2)]).outcome, Outcome::Ok);
    let apply = json!({ "register": {
        "org_id": "ORG-NEW", "uscc": "91350100M000100Y43", "name_zh": "新组织", "org_type": "SYSTEM", "roles": [],
    }});
    let apply = encode_call("identity", apply).unwrap();
    let mixed = chain.send(START_MS, &["someone"], vec![apply.clone(), notarize(0, 3)]);
    assert_eq!(outcome_name(&mixed.outcome), "NOT_A_MEMBER", "every call must be open");
    let applied = chain.send(START_MS, &["someone"], vec![apply]);
    assert_eq!(outcome_name(&applied.outcome), "OK");
    // An applicant is no member yet, but may take its application back.
    assert_eq!(outcome_name(&chain.send(START_MS, &["someone"], vec![notarize(0, 4)]).outcome), "NOT_A_MEMBER");
    let close = encode_call("identity", json!({ "close": { "org_id": "ORG-NEW", "into": "CLOSED" } })).unwrap();
    assert_eq!(chain.send(START_MS, &["someone"], vec![close]).outcome, Outcome::Ok);
}
