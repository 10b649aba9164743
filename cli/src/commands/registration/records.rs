//! Calls that are made of a record: an application, a supplement, a change.

use quancheng_types::Call;
use serde_json::{Value, json};

use super::{MODULE, arguments, record_at};
use crate::answered::Asked;
use crate::args::registration::{Restate, Submit};
use crate::commands::{bulk, read};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::mapping::{self, APPLICANT_DIFFERS, Mapped, References, Told, record_differs};
use crate::output::Reply;
use crate::session::Session;
use crate::submit::{self, Writer};
use crate::text::{Text, say};
use crate::transaction::call;

/// What the flags say about references of the record.
pub(in crate::commands) fn references(command: &Submit) -> Outcome<References> {
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
        rule_set: command.rule_set.clone(),
        licence,
        ..References::default()
    })
}

pub(super) fn apply(session: &Session, command: &Submit) -> Outcome<Reply> {
    let Some(file) = &command.file else {
        return bulk::run(session, command);
    };
    let record = files::read_json(file)?;
    let references = references(command)?;
    // What is wrong with the record is told before a password is asked for.
    let mut mapped = mapping::registration(record, &references)?;
    let writer = Writer::open(session, &command.write)?;
    let call = application(&mut mapped, &mut Acting::new(&writer))?;
    tell(session, &mapped.told(), &Signed::Application { line: None });
    deliver(&writer, call, &mapped.told())
}

/// Signs one call and submits it; the reply says what of the record is not in it, and what is in it beside.
fn deliver(writer: &Writer<'_>, call: Call, told: &Told) -> Outcome<Reply> {
    let mut reply = writer.deliver(writer.compose(vec![call])?)?;
    submit::insert(&mut reply.data, "left_out", json!(told.left_out));
    submit::insert(&mut reply.data, "supplied", json!(told.supplied));
    Ok(reply)
}

/// The organization for which the signer acts, asked for once and only when a record names an applicant.
pub(in crate::commands) struct Acting<'a> {
    writer: &'a Writer<'a>,
    organization: Option<Option<String>>,
}

impl<'a> Acting<'a> {
    pub(in crate::commands) const fn new(writer: &'a Writer<'a>) -> Self {
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

/// The call for one record.
pub(in crate::commands) fn application(mapped: &mut Mapped, acting: &mut Acting<'_>) -> Outcome<Call> {
    of_signer(mapped, acting)?;
    call(MODULE, json!({ "submit": mapped.content() }))
}

/// On the chain the applicant is whoever signs, so a record of another one is refused.
fn of_signer(mapped: &mut Mapped, acting: &mut Acting<'_>) -> Outcome<()> {
    // The organizations of samples need not be those of this chain.
    let Some(stated) = mapped.named("applicant").filter(|_| !mapped.is_sample) else {
        return Ok(());
    };
    match acting.organization()? {
        Some(organization) if organization == stated => mapped.agree("applicant"),
        Some(organization) => {
            let message = say!(
                "记录的申请人为 {stated}，而所用密钥代表 {organization}。",
                "The record is an application of {stated}, and the key acts for {organization}."
            );
            return Err(Fault::usage(APPLICANT_DIFFERS, message).hint(say!(
                "请用 {stated} 的密钥签署，或改正记录中的 applicant。",
                "Sign with a key of {stated}, or mend the applicant in the record."
            )));
        }
        None => {}
    }
    Ok(())
}

/// What a record was made into, for what is told of it.
pub(in crate::commands) enum Signed {
    /// An application; of a bulk run, that of a line.
    Application {
        /// Its number.
        line: Option<u64>,
    },
    /// A new statement.
    Statement,
}

/// Tells people what of a record is not signed, and what is signed beside it.
pub(in crate::commands) fn tell(session: &Session, told: &Told, signed: &Signed) {
    let place = match signed {
        Signed::Application { line: Some(number) } => Some(say!("第 {number} 行：", "Line {number}:")),
        Signed::Application { line: None } | Signed::Statement => None,
    };
    for words in words_of(told, signed) {
        session.note(&place.as_ref().map_or_else(|| words.clone(), |place| place.and(&words)));
    }
}

fn words_of(told: &Told, signed: &Signed) -> Vec<Text> {
    let mut words = Vec::new();
    let names = told.left_out.join(", ");
    if !names.is_empty() {
        words.push(match signed {
            Signed::Application { .. } => say!(
                "下列内容未写入申请，未签署：{names}。编号、状态与期限由链自行确定，申请人即签署人所代表的组织；样例所引的编号在本链上不存在（可用 --derived-from、--licence、--prior-evidence 指明）。",
                "Not in the application and not signed: {names}. The chain decides numbers, states and periods, and takes the signer's organization as the applicant; what samples refer to is not on this chain (name others with --derived-from, --licence, --prior-evidence)."
            ),
            Signed::Statement => say!(
                "下列内容不在新材料中，未签署：{names}。补正与变更只以新材料替换原材料，登记属于谁、属何种类、在何机构、适用何规则均不因此改变。",
                "Not in the new statement and not signed: {names}. A supplement or a change replaces the statement alone: whose the registration is, of what kind, at which registrar and under which rules stays as it is."
            ),
        });
    }
    let uncompared = told.uncompared.join(", ");
    if !uncompared.is_empty() {
        words.push(say!(
            "未经核对，请自行确认该记录无误：{uncompared}。",
            "Compared with nothing; make sure yourself that this is the right record: {uncompared}."
        ));
    }
    let supplied = told.supplied.join(", ");
    if !supplied.is_empty() {
        words.push(say!(
            "记录未写明而由本程序补入并签署：{supplied}。",
            "Signed although the record does not state it: {supplied}."
        ));
    }
    words
}

/// How a statement comes to replace another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restating {
    /// Of an application, asked for by the registrar.
    Supplement,
    /// Of a certificate.
    Change,
}

impl Restating {
    const fn verb(self) -> &'static str {
        match self {
            Self::Supplement => "supplement",
            Self::Change => "apply_change",
        }
    }
}

pub(super) fn restate(session: &Session, command: &Restate, how: Restating) -> Outcome<Reply> {
    let plain = &command.plain;
    let mut mapped = mapping::statement(files::read_json(&command.file)?)?;
    mapped.check_number(&plain.no)?;
    let call = call(MODULE, arguments(plain, how.verb(), json!({ "dossier": mapped.content() }))?)?;
    let writer = Writer::open(session, &plain.write)?;
    match how {
        // A supplement is the applicant's own.
        Restating::Supplement => {
            of_signer(&mut mapped, &mut Acting::new(&writer))?;
            of_registration(&mut mapped, &writer, &plain.no)?;
        }
        // A change is its holders', who need not be those who applied once.
        Restating::Change => of_registration(&mut mapped, &writer, &plain.no)?,
    }
    tell(session, &mapped.told(), &Signed::Statement);
    deliver(&writer, call, &mapped.told())
}

/// Compares what a record states of itself with the registration as it is proven. Without an endpoint, or without such a registration, nothing is
/// compared, and all of it is told.
fn of_registration(mapped: &mut Mapped, writer: &Writer<'_>, no: &str) -> Outcome<()> {
    let (Some(client), false) = (writer.client_if_any(), mapped.is_sample || mapped.uncompared().is_empty()) else {
        return Ok(());
    };
    let record = match record_at(client, no) {
        Ok(record) => record,
        Err(fault) if fault.exit == Exit::NotFound => return Ok(()),
        Err(fault) => {
            return Err(fault.cause_in(say!(
                "登记 {no} 未经证明，无法与记录核对；未签名",
                "registration {no} is not proven, so the record cannot be compared with it; nothing was signed"
            )));
        }
    };
    agrees(mapped, &record, no)
}

/// Refuses a record that states something else of itself than its registration says.
fn agrees(mapped: &mut Mapped, record: &Value, no: &str) -> Outcome<()> {
    for key in mapped.uncompared() {
        let path = if key == "rule_set" { "/rule_set/rule_set".to_owned() } else { format!("/{key}") };
        let found = record.pointer(&path).and_then(Value::as_str);
        match mapped.named(&key) {
            Some(stated) if found != Some(stated) => {
                let found = found.unwrap_or("-");
                return Err(record_differs(&key, stated, no)
                    .cause_in(say!("该登记的 {key} 为 {found}", "the {key} of the registration is {found}")));
            }
            Some(_) | None => mapped.agree(&key),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    fn sample(change: impl FnOnce(&mut Value)) -> Value {
        let samples: Value = serde_json::from_str(quancheng_testnet_local::SAMPLES).unwrap();
        let all = samples["registrations"].as_array().unwrap();
        let mut record = all.iter().find(|record| record["reg_id"] == "S-REG-08").unwrap().clone();
        record["reg_id"] = json!("2026-7");
        change(&mut record);
        record
    }

    /// A registration as its door gives it.
    fn registered(record: &Value) -> Value {
        let rule_set = json!({ "rule_set": record["rule_set"], "version": 1 });
        json!({
            "id": 1, "applicant": record["applicant"], "kind": record["kind"], "registrar": record["registrar"],
            "rule_set": rule_set, "ledger_no": record["ledger_no"],
        })
    }

    #[test]
    fn a_record_of_another_registration_is_refused() {
        let found = registered(&sample(|_| {}));
        let mut same = mapping::statement(sample(|_| {})).unwrap();
        agrees(&mut same, &found, "1").unwrap();
        assert!(same.told().uncompared.is_empty());
        for (key, value, code) in [
            ("applicant", "ORG-GOV-FIN", APPLICANT_DIFFERS),
            ("kind", "DATA_RESOURCE", "RECORD_DIFFERS"),
            ("registrar", "ORG-NONE", "RECORD_DIFFERS"),
            ("rule_set", "RS-OTHER", "RECORD_DIFFERS"),
        ] {
            let other = sample(|record| {
                record[key] = json!(value);
                record["ledger_no"] = Value::Null;
            });
            let fault = agrees(&mut mapping::statement(other).unwrap(), &found, "1").unwrap_err();
            assert_eq!(fault.code, code, "{key}");
            for lang in [Lang::Zh, Lang::En] {
                let said = format!("{} {}", fault.message.words(lang), fault.causes_in(lang).join(" "));
                assert!(said.contains(key) && said.contains(value), "{said}");
            }
        }
        // A number where the registration has none is that of another one.
        let mut unnumbered = found.clone();
        unnumbered["ledger_no"] = Value::Null;
        let fault = agrees(&mut mapping::statement(sample(|_| {})).unwrap(), &unnumbered, "1").unwrap_err();
        assert_eq!(fault.code, "RECORD_DIFFERS");
    }

    #[test]
    fn what_is_not_signed_not_compared_or_not_stated_is_told() {
        let told = mapping::statement(sample(|_| {})).unwrap().told();
        let words = words_of(&told, &Signed::Statement);
        assert_eq!(words.len(), 3, "{words:?}");
        for lang in [Lang::Zh, Lang::En] {
            let all = words.iter().map(|words| words.words(lang)).collect::<Vec<_>>().join("\n");
            for part in ["applicant ORG-", "kind ", "rule_set ", "registrar ", "ledger_no ", "events", "region 370100"]
            {
                assert!(all.contains(part), "{part}: {all}");
            }
        }
        assert!(words_of(&Told::default(), &Signed::Statement).is_empty());
    }
}
