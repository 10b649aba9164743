//! A registration's record as an application.

use std::collections::BTreeMap;

use quancheng_contracts::domain::LedgerNumber;
use serde_json::{Map, Value, json};

use super::{Form, check_form, object, refuse_unknown};
use crate::fault::{Fault, Outcome};
use crate::files;
use crate::text::{number, say};

/// Region of data whose record names none: the city of this chain (GB/T 2260).
const REGION_DEFAULT: &str = "370100";
/// How the ids of sample records begin. They name nothing on any chain.
const SAMPLE_PREFIX: &str = "S-";

/// Keys that a statement takes over as they are.
const TAKEN: [&str; 24] = [
    "title_zh",
    "title_en",
    "summary_zh",
    "agent",
    "sector",
    "application_field",
    "source_class",
    "source_proofs",
    "data_class",
    "pi_level",
    "rights",
    "fields",
    "sample",
    "processing_rule",
    "undertaking",
    "record_count",
    "size_bytes",
    "coverage",
    "update_frequency",
    "format",
    "storage",
    "openness",
    "access_method",
    "restrictions",
];
/// Keys that are ignored: what the chain decides itself (state, numbers, periods, events), and what belongs to other records.
const IGNORED: [&str; 14] = [
    "reg_id",
    "applicant",
    "ledger_no",
    "official_code",
    "state",
    "version",
    "valid_from",
    "valid_to",
    "notice",
    "events",
    "expect",
    "accounting",
    "previous_holders",
    "fictional",
];

/// Those of them that an applicant may take for part of the application.
const DECIDED: [&str; 6] = ["ledger_no", "official_code", "state", "valid_from", "valid_to", "notice"];

/// Forms of the keys that are read here. What has another form is refused: taken for absent, it would be signed away without a word.
pub(super) const FORMS: [(&str, &[Form]); 16] = [
    ("applicant", &[Form::Text]),
    ("attestations", &[Form::List]),
    ("derived_from", &[Form::List]),
    ("holder", &[Form::Text]),
    ("holders", &[Form::List]),
    ("kind", &[Form::Text]),
    ("ledger_no", &[Form::Text]),
    ("licence", &[Form::Text, Form::Object]),
    ("open_attr", &[Form::Text]),
    ("previous_holders", &[Form::List]),
    ("prior_evidence", &[Form::Text]),
    ("reg_id", &[Form::Text]),
    ("region", &[Form::Text]),
    ("registrar", &[Form::Text]),
    ("rule_set", &[Form::Text]),
    ("version", &[Form::Number]),
];

/// What a record refers to, as far as it is known beside the record.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    /// Root of evidence notarized before.
    pub(crate) prior_evidence: Option<String>,
    /// Numbers of registrations that the data are derived from.
    pub(crate) derived_from: Vec<String>,
    /// Licence: reference and last day.
    pub(crate) licence: Option<(String, String)>,
    /// Serial numbers by the id of an earlier record.
    pub(crate) serials: BTreeMap<String, u64>,
}

/// An application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapped {
    /// The argument of the call `submit`.
    pub(crate) submit: Value,
    /// Who applies, by the record. On the chain whoever signs does.
    pub(crate) applicant: Option<String>,
    /// Whether the record is one of the samples, whose organizations need not be those of this chain.
    pub(crate) is_sample: bool,
    /// What the record states and the application does not: references that name nothing on this chain, and what the chain decides itself.
    pub(crate) left_out: Vec<String>,
}

/// The application of a record.
pub(crate) fn registration(record: Value, references: &References) -> Outcome<Mapped> {
    let mut record = formed(object(record)?)?;
    if record.contains_key("dossier") {
        let submit = Value::Object(record);
        return Ok(Mapped { submit, applicant: None, is_sample: false, left_out: Vec::new() });
    }
    let text = |key: &str| record.get(key).and_then(Value::as_str).map(str::to_owned);
    let (applicant, is_sample) = (text("applicant"), text("reg_id").is_some_and(|id| id.starts_with(SAMPLE_PREFIX)));
    let mut submit = Map::new();
    for key in ["kind", "registrar", "rule_set"] {
        submit.insert(key.to_owned(), required(&mut record, key)?);
    }
    let (dossier, left_out) = dossier(record, references)?;
    submit.insert("dossier".to_owned(), dossier);
    Ok(Mapped { submit: Value::Object(submit), applicant, is_sample, left_out })
}

/// The statement alone, of a whole record or of a statement.
pub(crate) fn statement(record: Value, references: &References) -> Outcome<(Value, Vec<String>)> {
    let mut record = formed(object(record)?)?;
    for key in ["kind", "registrar", "rule_set"] {
        record.remove(key);
    }
    if let Some(dossier) = record.remove("dossier") {
        refuse_unknown(&record, &IGNORED)?;
        return Ok((dossier, Vec::new()));
    }
    dossier(record, references)
}

/// The record when what is read of it has its form. A null is as good as no key.
fn formed(mut record: Map<String, Value>) -> Outcome<Map<String, Value>> {
    for (key, forms) in FORMS {
        match record.get(key) {
            Some(Value::Null) => drop(record.remove(key)),
            Some(value) => check_form(key, value, forms)?,
            None => {}
        }
    }
    Ok(record)
}

fn required(record: &mut Map<String, Value>, key: &str) -> Outcome<Value> {
    record
        .remove(key)
        .ok_or_else(|| Fault::usage("MISSING_KEY", say!("记录缺少字段 {key}。", "The record lacks the key {key}.")))
}

fn dossier(mut record: Map<String, Value>, references: &References) -> Outcome<(Value, Vec<String>)> {
    let mut out = Map::new();
    let mut left_out = Vec::new();
    for key in TAKEN {
        if let Some(value) = record.remove(key).filter(|value| !value.is_null()) {
            out.insert(key.to_owned(), value);
        }
    }
    out.insert("holders".to_owned(), holders(&mut record, &mut left_out)?);
    left_out.extend(decided_by_the_chain(&record));
    out.insert("region".to_owned(), region(&mut record));
    out.insert("schema".to_owned(), digest(&mut record, "schema", "schema")?);
    out.insert("manifest_root".to_owned(), digest(&mut record, "manifest_root", "dataset_manifest_root")?);
    if let Some(openness) = record.remove("open_attr") {
        if out.get("openness").is_some_and(|other| *other != openness) {
            let message = say!("open_attr 与 openness 不一致。", "open_attr and openness contradict each other.");
            return Err(
                Fault::usage("OPENNESS_UNCLEAR", message).hint(say!("请只保留其一。", "Leave one of them out."))
            );
        }
        out.insert("openness".to_owned(), openness);
    }
    if let (false, Some(field)) = (out.contains_key("application_field"), record.get("seed_domain")) {
        out.insert("application_field".to_owned(), field.clone());
    }
    out.insert("derived_from".to_owned(), derived_from(record.remove("derived_from"), references, &mut left_out)?);
    if let Some(licence) = licence(record.remove("licence"), references, &mut left_out)? {
        out.insert("licence".to_owned(), licence);
    }
    if let Some(root) = prior_evidence(record.remove("prior_evidence"), references, &mut left_out) {
        out.insert("prior_evidence".to_owned(), root);
    }
    out.insert("attestations".to_owned(), attestations(record.remove("attestations"), &mut left_out));
    refuse_unknown(&record, &IGNORED)?;
    Ok((Value::Object(out), left_out))
}

/// What a record of its own states of a later time, or of what the chain decides. Of samples everybody knows that they are whole records.
fn decided_by_the_chain(record: &Map<String, Value>) -> Vec<String> {
    let is_sample = record.get("reg_id").and_then(Value::as_str).is_some_and(|id| id.starts_with(SAMPLE_PREFIX));
    let stated = |key: &&&str| !is_sample && record.get(**key).is_some_and(|value| !value.is_null());
    DECIDED.iter().filter(stated).map(|key| (*key).to_owned()).collect()
}

/// Holders at the time of the application. A record of a certificate that was transferred (its version says so) names the present holder; the one
/// who applied held it first (domain model §2.2: a transfer makes a new version), and the record's own holders are told as left out.
fn holders(record: &mut Map<String, Value>, left_out: &mut Vec<String>) -> Outcome<Value> {
    let (list, one) = (record.remove("holders"), record.remove("holder").map(|one| json!([one])));
    if let (Some(list), Some(one)) = (&list, &one)
        && list != one
    {
        let message = say!("holder 与 holders 不一致。", "holder and holders contradict each other.");
        return Err(Fault::usage("HOLDERS_UNCLEAR", message).hint(say!(
            "请在 holders 中写明全部持有人，并删去 holder。",
            "State all of them in holders, and leave out holder."
        )));
    }
    let stated = list.or(one);
    let was_transferred = record.get("previous_holders").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if !was_transferred {
        return stated.map_or_else(|| required(record, "holders"), Ok);
    }
    let is_later = record.get("version").and_then(Value::as_u64).is_some_and(|version| version > 1);
    match record.get("applicant").filter(|applicant| is_later && applicant.is_string()) {
        Some(applicant) => {
            let first = json!([applicant]);
            if let Some(later) = stated.filter(|stated| *stated != first) {
                left_out.push(format!("holders {later}"));
            }
            Ok(first)
        }
        None => {
            let message = say!(
                "记录写有 previous_holders，无法确定申请时的持有人。",
                "The record has previous_holders, so who held the data at the application is unclear."
            );
            Err(Fault::usage("HOLDERS_UNCLEAR", message).hint(say!(
                "请在 holders 中写申请时的持有人，并删去 previous_holders；转移记录的 version 须大于 1。",
                "State the holders at the application in holders and leave out previous_holders; a record of a transferred certificate has a version above 1."
            )))
        }
    }
}

/// Of the record, else of the number it once had, else of the city.
fn region(record: &mut Map<String, Value>) -> Value {
    let number = record.get("ledger_no").and_then(Value::as_str).and_then(|text| text.parse::<LedgerNumber>().ok());
    let numbered = number.map(|number| json!(number.region()));
    record.remove("region").or(numbered).unwrap_or_else(|| json!(REGION_DEFAULT))
}

/// A commitment under its own key, or a bare digest under a key that ends in the name of its algorithm.
fn digest(record: &mut Map<String, Value>, key: &str, bare: &str) -> Outcome<Value> {
    for (suffix, algorithm) in [("_sm3", "SM3"), ("_sha256", "SHA256")] {
        if let Some(digest) = record.remove(&format!("{bare}{suffix}")) {
            return Ok(json!({ "algorithm": algorithm, "digest": digest }));
        }
    }
    let value = required(record, key)?;
    match value.as_str() {
        Some(text) => files::parse_commitment(text),
        None => Ok(value),
    }
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

fn derived_from(value: Option<Value>, references: &References, left_out: &mut Vec<String>) -> Outcome<Value> {
    if !references.derived_from.is_empty() {
        let serials: Vec<u32> = references.derived_from.iter().map(|no| serial(no)).collect::<Outcome<_>>()?;
        return Ok(json!(serials));
    }
    let mut serials = Vec::new();
    for entry in value.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        serials.push(match entry.as_str() {
            Some(id) if references.serials.contains_key(id) => json!(references.serials[id]),
            Some(id) if id.starts_with(SAMPLE_PREFIX) => {
                left_out.push(format!("derived_from {id}"));
                continue;
            }
            Some(no) => json!(serial(no)?),
            None => entry.clone(),
        });
    }
    Ok(Value::Array(serials))
}

fn licence(value: Option<Value>, references: &References, left_out: &mut Vec<String>) -> Outcome<Option<Value>> {
    if let Some((reference, valid_to)) = &references.licence {
        return Ok(Some(json!({ "reference": reference, "valid_to": valid_to })));
    }
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if id.starts_with(SAMPLE_PREFIX) => {
            left_out.push(format!("licence {id}"));
            Ok(None)
        }
        Some(Value::String(id)) => {
            let message = say!("授权 {id} 缺少截止日。", "The last day of the licence {id} is missing.");
            Err(Fault::usage("LICENCE_DAY", message)
                .hint(say!("请加 --licence {id}@截止日。", "Add --licence {id}@LAST_DAY.")))
        }
        Some(other) => Ok(Some(other)),
    }
}

fn prior_evidence(value: Option<Value>, references: &References, left_out: &mut Vec<String>) -> Option<Value> {
    if let Some(root) = &references.prior_evidence {
        return Some(json!(root));
    }
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if id.starts_with(SAMPLE_PREFIX) => {
            left_out.push(format!("prior_evidence {id}"));
            None
        }
        Some(other) => Some(other),
    }
}

fn attestations(value: Option<Value>, left_out: &mut Vec<String>) -> Value {
    let Some(Value::Array(entries)) = value else {
        return value.unwrap_or_else(|| json!([]));
    };
    let mut kept = Vec::new();
    for entry in entries {
        match entry.as_str() {
            Some(id) if id.starts_with(SAMPLE_PREFIX) => left_out.push(format!("attestations {id}")),
            Some(_) | None => kept.push(entry),
        }
    }
    Value::Array(kept)
}
