//! `verify`: an offline check. Nothing here opens a socket.

use quancheng_proof::{Assessment, Checkpoint, FileDigests, Report, Scope, verify};
use serde_json::{Value, json};

use crate::args::evidence::Verify;
use crate::commands::evidence::BUNDLE_FILE_BYTES_MAX;
use crate::fault::{Exit, Fault, Outcome};
use crate::files;
use crate::output::{Reply, View};
use crate::session::Session;
use crate::text::{Lang, say};

/// Greatest checkpoint file, bytes.
const CHECKPOINT_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

pub(super) fn run(session: &Session, command: &Verify) -> Outcome<Reply> {
    let bundle = files::read(&command.bundle, BUNDLE_FILE_BYTES_MAX)?;
    let trusted = files::read(&command.checkpoint, CHECKPOINT_FILE_BYTES_MAX)?;
    let checkpoint = Checkpoint::from_json(&trusted).map_err(|error| {
        Fault::new(
            Exit::CannotCheck,
            "BAD_CHECKPOINT",
            say!("检查点文件无法使用，未作核验。", "The checkpoint cannot be used; nothing was checked."),
        )
        .cause(error)
        .hint(say!("请另行取得检查点并核对指纹。", "Obtain the checkpoint again and compare its fingerprint."))
    })?;
    let given: Vec<FileDigests> = command
        .file
        .iter()
        .map(|path| files::hash(path, &path.display().to_string(), &mut |_| {}))
        .collect::<Outcome<_>>()?;
    let report = verify(&bundle, &checkpoint, &given);
    reply(session.lang(), &checkpoint, &report)
}

fn reply(lang: Lang, checkpoint: &Checkpoint, report: &Report) -> Outcome<Reply> {
    let mut data = serde_json::to_value(report).map_err(|error| {
        Fault::new(Exit::CannotCheck, "REPORT", say!("无法写出报告。", "Cannot write the report.")).cause(error)
    })?;
    let overall = report.overall();
    crate::submit::insert(&mut data, "overall", json!(overall));
    crate::submit::insert(
        &mut data,
        "checkpoint",
        json!({
            "chain_id": checkpoint.chain_id(), "fingerprint": checkpoint.fingerprint(),
        }),
    );
    let fault = match overall {
        Assessment::Match => None,
        Assessment::Mismatch => Some(Fault::new(
            Exit::Mismatch,
            "MISMATCH",
            say!("有核验项不一致，见各项结论。", "A finding does not match; see the findings."),
        )),
        Assessment::CannotCheck | Assessment::NotAssessed => Some(Fault::new(
            Exit::CannotCheck,
            "CANNOT_CHECK",
            say!("有核验项无法完成，见各项结论。", "Something could not be checked; see the findings."),
        )),
    };
    let mut shown = Reply::record(data);
    shown.view = View::Text(table(lang, report));
    shown.fault = fault;
    Ok(shown)
}

/// One line for each finding, in the permitted words.
fn table(lang: Lang, report: &Report) -> String {
    let rows: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let statement = match lang {
                Lang::Zh => &finding.statement_zh,
                Lang::En => &finding.statement_en,
            };
            json!({ "step": finding.step, "result": word(lang, finding.result), "about": about(&finding.scope), "statement": statement })
        })
        .collect();
    crate::table::rows(&Value::Array(rows), &["step", "result", "about", "statement"], lang)
}

const fn word(lang: Lang, result: Assessment) -> &'static str {
    match (lang, result) {
        (Lang::Zh, Assessment::Match) => "一致 MATCH",
        (Lang::Zh, Assessment::Mismatch) => "不一致 MISMATCH",
        (Lang::Zh, Assessment::CannotCheck) => "无法核验 CANNOT_CHECK",
        (Lang::Zh, Assessment::NotAssessed) => "未评估 NOT_ASSESSED",
        (Lang::En, Assessment::Match) => "MATCH",
        (Lang::En, Assessment::Mismatch) => "MISMATCH",
        (Lang::En, Assessment::CannotCheck) => "CANNOT_CHECK",
        (Lang::En, Assessment::NotAssessed) => "NOT_ASSESSED",
    }
}

fn about(scope: &Scope) -> String {
    match scope {
        Scope::Bundle => String::new(),
        Scope::File { name } => name.clone(),
        Scope::Claim { claim } => format!("#{claim}"),
        Scope::Batch { claim, call } => format!("#{claim}/{call}"),
        Scope::Item { path, .. } => path.clone(),
    }
}
