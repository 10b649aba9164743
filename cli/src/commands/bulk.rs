//! `registration submit --from`: many applications from a file of lines. It can be interrupted at any point and continued.
//!
//! The result file has one JSON object per step of a line: first the signed bytes, then how it ended. A line is done when there is a
//! receipt that is proven, and signed anew when a refusal is, or when several endpoints agree that its time is over: the word of one alone ends
//! nothing. What was signed and not seen to end is looked up and submitted again with the same bytes, which is safe; nothing is applied
//! for twice. Lines are known by their content, not by their numbers: the input may grow and be put into another order.

mod clear;
mod results;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use quancheng_types::SignedTransaction;
use serde_json::{Value, json};

use self::clear::clear_references;
use self::results::{Header, Line, Log, Results, lines};
use crate::args::registration::Submit;
use crate::commands::registration::{Acting, Signed, application, references, tell};
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::interrupt::{Hold, Left};
use crate::mapping::{self, References};
use crate::messages::causes;
use crate::output::Reply;
use crate::progress::Bar;
use crate::session::Session;
use crate::submit::{self, Fate, Offer, Writer, is_proven, is_settled, told};
use crate::text::{Text, say};

/// Greatest file of lines, bytes.
const LINES_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How the lines ended.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    submitted: u64,
    skipped: u64,
    pending: u64,
    refused: u64,
    /// Of those refused, the ones whose transaction is at an end by somebody's word alone.
    doubtful: u64,
}

impl Tally {
    /// Counts a line that was refused.
    fn refuse(&mut self, fault: &Fault) {
        self.refused += 1;
        self.doubtful += u64::from(is_doubtful(fault));
    }

    /// What can be done about the lines that were refused. The same command again asks the same endpoints, which say the same.
    fn advice(&self) -> Text {
        let Self { refused, doubtful, .. } = self;
        let mend = say!(
            "请改正被拒绝的行，再次运行同一命令。",
            "Mend the lines that were refused, and run the same command again."
        );
        if *doubtful == 0 {
            return mend;
        }
        let ask = say!(
            "其中 {doubtful} 行的结局仅为个别接口所称，交易仍可能生效，故未另行签署：请勿改动这些行，用 --api 另加至少一个他人运行的节点，再运行本命令（只用原有接口，结果不会改变）；也可用 `quancheng tx show 编号 --api 地址` 逐笔核实。",
            "How {doubtful} of them ended is the word of single endpoints; their transactions may still take effect, and nothing was signed in their place. Leave these lines as they are, add at least one node that others run with --api, and run this command again: with the same endpoints alone nothing changes. Or ask about each one with `quancheng tx show ID --api URL`."
        );
        if doubtful == refused { ask } else { ask.and(&mend) }
    }
}

/// Whether the transaction of a line was signed and is at an end by somebody's word alone.
fn is_doubtful(fault: &Fault) -> bool {
    fault.data.as_ref().is_some_and(|data| data.get("id").is_some()) && !is_settled(fault)
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
    let path = results_of(from, command.results.as_deref())?;
    let bytes = files::read(from, LINES_BYTES_MAX)?;
    let text = files::text(from, &bytes)?;
    one_line_each(text)?;
    let lines = lines(text)?;
    clear_references(&lines)?;
    let writer = Writer::open(session, &command.write)?;
    if !writer.is_submitting() {
        let message = say!(
            "--from 不能与 --dry-run 或 --sign-only 同用。",
            "--from goes with neither --dry-run nor --sign-only."
        );
        return Err(Fault::usage("NOT_WITH_FROM", message));
    }
    let header = Header::new(writer.chain_id().to_string(), writer.account().to_string(), command.rule_set.clone());
    let (log, results) = Log::open(path.clone(), from, &header)?;
    results.check(&lines)?;
    let tally = rows(session, command, &writer, &lines, results, log)?;
    let Tally { submitted, skipped, pending, refused, doubtful } = tally;
    let mut reply = Reply::record(json!({
        "results": path, "submitted": submitted, "skipped": skipped, "pending": pending, "refused": refused,
        "doubtful": doubtful,
    }));
    if pending > 0 {
        reply = reply.headline(say!(
            "{pending} 行已提交而尚无回执：再次运行同一命令查看结果。",
            "{pending} lines are submitted and have no receipt yet: run the same command again to see how they end."
        ));
    }
    if refused > 0 {
        let message = say!("{refused} 行被拒绝，详见结果文件。", "{refused} lines were refused; see the result file.");
        reply.fault = Some(Fault::new(Exit::Refused, "LINES_REFUSED", message).hint(tally.advice()));
    }
    Ok(reply)
}

/// The result file of an input: as named, else beside the file itself. Under another name of the same file other results would be found,
/// and all lines applied for again; so links lead to the file, and one that has several names leaves the choice to whoever gives it.
fn results_of(from: &Path, named: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(path) = named {
        files::named(path)?;
        return Ok(path.to_owned());
    }
    let required = |message: Text| Err(Fault::usage("RESULTS_REQUIRED", message));
    let real = std::fs::canonicalize(from).map_err(|error| files::not_readable(from, &error))?;
    let meta = std::fs::metadata(&real).map_err(|error| files::not_readable(from, &error))?;
    if !meta.is_file() || is_of_system(from) {
        return required(say!(
            "输入不是普通文件，须用 --results 指明结果文件。",
            "The input is no plain file: name the result file with --results."
        ));
    }
    if meta.nlink() > 1 {
        let shown = from.display();
        return required(say!(
            "{shown} 有多个名称（硬链接），结果文件无从确定：须用 --results 指明。",
            "{shown} has several names (hard links), and which result file is its own cannot be told: name it with --results."
        ));
    }
    // As it was given where that is its name: messages and results say what people know.
    let is_link = std::fs::symlink_metadata(from).is_ok_and(|meta| meta.is_symlink());
    let mut name = if is_link { real } else { from.to_owned() }.into_os_string();
    name.push(".result.jsonl");
    Ok(name.into())
}

/// Whether a name is one of the system's for something else, as `/dev/stdin` is: results beside it would lie where nobody looks for them.
fn is_of_system(path: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    ["/dev", "/proc"].iter().any(|system| folder.starts_with(system) || real.starts_with(system))
}

/// Refuses JSON that goes over several lines: every line of it would be told to be wrong.
fn one_line_each(text: &str) -> Outcome<()> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let is_spread = serde_json::from_str::<Value>(first).is_err() && first.trim_start().starts_with(['{', '[']);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    if is_spread && values.next().is_some_and(|value| value.is_ok()) {
        let message = say!("一个 JSON 对象占了多行。", "A JSON object goes over several lines.");
        return Err(Fault::usage("NOT_JSON_LINES", message).hint(say!(
            "每行写一个 JSON 对象，例如用 `jq -c`（数组用 `jq -c '.[]'`）转换。",
            "Write one JSON object on each line; `jq -c` (`jq -c '.[]'` for a list) does it."
        )));
    }
    Ok(())
}

/// Goes through the lines. What the chain or the record refuses is noted and passed over; anything else ends the run, which the
/// same command goes on with later.
fn rows(
    session: &Session,
    command: &Submit,
    writer: &Writer<'_>,
    lines: &[Line<'_>],
    mut results: Results,
    mut log: Log,
) -> Outcome<Tally> {
    let mut references = references(command)?;
    let mut acting = Acting::new(writer);
    let bar = Bar::items(session, u64::try_from(lines.len()).unwrap_or(u64::MAX));
    let mut tally = Tally::default();
    let path = log.path.clone();
    let _hold = Hold::new(move || Some(Left::new(again(&path)).next(again(&path))));
    for (place, line) in lines.iter().enumerate() {
        if let Some(done) = results.done.get(&line.digest) {
            remember(&mut references, line.text, done);
            tally.skipped += 1;
            bar.step(1);
            continue;
        }
        if writer.is_out_of_time() {
            return Err(submit::out_of_time(place, lines.len()).hint(again(&log.path)));
        }
        let row = Row { line, pending: results.pending.remove(&line.digest) };
        match row.run(session, writer, (&references, &mut acting), &mut log) {
            Ok(Some(value)) => {
                remember(&mut references, line.text, &value);
                log.line(&value).map_err(|fault| unnoted(fault, &value, &log.path))?;
                tally.submitted += 1;
            }
            Ok(None) => tally.pending += 1,
            Err(fault) if matches!(fault.exit, Exit::Refused | Exit::Usage) => {
                log.line(&failure(session, line, &fault))?;
                tally.refuse(&fault);
            }
            Err(fault) => {
                log.line(&failure(session, line, &fault))?;
                // What mends the fault comes first: the same command again does not.
                let advice = fault.advice().and(&again(&log.path));
                return Err(fault.hint(advice));
            }
        }
        bar.step(1);
    }
    Ok(tally)
}

/// How to go on with a run that ended early.
fn again(results: &Path) -> Text {
    let shown = results.display();
    say!("再次运行同一命令即可继续（结果见 {shown}）。", "Run the same command again to go on (results: {shown}).")
}

/// The fault of a line that is done and could not be noted.
fn unnoted(fault: Fault, done: &Value, results: &Path) -> Fault {
    let mut status = done.clone();
    submit::insert(&mut status, "stage", json!("certified"));
    submit::lacking(fault, status, &say!("仅未记入结果文件", "only its line in the result file is missing"))
        .and_hint(&again(results))
}

/// Serial number of a record by its own id, so that later lines may refer to it.
fn remember(references: &mut References, line: &str, result: &Value) {
    let record: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let id = record.get("reg_id").and_then(Value::as_str);
    if let (Some(id), Some(serial)) = (id, result.get("registration").and_then(Value::as_u64)) {
        references.serials.insert(id.to_owned(), serial);
    }
}

fn failure(session: &Session, line: &Line<'_>, fault: &Fault) -> Value {
    let id = fault.data.as_ref().and_then(|data| data.get("id")).cloned();
    json!({
        "line": line.number, "digest": line.digest, "ok": false, "void": is_settled(fault), "id": id, "code": fault.code,
        "message": fault.message.words(session.lang()), "causes": fault.causes_in(session.lang()),
    })
}

/// One line, with what an earlier run signed for it.
struct Row<'a> {
    line: &'a Line<'a>,
    pending: Option<SignedTransaction>,
}

impl Row<'_> {
    /// The result when there is a receipt that is proven; nothing while there is none.
    fn run(
        &self,
        session: &Session,
        writer: &Writer<'_>,
        (references, acting): (&References, &mut Acting<'_>),
        log: &mut Log,
    ) -> Outcome<Option<Value>> {
        let Line { number, text, digest } = self.line;
        // Of what an earlier run signed the outcome is open until it is known.
        let _held = self.pending.as_ref().map(|signed| submit::held(signed.id()));
        let fate = self.pending.as_ref().map(|signed| Fate::of(writer.client()?, signed)).transpose()?;
        let (signed, receipt) = match (&self.pending, fate) {
            (Some(signed), Some(Fate::Executed(status))) => (signed.clone(), Some(status)),
            (Some(signed), Some(Fate::Open)) => (signed.clone(), None),
            (Some(signed), Some(Fate::Void(voices))) if !voices.are_enough() => {
                return Err(submit::past(signed.id(), signed.body.valid_until_ms, &voices));
            }
            (_, Some(Fate::Void(_)) | None) | (None, _) => {
                let record = files::parse(text.as_bytes()).map_err(|error| {
                    let message = say!("第 {number} 行的 JSON 无效。", "Line {number} is not the JSON it should be.");
                    Fault::usage("BAD_JSON", message)
                        .cause_in(causes::said(&error))
                        .hint(say!("请改正该行，再次运行同一命令。", "Mend the line and run the same command again."))
                })?;
                let mut mapped = mapping::registration(record, references)?;
                let call = application(&mut mapped, acting)?;
                tell(session, &mapped.told(), &Signed::Application { line: Some(*number) });
                (writer.compose(vec![call])?.complete()?, None)
            }
        };
        let id = signed.id();
        let _hold = submit::held(id);
        let offer = if self.pending.as_ref() == Some(&signed) { Offer::Again } else { Offer::First };
        if offer == Offer::First {
            let bytes = hex::encode(signed.encode());
            log.line(&json!({ "line": number, "digest": digest, "id": id, "transaction": bytes }))?;
        }
        let status = match receipt.map(|status| told(status, id)).transpose()? {
            Some(status) => status,
            None => writer.submit_for_proof(&signed, offer)?,
        };
        if !is_proven(&status) {
            return Ok(None);
        }
        let (height, registration) = (status.get("height"), status.get("registration"));
        Ok(Some(json!({
            "line": number, "digest": digest, "ok": true, "id": id, "height": height, "registration": registration,
        })))
    }
}
