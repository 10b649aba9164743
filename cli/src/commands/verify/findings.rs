//! The findings as a table for people.

use quancheng_proof::foreign::quoted;
use quancheng_proof::{Assessment, Finding, Report, Scope};
use serde_json::{Value, json};

use crate::text::{Lang, printable, say};

pub(super) fn statement(lang: Lang, finding: &Finding) -> &str {
    match lang {
        Lang::Zh => &finding.statement_zh,
        Lang::En => &finding.statement_en,
    }
}

fn detail(lang: Lang, finding: &Finding) -> &str {
    match lang {
        Lang::Zh => &finding.detail_zh,
        Lang::En => &finding.detail,
    }
}

/// One line for each finding, in the permitted words, with what was met below them.
pub(super) fn findings(lang: Lang, report: &Report) -> String {
    let rows: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let mut words = printable(statement(lang, finding), false);
            let detail = detail(lang, finding);
            if !detail.is_empty() {
                words.push_str("\n  ");
                words.push_str(&printable(detail, false));
            }
            json!({ "step": finding.step, "result": word(lang, finding.result), "about": about(&finding.scope), "statement": words })
        })
        .collect();
    crate::table::rows(&Value::Array(rows), &["step", "result", "about", "statement"], lang)
}

pub(super) const fn word(lang: Lang, result: Assessment) -> &'static str {
    match (lang, result) {
        (Lang::Zh, Assessment::Match) => "一致",
        (Lang::Zh, Assessment::Mismatch) => "不一致",
        (Lang::Zh, Assessment::CannotCheck) => "无法核验",
        (Lang::Zh, Assessment::NotAssessed) => "未评估",
        (Lang::En, Assessment::Match) => "MATCH",
        (Lang::En, Assessment::Mismatch) => "MISMATCH",
        (Lang::En, Assessment::CannotCheck) => "CANNOT_CHECK",
        (Lang::En, Assessment::NotAssessed) => "NOT_ASSESSED",
    }
}

pub(super) fn about(scope: &Scope) -> String {
    match scope {
        Scope::Bundle => String::new(),
        Scope::File { name, .. } => quoted(name),
        Scope::Claim { claim } => format!("#{claim}"),
        Scope::Signer { claim, signer } => format!("#{claim}.{signer}"),
        Scope::Batch { claim, call } => format!("#{claim}/{call}"),
        // The path stands below the statement: a place cannot be mistaken for one, nor the other way round.
        Scope::Item { claim, call, index, .. } => format!("#{claim}/{call}[{index}]"),
    }
}

/// How many findings of each result; never one word for all.
pub(super) fn tally(lang: Lang, report: &Report) -> String {
    let count = |result| report.findings.iter().filter(|finding| finding.result == result).count();
    let (fits, differs) = (count(Assessment::Match), count(Assessment::Mismatch));
    let (unable, left) = (count(Assessment::CannotCheck), count(Assessment::NotAssessed));
    say!(
        "一致 {fits} 项，不一致 {differs} 项，无法核验 {unable} 项，未评估 {left} 项",
        "{fits} MATCH, {differs} MISMATCH, {unable} CANNOT_CHECK, {left} NOT_ASSESSED"
    )
    .words(lang)
    .to_owned()
}
