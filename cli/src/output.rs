//! What goes to stdout: one envelope of JSON, or words and tables for people. Everything else goes to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use quancheng_proof::foreign::is_plain;
use serde_json::{Value, json};

use crate::fault::{Exit, Fault};
use crate::table;
use crate::text::{Lang, Text, printable, say};

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON envelope for programs
    Json,
}

/// How a result is shown to people.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// Name and value of every field.
    Record,
    /// A table of the elements under this member of the data (or of the data itself), with these columns.
    Rows {
        /// Member that holds the list; the data itself when absent.
        of: Option<&'static str>,
        /// Fields shown, in order.
        columns: &'static [&'static str],
    },
    /// Exactly this text.
    Text(String),
}

/// The result of a command.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The `data` of the envelope.
    pub(crate) data: Value,
    /// For people.
    pub(crate) view: View,
    /// Lines for people before the rest, each one line whatever names it holds.
    pub(crate) headlines: Vec<Text>,
    /// Something is wrong although there is a result: a finding that does not match.
    pub(crate) fault: Option<Fault>,
}

impl Reply {
    /// A record.
    pub(crate) const fn record(data: Value) -> Self {
        Self { data, view: View::Record, headlines: Vec::new(), fault: None }
    }

    /// A list.
    pub(crate) const fn rows(data: Value, of: Option<&'static str>, columns: &'static [&'static str]) -> Self {
        Self { data, view: View::Rows { of, columns }, headlines: Vec::new(), fault: None }
    }

    /// A text, which people get as it is.
    pub(crate) const fn text(data: Value, text: String) -> Self {
        Self { data, view: View::Text(text), headlines: Vec::new(), fault: None }
    }

    /// With a further line for people before the rest.
    pub(crate) fn headline(mut self, text: Text) -> Self {
        self.headlines.push(text);
        self
    }
}

/// Where and how results are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// The form.
    pub(crate) format: Format,
    /// The language.
    pub(crate) lang: Lang,
    /// No chatter.
    pub(crate) is_quiet: bool,
}

impl Printer {
    /// Chatter and progress, to stderr.
    pub(crate) fn note(&self, text: &Text) {
        if !self.is_quiet {
            note_raw(&printable(text.words(self.lang), false));
        }
    }

    /// Writes the result and returns the exit code.
    pub(crate) fn finish(&self, result: Result<Reply, Fault>) -> u8 {
        let exit = match &result {
            Ok(reply) => reply.fault.as_ref().map_or(Exit::Done, |fault| fault.exit),
            Err(fault) => fault.exit,
        };
        let written = match self.format {
            Format::Json => write_json(&envelope(&result, self.lang)),
            Format::Table => self.write_table(&result),
        };
        match written {
            Ok(()) => exit as u8,
            // The reader has gone, as with `| head`: nobody is left to be told.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit as u8,
            Err(error) => {
                note_raw(&format!("stdout: {error}"));
                match &result {
                    // What was done stays done; nobody shall think that the command was wrong and give it again.
                    Ok(reply) if exit == Exit::Done => {
                        note_raw(unwritten(&reply.data).words(self.lang));
                        Exit::Unwritten as u8
                    }
                    Ok(Reply { fault: Some(fault), .. }) | Err(fault) => {
                        self.complain(fault);
                        exit as u8
                    }
                    Ok(_) => exit as u8,
                }
            }
        }
    }

    fn write_table(&self, result: &Result<Reply, Fault>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match result {
            Ok(reply) => {
                for headline in &reply.headlines {
                    writeln!(out, "{}", printable(headline.words(self.lang), false))?;
                }
                let text = match &reply.view {
                    View::Record => table::record(&reply.data, self.lang),
                    View::Rows { of, columns } => {
                        let list = of.map_or(Some(&reply.data), |name| reply.data.get(name));
                        table::rows(list.unwrap_or(&Value::Null), columns, self.lang)
                    }
                    View::Text(text) => text.clone(),
                };
                if !text.is_empty() {
                    writeln!(out, "{}", text.trim_end_matches('\n'))?;
                }
                out.flush()?;
                reply.fault.iter().for_each(|fault| self.complain(fault));
            }
            Err(fault) => self.complain(fault),
        }
        Ok(())
    }

    /// The exit code says it too: that nobody reads it is no reason for another one.
    fn complain(&self, fault: &Fault) {
        let _ = self.write_fault(fault);
    }

    fn write_fault(&self, fault: &Fault) -> io::Result<()> {
        let mut out = io::stderr().lock();
        out.write_all(told(fault, self.lang).as_bytes())
    }
}

/// A fault in lines. Whatever names and answers of others its words hold, they neither move the cursor nor make a line of their own: what
/// has several lines stands further to the right than all that this program says.
fn told(fault: &Fault, lang: Lang) -> String {
    let (error, cause, transaction, hint) = match lang {
        Lang::Zh => ("错误", "原因", "交易", "处理"),
        Lang::En => ("error", "cause", "transaction", "hint"),
    };
    let one_line = |text: &str| printable(text, false);
    let mut told = format!("{error} [{}]: {}\n", one_line(&fault.code), one_line(fault.message.words(lang)));
    for text in fault.causes_in(lang) {
        told.push_str(&format!("  {cause}: {}\n", printable(text, true).replace('\n', "\n      ")));
    }
    if let Some(id) = unnamed_id(fault, lang) {
        told.push_str(&format!("  {transaction}: {}\n", one_line(id)));
    }
    told.push_str(&format!("  {hint}: {}\n", one_line(fault.advice().words(lang))));
    told
}

/// The transaction that a fault is about, where the words do not name it: programs find it in the data, and people need it as well.
fn unnamed_id(fault: &Fault, lang: Lang) -> Option<&str> {
    let id = fault.data.as_ref()?.get("id")?.as_str()?;
    let words = std::iter::once(&fault.message).chain(&fault.causes).chain(&fault.hint);
    (!words.into_iter().any(|text| text.words(lang).contains(id))).then_some(id)
}

/// Members by which a result is found again.
const ABOUT: [&str; 12] = [
    "id",
    "stage",
    "height",
    "bundle",
    "file",
    "account",
    "proof_file",
    "results",
    "folder",
    "overall",
    "done",
    "refused",
];
/// Things of one result that are named.
const ABOUT_MAX: usize = 100;

/// What is told in the place of a result that could not be written: what it was about, to ask for it again.
fn unwritten(data: &Value) -> Text {
    let mut about = Vec::new();
    note_about(data, &mut about);
    let about = printable(&about.join("; "), true).to_string();
    match about.as_str() {
        "" => say!("命令已完成，但结果未能写出。", "Done; the result could not be written."),
        about => say!("命令已完成，但结果未能写出：{about}", "Done; the result could not be written: {about}"),
    }
}

/// What a result is about, and each thing that is listed in it.
fn note_about(data: &Value, about: &mut Vec<String>) {
    let named = |name: &&str| {
        let text = match data.get(name)? {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(format!("{name} {text}"))
    };
    let named: Vec<String> = ABOUT.iter().filter_map(named).collect();
    if !named.is_empty() && about.len() < ABOUT_MAX {
        about.push(named.join(", "));
    }
    let below: Vec<&Value> = match data {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().filter(|value| value.is_array() || value.is_object()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for value in below {
        if about.len() < ABOUT_MAX {
            note_about(value, about);
        }
    }
}

/// One line to stderr. That nobody reads it is no reason to fail.
fn note_raw(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn envelope(result: &Result<Reply, Fault>, lang: Lang) -> Value {
    match result {
        Ok(Reply { data, fault: None, .. }) => json!({ "ok": true, "data": data }),
        Ok(Reply { data, fault: Some(fault), .. }) => {
            json!({ "ok": false, "data": data, "error": fault.to_json(lang) })
        }
        Err(fault) => match &fault.data {
            Some(data) => json!({ "ok": false, "data": data, "error": fault.to_json(lang) }),
            None => json!({ "ok": false, "error": fault.to_json(lang) }),
        },
    }
}

fn write_json(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if io::stdout().is_terminal() {
        out.write_all(pretty(value).as_bytes())?;
    } else {
        serde_json::to_writer(&mut out, value)?;
    }
    out.write_all(b"\n")?;
    out.flush()
}

/// JSON for people: what a terminal would not show as it is stands in it as an escape of JSON, so its value is the same.
pub(crate) fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) || matches!(c, '|' | '\n') {
            shown.push(c);
        } else {
            let mut units = [0_u16; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_make_no_lines_and_move_no_cursor() {
        let name = "x\n错误 [FORGED]: y\u{1b}[2J\u{9b}31m\r";
        let fault = Fault::new(Exit::Usage, name, say!("没有文件 {name}。", "There is no file {name}."))
            .cause(name)
            .hint(say!("见 {name}。", "See {name}."));
        for lang in [Lang::Zh, Lang::En] {
            let told = told(&fault, lang);
            assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
            assert_eq!(told.lines().filter(|line| line.trim_start().starts_with("错误 [FORGED]")).count(), 1);
            assert!(told.lines().skip(1).all(|line| line.starts_with("  ")), "{told}");
            assert!(told.contains("\n      错误 [FORGED]: y\\u{1b}[2J"), "{told}");
        }
    }

    #[test]
    fn json_for_people_keeps_its_value() {
        let value = json!({ "名称": "a\u{9b}31m\u{202e}b\u{1b}\n│", "b": [] });
        let text = pretty(&value);
        assert!(text.chars().all(|c| c == '\n' || is_plain(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn what_was_done_is_named_when_its_result_cannot_be_written() {
        let data = json!({ "id": "ab", "height": 7, "file": "a.key", "events": [] });
        let told = unwritten(&data);
        assert_eq!(told.words(Lang::En), "Done; the result could not be written: id ab, height 7, file a.key");
        assert_eq!(unwritten(&json!([])).words(Lang::En), "Done; the result could not be written.");
        let many =
            json!({ "done": 2, "notarizations": [{ "id": "ab", "bundle": "a" }, { "id": "cd", "bundle": "b" }] });
        let words = unwritten(&many).words(Lang::En).to_owned();
        assert!(words.ends_with(": done 2; id ab, bundle a; id cd, bundle b"), "{words}");
    }

    #[test]
    fn a_fault_names_its_transaction_to_people_once() {
        let id = "ab".repeat(32);
        let bare = Fault::new(Exit::Network, "UNREACHABLE", say!("无", "None.")).data(json!({ "id": id }));
        assert_eq!(unnamed_id(&bare, Lang::En), Some(id.as_str()));
        let told = bare.hint(say!("`tx show {id}`", "`tx show {id}`"));
        assert_eq!(unnamed_id(&told, Lang::En), None);
        assert_eq!(unnamed_id(&Fault::usage("X", say!("甲", "x")), Lang::En), None);
    }

    #[test]
    fn the_envelope_is_ok_with_data_or_not_ok_with_an_error() {
        let ok = envelope(&Ok(Reply::record(json!({ "height": 7 }))), Lang::En);
        assert_eq!(ok, json!({ "ok": true, "data": { "height": 7 } }));
        let fault = Fault::new(Exit::NotFound, "NOT_FOUND", say!("没有。", "Nothing."))
            .cause("why")
            .hint(say!("找。", "Look."));
        let bad = envelope(&Err(fault.clone()), Lang::Zh);
        let error = json!({ "code": "NOT_FOUND", "message": "没有。", "causes": ["why"], "hint": "找。" });
        assert_eq!(bad, json!({ "ok": false, "error": error }));
        let reply = Reply { fault: Some(fault), ..Reply::record(json!([])) };
        let both = envelope(&Ok(reply), Lang::En);
        assert_eq!(both["ok"], json!(false));
        assert_eq!(both["data"], json!([]));
        assert_eq!(both["error"]["message"], json!("Nothing."));
    }
}
