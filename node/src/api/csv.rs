//! Lists as rows for spreadsheets (RFC 4180).

use std::fmt::Write as _;

use serde_json::Value;

/// Columns of a list: the fields of its first record, nested records flattened with dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns(Vec<String>);

/// Depth to which nested records become columns of their own; deeper ones stay JSON in one cell.
const DEPTH_MAX: usize = 3;

impl Columns {
    /// All columns that appear in any of the records, in order of appearance.
    #[must_use]
    pub(crate) fn of(records: &[Value]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for record in records {
            for (name, _) in cells(record) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Self(names)
    }

    /// The line of names.
    #[must_use]
    pub(crate) fn header(&self) -> String {
        line(self.0.iter().map(String::as_str))
    }

    /// A record as a line. Fields that are no column are left out.
    #[must_use]
    pub(crate) fn row(&self, record: &Value) -> String {
        let cells = cells(record);
        line(
            self.0
                .iter()
                .map(|column| cells.iter().find(|(name, _)| name == column).map_or("", |(_, text)| text.as_str())),
        )
    }
}

fn cells(record: &Value) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    flatten(String::new(), record, 0, &mut cells);
    cells
}

fn flatten(name: String, value: &Value, depth: usize, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if depth < DEPTH_MAX => {
            for (key, field) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(name, field, depth + 1, cells);
            }
        }
        Value::Null => cells.push((name, String::new())),
        Value::String(text) => cells.push((name, inert(text))),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => cells.push((name, value.to_string())),
    }
}

/// Spreadsheets run texts that begin with these signs as formulas; an apostrophe before them makes them text.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            line.push(',');
        }
        if cell.contains(['"', ',', '\r', '\n']) {
            write!(line, "\"{}\"", cell.replace('"', "\"\"")).expect("writing to memory cannot fail");
        } else {
            line.push_str(cell);
        }
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_become_rows() {
        let records = [
            json!({ "id": 1, "name": "数据, 局", "at": { "x": true, "y": null } }),
            json!({ "id": 2, "name": "a \"b\"\n", "tags": ["p", "q"] }),
        ];
        let columns = Columns::of(&records);
        assert_eq!(columns.header(), "at.x,at.y,id,name,tags\r\n");
        assert_eq!(columns.row(&records[0]), "true,,1,\"数据, 局\",\r\n");
        assert_eq!(columns.row(&records[1]), ",,2,\"a \"\"b\"\"\n\",\"[\"\"p\"\",\"\"q\"\"]\"\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx"] {
            let record = json!({ "a": text });
            assert!(Columns::of(std::slice::from_ref(&record)).row(&record).starts_with('\''));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut record = json!(1);
        for _ in 0..100 {
            record = json!({ "a": record });
        }
        let columns = Columns::of(std::slice::from_ref(&record));
        assert_eq!(columns.header(), "a.a.a\r\n");
    }
}
