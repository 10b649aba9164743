//! What the executor promises whatever the modules do.

use borsh::to_vec;
use proptest::prelude::*;
use quancheng_types::codec::encode;
use quancheng_types::{
    AccountId, Bytes, Call, Digest, KeyId, List, ModuleId, Outcome, Signer, SigningKey, Transaction, TransactionId,
    limits, merkle,
};
use serde_json::json;

use super::*;
use quancheng_state::StateKey;
use quancheng_state::table::INDEX_TABLES;

use crate::modules::{MODULES, decode_call, refusal_text};
use crate::refusal::RefusalCode;
use crate::testing::{Chain, START_MS, outcome_name};

fn apply(org_id: &str, uscc: &str) -> Call {
    Chain::json(
        "identity",
        json!({"register": {"org_id": org_id, "uscc": uscc, "name_zh": "样例", "org_type": "ENTERPRISE_PRIVATE"}}),
    )
}

fn core(refusal: CoreRefusal) -> Outcome {
    Outcome::Refused { module: ModuleId(0), code: refusal.code(), call: 0 }
}

/// A code with a valid check character that no sample uses.
const FREE_CODE: &str = "91350100M000100Y43";

fn bare() -> Chain {
    let all = crate::testing::samples()["organizations"].as_array().unwrap().clone();
    Chain::with(&all[..9])
}

#[test]
fn codes_and_words_are_complete_and_unique() {
    let mut modules: Vec<Vec<(u16, crate::RefusalText)>> = MODULES.iter().map(|module| module.refusals()).collect();
    modules.push(CoreRefusal::ALL.iter().map(|refusal| (refusal.code(), refusal.text())).collect());
    for refusals in modules {
        assert!(refusals.windows(2).all(|pair| pair[0].0 < pair[1].0), "codes ascend");
        let mut names: Vec<&str> = refusals.iter().map(|(_, text)| text.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), refusals.len(), "names repeat");
        for (code, text) in refusals {
            assert!(code > 0 && !text.en.is_empty() && !text.zh.is_ascii(), "{}", text.name);
            assert!(
                text.name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                text.name
            );
        }
    }
    assert_eq!(refusal_text(ModuleId(0), 1).unwrap().name, "EXPIRED");
    assert_eq!(refusal_text(ModuleId(99), 1), None);
}

#[test]
fn a_transaction_takes_effect_once() {
    let mut chain = bare();
    let now = START_MS + 1000;
    let transaction = chain.sign(now, &["applicant"], vec![apply("ORG-A", FREE_CODE)]);
    let output = chain.block(now, &[transaction.clone(), transaction.clone()]);
    assert_eq!(output.executed, [0]);
    assert_eq!(output.receipts[0].outcome, Outcome::Ok);
    let state = chain.state.clone();
    let again = chain.block(now + 1000, &[transaction]);
    assert!(again.receipts.is_empty() && again.executed.is_empty());
    assert_eq!(chain.state, state);
}

#[test]
fn positions_count_receipts_and_indexes_name_transactions() {
    let mut chain = bare();
    let now = START_MS + 1000;
    let first = chain.sign(now, &["a"], vec![apply("ORG-A", FREE_CODE)]);
    let second = chain.sign(now, &["b"], vec![apply("ORG-A", FREE_CODE)]);
    let output = chain.block(now, &[first.clone(), first, second]);
    assert_eq!(output.executed, [0, 2]);
    assert_eq!(output.receipts.iter().map(|receipt| receipt.position).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(outcome_name(&output.receipts[1].outcome), "ORGANIZATION_EXISTS");
}

#[test]
fn terms_are_judged_by_block_time() {
    let mut chain = bare();
    let life = chain.genesis.parameters.transaction_lifetime_max_ms;
    // Signed to be valid until `signed + 60 s`.
    let signed = START_MS + 1000;
    for (block, expected) in [
        (signed + 60_000, Outcome::Ok),
        (signed + 60_001, core(CoreRefusal::Expired)),
        (signed + 60_000 - life, Outcome::Ok),
        (signed + 60_000 - life - 1, core(CoreRefusal::LifetimeTooLong)),
    ] {
        let mut chain = chain.clone();
        chain.time_ms = 0;
        let transaction = chain.sign(signed, &["applicant"], vec![apply("ORG-A", FREE_CODE)]);
        assert_eq!(chain.block(block, &[transaction]).receipts[0].outcome, expected, "at {block}");
    }
    let transaction = chain.sign(
        signed,
        &["applicant"],
        vec![
            Chain::json(
                "identity",
                json!({"register": {
        "org_id": "ORG-A", "uscc": FREE_CODE, "name_zh": "样".repeat(80), "org_type": "BANK"}})
            );
            30
        ],
    );
    chain.genesis.parameters.transaction_bytes_max = 1024;
    let mut small = Chain::new(chain.genesis.clone());
    assert_eq!(small.block(signed, &[transaction]).receipts[0].outcome, core(CoreRefusal::TooLarge));
}

/// Whatever was executed long ago: a node that begins with a later state decides the same.
#[test]
fn what_is_far_out_of_its_time_is_passed_over_and_needs_no_id() {
    let chain = bare();
    let life = chain.genesis.parameters.transaction_lifetime_max_ms;
    let signed = START_MS + 2 * replay_window_ms(life);
    let until = signed + 60_000;
    let [expired, early] = [until + OUT_OF_TIME_TOLD_MS, until - life - OUT_OF_TIME_TOLD_MS];
    for (block, receipts) in [(expired, 1), (expired + 1, 0), (early, 1), (early - 1, 0)] {
        let mut chain = chain.clone();
        chain.time_ms = 0;
        let transaction = chain.sign(signed, &["applicant"], vec![apply("ORG-A", FREE_CODE)]);
        let output = chain.block(block, &[transaction]);
        assert_eq!((output.receipts.len(), output.executed.len()), (receipts, receipts), "at {block}");
    }
    // What a block can give a receipt was executed within the window before it, or never.
    assert_eq!(expired - early, replay_window_ms(life));
}

#[test]
fn only_bound_keys_act() {
    let mut chain = bare();
    let now = START_MS + 1000;
    // The key of a stranger for the account of an organization, and for an account that nobody has bound.
    for signer in ["ORG-REG/stranger", "nobody/stranger"] {
        let receipt = chain.send(now, &[signer], vec![apply("ORG-A", FREE_CODE)]);
        assert_eq!(receipt.outcome, core(CoreRefusal::KeyNotAuthorized), "{signer}");
    }
    // The right account, another public key beside a forged key id.
    let (own, other) = (Chain::key("ORG-REG"), Chain::key("stranger"));
    let body = Transaction {
        chain_id: chain.genesis.chain_id(),
        signers: List::new(vec![Signer {
            account: AccountId::of(&own.public_key()),
            key_id: KeyId::of(&own.public_key()),
        }])
        .unwrap(),
        nonce: 0,
        valid_until_ms: now + 1000,
        calls: List::new(vec![apply("ORG-A", FREE_CODE)]).unwrap(),
    };
    let forged = body.sign(&[&other]).unwrap();
    assert_eq!(chain.block(now, &[forged]).receipts[0].outcome, core(CoreRefusal::KeyNotAuthorized));
}

#[test]
fn foreign_bytes_are_refused_with_their_place() {
    let mut chain = bare();
    let now = START_MS + 1000;
    let good = apply("ORG-A", FREE_CODE);
    let bad = |module: u16, payload: Vec<u8>| Call { module: ModuleId(module), payload: Bytes::new(payload).unwrap() };
    let mut trailing = good.payload.to_vec();
    trailing.push(0);
    let truncated = good.payload[..good.payload.len() - 1].to_vec();
    for (call, refusal) in [
        (bad(77, vec![]), CoreRefusal::UnknownModule),
        (bad(0, vec![]), CoreRefusal::UnknownModule),
        (bad(1, vec![]), CoreRefusal::MalformedCall),
        (bad(1, vec![255]), CoreRefusal::MalformedCall),
        (bad(1, trailing), CoreRefusal::MalformedCall),
        (bad(1, truncated), CoreRefusal::MalformedCall),
    ] {
        let before = chain.state.clone();
        let receipt = chain.send(now, &["applicant"], vec![good.clone(), call]);
        let expected = Outcome::Refused { module: ModuleId(0), code: refusal.code(), call: 1 };
        assert_eq!(receipt.outcome, expected);
        assert_eq!(chain.state, before, "the first call is undone too");
    }
}

/// Whatever the modules write, a bundle can show; whatever they do not know, they say so.
#[test]
fn every_entry_can_be_shown() {
    let chain = Chain::sample();
    for (key, value) in &chain.state.0 {
        let entry = crate::describe_entry(key, Some(value)).unwrap();
        assert!(entry.table.starts_with(entry.module) && entry.value.is_some(), "{key}");
        assert_eq!(crate::describe_entry(key, None).unwrap().value, None);
    }
    for module in MODULES {
        let numbers: Vec<u16> = module.tables().iter().map(|table| table.number() & !INDEX_TABLES).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "tables of {} repeat or descend", module.name());
    }
    let answer = chain.ask("identity", json!({"organization": {"org_id": "ORG-NONE"}}));
    let absent = crate::describe_entry(&answer.keys[0], None).unwrap();
    assert_eq!((absent.table, absent.key, absent.value), ("identity.organizations", json!("ORG-NONE"), None));
    let strange = StateKey::from_bytes(vec![0, 1, 0, 99, 0]).unwrap();
    assert!(crate::describe_entry(&strange, None).unwrap_err().to_string().contains("no table 99 of module identity"));
}

/// A panic, an oversized value and too many or too large events are our own faults: refused without a trace. A failing store is
/// fatal instead.
#[test]
fn faults_of_modules_leave_no_trace() {
    let mut chain = bare();
    let now = START_MS + 1000;
    let (most, each) = (limits::RECEIPT_EVENTS_MAX, limits::EVENT_BYTES_MAX - 4);
    for (call, refusal) in [
        (json!("nothing"), None),
        (json!({"events": {"count": most, "bytes": 8}}), None),
        (json!({"events": {"count": 1, "bytes": each}}), None),
        (json!("panic"), Some(CoreRefusal::Internal)),
        (json!("large_value"), Some(CoreRefusal::Internal)),
        (json!({"events": {"count": most + 1, "bytes": 8}}), Some(CoreRefusal::EventsTooLarge)),
        (json!({"events": {"count": 1, "bytes": each + 1}}), Some(CoreRefusal::EventsTooLarge)),
    ] {
        let transaction = chain.sign(now, &["anyone"], vec![Chain::json("fault", call)]);
        let output = chain.preview(now, &[transaction], &[]);
        assert_eq!(output.receipts[0].outcome, refusal.map_or(Outcome::Ok, core));
        assert_eq!(output.patch.is_empty(), refusal.is_some());
        assert_eq!(output.internal_count, u32::from(refusal == Some(CoreRefusal::Internal)));
    }
    let transaction = chain.sign(now, &["anyone"], vec![Chain::json("fault", json!("fatal"))]).seal();
    let never = |_: &TransactionId, _: u64| Ok(false);
    let input = BlockInput {
        chain_id: chain.genesis.chain_id(),
        version: 1,
        height: chain.height.next(),
        time_ms: now,
        batches: &[],
        transactions: &[&transaction],
        already_executed: &never,
        misbehavior: &[],
    };
    assert_eq!(execute_block(&chain.state, &input).unwrap_err(), StoreError::GenesisExists);
}

#[test]
fn simulation_tells_the_receipt_and_changes_nothing() {
    let mut chain = bare();
    let now = START_MS + 1000;
    let transaction = chain.sign(now, &["applicant"], vec![apply("ORG-A", FREE_CODE)]).seal();
    let never = |_: &TransactionId, _: u64| Ok(false);
    let input = BlockInput {
        chain_id: chain.genesis.chain_id(),
        version: 1,
        height: chain.height.next(),
        time_ms: now,
        batches: &[],
        transactions: &[],
        already_executed: &never,
        misbehavior: &[],
    };
    let told = simulate(&chain.state, &input, &transaction).unwrap();
    assert_eq!(told, chain.block(now, &[transaction.into_signed()]).receipts[0]);
}

/// Bytes that clients sign and courts read. A change here is a change of the protocol.
#[test]
fn golden_call_and_receipts_root() {
    let call = apply("ORG-A", FREE_CODE);
    let hex: String = call.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "01050000004f52472d41393133353031303\
         04d30303031303059343306000000e6a0b7e4be8b00000000040000\
         00000000"
            .replace(' ', "")
    );
    assert_eq!(
        decode_call(&call).unwrap(),
        json!({"register": {"org_id": "ORG-A", "uscc": FREE_CODE, "name_zh": "样例", "name_en": "",
            "org_type": "ENTERPRISE_PRIVATE", "merchant_class": null, "region": null, "roles": []}})
    );
    let receipts = [
        Receipt {
            transaction_id: TransactionId(Digest([1; 32])),
            position: 0,
            outcome: Outcome::Ok,
            events: List::empty(),
        },
        Receipt {
            transaction_id: TransactionId(Digest([2; 32])),
            position: 1,
            outcome: Outcome::Refused { module: ModuleId(1), code: 2, call: 3 },
            events: List::empty(),
        },
    ];
    assert_eq!(to_vec(&receipts[1]).unwrap()[32..], [1, 0, 0, 0, 1, 1, 0, 2, 0, 3, 0, 0, 0, 0]);
    let root = merkle::root(&receipts.each_ref().map(Receipt::leaf_hash));
    assert_eq!(root.to_string(), "f0a17f5aa8a14ee07db7675b4b682e1e67721caee7338ecb72de67561ad470a8");
}

/// A bag of transactions, good and bad, some repeated.
fn bag() -> impl Strategy<Value = Vec<(u8, u8, bool)>> {
    prop::collection::vec((0..6_u8, 0..4_u8, any::<bool>()), 1..12)
}

fn transaction(who: u8, what: u8, is_late: bool) -> SignedTransaction {
    let key = SigningKey::from_seed([who; 32]);
    let orgs = ["ORG-A", "ORG-B"];
    let calls = match what {
        0 | 1 => vec![apply(orgs[usize::from(what)], FREE_CODE)],
        2 => vec![apply("ORG-C", FREE_CODE), Call { module: ModuleId(1), payload: Bytes::new(vec![9]).unwrap() }],
        _ => vec![Chain::json("identity", json!({"verify": {"org_id": "ORG-A"}}))],
    };
    let body = Transaction {
        chain_id: bare().genesis.chain_id(),
        signers: List::new(vec![Signer {
            account: AccountId::of(&key.public_key()),
            key_id: KeyId::of(&key.public_key()),
        }])
        .unwrap(),
        nonce: 0,
        valid_until_ms: if is_late { START_MS } else { START_MS + 60_000 },
        calls: List::new(calls).unwrap(),
    };
    body.sign(&[&key]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A block equals its transactions one by one, equal inputs give equal outputs, and every refused transaction could be left out.
    #[test]
    fn blocks_are_deterministic_and_refusals_leave_no_trace(bag in bag()) {
        let transactions: Vec<_> = bag.into_iter().map(|(who, what, is_late)| transaction(who, what, is_late)).collect();
        let mut chain = bare();
        let now = START_MS + 1000;
        let output = chain.preview(now, &transactions, &[]);
        let again = chain.preview(now, &transactions, &[]);
        prop_assert_eq!(&output.patch, &again.patch);
        prop_assert_eq!(&output.receipts, &again.receipts);
        let effective: Vec<_> = output
            .receipts
            .iter()
            .zip(&output.executed)
            .filter(|(receipt, _)| receipt.outcome == Outcome::Ok)
            .map(|(_, index)| transactions[*index as usize].clone())
            .collect();
        let without = chain.preview(now, &effective, &[]);
        prop_assert_eq!(&output.patch, &without.patch);
        let receipts: Vec<_> = output.receipts.iter().map(encode).collect();
        chain.block(now, &transactions);
        prop_assert!(chain.block(now, &transactions).receipts.is_empty(), "{} receipts", receipts.len());
    }
}

#[cfg(feature = "planted-bugs")]
mod planted_bugs {
    use super::*;

    fn input_of<'a>(chain: &Chain, refs: &'a [&'a SealedTransaction], seen: AlreadyExecuted<'a>) -> BlockInput<'a> {
        BlockInput {
            chain_id: chain.genesis.chain_id(),
            version: 1,
            height: chain.height.next(),
            time_ms: START_MS + 1000,
            batches: &[],
            transactions: refs,
            already_executed: seen,
            misbehavior: &[],
        }
    }

    /// Every planted fault changes what comes out, so a harness that compares nodes can see it.
    #[test]
    fn each_fault_shows() {
        let chain = bare();
        let transactions =
            [transaction(1, 0, false), transaction(2, 1, false), transaction(3, 2, false), transaction(1, 0, false)];
        let transactions = transactions.map(SignedTransaction::seal);
        let refs: Vec<_> = transactions.iter().collect();
        let never = |_: &TransactionId, _: u64| Ok(false);
        let input = input_of(&chain, &refs, &never);
        let honest = execute_block(&chain.state, &input).unwrap();
        let differs = |bug| {
            let other = execute_block_with_bug(&chain.state, &input, bug).unwrap();
            (other.receipts, other.patch) != (honest.receipts.clone(), honest.patch.clone())
        };
        assert!((0..8).any(|node_seed| differs(PlantedBug::UnorderedIteration { node_seed })));
        assert!(differs(PlantedBug::DuplicateExecutedTwice));
        assert!(differs(PlantedBug::LocalClock { ahead_ms: 120_000 }));
        assert!(differs(PlantedBug::ReceiptsReversed));
        let ordered = [(ValidatorId::default(), 3)];
        let input = BlockInput { batches: &ordered, ..input };
        let honest = execute_block(&chain.state, &input).unwrap();
        let forgetful = execute_block_with_bug(&chain.state, &input, PlantedBug::WindowsForgotten).unwrap();
        assert_ne!(forgetful.patch, honest.patch);
        // Two calls, the second refused: the first one's writes stay behind. It must come first to write at all.
        let refs = [&transactions[2]];
        let input = input_of(&chain, &refs, &never);
        let leaky = execute_block_with_bug(&chain.state, &input, PlantedBug::RefusalLeavesWrites).unwrap();
        assert!(!leaky.patch.is_empty() && execute_block(&chain.state, &input).unwrap().patch.is_empty());
    }
}
