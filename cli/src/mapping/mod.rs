//! Records as people keep them, made into calls. Unknown keys are refused by name; keys that only describe a sample or a result are
//! ignored, each by name.

mod organization;
mod registration;

use serde_json::{Map, Value};

use crate::fault::{Fault, Outcome};
use crate::text::{Lang, Text, say};

pub(crate) use organization::organization;
pub(crate) use registration::{Mapped, References, registration, serial, statement};

/// Keys that describe where a sample record comes from.
const SEED_PREFIX: &str = "seed_";

fn object(record: Value) -> Outcome<Map<String, Value>> {
    match record {
        Value::Object(map) => Ok(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let message = say!("记录应为一个 JSON 对象。", "A record must be one JSON object.");
            Err(Fault::usage("BAD_RECORD", message)
                .hint(say!("列表请用 --from（每行一个对象）。", "For many, use --from with one object on each line.")))
        }
    }
}

/// A form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    List,
    Object,
}

impl Form {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_u64(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn name(self) -> Text {
        match self {
            Self::Text => say!("文字", "text"),
            Self::Number => say!("非负整数", "a number without sign"),
            Self::List => say!("列表", "a list"),
            Self::Object => say!("对象", "an object"),
        }
    }
}

/// Refuses a value that has none of these forms.
fn check_form(key: &str, value: &Value, forms: &[Form]) -> Outcome<()> {
    if forms.iter().any(|form| form.is_of(value)) {
        return Ok(());
    }
    let names =
        |lang, or: &str| forms.iter().map(|form| form.name().words(lang).to_owned()).collect::<Vec<_>>().join(or);
    let (zh, en) = (names(Lang::Zh, "或"), names(Lang::En, " or "));
    Err(Fault::usage("WRONG_FORM", say!("字段 {key} 的值应为{zh}。", "The value of {key} must be {en}."))
        .hint(say!("请改正该字段，或删除它。", "Correct the key, or remove it.")))
}

/// Refuses what is left when everything known has been taken out.
fn refuse_unknown(rest: &Map<String, Value>, known: &[&str]) -> Outcome<()> {
    let unknown: Vec<&str> =
        rest.keys().map(String::as_str).filter(|key| !known.contains(key) && !key.starts_with(SEED_PREFIX)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let names = unknown.join(", ");
    Err(Fault::usage("UNKNOWN_KEY", say!("记录含未知字段：{names}。", "The record holds unknown keys: {names}."))
        .hint(say!("请改正字段名，或删除该字段。", "Correct the names, or remove them.")))
}

#[cfg(test)]
mod tests;
