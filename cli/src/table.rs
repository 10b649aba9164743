//! JSON as tables for people: labels in their language, times in Beijing time.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use quancheng_proof::report::shanghai_time;
use serde_json::Value;

use crate::messages::label;
use crate::text::{Lang, printable};

/// Width when stdout is no terminal, in columns.
const WIDTH_DEFAULT: u16 = 120;
/// Ms since 1970 above which a number under a name ending in `_ms` is a point in time, not a length of time (2001-09-09).
const TIME_MS_MIN: u64 = 1_000_000_000_000;

fn table() -> Table {
    let mut table = Table::new();
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(WIDTH_DEFAULT, |size| size.ws_col);
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(if width == 0 { WIDTH_DEFAULT } else { width });
    table
}

/// A record: one line for each field; fields of nested records under `outer.inner`.
pub(crate) fn record(data: &Value, lang: Lang) -> String {
    let mut lines = Vec::new();
    flatten("", data, lang, &mut lines);
    if lines.is_empty() {
        return String::new();
    }
    let mut table = table();
    for (name, value) in lines {
        table.add_row(vec![printable(&name, false), value]);
    }
    table.to_string()
}

fn flatten(prefix: &str, value: &Value, lang: Lang, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let label = label(name, lang);
                let path = if prefix.is_empty() { label.to_owned() } else { format!("{prefix}.{label}") };
                if let (Value::Number(_), true) = (value, name.ends_with("_ms")) {
                    lines.push((path, cell(name, value)));
                } else {
                    flatten(&path, value, lang, lines);
                }
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{prefix}[{index}]"), item, lang, lines);
            }
        }
        Value::Null => {}
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lines.push((prefix.to_owned(), cell("", value)));
        }
    }
}

/// A list: one line for each element, with these fields.
pub(crate) fn rows(data: &Value, columns: &[&str], lang: Lang) -> String {
    let mut table = table();
    table.set_header(columns.iter().map(|name| label(name, lang)));
    for item in data.as_array().map(Vec::as_slice).unwrap_or_default() {
        table.add_row(columns.iter().map(|name| item.get(name).map(|value| cell(name, value)).unwrap_or_default()));
    }
    table.to_string()
}

fn cell(name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => match number.as_u64() {
            Some(time_ms) if name.ends_with("_ms") && time_ms >= TIME_MS_MIN => shanghai_time(time_ms),
            _ => number.to_string(),
        },
        Value::String(text) => printable(text, true),
        Value::Array(items) => {
            let mut text = String::new();
            for (index, item) in items.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                // Writing to a string cannot fail.
                let _ = write!(text, "{separator}{}", cell(name, item));
            }
            text
        }
        Value::Object(_) => printable(&value.to_string(), false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_shown_in_beijing_time_and_lengths_of_time_as_numbers() {
        let text = record(&json!({ "time_ms": 1_768_873_207_000_u64, "heartbeat_ms": 2000 }), Lang::En);
        assert!(text.contains("2026-01-20T09:40:07.000+08:00"), "{text}");
        assert!(text.contains("2000"), "{text}");
    }

    #[test]
    fn nested_records_and_lists_are_flattened() {
        let text = record(&json!({ "a": { "b": [1, 2] }, "c": [{ "d": "x" }], "none": null }), Lang::En);
        assert!(text.contains("a.b") && text.contains("1, 2") && text.contains("c[0].d"), "{text}");
        assert!(!text.contains("none"), "{text}");
    }

    #[test]
    fn rows_show_the_named_fields_only() {
        let text = rows(&json!([{ "height": 3, "secret": "no" }]), &["height"], Lang::Zh);
        assert!(text.contains("高度") && text.contains('3') && !text.contains("no"), "{text}");
    }
}
