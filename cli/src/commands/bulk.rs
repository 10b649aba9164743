//! `registration submit --from`: many applications from a file of lines. It can be interrupted at any point and continued.
//!
//! The result file has one JSON object per step of a line: first `pending` with the signed bytes, then how it ended. What was pending
//! when the program ended is submitted again with the same bytes, which is safe; nothing is applied for twice.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use quancheng_types::{SignedTransaction, TransactionId};
use serde_json::{Value, json};

use crate::args::registration::Submit;
use crate::commands::registration::{application, references, tell_left_out};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::mapping::References;
use crate::output::Reply;
use crate::progress::Bar;
use crate::session::Session;
use crate::submit::{Writer, look_up};
use crate::text::say;
use crate::time::now_ms;

/// Greatest file of lines, bytes.
const LINES_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What is known of the lines so far.
#[derive(Debug, Default)]
struct Results {
    /// Lines that ended, by number from 1.
    done: BTreeMap<u64, Value>,
    /// Lines whose transaction was submitted and not seen to end.
    pending: BTreeMap<u64, Vec<u8>>,
}

impl Results {
    /// Reads an earlier result file. A line that was cut off by a crash is the last one and is passed over.
    fn load(path: &Path) -> Outcome<Self> {
        let mut results = Self::default();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(results),
            Err(error) => return Err(Fault::file(path, &error)),
        };
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|error| Fault::file(path, &error))?;
            let Ok(value) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            let Some(number) = value.get("line").and_then(Value::as_u64) else {
                continue;
            };
            match value.get("transaction").and_then(Value::as_str).map(hex::decode) {
                Some(Ok(bytes)) => {
                    results.pending.insert(number, bytes);
                }
                Some(Err(_)) => {}
                None if value.get("ok") == Some(&Value::Bool(true)) => {
                    results.pending.remove(&number);
                    results.done.insert(number, value);
                }
                // A line that was refused is tried anew: the file may have been corrected.
                None if value.get("code").and_then(Value::as_str) != Some("TIMEOUT") => {
                    results.pending.remove(&number);
                }
                None => {}
            }
        }
        Ok(results)
    }
}

/// Appends lines to the result file.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the file for this run alone: two runs over the same lines would apply for each of them twice.
    fn open(path: PathBuf) -> Outcome<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path);
        let file = file.map_err(|error| Fault::file(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&path)),
            Err(TryLockError::Error(error)) => return Err(Fault::file(&path, &error)),
        }
        let mut log = Self { path, file };
        log.end_line().map_err(|error| Fault::file(&log.path, &error))?;
        Ok(log)
    }

    /// A line that a crash cut off must not swallow the next one.
    fn end_line(&mut self) -> std::io::Result<()> {
        if self.file.metadata()?.len() == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        if last == *b"\n" { Ok(()) } else { self.file.write_all(b"\n") }
    }

    /// Appends a line; it is on disk when this returns.
    fn line(&mut self, value: &Value) -> Outcome<()> {
        let text = format!("{value}\n");
        let result = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        result.map_err(|error| Fault::file(&self.path, &error))
    }
}

fn in_use(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!(
        "另一次运行正在使用 {shown}；本次未提交任何内容。",
        "Another run is using {shown}; this one has submitted nothing."
    );
    Fault::usage("IN_USE", message).hint(say!(
        "请等待另一次运行结束；再次运行同一命令即可继续。",
        "Wait until the other run has ended; the same command goes on where it stopped."
    ))
}

/// How the lines ended.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    submitted: u64,
    skipped: u64,
    refused: u64,
}

pub(super) fn run(session: &Session, command: &Submit) -> Outcome<Reply> {
    let Some(from) = &command.from else {
        return Err(Fault::usage("NO_FILE", say!("未指定文件。", "No file is named.")));
    };
    if from.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        let message = say!("--from 不读取 CSV。", "--from does not read CSV.");
        return Err(Fault::usage("NOT_JSON_LINES", message).hint(say!(
            "每行写一个 JSON 对象，形如 samples/registrations 中的记录。",
            "Write one JSON object on each line, such as the records in samples/registrations."
        )));
    }
    let bytes = files::read(from, LINES_BYTES_MAX)?;
    let text = String::from_utf8(files::without_mark(&bytes).to_vec()).map_err(|error| {
        let message = say!("文件不是 UTF-8。", "The file is not UTF-8.");
        Fault::usage("BAD_JSON", message).cause(error)
    })?;
    let path = command.results.clone().unwrap_or_else(|| {
        let mut name = from.clone().into_os_string();
        name.push(".result.jsonl");
        name.into()
    });
    let writer = Writer::open(session, &command.write)?;
    if !writer.is_submitting() {
        let message = say!(
            "--from 不能与 --dry-run 或 --sign-only 同用。",
            "--from goes with neither --dry-run nor --sign-only."
        );
        return Err(Fault::usage("NOT_WITH_FROM", message));
    }
    let log = Log::open(path.clone())?;
    let results = Results::load(&path)?;
    let Tally { submitted, skipped, refused } = rows(session, command, &writer, &text, results, log)?;
    let mut reply =
        Reply::record(json!({ "results": path, "submitted": submitted, "skipped": skipped, "refused": refused }));
    if refused > 0 {
        let message = say!("{refused} 行被拒绝，详见结果文件。", "{refused} lines were refused; see the result file.");
        reply.fault = Some(Fault::new(Exit::Refused, "LINES_REFUSED", message));
    }
    Ok(reply)
}

/// Goes through the lines. What the chain or the record refuses is noted and passed over; anything else ends the run, which the
/// same command goes on with later.
fn rows(
    session: &Session,
    command: &Submit,
    writer: &Writer<'_>,
    text: &str,
    mut results: Results,
    mut log: Log,
) -> Outcome<Tally> {
    let rows: Vec<(u64, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
    let mut references = references(command)?;
    let bar = Bar::items(session, u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let mut tally = Tally::default();
    for (number, line) in rows {
        if let Some(done) = results.done.get(&number) {
            remember(&mut references, line, done);
            tally.skipped += 1;
            bar.step(1);
            continue;
        }
        let pending = results.pending.remove(&number);
        let row = Row { number, line, pending };
        match row.run(session, command, writer, &references, &mut log) {
            Ok(value) => {
                remember(&mut references, line, &value);
                log.line(&value)?;
                tally.submitted += 1;
            }
            Err(fault) if matches!(fault.exit, Exit::Refused | Exit::Usage) => {
                log.line(&failure(session, number, &fault))?;
                tally.refused += 1;
            }
            Err(fault) => {
                log.line(&failure(session, number, &fault))?;
                let shown = log.path.display();
                return Err(fault.hint(say!(
                    "再次运行同一命令即可继续（结果见 {shown}）。",
                    "Run the same command again to go on (results: {shown})."
                )));
            }
        }
        bar.step(1);
    }
    Ok(tally)
}

/// Serial number of a record by its own id, so that later lines may refer to it.
fn remember(references: &mut References, line: &str, result: &Value) {
    let record: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let id = record.get("reg_id").and_then(Value::as_str);
    if let (Some(id), Some(serial)) = (id, result.get("registration").and_then(Value::as_u64)) {
        references.serials.insert(id.to_owned(), serial);
    }
}

fn failure(session: &Session, line: u64, fault: &Fault) -> Value {
    let id = fault.data.as_ref().and_then(|data| data.get("id")).cloned();
    json!({ "line": line, "ok": false, "id": id, "code": fault.code, "message": fault.message.words(session.lang()), "causes": fault.causes_in(session.lang()) })
}

/// One line, with the bytes that an earlier run submitted for it.
struct Row<'a> {
    number: u64,
    line: &'a str,
    pending: Option<Vec<u8>>,
}

impl Row<'_> {
    fn run(
        &self,
        session: &Session,
        command: &Submit,
        writer: &Writer<'_>,
        references: &References,
        log: &mut Log,
    ) -> Outcome<Value> {
        let number = self.number;
        let earlier = self.pending.as_ref().and_then(|bytes| SignedTransaction::decode(bytes).ok());
        let signed = match earlier {
            Some(signed) if is_alive(writer, &signed)? => signed,
            Some(_) | None => {
                let record = files::parse(self.line.as_bytes()).map_err(|error| {
                    let message = say!("第 {number} 行的 JSON 无效。", "Line {number} is not the JSON it should be.");
                    Fault::usage("BAD_JSON", message).cause(error)
                })?;
                let (calls, left_out) = application(command, record, references)?;
                tell_left_out(session, &left_out);
                writer.compose(calls)?.complete()?
            }
        };
        let id = signed.id();
        log.line(&json!({ "line": number, "id": id, "transaction": hex::encode(signed.encode()) }))?;
        let status = writer.submit(&signed)?;
        let (height, registration) = (status.get("height"), status.get("registration"));
        Ok(json!({ "line": number, "ok": true, "id": id, "height": height, "registration": registration }))
    }
}

/// Whether a transaction submitted earlier took effect or still may.
fn is_alive(writer: &Writer<'_>, signed: &SignedTransaction) -> Outcome<bool> {
    if now_ms() <= signed.body.valid_until_ms {
        return Ok(true);
    }
    let id: TransactionId = signed.id();
    match look_up(writer.client()?, id, None) {
        Ok(status) => Ok(status.get("stage").and_then(Value::as_str) != Some("expired")),
        Err(fault) if fault.exit == Exit::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_uses_a_result_file_and_a_cut_line_swallows_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        std::fs::write(&path, "{\"line\":4,\"id\":\"d\",\"trans").unwrap();
        let mut log = Log::open(path.clone()).unwrap();
        assert_eq!(Log::open(path.clone()).err().map(|fault| fault.code), Some("IN_USE".to_owned()));
        log.line(&json!({ "line": 5, "ok": true })).unwrap();
        drop(log);
        assert!(Results::load(&path).unwrap().done.contains_key(&5));
        drop(Log::open(path).unwrap());
    }

    #[test]
    fn an_interrupted_run_goes_on_where_it_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        let lines = [
            json!({ "line": 1, "id": "a", "transaction": "00" }),
            json!({ "line": 1, "ok": true, "id": "a", "registration": 7 }),
            json!({ "line": 2, "id": "b", "transaction": "0102" }),
            json!({ "line": 2, "ok": false, "code": "TIMEOUT" }),
            json!({ "line": 3, "id": "c", "transaction": "03" }),
            json!({ "line": 3, "ok": false, "code": "RULE_SET_KIND" }),
        ];
        let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        text.push_str("{\"line\":4,\"id\":\"d\",\"trans");
        std::fs::write(&path, text).unwrap();
        let results = Results::load(&path).unwrap();
        assert_eq!(results.done.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(results.pending, BTreeMap::from([(2, vec![1, 2])]));
        let mut references = References::default();
        remember(&mut references, "{\"reg_id\":\"S-REG-01\"}", &results.done[&1]);
        assert_eq!(references.serials["S-REG-01"], 7);
    }
}
