//! Votes, changes in flight, publications and misbehavior, through the executor.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quancheng_types::{
    AuthorWindow, BlockId, ChainId, Decisions, Digest, Height, MisbehaviorProof, Parameters, Round, Schedule,
    SignedVote, Validator, ValidatorId, ValidatorSet, Vote as ConsensusVote, VoteType,
};
use serde_json::{Value, json};

use super::schedule::effective_height;
use super::*;
use crate::executor::{BlockInput, execute_block};
use crate::testing::{Chain, START_MS};

const T: u64 = START_MS + 1000;
const VOTERS: [&str; 4] = ["ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-AMR", "ORG-REG"];
const DELAY: u64 = 10;

/// A block of batches alone: author and number of each.
fn order_batches(chain: &mut Chain, batches: &[(ValidatorId, u64)]) {
    let input = BlockInput {
        chain_id: chain.genesis.chain_id(),
        version: 1,
        height: chain.height.next(),
        time_ms: chain.time_ms,
        batches,
        transactions: &[],
        already_executed: &|_, _| Ok(false),
        misbehavior: &[],
    };
    let output = execute_block(&chain.state, &input).unwrap();
    let authors: BTreeSet<&ValidatorId> = batches.iter().map(|(author, _)| author).collect();
    assert_eq!(output.patch.len(), authors.len(), "one row for each author");
    chain.height = chain.height.next();
    chain.state.apply(&output.patch);
}

/// What a leaving validator had ordered must not be ordered again, should it come back.
#[test]
fn the_window_of_a_validator_outlives_its_seat() {
    let mut chain = Chain::sample();
    assert_eq!(windows(&chain.state), Ok(Vec::new()), "nothing was ordered before the first block");
    let author = Chain::validator("ORG-REG").id();
    order_batches(&mut chain, &[(author, 5)]);
    assert_eq!(pass(&mut chain, &remove("ORG-REG")), "ACCEPTED");
    idle(&mut chain, DELAY + 1);
    assert_eq!(members(&validator_set_at(&chain.state, chain.height).unwrap()).len(), 3);
    let mut window = AuthorWindow::default();
    window.insert(5);
    assert_eq!(windows(&chain.state), Ok(vec![(author, window)]));
}

fn propose(action: &Value) -> Value {
    json!({"propose": {"action": action, "title": "提案"}})
}

fn vote(proposal: u64, is_approved: bool) -> Value {
    json!({"vote": {"proposal": proposal, "is_approved": is_approved}})
}

fn add(organization: &str) -> Value {
    json!({"add_validator": Chain::validator(organization)})
}

fn remove(organization: &str) -> Value {
    json!({"remove_validator": {"validator": Chain::validator(organization).id()}})
}

fn proposal(chain: &Chain, id: u64) -> Value {
    chain.ask("governance", json!({"proposal": {"proposal": id}})).value
}

/// Proposes and votes until the proposal is decided; returns its status.
fn pass(chain: &mut Chain, action: &Value) -> Value {
    chain.ok(chain.time_ms, &["ORG-GOV-DATA"], "governance", propose(action));
    let id = chain.ask("governance", json!({"proposals": {}})).value.as_array().unwrap().len() as u64;
    chain.ok(chain.time_ms, &["ORG-GOV-FIN"], "governance", vote(id, true));
    chain.ok(chain.time_ms, &["ORG-GOV-AMR"], "governance", vote(id, true));
    proposal(chain, id)["status"].clone()
}

fn members(set: &ValidatorSet) -> Vec<String> {
    let mut names: Vec<String> = set.validators().iter().map(|v| v.organization.to_string()).collect();
    names.sort();
    names
}

fn idle(chain: &mut Chain, blocks: u64) {
    (0..blocks).for_each(|_| drop(chain.block(chain.time_ms, &[])));
}

#[test]
fn more_than_two_thirds_accept_and_the_change_waits_for_its_height() {
    let mut chain = Chain::sample();
    let events = chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&add("ORG-GOV-HPF")));
    assert_eq!(events[0]["proposed"]["proposal"], 1);
    assert_eq!(events[1]["voted"]["power_for"], 1);
    chain.ok(T, &["ORG-GOV-FIN"], "governance", vote(1, true));
    assert_eq!(proposal(&chain, 1)["status"], "OPEN");
    assert_eq!(chain.refused(T, &["ORG-GOV-HPF"], "governance", vote(1, true)), "NOT_A_VOTER");
    assert_eq!(chain.refused(T, &["stranger"], "governance", vote(1, true)), "NOT_A_VOTER");
    assert_eq!(chain.refused(T, &["ORG-REG"], "governance", vote(2, true)), "PROPOSAL_NOT_FOUND");
    let deciding = chain.sign(T, &["ORG-GOV-AMR"], vec![Chain::json("governance", vote(1, true))]);
    let output = chain.block(T, &[deciding]);
    let change = output.decisions.validators.unwrap();
    assert_eq!(change.effective, chain.height.plus(DELAY));
    assert_eq!(change.value.validators().len(), 5);
    assert_eq!(proposal(&chain, 1)["status"], "ACCEPTED");
    assert_eq!(chain.refused(T, &["ORG-REG"], "governance", vote(1, true)), "PROPOSAL_CLOSED");

    // In force exactly from its height; until then the new member has no vote.
    let before = validator_set_at(&chain.state, change.effective.previous().unwrap()).unwrap();
    assert_eq!(before.validators().len(), 4);
    assert_eq!(validator_set_at(&chain.state, change.effective).unwrap(), change.value);
    let other = propose(&remove("ORG-REG"));
    idle(&mut chain, DELAY - 4);
    assert_eq!(chain.refused(T, &["ORG-GOV-HPF"], "governance", other.clone()), "NOT_A_VOTER");
    idle(&mut chain, 1);
    assert_eq!(chain.height.next(), change.effective);
    chain.ok(T, &["ORG-GOV-HPF"], "governance", other);
    assert_eq!(chain.block(T, &[]).decisions, Decisions::default(), "a block that decides nothing reports nothing");
}

#[test]
fn votes_may_change_until_the_proposal_closes() {
    let mut chain = Chain::sample();
    chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&remove("ORG-REG")));
    chain.ok(T, &["ORG-GOV-FIN"], "governance", vote(1, true));
    chain.ok(T, &["ORG-GOV-FIN"], "governance", vote(1, false));
    let events = chain.ok(T, &["ORG-GOV-FIN"], "governance", vote(1, true));
    assert_eq!((&events[0]["voted"]["power_for"], &events[0]["voted"]["power_against"]), (&json!(2), &json!(0)));
    assert_eq!(proposal(&chain, 1)["votes"].as_array().unwrap().len(), 2);
    // Two of four against: three can no longer be reached.
    chain.ok(T, &["ORG-REG"], "governance", vote(1, false));
    assert_eq!(proposal(&chain, 1)["status"], "OPEN");
    chain.ok(T, &["ORG-GOV-AMR"], "governance", vote(1, false));
    assert_eq!(proposal(&chain, 1)["status"], "REJECTED");
    assert_eq!(chain.refused(T, &["ORG-GOV-AMR"], "governance", vote(1, true)), "PROPOSAL_CLOSED");
}

#[test]
fn proposals_expire_by_the_clock_of_blocks_and_are_bounded() {
    let mut chain = Chain::sample();
    let mut short = propose(&remove("ORG-REG"));
    short["propose"]["open_for_ms"] = json!(1000);
    chain.ok(T, &["ORG-GOV-DATA"], "governance", short.clone());
    chain.ok(T + 1000, &["ORG-GOV-FIN"], "governance", vote(1, true));
    assert_eq!(chain.refused(T + 1001, &["ORG-GOV-AMR"], "governance", vote(1, true)), "PROPOSAL_CLOSED");
    assert_eq!(proposal(&chain, 1)["status"], "OPEN", "expiry is computed, never transacted");
    let now = T + 2000;
    for bad in [json!(0), json!(PROPOSAL_OPEN_MAX_MS + 1)] {
        short["propose"]["open_for_ms"] = bad;
        assert_eq!(chain.refused(now, &["ORG-GOV-DATA"], "governance", short.clone()), "BAD_OPEN_TIME");
    }
    for _ in 0..OPEN_PROPOSALS_PER_ORGANIZATION_MAX {
        chain.ok(now, &["ORG-GOV-DATA"], "governance", propose(&remove("ORG-REG")));
    }
    assert_eq!(chain.refused(now, &["ORG-GOV-DATA"], "governance", propose(&remove("ORG-REG"))), "TOO_MANY_OPEN");
    chain.ok(now, &["ORG-GOV-FIN"], "governance", propose(&remove("ORG-REG")));
    assert_eq!(
        chain.refused(now, &["ORG-GOV-FIN"], "governance", json!({"withdraw": {"proposal": 2}})),
        "NOT_THE_PROPOSER"
    );
    chain.ok(now, &["ORG-GOV-DATA"], "governance", json!({"withdraw": {"proposal": 2}}));
    assert_eq!(chain.refused(now, &["ORG-GOV-FIN"], "governance", vote(2, true)), "PROPOSAL_CLOSED");
    chain.ok(now, &["ORG-GOV-DATA"], "governance", propose(&remove("ORG-REG")));
    assert_eq!(chain.ask("governance", json!("open_proposals")).value.as_array().unwrap().len(), 9);
}

#[test]
fn actions_that_cannot_work_are_refused_at_once() {
    let mut chain = Chain::sample();
    let mut unknown = Chain::validator("ORG-NONE");
    let mut taken = Chain::validator("ORG-GOV-HPF");
    taken.node_id = Chain::validator("ORG-REG").node_id;
    let as_node = |key: quancheng_types::PublicKey| quancheng_types::NodeId(Digest(key.as_bytes().try_into().unwrap()));
    // One key as vote and node, of one validator and of two; and the key of an organization as either.
    let organization = Chain::key("ORG-M1").public_key();
    let shared = [0, 1, 2, 3].map(|case| {
        let mut validator = Chain::validator("ORG-GOV-HPF");
        match case {
            0 => validator.node_id = as_node(validator.public_key),
            1 => validator.node_id = as_node(Chain::validator("ORG-REG").public_key),
            2 => validator.public_key = organization,
            _ => validator.node_id = as_node(organization),
        }
        validator
    });
    let mut powerless = Chain::validator("ORG-GOV-HPF");
    powerless.power = 0;
    let mut mighty = Chain::validator("ORG-GOV-HPF");
    mighty.power = 1 << 62;
    let stranger = Chain::validator("ORG-GOV-HPF").id();
    let parameters = Parameters { execution_lag_max: 0, ..Parameters::default() };
    let other_lag =
        Parameters { execution_lag_max: Parameters::default().execution_lag_max + 1, ..Parameters::default() };
    let cases = [
        (add("ORG-REG"), "VALIDATOR_EXISTS"),
        (json!({"add_validator": unknown}), "ORGANIZATION_NOT_ACTIVE"),
        (json!({"add_validator": taken}), "NODE_TAKEN"),
        (json!({"add_validator": shared[0]}), "KEY_SHARED"),
        (json!({"add_validator": shared[1]}), "KEY_SHARED"),
        (json!({"add_validator": shared[2]}), "KEY_SHARED"),
        (json!({"add_validator": shared[3]}), "KEY_SHARED"),
        (json!({"add_validator": powerless}), "POWER_INVALID"),
        (json!({"add_validator": mighty}), "POWER_INVALID"),
        (json!({"remove_validator": {"validator": stranger}}), "VALIDATOR_NOT_FOUND"),
        (
            json!({"replace_validator": {"validator": Chain::validator("ORG-REG").id(), "successor": Chain::validator("ORG-GOV-HPF")}}),
            "ORGANIZATION_DIFFERS",
        ),
        (json!({"change_parameters": parameters}), "PARAMETER_OUT_OF_RANGE"),
        (json!({"change_parameters": other_lag}), "LAG_FIXED"),
        (json!({"schedule_version": {"version": 1, "effective": 100, "notice": ""}}), "VERSION_NOT_NEW"),
        (json!({"schedule_version": {"version": 2, "effective": 10, "notice": ""}}), "VERSION_TOO_SOON"),
        (json!({"publish_calendar": {"year": 2027, "holidays": ["02-30"], "adjusted_workdays": []}}), ""),
        (
            json!({"publish_calendar": {"year": 2027, "holidays": ["02-02", "02-01"], "adjusted_workdays": []}}),
            "CALENDAR_INVALID",
        ),
        (json!({"grant_role": {"org_id": "ORG-M1", "role": "COURT", "from_ms": null, "to_ms": null}}), "ROLE_REFUSED"),
    ];
    for (action, refusal) in cases {
        if refusal.is_empty() {
            // Not even a call: there is no such date.
            let mut call =
                propose(&json!({"publish_calendar": {"year": 2027, "holidays": ["13-01"], "adjusted_workdays": []}}));
            assert!(crate::encode_call("governance", call.take()).is_err());
            continue;
        }
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "governance", propose(&action)), refusal, "{action}");
    }
    unknown.organization = Chain::validator("ORG-GOV-HPF").organization;
    unknown.public_key = quancheng_types::PublicKey::Ed25519([0; 32]);
    assert_eq!(
        chain.refused(T, &["ORG-GOV-DATA"], "governance", propose(&json!({"add_validator": unknown}))),
        "KEY_UNUSABLE"
    );
    let mut untitled = propose(&remove("ORG-REG"));
    untitled["propose"]["title"] = json!("");
    assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "governance", untitled), "TITLE_MISSING");
}

/// The peer identity of a validator in the set is no consensus key for another, and a genesis with a key in two roles makes no state.
#[test]
fn one_key_serves_one_role() {
    let node = Chain::key("a node").public_key();
    let mut first = Chain::validator("ORG-GOV-DATA");
    first.node_id = quancheng_types::NodeId(Digest(node.as_bytes().try_into().unwrap()));
    let genesis = |validators: &[Validator]| {
        let mut genesis = Chain::sample().genesis;
        genesis.validators = ValidatorSet::new(validators.to_vec()).unwrap();
        genesis
    };
    let mut chain = Chain::new(genesis(&[first.clone()]));
    let mut other = Chain::validator("ORG-GOV-HPF");
    other.public_key = node;
    let add = json!({"add_validator": other});
    let replace = json!({"replace_validator": {"validator": first.id(), "successor": {
        "public_key": node, "power": 1, "node_id": first.node_id, "organization": "ORG-GOV-DATA", "interest": "" }}});
    for action in [add, replace] {
        assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "governance", propose(&action)), "KEY_SHARED", "{action}");
    }
    chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&json!({"add_validator": Chain::validator("ORG-GOV-HPF")})));

    let told = |validators: &[Validator]| crate::check_genesis(&genesis(validators)).map_err(|error| error.to_string());
    assert_eq!(told(&[first.clone(), Chain::validator("ORG-REG")]), Ok(()));
    let text = told(&[first, other]).unwrap_err();
    assert!(text.contains("peer identity") && text.contains("网络身份"), "{text}");
    let mut office = Chain::validator("ORG-REG");
    office.public_key = Chain::key("ORG-REG").public_key();
    let text = told(&[office]).unwrap_err();
    assert!(text.contains("key of an organization") && text.contains("组织的密钥"), "{text}");
}

/// What courts read beside a signature, and operators of a version, holds nothing that they do not see: in votes and in a genesis.
#[test]
fn interests_and_notices_hold_what_their_readers_see() {
    let mut chain = Chain::sample();
    let hidden = ["无\u{202e}系关", "x\u{1b}[31m", "无\u{200b}"];
    for text in hidden {
        let mut new = Chain::validator("ORG-GOV-HPF");
        new.interest = quancheng_types::Text::new(text).unwrap();
        let add = json!({"add_validator": new});
        let replace = json!({"replace_validator": {"validator": Chain::validator("ORG-REG").id(), "successor": new}});
        let version = json!({"schedule_version": {"version": 2, "effective": 9000, "notice": text}});
        for action in [add, replace, version] {
            let refused = chain.refused(T, &["ORG-GOV-DATA"], "governance", propose(&action));
            assert_eq!(refused, "TEXT_ILLEGIBLE", "{action}");
        }
        let mut genesis = Chain::sample().genesis;
        genesis.validators = ValidatorSet::new(vec![new]).unwrap();
        let error = crate::check_genesis(&genesis).unwrap_err().to_string();
        assert!(error.contains("validators[0].interest") && error.contains("U+"), "{error}");
        let mut genesis = Chain::sample().genesis;
        genesis.chain_name = quancheng_types::Text::new(text).unwrap();
        let error = crate::check_genesis(&genesis).unwrap_err().to_string();
        assert!(error.contains("chain_name"), "{error}");
    }
    let mut lines = Chain::validator("ORG-GOV-HPF");
    lines.interest = quancheng_types::Text::new("无利害关系").unwrap();
    chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&json!({"add_validator": lines})));
}

/// An action that was possible when proposed and is not when accepted closes the proposal as failed; the votes stand.
#[test]
fn an_action_overtaken_by_events_fails() {
    let mut chain = Chain::sample();
    chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&remove("ORG-REG")));
    assert_eq!(pass(&mut chain, &remove("ORG-REG")), "ACCEPTED");
    chain.ok(chain.time_ms, &["ORG-GOV-FIN"], "governance", vote(1, true));
    chain.ok(chain.time_ms, &["ORG-GOV-AMR"], "governance", vote(1, true));
    let failed = proposal(&chain, 1);
    assert_eq!(failed["status"], "FAILED");
    assert_eq!(failed["failure"], json!({"module": 2, "code": 9}));
    assert_eq!(failed["votes"].as_array().unwrap().len(), 3);
}

#[test]
fn two_changes_in_flight_build_on_each_other() {
    let mut chain = Chain::sample();
    assert_eq!(pass(&mut chain, &add("ORG-GOV-HPF")), "ACCEPTED");
    let first = chain.height.plus(DELAY);
    assert_eq!(pass(&mut chain, &remove("ORG-REG")), "ACCEPTED");
    let second = chain.height.plus(DELAY);
    let at = |height: Height| members(&validator_set_at(&chain.state, height).unwrap());
    assert_eq!(at(first.previous().unwrap()).len(), 4);
    assert_eq!(at(first), ["ORG-GOV-AMR", "ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-HPF", "ORG-REG"]);
    assert_eq!(at(second.previous().unwrap()).len(), 5);
    assert_eq!(at(second), ["ORG-GOV-AMR", "ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-HPF"]);
    assert_eq!(schedules(&chain.state).unwrap().validators.entries().len(), 3);
    let history = chain.ask("governance", json!({"set_history": {}})).value;
    assert_eq!(history.as_array().unwrap().len(), 3);
    assert_eq!(history[1][0], json!(first));

    // Two decisions of one block are one change.
    let mut chain = Chain::sample();
    chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&add("ORG-GOV-HPF")));
    chain.ok(T, &["ORG-GOV-DATA"], "governance", propose(&remove("ORG-REG")));
    for id in [1, 2] {
        chain.ok(T, &["ORG-GOV-FIN"], "governance", vote(id, true));
    }
    let both = [1, 2].map(|id| Chain::json("governance", vote(id, true)));
    let transaction = chain.sign(T, &["ORG-GOV-AMR"], both.to_vec());
    let change = chain.block(T, &[transaction]).decisions.validators.unwrap();
    assert_eq!(members(&change.value), ["ORG-GOV-AMR", "ORG-GOV-DATA", "ORG-GOV-FIN", "ORG-GOV-HPF"]);
    assert_eq!(chain.ask("governance", json!({"set_history": {}})).value.as_array().unwrap().len(), 2);
}

#[test]
fn validators_change_keys_and_come_back() {
    let mut chain = Chain::sample();
    let mut successor = Chain::validator("ORG-REG");
    successor.public_key = Chain::key("rotated").public_key();
    successor.power = 2;
    let old = Chain::validator("ORG-REG").id();
    assert_eq!(pass(&mut chain, &json!({"replace_validator": {"validator": old, "successor": successor}})), "ACCEPTED");
    let record = |id: &ValidatorId| validator(&chain.state, id).unwrap().unwrap();
    assert_eq!(record(&old).status, ValidatorStatus::Removed);
    assert_eq!((record(&successor.id()).status, record(&successor.id()).validator.power), (ValidatorStatus::Member, 2));
    assert_eq!(pass(&mut chain, &remove("ORG-GOV-FIN")), "ACCEPTED");
    assert_eq!(pass(&mut chain, &add("ORG-GOV-FIN")), "ACCEPTED");
    let back = validator(&chain.state, &Chain::validator("ORG-GOV-FIN").id()).unwrap().unwrap();
    assert_eq!((back.status, back.admitted), (ValidatorStatus::Member, Height::GENESIS));
}

#[test]
fn parameters_and_versions_come_into_force_at_their_height() {
    let mut chain = Chain::sample();
    let parameters = Parameters { transaction_lifetime_max_ms: 50_000, ..chain.genesis.parameters };
    assert_eq!(pass(&mut chain, &json!({"change_parameters": parameters})), "ACCEPTED");
    let from = chain.height.plus(DELAY);
    assert_eq!(parameters_at(&chain.state, from.previous().unwrap()).unwrap(), chain.genesis.parameters);
    assert_eq!(parameters_at(&chain.state, from).unwrap(), parameters);
    idle(&mut chain, DELAY - 2);
    chain.ok(chain.time_ms, &["ORG-REG"], "governance", propose(&remove("ORG-GOV-FIN")));
    assert_eq!(chain.height.next(), from);
    let late = chain.send(chain.time_ms, &["ORG-REG"], vec![Chain::json("governance", vote(2, true))]);
    assert_eq!(crate::testing::outcome_name(&late.outcome), "LIFETIME_TOO_LONG");

    let mut chain = Chain::sample();
    let plan = json!({"schedule_version": {"version": 2, "effective": 100, "notice": "安装 0.2"}});
    assert_eq!(pass(&mut chain, &plan), "ACCEPTED");
    assert_eq!(version_at(&chain.state, Height(99)).unwrap().version, 1);
    assert_eq!(version_at(&chain.state, Height(100)).unwrap().notice.as_str(), "安装 0.2");
    assert_eq!(schedules(&chain.state).unwrap().versions.entries().len(), 2);
}

#[test]
fn rule_sets_and_calendars_are_versioned_data() {
    let mut chain = Chain::sample();
    let id = RuleSetId::new("RS-PUB-2025").unwrap();
    let day = |text: &str| text.parse::<crate::domain::Day>().unwrap();
    let first = rule_set_in_force(&chain.state, &id, day("2026-06-01")).unwrap().unwrap();
    assert_eq!((first.version, first.notice_wd, first.requires_prior_evidence()), (1, 10, false));
    let ip = RuleSetId::new("RS-SD-IP-2023").unwrap();
    assert!(rule_set_in_force(&chain.state, &ip, day("2026-06-01")).unwrap().unwrap().requires_prior_evidence());

    let mut second = first.clone();
    second.version = 2;
    second.notice_wd = 15;
    second.effective_from = Some(day("2026-07-01"));
    assert_eq!(pass(&mut chain, &json!({"publish_rule_set": second})), "ACCEPTED");
    for (on, version) in [("2026-06-30", 1), ("2026-07-01", 2), ("2030-01-01", 2)] {
        assert_eq!(rule_set_in_force(&chain.state, &id, day(on)).unwrap().unwrap().version, version, "{on}");
        let asked = chain.ask("governance", json!({"rule_set": {"rule_set": "RS-PUB-2025", "on": on}})).value;
        assert_eq!(asked["version"], version);
    }
    let mut wrong = second.clone();
    for (version, from) in [(2, Some("2026-08-01")), (4, Some("2026-08-01")), (3, Some("2026-06-30")), (3, None)] {
        wrong.version = version;
        wrong.effective_from = from.map(day);
        let call = propose(&json!({"publish_rule_set": wrong}));
        assert_eq!(chain.refused(chain.time_ms, &["ORG-REG"], "governance", call), "RULE_SET_VERSION");
    }
    wrong.review_wd = RULE_SET_DAYS_MAX + 1;
    let call = propose(&json!({"publish_rule_set": wrong}));
    assert_eq!(chain.refused(chain.time_ms, &["ORG-REG"], "governance", call), "RULE_SET_INVALID");
    assert_eq!(chain.ask("governance", json!({"rule_sets": {}})).value.as_array().unwrap().len(), 3);

    let year = json!({"year": 2026, "holidays": ["01-01"], "adjusted_workdays": []});
    assert_eq!(pass(&mut chain, &json!({"publish_calendar": year})), "ACCEPTED");
    assert_eq!(chain.ask("governance", json!({"calendar": {"year": 2026}})).value["edition"], 2);
    assert_eq!(calendar_year(&chain.state, 2026).unwrap().unwrap().holidays.len(), 1);
    let before = chain.ask("governance", json!({"calendar": {"year": 2026, "edition": 1}})).value;
    assert_eq!(before["calendar"]["holidays"].as_array().unwrap().len(), 33);
    assert_eq!(calendar_year(&chain.state, 2027).unwrap(), None);
}

#[test]
fn a_vote_grants_what_no_office_may() {
    let mut chain = Chain::sample();
    let grant = json!({"grant_role": {"org_id": "ORG-GOV-AMR", "role": "SUPERVISOR", "from_ms": null, "to_ms": null}});
    assert_eq!(pass(&mut chain, &grant), "ACCEPTED");
    let suspend = json!({"suspend": {"org_id": "ORG-M1"}});
    chain.ok(chain.time_ms, &["ORG-GOV-AMR"], "identity", suspend);
    let revoke = json!({"revoke_role": {"org_id": "ORG-GOV-AMR", "role": "SUPERVISOR"}});
    assert_eq!(pass(&mut chain, &revoke), "ACCEPTED");
    let resume = json!({"resume": {"org_id": "ORG-M1"}});
    assert_eq!(chain.refused(chain.time_ms, &["ORG-GOV-AMR"], "identity", resume), "NOT_ALLOWED");
}

/// Two votes of one validator for two blocks at one height and round.
fn equivocation(chain_id: ChainId, organization: &str, height: u64) -> MisbehaviorProof {
    conflict(chain_id, organization, height, [1, 2])
}

fn conflict(chain_id: ChainId, organization: &str, height: u64, blocks: [u8; 2]) -> MisbehaviorProof {
    let key = Chain::key(&format!("{organization} consensus"));
    let mut votes = blocks.map(|block| {
        let vote = ConsensusVote {
            chain_id,
            height: Height(height),
            round: Round(0),
            kind: VoteType::Prevote,
            block_id: Some(BlockId(Digest([block; 32]))),
        };
        let signature = key.sign(vote.sign_message().as_bytes());
        SignedVote { vote, validator: ValidatorId::of(&key.public_key()), signature }
    });
    votes.sort_by_key(quancheng_types::codec::encode::<SignedVote>);
    let [first, second] = votes;
    MisbehaviorProof::ConflictingVotes { first, second }
}

#[test]
fn misbehavior_suspends_once_and_never_a_third() {
    let mut chain = Chain::sample();
    let chain_id = chain.genesis.chain_id();
    let proof = equivocation(chain_id, "ORG-REG", 1);
    let output = chain.block_with(T, &[], &[proof.clone(), proof.clone()]);
    assert_eq!(output.misbehavior_recorded, 1);
    let change = output.decisions.validators.unwrap();
    assert_eq!(change.effective, chain.height.plus(DELAY));
    assert_eq!(members(&change.value), ["ORG-GOV-AMR", "ORG-GOV-DATA", "ORG-GOV-FIN"]);
    let record = |chain: &Chain, org: &str| validator(&chain.state, &Chain::validator(org).id()).unwrap().unwrap();
    assert_eq!(record(&chain, "ORG-REG").status, ValidatorStatus::Suspended);

    // The same proof again, another of the same offence, a stranger's, and one that proves nothing: all passed over.
    let MisbehaviorProof::ConflictingVotes { first, .. } = proof.clone() else { unreachable!() };
    let nothing = MisbehaviorProof::ConflictingVotes { first, second: first };
    let foreign = equivocation(ChainId(Digest([9; 32])), "ORG-GOV-FIN", 1);
    let state = chain.state.clone();
    let third = conflict(chain_id, "ORG-REG", 1, [2, 3]);
    let output = chain.block_with(T, &[], &[proof, third, equivocation(chain_id, "ORG-GOV-HPF", 1), nothing, foreign]);
    assert_eq!((output.misbehavior_recorded, output.decisions), (0, Decisions::default()));
    assert_eq!(chain.state, state);

    // A second validator of four would make a half: recorded, but people decide.
    let output =
        chain.block_with(T, &[], &[equivocation(chain_id, "ORG-GOV-FIN", 2), equivocation(chain_id, "ORG-REG", 2)]);
    assert_eq!((output.misbehavior_recorded, output.decisions), (2, Decisions::default()));
    assert_eq!(record(&chain, "ORG-GOV-FIN").status, ValidatorStatus::Flagged);
    let suspended = record(&chain, "ORG-REG");
    assert_eq!((suspended.status, suspended.misbehavior_count), (ValidatorStatus::Suspended, 2));
    let list = chain.ask("governance", json!({"misbehavior": {}})).value;
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!(list[0]["status"], "SUSPENDED");

    // People decide: out with the flagged one, back with the suspended one.
    assert_eq!(pass(&mut chain, &remove("ORG-GOV-FIN")), "ACCEPTED");
    assert_eq!(pass(&mut chain, &add("ORG-REG")), "ACCEPTED");
    assert_eq!(record(&chain, "ORG-REG").status, ValidatorStatus::Member);
}

#[test]
fn the_guard_keeps_small_sets_whole() {
    for (size, is_suspended) in [(1, false), (2, false), (3, false), (4, true)] {
        let mut genesis = Chain::sample().genesis;
        let members: Vec<Validator> = VOTERS[..size].iter().map(|org| Chain::validator(org)).collect();
        genesis.validators = ValidatorSet::new(members).unwrap();
        let mut chain = Chain::new(genesis);
        let proof = equivocation(chain.genesis.chain_id(), VOTERS[0], 1);
        let output = chain.block_with(T, &[], &[proof]);
        assert_eq!(output.misbehavior_recorded, 1);
        assert_eq!(output.decisions.validators.is_some(), is_suspended, "{size} validators");
    }
}

/// The role VALIDATOR follows the set, so the voters are out of any single office's reach exactly as long as they vote.
#[test]
fn voters_are_under_governance_while_they_vote() {
    let mut chain = Chain::sample();
    let suspend = |org_id: &str| json!({"suspend": {"org_id": org_id}});
    chain.ok(T, &["ORG-GOV-DATA"], "identity", suspend("ORG-GOV-TRANS"));
    chain.ok(T, &["ORG-GOV-DATA"], "identity", json!({"resume": {"org_id": "ORG-GOV-TRANS"}}));
    assert_eq!(pass(&mut chain, &add("ORG-GOV-TRANS")), "ACCEPTED");
    assert_eq!(chain.refused(T, &["ORG-GOV-DATA"], "identity", suspend("ORG-GOV-TRANS")), "UNDER_GOVERNANCE");
    assert_eq!(pass(&mut chain, &remove("ORG-GOV-TRANS")), "ACCEPTED");
    chain.ok(T, &["ORG-GOV-DATA"], "identity", suspend("ORG-GOV-TRANS"));

    // A genesis whose voters could not vote is refused by name.
    let mut genesis = Chain::sample().genesis;
    genesis.validators = ValidatorSet::new(vec![Chain::validator("ORG-FORGOTTEN")]).unwrap();
    let refused = crate::genesis_patch(&genesis, &quancheng_state::view::EmptyView).unwrap_err().to_string();
    assert!(refused.contains("validators[0].organization") && refused.contains("ORG-FORGOTTEN"), "{refused}");
}

#[test]
fn the_largest_set_fits_the_state() {
    let mut genesis = Chain::sample().genesis;
    let validators = (0..128).map(|n| {
        let mut validator = Chain::validator(&format!("ORG-{n}"));
        validator.organization = quancheng_types::Text::new("X".repeat(128)).unwrap();
        validator.interest = quancheng_types::Text::new("样".repeat(170)).unwrap();
        validator
    });
    genesis.validators = ValidatorSet::new(validators.collect()).unwrap();
    genesis.modules = quancheng_types::List::empty();
    let chain = Chain::new(genesis.clone());
    assert_eq!(validator_set_at(&chain.state, Height(1)).unwrap(), genesis.validators);
}

/// Blocks of batches: the authors by their place among four validators, and the numbers.
fn blocks_of_batches() -> impl Strategy<Value = Vec<Vec<(usize, u64)>>> {
    let numbers = prop_oneof![0..40_u64, 0..3_000_u64, Just(u64::MAX - 1)];
    prop::collection::vec(prop::collection::vec((0..4_usize, numbers), 0..6), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The windows of the state are those of the blocks, at every height.
    #[test]
    fn the_state_tells_what_the_blocks_ordered(blocks in blocks_of_batches()) {
        let mut chain = Chain::sample();
        let authors = VOTERS.map(|organization| Chain::validator(organization).id());
        let mut expected: BTreeMap<ValidatorId, AuthorWindow> = BTreeMap::new();
        for block in blocks {
            let batches: Vec<_> = block.into_iter().map(|(author, number)| (authors[author], number)).collect();
            for (author, number) in &batches {
                expected.entry(*author).or_default().insert(*number);
            }
            order_batches(&mut chain, &batches);
            prop_assert_eq!(windows(&chain.state).unwrap(), expected.clone().into_iter().collect::<Vec<_>>());
        }
    }
}

proptest! {
    /// Decisions in any order, with any lags: in force never before their delay, never before an earlier one, and always exactly
    /// one at every height from the block on.
    #[test]
    fn schedules_never_run_backwards(steps in prop::collection::vec((0..6_u64, 1..20_u64), 1..30)) {
        let start = Parameters { execution_lag_max: 8, ..Parameters::default() };
        let mut parameters = Schedule::starting(start);
        let mut now = Height(1);
        for (gap, lag) in steps {
            now = now.plus(gap);
            let soonest = effective_height(now, &parameters);
            let in_force = parameters.at(now).unwrap().value.execution_lag_max;
            prop_assert!(soonest >= now.plus(in_force).plus(2));
            let latest = parameters.latest().unwrap().effective;
            let value = Parameters { execution_lag_max: lag, ..start };
            let Ok(entry) = parameters.decide(now, soonest, value) else { continue };
            prop_assert!(entry.effective >= soonest && entry.effective >= latest);
            prop_assert_eq!(parameters.decided_at(now), Some(&entry));
            let heights: Vec<Height> = parameters.entries().iter().map(|entry| entry.effective).collect();
            prop_assert!(heights.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(heights[0] <= now && heights.get(1).is_none_or(|second| *second > now));
            // Whoever makes the header before the change has executed the block that decided it, under any lag in force until then.
            for height in (now.0..entry.effective.0).map(Height) {
                let lag = parameters.at(height).unwrap().value.execution_lag_max;
                prop_assert!(height.0 < entry.effective.0 - 1 || height.0.saturating_sub(lag) >= now.0);
            }
        }
    }
}
