//! `org` and `account`: organizations, their roles, keys and officers.

use quancheng_proof::identity::{STATUSES, beside};
use quancheng_types::{AccountId, problem as codes};
use serde_json::{Map, Value, json};

use crate::answered::Asked;
use crate::args::common::Write;
use crate::args::org::{
    Account, AccountShow, Org, OrgActivate, OrgAddKey, OrgAppointOfficer, OrgClose, OrgDecide, OrgGrantRole,
    OrgRegister, OrgRevokeKey,
};
use crate::client::escape;
use crate::commands::read;
use crate::fault::{Fault, Outcome};
use crate::output::Reply;
use crate::session::Session;
use crate::text::{Text, say};
use crate::time::{DayEnd, parse_time_ms};
use crate::transaction::{self, call};
use crate::{files, keys, mapping, submit};

/// Module of organizations.
const MODULE: &str = "identity";

pub(super) fn account(session: &Session, command: &Account) -> Outcome<Reply> {
    let Account::Show(show) = command;
    let account = account_named(show)?;
    match read::record(session, &show.read, &format!("/v1/accounts/{account}"), &Asked::account(&account)) {
        // An account without a record is its key's own, and works.
        Err(fault) if fault.code == codes::NOT_FOUND => {
            let mut data = fault.data.unwrap_or_else(|| json!({}));
            submit::insert(&mut data, "account", json!(account));
            submit::insert(&mut data, "account_text", json!(account.to_text()));
            submit::insert(&mut data, "organization", Value::Null);
            let headline = say!(
                "该账户未绑定任何组织，由其密钥自有。",
                "The account is bound to no organization; it is its key's own."
            );
            Ok(Reply::record(data).headline(headline))
        }
        other => other,
    }
}

fn account_named(show: &AccountShow) -> Outcome<AccountId> {
    match (&show.account, &show.key) {
        (Some(text), _) => keys::parse_account(text),
        (None, Some(path)) => Ok(AccountId::of(&keys::public_key(path)?)),
        (None, None) => Err(Fault::usage("NO_ACCOUNT", say!("未指定账户。", "No account is named."))),
    }
}

pub(super) fn run(session: &Session, command: Org) -> Outcome<Reply> {
    match command {
        Org::Register(command) => register(session, &command),
        Org::Verify(decide) => decision(session, &decide, "verify"),
        Org::Reject(decide) => decision(session, &decide, "reject"),
        Org::Suspend(decide) => decision(session, &decide, "suspend"),
        Org::Resume(decide) => decision(session, &decide, "resume"),
        Org::Revoke(decide) => decision(session, &decide, "revoke"),
        Org::Activate(activate) => admit(session, &activate),
        Org::GrantRole(grant) => grant_role(session, &grant),
        Org::RevokeRole(revoke) => {
            let mut arguments = base(&revoke.decide)?;
            arguments.insert("role".to_owned(), json!(upper(&revoke.role)));
            send(session, &revoke.decide.write, json!({ "revoke_role": arguments }))
        }
        Org::AddKey(add) => add_key(session, add),
        Org::RevokeKey(revoke) => revoke_key(session, &revoke),
        Org::Close(close) => end(session, &close),
        Org::AppointOfficer(appoint) => appoint_officer(session, appoint),
        Org::DismissOfficer(dismiss) => {
            let account = keys::parse_account(&dismiss.officer)?;
            send(session, &dismiss.write, json!({ "dismiss_officer": { "org_id": dismiss.org, "account": account } }))
        }
        Org::Show(show) => {
            let path = format!("/v1/organizations/{}", escape(&show.org));
            let mut reply = read::record(session, &show.read, &path, &Asked::organization(&show.org))?;
            reply.headlines.extend(standing(&reply.data));
            Ok(reply)
        }
        Org::List(list) => {
            let columns = &["org_id", "name_zh", "org_type", "status", "uscc"];
            read::list(session, &list, "/v1/organizations", &[], columns)
        }
        Org::Officers(officers) => {
            let question = json!({ "officers": { "org_id": officers.org } });
            let path = format!("/v1/organizations/{}", escape(&officers.org));
            let owner = read::Owner { path: &path, asked: Asked::organization(&officers.org) };
            read::rows(session, &officers.read, MODULE, question, &["account", "title", "from_ms", "to_ms"], &owner)
        }
    }
}

/// What must be read before the name: that nobody vouches for it, or that the organization is not in office.
fn standing(record: &Value) -> Option<Text> {
    let status = record.get("status")?.as_str()?;
    let number = (1_u8..).zip(STATUSES).find(|(_, (_, name))| *name == status).map(|(number, _)| number)?;
    let (zh, en) = beside(number)?;
    Some(say!("该组织：{zh}。", "Of this organization: {en}."))
}

fn register(session: &Session, command: &OrgRegister) -> Outcome<Reply> {
    let (record, left_out) = mapping::organization(files::read_json(&command.file)?)?;
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        session.note(&say!(
            "下列内容未写入申请，未签署：{names}。组织的状态由链自行确定。",
            "Not in the application and not signed: {names}. The chain decides the status of an organization."
        ));
    }
    let mut reply = send(session, &command.write, json!({ "register": record }))?;
    submit::insert(&mut reply.data, "left_out", json!(left_out));
    Ok(reply)
}

fn send(session: &Session, write: &Write, arguments: Value) -> Outcome<Reply> {
    submit::run(session, write, vec![call(MODULE, arguments)?])
}

fn upper(text: &str) -> String {
    text.trim().to_ascii_uppercase().replace('-', "_")
}

/// Organization and document of a decision.
fn base(decide: &OrgDecide) -> Outcome<Map<String, Value>> {
    let mut arguments = Map::new();
    arguments.insert("org_id".to_owned(), json!(decide.org));
    arguments.insert("document".to_owned(), json!(files::commitment(&decide.document)?));
    Ok(arguments)
}

fn decision(session: &Session, decide: &OrgDecide, verb: &str) -> Outcome<Reply> {
    let arguments = base(decide)?;
    send(session, &decide.write, json!({ verb: arguments }))
}

/// Roles of the flags, else those applied for, as it is proven that the chain has them.
fn admit(session: &Session, activate: &OrgActivate) -> Outcome<Reply> {
    let roles = if activate.role.is_empty() {
        let org = &activate.decide.org;
        let client = transaction::client(session, &activate.decide.write)?;
        let absent = say!("没有组织 {org}。", "There is no organization {org}.");
        let path = format!("/v1/organizations/{}", escape(org));
        let record = read::proven(&client, &path, &Asked::organization(org), absent)?;
        record.get("roles_requested").cloned().unwrap_or_else(|| json!([]))
    } else {
        json!(activate.role.iter().map(|role| upper(role)).collect::<Vec<_>>())
    };
    let mut arguments = base(&activate.decide)?;
    arguments.insert("roles".to_owned(), roles);
    send(session, &activate.decide.write, json!({ "activate": arguments }))
}

/// A moment of a flag, ms since 1970 UTC; a bare day means its beginning.
pub(super) fn moment(text: Option<&String>) -> Outcome<Option<u64>> {
    text.map(|text| {
        parse_time_ms(text, DayEnd::First).ok_or_else(|| {
            Fault::usage("BAD_TIME", say!("时间 {text} 无效。", "{text} is not a time.")).hint(say!(
                "形如 2026-11-22 或 2026-11-22T10:00:00+08:00。",
                "It looks like 2026-11-22 or 2026-11-22T10:00:00+08:00."
            ))
        })
    })
    .transpose()
}

fn grant_role(session: &Session, grant: &OrgGrantRole) -> Outcome<Reply> {
    let mut arguments = base(&grant.decide)?;
    arguments.insert("role".to_owned(), json!(upper(&grant.role)));
    arguments.insert("from_ms".to_owned(), json!(moment(grant.from.as_ref())?));
    arguments.insert("to_ms".to_owned(), json!(moment(grant.to.as_ref())?));
    send(session, &grant.decide.write, json!({ "grant_role": arguments }))
}

fn add_key(session: &Session, mut add: OrgAddKey) -> Outcome<Reply> {
    let public_key = match (&add.new_key, &add.public_key) {
        (Some(path), _) => keys::public_key(path)?,
        (None, Some(text)) => keys::parse_public_key(text)?,
        (None, None) => {
            return Err(Fault::usage("NO_KEY", say!("未指定新密钥。", "No new key is named.")));
        }
    };
    // The new key proves that it is at hand by signing too.
    add.write.cosign.extend(add.new_key.clone());
    let arguments = json!({ "add_key": {
        "org_id": add.org, "public_key": public_key, "use": upper(&add.usage),
        "from_ms": moment(add.from.as_ref())?, "to_ms": moment(add.to.as_ref())?,
    } });
    send(session, &add.write, arguments)
}

fn revoke_key(session: &Session, revoke: &OrgRevokeKey) -> Outcome<Reply> {
    let since = moment(revoke.compromised_since.as_ref())?;
    let arguments =
        json!({ "revoke_key": { "org_id": revoke.org, "key_id": revoke.key_id, "compromise_since_ms": since } });
    send(session, &revoke.write, arguments)
}

fn end(session: &Session, close: &OrgClose) -> Outcome<Reply> {
    let into = match close.successor.len() {
        0 => "CLOSED",
        1 => "MERGED",
        _ => "SPLIT",
    };
    let mut arguments = base(&close.decide)?;
    arguments.insert("into".to_owned(), json!(into));
    arguments.insert("successors".to_owned(), json!(close.successor));
    send(session, &close.decide.write, json!({ "close": arguments }))
}

fn appoint_officer(session: &Session, mut appoint: OrgAppointOfficer) -> Outcome<Reply> {
    let account = match (&appoint.officer_key, &appoint.officer) {
        (Some(path), _) => AccountId::of(&keys::public_key(path)?),
        (None, Some(text)) => keys::parse_account(text)?,
        (None, None) => {
            return Err(Fault::usage("NO_ACCOUNT", say!("未指定被任命人。", "No officer is named.")));
        }
    };
    appoint.write.cosign.extend(appoint.officer_key.clone());
    let arguments = json!({ "appoint_officer": {
        "org_id": appoint.org, "account": account, "title": appoint.title, "to_ms": moment(appoint.to.as_ref())?,
    } });
    send(session, &appoint.write, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    /// What an applicant says of itself is not shown as a fact, and an organization out of office not as one in it.
    #[test]
    fn a_record_is_headed_by_where_the_organization_stands() {
        let told = |status: &str| standing(&json!({ "status": status, "name_zh": "济南市中级人民法院" }));
        assert!(told("ACTIVE").is_none() && standing(&json!({})).is_none());
        for (status, zh) in [("APPLIED", "未经核验"), ("REJECTED", "不载是否经过核验"), ("CLOSED", "不载是否经过核验")]
        {
            let told = told(status).unwrap();
            assert!(told.words(Lang::Zh).contains(zh) && told.words(Lang::Zh).contains("自报"), "{told:?}");
            assert!(told.words(Lang::En).contains("its own name for itself"), "{told:?}");
        }
        for (status, zh) in
            [("SUSPENDED", "暂停"), ("REVOKED", "撤销"), ("MERGED", "合并"), ("SPLIT", "分立"), ("VERIFIED", "已核验")]
        {
            let told = told(status).unwrap();
            assert!(told.words(Lang::Zh).contains(zh) && told.words(Lang::En).contains(status), "{told:?}");
        }
    }
}
