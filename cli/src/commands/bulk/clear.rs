//! What lines of one file say of each other: an id that could mean two things is refused before anything is signed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::results::Line;
use crate::fault::{Fault, Outcome};
use crate::mapping::serial;
use crate::text::{Text, say};

/// Refuses a file in which a `derived_from` names a line of it that it does not name alone: two lines have that `reg_id`, or it is the number of a registration too,
/// as lines that a table has counted are called.
pub(super) fn clear_references(lines: &[Line<'_>]) -> Outcome<()> {
    let mut named: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut asked = Vec::new();
    for line in lines {
        // A line that is no record is refused by itself.
        let record: Value = serde_json::from_str(line.text).unwrap_or(Value::Null);
        if let Some(id) = record.get("reg_id").and_then(Value::as_str) {
            named.entry(id.to_owned()).or_default().push(line.number);
        }
        let sources = record.get("derived_from").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        asked.extend(sources.iter().filter_map(Value::as_str).map(|id| (line.number, id.to_owned())));
    }
    for (number, id) in asked {
        match named.get(&id).map(Vec::as_slice) {
            Some([first, second, ..]) => {
                return Err(unclear(say!(
                    "第 {number} 行的 derived_from 为 {id}，而第 {first} 行与第 {second} 行的 reg_id 都是它。",
                    "Line {number} is derived from {id}, which is the reg_id of lines {first} and {second}."
                )));
            }
            Some([line]) if serial(&id).is_ok() => {
                return Err(unclear(say!(
                    "第 {number} 行的 derived_from 为 {id}：既是第 {line} 行的 reg_id，又是链上登记的编号。",
                    "Line {number} is derived from {id}, which is the reg_id of line {line} and the number of a registration."
                )));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn unclear(message: Text) -> Fault {
    Fault::usage("REFERENCE_UNCLEAR", message).hint(say!(
        "尚未签署任何内容。请给各行以互不相同且非数字的 reg_id（如 A-1），derived_from 引用该 reg_id，或写明链上的登记编号。",
        "Nothing was signed. Give each line a reg_id of its own that is no number (A-1, say), and name that in derived_from, or the number of a registration on the chain."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::results::lines;
    use super::*;

    #[test]
    fn an_id_that_could_mean_two_things_is_refused() {
        let code = |text: &str| clear_references(&lines(text).unwrap()).err().map(|fault| fault.code.to_string());
        let unclear = Some("REFERENCE_UNCLEAR".to_owned());
        let cases = [
            (r#"{"reg_id":"1"}"#, r#"{"reg_id":"2","derived_from":["1"]}"#, unclear.clone()),
            (
                r#"{"reg_id":"QC-370100-PR-2026-00001002-N"}"#,
                r#"{"derived_from":["QC-370100-PR-2026-00001002-N"]}"#,
                unclear.clone(),
            ),
            (r#"{"reg_id":"dup","n":1}"#, r#"{"reg_id":"dup","derived_from":["dup"]}"#, unclear.clone()),
            (r#"{"reg_id":"A-1"}"#, r#"{"reg_id":"A-2","derived_from":["A-1"]}"#, None),
            (r#"{"reg_id":"1"}"#, r#"{"reg_id":"1","derived_from":["7"]}"#, None),
            ("no JSON", r#"{"derived_from":["no JSON", 3]}"#, None),
        ];
        for (first, second, expected) in cases {
            assert_eq!(code(&format!("{first}\n{second}\n")), expected, "{first} {second}");
            assert_eq!(code(&format!("{second}\n{first}\n")), expected, "{second} {first}");
        }
    }
}
