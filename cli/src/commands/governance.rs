//! `governance`: proposals and votes.

use quancheng_contracts::governance::parameters_key;
use quancheng_proof::Claim;
use quancheng_proof::report::shanghai_time;
use quancheng_types::Schedule;
use quancheng_types::codec::decode;
use serde_json::{Map, Value, json};

use crate::answered::{Asked, Question};
use crate::args::governance::{Common, FromFile, Governance, Parameters, Propose, ProposeRole, ValidatorRecord};
use crate::client::{Client, escape};
use crate::commands::org::moment;
use crate::commands::read;
use crate::fault::{Exit, Fault, Outcome};
use crate::output::Reply;
use crate::session::Session;
use crate::text::{Text, number, say};
use crate::time::duration_ms;
use crate::transaction::{self, call};
use crate::{files, submit};

/// Greatest length of the parameters in force and in flight, in bytes: that of any value of the state.
const PARAMETERS_BYTES_MAX: u32 = 64 * 1024;
/// Module of governance.
const MODULE: &str = "governance";

pub(super) fn run(session: &Session, command: Governance) -> Outcome<Reply> {
    match command {
        Governance::Propose(propose) => proposal(session, *propose),
        Governance::Vote(vote) => {
            let document = files::commitment(&vote.document)?;
            let arguments =
                json!({ "vote": { "proposal": vote.proposal, "is_approved": vote.approve, "document": document } });
            submit::run(session, &vote.write, vec![call(MODULE, arguments)?])
        }
        Governance::Withdraw(withdraw) => {
            let arguments = json!({ "withdraw": { "proposal": withdraw.proposal } });
            submit::run(session, &withdraw.write, vec![call(MODULE, arguments)?])
        }
        Governance::Show(show) => {
            let path = format!("/v1/governance/proposals/{}", show.proposal);
            read::record(session, &show.read, &path, &Asked::proposal(show.proposal))
        }
        Governance::List(list) => {
            let columns = &["id", "title", "status", "proposer", "expires_at_ms"];
            read::list(session, &list, "/v1/governance/proposals", &[], columns)
        }
        Governance::RuleSet(named) => {
            let path = format!("/v1/rule-sets/{}", escape(&named.id));
            read::record(session, &named.read, &path, &Asked::RuleSet(named.id.clone()))
        }
        Governance::Calendar(year) => {
            read::record(session, &year.read, &format!("/v1/calendar/{}", year.year), &Asked::calendar(year.year))
        }
    }
}

fn proposal(session: &Session, propose: Propose) -> Outcome<Reply> {
    match propose {
        Propose::AddValidator(add) => {
            let title = format!("增加验证节点：{}", add.record.organization);
            let action = json!({ "add_validator": validator(&add.record) });
            send(session, &action, &title, &add.common)
        }
        Propose::RemoveValidator(remove) => {
            let title = format!("移除验证节点：{}", remove.validator);
            let action = json!({ "remove_validator": { "validator": remove.validator } });
            send(session, &action, &title, &remove.common)
        }
        Propose::ReplaceValidator(replace) => {
            let title = format!("更换验证节点：{}", replace.validator);
            let successor = validator(&replace.record);
            let action = json!({ "validator": replace.validator, "successor": successor });
            let action = json!({ "replace_validator": action });
            send(session, &action, &title, &replace.common)
        }
        Propose::Parameters(change) => {
            let action = json!({ "change_parameters": parameters(session, &change)? });
            send(session, &action, "调整链参数", &change.common)
        }
        Propose::RuleSet(file) => publish(session, &file, "publish_rule_set", "rule_set"),
        Propose::Calendar(file) => publish(session, &file, "publish_calendar", "year"),
        Propose::ScheduleVersion(version) => {
            let title = format!("启用协议版本 {}", version.protocol);
            let action = json!({ "schedule_version": {
                "version": version.protocol, "effective": version.effective, "notice": version.notice,
            } });
            send(session, &action, &title, &version.common)
        }
        Propose::GrantRole(role) => {
            let title = format!("授予角色：{} {}", role.org, role.role);
            let (from_ms, to_ms) = (moment(role.from.as_ref())?, moment(role.to.as_ref())?);
            let more = json!({ "from_ms": from_ms, "to_ms": to_ms });
            let action = json!({ "grant_role": role_action(&role, more) });
            send(session, &action, &title, &role.common)
        }
        Propose::RevokeRole(role) => {
            let title = format!("终止角色：{} {}", role.org, role.role);
            let action = json!({ "revoke_role": role_action(&role, json!({})) });
            send(session, &action, &title, &role.common)
        }
    }
}

/// Publishes what a file holds; the title names it by one of its members.
fn publish(session: &Session, file: &FromFile, verb: &str, member: &str) -> Outcome<Reply> {
    let content: Value = files::read_json(&file.file)?;
    let name = content.get(member).cloned().unwrap_or_default();
    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    let title = format!("发布：{name}");
    send(session, &json!({ verb: content }), &title, &file.common)
}

fn send(session: &Session, action: &Value, title: &str, common: &Common) -> Outcome<Reply> {
    let arguments = json!({ "propose": {
        "action": action,
        "title": common.title.as_deref().unwrap_or(title),
        "open_for_ms": duration_ms(common.open_for),
        "document": files::commitment(&common.document)?,
    } });
    submit::run(session, &common.write, vec![call(MODULE, arguments)?])
}

fn validator(record: &ValidatorRecord) -> Value {
    json!({
        "public_key": record.public_key, "power": record.power, "node_id": record.node_id,
        "organization": record.organization, "interest": record.interest,
    })
}

fn role_action(role: &ProposeRole, mut more: Value) -> Value {
    submit::insert(&mut more, "org_id", json!(role.org));
    submit::insert(&mut more, "role", json!(role.role.trim().to_ascii_uppercase().replace('-', "_")));
    more
}

/// All parameters: of the file, or those in force with the named ones changed. A proposal names all of them, so those in force are held
/// against a certified header, and each change is told.
fn parameters(session: &Session, change: &Parameters) -> Outcome<Value> {
    if let Some(file) = &change.file {
        return files::read_json(file);
    }
    let client = transaction::client(session, &change.common.write)?;
    let found = decided(session, &client)?;
    let mut parameters = found.clone();
    for text in &change.set {
        set(&mut parameters, text)?;
    }
    for (name, value) in parameters.iter().filter(|(name, value)| found.get(*name) != Some(value)) {
        let old = found.get(name).unwrap_or(&Value::Null);
        session.note(&Text::same(format!("{name}: {old} → {value}")));
    }
    Ok(Value::Object(parameters))
}

/// The parameters that were decided last, whether they are in force or not yet: an acceptance replaces all of them.
fn decided(session: &Session, client: &Client) -> Outcome<Map<String, Value>> {
    let key = parameters_key().as_bytes().to_vec();
    let bundle = Question::state(key).ask(client)?;
    let value = bundle.claims.iter().find_map(|claim| match claim {
        Claim::State { value, .. } => value.as_ref(),
        Claim::Transaction { .. } => None,
    });
    let schedule =
        value.and_then(|value| decode::<Schedule<quancheng_types::Parameters>>(value, PARAMETERS_BYTES_MAX).ok());
    let (height, time) = (bundle.header.height, shanghai_time(bundle.header.time_ms));
    let Some(latest) = schedule.as_ref().and_then(Schedule::latest) else {
        let message =
            say!("已证明的状态中没有可读的链参数。", "The proven state holds no parameters that can be read.");
        return Err(Fault::new(Exit::CannotCheck, "PARAMETERS_UNREADABLE", message).hint(say!(
            "本程序的版本可能早于该链所用的规则：请改用新版本。",
            "This program may be older than the rules of the chain: use a newer one."
        )));
    };
    let from = latest.effective;
    session.note(&if from > height {
        say!(
            "以已表决通过、自高度 {from} 起生效的参数为基础（截至高度 {height}，{time}，北京时间）。",
            "Based on the parameters that were voted for and come into force at height {from} (as of height {height}, {time}, Beijing time)."
        )
    } else {
        say!(
            "以现行参数为基础（截至高度 {height}，{time}，北京时间）。",
            "Based on the parameters in force (as of height {height}, {time}, Beijing time)."
        )
    });
    match serde_json::to_value(latest.value) {
        Ok(Value::Object(found)) => Ok(found),
        Ok(_) | Err(_) => Ok(Map::new()),
    }
}

/// Changes one parameter, `NAME=VALUE`, that is there already. What is put to the vote is written as it will stand there.
pub(super) fn set(parameters: &mut Map<String, Value>, text: &str) -> Outcome<()> {
    let bad = || {
        Fault::usage("BAD_PARAMETER", say!("参数 {text} 无效。", "{text} is not a parameter."))
            .hint(say!("形如 heartbeat_ms=1000。", "It looks like heartbeat_ms=1000."))
    };
    let (name, value) = text.split_once('=').ok_or_else(bad)?;
    match parameters.get_mut(name) {
        Some(place) if place.is_string() && value.trim() == value => {
            *place = json!(value);
            Ok(())
        }
        Some(place) if place.is_string() => {
            Err(bad().cause_in(say!("取值前后不得有空白", "there is no blank before or after a value")))
        }
        Some(place) => {
            let value: u64 = number(value).ok_or_else(|| {
                bad().cause_in(say!(
                    "取值为整数，不带空白、符号与前导零",
                    "the value is a whole number, without blanks, a sign or zeros before it"
                ))
            })?;
            *place = json!(value);
            Ok(())
        }
        None => {
            let known = parameters.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(bad().cause_in(say!("可用的参数：{known}", "parameters: {known}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is put to the vote is what was written: a blank or a sign is a slip, or half of something else.
    #[test]
    fn a_parameter_is_written_in_one_way() {
        let all = json!({ "heartbeat_ms": 2000, "writers": "all" }).as_object().cloned().unwrap();
        let changed = |text: &str| {
            let mut parameters = all.clone();
            set(&mut parameters, text).map(|()| parameters).map_err(|fault| fault.code)
        };
        assert_eq!(changed("heartbeat_ms=3000").unwrap()["heartbeat_ms"], json!(3000));
        assert_eq!(changed("writers=members").unwrap()["writers"], json!("members"));
        for text in [
            "heartbeat_ms=3000 ",
            "heartbeat_ms= 3000",
            " heartbeat_ms=3000",
            "heartbeat_ms =3000",
            "heartbeat_ms=+3000",
            "heartbeat_ms=03000",
            "heartbeat_ms=",
            "heartbeat_ms",
            "writers= members",
            "writers=members\n",
            "none=1",
        ] {
            assert_eq!(changed(text).unwrap_err(), "BAD_PARAMETER", "{text:?}");
        }
    }
}
