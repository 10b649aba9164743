//! The report for people: what was compared, what is on record, what was found, who signed, and what all this does not show.
//!
//! Whatever comes from the bundle or from the name of a file is foreign: it is shown with [`quoted`], and the whole with [`printable`].

mod notarized;

use notarized::{commitment, place};
use quancheng_contracts::{modules, refusal_text};
use quancheng_proof::foreign::quoted;
use quancheng_proof::report::{CarriedSignature, ClaimFact, RecordFact, shanghai_time};
use quancheng_proof::{BatchCommitment, Facts, FileDigests, Report, Scope, tables};
use quancheng_types::{ModuleId, Outcome};

use super::fields;
use super::findings::{findings, statement, tally, word};
use super::limits::limits;
use super::names::Names;
use super::registry::{self, Entry};
use super::tool::Tool;
use super::{Check, Given};
use crate::messages::value_word;
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
        notarized::manifests(&mut page, facts);
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
    page.title(&say!("离线核验报告（未连接网络）", "Report of an offline check (no network used)"));
    let (name, version, time) = (Tool::NAME, Tool::VERSION, check.tool.time());
    page.line(
        &say!("核验时间", "checked at"),
        page.pick(&say!("{time}（北京时间，依本机时钟）", "{time} (Beijing time, by this machine's clock)")),
    );
    page.line(&say!("核验工具", "tool"), format!("{name} {version}"));
    match check.tool.sha256 {
        Some(digest) => page.deeper(&say!("SHA-256  ", "SHA-256"), digest),
        None => page.deeper(
            &say!("SHA-256  ", "SHA-256"),
            page.pick(&say!("无法读取程序自身", "cannot read the program itself")),
        ),
    }
    page.line(&say!("证据包", "bundle"), quoted(&check.bundle.name));
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
            RecordFact::Transaction { .. } => transaction(page, number, claim, &check.report),
            RecordFact::State { batch, .. } => {
                if let Some(entry) = check.entries.iter().find(|entry| entry.claim == number) {
                    state(page, entry, claim, batch.as_ref(), check);
                }
            }
        }
    }
}

fn transaction(page: &mut Page, number: u16, claim: &ClaimFact, report: &Report) {
    let RecordFact::Transaction { transaction_id, position, signers, modules, outcome, batches } = &claim.record else {
        return;
    };
    page.line(&say!("记录 #{number} 交易", "record #{number} transaction"), transaction_id);
    place(page, claim);
    page.deeper(&say!("块内位置", "position"), position);
    for (place, signer) in (0_u8..).zip(signers) {
        let (account, key) = (&signer.account, signer.key);
        page.deeper(
            &say!("签署    ", "signed  "),
            page.pick(&say!("以账户 {account} 的名义，密钥 {key}", "as account {account}, key {key}")),
        );
        let scope = Scope::Signer { claim: number, signer: place };
        if let Some(finding) = report.findings.iter().find(|finding| finding.scope == scope) {
            let said = format!("{}: {}", word(page.lang, finding.result), statement(page.lang, finding));
            page.deeper(&say!("签署人  ", "signer  "), said);
        }
    }
    let names: Vec<String> = modules.iter().map(|id| page.pick(&module_name(*id))).collect();
    page.deeper(&say!("合约模块", "modules "), names.join(", "));
    page.deeper(&say!("执行结果", "outcome "), page.pick(&outcome_words(outcome)));
    for (call, batch) in batches {
        commitment(page, number, *call, batch);
    }
}

fn module_name(id: ModuleId) -> Text {
    let name = modules::by_id(id).map_or_else(|| id.to_string(), |module| module.name().to_owned());
    match value_word("module_name", &name) {
        Some(zh) => Text::new(zh.to_owned(), name),
        None => Text::same(id.to_string()),
    }
}

fn outcome_words(outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Ok => say!("已执行", "executed"),
        Outcome::Refused { module, code, call } => {
            let place = say!("第 {call} 个调用被拒绝，全部未生效", "call {call} was refused, nothing took effect");
            let (zh, en) = refusal_text(*module, *code).map_or_else(
                || (format!("模块 {module} 代码 {code}"), format!("module {module} code {code}")),
                |words| (format!("{}（{}）", words.zh, words.name), format!("{} ({})", words.en, words.name)),
            );
            Text::new(format!("{}：{zh}", place.words(Lang::Zh)), format!("{}: {en}", place.words(Lang::En)))
        }
    }
}

fn state(page: &mut Page, entry: &Entry, claim: &ClaimFact, batch: Option<&BatchCommitment>, check: &Check) {
    let report = &check.report;
    let number = entry.claim;
    let label = if entry.is_present {
        say!("记录 #{number} 状态条目", "record #{number} state entry")
    } else {
        say!("记录 #{number} 不存在的条目", "record #{number} absent entry")
    };
    page.line(&label, row(entry, page.lang));
    page.deeper(&say!("状态键  ", "key     "), &entry.key);
    place(page, claim);
    for height in &entry.times_unproven {
        page.deeper(
            &say!("时间    ", "time    "),
            page.pick(&say!(
                "高度 {height} 的区块时间未予列出：证据包所附该高度的历史条目不能由区块头证实",
                "the block time of height {height} is left out: the leaf of that height in the bundle does not prove under the header"
            )),
        );
    }
    if entry.is_of_genesis {
        page.deeper(
            &say!("来源    ", "origin  "),
            page.pick(&say!(
                "由创世写入；其中所载时间均为创世所载，无人表决",
                "written by the genesis; whatever time it holds the genesis states, and nobody voted on it"
            )),
        );
    }
    if entry.is_present && !report.is_included(number) {
        // Its value is nobody's word but that of whoever made the bundle.
        page.deeper(
            &say!("内容    ", "value   "),
            page.pick(&say!("未获证实，见各项结论", "not confirmed, see the findings")),
        );
    } else if let Some(Ok(registration)) = &entry.registration {
        certificate(page, registration, &check.names, claim);
    } else if let Some(row) = &entry.organization {
        page.deeper(&say!("组织    ", "name    "), page.pick(&Text::new(row.told_zh(), row.told_en())));
    } else if let Some(title) = title(entry, page.lang) {
        page.deeper(&say!("标题    ", "title   "), title);
    } else if let Ok(words) = &entry.words
        && let Some(value) = &words.value
    {
        page.deeper(&say!("内容    ", "value   "), page.pick(&fields::told(words.table, value)));
    }
    if let Err(reason) = &entry.words {
        let told = Text::new("本版本不识别该条目".to_owned(), reason.clone());
        page.deeper(&say!("未能解读", "unknown "), page.pick(&told));
    }
    if let Some(batch) = batch {
        commitment(page, number, 0, batch);
    }
}

/// Table and row of an entry.
fn row(entry: &Entry, lang: Lang) -> String {
    if lang == Lang::Zh {
        let key = hex::decode(&entry.key).unwrap_or_default();
        return tables::row(&key).map_or_else(|_| no_key_of(&key), |row| row.zh);
    }
    match &entry.words {
        Ok(words) => {
            let key = words.key.as_str().map_or_else(|| words.key.to_string(), str::to_owned);
            format!("{} {key}", words.table)
        }
        Err(_) => entry.key.clone(),
    }
}

/// A key that no table can hold, by the table that it seems to be of.
fn no_key_of(key: &[u8]) -> String {
    let numbers =
        key.first_chunk::<4>().map(|[a, b, c, d]| (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])));
    let table = numbers.and_then(|numbers| tables::TABLES.iter().find(|table| (table.module, table.table) == numbers));
    match table {
        Some(table) => format!("{}：该表不可能有此键", table.zh),
        None => "账本没有此种键".to_owned(),
    }
}

/// Titles of a statement of an application; the rest of it is for programs.
fn title(entry: &Entry, lang: Lang) -> Option<String> {
    let value = entry.words.as_ref().ok()?.value.as_ref()?;
    let (zh, en) = (value.get("title_zh")?.as_str()?, value.get("title_en")?.as_str()?);
    Some(match lang {
        Lang::Zh => quoted(zh),
        Lang::En => format!("{} / {}", quoted(en), quoted(zh)),
    })
}

fn certificate(
    page: &mut Page,
    registration: &quancheng_contracts::registry::Registration,
    names: &Names,
    claim: &ClaimFact,
) {
    let (time_ms, as_of) = (claim.time_ms, Some(claim.height));
    let (moment_zh, moment_en) = (claim.moment().time_zh(), claim.moment().time_en());
    let moment_zh = moment_zh.trim_end();
    page.deeper(&say!("对象    ", "subject "), page.pick(&registry::subject(registration)).trim_end());
    let status = registry::standing_words(registration, time_ms);
    let (zh, en) = (status.words(Lang::Zh), status.words(Lang::En));
    page.deeper(
        &say!("状态    ", "status  "),
        page.pick(&say!("{zh}（截至 {moment_zh}）", "{en} (as of {moment_en})")),
    );
    page.deeper(&say!("持有人  ", "holders "), page.pick(&names.all(&registration.holders, as_of)));
    page.deeper(&say!("登记机构", "registrar"), page.pick(&names.of(&registration.registrar, as_of)));
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
        let (authority, case, since) = (&hold.authority, quoted(&hold.case), shanghai_time(hold.since_ms));
        page.deeper(
            &say!("中止    ", "hold    "),
            page.pick(&say!("{authority}，案号 {case}，自 {since}", "{authority}, case {case}, since {since}")),
        );
    }
    for encumbrance in &registration.encumbrances {
        page.deeper(&say!("负担    ", "burden  "), page.pick(&registry::encumbrance(encumbrance, names, as_of)));
    }
    if let Some(pending) = &registration.pending {
        page.deeper(&say!("待决请求", "pending "), page.pick(&registry::pending(pending, names, as_of)));
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
    for (place, Given { name, read, .. }) in (0_u32..).zip(&check.files) {
        let number = place.saturating_add(1);
        page.line(&say!("第 {number} 份文件", "file {number}"), quoted(name));
        match read {
            Ok(found) => digests(page, found),
            Err(fault) => page.deeper(&say!("无法读取", "cannot be read"), super::reason(fault, page.lang)),
        }
        // By its place: names may be equal, or look so.
        let is_of = |scope: &Scope| matches!(scope, Scope::File { file, .. } if *file == place);
        if let Some(finding) = check.report.findings.iter().find(|finding| is_of(&finding.scope)) {
            let said = format!("{}: {}", word(page.lang, finding.result), statement(page.lang, finding));
            page.deeper(&say!("结论     ", "result "), said);
        }
    }
}

fn signers(page: &mut Page, facts: &Facts) {
    let (signed, total, quorum) = (facts.signed_power, facts.total_power, facts.quorum_power);
    // All of them or none: confirmed by V5 and V6 together.
    let is_confirmed = facts.validators.iter().any(|validator| validator.signed);
    page.title(&if is_confirmed {
        say!(
            "证据包所列验证者（签名投票权 {signed}，总计 {total}，法定阈值 {quorum}）",
            "Validators that the bundle lists (power that signed {signed} of {total}, quorum {quorum})"
        )
    } else {
        say!(
            "证据包所列验证者（未确认；所附签名中密码学有效者的投票权 {signed}，总计 {total}，法定阈值 {quorum}，均为证据包自述）",
            "Validators that the bundle lists, not confirmed (power of the signatures that verify {signed} of {total}, quorum {quorum}, by the bundle's own account)"
        )
    });
    for validator in &facts.validators {
        page.line(&signature(validator.signature), quoted(&validator.organization));
        page.deeper(&say!("标识", "id"), validator.validator);
        page.deeper(&say!("投票权", "power"), validator.power);
        let interest = Some(validator.interest.as_str()).filter(|words| !words.is_empty()).map(quoted);
        let none = page.pick(&say!("无", "none"));
        page.deeper(&say!("利害关系声明", "declared interest"), interest.unwrap_or(none));
    }
}

/// What the certificate of the bundle holds of a validator. Nobody signed before that is confirmed.
fn signature(carried: CarriedSignature) -> Text {
    match carried {
        CarriedSignature::Confirmed => say!("已签名", "signed"),
        CarriedSignature::None => say!("未附签名", "no signature carried"),
        CarriedSignature::Unconfirmed => say!("证据包附有其签名（未确认）", "signature carried, not confirmed"),
        CarriedSignature::Invalid => say!("证据包附有其签名（不成立）", "signature carried, not valid"),
    }
}

#[cfg(test)]
mod tests {
    use quancheng_proof::{Finding, Step, Verdict};
    use quancheng_types::Digest;

    use super::*;
    use crate::commands::verify::findings::about;

    #[test]
    fn refusals_are_told_in_words() {
        let known = outcome_words(&Outcome::Refused { module: ModuleId(10), code: 1, call: 0 });
        assert!(known.words(Lang::Zh).contains("全部未生效：") && !known.words(Lang::Zh).contains("代码"), "{known:?}");
        let unknown = outcome_words(&Outcome::Refused { module: ModuleId(999), code: 1, call: 2 });
        assert!(
            unknown.words(Lang::En).contains("call 2 was refused")
                && unknown.words(Lang::En).contains("module 999 code 1")
        );
        assert_eq!(module_name(ModuleId(999)).words(Lang::Zh), "999");
        let named = quancheng_contracts::MODULES.iter().map(|module| module_name(module.id()));
        assert!(named.into_iter().all(|name| !name.words(Lang::Zh).is_ascii()), "every module has a Chinese name");
    }

    #[test]
    fn names_out_of_a_bundle_cannot_forge_lines() {
        let mut page = Page { lang: Lang::En, lines: Vec::new() };
        page.line(&say!("甲", "a"), "x\n  V6 MATCH\u{1b}[2J");
        assert_eq!(page.lines, ["  a  x\\u{a}\\u{20 ×2}V6 MATCH\\u{1b}[2J"]);
        let hidden = Scope::File { file: 0, name: "a\u{202e}b".to_owned() };
        assert_eq!(about(&hidden), "“a\\u{202e}b”");
        let item = Scope::Item { claim: 0, call: 0, index: 3, path: "#0/0 │ V1".to_owned() };
        assert_eq!(about(&item), "#0/0[3]");
        assert_eq!(about(&Scope::File { file: 0, name: "#0/0".to_owned() }), "“#0/0”");
        let finding = Finding::new(hidden, Verdict::FileMatch, "listed as\nx");
        let report = Report { findings: vec![finding], facts: None };
        assert!(findings(Lang::En, &report).contains("listed as\\u{a}x"));
        assert_eq!(tally(Lang::En, &report), "1 MATCH, 0 MISMATCH, 0 CANNOT_CHECK, 0 NOT_ASSESSED");
        assert_eq!(report.findings[0].step, Step::FileDigest);
    }

    #[test]
    fn digests_are_never_broken_over_lines() {
        let mut page = Page { lang: Lang::Zh, lines: Vec::new() };
        let mut file = quancheng_proof::FileHasher::new().finish("");
        file.sha256 = Digest([0xAB; 32]);
        digests(&mut page, &file);
        assert!(page.lines[1].ends_with(&"ab".repeat(32)), "{:?}", page.lines);
    }
}
