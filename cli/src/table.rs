//! JSON as tables for people: labels in their language, times in Beijing time.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use quancheng_proof::report::{Moment, shanghai_time};
use quancheng_types::Height;
use serde_json::Value;

use crate::messages::{cell_word, label, label_within};
use crate::text::{Lang, printable};

/// Width of a terminal that does not say it, in columns.
const WIDTH_DEFAULT: u16 = 120;
/// What a column takes beside its content: a line and a space on each side.
const FRAME: u16 = 3;
/// A text is not broken into lines shorter than this, in columns: one character below the other is nothing to read.
const LINE_LEAST: u16 = 16;
/// Ms since 1970 above which a number under a name ending in `_ms` is a point in time, not a length of time (2001-09-09).
const TIME_MS_MIN: u64 = 1_000_000_000_000;

/// The width of the terminal on stdout; nothing when it is none: a program reads lines, and wraps none.
fn width() -> Option<u16> {
    let is_terminal = std::io::stdout().is_terminal();
    let size = is_terminal.then(|| rustix::termios::tcgetwinsize(std::io::stdout()))?;
    Some(size.map_or(WIDTH_DEFAULT, |size| if size.ws_col == 0 { WIDTH_DEFAULT } else { size.ws_col }))
}

/// Rows as a table of at most this width; without one, nothing is wrapped.
///
/// A column is never narrower than its longest word: a digest, an address or a path that is broken over lines cannot be copied, and
/// reads as another. Where the columns would not fit, each row is a block of lines of its own instead.
fn drawn(header: Option<Vec<String>>, rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let longest: Vec<u16> = longest_words(header.iter().chain(&rows));
    let least = longest.iter().fold(1_u16, |sum, words| sum.saturating_add(*words).saturating_add(FRAME));
    if width.is_some_and(|width| width < least) {
        return blocks(header.as_deref(), &rows);
    }
    if let Some(header) = header {
        table.set_header(header);
    }
    table.add_rows(rows);
    match width {
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            let bounds =
                longest.iter().map(|words| ColumnConstraint::LowerBoundary(Width::Fixed(words.saturating_add(2))));
            table.set_constraints(bounds);
        }
    }
    table.to_string()
}

/// Each row as a block: the name of a column, and what stands in it. Without names a row is a name and its value.
fn blocks(header: Option<&[String]>, rows: &[Vec<String>]) -> String {
    let line = |name: &str, value: &str| format!("{name}  {}", value.replace('\n', "\n  "));
    let Some(header) = header else {
        let told = |row: &Vec<String>| match row.as_slice() {
            [name, rest @ ..] => line(name, &rest.join("  ")),
            [] => String::new(),
        };
        return rows.iter().map(told).collect::<Vec<_>>().join("\n");
    };
    let block = |row: &Vec<String>| {
        let cells = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        cells.map(|(name, cell)| line(name, cell)).collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// The least width of each column, in columns of the terminal: that of its longest word, and of its longest line up to [`LINE_LEAST`].
/// Chinese may be broken anywhere; what is ASCII and has no space may not.
fn longest_words<'a>(rows: impl Iterator<Item = &'a Vec<String>>) -> Vec<u16> {
    let mut longest: Vec<u16> = Vec::new();
    for row in rows {
        longest.resize(longest.len().max(row.len()), 1);
        for (cell, most) in row.iter().zip(&mut longest) {
            let words =
                cell.split(|c: char| !c.is_ascii_graphic()).map(|word| u16::try_from(word.len()).unwrap_or(u16::MAX));
            let lines = cell.lines().map(|line| line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<u16>());
            let line = lines.max().unwrap_or(0).min(LINE_LEAST);
            *most = words.max().unwrap_or(0).max(line).max(*most);
        }
    }
    longest
}

/// A record: one line for each field; fields of nested records under `outer.inner`.
pub(crate) fn record(data: &Value, lang: Lang) -> String {
    let mut lines = Vec::new();
    flatten(&Place { path: "", name: "", beside: data }, data, lang, &mut lines);
    if lines.is_empty() {
        return String::new();
    }
    drawn(None, lines.into_iter().map(|(name, value)| vec![printable(&name, false), value]).collect(), width())
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// What leads to it, in the language of the words.
    path: &'a str,
    /// The field that it is the value of.
    name: &'a str,
    /// The record that has the field.
    beside: &'a Value,
}

fn flatten(place: &Place<'_>, value: &Value, lang: Lang, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            // Of a time that is there in two forms one is shown, in the time of the readers.
            let is_twice = |name: &str| name == "time" && fields.contains_key("time_ms");
            for (name, inner) in fields.iter().filter(|(name, _)| !is_twice(name)) {
                let label = match lang {
                    Lang::Zh => label_within(place.name, name).unwrap_or(name),
                    Lang::En => name,
                };
                let path = if place.path.is_empty() { label.to_owned() } else { format!("{}.{label}", place.path) };
                flatten(&Place { path: &path, name, beside: value }, inner, lang, lines);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&Place { path: &format!("{}[{index}]", place.path), ..*place }, item, lang, lines);
            }
        }
        Value::Null => {}
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lines.push((place.path.to_owned(), cell(place, value, lang)));
        }
    }
}

/// A list: one line for each element, with these fields.
pub(crate) fn rows(data: &Value, columns: &[&str], lang: Lang) -> String {
    let header = columns.iter().map(|name| label(name, lang).to_owned()).collect();
    let items = data.as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |item: &Value| -> Vec<String> {
        let place = |name| Place { path: "", name, beside: item };
        columns
            .iter()
            .map(|name| item.get(name).map(|value| cell(&place(name), value, lang)).unwrap_or_default())
            .collect()
    };
    drawn(Some(header), items.iter().map(row).collect(), width())
}

fn cell(place: &Place<'_>, value: &Value, lang: Lang) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => match lang {
            Lang::Zh => if *yes { "是" } else { "否" }.to_owned(),
            Lang::En => yes.to_string(),
        },
        Value::Number(number) => match number.as_u64() {
            Some(time_ms) if place.name.ends_with("_ms") && time_ms >= TIME_MS_MIN => time(place, time_ms, lang),
            _ => number.to_string(),
        },
        Value::String(text) => {
            let word = (lang == Lang::Zh).then(|| cell_word(place.name, place.beside, text)).flatten();
            word.map_or_else(|| printable(text, true), str::to_owned)
        }
        Value::Array(items) => {
            let mut text = String::new();
            for (index, item) in items.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                // Writing to a string cannot fail.
                let _ = write!(text, "{separator}{}", cell(place, item, lang));
            }
            text
        }
        Value::Object(_) => printable(&value.to_string(), false),
    }
}

/// A time in Beijing. Of a record of height 0 it is what the genesis states.
fn time(place: &Place<'_>, time_ms: u64, lang: Lang) -> String {
    let is_of_genesis = place.name == "time_ms" && place.beside.get("height").and_then(Value::as_u64) == Some(0);
    match lang {
        _ if !is_of_genesis => shanghai_time(time_ms),
        Lang::Zh => Moment::known(Height::GENESIS, time_ms).time_zh(),
        Lang::En => Moment::known(Height::GENESIS, time_ms).time_en(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_shown_once() {
        let data = serde_json::json!({ "time": "2026-01-20T01:40:07.000Z", "time_ms": 1_768_873_207_000_u64 });
        let shown = record(&data, Lang::Zh);
        assert!(shown.matches("2026-01-20T").count() == 1 && shown.contains("09:40:07"), "{shown}");
        assert!(record(&serde_json::json!({ "time": "x" }), Lang::En).contains('x'));
    }

    #[test]
    fn times_are_shown_in_beijing_time_and_lengths_of_time_as_numbers() {
        let text = record(&json!({ "time_ms": 1_768_873_207_000_u64, "heartbeat_ms": 2000 }), Lang::En);
        assert!(text.contains("2026-01-20T09:40:07.000+08:00"), "{text}");
        assert!(text.contains("2000"), "{text}");
    }

    #[test]
    fn the_time_of_height_0_is_told_as_what_the_genesis_states() {
        let of = |height: u64| json!({ "height": height, "time_ms": 1_768_873_207_000_u64 });
        assert!(record(&of(0), Lang::Zh).contains("（创世所载时间，无人表决）"));
        assert!(record(&of(0), Lang::En).contains("(as genesis states; nobody voted on it)"));
        let block = record(&of(1), Lang::En);
        assert!(block.contains("2026-01-20T09:40:07.000+08:00") && !block.contains("genesis"), "{block}");
    }

    /// What the ledger says is told in Chinese; what somebody wrote stays as it was written.
    #[test]
    fn words_of_the_ledger_are_told_in_chinese() {
        let organization = json!({
            "name_zh": "ACTIVE", "org_type": "NOTARY", "status": "ACTIVE", "roles_requested": ["COURT", "VALUER"],
            "roles": [{ "role": "REGISTRAR", "grantor": "genesis" }], "keys": [{ "use": "SIGN", "is_lost": true }],
        });
        let shown = record(&organization, Lang::Zh);
        for part in ["公证机构", "正常", "法院, 价值评估机构", "登记机构", "创世", "签名", "是", "ACTIVE"]
        {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!["NOTARY", "COURT", "genesis", "SIGN", "true"].iter().any(|word| shown.contains(word)), "{shown}");
        let english = record(&organization, Lang::En);
        assert!(english.contains("NOTARY") && english.contains("true") && !english.contains("公证"), "{english}");
        let listed = rows(&json!([organization]), &["name_zh", "org_type", "status"], Lang::Zh);
        assert!(listed.contains("公证机构") && listed.contains("正常") && listed.contains("ACTIVE"), "{listed}");
        // A registration is not in office but in force.
        let registrations = json!([{ "status": "ACTIVE", "phase": "ISSUED" }]);
        let listed = rows(&registrations, &["status", "phase"], Lang::Zh);
        assert!(listed.contains("有效") && listed.contains("已发证"), "{listed}");
    }

    #[test]
    fn nested_records_and_lists_are_flattened() {
        let text = record(&json!({ "a": { "b": [1, 2] }, "c": [{ "d": "x" }], "none": null }), Lang::En);
        assert!(text.contains("a.b") && text.contains("1, 2") && text.contains("c[0].d"), "{text}");
        assert!(!text.contains("none"), "{text}");
    }

    /// What people copy stays in one piece, at every width; nothing at all is wrapped for programs.
    #[test]
    fn words_are_never_broken_over_lines() {
        let address = "http://[fd00:1234:5678:9abc:def0:1234:5678:9abc]:18080";
        let digest = "ab".repeat(32);
        let rows = || {
            let text = "核验所需的检查点请经另一途径核对指纹后再采信 and some more words to wrap here";
            vec![vec!["1".to_owned(), address.to_owned(), digest.clone(), text.to_owned()]]
        };
        let header = || Some(["#", "api", "digest", "text"].map(str::to_owned).to_vec());
        for width in [1, 20, 80, 120, 200, 400] {
            let text = drawn(header(), rows(), Some(width));
            for word in [address, digest.as_str(), "18080", "words"] {
                assert!(text.contains(word), "{word} at {width}:\n{text}");
            }
        }
        let wide = drawn(header(), rows(), Some(190));
        assert!(wide.lines().count() > 5, "there is something to wrap:\n{wide}");
        let piped = drawn(header(), rows(), None);
        assert_eq!(piped.lines().count(), 5, "{piped}");
    }

    /// Where a table does not fit, each row is a block; no column is ever one character wide.
    #[test]
    fn a_narrow_terminal_gets_a_block_for_each_row() {
        let header = || Some(["步骤", "结论", "对象", "结论文字"].map(str::to_owned).to_vec());
        let digest = "ab".repeat(32);
        let row = |step: &str| {
            [step, "无法核验", "", &format!("该记录未获证实\n  密钥 {digest}")].map(str::to_owned).to_vec()
        };
        let narrow = drawn(header(), vec![row("V1"), row("V4")], Some(60));
        let block = |step: &str| format!("步骤  {step}\n结论  无法核验\n结论文字  该记录未获证实\n    密钥 {digest}");
        assert_eq!(narrow, format!("{}\n\n{}", block("V1"), block("V4")));
        let wide = drawn(header(), vec![row("V1")], Some(120));
        assert!(wide.contains("┆ 无法核验 ┆") && wide.lines().all(|line| line.chars().count() <= 120), "{wide}");
        let record = drawn(None, vec![vec!["摘要".to_owned(), digest.clone()]], Some(60));
        assert_eq!(record, format!("摘要  {digest}"));
    }

    #[test]
    fn rows_show_the_named_fields_only() {
        let text = rows(&json!([{ "height": 3, "secret": "no" }]), &["height"], Lang::Zh);
        assert!(text.contains("高度") && text.contains('3') && !text.contains("no"), "{text}");
    }
}
