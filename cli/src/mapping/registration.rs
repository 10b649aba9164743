//! A registration's record as an application, or as a new statement of one.

mod keys;
mod mapped;

use std::collections::BTreeMap;

use quancheng_contracts::domain::{LedgerNumber, RegistrationKind};
use serde_json::{Map, Value, json};

pub(super) use self::keys::KEYS;
pub(crate) use self::mapped::{APPLICANT_DIFFERS, Mapped, Told, record_differs};
use super::record::{Account, Fate, Record, Use, plain, told};
use crate::fault::{Fault, Outcome};
use crate::files;
use crate::text::{number, say};

/// Region of data whose record names none: the city of this chain (GB/T 2260).
const REGION_DEFAULT: &str = "370100";
/// How the ids of sample records begin. They name nothing on any chain.
const SAMPLE_PREFIX: &str = "S-";
/// How the ids of sample registrations begin.
const SAMPLE_REGISTRATION: &str = "S-REG-";
/// The whole statement, as the call takes it.
const DOSSIER: &str = "dossier";
/// What an application says of itself beside its statement.
const OF_APPLICATION: [&str; 3] = ["kind", "registrar", "rule_set"];

/// What a record is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// An application: holders are those of its day.
    Application,
    /// A new statement of a registration: holders are those of now.
    Statement,
}

/// What is known beside the record: options, and lines before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    /// Root of evidence notarized before.
    pub(crate) prior_evidence: Option<String>,
    /// Numbers of registrations that the data are derived from.
    pub(crate) derived_from: Vec<String>,
    /// Licence: reference and last day.
    pub(crate) licence: Option<(String, String)>,
    /// Rules to register under.
    pub(crate) rule_set: Option<String>,
    /// Serial numbers by the id of an earlier record.
    pub(crate) serials: BTreeMap<String, u64>,
}

impl References {
    fn sources(&self) -> Outcome<Option<Value>> {
        if self.derived_from.is_empty() {
            return Ok(None);
        }
        let serials: Vec<u32> = self.derived_from.iter().map(|no| serial(no)).collect::<Outcome<_>>()?;
        Ok(Some(json!(serials)))
    }

    fn licence(&self) -> Option<Value> {
        let (reference, valid_to) = self.licence.as_ref()?;
        Some(json!({ "reference": reference, "valid_to": valid_to }))
    }

    fn evidence(&self) -> Option<Value> {
        self.prior_evidence.as_ref().map(|root| json!(root))
    }
}

/// The application of a record.
pub(crate) fn registration(record: Value, references: &References) -> Outcome<Mapped> {
    let mut mapped = mapped(record, references, Purpose::Application)?;
    let mut submit = Map::new();
    for key in OF_APPLICATION {
        let stated = mapped.named.remove(key);
        let given = references.rule_set.as_ref().filter(|_| key == "rule_set");
        let value = match (stated, given) {
            (Some(stated), Some(given)) if stated != *given && mapped.is_sample => {
                mapped.left_out.push(format!("{key} {stated}"));
                given.clone()
            }
            (Some(stated), Some(given)) if stated != *given => {
                return Err(option_differs(key, &json!(stated), &json!(given)));
            }
            (Some(value), _) => value,
            (None, Some(given)) => given.clone(),
            (None, None) => return Err(missing(key)),
        };
        submit.insert(key.to_owned(), json!(value));
    }
    // The chain gives numbers; there is nothing yet to compare one with.
    mapped.left_out.extend(mapped.named.remove("ledger_no").map(|number| format!("ledger_no {number}")));
    submit.insert(DOSSIER.to_owned(), mapped.content);
    Ok(Mapped { content: Value::Object(submit), ..mapped })
}

/// The statement alone, of a whole record or of a statement: what a supplement or a change consists of.
pub(crate) fn statement(record: Value) -> Outcome<Mapped> {
    mapped(record, &References::default(), Purpose::Statement)
}

fn mapped(record: Value, references: &References, purpose: Purpose) -> Outcome<Mapped> {
    let mut record = Record::new(record, KEYS)?;
    let is_sample = record.text("reg_id").is_some_and(is_sample);
    let number = number_of(&record)?;
    if record.look(DOSSIER).is_some() {
        record.resolve(DOSSIER, [DOSSIER], |[whole]| completed(whole, references))?;
    } else {
        flat(&mut record, references, (purpose, is_sample, number))?;
    }
    KEYS.iter().filter(|key| key.fate == Fate::Named).for_each(|key| record.name(key.name));
    let Account { mut signed, told: left_out, supplied, named } = record.finish()?;
    let content = signed.remove(DOSSIER).unwrap_or(Value::Object(signed));
    Ok(Mapped { content, named, left_out, supplied, is_sample })
}

/// Whether an id is that of a sample registration.
fn is_sample(id: &str) -> bool {
    id.strip_prefix(SAMPLE_REGISTRATION)
        .is_some_and(|rest| rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A whole statement with what the options add. What else is wrong with it the call says.
fn completed(whole: Option<Value>, references: &References) -> Outcome<Use> {
    let Some(Value::Object(mut statement)) = whole else {
        return Err(missing(DOSSIER));
    };
    let options = [
        ("derived_from", references.sources()?),
        ("licence", references.licence()),
        ("prior_evidence", references.evidence()),
    ];
    for (key, given) in options {
        let Some(given) = given else { continue };
        match statement.get(key).filter(|stated| !stated.is_null() && **stated != json!([])) {
            Some(stated) if *stated == given => {}
            Some(stated) => return Err(option_differs(key, stated, &given)),
            None => drop(statement.insert(key.to_owned(), given)),
        }
    }
    Ok(Use::signed(Value::Object(statement)))
}

/// A statement key by key.
fn flat(
    record: &mut Record,
    references: &References,
    (purpose, is_sample, number): (Purpose, bool, Option<LedgerNumber>),
) -> Outcome<()> {
    record.sign_all();
    holders(record, purpose)?;
    if record.look("region").is_some() {
        record.sign("region");
    } else {
        record.supply("region", number.map_or_else(|| json!(REGION_DEFAULT), |number| json!(number.region())));
    }
    record.resolve("schema", ["schema", "schema_sm3", "schema_sha256"], |values| digest(values, "schema", "schema"))?;
    let roots = ["manifest_root", "dataset_manifest_root_sm3", "dataset_manifest_root_sha256"];
    record.resolve("manifest_root", roots, |values| digest(values, "manifest_root", "dataset_manifest_root"))?;
    record.resolve("openness", ["openness", "open_attr"], openness)?;
    record.resolve("derived_from", ["derived_from"], |[value]| derived_from(value, references, is_sample))?;
    record.resolve("licence", ["licence"], |[value]| licence(value, references, is_sample))?;
    record.resolve("prior_evidence", ["prior_evidence"], |[value]| prior_evidence(value, references, is_sample))?;
    record.resolve("attestations", ["attestations"], |[value]| Ok(attestations(value, is_sample)))
}

/// The number that a record states; one that cannot be read is refused, as its region would be another's.
fn number_of(record: &Record) -> Outcome<Option<LedgerNumber>> {
    let kind = record.text("kind").map(kind_of).transpose()?;
    let Some(text) = record.text("ledger_no") else {
        return Ok(None);
    };
    let number = text.parse::<LedgerNumber>().map_err(|error| {
        let message = say!(
            "字段 ledger_no 的值 {text} 不是凭证号。",
            "ledger_no is {text}, which is no number of a certificate."
        );
        Fault::usage("BAD_NUMBER", message).cause(error).hint(say!(
            "请改正该字段，或删除它：凭证号形如 QC-370100-PR-2026-00001001-P。",
            "Correct the key, or remove it: a number looks like QC-370100-PR-2026-00001001-P."
        ))
    })?;
    match kind {
        Some(kind) if kind.code() != number.kind() => {
            let message = say!(
                "记录的 kind 为 {kind}，而 ledger_no {text} 属于另一种类。",
                "The record is of kind {kind}, and its ledger_no {text} is of another one."
            );
            Err(Fault::usage("KIND_UNCLEAR", message)
                .hint(say!("请改正其一，或删除 ledger_no。", "Correct one of them, or leave ledger_no out.")))
        }
        Some(_) | None => Ok(Some(number)),
    }
}

fn kind_of(text: &str) -> Outcome<RegistrationKind> {
    RegistrationKind::ALL.into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| {
        let known = RegistrationKind::ALL.map(|kind| kind.to_string()).join(", ");
        Fault::usage("BAD_KIND", say!("{text} 不是登记种类。", "{text} is no kind of registration."))
            .hint(say!("kind 为下列之一：{known}。", "kind is one of: {known}."))
    })
}

fn missing(key: &str) -> Fault {
    let fault = Fault::usage("MISSING_KEY", say!("记录缺少字段 {key}。", "The record lacks the key {key}."));
    fault.hint(say!("请在记录中写明 {key}。", "State {key} in the record."))
}

/// A record and an option say two things of one.
fn option_differs(key: &str, stated: &Value, given: &Value) -> Fault {
    let (option, stated, given) = (key.replace('_', "-"), plain(stated), plain(given));
    let message = say!(
        "记录的 {key} 为 {stated}，而 --{option} 指明 {given}。",
        "The record states {key} {stated}, and --{option} names {given}."
    );
    Fault::usage("OPTION_DIFFERS", message).hint(say!(
        "选项不改写记录所载：请去掉 --{option}，或改正记录中的 {key}。",
        "An option does not change what a record states: leave --{option} out, or correct {key} in the record."
    ))
}

/// Holders at the time of the application. A record of a certificate that was transferred (its version says so) names the present holder; the one
/// who applied held it first (domain model §2.2: a transfer makes a new version), and the record's own holders are told as left out.
fn holders(record: &mut Record, purpose: Purpose) -> Outcome<()> {
    let is_transferred = record.look("previous_holders").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let is_later = record.look("version").and_then(Value::as_u64).is_some_and(|version| version > 1);
    let applicant = record.text("applicant").filter(|_| is_later).map(|applicant| json!([applicant]));
    let first = match (purpose, is_transferred, applicant) {
        (Purpose::Application, true, None) => return Err(holders_unclear()),
        (Purpose::Application, true, first) => first,
        (Purpose::Application, false, _) | (Purpose::Statement, _, _) => None,
    };
    record.resolve("holders", ["holders", "holder"], |[list, one]| {
        let (name, one) = (if list.is_some() { "holders" } else { "holder" }, one.map(|one| json!([one])));
        if let (Some(list), Some(one)) = (&list, &one)
            && list != one
        {
            let message = say!("holder 与 holders 不一致。", "holder and holders contradict each other.");
            return Err(Fault::usage("HOLDERS_UNCLEAR", message).hint(say!(
                "请在 holders 中写明全部持有人，并删去 holder。",
                "State all of them in holders, and leave out holder."
            )));
        }
        match (list.or(one), &first) {
            (stated, Some(first)) => Ok(Use::Left(
                stated.filter(|stated| stated != first).map(|stated| told(name, &stated)).into_iter().collect(),
            )),
            (Some(stated), None) => Ok(Use::signed(stated)),
            (None, None) => Err(missing("holders")),
        }
    })?;
    if let Some(first) = first {
        record.supply("holders", first);
    }
    Ok(())
}

fn holders_unclear() -> Fault {
    let message = say!(
        "记录写有 previous_holders，无法确定申请时的持有人。",
        "The record has previous_holders, so who held the data at the application is unclear."
    );
    Fault::usage("HOLDERS_UNCLEAR", message).hint(say!(
        "请在 holders 中写申请时的持有人，并删去 previous_holders；转移记录的 version 须大于 1。",
        "State the holders at the application in holders and leave out previous_holders; a record of a transferred certificate has a version above 1."
    ))
}

fn openness([openness, open_attr]: [Option<Value>; 2]) -> Outcome<Use> {
    match (openness, open_attr) {
        (Some(one), Some(other)) if one != other => {
            let message = say!("open_attr 与 openness 不一致。", "open_attr and openness contradict each other.");
            Err(Fault::usage("OPENNESS_UNCLEAR", message).hint(say!("请只保留其一。", "Leave one of them out.")))
        }
        (Some(value), _) | (None, Some(value)) => Ok(Use::signed(value)),
        (None, None) => Ok(Use::Left(Vec::new())),
    }
}

/// A commitment under its own key, or a bare digest under a key that ends in the name of its algorithm; stated in several ways, it is the same.
fn digest([whole, sm3, sha256]: [Option<Value>; 3], key: &str, bare: &str) -> Outcome<Use> {
    let whole = match whole {
        Some(Value::String(text)) => Some(files::parse_commitment(&text)?),
        other => other,
    };
    let of = |algorithm: &str, digest: Option<Value>| {
        digest.map(|digest| json!({ "algorithm": algorithm, "digest": digest }))
    };
    let ways = [
        (key.to_owned(), whole),
        (format!("{bare}_sm3"), of("SM3", sm3)),
        (format!("{bare}_sha256"), of("SHA256", sha256)),
    ];
    let stated: Vec<(String, Value)> = ways.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let Some((_, first)) = stated.first() else {
        return Err(missing(key));
    };
    if stated.iter().all(|(_, value)| value == first) {
        return Ok(Use::signed(first.clone()));
    }
    let names = |or: &str| stated.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(or);
    let (zh, en) = (names("、"), names(" and "));
    let message = say!("{zh} 不一致。", "{en} contradict each other.");
    Err(Fault::usage("DIGEST_UNCLEAR", message).hint(say!(
        "一份材料只登记一个摘要：请只保留其一。",
        "One digest is registered of one thing: leave one of them."
    )))
}

/// A registration's serial number, from either of its numbers.
pub(crate) fn serial(text: &str) -> Outcome<u32> {
    if let Some(serial) = number(text) {
        return Ok(serial);
    }
    text.parse::<LedgerNumber>().map(LedgerNumber::serial).map_err(|error| {
        let message = say!("{text} 不是登记编号。", "{text} is not the number of a registration.");
        Fault::usage("BAD_NUMBER", message).cause(error).hint(say!(
            "登记编号为流水号（如 7，前面不加零与符号）或凭证号（如 QC-370100-PR-2026-00001001-P）。",
            "It is a serial number such as 7, without zeros or a sign before it, or the number of a certificate such as QC-370100-PR-2026-00001001-P."
        ))
    })
}

/// Whether a value is an id that samples use among themselves. In a record of one's own it is taken for what it says.
fn names_nothing(value: &Value, is_sample: bool) -> bool {
    is_sample && value.as_str().is_some_and(|id| id.starts_with(SAMPLE_PREFIX))
}

fn derived_from(value: Option<Value>, references: &References, is_sample: bool) -> Outcome<Use> {
    let (given, mut left_out, mut stated) = (references.sources()?, Vec::new(), Vec::new());
    let mut resolved = Vec::new();
    for entry in value.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        // A number says by itself which registration it is.
        let known = entry.as_str().filter(|id| serial(id).is_err()).and_then(|id| references.serials.get(id));
        stated.push(match (known, entry.as_str()) {
            // The option takes the place of ids that name nothing, also of those that a line before gave a meaning.
            (known, _) if names_nothing(entry, is_sample) && (known.is_none() || given.is_some()) => {
                left_out.push(told("derived_from", entry));
                continue;
            }
            (Some(serial), Some(id)) => {
                resolved.push(format!("derived_from {id} = {serial}"));
                json!(serial)
            }
            (None, Some(no)) => json!(serial(no)?),
            (_, None) => entry.clone(),
        });
    }
    match given {
        Some(given) if stated.is_empty() || json!(stated) == given => Ok(Use::Signed(given, left_out)),
        Some(given) => Err(option_differs("derived_from", &json!(stated), &given)),
        None => Ok(Use::Resolved(Value::Array(stated), left_out, resolved)),
    }
}

fn licence(value: Option<Value>, references: &References, is_sample: bool) -> Outcome<Use> {
    match (value, references.licence()) {
        (Some(stated), given) if names_nothing(&stated, is_sample) => Ok(instead("licence", &stated, given)),
        (Some(stated), Some(given)) if stated == given || given.get("reference") == Some(&stated) => {
            Ok(Use::signed(given))
        }
        (Some(stated), Some(given)) => Err(option_differs("licence", &stated, &given)),
        (Some(Value::String(id)), None) => {
            let message = say!("授权 {id} 缺少截止日。", "The last day of the licence {id} is missing.");
            Err(Fault::usage("LICENCE_DAY", message).hint(say!(
                "请在记录中写明 licence 的 reference 与 valid_to；`registration submit` 也可加 --licence {id}@截止日。",
                "State reference and valid_to of the licence in the record; `registration submit` also takes --licence {id}@LAST_DAY."
            )))
        }
        (Some(value), None) | (None, Some(value)) => Ok(Use::signed(value)),
        (None, None) => Ok(Use::Left(Vec::new())),
    }
}

/// What an option names in the place of an id that names nothing.
fn instead(key: &str, stated: &Value, given: Option<Value>) -> Use {
    let left_out = vec![told(key, stated)];
    given.map_or_else(|| Use::Left(left_out.clone()), |given| Use::Signed(given, left_out.clone()))
}

fn prior_evidence(value: Option<Value>, references: &References, is_sample: bool) -> Outcome<Use> {
    match (value, references.evidence()) {
        (Some(stated), given) if names_nothing(&stated, is_sample) => Ok(instead("prior_evidence", &stated, given)),
        (Some(stated), Some(given)) if stated != given => Err(option_differs("prior_evidence", &stated, &given)),
        (Some(value), _) | (None, Some(value)) => Ok(Use::signed(value)),
        (None, None) => Ok(Use::Left(Vec::new())),
    }
}

fn attestations(value: Option<Value>, is_sample: bool) -> Use {
    let entries = value.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (left, kept): (Vec<&Value>, Vec<&Value>) = entries.iter().partition(|entry| names_nothing(entry, is_sample));
    Use::Signed(json!(kept), left.into_iter().map(|entry| told("attestations", entry)).collect())
}
