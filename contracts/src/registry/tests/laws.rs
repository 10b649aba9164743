//! Whatever is asked, by whomever, in whatever order: no panic, no trace of a refusal, and the invariants of the module.

use proptest::prelude::*;
use quancheng_types::Outcome;
use serde_json::{Value, json};

use super::super::types::{Phase, Registration, RegistrationId};
use super::{chain, decide, decision, hold, ms, object, paper, refer, sample, submission};
use crate::testing::Chain;

const ACTORS: [&str; 6] = ["ORG-M2", "ORG-REG", "ORG-CRT", "ORG-M1", "ORG-EXCH", "a stranger"];
const DAY_MS: u64 = 24 * 3600 * 1000;

/// One of the calls, about the first registration.
fn call(kind: usize, number: u32) -> Value {
    let id = RegistrationId(1);
    let record = sample("S-REG-06");
    let statement = |storage: &str| {
        let mut dossier = super::dossier(&record, &std::collections::BTreeMap::new());
        dossier["storage"] = storage.into();
        dossier
    };
    match kind {
        0..=6 => {
            let names =
                ["accept", "request_supplement", "start_review", "review_pass", "reject", "open_notice", "issue"];
            decide(names[kind], id, "CONFORMS")
        }
        7 => object(id),
        8 => json!({ "resolve_objection": {
            "registration": id, "objection": number, "is_upheld": number == 3, "decision": decision("CONFORMS"),
        }}),
        9 => json!({ "withdraw_objection": { "registration": id, "objection": number } }),
        10 => refer("withdraw", id),
        11 => hold(id, &format!("case-{number}")),
        12 => json!({ "release_hold": {
            "registration": id, "authority": "ORG-CRT", "case": format!("case-{number}"), "decision": decision("CONFORMS"),
        }}),
        13 => refer("apply_renewal", id),
        14 => {
            json!({ "apply_change": { "registration": id, "dossier": statement(&format!("place {number}")) } })
        }
        15 => {
            json!({ "apply_transfer": { "registration": id, "from": "ORG-M2", "to": "ORG-M1", "contract": paper("contract") } })
        }
        16 => refer("apply_cancel", id),
        17 => {
            json!({ "decide_request": { "registration": id, "is_approved": number != 0, "decision": decision("CONFORMS") } })
        }
        18 => json!({ "supplement": { "registration": id, "dossier": statement("here") } }),
        19 => {
            json!({ "record_reliance": { "registration": id, "version": number, "purpose": "TRADING" } })
        }
        20 => {
            json!({ "assign_code": { "registration": id, "official": { "scheme": "S", "code": format!("{number}") } } })
        }
        21 => json!({ "revoke": {
            "registration": id, "basis": { "hearing": "2026-03-24" }, "decision": decision("AFTER_HEARING"),
        }}),
        _ => submission(&record, &std::collections::BTreeMap::new()),
    }
}

/// What must hold after every transaction.
fn check(chain: &Chain, before: &Registration) {
    let after = chain.registration(RegistrationId(1));
    assert!(after.log >= before.log, "the log only grows");
    assert!(after.version >= before.version, "versions only grow");
    assert!(before.ledger_no.is_none() || after.ledger_no == before.ledger_no, "a number is given once");
    assert_eq!(after.ledger_no.is_some(), matches!(after.phase, Phase::Issued | Phase::Cancelled | Phase::Revoked));
    let is_end = |phase| matches!(phase, Phase::Rejected | Phase::Withdrawn | Phase::Cancelled | Phase::Revoked);
    assert!(!is_end(before.phase) || after.phase == before.phase, "an end is an end");
    if before.phase == Phase::Notice && after.phase == Phase::Issued {
        assert!(before.objections_open == 0 && before.holds.is_empty(), "R1");
        assert!(before.notice.unwrap().closes_at_ms <= chain.time_ms, "R1");
    }
    if after.holders != before.holders {
        assert!(before.holds.is_empty(), "R5");
    }
    let open = (0..after.objections)
        .filter(|number| {
            let objection = super::super::types::OBJECTIONS.read(&chain.state, &(after.id, *number)).unwrap().unwrap();
            objection.outcome.is_none()
        })
        .count();
    assert_eq!(usize::from(after.objections_open), open, "the counter of open objections is right");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_keeps_the_invariants(
        start in 0_u8..3,
        steps in proptest::collection::vec((0_usize..26, 0_usize..9, 0_u32..4, 0_u64..12), 1..60),
    ) {
        let mut chain = chain(1);
        match start {
            0 => chain.submit(ms("2026-03-23T09:30:00+08:00"), &sample("S-REG-06")),
            1 => chain.reviewed(),
            _ => chain.issued(),
        };
        let mut at = chain.time_ms;
        for (kind, actor, number, days) in steps {
            at += if days > 8 { days * DAY_MS } else { days };
            // The registrar acts most often, so that sequences get somewhere.
            let actor = ACTORS[if actor >= ACTORS.len() { 1 } else { actor }];
            let signers = if kind == 15 { vec!["ORG-M2", "ORG-M1"] } else { vec![actor] };
            let before = chain.registration(RegistrationId(1));
            let state = chain.state.clone();
            let receipt = chain.send(at, &signers, vec![Chain::json("registry", call(kind, number))]);
            if receipt.outcome == Outcome::Ok {
                check(&chain, &before);
            } else {
                prop_assert_eq!(&chain.state, &state, "a refusal changes nothing");
                prop_assert!(receipt.events.is_empty());
            }
        }
    }
}
