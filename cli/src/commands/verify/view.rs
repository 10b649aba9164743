//! The report for people: what was compared, what is on record, what was found, who signed, and what all this does not show.
//!
//! Whatever comes from the bundle or from the name of a file is foreign: it is shown with [`printable`].

use quancheng_contracts::{modules, refusal_text};
use quancheng_proof::report::{ClaimFact, RecordFact, shanghai_time};
use quancheng_proof::{Assessment, BatchCommitment, Facts, FileDigests, Finding, Report, Scope};
use quancheng_types::{ModuleId, Outcome};
use serde_json::{Value, json};

use super::limits::limits;
use super::registry::{self, Entry};
use super::{Check, Given};
use crate::text::{Lang, Text, printable, say};

/// Lines of the report, with their indentation.
struct Page {
    lang: Lang,
    lines: Vec<String>,
}

impl Page {
    fn pick(&self, text: &Text) -> String {
        text.words(self.lang).to_owned()
    }

    fn title(&mut self, text: &Text) {
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(self.pick(text));
    }

    /// `label  value`, the value made printable.
    fn line(&mut self, label: &Text, value: impl ToString) {
        let label = self.pick(label);
        self.lines.push(format!("  {label}  {}", printable(&value.to_string(), false)));
    }

    fn deeper(&mut self, label: &Text, value: impl ToString) {
        let label = self.pick(label);
        self.lines.push(format!("    {label}  {}", printable(&value.to_string(), false)));
    }
}

/// The whole report.
pub(super) fn text(lang: Lang, check: &Check) -> String {
    let mut page = Page { lang, lines: Vec::new() };
    head(&mut page, check);
    if let Some(facts) = &check.report.facts {
        anchor(&mut page, facts);
        records(&mut page, check, facts);
    }
    given_files(&mut page, check);
    page.title(&say!("各项结论", "Findings"));
    page.lines.push(findings(lang, &check.report));
    page.lines.push(tally(lang, &check.report));
    if let Some(facts) = &check.report.facts {
        signers(&mut page, facts);
    }
    page.title(&say!("本报告的限度", "What this report does not show"));
    for limit in limits(&check.report) {
        page.lines.push(format!("  - {}", limit.words(lang)));
    }
    page.lines.join("\n")
}

fn digests(page: &mut Page, digests: &FileDigests) {
    page.deeper(&say!("字节数   ", "bytes  "), digests.size);
    page.deeper(&say!("SHA-256  ", "SHA-256"), digests.sha256);
    page.deeper(&say!("SM3      ", "SM3    "), digests.sm3);
}

fn head(page: &mut Page, check: &Check) {
    let version = env!("CARGO_PKG_VERSION");
    page.title(&say!(
        "离线核验报告（quancheng {version}，未连接网络）",
        "Report of an offline check (quancheng {version}, no network used)"
    ));
    page.line(&say!("证据包", "bundle"), &check.bundle.name);
    digests(page, &check.bundle);
    let height = check.checkpoint.height();
    page.line(
        &say!("检查点", "checkpoint"),
        page.pick(&match height.0 {
            0 => say!("创世", "genesis"),
            _ => say!("钉定于高度 {height}", "pinned at height {height}"),
        }),
    );
    page.deeper(&say!("链标识   ", "chain id   "), check.checkpoint.chain_id());
    page.deeper(&say!("指纹     ", "fingerprint"), check.checkpoint.fingerprint());
}

/// What the bundle rests on. Only as good as the findings.
fn anchor(page: &mut Page, facts: &Facts) {
    page.title(&say!("证据包所载内容（以“各项结论”为准）", "What the bundle says (only as good as the findings)"));
    page.line(&say!("链标识", "chain id"), facts.chain_id);
    let header = &facts.header;
    let (height, round, time) = (header.height, header.round, shanghai_time(header.time_ms));
    page.line(
        &say!("所据区块头", "header"),
        page.pick(&say!(
            "高度 {height}，轮次 {round}，{time}（北京时间）",
            "height {height}, round {round}, {time} (Beijing time)"
        )),
    );
    page.deeper(&say!("区块编号", "block id"), header.block_id);
}

fn records(page: &mut Page, check: &Check, facts: &Facts) {
    for (number, claim) in (0_u16..).zip(&facts.claims) {
        match &claim.record {
            RecordFact::Transaction { .. } => transaction(page, number, claim),
            RecordFact::State { batch, .. } => {
                if let Some(entry) = check.entries.iter().find(|entry| entry.claim == number) {
                    state(page, entry, claim, batch.as_ref(), &check.report);
                }
            }
        }
    }
}

fn place(page: &mut Page, claim: &ClaimFact) {
    let (height, time) = (claim.height, shanghai_time(claim.time_ms));
    page.deeper(
        &say!("区块    ", "block   "),
        page.pick(&say!("高度 {height}，{time}（北京时间）", "height {height}, {time} (Beijing time)")),
    );
    page.deeper(&say!("区块编号", "block id"), claim.block_id);
}

fn transaction(page: &mut Page, number: u16, claim: &ClaimFact) {
    let RecordFact::Transaction { transaction_id, position, accounts, keys, modules, outcome, batches } = &claim.record
    else {
        return;
    };
    page.line(&say!("记录 #{number} 交易", "record #{number} transaction"), transaction_id);
    place(page, claim);
    page.deeper(&say!("块内位置", "position"), position);
    for (account, key) in accounts.iter().zip(keys) {
        page.deeper(
            &say!("签署    ", "signed  "),
            page.pick(&say!("以账户 {account} 的名义，密钥 {key}", "as account {account}, key {key}")),
        );
    }
    let names: Vec<String> = modules.iter().map(|id| module_name(*id)).collect();
    page.deeper(&say!("合约模块", "modules "), names.join(", "));
    page.deeper(&say!("执行结果", "outcome "), page.pick(&outcome_words(outcome)));
    for (call, batch) in batches {
        commitment(page, number, *call, batch);
    }
}

fn module_name(id: ModuleId) -> String {
    modules::by_id(id).map_or_else(|| id.to_string(), |module| module.name().to_owned())
}

fn outcome_words(outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Ok => say!("已执行", "executed"),
        Outcome::Refused { module, code, call } => {
            let place = say!("第 {call} 个调用被拒绝，全部未生效", "call {call} was refused, nothing took effect");
            let (zh, en) = refusal_text(*module, *code).map_or_else(
                || (format!("模块 {module} 代码 {code}"), format!("module {module} code {code}")),
                |words| (format!("{} {}", words.name, words.zh), format!("{} {}", words.name, words.en)),
            );
            Text::new(format!("{}：{zh}", place.words(Lang::Zh)), format!("{}: {en}", place.words(Lang::En)))
        }
    }
}

fn commitment(page: &mut Page, claim: u16, call: u8, batch: &BatchCommitment) {
    let BatchCommitment { root, count, bytes, complete } = batch;
    page.deeper(&say!("存证批 #{claim}/{call} 根", "batch #{claim}/{call} root"), root);
    let declared = if *complete { say!("是", "yes") } else { say!("否", "no") };
    let (zh, en) = (declared.words(Lang::Zh), declared.words(Lang::En));
    page.deeper(
        &say!("文件数与字节数", "files and bytes"),
        page.pick(&say!(
            "{count} 份，共 {bytes} 字节；声明为完整清单：{zh}",
            "{count} files, {bytes} bytes; declared a whole manifest: {en}"
        )),
    );
}

fn state(page: &mut Page, entry: &Entry, claim: &ClaimFact, batch: Option<&BatchCommitment>, report: &Report) {
    let number = entry.claim;
    let label = if entry.is_present {
        say!("记录 #{number} 状态条目", "record #{number} state entry")
    } else {
        say!("记录 #{number} 不存在的条目", "record #{number} absent entry")
    };
    page.line(&label, row(entry));
    page.deeper(&say!("状态键  ", "key     "), &entry.key);
    place(page, claim);
    if entry.is_present && !report.is_included(number) {
        // Its value is nobody's word but that of whoever made the bundle.
        page.deeper(
            &say!("内容    ", "value   "),
            page.pick(&say!("未获证实，见各项结论", "not confirmed, see the findings")),
        );
    } else if let Some(Ok(registration)) = &entry.registration {
        certificate(page, registration, report.block_time_of(number).unwrap_or_default());
    } else if let Some(title) = title(entry) {
        page.deeper(&say!("标题    ", "title   "), title);
    } else if let Ok(Some(value)) = entry.words.as_ref().map(|words| words.value.as_ref()) {
        page.deeper(&say!("内容    ", "value   "), value);
    }
    if let Err(reason) = &entry.words {
        page.deeper(&say!("未能解读", "unknown "), reason);
    }
    if let Some(batch) = batch {
        commitment(page, number, 0, batch);
    }
}

/// Table and row of an entry.
fn row(entry: &Entry) -> String {
    match &entry.words {
        Ok(words) => {
            let key = words.key.as_str().map_or_else(|| words.key.to_string(), str::to_owned);
            format!("{} {key}", words.table)
        }
        Err(_) => entry.key.clone(),
    }
}

/// Titles of a statement of an application; the rest of it is for programs.
fn title(entry: &Entry) -> Option<String> {
    let value = entry.words.as_ref().ok()?.value.as_ref()?;
    let (zh, en) = (value.get("title_zh")?.as_str()?, value.get("title_en")?.as_str()?);
    Some(format!("{zh} / {en}"))
}

fn certificate(page: &mut Page, registration: &quancheng_contracts::registry::Registration, time_ms: u64) {
    let time = shanghai_time(time_ms);
    page.deeper(&say!("对象    ", "subject "), page.pick(&registry::subject(registration)).trim_end());
    let status = registry::words(registration.status(time_ms));
    let (zh, en) = (status.words(Lang::Zh), status.words(Lang::En));
    page.deeper(&say!("状态    ", "status  "), page.pick(&say!("{zh}（截至 {time}）", "{en} (as of {time})")));
    page.deeper(&say!("持有人  ", "holders "), registry::holders(registration));
    page.deeper(&say!("登记机构", "registrar"), &registration.registrar);
    if let (Some(from), Some(to)) = (registration.valid_from, registration.valid_to) {
        page.deeper(
            &say!("有效期  ", "validity"),
            page.pick(&say!(
                "{from} 至 {to}（含首尾两日，北京时间）",
                "{from} to {to} (both days included, Beijing time)"
            )),
        );
    }
    for hold in &registration.holds {
        let (authority, case, since) = (&hold.authority, &hold.case, shanghai_time(hold.since_ms));
        page.deeper(
            &say!("中止    ", "hold    "),
            page.pick(&say!("{authority}，案号 {case}，自 {since}", "{authority}, case {case}, since {since}")),
        );
    }
    let open = registration.objections_open;
    if open > 0 {
        page.deeper(&say!("未决异议", "open objections"), open);
    }
}

fn given_files(page: &mut Page, check: &Check) {
    if check.files.is_empty() {
        return;
    }
    page.title(&say!("所提交文件", "Files presented"));
    for Given { name, read } in &check.files {
        page.line(&say!("文件", "file"), name);
        match read {
            Ok(found) => digests(page, found),
            Err(reason) => page.deeper(&say!("无法读取", "cannot be read"), reason),
        }
        let scope = Scope::File { name: name.clone() };
        if let Some(finding) = check.report.findings.iter().find(|finding| finding.scope == scope) {
            let said = format!("{}: {}", word(page.lang, finding.result), statement(page.lang, finding));
            page.deeper(&say!("结论     ", "result "), said);
        }
    }
}

fn statement(lang: Lang, finding: &Finding) -> &str {
    match lang {
        Lang::Zh => &finding.statement_zh,
        Lang::En => &finding.statement_en,
    }
}

/// One line for each finding, in the permitted words, with what was met below them.
fn findings(lang: Lang, report: &Report) -> String {
    let rows: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let mut words = printable(statement(lang, finding), false);
            if !finding.detail.is_empty() {
                words.push_str("\n  ");
                words.push_str(&printable(&finding.detail, false));
            }
            json!({ "step": finding.step, "result": word(lang, finding.result), "about": about(&finding.scope), "statement": words })
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
        Scope::File { name } => printable(name, false),
        Scope::Claim { claim } => format!("#{claim}"),
        Scope::Batch { claim, call } => format!("#{claim}/{call}"),
        Scope::Item { path, .. } => printable(path, false),
    }
}

/// How many findings of each result; never one word for all.
fn tally(lang: Lang, report: &Report) -> String {
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

fn signers(page: &mut Page, facts: &Facts) {
    let (signed, total, quorum) = (facts.signed_power, facts.total_power, facts.quorum_power);
    page.title(&say!(
        "证据包所列验证者（签名投票权 {signed}，总计 {total}，法定阈值 {quorum}）",
        "Validators that the bundle lists (power that signed {signed} of {total}, quorum {quorum})"
    ));
    for validator in &facts.validators {
        let said = if validator.signed { say!("已签名", "signed    ") } else { say!("未签名", "not signed") };
        page.line(&said, &validator.organization);
        page.deeper(&say!("标识", "id"), validator.validator);
        page.deeper(&say!("投票权", "power"), validator.power);
        page.deeper(&say!("利害关系声明", "declared interest"), &validator.interest);
    }
}

#[cfg(test)]
mod tests {
    use quancheng_proof::{Step, Verdict};
    use quancheng_types::Digest;

    use super::*;

    #[test]
    fn refusals_are_told_in_words() {
        let known = outcome_words(&Outcome::Refused { module: ModuleId(10), code: 1, call: 0 });
        assert!(known.words(Lang::Zh).contains("全部未生效：") && !known.words(Lang::Zh).contains("代码"), "{known:?}");
        let unknown = outcome_words(&Outcome::Refused { module: ModuleId(999), code: 1, call: 2 });
        assert!(
            unknown.words(Lang::En).contains("call 2 was refused")
                && unknown.words(Lang::En).contains("module 999 code 1")
        );
        assert_eq!(module_name(ModuleId(999)), "999");
    }

    #[test]
    fn names_out_of_a_bundle_cannot_forge_lines() {
        let mut page = Page { lang: Lang::En, lines: Vec::new() };
        page.line(&say!("甲", "a"), "x\n  V6 MATCH\u{1b}[2J");
        assert_eq!(page.lines, ["  a  x\\u{a}  V6 MATCH\\u{1b}[2J"]);
        let hidden = Scope::File { name: "a\u{202e}b".to_owned() };
        assert_eq!(about(&hidden), "a\\u{202e}b");
        let finding = Finding::new(hidden, Verdict::FileMatch, "listed as\nx");
        let report = Report { findings: vec![finding], facts: None };
        assert!(findings(Lang::En, &report).contains("listed as\\u{a}x"));
        assert_eq!(tally(Lang::En, &report), "1 MATCH, 0 MISMATCH, 0 CANNOT_CHECK, 0 NOT_ASSESSED");
        assert_eq!(report.findings[0].step, Step::FileDigest);
    }

    #[test]
    fn digests_are_never_broken_over_lines() {
        let mut page = Page { lang: Lang::Zh, lines: Vec::new() };
        let file = FileDigests { name: String::new(), size: 0, sha256: Digest([0xAB; 32]), sm3: Digest([1; 32]) };
        digests(&mut page, &file);
        assert!(page.lines[1].ends_with(&"ab".repeat(32)), "{:?}", page.lines);
    }
}
