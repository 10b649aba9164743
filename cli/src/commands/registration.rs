//! `registration`: certificates and their whole life.

use serde_json::{Map, Value, json};

use crate::answered::Asked;
use crate::args::common::Write;
use crate::args::registration::{
    Decide, Grounds, Object, Plain, Registration, RegistrationList, Release, Rely, Resolve, Restate, Review, Revoke,
    Ruling, Show, Submit, Transfer,
};
use crate::client::escape;
use crate::commands::{bulk, read};
use crate::fault::{Exit, Fault, Outcome};
use crate::mapping::{self, Mapped, References, serial};
use crate::output::Reply;
use crate::session::Session;
use crate::submit::Writer;
use crate::text::say;
use crate::transaction::{self, call};
use crate::{files, submit};

/// Module of registrations.
pub(super) const MODULE: &str = "registry";

pub(super) fn run(session: &Session, command: Registration) -> Outcome<Reply> {
    match command {
        Registration::Submit(command) => apply(session, &command),
        Registration::Supplement(restate) => statement(session, &restate, "supplement"),
        Registration::Change(restate) => statement(session, &restate, "apply_change"),
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

/// What the flags say about references of the record.
pub(super) fn references(command: &Submit) -> Outcome<References> {
    let licence = match &command.licence {
        None => None,
        Some(text) => {
            let (reference, day) = text.rsplit_once('@').ok_or_else(|| {
                Fault::usage(
                    "LICENCE_DAY",
                    say!("--licence 形如 编号@截止日。", "--licence looks like REFERENCE@LAST_DAY."),
                )
            })?;
            Some((reference.to_owned(), day.to_owned()))
        }
    };
    Ok(References {
        prior_evidence: command.prior_evidence.clone(),
        derived_from: command.derived_from.clone(),
        licence,
        ..References::default()
    })
}

fn apply(session: &Session, command: &Submit) -> Outcome<Reply> {
    let Some(file) = &command.file else {
        return bulk::run(session, command);
    };
    let record = files::read_json(file)?;
    let references = references(command)?;
    // What is wrong with the record is told before a password is asked for.
    let mapped = mapping::registration(record, &references)?;
    let writer = Writer::open(session, &command.write)?;
    let (calls, left_out) = application(command, mapped, &mut Acting::new(&writer))?;
    tell_left_out(session, &left_out);
    let mut reply = writer.deliver(writer.compose(calls)?)?;
    submit::insert(&mut reply.data, "left_out", json!(left_out));
    Ok(reply)
}

/// The organization for which the signer acts, asked for once and only when a record names an applicant.
pub(super) struct Acting<'a> {
    writer: &'a Writer<'a>,
    organization: Option<Option<String>>,
}

impl<'a> Acting<'a> {
    pub(super) const fn new(writer: &'a Writer<'a>) -> Self {
        Self { writer, organization: None }
    }

    /// None when nobody can be asked or the account acts for none: then the chain says what is wrong. What is answered is proven, as the account is.
    fn organization(&mut self) -> Outcome<Option<&str>> {
        if self.organization.is_none() {
            self.organization = Some(self.ask()?);
        }
        Ok(self.organization.as_ref().and_then(Option::as_deref))
    }

    fn ask(&self) -> Outcome<Option<String>> {
        let Some(client) = self.writer.client_if_any() else {
            return Ok(None);
        };
        let account = self.writer.account();
        let absent = say!("没有账户 {account}。", "There is no account {account}.");
        match read::proven(client, &format!("/v1/accounts/{account}"), &Asked::account(&account), absent) {
            Ok(record) => Ok(record.get("org_id").and_then(Value::as_str).map(str::to_owned)),
            Err(fault) if fault.exit == Exit::NotFound => Ok(None),
            Err(fault) => Err(fault.cause_in(say!(
                "密钥代表哪一组织未经证明，无法与记录的申请人核对；未签名",
                "for which organization the key acts is not proven, so it cannot be compared with the applicant of the record; nothing was signed"
            ))),
        }
    }
}

/// The call for one record, and what was left out of it. On the chain the applicant is whoever signs, so a record of another one is refused.
pub(super) fn application(
    command: &Submit,
    mut mapped: Mapped,
    acting: &mut Acting<'_>,
) -> Outcome<(Vec<quancheng_types::Call>, Vec<String>)> {
    if let Some(stated) = &mapped.applicant {
        // The organizations of samples need not be those of this chain.
        let organization = if mapped.is_sample { None } else { acting.organization()? };
        match organization {
            Some(organization) if organization == stated => {}
            Some(organization) => {
                let message = say!(
                    "记录的申请人为 {stated}，而所用密钥代表 {organization}。",
                    "The record is an application of {stated}, and the key acts for {organization}."
                );
                return Err(Fault::usage("APPLICANT_DIFFERS", message).hint(say!(
                    "请用 {stated} 的密钥签署，或改正记录中的 applicant。",
                    "Sign with a key of {stated}, or mend the applicant in the record."
                )));
            }
            None => mapped.left_out.push(format!("applicant {stated}")),
        }
    }
    if let Some(rule_set) = &command.rule_set {
        submit::insert(&mut mapped.submit, "rule_set", json!(rule_set));
    }
    Ok((vec![call(MODULE, json!({ "submit": mapped.submit }))?], mapped.left_out))
}

pub(super) fn tell_left_out(session: &Session, left_out: &[String]) {
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        session.note(&say!(
            "下列内容未写入申请：{names}。样例引用在本链上不存在（可用 --derived-from、--licence、--prior-evidence 指明），其余由链自行确定：申请人即签署人所代表的组织。",
            "Not in the application: {names}. References of samples name nothing on this chain (name others with --derived-from, --licence, --prior-evidence); the rest is decided by the chain, which takes the signer's organization as the applicant."
        ));
    }
}

fn statement(session: &Session, restate: &Restate, verb: &str) -> Outcome<Reply> {
    let (dossier, left_out) = mapping::statement(files::read_json(&restate.file)?, &References::default())?;
    tell_left_out(session, &left_out);
    send(session, &restate.plain, verb, json!({ "dossier": dossier }))
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
        vec![start()?]
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
    let client = transaction::client(session, write)?;
    let path = format!("/v1/registrations/{}", escape(checked(no)?));
    let absent = say!("没有登记 {no}。", "There is no registration {no}.");
    read::proven(&client, &path, &Asked::registration(no), absent)
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
