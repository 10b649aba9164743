//! Records as people keep them, made into calls. Every key of a record is signed, compared, told as not signed, or refused by name
//! ([`record`]).

mod organization;
mod record;
mod registration;

use serde_json::{Map, Value};

use crate::fault::{Fault, Outcome};
use crate::text::{Lang, Text, say};

pub(crate) use organization::organization;
pub(crate) use registration::{
    APPLICANT_DIFFERS, Mapped, References, Told, record_differs, registration, serial, statement,
};

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
            Self::Number => say!("非负整数（不加引号）", "a whole number without sign or quotes"),
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
    let message = say!("字段 {key} 的值应为{zh}。", "The value of {key} must be {en}.");
    Err(Fault::usage("WRONG_FORM", message).hint(say!("请改正该字段，或删除它。", "Correct the key, or remove it.")))
}

#[cfg(test)]
mod tests;
