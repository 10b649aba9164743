//! Fields of a state entry in words: what a row holds is read by people too.
//!
//! In Chinese each field has its name, and what is one of a few its word; the shape of the table says which string is which. What somebody
//! wrote stands between “ and ”, and so does whatever no shape knows: nothing that is not ours can pass for a field or a word.

use quancheng_contracts::{Shape, Sort, shape_of};
use quancheng_proof::foreign::quoted;
use quancheng_proof::report::shanghai_time;
use serde_json::Value;

use crate::messages::{label_within, value_word};
use crate::text::Text;

/// Ms since 1970 above which a number under a name ending in `_ms` is a point in time (2001-09-09).
const TIME_MS_MIN: u64 = 1_000_000_000_000;

/// The fields of a value of a table. In English they are those of the module as it writes them, in JSON.
pub(super) fn told(table: &str, value: &Value) -> Text {
    let mut telling = Telling { shape: shape_of(table), parts: Vec::new() };
    let short = table.rsplit('.').next().unwrap_or_default();
    telling.tell(&Place { path: String::new(), within: short, name: "", at: String::new() }, value);
    Text::new(telling.parts.join("；"), value.to_string())
}

struct Telling {
    shape: Shape,
    parts: Vec<String>,
}

/// Where a value stands.
struct Place<'a> {
    /// Names of the fields that lead to it, in Chinese.
    path: String,
    /// The field or table that holds it.
    within: &'a str,
    /// The field that it is the value of.
    name: &'a str,
    /// Its place in the shape.
    at: String,
}

impl Telling {
    fn tell(&mut self, place: &Place<'_>, value: &Value) {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                let within = if place.name.is_empty() { place.within } else { place.name };
                for (name, value) in fields {
                    let label = label_within(within, name).map_or_else(|| quoted(name), str::to_owned);
                    let path = if place.path.is_empty() { label } else { format!("{}·{label}", place.path) };
                    self.tell(&Place { path, within, name, at: format!("{}.{name}", place.at) }, value);
                }
            }
            Value::Array(items) => {
                for (number, item) in (1_usize..).zip(items) {
                    let path = format!("{}[{number}]", place.path);
                    self.tell(&Place { path, at: format!("{}[]", place.at), ..*place }, item);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let said = self.said(place, value);
                self.parts.push(if place.path.is_empty() { said } else { format!("{} {said}", place.path) });
            }
        }
    }

    fn said(&self, place: &Place<'_>, value: &Value) -> String {
        if let Some(time_ms) = value.as_u64().filter(|time| place.name.ends_with("_ms") && *time >= TIME_MS_MIN) {
            return shanghai_time(time_ms);
        }
        if let Some(yes) = value.as_bool() {
            return if yes { "是" } else { "否" }.to_owned();
        }
        let Some(text) = value.as_str() else {
            return value.to_string();
        };
        match self.shape.at(&place.at) {
            Some(Sort::Own) => text.to_owned(),
            Some(Sort::Word(_)) => value_word(place.name, text).map_or_else(|| quoted(text), str::to_owned),
            Some(Sort::Text) | None => quoted(text),
        }
    }
}

#[cfg(test)]
mod tests;
