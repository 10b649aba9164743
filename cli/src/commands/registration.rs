//! `registration`: certificates and their whole life.

mod records;

use serde_json::{Map, Value, json};

pub(super) use self::records::{Acting, Signed, application, references, tell};
use self::records::{Restating, apply, restate};
use crate::answered::Asked;
use crate::args::common::Write;
use crate::args::registration::{
    Decide, Grounds, Object, Plain, Registration, RegistrationList, Release, Rely, Resolve, Review, Revoke, Ruling,
    Show, Transfer,
};
use crate::client::{Client, escape};
use crate::commands::read;
use crate::fault::{Fault, Outcome};
use crate::mapping::serial;
use crate::output::Reply;
use crate::session::Session;
use crate::text::say;
use crate::transaction::{self, call};
use crate::{files, submit};

/// Module of registrations.
pub(super) const MODULE: &str = "registry";

pub(super) fn run(session: &Session, command: Registration) -> Outcome<Reply> {
    match command {
        Registration::Submit(command) => apply(session, &command),
        Registration::Supplement(command) => restate(session, &command, Restating::Supplement),
        Registration::Change(command) => restate(session, &command, Restating::Change),
        Registration::Accept(decide) => conform(session, &decide, "accept", json!({})),
        Registration::RequestSupplement(decide) => request_supplement(session, &decide),
        Registration::Review(command) => review(session, &command),
        Registration::Reject(decide) => decision(session, &decide, "reject", None, json!({})),
        Registration::Notice(notice) => {
            let more = json!({ "from": notice.from });
            conform(session, &notice.decide, "open_notice", more)
        }
        Registration::Object(command) => object(session, &command),
        Registration::Resolve(command) => resolve(session, &command),
        Registration::WithdrawObjection(withdraw) => {
            let more = json!({ "objection": withdraw.objection });
            send(session, &withdraw.plain, "withdraw_objection", more)
        }
        Registration::Issue(issue) => {
            let official = issue.official.as_deref().map(official).transpose()?;
            let more = json!({ "official": official });
            conform(session, &issue.decide, "issue", more)
        }
        Registration::Withdraw(plain) => send(session, &plain, "withdraw", json!({})),
        Registration::Hold(hold) => {
            let more = json!({ "case": hold.case });
            decision(session, &hold.decide, "hold", Some("PRESERVATION"), more)
        }
        Registration::Release(release) => lift(session, &release),
        Registration::Renew(plain) => send(session, &plain, "apply_renewal", json!({})),
        Registration::Cancel(plain) => send(session, &plain, "apply_cancel", json!({})),
        Registration::Transfer(command) => transfer(session, &command),
        Registration::Decide(request) => {
            let reason = request.approve.then_some("HOLDER_REQUEST");
            let more = json!({ "is_approved": request.approve });
            decision(session, &request.decide, "decide_request", reason, more)
        }
        Registration::Revoke(command) => revoke(session, &command),
        Registration::AssignCode(assign) => {
            let more = json!({ "official": official(&assign.official)? });
            send(session, &assign.plain, "assign_code", more)
        }
        Registration::Rely(command) => rely(session, &command),
        Registration::Show(show) => {
            let path = format!("/v1/registrations/{}", escape(checked(&show.no)?));
            read::record(session, &show.read, &path, &Asked::registration(&show.no))
        }
        Registration::Log(show) => part(session, &show, "log"),
        Registration::Objections(show) => part(session, &show, "objections"),
        Registration::List(command) => list(session, &command),
    }
}

/// A code as the chain writes it.
fn upper(text: &str) -> String {
    text.trim().to_ascii_uppercase().replace('-', "_")
}

/// A decision in favour.
fn conform(session: &Session, decide: &Decide, verb: &str, more: Value) -> Outcome<Reply> {
    decision(session, decide, verb, Some("CONFORMS"), more)
}

fn request_supplement(session: &Session, decide: &Decide) -> Outcome<Reply> {
    let reason = Some("MATERIAL_INCOMPLETE");
    decision(session, decide, "request_supplement", reason, json!({}))
}

fn object(session: &Session, command: &Object) -> Outcome<Reply> {
    let document = files::commitment(&command.document)?;
    let more = json!({ "grounds_zh": command.grounds, "document": document });
    send(session, &command.plain, "object", more)
}

fn resolve(session: &Session, command: &Resolve) -> Outcome<Reply> {
    let reason = if command.upheld { "OBJECTION_UPHELD" } else { "OBJECTION_UNFOUNDED" };
    let more = json!({ "objection": command.objection, "is_upheld": command.upheld });
    decision(session, &command.decide, "resolve_objection", Some(reason), more)
}

fn transfer(session: &Session, command: &Transfer) -> Outcome<Reply> {
    let contract = files::commitment_of(&command.contract)?;
    let more = json!({ "from": command.from, "to": command.to, "contract": contract });
    send(session, &command.plain, "apply_transfer", more)
}

/// The number as it was written, once it is known to be one.
fn checked(no: &str) -> Outcome<&str> {
    serial(no).map(|_| no)
}

/// A call about a registration.
fn arguments(plain: &Plain, verb: &str, more: Value) -> Outcome<Value> {
    let mut fields = Map::new();
    fields.insert("registration".to_owned(), json!(serial(&plain.no)?));
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Ok(json!({ verb: fields }))
}

fn send(session: &Session, plain: &Plain, verb: &str, more: Value) -> Outcome<Reply> {
    submit::run(session, &plain.write, vec![call(MODULE, arguments(plain, verb, more)?)?])
}

/// Grounds of a decision. A decision against somebody has no reason of its own and must name one.
fn grounds(grounds: &Grounds, default: Option<&str>) -> Outcome<Value> {
    let reason = grounds.reason.as_deref().or(default).ok_or_else(|| {
        Fault::usage("NO_REASON", say!("未指定理由。", "No reason is named.")).hint(say!(
            "请加 --reason，如 TITLE_DISPUTE 或 UNLAWFUL_SOURCE。",
            "Add --reason, such as TITLE_DISPUTE or UNLAWFUL_SOURCE."
        ))
    })?;
    Ok(json!({
        "reason": upper(reason),
        "officer": grounds.officer,
        "note_zh": grounds.note,
        "document": files::commitment(&grounds.document)?,
    }))
}

fn decided(decide: &Decide, verb: &str, reason: Option<&str>, mut more: Value) -> Outcome<Value> {
    submit::insert(&mut more, "decision", grounds(&decide.grounds, reason)?);
    arguments(&decide.plain, verb, more)
}

fn decision(session: &Session, decide: &Decide, verb: &str, reason: Option<&str>, more: Value) -> Outcome<Reply> {
    let arguments = decided(decide, verb, reason, more)?;
    submit::run(session, &decide.plain.write, vec![call(MODULE, arguments)?])
}

/// `--start`, `--pass` and `--reject` say which act; without any of them the review is begun if need be, and passed.
fn review(session: &Session, command: &Review) -> Outcome<Reply> {
    let decide = &command.decide;
    let start = || {
        decided(
            &Decide { plain: plain_copy(&decide.plain), grounds: without_document(&decide.grounds) },
            "start_review",
            Some("CONFORMS"),
            json!({}),
        )
    };
    let pass = || decided(decide, "review_pass", Some("CONFORMS"), json!({}));
    let acts = if command.start {
        // The only act: what the command names is its grounds.
        vec![decided(decide, "start_review", Some("CONFORMS"), json!({}))?]
    } else if command.reject {
        vec![decided(decide, "reject", None, json!({}))?]
    } else if command.pass || phase(session, &decide.plain)? != "ACCEPTED" {
        vec![pass()?]
    } else {
        vec![start()?, pass()?]
    };
    let calls = acts.into_iter().map(|arguments| call(MODULE, arguments)).collect::<Outcome<Vec<_>>>()?;
    submit::run(session, &decide.plain.write, calls)
}

fn plain_copy(plain: &Plain) -> Plain {
    Plain { no: plain.no.clone(), write: plain.write.clone() }
}

fn without_document(grounds: &Grounds) -> Grounds {
    Grounds { document: crate::args::common::Document::default(), reason: None, ..grounds.clone() }
}

/// The registration as it is proven: what is taken from it is signed.
fn record_of(session: &Session, no: &str, write: &Write) -> Outcome<Value> {
    record_at(&transaction::client(session, write)?, no)
}

fn record_at(client: &Client, no: &str) -> Outcome<Value> {
    let path = format!("/v1/registrations/{}", escape(checked(no)?));
    let absent = say!("没有登记 {no}。", "There is no registration {no}.");
    read::proven(client, &path, &Asked::registration(no), absent)
}

fn phase(session: &Session, plain: &Plain) -> Outcome<String> {
    let record = record_of(session, &plain.no, &plain.write)?;
    Ok(record.get("phase").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// `SCHEME:CODE`.
fn official(text: &str) -> Outcome<Value> {
    let (scheme, code) = text.split_once(':').ok_or_else(|| {
        Fault::usage("BAD_CODE", say!("外部编号形如 体系:编号。", "A number given outside looks like SCHEME:CODE."))
    })?;
    Ok(json!({ "scheme": scheme, "code": code }))
}

fn ruling(ruling: &Ruling) -> Outcome<Option<Value>> {
    match (&ruling.ruling_by, &ruling.ruling_case, &ruling.ruling_document, &ruling.effective_on) {
        (Some(issuer), Some(case), Some(document), Some(day)) => Ok(Some(json!({
            "issuer": issuer, "case": case, "document": files::commitment_of(document)?, "effective_on": day,
        }))),
        _ => Ok(None),
    }
}

fn lift(session: &Session, release: &Release) -> Outcome<Reply> {
    let ruling = ruling(&release.ruling)?;
    let reason = if ruling.is_some() { "EFFECTIVE_RULING" } else { "RISK_REMOVED" };
    let more = json!({ "authority": release.authority, "case": release.case, "ruling": ruling });
    decision(session, &release.decide, "release_hold", Some(reason), more)
}

fn revoke(session: &Session, command: &Revoke) -> Outcome<Reply> {
    let (basis, reason) = match ruling(&command.ruling)? {
        Some(ruling) => (json!({ "ruling": ruling }), "EFFECTIVE_RULING"),
        None => (json!({ "hearing": command.hearing }), "AFTER_HEARING"),
    };
    decision(session, &command.decide, "revoke", Some(reason), json!({ "basis": basis }))
}

fn rely(session: &Session, command: &Rely) -> Outcome<Reply> {
    let version = match command.version_no {
        Some(version) => json!(version),
        None => {
            record_of(session, &command.plain.no, &command.plain.write)?.get("version").cloned().unwrap_or(Value::Null)
        }
    };
    let purpose = upper(&command.purpose);
    let more = json!({ "version": version, "purpose": purpose, "matter": files::commitment(&command.document)? });
    send(session, &command.plain, "record_reliance", more)
}

fn part(session: &Session, show: &Show, what: &str) -> Outcome<Reply> {
    let columns: &[&str] = match what {
        "log" => &["height", "at_ms", "by", "act", "phase", "version"],
        _ => &["objection", "objector", "raised_at_ms", "grounds_zh", "outcome"],
    };
    let question = json!({ what: { "registration": serial(&show.no)? } });
    let path = format!("/v1/registrations/{}", escape(&show.no));
    let owner = read::Owner { path: &path, asked: Asked::registration(&show.no) };
    let mut reply = read::rows(session, &show.read, MODULE, question, columns, &owner)?;
    if what == "objections" {
        // By this number an objection is decided or taken back.
        for (number, row) in
            (0_u32..).zip(reply.data.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten())
        {
            submit::insert(row, "objection", json!(number));
        }
    }
    Ok(reply)
}

fn list(session: &Session, command: &RegistrationList) -> Outcome<Reply> {
    let filters = [("organization", &command.org), ("registrar", &command.registrar), ("kind", &command.kind)];
    let more: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .map(|(name, value)| (name, if name == "kind" { upper(value) } else { value.to_owned() }))
        .collect();
    let columns = &["id", "ledger_no", "kind", "status", "phase", "applicant", "registrar"];
    read::list(session, &command.list, "/v1/registrations", &more, columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::registration::REASONS;

    #[test]
    fn the_help_names_exactly_the_reasons_that_the_registry_knows() {
        let decide = |reason: &str| {
            let decision = json!({ "reason": reason, "document": { "algorithm": "SM3", "digest": "ab".repeat(32) } });
            call(MODULE, json!({ "reject": { "registration": 1, "decision": decision } }))
        };
        for reason in REASONS {
            assert_ne!(decide(reason).err().map(|fault| fault.code), Some("BAD_CALL".to_owned()), "{reason}");
        }
        let unknown = decide("NONE").unwrap_err();
        let listed = unknown.causes_in(crate::text::Lang::En).join(" ");
        assert!(REASONS.iter().all(|reason| listed.contains(&format!("`{reason}`"))), "{listed}");
        // As many as it lists, beside the unknown one.
        assert_eq!(listed.matches('`').count(), 2 * (REASONS.len() + 1), "{listed}");
    }
}
